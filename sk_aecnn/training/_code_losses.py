"""What codes are charged for: many active units, or the distance from a prior."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sk_aecnn.nn import divergence_from_normal
from sk_aecnn.training._objective import Outputs, mean_of_rows


class SparsityPenalty(nn.Module):
    r"""The sparseness of codes, from 0 (one unit alone is active) to 1 (all are alike).

    :math:`(\lVert z \rVert_1 / \lVert z \rVert_2 - 1) / (\sqrt k - 1)` for a code :math:`z` of
    :math:`k` numbers, one minus the sparseness of Hoyer (2004, "Non-negative matrix factorization
    with sparseness constraints", sec. 3.1). It does not change when a code is multiplied by a
    constant, so it cannot be made small by shrinking the code.

    Shape
    -----
    code : (batch, encoding_dim); row_weight : (batch,) or None; result : ()

    Examples
    --------
    >>> penalty = SparsityPenalty()
    >>> penalty({"code": torch.eye(4)}), penalty({"code": torch.ones(3, 4)})
    (tensor(0.), tensor(1.))
    """

    def forward(self, outputs: Outputs, y: Any = None, row_weight: Tensor | None = None) -> Tensor:
        """Return the mean over the rows of a batch."""
        code = outputs["code"]
        norm = (code.square().sum(1) + torch.finfo(code.dtype).tiny).sqrt()
        most = (code.shape[1] ** 0.5 - 1) or 1.0
        losses = ((code.abs().sum(1) / norm).clamp_min(1) - 1) / most
        return mean_of_rows(losses, row_weight)


class DivergenceLoss(nn.Module):
    """The divergence of the codes from the prior, in nats per feature.

    Parameters
    ----------
    n_features : int
        Number of values in a sample.
    warm_up : float
        Share of training over which the loss rises to its full size, linearly.

    Attributes
    ----------
    progress : float
        Share of training that is done; set by whoever trains.

    Shape
    -----
    mean, deviation : (batch, encoding_dim); row_weight : (batch,) or None; result : ()
    """

    def __init__(self, n_features: int, warm_up: float) -> None:
        super().__init__()
        self.n_features = n_features
        self.warm_up = warm_up
        self.progress = 1.0

    def forward(self, outputs: Outputs, y: Any = None, row_weight: Tensor | None = None) -> Tensor:
        """Return the divergence of a batch, times the share that warm-up has reached."""
        losses = divergence_from_normal(outputs["mean"], outputs["deviation"]).sum(1)
        mean = mean_of_rows(losses, row_weight)
        share = 1.0
        if self.training and self.warm_up > 0:
            share = min(1.0, self.progress / self.warm_up)
        return share * mean / self.n_features
