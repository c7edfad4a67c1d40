"""Covariances of features of which values are missing."""

from __future__ import annotations

import numpy as np

# share of the covariances that is replaced by those of independent features
_SHRINKAGE = 0.02
_ITERATIONS = 8
# the most rows that are used, and the most numbers in the inverses of a step
_MOST_ROWS = 4_000
_MOST_NUMBERS = 4_000_000


def fit_covariance(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Estimate the covariances of features of mean zero and variance one, some values missing.

    By the EM algorithm for a normal distribution (Dempster, Laird & Rubin 1977, "Maximum likelihood
    from incomplete data via the EM algorithm", section 4.1.3), with the covariances of each step
    shrunk towards those of independent features. Where rows are many, some are taken.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features), float64
        Rows, NaN where a value is missing.
    weight : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    covariance : ndarray of shape (n_features, n_features)
        Positive definite.

    Examples
    --------
    >>> x = np.repeat(np.random.default_rng(0).normal(size=(500, 1)), 2, axis=1)
    >>> x[:100, 0] = np.nan
    >>> bool(fit_covariance(x, np.ones(500))[0, 1] > 0.9)
    True
    """
    x, weight = _choose(x, weight)
    share = weight / weight.sum()
    missing = np.isnan(x)
    if not missing.any():
        return _shrink((x * share[:, None]).T @ x)
    known = np.where(missing, 0.0, x)
    patterns, of_row = np.unique(missing, axis=0, return_inverse=True)
    of_row = of_row.reshape(-1)  # numpy 2.0 returns two axes
    share_of_pattern = np.bincount(of_row, share, len(patterns))
    # the missing columns of each pattern, filled up with others, whose inverses are zero
    n_columns = max(1, int(patterns.sum(axis=1).max()))
    columns = np.argsort(~patterns, axis=1, kind="stable")[:, :n_columns]
    is_missing = np.take_along_axis(patterns, columns, axis=1)
    rows = np.arange(len(x))[:, None], columns[of_row]
    covariance = np.eye(x.shape[1])
    for _ in range(_ITERATIONS):
        precision = np.linalg.inv(covariance)
        inverse = _invert_blocks(precision, columns, is_missing)
        filled = known.copy()
        slope = (known @ precision)[rows]
        filled[rows] -= np.einsum("nij,nj->ni", inverse[of_row], slope)
        uncertainty = _add_blocks(
            inverse * share_of_pattern[:, None, None], columns, len(precision)
        )
        covariance = _shrink((filled * share[:, None]).T @ filled + uncertainty)
    return covariance


def _shrink(moments: np.ndarray) -> np.ndarray:
    """Draw covariances towards those of independent features."""
    shrunk: np.ndarray = (1 - _SHRINKAGE) * moments + _SHRINKAGE * np.eye(len(moments))
    return shrunk


def _choose(x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return as many rows as there is memory for the inverses of their missing columns."""
    most = max(1, int(np.isnan(x).sum(axis=1).max()))
    n_rows = min(_MOST_ROWS, max(1, _MOST_NUMBERS // most**2))
    if n_rows >= len(x):
        return x, weight
    index = np.sort(np.random.default_rng(0).choice(len(x), n_rows, replace=False))
    return x[index], weight[index]


def _invert_blocks(
    precision: np.ndarray, columns: np.ndarray, is_missing: np.ndarray
) -> np.ndarray:
    """Return the covariances of the missing columns of each pattern, given the others."""
    both = is_missing[:, :, None] & is_missing[:, None, :]
    blocks = np.where(both, precision[columns[:, :, None], columns[:, None, :]], 0.0)
    blocks += np.eye(columns.shape[1]) * ~is_missing[:, None, :]
    return np.where(both, np.linalg.inv(blocks), 0.0)


def _add_blocks(blocks: np.ndarray, columns: np.ndarray, size: int) -> np.ndarray:
    """Return a matrix that is the sum of blocks, each in the places of its columns."""
    places = columns[:, :, None] * size + columns[:, None, :]
    return np.bincount(places.ravel(), blocks.ravel(), size * size).reshape(size, size)
