"""A linear model of sequences: of how much of each responds to kernels that are not learned."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, log2

import torch
from torch import Tensor, nn
from torch.nn import functional

# weights of a kernel, and how many of these are high
_SIZE = 9
_N_HIGH = 3
# their values, whose sum is zero
_LOW, _HIGH = -1.0, 2.0
# thresholds of a kernel, over all of its dilations
_N_THRESHOLDS = 11
N_FEATURES = comb(_SIZE, _N_HIGH) * _N_THRESHOLDS
# channels that a kernel sees at the most
_MOST_CHANNELS = 9
# of the standard deviation of the responses: from there on that a threshold begins to be exceeded,
# to where it is in full
_RAMP = 0.5
# of the fractions of these multiples, no two are near each other
_GOLDEN_RATIO = (5**0.5 + 1) / 2
# of the largest input: a response that varies by less is rounding, for its weights have a sum of 0
_ROUNDING = 1_000.0
# that thresholds are quantiles of, at the least one sample
_RESPONSES = 2**12
# computed at a time
_VALUES = 2**18


def dilations_of(length: int) -> list[int]:
    """Return the dilation for each of the thresholds of a kernel, from 1 to half a sequence.

    Examples
    --------
    >>> dilations_of(150)
    [1, 1, 1, 2, 3, 4, 5, 7, 10, 13, 18]
    """
    largest = log2(max(1.0, (length - 1) / (_SIZE - 1)))
    steps = _N_THRESHOLDS - 1
    return [int(2 ** (largest * step / steps)) for step in range(_N_THRESHOLDS)]


@dataclass(frozen=True)
class Part:
    """Kernels of one dilation, with views of what belongs to them.

    Attributes
    ----------
    weight : Tensor of shape (n_kernels, in_channels, 9)
        The kernels.
    thresholds : Tensor of shape (n_thresholds, n_kernels)
        Those of their responses.
    numbers, kernels : slice
        Which thresholds and kernels these are, of all.
    dilation, padding : int
        As of a convolution.
    margin : int
        How far kernels reach on either side.
    """

    weight: Tensor
    thresholds: Tensor
    numbers: slice
    kernels: slice
    dilation: int
    padding: int
    margin: int

    def respond(self, x: Tensor) -> Tensor:
        """Return the responses to samples, (batch, n_kernels, positions)."""
        return functional.conv1d(x, self.weight, dilation=self.dilation, padding=self.padding)

    def inside(self, mask: Tensor) -> Tensor:
        """Return the mask of responses: of positions, and where there is no padding, of the reach.

        What pads a sequence is beyond its ends.
        """
        if self.padding > 0:
            return mask
        reach, size = self.margin, mask.shape[2]
        starts = 0, reach, 2 * reach
        first, middle, last = (mask[:, :, start : size - 2 * reach + start] for start in starts)
        return first * middle * last


class RandomConvolutions(nn.Module):
    """The share of positions at which a sequence exceeds thresholds, of what kernels make of it.

    The kernels are all 84 that have three weights of 2 and six of -1, each with several dilations,
    as in MiniRocket (Dempster et al. 2021, "MiniRocket: a very fast (almost) deterministic
    transform for time series classification"). Each sees some channels, drawn at random. Thresholds
    are quantiles of the responses of training samples. Every other kernel responds only where it
    does not reach beyond the ends. Unlike there, a threshold is exceeded by degrees, so that
    results do not depend on rounding.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    length : int
        Its positions, those at which anything is known.
    generator : torch.Generator
        What channels are drawn from.

    Shape
    -----
    input : (batch, in_channels, length or more); mask : (batch, 1, length or more) or None;
    output : (batch, n_features), from 0 to 1, or NaN where no position is known

    Examples
    --------
    >>> convolutions = RandomConvolutions(2, 50, torch.Generator().manual_seed(0))
    >>> convolutions(torch.zeros(3, 2, 50)).shape, convolutions.n_features
    (torch.Size([3, 924]), 924)
    """

    weight: Tensor
    thresholds: Tensor

    def __init__(self, in_channels: int, length: int, generator: torch.Generator) -> None:
        super().__init__()
        dilations = dilations_of(length)
        self.length = length
        self.dilations = sorted(set(dilations))
        self.counts = [dilations.count(dilation) for dilation in self.dilations]
        highs = list(combinations(range(_SIZE), _N_HIGH))
        kernels = torch.full((len(highs), _SIZE), _LOW)
        for kernel, high in zip(kernels, highs[::2] + highs[1::2], strict=True):
            kernel[list(high)] = _HIGH
        shape = len(self.dilations), len(kernels)
        most = log2(min(in_channels, _MOST_CHANNELS) + 1)
        n_seen = (most * torch.rand(shape, generator=generator)).exp2().floor()
        rank = torch.rand(*shape, in_channels, generator=generator).argsort(-1).argsort(-1)
        sees = rank < n_seen[..., None]
        self.register_buffer("weight", sees[..., None] * kernels[:, None])
        self.register_buffer("thresholds", torch.zeros(_N_THRESHOLDS, len(kernels)))

    @property
    def n_features(self) -> int:
        """The size of the output."""
        return self.thresholds.numel()

    def start_from(self, x: Tensor, mask: Tensor | None, generator: torch.Generator) -> None:
        """Take thresholds, and the scale of responses, from standardised training samples."""
        n_chosen = max(1, min(len(x), _RESPONSES // self.length))
        chosen = torch.randperm(len(x), generator=generator)[:n_chosen]
        numbers = torch.arange(1, self.n_features + 1, dtype=torch.float64)
        levels = (_GOLDEN_RATIO * numbers % 1).view(self.thresholds.T.shape)
        least = _ROUNDING * torch.finfo(x.dtype).eps * x[chosen].abs().max()
        for part in self.parts():
            responses = part.respond(x[chosen]).movedim(1, 0).flatten(1)
            if mask is not None:
                responses = responses[:, part.inside(mask[chosen]).flatten() > 0]
            if responses.shape[1] == 0:  # no sequence is as long
                part.weight.zero_()
                continue
            scale = _RAMP * responses.std(1, correction=0)[:, None]
            factor = torch.where(scale > least, 1 / scale, 0.0)
            part.weight.mul_(factor[:, :, None])
            ordered = (responses * factor).sort(1).values
            at = (levels[part.kernels, part.numbers] * ordered.shape[1]).long()
            part.thresholds.copy_(ordered.gather(1, at).T)

    def parts(self) -> list[Part]:
        """Return the kernels of each dilation, those that reach beyond the ends and the others."""
        half, parts, first = self.weight.shape[1] // 2, [], 0
        for weight, dilation, count in zip(self.weight, self.dilations, self.counts, strict=True):
            numbers, margin = slice(first, first + count), dilation * (_SIZE // 2)
            inner = 2 * margin < self.length
            for kernels, padding in (
                (slice(half), margin),
                (slice(half, None), 0 if inner else margin),
            ):
                at = numbers, kernels
                parts.append(
                    Part(weight[kernels], self.thresholds[at], *at, dilation, padding, margin)
                )
            first += count
        return parts

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        n_rows = max(1, _VALUES // (self.weight.shape[1] * x.shape[2]))
        if mask is None:
            return torch.cat([self._shares(part) for part in torch.split(x, n_rows)])
        parts = zip(torch.split(x, n_rows), torch.split(mask, n_rows), strict=True)
        return torch.cat([self._shares(part, known) for part, known in parts])

    def _shares(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        shares = []
        for part in self.parts():
            responses = part.respond(x)
            known = None if mask is None else part.inside(mask)
            for thresholds in part.thresholds:
                exceeds = (responses - (thresholds[:, None] - 0.5)).clamp_(0, 1)
                if known is None:
                    shares.append(exceeds.mean(2))
                else:
                    shares.append((exceeds * known).sum(2) / known.sum(2))
        return torch.cat(shares, dim=1)


class RandomConvolutionModel(nn.Module):
    """A linear model of random convolutions, and how much it counts beside a network.

    Parameters
    ----------
    convolutions : RandomConvolutions
        What it is a model of.
    n_outputs : int
        Numbers in a prediction.

    Attributes
    ----------
    mean : Tensor of shape (n_features,)
        What is put for features of which nothing is known.
    shares : Tensor of shape (2,)
        What predictions of the network, and of the model, are multiplied by before they are added.

    Shape
    -----
    x : (batch, in_channels or more, length or more); mask : (batch, 1, length or more) or None;
    output : (batch, n_outputs)

    Examples
    --------
    >>> convolutions = RandomConvolutions(2, 50, torch.Generator().manual_seed(0))
    >>> model = RandomConvolutionModel(convolutions, 3)
    >>> model(torch.zeros(5, 2, 50)), model.shares
    (tensor([[0., 0., 0.],
            [0., 0., 0.],
            [0., 0., 0.],
            [0., 0., 0.],
            [0., 0., 0.]]), tensor([0.5000, 0.5000]))
    """

    coefficients: Tensor
    intercepts: Tensor
    mean: Tensor
    shares: Tensor

    def __init__(self, convolutions: RandomConvolutions, n_outputs: int) -> None:
        super().__init__()
        self.convolutions = convolutions
        self.register_buffer("coefficients", torch.zeros(n_outputs, convolutions.n_features))
        self.register_buffer("intercepts", torch.zeros(n_outputs))
        self.register_buffer("mean", torch.zeros(convolutions.n_features))
        self.register_buffer("shares", torch.full((2,), 0.5))

    @property
    def n_channels(self) -> int:
        """The channels of the input that are looked at, the first ones."""
        return self.convolutions.weight.shape[2]

    def start_from(self, coefficients: Tensor, intercepts: Tensor, mean: Tensor) -> None:
        """Take over a linear model, (n_outputs, n_features) and (n_outputs,), and the means."""
        self.coefficients.copy_(coefficients)
        self.intercepts.copy_(intercepts)
        self.mean.copy_(mean)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        features = self.convolutions(x[:, : self.n_channels], mask)
        if mask is not None:
            features = torch.where(features.isnan(), self.mean, features)
        return functional.linear(features, self.coefficients, self.intercepts)

    def join(self, prediction: Tensor, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the sum of the shares of a network's prediction and of the own one."""
        own: Tensor = self(x, mask)
        return self.shares[0] * prediction + self.shares[1] * own
