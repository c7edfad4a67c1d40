"""Robust variances and covariances, which outliers among the rows hardly change."""

from __future__ import annotations

import numpy as np

_N_ITERATIONS = 5
# of the mean variance, added to every variance: a direction without any is not infinitely strict
_LEAST_VARIANCE = 1e-2
_MOST_ROWS = 50_000
_MOST_VALUES = 2**24


def robust_variances(squares: np.ndarray, weight: np.ndarray) -> np.ndarray:
    r"""Return the mean of squared residuals, those of unusual rows with less weight.

    A row whose mean square is :math:`q` times the average one weighs :math:`1 / (1 + q)`, over and
    over until that settles: the scales of a multivariate t distribution (Lange, Little & Taylor
    1989, "Robust statistical modeling using the t distribution", eq. 4) with as many degrees of
    freedom as features.

    Parameters
    ----------
    squares : ndarray of shape (n_rows, n_features)
        Squared residuals.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.

    Returns
    -------
    variances : ndarray of shape (n_features,)
        Above 0.

    Examples
    --------
    >>> squares = np.ones((100, 2))
    >>> squares[0] = 1000
    >>> robust_variances(squares, np.ones(100)).round(1)
    array([1., 1.])
    """
    weights = weight
    for _ in range(_N_ITERATIONS):
        variances = _with_floor(np.average(squares, axis=0, weights=weights))
        weights = weight * _t_weights(squares @ (1 / variances), weights)
    return _with_floor(np.average(squares, axis=0, weights=weights))


def robust_mean_and_covariance(
    codes: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the covariance of codes, unusual rows with less weight.

    As `robust_variances` does, by the Mahalanobis distances of the codes.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, encoding_dim)
        Codes.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.

    Returns
    -------
    mean : ndarray of shape (encoding_dim,)
    covariance : ndarray of shape (encoding_dim, encoding_dim)
        Positive definite.
    """
    weights = weight
    for _ in range(_N_ITERATIONS):
        mean, covariance = _moments(codes, weights)
        distances = np.square((codes - mean) @ whitening(covariance).T).sum(axis=1)
        weights = weight * _t_weights(distances, weights)
    return _moments(codes, weights)


def sigma_points(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return 2 k points of a mean and a covariance of k numbers (Julier & Uhlmann 1997).

    Examples
    --------
    >>> points = sigma_points(np.array([1.0, 2.0]), np.eye(2))
    >>> points.mean(axis=0), np.cov(points.T, bias=True).round(9)
    (array([1., 2.]), array([[1., 0.],
           [0., 1.]]))
    """
    deviations = np.sqrt(len(mean)) * np.linalg.cholesky(covariance).T
    return np.concatenate([mean + deviations, mean - deviations])


def whitening(covariance: np.ndarray) -> np.ndarray:
    """Return the matrix that gives deviations of a covariance variances of one, uncorrelated."""
    return np.linalg.inv(np.linalg.cholesky(covariance))


def rows_in_memory(n_features: int) -> int:
    """Return the rows whose values, in double precision, take at most 128 MiB.

    Examples
    --------
    >>> rows_in_memory(10_000)
    1677
    """
    return max(1, _MOST_VALUES // n_features)


def choose_rows_for_covariance(n_rows: int, n_features: int) -> np.ndarray:
    """Choose the rows that covariances are computed of: as many as bound time and memory."""
    most = min(_MOST_ROWS, rows_in_memory(n_features))
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, size=most, replace=False))


def _t_weights(distances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the factor that squared distances leave of the weights of their rows."""
    return 1 / (1 + distances / (np.average(distances, weights=weights) or 1.0))


def _moments(codes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = np.average(codes, axis=0, weights=weights)
    centred = codes - mean
    covariance = (centred.T * (weights / weights.sum())) @ centred
    variances = covariance.diagonal().copy()
    np.fill_diagonal(covariance, _with_floor(variances))
    return mean, covariance


def _with_floor(variances: np.ndarray) -> np.ndarray:
    return variances + _LEAST_VARIANCE * (variances.mean() or 1.0)
