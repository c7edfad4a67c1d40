"""Which of some rows is a neighbour of others."""

from __future__ import annotations

import torch
from torch import Tensor

from sk_aecnn.nn._dense import batch_invariant_linear

# of a sum of weights, relative
_ROUNDING = 1e-12


def find_neighbours(x: Tensor, rows: Tensor, weight: Tensor, nearest: float) -> Tensor:
    """Return the last one of the nearest rows that have a given weight together, (batch,).

    Parameters
    ----------
    x : Tensor of shape (batch, n_features), float64
        Samples, each of which is looked at for itself.
    rows : Tensor of shape (n_rows, n_features), float64
        Rows to choose from.
    weight : Tensor of shape (n_rows,), float64
        Their weights.
    nearest : float
        The weight that the nearest ones have together.

    Examples
    --------
    >>> rows = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    >>> find_neighbours(rows, rows, torch.ones(3, dtype=torch.float64), 2)
    tensor([1, 0, 1])
    """
    # up to what all rows have in common
    squares = rows.square().sum(1) - 2 * batch_invariant_linear(x, rows)
    least = nearest * (1 - _ROUNDING)
    # of the lightest ones it takes the most
    most = int(torch.searchsorted(weight.sort().values.cumsum(0), least)) + 1
    index = squares.topk(min(most, len(weight)), largest=False).indices
    last = (weight[index].cumsum(1) < least).sum(1, keepdim=True)
    return index.gather(1, last.clamp_(max=index.shape[1] - 1)).squeeze(1)
