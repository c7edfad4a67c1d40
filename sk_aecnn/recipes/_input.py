"""The front of every network, fitted to the training rows: scaling and encoding of features."""

from __future__ import annotations

import torch

from sk_aecnn.nn import (
    InputLayout,
    Moments,
    PiecewiseLinearEncoding,
    column_moments,
    find_bins,
    fit_scaling,
)
from sk_aecnn.recipes._defaults import are_too_many_bins
from sk_aecnn.recipes._recipe import InputRecipe
from sk_aecnn.statistics._levels import skill_of_levels
from sk_aecnn.statistics._mixture import choose_rows
from sk_aecnn.training._plan import TrainingData

# of what a precision can hold, for what reconstructions exceed the data by
_MOST_OF_THE_RANGE = 1e-3


def measure(data: TrainingData, dtype: torch.dtype) -> Moments:
    """Return the moments of the features, or raise where a precision does not hold them.

    Reconstructions are returned in the precision ``dtype``.
    """
    moments = column_moments(data.rows, data.row_weight(torch.float64))
    largest = float(torch.maximum(moments.high, -moments.low).max())
    if not moments.var.isfinite().all():
        raise ValueError(
            "X holds values so large that their variance is not finite in double precision (up to "
            f"{largest:.3g}). Divide X by a constant."
        )
    if largest > _MOST_OF_THE_RANGE * torch.finfo(dtype).max:
        precision = str(dtype).removeprefix("torch.")
        raise ValueError(
            f"X holds values so large that a network of precision={precision!r} cannot return them "
            f"(up to {largest:.3g}). Divide X by a constant, or pass precision='float64'."
        )
    return moments


def build_layout(recipe: InputRecipe, moments: Moments) -> InputLayout:
    """Return the scaling and the order of axes."""
    geometry = recipe.geometry
    channel = torch.from_numpy(geometry.channel_of_feature)
    offset, scale = fit_scaling(moments, recipe.scaling, channel)
    shape, axis = (
        ((geometry.n_features,), 0) if recipe.flat else (geometry.shape, geometry.channel_axis)
    )
    return InputLayout(shape, axis, offset, scale, recipe.dtype, moments.origin)


def measure_levels(data: TrainingData, layout: InputLayout) -> float:
    """Return how well the mean and the contrast of samples alone tell their class; see there."""
    index = choose_rows(len(data.rows), None, None)
    x = layout.standardise(data.rows.index_select(0, torch.from_numpy(index)))
    return skill_of_levels(x.double().numpy(), data.targets[index])


def build_bins(
    recipe: InputRecipe, data: TrainingData, layout: InputLayout
) -> PiecewiseLinearEncoding | None:
    """Return the piecewise linear encoding of features, or None where there is none."""
    if recipe.n_bins is None:
        return None
    weight = data.row_weight(torch.float64)
    index = torch.from_numpy(choose_rows(len(data.rows), None, None))
    x = layout.standardise(data.rows.index_select(0, index))
    bins = find_bins(x, None if weight is None else weight[index], recipe.n_bins)
    if bins is None or (recipe.n_bins_is_auto and are_too_many_bins(len(bins.column))):
        return None
    return PiecewiseLinearEncoding(x.shape[1], bins)
