"""Layers that draw random numbers from a generator of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class RandomLayer(nn.Module):
    """A layer that draws random numbers while it trains. Abstract: add a ``forward``.

    Attributes
    ----------
    generator : torch.Generator or None
        What it draws from; torch's global generator for ``None``. It is no part of the state:
        copies and pickles get one of their own from `set_generator`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"generator": None}


def set_generator(module: nn.Module, generator: torch.Generator) -> None:
    """Let the layers that draw random numbers while training draw them from ``generator``."""
    for layer in module.modules():
        if isinstance(layer, RandomLayer):
            layer.generator = generator
