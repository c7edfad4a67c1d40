"""``resolved_params_``: what the parameters became whose value is left to the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sklearn.frozen import FrozenEstimator

from sk_aecnn.recipes._parameters import Parameters
from sk_aecnn.recipes._recipe import AutoencoderRecipe, InputRecipe

# the parameters whose value may be left to the data
AUTO_PARAMETERS = (
    "encoding_dim",
    "encoder",
    "hidden_layer_sizes",
    "shrinkage",
    "conv_channels",
    "kernel_size",
    "backend_channels",
    "normalization",
    "backend",
    "dropout",
    "linear_path",
    "n_estimators",
    "clip",
    "n_bins",
    "label_smoothing",
    "max_extrapolation",
    "channel_axis",
    "scaling",
    "augmentation",
    "max_epochs",
    "batch_size",
    "lr",
    "lr_schedule",
    "early_stopping",
    "device",
)


def resolved_parameters(parameters: Parameters, *parts: Any) -> dict[str, Any]:
    """Return what the parameters that may be left to the data became, of the parts of a recipe.

    Parameters
    ----------
    parameters : dict
        Of the estimator: what it has no parameter for is left out.
    *parts : dataclass or dict
        Values by name; later ones count.

    Returns
    -------
    resolved : dict of str to bool, int, float, str, tuple, dict or None
        Networks and functions of the user's own are left out, and parameters without a use.
    """
    found: dict[str, Any] = {}
    for part in parts:
        is_fitted = isinstance(getattr(part, "encoder", None), FrozenEstimator)
        if not is_fitted:  # or what it was fitted with counts
            found |= part if isinstance(part, Mapping) else _values(part)
    return {
        name: found[name]
        for name in AUTO_PARAMETERS
        if name in parameters and name in found and _is_plain(found[name])
    }


def _values(part: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that have a value, and those of a recipe in it."""
    found: dict[str, Any] = {}
    for name in (entry.name for entry in fields(part)):
        value = getattr(part, name)
        if isinstance(value, InputRecipe):
            found |= _values(value)
        elif value != () and not _is_without_use(part, name):
            found[name] = value
    return found


def _is_without_use(part: Any, name: str) -> bool:
    """Tell whether a part of a recipe has nothing that is convolved, or normalised."""
    if name == "kernel_size":
        return bool(part.kernel_size == 0)
    return name == "normalization" and isinstance(part, AutoencoderRecipe) and part.input.flat


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(entry) for entry in value.values())
    if isinstance(value, tuple):
        return all(_is_plain(entry) for entry in value)
    return value is None or isinstance(value, bool | int | float | str)
