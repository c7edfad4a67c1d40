"""Activation functions by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}

Activation = str | type[nn.Module] | Callable[[Tensor], Tensor]


class _Function(nn.Module):
    """A plain function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def build_activation(activation: Activation) -> nn.Module:
    """Return a new module for the name, class or function of an activation.

    Examples
    --------
    >>> build_activation("relu")
    ReLU()
    """
    if isinstance(activation, str):
        return ACTIVATIONS[activation]()
    if isinstance(activation, type):
        module: nn.Module = activation()
        return module
    return _Function(activation)
