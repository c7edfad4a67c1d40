"""Principal components, and the autoencoders that contain them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn.data._rows import Rows, SparseRows
from sk_aecnn.nn._categories import LEAST_FREQUENCY, Categories
from sk_aecnn.nn._conv import as_feature_maps, as_vectors
from sk_aecnn.nn._covariances import ChunkedInputs, SparseInputs
from sk_aecnn.nn._dense import batch_invariant_linear
from sk_aecnn.nn._layout import InputLayout
from sk_aecnn.nn._members import MemberFeatures

# features up to which the covariances of all of them are computed
_FEW_FEATURES = 1000
# directions beside those that are wanted, and products with the covariances
_OVERSAMPLING = 10
_POWER_ITERATIONS = 4
# of the mean variance, added to every variance: a component without any is not blown up
_LEAST_VARIANCE = 1e-2
# of what the hidden layers learn, the share that a linear path does in a step
_PACE = 0.1
# at one half, and the least probability that a reconstruction starts from
_SLOPE_OF_LOGIT = 4.0
_LEAST_PROBABILITY = 0.01


@dataclass(frozen=True)
class PrincipalComponents:
    """Principal components of rows.

    Attributes
    ----------
    mean : Tensor of shape (n_features,), float64
        The mean of the rows.
    directions : Tensor of shape (n_components, n_features), float64
        Orthonormal, by falling variance.
    deviations : Tensor of shape (n_components,), float64
        What components are divided by, to have a variance of about one.
    explained : Tensor of shape (n_components,), float64
        Their shares of the variance.
    """

    mean: Tensor
    directions: Tensor
    deviations: Tensor
    explained: Tensor


def fit_pca(
    rows: Rows,
    layout: InputLayout,
    row_weight: Tensor | None,
    most: int,
    generator: torch.Generator,
) -> PrincipalComponents:
    """Find the principal components of laid out rows, at most as many as there are features.

    Of up to a thousand features by the eigenvectors of their covariances, of more by subspace
    iteration (Halko, Martinsson & Tropp 2011, "Finding structure with randomness", algorithm 4.4),
    which needs a few passes over the rows, and memory for the components alone.

    Parameters
    ----------
    rows : Tensor or SparseRows of shape (n_samples, n_features)
        The rows.
    layout : InputLayout
        What standardises them.
    row_weight : Tensor of shape (n_samples,), float64, or None
        Weights of mean one.
    most : int
        The most components that are wanted.
    generator : torch.Generator
        What subspace iteration starts from.
    """
    n_features = rows.shape[1]
    most = min(most, n_features)
    weight = torch.ones(len(rows)).double() if row_weight is None else row_weight
    inputs: ChunkedInputs | SparseInputs
    if n_features <= _FEW_FEATURES:
        inputs = ChunkedInputs(rows, layout, weight)
        variances, directions = torch.linalg.eigh(inputs.covariances())
    else:
        if isinstance(rows, SparseRows) and layout.is_flat:
            inputs = SparseInputs(rows, layout, weight)
        else:
            inputs = ChunkedInputs(rows, layout, weight)
        width = min(n_features, most + _OVERSAMPLING)
        basis = torch.randn(n_features, width, dtype=torch.float64, generator=generator)
        for _ in range(_POWER_ITERATIONS):
            basis = torch.linalg.qr(inputs.times_covariances(basis)).Q
        variances, within = torch.linalg.eigh(basis.T @ inputs.times_covariances(basis))
        directions = basis @ within
    variance = inputs.variances()
    total = variance.sum()
    directions = directions * (variance > 0)[:, None]  # which rounding does not keep
    directions, variances = directions.flip(1)[:, :most], variances.flip(0)[:most].clamp_min(0)
    largest = directions.abs().argmax(0, keepdim=True)
    directions = directions * directions.gather(0, largest).sign()
    deviations = (variances + _LEAST_VARIANCE * total / n_features).sqrt()
    deviations = deviations.where(deviations > 0, 1.0)
    explained = variances / total.where(total > 0, 1.0)
    return PrincipalComponents(inputs.mean, directions.T, deviations, explained)


class LinearPath(nn.Module):
    """A linear layer that learns by how much it differs from where it starts.

    Shape
    -----
    input : (batch, n_inputs); output : (batch, n_outputs)

    Examples
    --------
    >>> LinearPath(20, 3)(torch.ones(5, 20)).shape
    torch.Size([5, 3])
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.register_buffer("start_weight", torch.zeros(n_outputs, n_inputs))
        self.register_buffer("start_bias", torch.zeros(n_outputs))
        self.weight_change = nn.Parameter(torch.zeros(n_outputs, n_inputs))
        self.bias_change = nn.Parameter(torch.zeros(n_outputs))
        self.start_weight: Tensor
        self.start_bias: Tensor

    @property
    def weight(self) -> Tensor:
        """The weight, (n_outputs, n_inputs)."""
        return self.start_weight + _PACE * self.weight_change

    @property
    def bias(self) -> Tensor:
        """The bias, (n_outputs,)."""
        return self.start_bias + _PACE * self.bias_change

    def forward(self, x: Tensor) -> Tensor:
        linear = F.linear if self.training else batch_invariant_linear
        return linear(x, self.weight, self.bias)


class PCAHalf(nn.Module, ABC):
    """A network that is the sum of a linear path, which starts as PCA, and a residual of zero.

    Parameters
    ----------
    residual : nn.Module
        Hidden layers, or convolutional stages.
    n_inputs, n_outputs : int
        Sizes of the linear path.

    Attributes
    ----------
    shrinkage : float
        The share of what is learned that training takes back in the end.
    """

    def __init__(self, residual: nn.Module, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.residual: Any = residual
        self.linear = LinearPath(n_inputs, n_outputs)
        self.shrinkage = 0.0

    @property
    @abstractmethod
    def last(self) -> nn.Module:
        """The last layer of the residual."""

    @torch.no_grad()
    def start_at(self, weight: Tensor, bias: Tensor, inputs: Tensor | None = None) -> None:
        """Make the linear path that of some inputs, or of the first, zero for what is left."""
        n_outputs, n_inputs = weight.shape
        at = torch.arange(n_inputs) if inputs is None else inputs
        self.linear.start_weight.zero_()[:n_outputs, at] = weight.to(self.linear.start_weight)
        self.linear.start_bias.zero_()[:n_outputs] = bias
        for parameter in self.last.parameters():
            parameter.zero_()

    @torch.no_grad()
    def shrink(self, shrinkage: float) -> None:
        """Take back a share of what the linear path and the last layer have learned."""
        for layer in (self.linear, self.last):
            for parameter in layer.parameters():
                parameter.mul_(1 - shrinkage)


class PCAEncoder(PCAHalf):
    """An encoder that starts as PCA: components of variance one, plus a residual.

    Parameters
    ----------
    residual : DenseEncoder, ConvEncoder or EncoderMembers
        What is added to them.
    in_shape : sequence of int
        Shape of one input.
    encoding_dim : int
        Size of the code: where the residual is wider, the first numbers are those of the code.

    Shape
    -----
    input : (batch, *in_shape), and a mask where the residual takes one; features : those of the
    residual and the linear path, side by side, or `MemberFeatures`; output : that of the residual

    Examples
    --------
    >>> from sk_aecnn.nn import ConvEncoder
    >>> encoder = PCAEncoder(ConvEncoder(1, (8, 8), (4, 6), 3), (1, 8, 8), 3)
    >>> encoder.feature_shape, encoder(torch.zeros(5, 1, 8, 8)).shape
    ((7, 2, 2), torch.Size([5, 3]))
    """

    def __init__(self, residual: nn.Module, in_shape: Sequence[int], encoding_dim: int) -> None:
        super().__init__(residual, prod(in_shape), encoding_dim)
        self.in_shape = tuple(in_shape)
        self.encoding_dim = encoding_dim
        channels, *spatial = self.residual.feature_shape
        # channels in which the numbers of the linear path find room
        self.n_channels = -(-encoding_dim // prod(spatial))
        self.feature_shape = (channels + self.n_channels, *spatial)

    @property
    def last(self) -> nn.Module:
        """The layer of the residual that puts out its part of the code."""
        layer: nn.Module = self.residual.bottleneck
        return layer

    def features(self, x: Tensor, *mask: Tensor) -> Tensor | MemberFeatures:
        """Return the features of the residual, and the linear path as further channels."""
        features = self.residual.features(x, *mask)
        path = self.linear(as_vectors(x))
        if isinstance(features, MemberFeatures):
            return features._replace(path=path)
        room = self.n_channels * prod(features.shape[2:])
        path = F.pad(path, (0, room - self.encoding_dim))
        path = path.view(x.shape[0], self.n_channels, *features.shape[2:])
        return torch.cat([features, path], dim=1)

    def separate_features(self, x: Tensor) -> MemberFeatures:
        """Return the features of the members of the residual, each for rows of its own."""
        features: MemberFeatures = self.residual.separate_features(x)
        return features

    def code(self, features: Tensor | MemberFeatures) -> Tensor:
        """Go on from the features to the code."""
        if isinstance(features, MemberFeatures):
            assert features.path is not None, "features are of this encoder"
            return self._add(features.path, self.residual.code(features))
        sizes = [features.shape[1] - self.n_channels, self.n_channels]
        features, path = features.split_with_sizes(sizes, dim=1)
        residual = self.residual.code(features.contiguous())  # rows apart sum in another order
        return self._add(path.flatten(1)[:, : self.encoding_dim], residual)

    def forward(self, x: Tensor, *mask: Tensor) -> Tensor:
        return self._add(self.linear(as_vectors(x)), self.residual(x, *mask))

    def _add(self, path: Tensor, residual: Tensor) -> Tensor:
        return F.pad(path, (0, residual.shape[1] - self.encoding_dim)) + residual


class PCADecoder(PCAHalf):
    """A decoder that starts as that of PCA: a linear map of the code, plus a residual.

    Parameters
    ----------
    residual : DenseDecoder or ConvDecoder
        What is added to it.
    encoding_dim : int
        Size of the code.
    out_shape : sequence of int
        Shape of one output.

    Shape
    -----
    code : (batch, encoding_dim); output : (batch, *out_shape)

    Examples
    --------
    >>> from sk_aecnn.nn import DenseDecoder
    >>> PCADecoder(DenseDecoder(20, (8,), 3), 3, (20,))(torch.zeros(5, 3)).shape
    torch.Size([5, 20])
    """

    def __init__(self, residual: nn.Module, encoding_dim: int, out_shape: Sequence[int]) -> None:
        super().__init__(residual, encoding_dim, prod(out_shape))

    @property
    def last(self) -> nn.Module:
        """The layer of the residual that puts out its part of a sample."""
        layer: nn.Module = self.residual.output
        return layer

    def forward(self, code: Tensor) -> Tensor:
        residual: Tensor = self.residual(code)
        return residual + as_feature_maps(self.linear(code), residual.shape[1:])


def start_as_pca(
    encoder: PCAEncoder,
    decoder: PCADecoder,
    components: PrincipalComponents,
    layout: InputLayout,
    probabilities: bool = False,
    categories: Categories | None = None,
) -> None:
    """Let the two halves of an autoencoder be PCA until they learn something else.

    Where outputs of the decoder are the logits of rows in [0, 1], they begin as the logits of the
    means, and from there at a logit's slope at one half; those of categories as the logarithms of
    their frequencies, and at the slope that these have.

    Parameters
    ----------
    encoder, decoder : PCAEncoder, PCADecoder
        The halves.
    components : PrincipalComponents
        Of laid out rows.
    layout : InputLayout
        What standardises rows.
    probabilities : bool
        Whether the outputs of the decoder are logits.
    categories : Categories or None
        The categories among the features.
    """
    whitening = components.directions / components.deviations[:, None]
    place = as_feature_maps(torch.arange(prod(encoder.in_shape))[None], encoder.in_shape)
    features = as_vectors(place[:, : place.shape[1] - layout.n_indicators])[0]
    encoder.start_at(whitening, -(whitening @ components.mean), features)
    loadings, mean = components.directions.T * components.deviations, components.mean
    scale, shift = (as_vectors(layout.arrange(v[None]))[0] for v in (layout.scale, layout.mean))
    if probabilities:
        loadings = _SLOPE_OF_LOGIT * scale[:, None] * loadings
        mean = (shift + scale * mean).logit(eps=_LEAST_PROBABILITY)
    if categories is not None:
        at, share = categories.features, categories.share
        slope = scale[at] / share.clamp_min(_LEAST_PROBABILITY)
        if probabilities:
            slope = slope / (_SLOPE_OF_LOGIT * scale[at])
        loadings, mean = loadings.clone(), mean.clone()
        loadings[at] *= slope[:, None]
        mean[at] = share.clamp_min(LEAST_FREQUENCY).log()
    decoder.start_at(loadings, mean)
