"""Where in an image something is: boxes (n, 4) of xmin, ymin, xmax, ymax, from 0 to 1."""

import numpy as np
import torch


def iou(model, X, y):
    """Return the intersection over union of predicted boxes and others."""
    found = model.predict(X)
    low, high = np.maximum(found[:, :2], y[:, :2]), np.minimum(found[:, 2:], y[:, 2:])
    shared, *areas = (
        (high - low).clip(0).prod(axis=1)
        for low, high in ((low, high), np.hsplit(found, 2), np.hsplit(y, 2))
    )
    return shared / (sum(areas) - shared)


def flip_and_shift(X, y, generator):
    """Mirror half of the images and move all by up to an eighth, with their boxes."""
    flipped = torch.rand(len(X), generator=generator) < 0.5
    X[flipped] = X[flipped].flip(-1)
    mirrored = y[flipped][:, [2, 1, 0, 3]]  # xmax becomes xmin
    mirrored[:, [0, 2]] = 1 - mirrored[:, [0, 2]]
    y[flipped] = mirrored
    size = X.shape[-1]
    reach = size // 8
    ways = torch.randint(-reach, reach + 1, (len(X), 2), generator=generator)
    position = torch.arange(size)
    for index, (down, right) in enumerate(ways.tolist()):
        rows, columns = ((position - way).clamp(0, size - 1) for way in (down, right))
        X[index] = X[index][:, rows][:, :, columns]
        y[index] += torch.tensor([right, down, right, down]) / size
    return X, y.clamp(0, 1)
