"""How rare values are by themselves."""

from __future__ import annotations

from torch import Tensor


def surprisal_of_values(x: Tensor, low: Tensor, step: Tensor, share: Tensor) -> Tensor:
    """Return minus the logarithm of the frequency of values, (batch, n_features).

    It is 0 where the frequency is largest, and where nothing is known.

    Parameters
    ----------
    x : Tensor of shape (batch, n_features), float64
        Samples, NaN where nothing is known.
    low, step : Tensor of shape (n_features,), float64
        Where the first knot is, and how far it is to the next one.
    share : Tensor of shape (n_knots, n_features)
        Frequencies at the knots, as shares of the largest one. Between knots they are along a line.

    Examples
    --------
    >>> import torch
    >>> share = torch.tensor([[0.25], [1.0], [0.5]]).double()
    >>> low, step = torch.zeros(1).double(), torch.ones(1).double()
    >>> x = torch.tensor([[-7.0], [0.0], [1.0], [1.5], [2.0], [torch.nan]]).double()
    >>> surprisal_of_values(x, low, step, share).exp()[:, 0]
    tensor([4.0000, 4.0000, 1.0000, 1.3333, 2.0000, 1.0000], dtype=torch.float64)
    """
    last = len(share) - 1
    place = ((x - low) / step).clamp(0, last)
    knot = place.nan_to_num(0).long().clamp_(max=last - 1)
    below, above = (share.gather(0, one).to(x.dtype) for one in (knot, knot + 1))
    between = below.lerp(above, place - knot)
    return -between.log().nan_to_num(0)
