"""Between the user's rows and the network's tensors: scaling and the order of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sk_aecnn.data._rows import FeatureIndex, Rows, chunks
from sk_aecnn.nn._conditional_mean import ConditionalMean

# of the mean of equal means, which differs from them by as many units in the last place
_ROUNDING_OF_MEANS = 8.0
# double precision from here on is summed up from an origin, up to what is no offset any more
_FAR_SUMS = 2.0**32
_LARGEST_ORIGIN = 2.0**100
# types with more digits than single precision
_NEED_DOUBLE = frozenset({torch.float64, torch.int32, torch.uint32})
# integers from here on are not all told apart in double precision
_DOUBLE_DIGITS = 2.0**52
# distances from zero, in standard deviations, from which single precision rounds what is centred
_FAR_FROM_ZERO = 2.0**10


@dataclass(frozen=True)
class Moments:
    """Weighted moments of every feature, in float64, each of shape (n_features,).

    Attributes
    ----------
    mean, var, low, high : Tensor
        Mean, variance, least and largest value.
    origin, offset : Tensor
        Two parts of the mean, the first a whole number: of integers that double precision cannot
        tell apart, their sum has fewer digits than they have.
    extent : Tensor
        The largest value minus the least.
    known : Tensor
        Share of the weight of the rows in which the feature is not missing (NaN).
    """

    mean: Tensor
    var: Tensor
    low: Tensor
    high: Tensor
    origin: Tensor
    offset: Tensor
    extent: Tensor
    known: Tensor

    def choose(self, features: Tensor) -> Moments:
        """Return the moments of some of the features."""
        return Moments(*(getattr(self, field.name)[features] for field in fields(self)))


def subtract_exactly(integers: Tensor, origin: Tensor) -> Tensor:
    """Return 64-bit integers minus whole numbers, in float64: no digit of a small result is lost.

    Both are taken apart into their upper and lower 32 bits, which float64 holds exactly.

    Examples
    --------
    >>> subtract_exactly(torch.tensor([2**60 + 1]), torch.tensor([2.0**60]).double())
    tensor([1.], dtype=torch.float64)
    """
    bits = integers.view(torch.int64)
    upper = bits >> 32
    if integers.dtype == torch.uint64:
        upper = upper & 0xFFFFFFFF
    origin_upper = (origin / 2.0**32).floor()
    lower_difference = (bits & 0xFFFFFFFF).double() - (origin - origin_upper * 2.0**32)
    return (upper.double() - origin_upper) * 2.0**32 + lower_difference


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
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
    total: Any = 0.0
    weights, mean, squares = 0.0, np.zeros(n_features), np.zeros(n_features)
    low = np.full(n_features, np.inf)
    high = -low
    origin = _find_origin(rows)
    has_origin = bool(origin.any())
    for chunk in chunks(rows):
        values = rows[chunk]
        if _is_wide(values):
            x = subtract_exactly(values, origin).numpy()
        elif has_origin:
            x = (values - origin).numpy()
        else:
            x = values.numpy()
        low, high = np.fmin(low, np.fmin.reduce(x)), np.fmax(high, np.fmax.reduce(x))
        x = x.astype(np.float64)
        w = np.ones(len(x))
        if row_weight is not None:
            w[:] = row_weight[chunk].numpy()
        weights += float(w.sum())
        chunk_total, chunk_mean, chunk_squares = _chunk_moments(x, w)
        delta, merged = chunk_mean - mean, total + chunk_total
        some = np.where(merged > 0, merged, 1.0)
        squares += chunk_squares + np.square(delta) * (total * chunk_total / some)
        mean += delta * (chunk_total / some)
        total = merged
    # of a constant, the mean and the variance are known without rounding
    varies, is_empty = high > low, low > high
    low, high = np.where(is_empty, 0.0, low), np.where(is_empty, 0.0, high)
    found = np.where(varies, mean, low), np.where(varies, squares / total, 0.0), low, high
    offset, var, low_, high_ = map(torch.from_numpy, found)
    ends = origin + low_, origin + high_
    known = torch.from_numpy(np.broadcast_to(total / weights, mean.shape).copy())
    extent = torch.from_numpy(high - low)
    return Moments(origin + offset, var, *ends, origin, offset, extent, known)


def _chunk_moments(x: np.ndarray, w: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the weight, the means and the sums of squares of rows, which become the squares.

    The weight is one number, or where values are missing, one for each feature.
    """
    missing = np.isnan(x)
    if not missing.any():
        total = float(w.sum())
        mean = w @ x / total
        x -= mean
        return total, mean, w @ np.square(x, out=x)
    totals = w @ ~missing
    mean = w @ np.where(missing, 0.0, x) / np.where(totals > 0, totals, 1.0)
    x -= mean
    x[missing] = 0.0
    return totals, mean, w @ np.square(x, out=x)


def _is_wide(rows: Tensor) -> bool:
    return rows.dtype in {torch.int64, torch.uint64}


def in_double(rows: Tensor) -> Tensor:
    """Return rows in double precision, but integers that it cannot hold as they are."""
    return rows if _is_wide(rows) else rows.to(torch.float64)


def _find_origin(rows: Rows) -> Tensor:
    """Return whole numbers near the rows where sums of these would lose digits, or zeros."""
    first = rows[:1]
    if _is_wide(first):
        near = subtract_exactly(first, torch.zeros(1, dtype=torch.float64))[0].round()
        return torch.where(near.abs() >= _DOUBLE_DIGITS, near, 0.0)
    if first.dtype != torch.float64:
        return torch.zeros(first.shape[1], dtype=torch.float64)
    near = first[0].round()
    is_far = (near.abs() >= _FAR_SUMS) & (near.abs() < _LARGEST_ORIGIN)
    return torch.where(is_far, near, 0.0)


def fit_scaling(
    moments: Moments, scaling: str | None, channel: Tensor, n_categories: tuple[int, ...] = ()
) -> tuple[Tensor, Tensor]:
    """Return the offset and the scale that standardise every feature.

    Parameters
    ----------
    moments : Moments
        Of the training rows.
    scaling : {"feature", "shared"} or None
        Whether each feature has a mean and a scale of its own, or all features of a channel have
        them together, those of a table the scale alone; ``None`` standardises nothing.
    channel : Tensor of shape (n_features,)
        The channel each feature belongs to; the features of a table are a channel each.
    n_categories : tuple of int
        The categories of each column of a table, 0 for numbers; empty where there are none. The
        features of one column have one scale, so that the column has a variance of one: a distance
        of rows counts it as much as a number.

    Returns
    -------
    offset, scale : Tensor of shape (n_features,), float64
        What is taken off, beside the origin of the moments, and what is divided by.
    """
    if n_categories:
        return _scale_table(moments, scaling, FeatureIndex(n_categories))
    if scaling is None:
        return -moments.origin, torch.ones_like(moments.mean)
    if scaling == "feature":
        return moments.offset, _without_zeros(moments.var.sqrt())
    if _is_table(channel):
        return moments.offset, _without_zeros(moments.var.mean().sqrt().expand_as(moments.var))
    return _pool(moments, channel)


def _scale_table(
    moments: Moments, scaling: str | None, index: FeatureIndex
) -> tuple[Tensor, Tensor]:
    """Scale numbers as if there were no categories, and the features of each of these alike."""
    offset, scale = moments.offset.clone(), torch.ones_like(moments.offset)
    at = index.number_features
    if len(at):
        found = fit_scaling(moments.choose(at), scaling, torch.arange(len(at)))
        offset[at], scale[at] = found
    variance = torch.zeros(len(index.sizes), dtype=torch.float64)
    variance.index_add_(0, index.group, moments.var[index.features])
    scale[index.features] = _without_zeros(variance.sqrt())[index.group]
    return offset, scale


def _is_table(channel: Tensor) -> bool:
    return int(channel.max()) + 1 == len(channel)


def _pool(moments: Moments, channel: Tensor) -> tuple[Tensor, Tensor]:
    """Give all positions of a channel one mean and one scale, by as much as is known of each."""
    n_channels = int(channel.max()) + 1
    count = torch.zeros(n_channels).double().index_add_(0, channel, moments.known)
    count = _without_zeros(count)

    def average(values: Tensor) -> Tensor:
        total = torch.zeros_like(count).index_add_(0, channel, values * moments.known)
        return (total / count)[channel]

    # means from a common origin, near all of them
    origins = moments.origin - moments.origin[0]
    means = origins + moments.offset
    mean = average(means)
    scale = average(moments.var + (means - mean).square()).sqrt()
    rounding = _ROUNDING_OF_MEANS * torch.finfo(torch.float64).eps * mean.abs()
    return mean - origins, _without_zeros(torch.where(scale > rounding, scale, 0.0))


def _without_zeros(scale: Tensor) -> Tensor:
    """Put one for the scales of constants."""
    return torch.where(scale > torch.finfo(torch.float64).tiny, scale, 1.0)


class InputLayout(nn.Module):
    """Rows as the user has them to standardised tensors as the network wants them, and back.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample.
    channel_axis : int or None
        The axis of ``shape`` that holds the channels.
    offset, scale : Tensor of shape (n_features,), float64
        Constants of the standardisation ``(x - origin - offset) / scale``.
    origin : Tensor of shape (n_features,), float64, or None
        Whole numbers near the means of integers that double precision cannot tell apart; zeros for
        ``None``, which makes the offset the mean.
    dtype : torch.dtype
        Precision of the network.
    indicated : Tensor of shape (n_indicated,), int64, or None
        Features of which the network is told where they are missing; of samples with axes, it is
        told where all channels are known, and at how many positions, if there are such features at
        all.
    expectation : ConditionalMean or None
        What fills in missing values of samples that are vectors; ``None`` for their means.
    masks : bool
        Whether the network takes a mask of the positions of a sample at which anything is known.
    n_known : float
        The number of positions that is told of as one.

    Attributes
    ----------
    has_missing : bool
        Whether values may be missing in training; in prediction they always may.
    n_indicators : int
        The number of features, or channels, that `fill` adds.

    Shape
    -----
    rows : (batch, n_features), any dtype, NaN where missing; result : (batch, channels, *spatial);
    filled : with ``n_indicators`` more features or channels; mask : (batch, 1, *spatial)

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
        offset: Tensor,
        scale: Tensor,
        dtype: torch.dtype = torch.float32,
        origin: Tensor | None = None,
        indicated: Tensor | None = None,
        expectation: ConditionalMean | None = None,
        masks: bool = False,
        n_known: float = 1.0,
    ) -> None:
        super().__init__()
        self.expectation = expectation
        self.masks = masks
        self.n_known = n_known
        self.shape = tuple(shape)
        self.channel_axis = channel_axis
        self.dtype = dtype
        self.has_missing = False
        n_indicated = 0 if indicated is None else len(indicated)
        self.n_indicators = n_indicated if self.is_flat else min(n_indicated, 1)
        origin = torch.zeros_like(offset) if origin is None else origin
        indicated = torch.zeros(0, dtype=torch.int64) if indicated is None else indicated
        self.register_buffer("indicated", indicated)
        self.register_buffer("origin", origin)
        self.register_buffer("offset", offset)
        self.register_buffer("mean", origin + offset)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", self.mean.to(dtype))
        gain = (1 / scale).to(dtype)
        self.register_buffer("gain", gain.where(gain.isfinite(), 0.0))
        self.indicated: Tensor
        self.mean: Tensor
        self.offset: Tensor
        self.origin: Tensor
        self.scale: Tensor
        self.shift: Tensor
        self.gain: Tensor
        self._note_precision()

    def _note_precision(self) -> None:
        """Take down what the constants ask of the arithmetic."""
        far = self.mean.abs() > _FAR_FROM_ZERO * self.scale
        finite = (1 / self.scale).to(self.dtype).isfinite()
        self.needs_double = bool(far.any() or not finite.all())
        self.has_origin = bool(self.origin.any())

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._note_precision()

    def forward(self, rows: Tensor) -> Tensor:
        return self.arrange(self.standardise(rows))

    @property
    def is_flat(self) -> bool:
        """Whether a network takes samples as vectors."""
        return len(self.shape) == 1 and self.channel_axis == 0

    def filled(self, rows: Tensor) -> Tensor:
        """Return laid out rows, filled."""
        return self.fill(self(rows))

    def complete(self, x: Tensor) -> Tensor:
        """Put the mean for what is missing in laid out rows, or what the others let expect."""
        return self._complete(x, x.isnan())

    def fill(self, x: Tensor) -> Tensor:
        """Complete laid out rows, and tell where values were missing."""
        return self.inputs(x)[0]

    def inputs(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return what a network takes of laid out rows: these, filled, and a mask if there is one.

        There is none where the network takes none, and where something is known at every position:
        what is complete costs nothing.
        """
        if self.training and not self.has_missing:
            return (x,)
        missing = x.isnan()
        filled = self._complete(x, missing)
        mask = None if filled is x else self._mask(missing, x.dtype)
        if self.n_indicators > 0:
            filled = torch.cat([filled, self._indicators(missing, x.dtype)], dim=1)
        return (filled,) if mask is None else (filled, mask)

    def _indicators(self, missing: Tensor, dtype: torch.dtype) -> Tensor:
        """Return what tells of missing values, as further features or as a channel.

        The zeros with which convolutions pad are for what is not known, like those of the channel.
        Means over the positions that are known would not tell how many there are.
        """
        if self.is_flat:
            return missing[:, self.indicated].to(dtype)
        known = (~missing.any(1, keepdim=True)).to(dtype)
        axes = tuple(range(1, known.ndim))
        return known * (known.sum(axes, keepdim=True) / self.n_known)

    def mask(self, x: Tensor) -> Tensor | None:
        """Return the mask of laid out rows, None where there is none."""
        return self._mask(x.isnan(), x.dtype)

    def _complete(self, x: Tensor, missing: Tensor) -> Tensor:
        if not missing.any():
            return x
        # a clone keeps the strides, by which kernels go
        completed: Tensor = (
            x.clone().masked_fill_(missing, 0)
            if self.expectation is None
            else self.expectation(x, missing)
        )
        return completed

    def _mask(self, missing: Tensor, dtype: torch.dtype) -> Tensor | None:
        if not self.masks:
            return None
        known = ~missing.all(1, keepdim=True)
        if known.all():
            return None
        # the view writes the strides anew, by which kernels go
        return known.to(dtype).flatten().view(known.shape)

    def standardise(self, rows: Tensor) -> Tensor:
        """Scale rows, after centring that loses none of their digits."""
        if _is_wide(rows):
            return ((subtract_exactly(rows, self.origin) - self.offset) / self.scale).to(self.dtype)
        if self.needs_double or rows.dtype in _NEED_DOUBLE:
            rows = rows.to(torch.float64)
        if rows.dtype == torch.float64:
            centred = rows - self.origin - self.offset if self.has_origin else rows - self.mean
            return (centred / self.scale).to(self.dtype)
        return (rows.to(self.dtype) - self.shift).mul_(self.gain)

    def restore(self, rows: Tensor) -> Tensor:
        """Undo `standardise`, in the precision of the network."""
        return (rows * self.scale + self.mean).to(self.dtype)

    def arrange(self, rows: Tensor) -> Tensor:
        """Order the axes of flat rows as the network wants them."""
        if self.is_flat:
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
