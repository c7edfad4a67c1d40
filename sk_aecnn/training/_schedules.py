"""How the learning rate varies while training, as a factor of the highest rate."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

_WARM_UP = 0.25
_START, _END = 0.04, 0.001


def _one_cycle(progress: float) -> float:
    """Rise for a quarter of the steps, then fall along a cosine (Smith & Topin 2018)."""
    if progress < _WARM_UP:
        return _START + (1 - _START) * (1 - cos(pi * progress / _WARM_UP)) / 2
    return _cosine((progress - _WARM_UP) / (1 - _WARM_UP))


def _cosine(progress: float) -> float:
    """Fall from 1 to almost 0 along half a cosine (Loshchilov & Hutter 2017)."""
    return _END + (1 - _END) * (1 + cos(pi * progress)) / 2


def _constant(progress: float) -> float:
    return 1.0


# name -> factor of the learning rate at the share of the steps already done
LR_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
}
