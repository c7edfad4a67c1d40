"""Values of parameters by themselves: left to the data, the name of a choice, or valid at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

Parameters = Mapping[str, Any]


def is_auto(value: Any) -> bool:
    """Tell whether a parameter is left to the data."""
    return is_choice(value, "auto")


def is_choice(value: Any, name: str) -> bool:
    """Tell whether a parameter, which may be a network or a function, is the name of a choice."""
    return isinstance(value, str) and value == name


def check_sizes(name: str, sizes: Any, *, at_least: int) -> tuple[int, ...]:
    """Return a parameter that lists layer sizes as a tuple, or raise."""
    values = tuple(np.atleast_1d(np.asarray(sizes, dtype=object)))
    valid = all(isinstance(value, int | np.integer) and 1 <= value < 2**31 for value in values)
    if not valid or len(values) < at_least:
        raise ValueError(
            f"{name}={sizes!r} must be a sequence of at least {at_least} integers, each 1 or "
            "more: the size of every layer in turn."
        )
    return tuple(int(value) for value in values)


def check_no_instance(name: str, choice: Any) -> None:
    """Raise where a network is passed instead of what makes one."""
    if isinstance(choice, nn.Module):
        raise ValueError(
            f"{name} must be a class, or a function that returns a torch.nn.Module, so that each "
            f"fit has a network of its own; got an instance of {type(choice).__name__}. Pass the "
            "class, or functools.partial of it."
        )
