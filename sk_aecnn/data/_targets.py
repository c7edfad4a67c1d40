"""Targets to what networks are trained on and back: class codes, standardised numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

# floats from here on do not tell all whole numbers apart
_DOUBLE_DIGITS = 2.0**53
# labels that a message lists
_LISTED = 10


def check_labels(y: Any, name: str = "y") -> np.ndarray:
    """Return the labels as a 1-d array, or raise where they are no labels.

    Labels are of one kind: numbers, text, bytes, dates or booleans. Those of an object array are
    converted to an array of their kind.
    """
    y = _natural(as_column(y))
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name=name)
    if not _can_be_sorted(y):
        kinds = sorted({type(value).__name__ for value in y.ravel()[:1000].tolist()})
        raise ValueError(
            f"{name} holds labels of the types {', '.join(kinds)}, which cannot be put in order. "
            "Unknown label type: pass numbers, or text, for all samples."
        )
    if y.dtype.kind == "f" and not np.array_equal(y, np.round(y)):
        check_classification_targets(y)  # raises
    labels: np.ndarray = y
    return labels


def as_column(y: Any) -> np.ndarray:
    """Return labels as a 1-d array; scikit-learn takes 0.1 ms to pass one of numbers on."""
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biuf":
        return y
    column: np.ndarray = column_or_1d(y, warn=True)
    return column


def _can_be_sorted(y: np.ndarray) -> bool:
    if y.dtype.kind != "O":
        return y.dtype.kind in "biufUSM"
    try:
        np.unique(y)
    except TypeError:
        return False
    return True


def _natural(y: np.ndarray) -> np.ndarray:
    """Return an object array in the type of its values, where they have one type."""
    if y.dtype.kind != "O" or len(y) == 0:
        return y
    values = y.tolist()
    kinds = {type(value) for value in values}
    if kinds <= {int, float, bool} or (len(kinds) == 1 and kinds != {str}):
        try:
            converted = np.asarray(values)
        except (ValueError, OverflowError):
            return y
        return converted if converted.shape == y.shape else y
    return y


def find_unlabeled(y: np.ndarray, unlabeled: Any) -> np.ndarray:
    """Tell which samples have no target: those equal to ``unlabeled``.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Labels or targets.
    unlabeled : scalar or None
        The estimator's parameter; ``None`` finds none. NaN finds whatever stands for a missing
        value: NaN, None, NaT, pandas.NA.

    Returns
    -------
    unknown : ndarray of bool, of the shape of ``y``

    Raises
    ------
    ValueError
        If the mark is text and the labels are numbers, or the other way round.
    """
    if unlabeled is None:
        return np.zeros(y.shape, dtype=bool)
    if _is_missing(unlabeled):
        return find_missing(y)
    if isinstance(unlabeled, date | np.datetime64):
        return _find_date(y, unlabeled)
    unknown = np.broadcast_to(np.asarray(y == unlabeled), y.shape)
    is_text = isinstance(unlabeled, str)
    if y.dtype.kind in ("biufM" if is_text else "USM") or (
        y.dtype.kind == "O" and not unknown.any() and len(y) and _are_text(y) != is_text
    ):
        raise ValueError(
            f"unlabeled={unlabeled!r} is {'text' if is_text else 'a number'}, but the labels of y "
            f"are none, such as {y.ravel()[0]!r}, so that none can be equal to it. Pass the mark "
            "in the type of the labels."
        )
    return unknown


def _find_date(y: np.ndarray, mark: date | np.datetime64) -> np.ndarray:
    """Tell which labels are a date, of Python or numpy, or raise where labels are no dates."""
    unknown, known = np.zeros(y.shape, dtype=bool), ~find_missing(y)
    labels, marks = y[known], np.array([mark])
    if len(labels) == 0:
        return unknown
    if y.dtype.kind not in "MO" or not isinstance(labels[0], date | np.datetime64):
        raise ValueError(
            f"unlabeled={mark!r} is a date, but the labels of y are none, such as {labels[0]!r}, "
            "so that none can be equal to it. Pass the mark in the type of the labels."
        )
    if {labels.dtype.kind, marks.dtype.kind} == {"M", "O"}:
        marks = _as_dates_of(labels, marks)
    unknown[known] = [label == marks[0] for label in labels]
    return unknown


def _are_text(y: np.ndarray) -> bool:
    return y.dtype.kind == "O" and all(
        isinstance(value, str) for value in y.ravel()[:1000].tolist()
    )


def find_missing(y: np.ndarray) -> np.ndarray:
    """Tell which values are missing: NaN, None, NaT or pandas.NA."""
    if y.dtype.kind in "fc":
        missing: np.ndarray = np.isnan(y)
        return missing
    if y.dtype.kind in "mM":
        missing = np.isnat(y)
        return missing
    if y.dtype.kind == "O":
        return np.array([_is_missing(value) for value in y.ravel()], dtype=bool).reshape(y.shape)
    return np.zeros(y.shape, dtype=bool)


def list_some(values: np.ndarray) -> str:
    """Return a list of values for a message, the first ones of many."""
    listed = ", ".join(repr(value) for value in values[:_LISTED].tolist())
    more = len(values) - _LISTED
    return f"[{listed}, ... ({more} more)]" if more > 0 else f"[{listed}]"


def check_some_labeled(n_labeled: int, unlabeled: Any) -> None:
    """Raise where no sample has a target."""
    if n_labeled == 0:
        raise ValueError(
            f"Every sample of y is unlabeled (unlabeled={unlabeled!r}), so there is nothing to "
            "learn to predict. Pass some samples with a target, or train an "
            "AutoencoderTransformer on X."
        )


def choose_labeled(y: np.ndarray, unlabeled: Any) -> np.ndarray:
    """Tell which samples count in a score: those with a target, or with one of several."""
    unknown: np.ndarray = np.all(find_unlabeled(y, unlabeled).reshape(len(y), -1), axis=1)
    if len(y) and unknown.all():
        raise ValueError(
            f"Every sample of y is unlabeled (unlabeled={unlabeled!r}), so that there is nothing "
            "to score. Pass some samples with a target."
        )
    counted: np.ndarray = ~unknown
    return counted


def check_given(y: Any, name: str) -> None:
    """Raise where there is no target at all."""
    if y is None:
        raise ValueError(
            f"{name} requires y to be passed, but the target y is None. Pass fit(X, y)."
        )


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA, which does not say; arrays
        return not hasattr(value, "shape")


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
                f"y holds only {len(labels.classes)} class, {list_some(labels.classes)}, among the "
                "samples of positive weight; a classifier needs samples of at least 2 classes."
            )
        return labels

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return the code of each label, int64 of shape (n_samples,)."""
        y = self.convert(y)
        are_integers = self.classes.dtype.kind in "iu" and y.dtype.kind in "iu"
        # or signed and unsigned ones are compared as floats, which do not tell all of them apart
        codes = np.searchsorted(self.classes, y.astype(self.classes.dtype) if are_integers else y)
        is_unknown = self.classes.take(codes, mode="clip") != y
        if is_unknown.any():
            raise ValueError(
                f"y holds labels that are not among the classes {list_some(self.classes)}: "
                f"{list_some(np.unique(y[is_unknown]))}. Name every class the first time, in "
                "`classes` or in y."
            )
        return codes.astype(np.int64)

    def convert(self, y: np.ndarray) -> np.ndarray:
        """Return labels in a type that can be compared with the classes, or raise."""
        y = _natural(y)
        kinds = self.classes.dtype.kind, y.dtype.kind
        if kinds in {("M", "O"), ("O", "M")}:
            y = _as_dates_of(self.classes, y)
        self._check_kind(y)
        return y

    def _check_kind(self, y: np.ndarray) -> None:
        """Raise where labels cannot be compared with the classes."""
        kinds = self.classes.dtype.kind, y.dtype.kind
        both_text = all(v.dtype.kind == "U" or _are_text(v) for v in (y, self.classes))
        comparable = kinds[0] == kinds[1] or all(kind in "biuf" for kind in kinds) or both_text
        if "f" in kinds and kinds != ("f", "f") and comparable:
            largest = max((abs(float(v.max())) for v in (y, self.classes) if len(v)), default=0.0)
            comparable = largest < _DOUBLE_DIGITS
        if kinds == ("O", "O") and len(y):  # dates and times, say
            comparable = _can_be_sorted(np.concatenate([self.classes[:1], y[:1]]))
        if len(y) and not comparable:
            raise ValueError(
                f"y holds labels such as {y[0]!r}, which cannot be told apart from, or compared "
                f"with, the classes {list_some(self.classes)}. Pass labels of the type of the "
                "classes."
            )

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the label of each code."""
        labels: np.ndarray = self.classes[codes]
        return labels


def _as_dates_of(classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return dates of numpy as those of Python that the classes are, or the other way round.

    What is no date, or has a time where the classes have none, is returned as it is.
    """
    if y.dtype.kind == "O":
        known = all(isinstance(v, date) and getattr(v, "tzinfo", None) is None for v in y.tolist())
        return y.astype("datetime64[us]") if known else y
    if not isinstance(classes[0], date) or getattr(classes[0], "tzinfo", None) is not None:
        return y
    unit = "us" if isinstance(classes[0], datetime) else "D"
    exact = y.astype(f"datetime64[{unit}]")
    return exact.astype(object) if np.array_equal(exact, y) else y


@dataclass(frozen=True)
class TargetScaler:
    """What targets are standardised by, and how far they reach.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_targets,)
        Mean and standard deviation of each target; a constant target has a scale of one.
    low, high : ndarray of shape (n_targets,)
        The smallest and the largest value of each target so far.
    given_flat : bool
        Whether targets were passed without an axis for them.

    Examples
    --------
    >>> scaler = TargetScaler.of(np.array([0.0, 10.0]), None)
    >>> scaler.decode(np.array([[0.5], [9.0]]), max_extrapolation=0.5)
    array([ 7.5, 15. ])
    """

    mean: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
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
                f"Target {int(np.flatnonzero(total == 0)[0])} of y is NaN in every sample. Pass "
                "some samples where it is known, or leave it out."
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
        low, high = _range(columns, w > 0)
        varies = (high > low) & (np.sqrt(var) > np.finfo(np.float64).tiny)
        scale = np.where(varies, np.sqrt(var), 1.0)
        return cls(mean, scale, low, high, given_flat=y.ndim == 1)

    def widen(self, y: np.ndarray, weight: np.ndarray | None) -> TargetScaler:
        """Return the scaler with a range that holds further targets, NaN where there are none."""
        columns = self._as_columns(y)
        known = ~np.isnan(columns)
        if weight is not None:
            known &= weight[:, None] > 0
        low, high = _range(columns, known)
        return replace(self, low=np.minimum(self.low, low), high=np.maximum(self.high, high))

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return standardised targets, float64 of shape (n_samples, n_targets)."""
        result: np.ndarray = (self._as_columns(y) - self.mean) / self.scale
        return result

    def decode(self, predictions: np.ndarray, max_extrapolation: float | None = None) -> np.ndarray:
        """Return predictions in the units and the layout of the targets, float64.

        Parameters
        ----------
        predictions : ndarray of shape (n_samples, n_targets)
            Standardised predictions.
        max_extrapolation : float or None
            How far they may lie outside of the range, as a share of it; ``None`` for any distance.
        """
        y = predictions.astype(np.float64) * self.scale + self.mean
        np.clip(y, *self.limits(max_extrapolation), out=y)
        result: np.ndarray = y[:, 0] if self.given_flat else y
        return result

    def limits(self, max_extrapolation: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the range of each target, widened at either end by a share of it."""
        if max_extrapolation is None:
            return np.full_like(self.low, -np.inf), np.full_like(self.high, np.inf)
        with np.errstate(over="ignore"):  # infinite limits are none
            # in halves, as the whole may be more than a number can be
            margin = max_extrapolation * (self.high / 2 - self.low / 2)
            return self.low - margin - margin, self.high + margin + margin

    def _as_columns(self, y: np.ndarray) -> np.ndarray:
        columns: np.ndarray = y.reshape(len(y), -1)
        if columns.shape[1] != len(self.mean):
            raise ValueError(
                f"y has {columns.shape[1]} target(s), but the estimator was fitted on "
                f"{len(self.mean)}. Pass as many."
            )
        return columns


def _range(columns: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest known value of each column."""
    low: np.ndarray = np.where(known, columns, np.inf).min(axis=0)
    high: np.ndarray = np.where(known, columns, -np.inf).max(axis=0)
    return low, high
