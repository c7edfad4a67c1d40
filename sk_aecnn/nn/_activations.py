"""Activation functions by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
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


def build_activation(activation: Activation, name: str = "activation") -> nn.Module:
    """Return a new module for the name, class or function of an activation, the parameter ``name``.

    Examples
    --------
    >>> build_activation("relu")
    ReLU()
    """
    if isinstance(activation, str):
        return ACTIVATIONS[activation]()
    try:
        module: nn.Module = activation() if isinstance(activation, type) else _Function(activation)
        output = module(torch.zeros(2, 4))
        shape = tuple(getattr(output, "shape", ()))
    except Exception as error:
        raise ValueError(
            f"{name}={activation!r} fails on a tensor of zeros ({error}). Pass a function of a "
            "tensor, or a torch.nn.Module class without arguments."
        ) from error
    if shape != (2, 4):
        raise ValueError(
            f"{name}={activation!r} makes {type(output).__name__} of shape {shape} of a tensor "
            "of shape (2, 4). An activation returns a tensor of the shape of its input."
        )
    return module
