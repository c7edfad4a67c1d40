"""Noise on the inputs of a network, while it trains."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sk_aecnn.nn._random import RandomLayer

Noise = Callable[[Tensor, float, torch.Generator | None], Tensor]


def _add_gaussian(x: Tensor, level: float, generator: torch.Generator | None) -> Tensor:
    """Add normal noise of standard deviation ``level``."""
    return x + level * torch.empty_like(x).normal_(generator=generator)


def _mask(x: Tensor, level: float, generator: torch.Generator | None) -> Tensor:
    """Set a share ``level`` of the values to zero, the mean of standardised inputs."""
    return x * torch.empty_like(x).bernoulli_(1 - level, generator=generator)


def _swap(x: Tensor, level: float, generator: torch.Generator | None) -> Tensor:
    """Replace a share ``level`` of the values by those of other rows, feature by feature."""
    order = torch.rand(len(x), generator=generator, device=x.device, dtype=torch.float32).argsort()
    swapped = torch.empty_like(x).bernoulli_(level, generator=generator).bool()
    return torch.where(swapped, x[order], x)


# name -> function of (standardised inputs, level, generator)
NOISES: dict[str, Noise] = {"gaussian": _add_gaussian, "masking": _mask, "swap": _swap}
# those whose level is a share of the values
NOISE_SHARES = frozenset({"masking", "swap"})


class Corruption(RandomLayer):
    """Corrupt standardised inputs while training; pass them on in prediction.

    Parameters
    ----------
    noise : {"gaussian", "masking", "swap"}, callable or None
        Kind of noise; a function takes (inputs, level, generator). ``None`` is none.
    level : float
        Standard deviation of gaussian noise, share of values that are masked or swapped.

    Shape
    -----
    input, output : (batch, ...)

    Examples
    --------
    >>> corruption = Corruption("masking", 0.5)
    >>> corruption.generator = torch.Generator().manual_seed(0)
    >>> sorted(set(corruption(torch.ones(1, 100)).ravel().tolist()))
    [0.0, 1.0]
    """

    def __init__(self, noise: str | Noise | None = None, level: float = 0.0) -> None:
        super().__init__()
        self.noise = NOISES[noise] if isinstance(noise, str) else noise
        self.level = level

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.noise is None:
            return x
        try:
            noisy = self.noise(x, self.level, self.generator)
        except TypeError as error:
            raise ValueError(
                f"noise={self.noise!r} cannot be called with (inputs, level, generator): {error}."
            ) from error
        if getattr(noisy, "shape", None) != x.shape:
            raise ValueError(
                f"noise={self.noise!r} returned {type(noisy).__name__} of shape "
                f"{tuple(getattr(noisy, 'shape', ()))} for inputs of shape {tuple(x.shape)}. It "
                "must return a tensor of the shape of its inputs."
            )
        return noisy


class NestedDropout(RandomLayer):
    """Drop the last numbers of a code while training, so that the first ones tell the most.

    In a share of the rows, all numbers from a random place on are set to zero (Rippel, Gelbart &
    Adams 2014, "Learning ordered representations with nested dropout", section 3).

    Parameters
    ----------
    p : float
        That share; every number of units is as likely to be kept.

    Shape
    -----
    code : (batch, encoding_dim); output : the same

    Examples
    --------
    >>> dropout = NestedDropout(1.0)
    >>> dropout.generator = torch.Generator().manual_seed(0)
    >>> sorted(set(dropout(torch.ones(100, 3)).sum(1).tolist()))
    [1.0, 2.0, 3.0]
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, code: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return code
        n_rows, dim = code.shape
        draws = torch.empty(n_rows, 2, device=code.device, dtype=torch.float32)
        cut, place = draws.uniform_(generator=self.generator).unbind(1)
        n_kept = torch.where(cut < self.p, (place * dim).floor() + 1, dim)
        kept = torch.arange(dim, device=code.device) < n_kept[:, None]
        return code * kept
