"""How rare the values of each feature are by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# of a feature, from a knot to the next one
_MOST_STEPS = 19
_FEWEST_STEPS = 2
# more of them tell no better what is rare
_ENOUGH_ROWS = 1_000
# of rows that are counted, at the most
MOST_COUNTED = 2**22
# of the largest value, in steps of single precision: what varies by less does so by rounding
_ROUNDING = 8 * np.finfo(np.float32).eps
# in nats, added to every surprisal: rounding makes one of next to nothing
LEAST_SURPRISAL = 0.01


@dataclass(frozen=True, eq=False)
class Histograms:
    """The frequencies of the values of features, at knots that are equally far from each other.

    Attributes
    ----------
    low : ndarray of shape (n_features,)
        Where the first knot is, a step below the least value.
    step : ndarray of shape (n_features,)
        From a knot to the next one.
    share : ndarray of shape (n_knots, n_features), float32
        Frequencies, as shares of the largest one of a feature. From the last knot on, and from the
        first one down, they stay the same.
    """

    low: np.ndarray
    step: np.ndarray
    share: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, known: np.ndarray, weight: np.ndarray) -> Histograms:
        """Count rows, and one more at every knot: what was never seen is rare, not impossible.

        Each value counts at the two knots beside it, the more the nearer it is, so that frequencies
        do not jump from value to value. There are up to 20 knots, and about as many as the square
        root of the number of distinct rows. Where a feature has few values that are equally far
        from each other, each has a knot.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n_features), float64
            Standardised rows.
        known : ndarray of shape (n_rows, n_features), bool
            Which of their values are known; the others count nowhere.
        weight : ndarray of shape (n_rows,)
            Their weights.

        Examples
        --------
        >>> x = np.array([[0.0], [0.0], [0.0], [1.0], [2.0]])
        >>> histograms = Histograms.of(x, np.ones(x.shape, bool), np.ones(5))
        >>> histograms.low, histograms.step, histograms.share[:4, 0].round(2)
        (array([-1.]), array([1.]), array([0.36, 1.  , 0.57, 0.57], dtype=float32))
        """
        counts = np.where(known, weight[:, None], 0.0)
        total = np.maximum(counts.sum(axis=0), np.finfo(float).tiny)
        # a row of weight two counts as one that is there twice: once
        n_rows = min(len(np.unique(x[weight > 0], axis=0)), _ENOUGH_ROWS)
        is_known = known.any(axis=0)
        least = np.where(is_known, np.where(known, x, np.inf).min(axis=0), 0.0)
        largest = np.where(is_known, np.where(known, x, -np.inf).max(axis=0), 0.0)
        varies = largest - least > _ROUNDING * np.maximum(np.abs(least), np.abs(largest))
        n_steps = _count_steps(np.where(known, x, least), n_rows)
        step = np.where(varies, largest - least, n_steps) / n_steps
        low = least - step
        place = np.where(known, (x - low) / step, 0.0)
        knot = np.clip(place.astype(np.int64), 0, _MOST_STEPS + 1)
        above = place - knot
        n_features = x.shape[1]
        size = (_MOST_STEPS + 3) * n_features
        index = (knot * n_features + np.arange(n_features)).ravel()
        below, above = (
            np.bincount(at, (part * counts / total).ravel(), size)
            for at, part in ((index, 1 - above), (index + n_features, above))
        )
        share = (below + above).reshape(-1, n_features) + 1 / n_rows
        share = np.where(is_known, share / share.max(axis=0), 1.0)
        return cls(low, step, share.astype(np.float32))


def _count_steps(x: np.ndarray, n_rows: int) -> np.ndarray:
    """Return steps from the least to the largest value: a multiple of those of few values.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [1.0, 0.1], [2.0, 0.2], [0.0, 0.3]])
    >>> _count_steps(x, 64), _count_steps(x, 4)
    (array([6, 6]), array([2, 3]))
    """
    most = int(np.clip(np.sqrt(n_rows), _FEWEST_STEPS + 1, _MOST_STEPS + 1)) - 1
    own = np.maximum((np.diff(np.sort(x, axis=0), axis=0) > 0).sum(axis=0), 1)
    result: np.ndarray = np.where(own <= _MOST_STEPS, np.maximum(most // own, 1) * own, most)
    return result
