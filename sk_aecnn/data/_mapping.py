"""What a function makes of rows, batch after batch, in order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sk_aecnn._torch import keep_freed_memory
from sk_aecnn.data._rows import Rows, RowSubset

_INFERENCE_ROWS_TABLE = 1024
_INFERENCE_ROWS_SPATIAL = 128
_INFERENCE_VALUES = 2**20
_INFERENCE_MULTIPLE = 16


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
