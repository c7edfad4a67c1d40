"""Parameters drawn from a given generator."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TypeVar

import torch
from torch import nn

from sk_aecnn.nn._augmentation import CustomTransform, RandomTransform
from sk_aecnn.nn._conv import Dropout
from sk_aecnn.nn._networks import VariationalAutoencoder
from sk_aecnn.nn._noise import Corruption
from sk_aecnn.nn._norm import BatchNorm

Module = TypeVar("Module", bound=nn.Module)

_DRAWING = (Dropout, Corruption, CustomTransform, RandomTransform, VariationalAutoencoder)


def build(factory: Callable[[], Module], dtype: torch.dtype, generator: torch.Generator) -> Module:
    """Build a module and draw its parameters from ``generator`` alone.

    The module is built without memory, so that torch draws nothing from its global generator, then
    filled with torch's default distributions.

    Parameters
    ----------
    factory : callable
        Returns a new module.
    dtype : torch.dtype
        Precision of its parameters.
    generator : torch.Generator
        A generator on the CPU: the parameters are the same for every device.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> build(lambda: nn.Linear(2, 1), torch.float64, generator).weight.dtype
    torch.float64
    """
    with torch.device("meta"):
        module = factory()
    module = module.to(dtype).to_empty(device="cpu")
    for layer in module.modules():
        _reset(layer, generator)
    return module


def set_generator(module: nn.Module, generator: torch.Generator) -> None:
    """Let the layers that draw random numbers while training draw them from ``generator``."""
    for layer in module.modules():
        if isinstance(layer, _DRAWING):
            layer.generator = generator


def _reset(layer: nn.Module, generator: torch.Generator) -> None:
    if isinstance(layer, BatchNorm):
        layer.reset_parameters()
        return
    weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
    if weight is None:
        return
    nn.init.kaiming_uniform_(weight, a=sqrt(5), generator=generator)
    if bias is None:
        return
    bound = 1 / sqrt(weight[0].numel())
    nn.init.uniform_(bias, -bound, bound, generator=generator)
