"""What tells the target, measured on the training samples for `defaults`."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import chi2 as chi2_distribution
from sklearn.feature_selection import chi2, f_regression
from torch import Tensor
from torch.nn import functional as F

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import SparseRows
from sk_aecnn.recipes.defaults import ClassCues, Task, is_predicted
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


def significance_of_missing(data: TrainingData, task: Task) -> np.ndarray | None:
    """Return the p-values of the features: whether the target depends on where they are missing.

    Of classes, by Pearson's chi-squared test, of numbers, by the F-test of their means, corrected
    for several targets. One for features of which none, or all, are missing; ``None`` where no
    target is predicted, or no feature is missing at times.

    Parameters
    ----------
    data : TrainingData
        Rows of a table, with codes of classes or numbers.
    task : {"classifier", "regressor", "outlier_detector", "imputer"} or None
        What the estimator is for.
    """
    if not is_predicted(task) or isinstance(data.rows, SparseRows):
        return None
    labeled = np.arange(len(data.rows)) if data.labeled is None else np.flatnonzero(data.labeled)
    index = labeled[choose_rows(len(labeled), None, None)]
    missing = data.rows.index_select(0, torch.from_numpy(index)).isnan().numpy()
    varies = missing.any(axis=0) & ~missing.all(axis=0)
    if not varies.any():
        return None
    p_values = np.ones(missing.shape[1])
    test = _chi_squared if task == "classifier" else _f_test
    p_values[varies] = test(missing[:, varies].astype(float), data.targets[index])
    return p_values


def _chi_squared(missing: np.ndarray, classes: np.ndarray) -> np.ndarray:
    # scikit-learn counts what is missing, not what is known as well
    statistic = chi2(missing, classes)[0] / (1 - missing.mean(axis=0))
    result: np.ndarray = chi2_distribution.sf(statistic, len(np.unique(classes)) - 1)
    return result


def _f_test(missing: np.ndarray, y: np.ndarray) -> np.ndarray:
    targets = y.reshape(len(y), -1)
    p_values = [np.ones(missing.shape[1])]
    for target in targets.T:
        known = ~np.isnan(target)
        if known.any() and np.ptp(target[known]) > 0:
            p_values.append(f_regression(missing[known], target[known])[1] * targets.shape[1])
    lowest: np.ndarray = np.fmin.reduce(p_values)
    return lowest


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
