"""Which of some rows are neighbours of others, and what their classes tell."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from sk_aecnn.nn._dense import batch_invariant_linear

# pairs of samples and rows at a time, and what the samples are a multiple of: kernels go by it
_PAIRS = 2**20
_BLOCK = 16


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
    >>> import torch
    >>> rows = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    >>> find_neighbours(rows, rows, torch.ones(3, dtype=torch.float64), 2, 2.0)
    tensor([1, 0, 1])
    """
    # up to what all rows have in common
    squares = rows.square().sum(1) - 2 * batch_invariant_linear(x, rows)
    index = squares.topk(most, largest=False).indices
    last = (weight[index].cumsum(1) < least).sum(1, keepdim=True)
    return index.gather(1, last.clamp_(max=most - 1)).squeeze(1)


class NeighbourClasses(nn.Module):
    """The classes of training rows nearby, joined with the probabilities of a network.

    A kernel estimate (Nadaraya 1964, "On estimating regression"; Watson 1964, "Smooth regression
    analysis") that begins from the probabilities p of the network instead of from nothing,

        (prior p + Σ_i k_i w_i y_i) / (prior + Σ_i k_i w_i),  k_i = exp(−|x − x_i| / length_scale),

    with weights w_i and classes y_i of rows x_i. Where none of these is near, p stays as it is.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features)
        Training rows, standardised and filled.
    classes : Tensor of shape (n_rows, n_classes)
        The weight of each row, at its class.
    length_scale : float
        Distance from which on a row counts for little.
    prior : float
        What the probabilities of the network count for, beside a row of weight one at the same
        place.

    Shape
    -----
    logarithms of probabilities, and result : (batch, n_classes); x : (batch, n_features)

    Examples
    --------
    >>> neighbours = NeighbourClasses(
    ...     torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]), 1.0, 1.0
    ... )
    >>> equal = torch.tensor([[0.5, 0.5]]).log()
    >>> neighbours(equal, torch.zeros(1, 2)).exp()
    tensor([[0.2500, 0.7500]])
    >>> neighbours(equal, torch.full((1, 2), 99.0)).exp()
    tensor([[0.5000, 0.5000]])
    """

    rows: Tensor
    classes: Tensor

    def __init__(self, rows: Tensor, classes: Tensor, length_scale: float, prior: float) -> None:
        super().__init__()
        self.register_buffer("rows", rows)
        self.register_buffer("classes", classes)
        self.length_scale = length_scale
        self.prior = prior

    def forward(self, log_probability: Tensor, x: Tensor) -> Tensor:
        n_rows = _BLOCK * max(1, _PAIRS // len(self.rows) // _BLOCK)
        near = torch.cat([self._near(part) for part in torch.split(x, n_rows)])
        total = self.prior + near.sum(1, keepdim=True)
        own = log_probability + log(self.prior)
        least = torch.finfo(near.dtype).tiny  # the logarithm of zero has no gradient
        joined = _log_of_sum(own, near.clamp_min(least).log())
        return joined.where(near >= least, own) - total.log()

    def _near(self, x: Tensor) -> Tensor:
        """Return what the rows that are near count for, at their classes."""
        similarity = torch.exp(distances(x, self.rows) / -self.length_scale)
        return batch_invariant_linear(similarity, self.classes.T.contiguous())


def _log_of_sum(first: Tensor, second: Tensor) -> Tensor:
    """Return the logarithm of the sum of what numbers are the logarithms of.

    `torch.logaddexp` computes the last few numbers of a tensor in another way than those before.
    """
    difference = (first - second).abs()
    return torch.maximum(first, second) + (-difference).exp().log1p()


def distances(x: Tensor, rows: Tensor) -> Tensor:
    """Return the Euclidean distances of samples from rows, (batch, n_rows), each for itself.

    Those of equal ones are zero.

    Examples
    --------
    >>> distances(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    tensor([[5., 0.]])
    """
    return torch.cdist(x, rows, compute_mode="donot_use_mm_for_euclid_dist")
