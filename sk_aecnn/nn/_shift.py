"""Samples moved about while a network trains."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# of a share times a size that should be whole
_ROUNDING = 1e-9


class RandomShift(nn.Module):
    """Move every sample by some positions along its spatial axes while training.

    What comes in over an edge repeats the edge. Each sample has a draw of its own, and all its
    channels move together.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample.
    channel_axis : int or None
        The axis of ``shape`` that holds the channels.
    farthest : float
        The longest way, as a share of the size of the axis, rounded down to whole positions.

    Shape
    -----
    input, output : (batch, n_features), any dtype

    Examples
    --------
    >>> shift = RandomShift((4,), None, 0.25)
    >>> shift.generator = torch.Generator().manual_seed(0)
    >>> shift(torch.arange(4).repeat(3, 1))
    tensor([[1, 2, 3, 3],
            [0, 0, 1, 2],
            [1, 2, 3, 3]])
    """

    def __init__(self, shape: Sequence[int], channel_axis: int | None, farthest: float) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.reach = tuple(
            0 if axis == channel_axis else int(farthest * size + _ROUNDING)
            for axis, size in enumerate(shape)
        )
        self.generator: torch.Generator | None = None

    def forward(self, rows: Tensor) -> Tensor:
        if not self.training or not any(self.reach):
            return rows
        return rows.gather(1, self._sources(len(rows), rows.device))

    def _sources(self, n_rows: int, device: torch.device) -> Tensor:
        """Return the feature that each value is taken from, (batch, n_features)."""
        sources = torch.zeros(n_rows, 1, dtype=torch.int64, device=device)
        for size, reach in zip(self.shape, self.reach, strict=True):
            way = torch.randint(
                -reach, reach + 1, (n_rows, 1), generator=self.generator, device=device
            )
            position = (torch.arange(size, device=device) + way).clamp_(0, size - 1)
            sources = (sources[:, :, None] * size + position[:, None]).flatten(1)
        return sources


class EarlyShift(nn.Module):
    """Move samples at the beginning of training: all of them at first, then fewer, at last none.

    Parameters
    ----------
    shift : RandomShift
        What moves a sample.

    Attributes
    ----------
    progress : float
        Share of training that is done; set by whoever trains.

    Shape
    -----
    input, output : (batch, n_features), any dtype

    Examples
    --------
    >>> early = EarlyShift(RandomShift((4,), None, 0.25))
    >>> early.progress = 0.2
    >>> round(early.share, 2)
    0.5
    """

    ALL_UNTIL, NONE_FROM = 0.1, 0.3

    def __init__(self, shift: RandomShift) -> None:
        super().__init__()
        self.shift = shift
        self.progress = 1.0

    @property
    def share(self) -> float:
        """The share of the rows to move."""
        left = (self.NONE_FROM - self.progress) / (self.NONE_FROM - self.ALL_UNTIL)
        return min(1.0, max(0.0, left))

    def forward(self, rows: Tensor) -> Tensor:
        n_moved = round(self.share * len(rows))
        if not self.training or n_moved == 0:
            return rows
        return torch.cat([self.shift(rows[:n_moved]), rows[n_moved:]])
