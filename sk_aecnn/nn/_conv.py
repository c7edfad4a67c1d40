"""Convolutional stages over one, two or three spatial axes, down to a code and back.

A mask, (batch, 1, *spatial), is 1 at positions of a sample at which anything is known, and 0 where
nothing is, as in the padding of a short series. It is None where it would be 1 everywhere. Stages
put out zeros at masked positions. Of a few positions that become one, any that is known makes that
a known one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from sk_aecnn.nn._activations import Activation, build_activation
from sk_aecnn.nn._dense import Linear
from sk_aecnn.nn._late import CONV, CONV_TRANSPOSE
from sk_aecnn.nn._norm import BatchNorm
from sk_aecnn.nn._random import RandomLayer

# by the number of spatial axes
_MAX_POOL: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
# farther from zero than what a convolution puts out: what is moved there is no maximum
FAR = 1e30
# of 16 bits, by which dropout decides
_LEVELS = 2**16


def build_norm(normalization: str | None, channels: int) -> nn.Module:
    """Return a new normalisation layer, or one that does nothing."""
    return BatchNorm(channels) if normalization == "batch" else nn.Identity()


def as_vectors(features: Tensor) -> Tensor:
    """Flatten feature maps, (batch, channels, *spatial), in the order in which they lie in memory.

    Any order serves the linear layer that follows, and this one needs no copy.

    Examples
    --------
    >>> as_vectors(torch.zeros(2, 8, 3, 3)).shape
    torch.Size([2, 72])
    """
    return features.movedim(1, -1).flatten(1) if features.ndim == 4 else features.flatten(1)


def global_mean_max_pool(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sum feature maps, (batch, channels, *spatial), up to (batch, 2 · channels).

    What a channel responds to counts, and how often, but not where. Masked positions, at which the
    feature maps are zero, do not count; where all are masked, so are the sums.

    Examples
    --------
    >>> global_mean_max_pool(torch.tensor([[[0.0, 3.0, 0.0]]]))
    tensor([[1., 3.]])
    >>> mask = torch.tensor([[[1.0, 1.0, 0.0]]])
    >>> global_mean_max_pool(torch.tensor([[[-1.0, -3.0, 0.0]]]), mask)
    tensor([[-2., -1.]])
    """
    positions = features.flatten(2)
    mean = positions.mean(2)
    if mask is None:
        return torch.cat([mean, positions.amax(2)], dim=1)
    known = mask.flatten(2)
    n_known = known.sum(2)
    mean = mean * (known.shape[2] / n_known.clamp_min(1))
    largest = positions.masked_fill(known == 0, -torch.inf).amax(2).masked_fill(n_known == 0, 0)
    return torch.cat([mean, largest], dim=1)


def as_feature_maps(vectors: Tensor, shape: Sequence[int]) -> Tensor:
    """Undo `as_vectors`.

    Examples
    --------
    >>> as_feature_maps(torch.zeros(2, 72), (8, 3, 3)).shape
    torch.Size([2, 8, 3, 3])
    """
    channels, *spatial = shape
    if len(spatial) == 2:
        return vectors.view(vectors.shape[0], *spatial, channels).movedim(-1, 1)
    return vectors.view(vectors.shape[0], channels, *spatial)


def apply_one_by_one(stages: nn.Sequential, x: Tensor, mask: Tensor | None = None) -> list[Tensor]:
    """Return what each of some stages makes of the output of the one before.

    Examples
    --------
    >>> stages = nn.Sequential(ConvStage(1, 4, (7,)), ConvStage(4, 6, (4,)))
    >>> [maps.shape for maps in apply_one_by_one(stages, torch.ones(2, 1, 7))]
    [torch.Size([2, 4, 4]), torch.Size([2, 6, 2])]
    """
    outputs = []
    for stage in stages:
        if mask is None:
            x = stage(x)
        else:
            mask = coarsen(mask, x.shape[2:])
            x = stage(x, mask)
        outputs.append(x)
    return outputs


def pooled(spatial: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes after one stage: halved and rounded up."""
    return tuple(-(-size // 2) for size in spatial)


def pool_of_two(spatial: Sequence[int]) -> Any:
    """Return what takes the maximum of two positions along each axis that has as many."""
    window = tuple(min(2, size) for size in spatial)
    return _MAX_POOL[len(spatial)](window, ceil_mode=True)


def coarsen(mask: Tensor, spatial: Sequence[int]) -> Tensor:
    """Return the mask of the positions that some stages leave of those of a mask.

    Examples
    --------
    >>> coarsen(torch.tensor([[[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]]), (3,))
    tensor([[[1., 1., 0.]]])
    """
    while max(mask.shape[2:]) > max(spatial):
        mask = pool_of_two(mask.shape[2:])(mask)
    return mask


class ConvStage(nn.Module):
    """Convolution, max pooling by two, normalisation, activation.

    Pooling comes before normalisation and activation: they then work on a quarter of the values,
    and max pooling commutes with an increasing activation. Axes of one position are not pooled; a
    last odd position is pooled by itself.

    Parameters
    ----------
    in_channels, out_channels : int
        Sizes of axis 1 before and after.
    spatial : sequence of int
        Sizes of the spatial axes before.
    kernel_size : int
        Odd size of the convolution's kernel, along every spatial axis.
    activation : str, class or callable
        Activation function.
    normalization : {"batch"} or None
        Kind of normalisation; the convolution has a bias where there is none.

    Shape
    -----
    input : (batch, in_channels, *spatial); mask : (batch, 1, *spatial) or None; output :
    (batch, out_channels, *ceil(spatial / 2))

    Examples
    --------
    >>> ConvStage(1, 8, (7, 28))(torch.zeros(2, 1, 7, 28)).shape
    torch.Size([2, 8, 4, 14])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial: Sequence[int],
        kernel_size: int = 3,
        activation: Activation = "relu",
        normalization: str | None = "batch",
    ) -> None:
        super().__init__()
        n_axes = len(spatial)
        self.conv = CONV[n_axes](
            in_channels,
            out_channels,
            kernel_size,
            padding=kernel_size // 2,
            bias=normalization is None,
        )
        self.pool = pool_of_two(spatial)
        self.norm = build_norm(normalization, out_channels)
        self.activation = build_activation(activation)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        output: Tensor
        if mask is None:
            output = self.activation(self.norm(self.pool(self.conv(x))))
            return output
        known = self.pool(mask)
        largest = self.pool(self.conv(x) + (mask - 1) * FAR) * known
        normalises = isinstance(self.norm, BatchNorm)
        normalised = self.norm(largest, known) if normalises else self.norm(largest)
        output = self.activation(normalised) * known
        return output


class UpsamplingStage(nn.Module):
    """The way back through a `ConvStage`: a transposed convolution to the exact size before it.

    With stride 2, padding ``kernel_size // 2`` and an output padding of one for even sizes, the
    transposed convolution of ``ceil(size / 2)`` positions has ``size`` positions.

    Parameters
    ----------
    in_channels, out_channels : int
        Sizes of axis 1 before and after.
    spatial : sequence of int
        Sizes of the spatial axes after.
    kernel_size : int
        Odd size of the kernel.
    bias : bool
        Whether to add a bias; of no effect where normalisation follows.

    Shape
    -----
    input : (batch, in_channels, *ceil(spatial / 2)); output : (batch, out_channels, *spatial)

    Examples
    --------
    >>> UpsamplingStage(8, 1, (7, 28))(torch.zeros(2, 8, 4, 14)).shape
    torch.Size([2, 1, 7, 28])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial: Sequence[int],
        kernel_size: int = 3,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.conv = CONV_TRANSPOSE[len(spatial)](
            in_channels,
            out_channels,
            kernel_size,
            stride=tuple(min(2, size) for size in spatial),
            padding=kernel_size // 2,
            output_padding=tuple(1 - size % 2 for size in spatial),
            bias=bias,
        )

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv(x)
        return output


class ConvEncoder(nn.Module):
    """Convolutional stages to a feature map, one linear layer on to the code.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    spatial : sequence of int
        Sizes of its spatial axes.
    conv_channels : sequence of int
        Channels of the stages; there are as many stages as numbers.
    encoding_dim : int
        Size of the code.
    kernel_size : int
        Odd size of the kernels.
    activation, code_activation : str, class or callable
        After each stage, and after the code.
    normalization : {"batch"} or None
        Kind of normalisation in the stages.

    Shape
    -----
    input : (batch, in_channels, *spatial); mask : (batch, 1, *spatial) or None; features :
    (batch, conv_channels[-1], *feature_spatial); code : (batch, encoding_dim)

    Examples
    --------
    >>> encoder = ConvEncoder(3, (33, 20), (8, 16), 5)
    >>> encoder.feature_shape, encoder(torch.zeros(2, 3, 33, 20)).shape
    ((16, 9, 5), torch.Size([2, 5]))
    """

    def __init__(
        self,
        in_channels: int,
        spatial: Sequence[int],
        conv_channels: Sequence[int],
        encoding_dim: int,
        kernel_size: int = 3,
        activation: Activation = "relu",
        code_activation: Activation = "identity",
        normalization: str | None = "batch",
    ) -> None:
        super().__init__()
        stages = []
        for before, after in pairwise((in_channels, *conv_channels)):
            stages.append(ConvStage(before, after, spatial, kernel_size, activation, normalization))
            spatial = pooled(spatial)
        self.feature_shape = (conv_channels[-1], *spatial)
        self.body = nn.Sequential(*stages)
        self.bottleneck = Linear(prod(self.feature_shape), encoding_dim)
        self.code_activation = build_activation(code_activation, "code_activation")

    def features(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the last feature map, shape (batch, channels, *spatial)."""
        return self.feature_maps(x, mask)[-1]

    def feature_maps(self, x: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """Return the feature map of each stage."""
        return apply_one_by_one(self.body, x, mask)

    def code(self, features: Tensor) -> Tensor:
        """Go on from the features to the code."""
        code: Tensor = self.code_activation(self.bottleneck(as_vectors(features)))
        return code

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.code(self.features(x, mask))


class ConvDecoder(nn.Module):
    """The way back from a code through as many stages as `ConvEncoder` has.

    One more convolution at the lowest resolution, where it is cheap, follows the linear layer. The
    output is linear and of the exact size of the encoder's input.

    Shape
    -----
    code : (batch, encoding_dim); output : (batch, in_channels, *spatial)

    Examples
    --------
    >>> ConvDecoder(3, (33, 20), (8, 16), 5)(torch.zeros(2, 5)).shape
    torch.Size([2, 3, 33, 20])
    """

    def __init__(
        self,
        in_channels: int,
        spatial: Sequence[int],
        conv_channels: Sequence[int],
        encoding_dim: int,
        kernel_size: int = 3,
        activation: Activation = "relu",
        normalization: str | None = "batch",
    ) -> None:
        super().__init__()
        sizes = [tuple(spatial)]
        for _ in conv_channels:
            sizes.append(pooled(sizes[-1]))
        self.feature_shape = (conv_channels[-1], *sizes.pop())
        self.expand = Linear(encoding_dim, prod(self.feature_shape))
        bottom, biased = conv_channels[-1], normalization is None
        layers: list[nn.Module] = [
            build_norm(normalization, bottom),
            build_activation(activation),
            CONV[len(spatial)](bottom, bottom, kernel_size, padding=kernel_size // 2, bias=biased),
        ]
        widths = (*reversed(conv_channels), in_channels)
        for stage, (before, after) in enumerate(pairwise(widths), start=1):
            is_last = stage == len(conv_channels)
            layers += [
                build_norm(normalization, before),
                build_activation(activation),
                UpsamplingStage(before, after, sizes[-stage], kernel_size, bias=biased or is_last),
            ]
        self.body = nn.Sequential(*layers)

    @property
    def output(self) -> nn.Module:
        """The last layer."""
        layer: nn.Module = self.body[-1]
        return layer

    def forward(self, code: Tensor) -> Tensor:
        features = as_feature_maps(self.expand(code), self.feature_shape)
        output: Tensor = self.body(features)
        return output


class SoftOrdering(nn.Module):
    """A linear layer from flat features to channels of positions, that a convolution can run over.

    The layer is free to bring features that belong together to neighbouring positions.

    Shape
    -----
    input : (batch, n_features); output : (batch, channels, positions)

    Examples
    --------
    >>> SoftOrdering(10, 4, 16)(torch.zeros(2, 10)).shape
    torch.Size([2, 4, 16])
    """

    def __init__(
        self,
        n_features: int,
        channels: int,
        positions: int,
        activation: Activation = "relu",
        normalization: str | None = "batch",
    ) -> None:
        super().__init__()
        self.shape = (channels, positions)
        self.linear = Linear(n_features, channels * positions, bias=normalization is None)
        self.norm = build_norm(normalization, channels * positions)
        self.activation = build_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        ordered: Tensor = self.activation(self.norm(self.linear(x)))
        return ordered.view(x.shape[0], *self.shape)


class Dropout(RandomLayer):
    """Dropout that draws from a generator of its own.

    Parameters
    ----------
    p : float
        Share of values set to zero while training, to four digits; the others are divided by
        ``1 - p``.

    Shape
    -----
    input, output : (batch, features)

    Examples
    --------
    >>> dropout = Dropout(0.5)
    >>> dropout.generator = torch.Generator().manual_seed(0)
    >>> sorted(set(dropout(torch.ones(1, 100)).ravel().tolist()))
    [0.0, 2.0]
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * self._draw(x)

    def _draw(self, x: Tensor) -> Tensor:
        """Return zeros, and what makes up for them elsewhere, by 16 random bits for each value.

        Of 64 bits, which cost as much to draw as a number, there are four values.
        """
        n_dropped = min(round(self.p * _LEVELS), _LEVELS - 1)
        bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
        bits.random_(-(2**63), None, generator=self.generator)
        values = bits.view(torch.int16)[: x.numel()].view(x.shape)
        kept = values.ge_(n_dropped - _LEVELS // 2).to(x.dtype)
        return kept.mul_(_LEVELS / (_LEVELS - n_dropped))
