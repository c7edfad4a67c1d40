"""Layers whose parameters are drawn after they are built, by `build`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

from torch import Tensor, nn

_state = local()


@contextmanager
def late_init() -> Iterator[None]:
    """Let the layers of this package draw nothing in their constructors, in this thread."""
    _state.active = True
    try:
        yield
    finally:
        _state.active = False


class LateInit(nn.Module):
    """A layer that draws nothing in its constructor during `late_init`.

    To be mixed into a layer of torch.
    """

    weight: Tensor
    bias: Any

    def reset_parameters(self) -> None:
        """Draw the parameters as torch does, or leave that to `build`."""
        if not getattr(_state, "active", False):
            super().reset_parameters()  # type: ignore[misc]


class Conv1d(LateInit, nn.Conv1d):
    """`torch.nn.Conv1d` with late initialisation."""


class Conv2d(LateInit, nn.Conv2d):
    """`torch.nn.Conv2d` with late initialisation."""


class Conv3d(LateInit, nn.Conv3d):
    """`torch.nn.Conv3d` with late initialisation."""


class ConvTranspose1d(LateInit, nn.ConvTranspose1d):
    """`torch.nn.ConvTranspose1d` with late initialisation."""


class ConvTranspose2d(LateInit, nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d` with late initialisation."""


class ConvTranspose3d(LateInit, nn.ConvTranspose3d):
    """`torch.nn.ConvTranspose3d` with late initialisation."""


# by the number of spatial axes
CONV: dict[int, Any] = {1: Conv1d, 2: Conv2d, 3: Conv3d}
CONV_TRANSPOSE: dict[int, Any] = {1: ConvTranspose1d, 2: ConvTranspose2d, 3: ConvTranspose3d}
