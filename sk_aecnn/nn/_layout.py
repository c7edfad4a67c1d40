"""Between the user's rows and the network's tensors: scaling and the order of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from sk_aecnn.data._rows import Rows, chunks


@dataclass(frozen=True)
class Moments:
    """Weighted moments of every feature, in float64, each of shape (n_features,)."""

    mean: Tensor
    var: Tensor
    low: Tensor
    high: Tensor
    n_rows: int


@np.errstate(over="ignore", invalid="ignore")
def column_moments(rows: Rows, row_weight: Tensor | None = None) -> Moments:
    """Compute the moments of every feature in one pass over the rows.

    The means and variances of the chunks are merged by the update of Chan, Golub and LeVeque (1983,
    "Algorithms for computing the sample variance", eq. 2.1), which stays exact under large offsets.
    In numpy: for passes as short as these, torch's threads cost more than they save.

    Parameters
    ----------
    rows : Tensor or SparseRows of shape (n_samples, n_features)
        The rows, of any dtype.
    row_weight : Tensor of shape (n_samples,) or None
        Weights.
    """
    n_features = rows.shape[1]
    total, mean, squares = 0.0, np.zeros(n_features), np.zeros(n_features)
    low = np.full(n_features, np.inf)
    high = -low
    for chunk in chunks(rows):
        values = rows[chunk].numpy()
        low, high = np.minimum(low, values.min(0)), np.maximum(high, values.max(0))
        x = values.astype(np.float64)
        w = np.ones(len(x))
        if row_weight is not None:
            w[:] = row_weight[chunk].numpy()
        chunk_total = float(w.sum())
        chunk_mean = w @ x / chunk_total
        x -= chunk_mean
        chunk_squares = w @ np.square(x, out=x)
        delta, merged = chunk_mean - mean, total + chunk_total
        squares += chunk_squares + np.square(delta) * (total * chunk_total / merged)
        mean += delta * (chunk_total / merged)
        total = merged
    # of a constant, the mean and the variance are known without rounding
    varies = high > low
    found = np.where(varies, mean, low), np.where(varies, squares / total, 0.0), low, high
    mean_, var, low_, high_ = map(torch.from_numpy, found)
    return Moments(mean_, var, low_, high_, len(rows))


def fit_scaling(moments: Moments, scaling: str | None, channel: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the scale that standardise every feature.

    Parameters
    ----------
    moments : Moments
        Of the training rows.
    scaling : {"feature", "shared"} or None
        Whether each feature has a mean and a scale of its own, or all features of a channel have
        them together, those of a table the scale alone; ``None`` standardises nothing.
    channel : Tensor of shape (n_features,)
        The channel each feature belongs to; the features of a table are a channel each.

    Returns
    -------
    mean, scale : Tensor of shape (n_features,), float64
    """
    if scaling is None:
        return torch.zeros_like(moments.mean), torch.ones_like(moments.mean)
    if scaling == "feature":
        return moments.mean, _without_zeros(moments.var.sqrt(), moments)
    if _is_table(channel):
        scale = moments.var.mean().sqrt().expand_as(moments.var)
        return moments.mean, _without_zeros(scale, moments)
    return _pool(moments, channel)


def _is_table(channel: Tensor) -> bool:
    return int(channel.max()) + 1 == len(channel)


def _pool(moments: Moments, channel: Tensor) -> tuple[Tensor, Tensor]:
    """Give all positions of a channel one mean and one scale."""
    n_channels = int(channel.max()) + 1
    count = torch.zeros(n_channels).double().index_add_(0, channel, torch.ones_like(moments.mean))

    def average(values: Tensor) -> Tensor:
        return (torch.zeros_like(count).index_add_(0, channel, values) / count)[channel]

    mean = average(moments.mean)
    scale = average(moments.var + (moments.mean - mean).square()).sqrt()
    return mean, _without_zeros(scale, moments)


def _without_zeros(scale: Tensor, moments: Moments) -> Tensor:
    """Put one for scales that are nothing but the rounding error of a constant feature."""
    eps = torch.finfo(torch.float64).eps
    rounding = moments.n_rows * eps * moments.mean.abs()
    return torch.where(scale > rounding.clamp_min(torch.finfo(torch.float64).tiny), scale, 1.0)


class InputLayout(nn.Module):
    """Rows as the user has them to standardised tensors as the network wants them, and back.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample.
    channel_axis : int or None
        The axis of ``shape`` that holds the channels.
    mean, scale : Tensor of shape (n_features,), float64
        Constants of the standardisation ``(x - mean) / scale``.
    dtype : torch.dtype
        Precision of the network.

    Shape
    -----
    rows : (batch, n_features), any dtype; result : (batch, channels, *spatial)

    Examples
    --------
    >>> layout = InputLayout(
    ...     (4, 6, 3), 2, torch.zeros(72).double(), torch.ones(72).double()
    ... )
    >>> layout(torch.zeros(5, 72, dtype=torch.uint8)).shape
    torch.Size([5, 3, 4, 6])
    """

    def __init__(
        self,
        shape: Sequence[int],
        channel_axis: int | None,
        mean: Tensor,
        scale: Tensor,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channel_axis = channel_axis
        self.dtype = dtype
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", mean.to(dtype))
        self.register_buffer("gain", (1 / scale).to(dtype))
        self.mean: Tensor
        self.scale: Tensor
        self.shift: Tensor
        self.gain: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        return self.arrange(self.standardise(rows))

    def standardise(self, rows: Tensor) -> Tensor:
        """Scale rows; double precision input is centred in double precision."""
        if rows.dtype == torch.float64:
            return ((rows - self.mean) / self.scale).to(self.dtype)
        return (rows.to(self.dtype) - self.shift).mul_(self.gain)

    def restore(self, rows: Tensor) -> Tensor:
        """Undo `standardise`, in the precision of the network."""
        return (rows * self.scale + self.mean).to(self.dtype)

    def arrange(self, rows: Tensor) -> Tensor:
        """Order the axes of flat rows as the network wants them."""
        if len(self.shape) == 1 and self.channel_axis == 0:
            return rows
        x = rows.view(len(rows), *self.shape)
        x = x.unsqueeze(-1) if self.channel_axis is None else x.movedim(self.channel_axis + 1, -1)
        if x.ndim != 4:
            return x.movedim(-1, 1).contiguous()
        # the view writes the strides anew: kernels go by them, also by those of a single channel
        return x.contiguous().flatten().view(x.shape).movedim(-1, 1)

    def flatten(self, x: Tensor) -> Tensor:
        """Undo `arrange`."""
        if self.channel_axis is not None:
            x = x.movedim(1, self.channel_axis + 1)
        return x.reshape(len(x), prod(self.shape))
