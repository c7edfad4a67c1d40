"""Rows: dense, sparse or of a table with categories, alike to whoever takes some of them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import torch
from torch import Tensor

from sk_aecnn._torch import as_tensor

_CHUNK_VALUES = 2**18


class SparseRows:
    """The rows of a sparse matrix, which become dense as they are taken out.

    It has what is asked of a two-dimensional tensor of rows here, and no more.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array or csr_matrix of shape (n_samples, n_features)
        The rows; never made dense as a whole.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> SparseRows(csr_array([[0, 2], [1, 0], [0, 0]]))[1:]
    tensor([[1, 0],
            [0, 0]])
    """

    def __init__(self, matrix: Any) -> None:
        if not matrix.has_canonical_format:
            matrix = matrix.copy()  # or scipy sorts and sums in place, in the user's matrix
            matrix.sum_duplicates()
        self.matrix = matrix
        self.shape: tuple[int, int] = matrix.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        return as_tensor(self.matrix[rows].toarray())

    def index_select(self, axis: int, index: Tensor) -> Tensor:
        """Return the rows at ``index``, dense; ``axis`` is 0."""
        return as_tensor(self.matrix[index.numpy()].toarray())

    def copy(self) -> SparseRows:
        """Return the same in memory of its own."""
        return SparseRows(self.matrix.copy())

    def min(self) -> float:
        """Return the smallest value."""
        return float(self.matrix.min())

    def max(self) -> float:
        """Return the largest value."""
        return float(self.matrix.max())


class FeatureIndex:
    """Which features the columns of a table have: a number has one, a category one for each value.

    Parameters
    ----------
    n_categories : tuple of int
        The categories of each column, 0 for numbers.

    Attributes
    ----------
    numbers, categories : Tensor, int64
        The columns of either kind.
    number_features, starts : Tensor, int64
        The feature of each number, and the first one of each category.
    features, group : Tensor, int64
        The features of all categories, and which of these each is of.
    n_features : int
        Number of features.

    Examples
    --------
    >>> index = FeatureIndex((0, 3, 2))
    >>> index.features, index.group
    (tensor([1, 2, 3, 4, 5]), tensor([0, 0, 0, 1, 1]))
    """

    def __init__(self, n_categories: tuple[int, ...]) -> None:
        self.n_categories = n_categories
        counts = torch.tensor(n_categories)
        sizes = counts.clamp_min(1)
        starts = sizes.cumsum(0) - sizes
        self.n_features = int(sizes.sum())
        self.numbers, self.categories = torch.where(counts == 0)[0], torch.where(counts > 0)[0]
        self.number_features, self.starts = starts[self.numbers], starts[self.categories]
        self.sizes = counts[self.categories]
        self.group = torch.arange(len(self.sizes)).repeat_interleave(self.sizes)
        within = torch.arange(len(self.group)) - (self.sizes.cumsum(0) - self.sizes)[self.group]
        self.features = self.starts[self.group] + within


class TableRows:
    """The rows of a table with categories, which get a feature for each as they are taken out.

    A category is one of its features, the others of its column are zero; where it is missing, all
    of them are NaN.

    Parameters
    ----------
    matrix : Tensor of shape (n_samples, n_columns)
        Numbers, and codes of categories; NaN for what is missing.
    n_categories : tuple of int
        The categories of each column, 0 for numbers.

    Examples
    --------
    >>> rows = TableRows(torch.tensor([[0.5, 1.0], [torch.nan, 0.0]]), (0, 3))
    >>> rows[:2]
    tensor([[0.5000, 0.0000, 1.0000, 0.0000],
            [   nan, 1.0000, 0.0000, 0.0000]])
    """

    def __init__(self, matrix: Tensor, n_categories: tuple[int, ...]) -> None:
        self.matrix = matrix
        self.index = FeatureIndex(n_categories)
        self.shape = (len(matrix), self.index.n_features)

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, rows: slice) -> Tensor:
        return self._expand(self.matrix[rows])

    def index_select(self, axis: int, index: Tensor) -> Tensor:
        """Return the rows at ``index``; ``axis`` is 0."""
        return self._expand(self.matrix.index_select(0, index))

    def copy(self) -> TableRows:
        """Return the same in memory of its own."""
        return self._with(self.matrix.clone())

    def choose(self, kept: Tensor) -> TableRows:
        """Return the rows where ``kept`` is true."""
        return self._with(self.matrix[kept])

    def _with(self, matrix: Tensor) -> TableRows:
        """Return other rows of the same table."""
        other = copy(self)
        other.matrix, other.shape = matrix, (len(matrix), self.index.n_features)
        return other

    @property
    def numbers(self) -> Tensor:
        """The columns of numbers."""
        return self.matrix[:, self.index.numbers]

    def _expand(self, matrix: Tensor) -> Tensor:
        index = self.index
        rows = matrix.new_zeros(len(matrix), index.n_features)
        rows[:, index.number_features] = matrix[:, index.numbers]
        codes = matrix[:, index.categories]
        missing = codes.isnan()
        rows.scatter_(1, index.starts + codes.masked_fill(missing, 0).long(), 1.0)
        if missing.any():
            unknown = missing.index_select(1, index.group)
            rows[:, index.features] = rows[:, index.features].masked_fill(unknown, torch.nan)
        return rows


Rows = Tensor | SparseRows | TableRows


class RowSubset:
    """Some of the rows, taken out when they are asked for.

    Parameters
    ----------
    rows : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
        All rows.
    index : Tensor of shape (n_chosen,)
        Which.
    """

    def __init__(self, rows: Rows, index: Tensor) -> None:
        self.rows = rows
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, chosen: slice) -> Tensor:
        return self.rows.index_select(0, self.index[chosen])


def has_missing(rows: Rows) -> bool:
    """Tell whether a value is NaN."""
    if isinstance(rows, SparseRows):
        return False
    matrix = rows.matrix if isinstance(rows, TableRows) else rows
    if not matrix.is_floating_point():
        return False
    return any(bool(matrix[chunk].isnan().any()) for chunk in chunks(matrix))


def chunks(rows: Rows) -> Iterator[slice]:
    """Cut rows into slices of a bounded number of values, to bound the memory of a pass."""
    size = max(1, _CHUNK_VALUES // rows.shape[1])
    for start in range(0, len(rows), size):
        yield slice(start, min(start + size, len(rows)))
