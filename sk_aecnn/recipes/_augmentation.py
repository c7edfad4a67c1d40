"""The parameter ``augmentation``: which transforms, how strong, and what applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from sk_aecnn._torch import as_tensor
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._targets import TargetScaler
from sk_aecnn.nn import (
    GEOMETRIC,
    PHOTOMETRIC,
    Augmentation,
    CustomTransform,
    TargetTransform,
    has_parameter,
)
from sk_aecnn.recipes._parameters import is_auto
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes.defaults import auto_augmentation, depends_on_cues

Augment = Callable[..., Tensor]
# transforms by name with their strengths, or functions of the user's own, in order
Augmenting = tuple[tuple[str, float] | Augment, ...]


def resolve_augmentation(augmentation: Any, summary: DataSummary) -> Augmenting:
    """Return the transforms of the parameter, or raise where there is no such transform.

    Examples
    --------
    >>> table = DataSummary(SampleGeometry((50,), 0), 100, 0, False, "classifier")
    >>> resolve_augmentation({"contrast": 0.2}, table)
    (('contrast', 0.2),)
    """
    if is_auto(augmentation):
        known = summary.geometry, summary.task, summary.n_unlabeled
        augmentation = auto_augmentation(*known, summary.cues)
    if augmentation is None:
        return ()
    if callable(augmentation):
        return (augmentation,)
    if isinstance(augmentation, Mapping):
        return tuple(
            (name, _check_strength(name, strength, summary.geometry))
            for name, strength in augmentation.items()
        )
    return tuple(
        transform
        for entry in augmentation
        for transform in resolve_augmentation(_check_entry(entry), summary)
    )


def asks_for_cues(augmentation: Any, summary: DataSummary) -> bool:
    """Tell whether the transforms go by what tells the class of samples."""
    known = summary.geometry, summary.task, summary.n_unlabeled
    return is_auto(augmentation) and depends_on_cues(*known)


def as_parameter(transforms: Augmenting) -> dict[str, float] | tuple[Any, ...] | None:
    """Return transforms in the form that the parameter takes: a dict where all have a name."""
    if not transforms:
        return None
    named = [transform for transform in transforms if isinstance(transform, tuple)]
    if len(named) < len(transforms):
        return transforms
    once = len(dict(named)) == len(named)
    return dict(named) if once else tuple({name: strength} for name, strength in named)


def moves_targets(transforms: Augmenting) -> bool:
    """Tell whether a transform takes the targets of a batch, and returns others."""
    return any(callable(transform) and has_parameter(transform, "y") for transform in transforms)


def build_augmentation(
    transforms: Augmenting,
    geometry: SampleGeometry,
    dtype: torch.dtype,
    *,
    fade: bool = False,
    scaler: TargetScaler | None = None,
) -> Augmentation:
    """Return the module that transforms the samples of a geometry.

    Parameters
    ----------
    transforms : tuple
        As `resolve_augmentation` returns them.
    geometry : SampleGeometry
        The shape of a sample.
    dtype : torch.dtype
        Precision of the network.
    fade : bool
        Whether samples are transformed at the beginning of training alone.
    scaler : TargetScaler or None
        What standardises targets, where these are numbers.
    """
    shape, axis = geometry.shape, geometry.channel_axis
    moves: list[nn.Module] = []
    perturbs: list[nn.Module] = []
    paired: list[nn.Module] = []
    for transform in transforms:
        if callable(transform) and has_parameter(transform, "y"):
            scaling = _scaling_of_targets(transform, scaler)
            paired.append(TargetTransform(transform, shape, axis, dtype, *scaling))
            continue
        if callable(transform):
            moves.append(CustomTransform(transform, shape, axis, dtype))
            continue
        name, strength = transform
        if strength == 0:
            continue
        if name in GEOMETRIC:
            moves.append(GEOMETRIC[name](shape, axis, strength))
        else:
            perturbs.append(PHOTOMETRIC[name](shape, axis, strength))
    return Augmentation(moves, perturbs, fade, paired)


def _scaling_of_targets(transform: Augment, scaler: TargetScaler | None) -> tuple[Tensor, Tensor]:
    """Return the mean and the scale of targets, or raise where there are no numbers to move."""
    if scaler is None:
        raise ValueError(
            f"augmentation={transform!r} has a parameter y, for numbers that move with the samples,"
            " but the estimator is no regressor. Pass a function of the samples alone."
        )
    return as_tensor(scaler.mean), as_tensor(scaler.scale)


def _check_entry(entry: Any) -> Any:
    if callable(entry) or isinstance(entry, Mapping):
        return entry
    raise ValueError(
        f"augmentation has an entry {entry!r}. A list holds functions of a batch, and dicts of "
        "built-in transforms with their strengths, such as {'translate': 0.1}."
    )


def _check_strength(name: Any, strength: Any, geometry: SampleGeometry) -> float:
    choices = GEOMETRIC | PHOTOMETRIC
    if name not in choices:
        raise ValueError(
            f"augmentation has no transform {name!r}; choose among {', '.join(sorted(choices))}, "
            "or pass a function of a batch."
        )
    is_number = isinstance(strength, Real) and not isinstance(strength, bool)
    if not is_number or not 0 <= float(strength) <= 1:
        raise ValueError(
            f"augmentation={{{name!r}: {strength!r}}} must have a strength between 0 and 1."
        )
    least = choices[name].least_spatial_axes
    if float(strength) > 0 and len(geometry.spatial) < least:
        raise ValueError(
            f"augmentation={{{name!r}: {strength!r}}} changes positions along "
            f"{'two spatial axes' if least == 2 else 'a spatial axis'}, but samples of shape "
            f"{geometry.shape} have {len(geometry.spatial) or 'no spatial axis'}. Leave it out, "
            "or pass sample_shape or channel_axis."
        )
    return float(strength)
