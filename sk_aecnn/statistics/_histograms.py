"""How rare the values of each feature are by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# of a feature, from the least to the largest value
_N_KNOTS = 20
# of all rows, added at every knot: what was never seen is rare, and not impossible
_UNSEEN = 1e-3
# in standard deviations: what varies by less does so by rounding
_LEAST_RANGE = 1e-5


@dataclass(frozen=True, eq=False)
class Histograms:
    """The frequencies of the values of features, at knots that are equally far from each other.

    Attributes
    ----------
    low : ndarray of shape (n_features,)
        Where the first knot is, a step below the least value.
    step : ndarray of shape (n_features,)
        From a knot to the next one.
    share : ndarray of shape (n_knots, n_features)
        Frequencies, as shares of the largest one of a feature.
    """

    low: np.ndarray
    step: np.ndarray
    share: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, known: np.ndarray, weight: np.ndarray) -> Histograms:
        """Count rows.

        Each value counts at the two knots beside it, the more the nearer it is, so that frequencies
        do not jump from value to value.

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
        >>> x = np.array([[0.0], [0.0], [0.0], [19.0]])
        >>> histograms = Histograms.of(x, np.ones((4, 1), bool), np.ones(4))
        >>> histograms.low, histograms.step, histograms.share[[0, 1, 2, 19, 20], 0].round(2)
        (array([-1.]), array([1.]), array([0.  , 1.  , 0.  , 0.  , 0.33]))
        """
        least = np.where(known, x, np.inf).min(axis=0)
        extent = np.where(known, x, -np.inf).max(axis=0) - least
        varies = extent > _LEAST_RANGE
        step = np.where(varies, extent, 1.0) / (_N_KNOTS - 1)
        low = np.where(varies, least, 0.0) - step
        place = np.where(known & varies, (x - low) / step, 0.0)
        knot = np.clip(place.astype(np.int64), 0, _N_KNOTS)
        above = place - knot
        counts = np.where(known, weight[:, None], 0.0)
        counts = counts / np.maximum(counts.sum(axis=0), np.finfo(float).tiny)
        n_features = x.shape[1]
        size = (_N_KNOTS + 2) * n_features
        index = (knot * n_features + np.arange(n_features)).ravel()
        below, above = (
            np.bincount(at, (part * counts).ravel(), size)
            for at, part in ((index, 1 - above), (index + n_features, above))
        )
        share = (below + above).reshape(-1, n_features) + _UNSEEN
        return cls(low, step, np.where(varies, share / share.max(axis=0), 1.0))
