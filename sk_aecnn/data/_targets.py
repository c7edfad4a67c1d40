"""Targets to what networks are trained on and back: class codes, standardised numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d


def check_labels(y: Any) -> np.ndarray:
    """Return the labels as a 1-d array, or raise where they are no labels."""
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    labels: np.ndarray = y
    return labels


def find_unlabeled(y: np.ndarray, unlabeled: Any) -> np.ndarray:
    """Tell which samples have no target: those equal to ``unlabeled``, or NaN where that is NaN.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Labels or targets.
    unlabeled : scalar or None
        The estimator's parameter; ``None`` finds none.

    Returns
    -------
    unknown : ndarray of bool, of the shape of ``y``
    """
    if unlabeled is None:
        return np.zeros(y.shape, dtype=bool)
    unknown = _is_nan(y) if unlabeled != unlabeled else np.asarray(y == unlabeled)
    return np.broadcast_to(unknown, y.shape)


def check_some_labeled(n_labeled: int, unlabeled: Any) -> None:
    """Raise where no sample has a target."""
    if n_labeled == 0:
        raise ValueError(
            f"Every sample of y is unlabeled (unlabeled={unlabeled!r}), so there is nothing to "
            "learn to predict. Pass some samples with a target, or train an "
            "AutoencoderTransformer on X."
        )


def check_given(y: Any, name: str) -> None:
    """Raise where there is no target at all."""
    if y is None:
        raise ValueError(
            f"{name} requires y to be passed, but the target y is None. Pass fit(X, y)."
        )


def _is_nan(y: np.ndarray) -> np.ndarray:
    if y.dtype.kind in "fc":
        result: np.ndarray = np.isnan(y)
        return result
    if y.dtype.kind == "O":
        return np.array([_is_missing(value) for value in y.ravel()], dtype=bool).reshape(y.shape)
    return np.zeros(y.shape, dtype=bool)


def _is_missing(value: Any) -> bool:
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA, which does not say
        return True


@dataclass(frozen=True)
class ClassLabels:
    """The classes of a problem, sorted; a label's code is its place among them."""

    classes: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray) -> ClassLabels:
        """Collect the classes found in ``y``."""
        labels = cls(np.unique(y))
        if len(labels.classes) < 2:
            raise ValueError(
                f"y holds only 1 class, {labels.classes[0]!r}, among the rows of positive weight; "
                "a classifier needs rows of at least 2 classes."
            )
        return labels

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return the code of each label, int64 of shape (n_samples,)."""
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(
                f"y holds labels that are not among the classes {self.classes.tolist()}: "
                f"{unknown[:5].tolist()}. Name every class the first time, in `classes` or in y."
            )
        return np.searchsorted(self.classes, y).astype(np.int64)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the label of each code."""
        labels: np.ndarray = self.classes[codes]
        return labels


@dataclass(frozen=True)
class TargetScaler:
    """The mean and the scale of each target; a constant target has a scale of one."""

    mean: np.ndarray
    scale: np.ndarray
    given_flat: bool

    @classmethod
    def of(cls, y: np.ndarray, weight: np.ndarray | None) -> TargetScaler:
        """Compute them from targets, NaN where there are none."""
        columns = y.reshape(len(y), -1)
        known = ~np.isnan(columns)
        w = known * (1.0 if weight is None else weight[:, None])
        filled = np.where(known, columns, 0.0)
        total = w.sum(axis=0)
        if not total.all():
            raise ValueError(
                f"Target {int(np.flatnonzero(total == 0)[0])} of y is NaN in every row. Pass some "
                "rows where it is known, or leave it out."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            mean = (w * filled).sum(axis=0) / total
            deviation = np.where(known, columns - mean, 0.0)
            var = (w * deviation**2).sum(axis=0) / total
        if not np.isfinite(var).all():
            raise ValueError(
                "y holds values so large that their variance is not finite in double precision (up "
                f"to {np.abs(filled).max():.3g}). Divide y by a constant."
            )
        rounding = len(y) * np.finfo(np.float64).eps * np.abs(mean)
        scale = np.where(
            np.sqrt(var) > np.maximum(rounding, np.finfo(np.float64).tiny), np.sqrt(var), 1.0
        )
        return cls(mean, scale, given_flat=y.ndim == 1)

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return standardised targets, float64 of shape (n_samples, n_targets)."""
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != len(self.mean):
            raise ValueError(
                f"y has {columns.shape[1]} target(s), but the estimator was fitted on "
                f"{len(self.mean)}. Pass as many."
            )
        result: np.ndarray = (columns - self.mean) / self.scale
        return result

    def decode(self, predictions: np.ndarray) -> np.ndarray:
        """Return predictions in the units and the layout of the targets, float64."""
        y = predictions.astype(np.float64) * self.scale + self.mean
        result: np.ndarray = y[:, 0] if self.given_flat else y
        return result
