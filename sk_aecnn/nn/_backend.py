"""Back ends: from features to predictions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from sk_aecnn.nn._activations import Activation, build_activation
from sk_aecnn.nn._conv import (
    ConvStage,
    Dropout,
    SoftOrdering,
    apply_one_by_one,
    as_vectors,
    coarsen,
    global_mean_max_pool,
    pooled,
)
from sk_aecnn.nn._dense import Linear

# that flat features are laid out in
_POSITIONS = 16


class CNNBackend(nn.Module):
    """Convolution, pooling and fully connected layers on a feature map or on flat features.

    A linear layer first lays flat features out in channels of positions (`SoftOrdering`), so the
    same back end works on images, on tables and behind any transformer.

    Parameters
    ----------
    in_shape : sequence of int
        Shape of one input: ``(channels, *spatial)`` or ``(features,)``.
    n_outputs : int
        Size of the output.
    channels : sequence of int
        Channels of the convolutional stages.
    kernel_size : int
        Odd size of the kernels.
    dense_units : int
        Size of the fully connected layer before the output.
    dropout : float
        Share of its values dropped while training.
    activation : str, class or callable
        Activation function.
    normalization : {"batch"} or None
        Kind of normalisation in the stages.
    global_pooling : bool
        Whether the fully connected layer sees the mean and the maximum of each channel of the last
        feature map instead of every position.

    Shape
    -----
    input : (batch, *in_shape); mask : (batch, 1, *spatial) or None; output : (batch, n_outputs), no
    activation (logits)

    Examples
    --------
    >>> import torch
    >>> CNNBackend((16, 7, 7), 10)(torch.zeros(2, 16, 7, 7)).shape
    torch.Size([2, 10])
    >>> CNNBackend((30,), 3)(torch.zeros(2, 30)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        n_outputs: int,
        channels: Sequence[int] = (64,),
        kernel_size: int = 3,
        dense_units: int = 128,
        dropout: float = 0.0,
        activation: Activation = "relu",
        normalization: str | None = "batch",
        global_pooling: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if len(in_shape) == 1:
            ordering = SoftOrdering(in_shape[0], channels[0], _POSITIONS, activation, normalization)
            layers.append(ordering)
            in_shape = ordering.shape
        in_channels, *spatial = in_shape
        for before, after in pairwise((in_channels, *channels)):
            layers.append(ConvStage(before, after, spatial, kernel_size, activation, normalization))
            spatial = list(pooled(spatial))
        self.stages = nn.Sequential(*layers)
        self.flatten = global_mean_max_pool if global_pooling else as_vectors
        n_positions = 2 if global_pooling else prod(spatial)
        self.dense = Linear(channels[-1] * n_positions, dense_units)
        self.activation = build_activation(activation)
        self.dropout = Dropout(dropout)
        self.output = Linear(dense_units, n_outputs)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        features = self.stages(x) if mask is None else self.feature_maps(x, mask)[-1]
        return self.predict(features, mask)

    def feature_maps(self, x: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """Return the feature map of each stage."""
        return apply_one_by_one(self.stages, x, mask)

    def predict(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Go on from the last feature map, and the mask of the input, to the output."""
        hidden = self.activation(self.dense(self._flatten(features, mask)))
        output: Tensor = self.output(self.dropout(hidden))
        return output

    def _flatten(self, features: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None or self.flatten is as_vectors:
            return self.flatten(features)
        return global_mean_max_pool(features, coarsen(mask, features.shape[2:]))


class DenseBackend(nn.Module):
    """A fully connected layer and the output, on flat features.

    Parameters
    ----------
    n_features, n_outputs, dense_units, activation
        As for `CNNBackend`.
    dropout : float
        Share of its inputs, and of the values of the layer, dropped while training.

    Shape
    -----
    input : (batch, n_features); output : (batch, n_outputs), no activation (logits)

    Examples
    --------
    >>> import torch
    >>> DenseBackend(30, 3)(torch.zeros(2, 30)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        dense_units: int = 128,
        dropout: float = 0.0,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.dense = Linear(n_features, dense_units)
        self.activation = build_activation(activation)
        self.dropout = Dropout(dropout)
        self.output = Linear(dense_units, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.output(self.dropout(self.activation(self.dense(self.dropout(x)))))
        return output
