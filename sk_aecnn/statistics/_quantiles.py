"""Quantiles of weighted values."""

from __future__ import annotations

import numpy as np

# beyond the third quartile, in interquartile ranges: Tukey's fence
_FENCE = 1.5
# of a cumulative sum of weights, relative
_ROUNDING = 1e-12


def weighted_quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """Return the smallest value that a share of the weight is at or below.

    Examples
    --------
    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([2, 1, 1]), 0.5)
    2.0
    """
    order = np.argsort(values)
    below = np.cumsum(weight[order])
    least = share * below[-1] * (1 - _ROUNDING)
    return float(values[order[np.searchsorted(below, least)]])


def upper_fence(squares: np.ndarray, weight: np.ndarray) -> float:
    """Return the square of the upper fence of a box plot of roots (Tukey 1977).

    It is 1.5 interquartile ranges above the third quartile.

    Parameters
    ----------
    squares : ndarray of shape (n_values,)
        Squares, 0 or more.
    weight : ndarray of shape (n_values,)
        Their weights.

    Examples
    --------
    >>> upper_fence(np.square([1.0, 2.0, 3.0, 4.0]), np.ones(4))
    36.0
    """
    first, third = (weighted_quantile(squares, weight, share) for share in (0.25, 0.75))
    fence = np.sqrt(third) + _FENCE * (np.sqrt(third) - np.sqrt(first))
    return float(max(fence**2, third))  # of equal squares the square of the root may be below
