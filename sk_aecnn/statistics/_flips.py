"""How much a classifier loses where samples are changed that it has not seen changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.svm import SVC

_N_COMPONENTS = 40
_SAMPLES_PER_COMPONENT = 4
_N_FOLDS = 2
# on average: fewer tell little of a class, and many classes take long
_SAMPLES_PER_CLASS = 20
_C = 3.0
# standard errors that an estimate may be off
_MARGIN = 2.0


def lost_skill(
    samples: np.ndarray, changed: Sequence[np.ndarray], classes: np.ndarray
) -> list[float]:
    """Return the share of its skill that a classifier loses on changed samples, from 0 to 1.

    A support vector machine on principal components is fitted to the samples as they are, and
    predicts others, as they are and changed. Where classes do not depend on the change, as those
    of photographs do not on what is left and right, it is right about as often on both. What is
    returned is the larger of two shares: what is lost of the accuracy beyond that of the most
    frequent class, at the worst, and what the class that suffers most loses of its accuracy, at
    the best, both within two standard errors. Fewer than twenty samples for each class, or
    classes that are not told apart, give 1.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        Samples.
    changed : sequence of ndarray of shape (n_samples, n_features)
        The same, changed in some way each.
    classes : ndarray of shape (n_samples,), int
        Class codes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> classes = np.arange(200) % 2
    >>> samples = rng.normal(size=(200, 8)) + 3 * classes[:, None] * np.arange(8)
    >>> mirrored, neighbours = samples[:, ::-1], samples[:, [1, 0, 3, 2, 5, 4, 7, 6]]
    >>> [lost < 0.25 for lost in lost_skill(samples, [mirrored, neighbours], classes)]
    [False, True]
    """
    counts = np.bincount(classes)
    n_in_every_fold = np.count_nonzero(counts >= _N_FOLDS)
    too_few = len(samples) < _SAMPLES_PER_CLASS * np.count_nonzero(counts)
    if n_in_every_fold < 2 or too_few or not np.ptp(samples, axis=0).any():
        return [1.0] * len(changed)
    n_components = min(_N_COMPONENTS, len(samples) // _SAMPLES_PER_COMPONENT, samples.shape[1])
    fold = _deal_out(classes)
    pca = PCA(n_components, random_state=0).fit(samples)
    inputs = [pca.transform(rows) for rows in (samples, *changed)]
    right = np.empty((len(inputs), len(classes)), dtype=bool)
    for k in range(_N_FOLDS):
        model = SVC(C=_C, random_state=0).fit(inputs[0][fold != k], classes[fold != k])
        held_out = fold == k
        for row, x in zip(right, inputs, strict=True):
            row[held_out] = model.predict(x[held_out]) == classes[held_out]
    return [_share_lost(right[0], after, classes) for after in right[1:]]


def _deal_out(classes: np.ndarray) -> np.ndarray:
    """Return the fold of every sample; each class is dealt out evenly, in random order."""
    shuffled = np.random.default_rng(0).permutation(len(classes))
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]
    fold = np.empty(len(classes), dtype=np.intp)
    fold[order] = np.arange(len(classes)) % _N_FOLDS
    return fold


def _share_lost(before: np.ndarray, after: np.ndarray, classes: np.ndarray) -> float:
    """Return the share of skill lost, from whether samples are told right before and after."""
    counts = np.bincount(classes)
    skill = before.mean() - counts.max() / len(classes)
    if skill <= 0:
        return 1.0
    lost = before.astype(float) - after
    overall = (max(0.0, lost.mean()) + _MARGIN * _standard_error(lost)) / skill
    worst = max(
        _lost_of_a_class(lost[classes == c], before[classes == c]) for c in np.unique(classes)
    )
    return float(min(1.0, max(overall, worst)))


def _lost_of_a_class(lost: np.ndarray, before: np.ndarray) -> float:
    if not before.any():
        return 0.0
    return float((lost.mean() - _MARGIN * _standard_error(lost)) / before.mean())


def _standard_error(lost: np.ndarray) -> float:
    """Return the standard error of the mean, as if one more sample were lost: none is no proof."""
    return float(np.sqrt(np.square(lost - lost.mean()).sum() + 1) / len(lost))
