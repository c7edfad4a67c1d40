"""What is measured after training, on how many rows, and what follows from it."""

from __future__ import annotations

import numpy as np

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes.defaults._samples import LARGE_TABLE, SMALL_TABLE

# -- what is taken back of what was learned beyond PCA --------------------------------------------

# the shares that may be
SHRINKAGES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
# of the epochs, after which an imputer sees which of them serves best
TRIAL_OF_IMPUTER = 0.5
# samples from which on some are held out
_FEWEST_TO_HOLD_OUT = 10


def tries_shrinkage(n_samples: int, geometry: SampleGeometry) -> bool:
    """Tell whether samples held out should say how much of what was learned is taken back.

    Of thousands of images, sequences or volumes, what is learned is not noise; of a table it may be
    where its features tell little of each other.

    Examples
    --------
    >>> table, image = SampleGeometry((50,), 0), SampleGeometry((28, 28), None)
    >>> [tries_shrinkage(n, table) for n in (5, 200, 5_000, 60_000)]
    [False, True, True, False]
    >>> tries_shrinkage(5_000, image)
    False
    """
    most = SMALL_TABLE if geometry.spatial else LARGE_TABLE
    return _FEWEST_TO_HOLD_OUT <= n_samples < most


def choose_shrinkage(errors: np.ndarray, weight: np.ndarray) -> float:
    """Return how much is taken back of what was learned beyond PCA: as much as serves as well.

    As much as makes the mean error larger than the least one by no more than the standard error of
    their difference (the rule of Breiman et al. 1984, "Classification and regression trees",
    section 3.4.3).

    Parameters
    ----------
    errors : ndarray of shape (n_choices, n_samples)
        Of samples held out, for each of ``SHRINKAGES``.
    weight : ndarray of shape (n_samples,)
        Their weights.

    Examples
    --------
    >>> learned, pca = np.array([0.1, 0.2, 0.1]), np.array([0.5, 0.6, 0.6])
    >>> errors = np.stack([learned] * 6 + [pca])
    >>> choose_shrinkage(errors, np.ones(3)), choose_shrinkage(0 * errors, np.ones(3))
    (0.9, 1.0)
    """
    share = weight / weight.sum()
    means = errors @ share
    differences = errors - errors[means.argmin()]
    deviations = (differences - (differences @ share)[:, None]) * share
    close = differences @ share <= np.sqrt(np.square(deviations).sum(1))
    return SHRINKAGES[int(np.flatnonzero(close).max())]


def best_shrinkage(errors: np.ndarray, weight: np.ndarray) -> float:
    """Return how much imputers take back of what was learned beyond PCA: what serves best.

    Parameters
    ----------
    errors, weight : ndarray
        As for `choose_shrinkage`.

    Examples
    --------
    >>> best_shrinkage(
    ...     np.array([[0.3], [0.2], [0.1], [0.2], [0.3], [0.4], [0.5]]), np.ones(1)
    ... )
    0.25
    """
    return SHRINKAGES[int((errors @ weight).argmin())]


# -- what is measured after a call of a stream ----------------------------------------------------

# rows that are kept, and measured after every call
_ROWS_OF_A_STREAM = 4096
_ROWS_OF_A_STREAM_SPATIAL = 512
# rows of a fit that are kept for a stream that may follow: files hold them
ROWS_OF_A_FIT = 512


def rows_of_a_stream(geometry: SampleGeometry, n_passes: int = 1) -> int:
    """Return how many rows of a stream are kept: to measure them should not take more than a step.

    With 512 rows, the share of the samples beyond a quantile of .95 is between .035 and .065 (with
    a probability of .9), with 4096 between .045 and .055.

    Parameters
    ----------
    geometry : SampleGeometry
        The shape of a sample.
    n_passes : int
        How often the network computes each of them.

    Examples
    --------
    >>> rows_of_a_stream(SampleGeometry((20,), 0))
    4096
    >>> rows_of_a_stream(SampleGeometry((28, 28), None), n_passes=8)
    64
    """
    most = _ROWS_OF_A_STREAM_SPATIAL if geometry.spatial else _ROWS_OF_A_STREAM
    return most // n_passes
