"""Parameters drawn from a given generator."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TypeVar

import torch
from torch import nn

from sk_aecnn._torch import is_out_of_memory, physical_memory
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
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        n_parameters = _count_without_memory(factory)
        raise ValueError(_describe_size(n_parameters, dtype.itemsize, _COPIES)) from error
    check_memory(module, dtype.itemsize)  # before they are drawn: until then they take none
    module = module.to(dtype)
    for layer in module.modules():
        _reset(layer, generator)
    return module


def check_memory(module: nn.Module, itemsize: int, copies: int = _COPIES) -> None:
    """Raise where the parameters of a network, and what trains them, would not fit into memory.

    Parameters
    ----------
    module : nn.Module
        The network.
    itemsize : int
        Bytes of a parameter.
    copies : int
        How many numbers are kept for each parameter, itself among them.

    Raises
    ------
    ValueError
        If they would not; the message has the number of parameters and both sizes.
    """
    n_parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
    if n_parameters * itemsize * copies > physical_memory():
        raise ValueError(_describe_size(n_parameters, itemsize, copies))


def _count_without_memory(factory: Callable[[], nn.Module]) -> int | None:
    """Return the number of parameters of a network that cannot be built, if it can be counted."""
    try:
        with torch.device("meta"), late_init():
            return sum(parameter.numel() for parameter in factory().parameters())
    except RuntimeError:  # a size beyond 64 bits, or a user's module that needs a real device
        return None


def _describe_size(n_parameters: int | None, itemsize: int, copies: int) -> str:
    if n_parameters is None:
        return f"{_TOO_LARGE}: a layer has more parameters than can be addressed."
    needed, present = n_parameters * itemsize * copies, physical_memory()
    return (
        f"{_TOO_LARGE}: its {n_parameters:,} parameters, with gradients and what the optimizer "
        f"keeps, take {needed / 2**30:,.1f} GiB of {present / 2**30:,.1f} GiB"
        f"{'' if needed > present else ', more than are free'}."
    )


def _reset(layer: nn.Module, generator: torch.Generator) -> None:
    if not isinstance(layer, LateInit):
        return
    weight, bias = layer.weight, layer.bias
    nn.init.kaiming_uniform_(weight, a=sqrt(5), generator=generator)
    if bias is None:
        return
    bound = 1 / sqrt(weight[0].numel())
    nn.init.uniform_(bias, -bound, bound, generator=generator)
