"""Rows in, batches out: for training in random order, for inference in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from sk_aecnn._torch import as_tensor, keep_freed_memory

Batch = tuple[Any, Tensor]

_INFERENCE_ROWS_TABLE = 1024
_INFERENCE_ROWS_SPATIAL = 128
_INFERENCE_VALUES = 2**20
_INFERENCE_MULTIPLE = 16
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
        if (
            not matrix.has_canonical_format
        ):  # or scipy sorts and sums in place, in the user's matrix
            matrix = matrix.copy()
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

    def choose(self, kept: Tensor) -> TableRows:
        """Return the rows where ``kept`` is true."""
        return TableRows(self.matrix[kept], self.index.n_categories)

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


class RowDataset(Dataset[Batch]):
    """Rows with their targets and weights, gathered a batch at a time.

    Parameters
    ----------
    X : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
        Rows in the dtype the user passed; never copied as a whole.
    y : Tensor of shape (n_samples,) or (n_samples, n_targets) or None
        Targets; ``None`` makes each row its own target.
    row_weight : Tensor of shape (n_samples,) or None
        Weights of mean one.
    labeled : Tensor of shape (n_samples,), bool, or None
        Which rows have a target; ``None`` where all have.
    fold : Tensor of shape (n_samples,), int64, or None
        The member of an ensemble that each row is held out from.

    Examples
    --------
    >>> data = RowDataset(torch.arange(6).reshape(3, 2))
    >>> data.gather(torch.tensor([2, 0]))[0]
    tensor([[4, 5],
            [0, 1]])
    """

    def __init__(
        self,
        X: Rows,
        y: Tensor | None = None,
        row_weight: Tensor | None = None,
        labeled: Tensor | None = None,
        fold: Tensor | None = None,
    ) -> None:
        self.X = X
        self.y = y
        self.row_weight = row_weight
        self.labeled = labeled
        self.fold = fold

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index: int) -> Batch:
        rows, target = self.gather(torch.tensor([index]))
        return rows, target[0]

    def gather(self, index: Tensor) -> Batch:
        """Return the rows at ``index`` as skorch expects a batch: (network inputs, targets)."""
        rows = self.X.index_select(0, index)
        target = rows if self.y is None else self.y.index_select(0, index)
        inputs = {"rows": rows}
        if self.row_weight is not None:
            inputs["row_weight"] = self.row_weight.index_select(0, index)
        if self.labeled is not None:
            inputs["labeled"] = self.labeled.index_select(0, index)
        if self.fold is not None:
            inputs["fold"] = self.fold.index_select(0, index)
        return (inputs if len(inputs) > 1 else rows), target


# what batches are taken from
BatchSource = RowDataset | Subset[Batch]


class BatchIterator:
    """Iterate over the batches of a dataset, in a random order drawn from a generator of its own.

    Where some rows have no target, an epoch is one pass over those, and each of its batches is
    joined by rows that have one, at least half as many: all of them in turn, over and over.

    Parameters
    ----------
    dataset : RowDataset or Subset of one
        The rows.
    batch_size : int
        Rows in a batch. A last batch of a single row is merged into the one before: statistics
        over a batch need more than one row.
    generator : torch.Generator or None
        Stream that the order is drawn from; ``None`` keeps the order of the rows.

    Attributes
    ----------
    share : slice
        The rows of every batch that are taken out, all of them at first.
    """

    def __init__(
        self,
        dataset: BatchSource,
        batch_size: int,
        generator: torch.Generator | None = None,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.share = slice(None)

    def __len__(self) -> int:
        _, passed, _ = self._parts()
        return len(self._bounds(len(passed)))

    def __iter__(self) -> Iterator[Batch]:
        source, passed, joined = self._parts()
        bounds = self._bounds(len(passed))
        if self.generator is not None and len(bounds) > 1:
            passed = passed[torch.randperm(len(passed), generator=self.generator)]
        size = self._n_joining(len(joined), len(bounds))
        turns = _in_turn(joined, size, self.generator)
        for start, stop in bounds:
            index = passed[start:stop]
            index = torch.cat([next(turns), index]) if size else index
            yield source.gather(index[self.share])

    def sizes(self) -> Iterator[int]:
        """Return the rows of each batch, those of all shares."""
        _, passed, joined = self._parts()
        bounds = self._bounds(len(passed))
        size = self._n_joining(len(joined), len(bounds))
        return iter([stop - start + size for start, stop in bounds])

    def _n_joining(self, n_labeled: int, n_batches: int) -> int:
        """Return how many rows that have a target join each batch of those that have none."""
        return min(max(self.batch_size // 2, -(-n_labeled // n_batches)), n_labeled)

    def _parts(self) -> tuple[RowDataset, Tensor, Tensor]:
        """Return the rows, the indices that an epoch passes once, and those that join them."""
        source, indices = resolve(self.dataset)
        if self.generator is None or source.labeled is None:
            return source, indices, indices[:0]
        labeled = source.labeled[indices]
        if labeled.all():
            return source, indices, indices[:0]
        return source, indices[~labeled], indices[labeled]

    def _bounds(self, n_rows: int) -> list[tuple[int, int]]:
        starts = list(range(0, n_rows, self.batch_size))
        if len(starts) > 1 and n_rows - starts[-1] == 1:
            starts.pop()
        return list(zip(starts, [*starts[1:], n_rows], strict=True))


def _in_turn(indices: Tensor, size: int, generator: torch.Generator | None) -> Iterator[Tensor]:
    """Draw ``size`` different indices at a time, in one random order after another, without end."""
    while True:
        order = indices[torch.randperm(len(indices), generator=generator)]
        for start in range(0, len(order) - size + 1, size):
            yield order[start : start + size]


def resolve(dataset: Any) -> tuple[RowDataset, Tensor]:
    """Follow subsets of subsets down to the rows."""
    if isinstance(dataset, Subset):
        source, indices = resolve(dataset.dataset)
        return source, indices[torch.as_tensor(dataset.indices, dtype=torch.long)]
    return dataset, torch.arange(len(dataset))


def without_targets(dataset: BatchSource) -> BatchSource:
    """Return the rows of a dataset, or of a subset of one, as their own targets."""
    source, indices = resolve(dataset)
    alone = RowDataset(source.X, None, source.row_weight)
    return alone if len(indices) == len(source) else Subset(alone, indices.tolist())


def inference_batch_size(n_features: int, spatial: bool) -> int:
    """Return the most rows of an inference batch: fewer where samples are large, or spatial."""
    most = _INFERENCE_ROWS_SPATIAL if spatial else _INFERENCE_ROWS_TABLE
    n_blocks = min(most, _INFERENCE_VALUES // n_features) // _INFERENCE_MULTIPLE
    return max(1, n_blocks) * _INFERENCE_MULTIPLE


@torch.inference_mode()
def map_rows(
    function: Callable[[Tensor], Tensor],
    rows: Rows | RowSubset,
    device: torch.device,
    batch_size: int,
) -> np.ndarray:
    """Apply a network to rows in batches and collect the results.

    Every batch is padded with zeros to a multiple of sixteen rows, so that a row's result does not
    depend on which rows came with it: the kernels for a few rows, and for what is left over, sum in
    another order than those for whole blocks of rows.

    Parameters
    ----------
    function : callable
        Maps (batch, n_features) to (batch, ...), each row for itself.
    rows : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
        The rows, of any dtype.
    device : torch.device
        Where ``function`` computes.
    batch_size : int
        The most rows of a batch, as `inference_batch_size` gives it.

    Returns
    -------
    ndarray of shape (n_samples, ...)
    """
    n_rows = len(rows)
    if n_rows <= batch_size:
        return _map_batch(function, rows[:n_rows], device)
    keep_freed_memory()
    first = _map_batch(function, rows[:batch_size], device)
    result = np.empty((n_rows, *first.shape[1:]), dtype=first.dtype)
    result[:batch_size] = first
    for start in range(batch_size, n_rows, batch_size):
        stop = min(start + batch_size, n_rows)
        result[start:stop] = _map_batch(function, rows[start:stop], device)
    return result


def _map_batch(
    function: Callable[[Tensor], Tensor], batch: Tensor, device: torch.device
) -> np.ndarray:
    n_rows, n_features = batch.shape
    missing = -n_rows % _INFERENCE_MULTIPLE
    if missing:
        batch = torch.cat([batch, batch.new_zeros(missing, n_features)])
    output: np.ndarray = function(batch.to(device)).cpu().numpy()
    return output[:n_rows]


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
