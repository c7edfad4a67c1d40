"""A sample of the training rows, that others are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sk_aecnn.statistics._mixture import choose_rows

# of all rows, those that are nearer than the distance that is measured: so a smaller group of
# outliers that are alike does not make its members usual
_SHARE = 0.02
_FEWEST = 5
# of a sum of weights, relative
_ROUNDING = 1e-12
_MOST_ROWS = 1024
# of neighbours, which are stored
MOST_STORED = 2**20


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Rows and their weights, of which the nearest ones tell how usual a sample is.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Standardised rows.
    weight : ndarray of shape (n_rows,)
        Their weights.
    """

    rows: np.ndarray
    weight: np.ndarray

    def __getstate__(self) -> dict[str, Any]:
        """Return what the neighbours are, rows of a network of single precision as such."""
        with np.errstate(over="ignore"):
            single = self.rows.astype(np.float32)
        return vars(self) | ({"rows": single} if np.array_equal(single, self.rows) else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, rows=state["rows"].astype(np.float64))

    @cached_property
    def nearest(self) -> float:
        """The weight of the nearest rows: 2 % of all, that of five distinct rows at the least.

        Examples
        --------
        >>> rows = np.random.default_rng(0).normal(size=(1000, 3))
        >>> (
        ...     Neighbours(rows, np.ones(1000)).nearest,
        ...     Neighbours(rows[:50], np.ones(50)).nearest,
        ... )
        (20.0, 5.0)
        """
        share = max(_SHARE, _FEWEST / len(np.unique(self.rows, axis=0)))
        return min(1.0, share) * float(self.weight.sum())

    def count_nearest(self) -> tuple[int, float]:
        """Return how many of the nearest rows there are at the most, and what they weigh."""
        least = self.nearest * (1 - _ROUNDING)
        most = int(np.searchsorted(np.cumsum(np.sort(self.weight)), least)) + 1
        return min(most, len(self.weight)), least


def choose_compared(
    weight: np.ndarray, n_features: int, most_values: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the rows that others are compared with: as many as bound time and memory.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)
        Weights; where not all rows are kept, they are drawn in proportion to them.
    n_features : int
        Values of each row.
    most_values : int
        Values of all rows that are chosen, at the most, if these are several.

    Returns
    -------
    index : ndarray of int
        The rows, at most 1024 of them.
    weight : ndarray
        What each of them counts.

    Examples
    --------
    >>> [
    ...     len(choose_compared(np.ones(5_000), n_features, 2**20)[0])
    ...     for n_features in (20, 4_096)
    ... ]
    [1024, 256]
    """
    most = min(_MOST_ROWS, max(1, most_values // n_features))
    if len(weight) <= most:
        return np.arange(len(weight)), weight
    index = choose_rows(len(weight), weight, None, most)
    return index, np.ones(len(index))
