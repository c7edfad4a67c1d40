"""Rows in, batches out: for training in random order, for inference in fixed sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

Batch = tuple[Any, Tensor]

_MAX_INFERENCE_ROWS = 128
_MIN_INFERENCE_ROWS = 8
_INFERENCE_VALUES = 2**20
_CHUNK_VALUES = 2**17


class RowDataset(Dataset[Batch]):
    """Rows with their targets and weights, gathered a batch at a time.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Rows in the dtype the user passed; never copied as a whole.
    y : Tensor of shape (n_samples,) or None
        Targets; ``None`` makes each row its own target.
    row_weight : Tensor of shape (n_samples,) or None
        Weights of mean one.

    Examples
    --------
    >>> data = RowDataset(torch.arange(6).reshape(3, 2))
    >>> data.gather(torch.tensor([2, 0]))[0]
    tensor([[4, 5],
            [0, 1]])
    """

    def __init__(
        self, X: Tensor, y: Tensor | None = None, row_weight: Tensor | None = None
    ) -> None:
        self.X = X
        self.y = y
        self.row_weight = row_weight

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index: int) -> Batch:
        rows, target = self.gather(torch.tensor([index]))
        return rows, target[0]

    def gather(self, index: Tensor) -> Batch:
        """Return the rows at ``index`` as skorch expects a batch: (network inputs, targets)."""
        rows = self.X.index_select(0, index)
        target = rows if self.y is None else self.y.index_select(0, index)
        if self.row_weight is None:
            return rows, target
        return {"rows": rows, "row_weight": self.row_weight.index_select(0, index)}, target


class BatchIterator:
    """Iterate over the batches of a dataset, in a random order drawn from an own stream.

    Parameters
    ----------
    dataset : RowDataset or Subset of one
        The rows.
    batch_size : int
        Rows in a batch. A last batch of a single row is merged into the one before: statistics
        over a batch need more than one row.
    generator : torch.Generator or None
        Stream that the order is drawn from; ``None`` keeps the order of the rows.
    """

    def __init__(
        self,
        dataset: RowDataset | Subset[Batch],
        batch_size: int,
        generator: torch.Generator | None = None,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        return len(self._bounds())

    def __iter__(self) -> Iterator[Batch]:
        source, indices = _resolve(self.dataset)
        bounds = self._bounds()
        if self.generator is not None and len(bounds) > 1:
            indices = indices[torch.randperm(len(indices), generator=self.generator)]
        for start, stop in bounds:
            yield source.gather(indices[start:stop])

    def _bounds(self) -> list[tuple[int, int]]:
        n_rows = len(self.dataset)
        starts = list(range(0, n_rows, self.batch_size))
        if len(starts) > 1 and n_rows - starts[-1] == 1:
            starts.pop()
        return list(zip(starts, [*starts[1:], n_rows], strict=True))


def _resolve(dataset: Any) -> tuple[RowDataset, Tensor]:
    """Follow subsets of subsets down to the rows."""
    if isinstance(dataset, Subset):
        source, indices = _resolve(dataset.dataset)
        return source, indices[torch.as_tensor(dataset.indices)]
    return dataset, torch.arange(len(dataset))


def inference_batch_size(n_features: int) -> int:
    """Return the number of rows of every inference batch, a power of two set by the row's size."""
    rows = max(_MIN_INFERENCE_ROWS, min(_MAX_INFERENCE_ROWS, _INFERENCE_VALUES // n_features))
    return 1 << (rows.bit_length() - 1)


@torch.inference_mode()
def map_rows(
    function: Callable[[Tensor], Tensor], rows: Tensor, device: torch.device, batch_size: int
) -> np.ndarray:
    """Apply a network to rows in batches of one fixed size and collect the results.

    The last batch is padded with zeros to the size of the others, so that a row's result does not
    depend, to the last bit, on which rows came with it: kernels choose their order of summation by
    the size of the batch.

    Parameters
    ----------
    function : callable
        Maps (batch, n_features) to (batch, ...), each row for itself.
    rows : Tensor of shape (n_samples, n_features)
        The rows, of any dtype.
    device : torch.device
        Where ``function`` computes.
    batch_size : int
        The size, as `inference_batch_size` gives it for the samples.

    Returns
    -------
    ndarray of shape (n_samples, ...)
    """
    result: np.ndarray | None = None
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        n_rows = len(batch)
        if n_rows < batch_size:
            batch = torch.cat([batch, batch.new_zeros(batch_size - n_rows, batch.shape[1])])
        output = function(batch.to(device))[:n_rows].cpu().numpy()
        if result is None:
            result = np.empty((len(rows), *output.shape[1:]), dtype=output.dtype)
        result[start : start + n_rows] = output
    assert result is not None, "validated rows are never empty"
    return result


def chunks(rows: Tensor) -> Iterator[slice]:
    """Cut rows into slices of a bounded number of values, to bound the memory of a pass."""
    size = max(1, _CHUNK_VALUES // rows.shape[1])
    for start in range(0, len(rows), size):
        yield slice(start, min(start + size, len(rows)))
