"""Batches of rows for training, in random order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from sk_aecnn.data._rows import Rows

Batch = tuple[Any, Tensor]


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
