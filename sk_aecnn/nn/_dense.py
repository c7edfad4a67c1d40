"""Dense layers: from features to a code and back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn.nn._activations import Activation, build_activation
from sk_aecnn.nn._late import LateInit


class Linear(LateInit, nn.Linear):
    """A linear layer whose result for a row does not depend on the row's place in the batch.

    For a few outputs, matrix kernels sum a row in an order set by the alignment of its memory, so
    that a batch in prediction is widened with zeros to a multiple of 16 bytes.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return F.linear(x, self.weight, self.bias)
        return batch_invariant_linear(x, self.weight, self.bias)


def batch_invariant_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply a linear map to each row for itself, to the last bit, as `Linear` in prediction."""
    missing = -weight.shape[1] % 4
    if missing == 0:
        return F.linear(x, weight, bias)
    return F.linear(F.pad(x, (0, missing)), F.pad(weight, (0, missing)), bias)


def dense_stack(sizes: Sequence[int], activation: Activation) -> nn.Sequential:
    """Chain linear layers of the given sizes, each followed by the activation.

    Examples
    --------
    >>> dense_stack((8, 4), "relu")
    Sequential(
      (0): Linear(in_features=8, out_features=4, bias=True)
      (1): ReLU()
    )
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [Linear(n_in, n_out), build_activation(activation)]
    return nn.Sequential(*layers)


class DenseEncoder(nn.Module):
    """Hidden layers to features, one linear layer on to the code.

    Parameters
    ----------
    n_features : int
        Size of the input.
    hidden_layer_sizes : sequence of int
        Sizes of the hidden layers; the last one is the size of the features.
    encoding_dim : int
        Size of the code.
    activation, code_activation : str, class or callable
        After each hidden layer, and after the code.

    Shape
    -----
    input : (batch, n_features); features : (batch, hidden); code : (batch, encoding_dim)

    Examples
    --------
    >>> import torch
    >>> DenseEncoder(20, (16, 8), 3)(torch.zeros(5, 20)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        n_features: int,
        hidden_layer_sizes: Sequence[int],
        encoding_dim: int,
        activation: Activation = "relu",
        code_activation: Activation = "identity",
    ) -> None:
        super().__init__()
        sizes = (n_features, *hidden_layer_sizes)
        self.feature_shape = (sizes[-1],)
        self.body = dense_stack(sizes, activation)
        self.bottleneck = Linear(sizes[-1], encoding_dim)
        self.code_activation = build_activation(code_activation, "code_activation")

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer, shape (batch, hidden)."""
        features: Tensor = self.body(x)
        return features

    def code(self, features: Tensor) -> Tensor:
        """Go on from the features to the code."""
        code: Tensor = self.code_activation(self.bottleneck(features))
        return code

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self.features(x))


class DenseDecoder(nn.Module):
    """The mirror image of `DenseEncoder`; the output is linear.

    Shape
    -----
    code : (batch, encoding_dim); output : (batch, n_features)

    Examples
    --------
    >>> import torch
    >>> DenseDecoder(20, (16, 8), 3)(torch.zeros(5, 3)).shape
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
        sizes = (encoding_dim, *reversed(hidden_layer_sizes))
        self.body = dense_stack(sizes, activation)
        self.output = Linear(sizes[-1], n_features)

    def forward(self, code: Tensor) -> Tensor:
        output: Tensor = self.output(self.body(code))
        return output
