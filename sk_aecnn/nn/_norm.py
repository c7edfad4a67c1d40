"""Batch normalisation that honours row weights and masks of positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn._processes import is_shared, sum_of_shares


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the channels, with weighted statistics.

    A row counts by its share of the weights (`weighted_batch_norm` says which), and a position as
    the mask says. Without both the output is that of `torch.nn.BatchNorm2d` and its siblings; the
    running variance is the biased one, and a single row is no error. Where processes share a batch,
    statistics are of all of it.

    Parameters
    ----------
    channels : int
        Size of axis 1.
    eps : float
        Added to the variance.

    Shape
    -----
    input, output : (batch, channels, *spatial); mask : (batch, 1, *spatial), 1 at positions that
    count, 0 elsewhere, or None where all count

    Examples
    --------
    >>> x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    >>> BatchNorm(3)(x).shape
    torch.Size([4, 3, 5, 5])
    """

    MOMENTUM = 0.1

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum = self.MOMENTUM
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.row_weight: Tensor | None = None

    def reset_parameters(self) -> None:
        """Set the parameters and the running statistics to those of the identity."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        self.running_mean.zero_()
        self.running_var.fill_(1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        row_weight = self.row_weight
        if row_weight is None and (mask is not None or is_shared()):
            row_weight = self.weight.new_ones(len(x))
        if row_weight is None:
            output, mean, var = self._normalise(x)
        else:
            output, mean, var = self._normalise_weighted(x, row_weight, mask)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var, self.momentum)
        return output

    def _normalise(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output, mean, inverse_std = torch.native_batch_norm(
            x, self.weight, self.bias, None, None, True, 0.0, self.eps
        )
        return output, mean.detach(), inverse_std.detach().pow(-2) - self.eps

    def _normalise_weighted(
        self, x: Tensor, row_weight: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        with torch.autocast(x.device.type, enabled=False):  # statistics need every bit
            output, mean, var = self._weigh(x.to(self.weight.dtype), row_weight, mask)
        return output.to(x.dtype), mean, var

    def _weigh(
        self, x: Tensor, row_weight: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        weight = row_weight if mask is None else row_weight * mask.flatten(1).mean(1)
        total, n_rows = sum_of_shares(
            torch.stack([weight.sum(), row_weight.new_tensor(len(row_weight))])
        )
        share = torch.where(total > 0, row_weight / total, 1 / n_rows)
        mean = sum_of_shares(share @ _mean_of_rows(x, mask))
        per_channel = (1, -1) + (1,) * (x.ndim - 2)
        centred = x - mean.view(per_channel)
        var = sum_of_shares(share @ _mean_of_rows(centred.square(), mask))
        gain = self.weight * torch.rsqrt(var + self.eps)
        output = centred * gain.view(per_channel) + self.bias.view(per_channel)
        return output, mean.detach(), var.detach()


def _mean_of_rows(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean over all positions, (batch, channels), zero taken for masked ones."""
    if x.ndim == 2:
        return x
    return (x if mask is None else x * mask).flatten(2).mean(2)
