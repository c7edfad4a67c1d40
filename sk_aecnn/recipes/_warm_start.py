"""What may change from one call to the next, where the second goes on from the first."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from sk_aecnn.recipes._parameters import Parameters

_CHANGEABLE = frozenset(
    {
        "batch_size",
        "callbacks",
        "class_weight",
        "contamination",
        "early_stopping",
        "lr",
        "lr_schedule",
        "max_epochs",
        "n_iter_no_change",
        "neighbors",
        "output",
        "scoring",
        "validation_fraction",
        "verbose",
        "warm_start",
        "weight_decay",
    }
)


def check_unchanged(parameters: Parameters, fitted: Parameters, resolved: Parameters) -> None:
    """Raise where a fit that goes on would have to train another network, or in another way.

    The value that a parameter took in the last fit, in ``resolved``, is no change.
    """
    changed = [
        name
        for name in parameters
        if name not in _CHANGEABLE
        and not _is_same(parameters[name], fitted[name])
        and not (name in resolved and _is_same(parameters[name], resolved[name]))
    ]
    if changed:
        name = changed[0]
        raise ValueError(
            f"{name}={parameters[name]!r} differs from {name}={fitted[name]!r} of the last fit, "
            f"which this call goes on from (parameters that differ: {', '.join(changed)}). Set it "
            "back, or begin anew: with warm_start=False and fit, or a clone."
        )


def _is_same(value: Any, fitted: Any) -> bool:
    if value is fitted:
        return True
    if _is_missing(value) or _is_missing(fitted):
        return _is_missing(value) and _is_missing(fitted)
    plain = (bool, int, float, str, date, np.generic, tuple, list, dict, np.ndarray)
    if not isinstance(value, plain) or not isinstance(fitted, plain):
        return False
    try:
        return bool(np.array_equal(np.asarray(value), np.asarray(fitted)))
    except (TypeError, ValueError):
        return bool(value == fitted)


def _is_missing(value: Any) -> bool:
    """Tell whether a value is NaN or NaT."""
    return isinstance(value, float | date | np.datetime64) and bool(value != value)
