"""Columns of whole numbers that are names, as of customers or shops."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import f, rankdata

from sk_aecnn.recipes.defaults import Task

# names that a column has at the most, samples of each at the least, in the mean
_MOST_NAMES = 500
_SAMPLES_PER_NAME = 2.0
# the probability that numbers in order are taken for names
_CHANCE = 1e-4
# intervals of a column, in each of which the mean target is linear in a number that is none
_N_INTERVALS = 8


def find_names(task: Task, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell which columns are names: whose values say more of the target than where they lie.

    The mean target is fitted as a function of a column that is linear in eight intervals of as many
    values, and what remains of the targets is parted by the values. A column is names where these
    explain more of the targets than the function does, both in excess of chance, and chance alone
    would hardly explain as much (F-test; Fisher 1925, "Statistical methods for research workers",
    chapter 7). Numbers are ranked for it, so that a few far ones do not count for more than others;
    of classes, the sum over their indicators is tested, which errs on the safe side. Samples count
    alike, whatever they weigh: of weights, nobody knows how the variance depends on them.

    Parameters
    ----------
    task : {"classifier", "regressor"}
        What is predicted.
    X : ndarray of shape (n_samples, n_columns)
        Columns of whole numbers, NaN where they are missing, in any units.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Class numbers, or standardised numbers.

    Returns
    -------
    are_names : ndarray of shape (n_columns,), bool
        Which columns are.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> X = random.integers(100, size=(500, 2)).astype(float)
    >>> spent = random.normal(size=100)[X[:, 0].astype(int)] + np.sqrt(X[:, 1])
    >>> find_names("regressor", X, spent[:, None])
    array([ True, False])
    """
    targets = np.eye(y.max(initial=0) + 1)[y] if task == "classifier" else rankdata(y, axis=0)
    chance = _CHANCE / max(1, X.shape[1])
    return np.array([_is_name(column, targets, chance) for column in X.T], dtype=bool)


def _is_name(column: np.ndarray, targets: np.ndarray, chance: float) -> bool:
    known = ~np.isnan(column)
    values, place = np.unique(column[known], return_inverse=True)
    n_samples = len(place)
    if not _N_INTERVALS + 1 < len(values) <= min(_MOST_NAMES, n_samples / _SAMPLES_PER_NAME):
        return False
    centred, smooth = targets[known] - targets[known].mean(axis=0), _intervals(values)[place]
    fitted, _, n_smooth, _ = np.linalg.lstsq(smooth, centred, rcond=None)
    of_name = csr_array((np.ones(n_samples), (place, np.arange(n_samples))))
    remaining = centred - smooth @ fitted
    total, of_order = (centred**2).sum(), ((smooth @ fitted) ** 2).sum()
    of_values = ((of_name @ remaining) ** 2 / of_name.sum(axis=1)[:, None]).sum()
    free, free_within = len(values) - n_smooth, n_samples - len(values)
    within = (remaining**2).sum() - of_values
    of_chance = max(within, np.finfo(float).eps * total) / free_within
    exceeds = of_values - free * of_chance > of_order - n_smooth * of_chance
    return bool(exceeds and f.sf(of_values / free / of_chance, free, free_within) < chance)


def _intervals(values: np.ndarray) -> np.ndarray:
    """Return the functions of values that are one at a knot, and zero at all others."""
    knots = values[np.linspace(0, len(values) - 1, _N_INTERVALS + 1).round().astype(int)]
    return np.column_stack([np.interp(values, knots, unit) for unit in np.eye(len(knots))])
