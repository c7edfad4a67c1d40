"""What tells the class of images: measured on the training samples, for `_defaults`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes._defaults import ClassCues
from sk_aecnn.statistics._flips import lost_skill
from sk_aecnn.statistics._levels import skill_of_levels
from sk_aecnn.statistics._mixture import choose_rows
from sk_aecnn.training._plan import TrainingData

_MOST_SAMPLES = 2000
_BATCH_SIZE = 64
# positions along an axis that are looked at
_MOST_POSITIONS = 32
# name of a flip -> axis of images, (batch, channels, height, width)
_FLIPS = {"horizontal_flip": 3, "vertical_flip": 2}


def measure_cues(data: TrainingData, geometry: SampleGeometry) -> ClassCues:
    """Return what tells the class of images, all of which have one.

    Large images are made smaller, and of many images some are taken.

    Parameters
    ----------
    data : TrainingData
        The images, with the codes of their classes.
    geometry : SampleGeometry
        The shape of an image.
    """
    index = _choose(data.targets)
    batches = torch.from_numpy(index).split(_BATCH_SIZE)  # type: ignore[no-untyped-call]
    images = torch.cat(
        [_as_small_images(data.rows.index_select(0, batch), geometry) for batch in batches]
    )
    images, classes = _standardise(images), data.targets[index]
    samples = images.flatten(1).numpy()
    mirrored = [images.flip(axis).flatten(1).numpy() for axis in _FLIPS.values()]
    lost = lost_skill(samples, mirrored, classes)
    return ClassCues(skill_of_levels(samples, classes), dict(zip(_FLIPS, lost, strict=True)))


def _choose(classes: np.ndarray) -> np.ndarray:
    """Return the index of some samples, of each class as many as of any other where it has them."""
    index = choose_rows(len(classes), None, classes)
    if len(index) <= _MOST_SAMPLES:
        return index
    return np.random.default_rng(0).choice(index, _MOST_SAMPLES, replace=False)


def _as_small_images(rows: Tensor, geometry: SampleGeometry) -> Tensor:
    """Return rows as images, (batch, channels, height, width), float64, no value missing."""
    values = rows.double()
    values = values.where(~values.isnan(), values.nanmean().nan_to_num())
    images = values.view(len(rows), *geometry.shape)
    axis = geometry.channel_axis
    images = images.unsqueeze(1) if axis is None else images.movedim(axis + 1, 1)
    height, width = (min(size, _MOST_POSITIONS) for size in geometry.spatial)
    return F.adaptive_avg_pool2d(images, (height, width))


def _standardise(images: Tensor) -> Tensor:
    """Return images with values of mean zero and variance one, or all zero; none overflow."""
    images = images / images.abs().max().clamp_min(torch.finfo(images.dtype).tiny)
    centred = images - images.mean()
    return centred / centred.std().clamp_min(torch.finfo(images.dtype).eps)
