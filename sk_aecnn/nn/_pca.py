"""Dense autoencoders with a linear path, PCA, and a non-linear residual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn.data._rows import Rows, chunks
from sk_aecnn.nn._activations import Activation
from sk_aecnn.nn._dense import DenseDecoder, DenseEncoder, Linear, batch_invariant_linear
from sk_aecnn.nn._layout import InputLayout, in_double

# standard deviations up to which values are taken about as they are
_BULK = 1.0
# whose square single precision holds
_LARGEST = 1e18
# of the mean variance, added to every variance: a component without any is not blown up
_LEAST_VARIANCE = 1e-2
# most of the residual of a number of the code, in standard deviations
_BOUND = 0.3


def smooth_clip(x: Tensor) -> Tensor:
    """Leave standardised values near zero as they are; let far ones grow with the square root.

    Examples
    --------
    >>> smooth_clip(torch.tensor([-0.1, 0.0, 100.0]))
    tensor([-0.0998,  0.0000,  9.9998])
    """
    # far beyond what is likely the square alone would overflow
    return x / (1 + (x / _BULK).clamp(-_LARGEST, _LARGEST).square()).sqrt().sqrt()


@dataclass(frozen=True)
class PrincipalComponents:
    """Principal components of shortened rows, with a variance of one, and what rows are of them.

    Attributes
    ----------
    directions : Tensor of shape (n_components, n_features), float64
        What shortened rows are multiplied by.
    offset : Tensor of shape (n_components,), float64
        What is added then; their mean becomes zero.
    loadings : Tensor of shape (n_features, n_components), float64
        The least squares map from components back to the rows themselves.
    """

    directions: Tensor
    offset: Tensor
    loadings: Tensor


def fit_pca(
    rows: Rows, layout: InputLayout, row_weight: Tensor | None, most: int
) -> PrincipalComponents:
    """Find the principal components of rows, at most as many as there are features.

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
    """
    among, across, mean = _covariances(rows, layout, row_weight)
    variances, directions = torch.linalg.eigh(among)
    directions = directions.flip(1)[:, :most]
    variances = variances.flip(0)[:most].clamp_min(0)
    rows_of_most = directions.abs().argmax(0, keepdim=True)
    directions = directions * directions.gather(0, rows_of_most).sign()
    scale = (variances + _LEAST_VARIANCE * variances.mean()).sqrt()
    directions = directions / scale.where(scale > 0, 1.0)
    return PrincipalComponents(directions.T, -(directions.T @ mean), across @ directions)


def _covariances(
    rows: Rows, layout: InputLayout, row_weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return covariances among shortened features, of features with shortened ones, the means."""
    n_features = rows.shape[1]
    among = torch.zeros(n_features, n_features, dtype=torch.float64)
    across, mean, total = among.clone(), among[0].clone(), 0.0
    for chunk in chunks(rows):
        x = layout.standardise(in_double(rows[chunk])).to(torch.float64)
        short = smooth_clip(x)
        weighted = short if row_weight is None else short * row_weight[chunk, None]
        among += weighted.T @ short
        across += x.T @ weighted
        mean += weighted.sum(0)
        total += float(len(x) if row_weight is None else row_weight[chunk].sum())
    mean /= total
    # the mean of standardised rows is zero
    return among / total - mean[:, None] * mean, across / total, mean


class PCAEncoder(nn.Module):
    r"""PCA of the smoothly clipped input plus a bounded non-linear residual.

    The code is :math:`p + r \tanh(h / r)`, with the principal components :math:`p` of the clipped
    input, the output :math:`h` of hidden layers, and a bound :math:`r`. The components are
    computed, not trained, with a variance of one; where the code is longer, the rest of :math:`p`
    is zero.

    Parameters
    ----------
    n_features, hidden_layer_sizes, encoding_dim, activation
        As for `DenseEncoder`.

    Shape
    -----
    input : (batch, n_features); features : (batch, hidden + encoding_dim); code : (batch,
    encoding_dim)

    Examples
    --------
    >>> PCAEncoder(20, (16, 8), 3)(torch.zeros(5, 20)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        n_features: int,
        hidden_layer_sizes: Sequence[int],
        encoding_dim: int,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.residual = DenseEncoder(n_features, hidden_layer_sizes, encoding_dim, activation)
        self.feature_shape = (self.residual.feature_shape[0] + encoding_dim,)
        self.encoding_dim = encoding_dim
        self.register_buffer("directions", torch.zeros(encoding_dim, n_features))
        self.register_buffer("offset", torch.zeros(encoding_dim))
        self.directions: Tensor
        self.offset: Tensor

    @torch.no_grad()
    def start_from(self, components: PrincipalComponents) -> None:
        """Take over components, so that the code is these until something else is learned."""
        found = len(components.directions)
        self.directions.zero_()[:found] = components.directions
        self.offset.zero_()[:found] = components.offset
        self.residual.bottleneck.weight.zero_()
        self.residual.bottleneck.bias.zero_()

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer, and the components beside it."""
        short = smooth_clip(x)
        linear = F.linear if self.training else batch_invariant_linear
        components = linear(short, self.directions, self.offset)
        return torch.cat([self.residual.features(short), components], dim=1)

    def code(self, features: Tensor) -> Tensor:
        """Go on from the features to the code."""
        hidden, components = features.tensor_split([-self.encoding_dim], dim=1)
        residual = self.residual.code(hidden.contiguous())  # rows apart sum in another order
        return components + _BOUND * torch.tanh(residual / _BOUND)

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self.features(x))


class PCADecoder(nn.Module):
    """A linear map of the code, and hidden layers that add what it lacks.

    Parameters
    ----------
    n_features, hidden_layer_sizes, encoding_dim, activation
        As for `DenseDecoder`.

    Shape
    -----
    code : (batch, encoding_dim); output : (batch, n_features)

    Examples
    --------
    >>> PCADecoder(20, (16, 8), 3)(torch.zeros(5, 3)).shape
    torch.Size([5, 20])
    """

    def __init__(
        self,
        n_features: int,
        hidden_layer_sizes: Sequence[int],
        encoding_dim: int,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.residual = DenseDecoder(n_features, hidden_layer_sizes, encoding_dim, activation)
        self.linear = Linear(encoding_dim, n_features, bias=False)

    @torch.no_grad()
    def start_from(self, components: PrincipalComponents) -> None:
        """Take over components, so that they are mapped back until something else is learned."""
        self.linear.weight.zero_()[:, : components.loadings.shape[1]] = components.loadings
        self.residual.output.weight.zero_()
        self.residual.output.bias.zero_()

    def forward(self, code: Tensor) -> Tensor:
        output: Tensor = self.residual(code) + self.linear(code)
        return output
