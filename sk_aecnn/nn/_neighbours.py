"""Which of some rows is a neighbour of others."""

from __future__ import annotations

from torch import Tensor

from sk_aecnn.nn._dense import batch_invariant_linear


def find_neighbours(x: Tensor, rows: Tensor, weight: Tensor, most: int, least: float) -> Tensor:
    """Return the last one of the nearest rows that have a given weight together, (batch,).

    Parameters
    ----------
    x : Tensor of shape (batch, n_features), float64
        Samples, each of which is looked at for itself.
    rows : Tensor of shape (n_rows, n_features), float64
        Rows to choose from.
    weight : Tensor of shape (n_rows,), float64
        Their weights.
    most : int
        The most rows that it takes.
    least : float
        The weight that the nearest ones have together at the least.

    Examples
    --------
    >>> rows = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    >>> find_neighbours(rows, rows, torch.ones(3, dtype=torch.float64), 2, 2.0)
    tensor([1, 0, 1])
    """
    # up to what all rows have in common
    squares = rows.square().sum(1) - 2 * batch_invariant_linear(x, rows)
    index = squares.topk(most, largest=False).indices
    last = (weight[index].cumsum(1) < least).sum(1, keepdim=True)
    return index.gather(1, last.clamp_(max=most - 1)).squeeze(1)
