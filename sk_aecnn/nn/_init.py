"""Parameters drawn from a given generator."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TypeVar

import torch
from torch import nn

from sk_aecnn._torch import physical_memory
from sk_aecnn.nn._late import LateInit, late_init

# parameters, gradients, and the two moments of Adam
_COPIES = 4
_TOO_LARGE = (
    "The network does not fit into memory. Pass fewer features, or a smaller encoding_dim, "
    "hidden_layer_sizes, conv_channels, backend_channels or dense_units"
)

Module = TypeVar("Module", bound=nn.Module)


def build(factory: Callable[[], Module], dtype: torch.dtype, generator: torch.Generator) -> Module:
    """Build a module and draw its parameters from ``generator`` alone.

    The layers of this package draw nothing in their constructors then, neither from torch's global
    generator nor from another; they are filled with torch's default distributions afterwards.

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
    >>> from sk_aecnn.nn._dense import Linear
    >>> generator = torch.Generator().manual_seed(0)
    >>> build(lambda: Linear(2, 1), torch.float64, generator).weight.dtype
    torch.float64

    Raises
    ------
    ValueError
        If the network would not fit into memory.
    """
    try:
        with late_init():
            module = factory()
    except RuntimeError as error:  # torch's own word for memory that is not there
        raise ValueError(f"{_TOO_LARGE}.") from error
    n_parameters = sum(parameter.numel() for parameter in module.parameters())
    needed, present = n_parameters * torch.finfo(dtype).bits // 8 * _COPIES, physical_memory()
    if needed > present:
        raise ValueError(
            f"{_TOO_LARGE}: its {n_parameters:,} parameters, with gradients and two moments, take "
            f"{needed / 2**30:,.0f} GiB of {present / 2**30:,.0f} GiB."
        )
    module = module.to(dtype)
    for layer in module.modules():
        _reset(layer, generator)
    return module


def _reset(layer: nn.Module, generator: torch.Generator) -> None:
    if not isinstance(layer, LateInit):
        return
    weight, bias = layer.weight, layer.bias
    nn.init.kaiming_uniform_(weight, a=sqrt(5), generator=generator)
    if bias is None:
        return
    bound = 1 / sqrt(weight[0].numel())
    nn.init.uniform_(bias, -bound, bound, generator=generator)
