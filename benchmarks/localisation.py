"""Where in the image: mean IoU of one box an image, of regressors and of an activation map.

    python benchmarks/localisation.py DATA [--seeds 0 1 2] [--size 32]

DATA is a folder with ``detection/raccoon_96.npz`` (photos, boxes, a split) and
``images/cifar10_dev.npz`` (the other class of the classifier whose activation map is looked at).
Images with one box alone count, 148 to learn from and 36 to test, scaled down to ``--size``. Prints
a table.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.pipeline import make_pipeline

from sk_aecnn import AECNNRegressor, AutoencoderTransformer, CNNClassifier, CNNRegressor


def shrink(images, size):
    """Return images of size x size pixels, each the mean of those that it stands for."""
    factor = images.shape[1] // size
    blocks = images.reshape(len(images), size, factor, size, factor, -1)
    return blocks.mean(axis=(2, 4)).round().astype(np.uint8)


def load(folder, size):
    """Return the images with one box, their boxes, which of them are for tests, and others."""
    data = np.load(folder / "detection" / "raccoon_96.npz")
    n_boxes = np.bincount(data["box_image"], minlength=len(data["images"]))
    first = np.searchsorted(data["box_image"], np.arange(len(n_boxes)))
    one = n_boxes == 1
    others = np.load(folder / "images" / "cifar10_dev.npz")["X"]
    return (
        shrink(data["images"][one], size),
        data["boxes"][first[one]].astype(np.float64),
        data["split"][one] == "test",
        shrink(others, size),
    )


def iou(boxes, others):
    """Return the intersection over union of pairs of boxes, (n, 4): xmin, ymin, xmax, ymax."""
    low = np.maximum(boxes[:, :2], others[:, :2])
    high = np.minimum(boxes[:, 2:], others[:, 2:])
    shared = (high - low).clip(0).prod(axis=1)
    areas = [(each[:, 2:] - each[:, :2]).clip(0).prod(axis=1) for each in (boxes, others)]
    return shared / (areas[0] + areas[1] - shared)


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


def regressors(seed):
    """Return what is fitted to boxes, by name."""
    coder = AutoencoderTransformer(
        32, encoder="dense", hidden_layer_sizes=(64,), linear_path=False, random_state=seed
    )
    article = make_pipeline(coder, CNNRegressor(backend="cnn", random_state=seed))
    return {
        "article: dense autoencoder, then a CNN on its codes": article,
        "CNNRegressor": CNNRegressor(random_state=seed),
        "CNNRegressor, boxes moved with the images": CNNRegressor(
            augmentation=flip_and_shift, random_state=seed
        ),
        "AECNNRegressor, boxes moved with the images": AECNNRegressor(
            augmentation=flip_and_shift, random_state=seed
        ),
    }


def boxes_at_peaks(model, X, size):
    """Return boxes of a size around the peaks of activation maps, and the peaks."""
    maps = model.activation_map(X, y=1)
    rows, columns = np.divmod(maps.reshape(len(X), -1).argmax(axis=1), maps.shape[2])
    peaks = (np.stack([columns, rows], axis=1) + 0.5) / maps.shape[1]
    return np.concatenate([peaks - size / 2, peaks + size / 2], axis=1).clip(0, 1), peaks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DATA")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--size", type=int, default=32, choices=[16, 32])
    args = parser.parse_args()
    torch.set_num_threads(1)
    images, boxes, is_test, others = load(args.folder, args.size)
    X, y, X_test, y_test = images[~is_test], boxes[~is_test], images[is_test], boxes[is_test]
    mean = np.broadcast_to(y.mean(axis=0), y_test.shape)
    results = {"mean box": [(iou(mean, y_test), 0.0)]}
    for seed in args.seeds:
        for name, model in regressors(seed).items():
            begin = time.process_time()
            found = model.fit(X, y).predict(X_test)
            spent = time.process_time() - begin
            results.setdefault(name, []).append((iou(found, y_test), spent))
            print(f"seed {seed}: {iou(found, y_test).mean():.3f} {name}", flush=True)
        chosen = np.random.default_rng(seed).choice(len(others), 4 * len(X), replace=False)
        both = np.concatenate([X, others[chosen]]), np.repeat([1, 0], [len(X), 4 * len(X)])
        begin = time.process_time()
        model = CNNClassifier(random_state=seed).fit(*both)
        size = (y[:, 2:] - y[:, :2]).mean(axis=0)
        found, peaks = boxes_at_peaks(model, X_test, size)
        spent = time.process_time() - begin
        name = "peak of the activation map of a CNNClassifier, box of the mean size"
        results.setdefault(name, []).append((iou(found, y_test), spent))
        inside = ((peaks >= y_test[:, :2]) & (peaks <= y_test[:, 2:])).all(axis=1).mean()
        print(f"seed {seed}: {inside:.0%} of the peaks lie in the box", flush=True)
    print("| | mean IoU | IoU of at least 0.5 | seconds a fit |\n|---|---|---|---|")
    for name, runs in results.items():
        means = [found.mean() for found, _ in runs]
        half = np.mean([found >= 0.5 for found, _ in runs])
        seconds = np.mean([spent for _, spent in runs])
        spread = f" ± {np.std(means):.3f}" if len(means) > 1 else ""
        print(f"| {name} | {np.mean(means):.3f}{spread} | {half:.0%} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
