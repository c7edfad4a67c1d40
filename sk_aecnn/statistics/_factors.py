"""Covariances of many features, told by a few factors."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

# the least share of the variance of a feature that no factor tells
_LEAST_NOISE = 0.02
_ROWS_PER_FACTOR = 4
_LEAST_SHARE = 1e-3


def fit_factors(x: np.ndarray, weight: np.ndarray, n_factors: int) -> tuple[np.ndarray, np.ndarray]:
    """Estimate factors of features of mean zero and variance one, some values missing.

    The covariances are those of the rows in which both features are known. What their principal
    components exceed the mean of the other ones by is told by factors (probabilistic principal
    components; Tipping & Bishop 1999, equation 3.8, "Probabilistic principal component analysis"),
    and what is left of the variance of each feature is noise of its own.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features), float64
        Rows, NaN where a value is missing.
    weight : ndarray of shape (n_samples,)
        Their weights.
    n_factors : int
        The most factors; there are at most a quarter as many as rows.

    Returns
    -------
    loadings : ndarray of shape (n_features, n_factors)
        How much of each factor is in a feature.
    noise : ndarray of shape (n_features,)
        Variances of what factors do not tell, from 0.02 to 1: `loadings @ loadings.T` and these on
        the diagonal are the covariances.

    Examples
    --------
    >>> x = np.repeat(np.random.default_rng(0).normal(size=(500, 1)), 4, axis=1)
    >>> x[:100, 0] = np.nan
    >>> loadings, noise = fit_factors(x / np.nanstd(x, axis=0), np.ones(500), 1)
    >>> np.abs(loadings[:, 0]).round(1), noise
    (array([1., 1., 1., 1.]), array([0.02, 0.02, 0.02, 0.02]))
    """
    covariance = _covariances_of_pairs(x, weight / weight.sum())
    n_features = len(covariance)
    n_factors = max(1, min(n_factors, n_features - 1, len(x) // _ROWS_PER_FACTOR))
    ends = n_features - n_factors, n_features - 1
    variances, directions = eigh(covariance, subset_by_index=ends)
    left = (np.trace(covariance) - variances.sum()) / max(1, n_features - n_factors)
    loadings = directions * np.sqrt(np.maximum(variances - max(left, 0), 0))
    told = np.square(loadings).sum(axis=1)
    most = 1 - _LEAST_NOISE
    loadings *= np.sqrt(most / np.maximum(told, most))[:, None]
    return loadings, 1 - np.minimum(told, most)


def _covariances_of_pairs(x: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the covariances, each by the rows in which both features are known."""
    missing = np.isnan(x)
    filled = np.where(missing, 0.0, x)
    covariance: np.ndarray = (filled * share[:, None]).T @ filled
    if not missing.any():
        return covariance
    known = (~missing).astype(float)
    both = (known * share[:, None]).T @ known
    covariance /= np.maximum(both, _LEAST_SHARE)
    return covariance
