"""From a recipe to the losses of an autoencoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from sk_aecnn.data._rows import Rows, SparseRows, TableRows
from sk_aecnn.nn import Categories, InputLayout, Moments
from sk_aecnn.recipes._parameters import is_choice
from sk_aecnn.recipes._recipe import AutoencoderRecipe
from sk_aecnn.training._code_losses import SparsityPenalty
from sk_aecnn.training._plan import TrainingData
from sk_aecnn.training._reconstruction_losses import ReconstructionLoss, constant_error


def fit_reconstruction_loss(
    recipe: AutoencoderRecipe,
    data: TrainingData,
    layout: InputLayout,
    moments: Moments,
    categories: Categories | None = None,
    *,
    trimmed: float = 0.0,
) -> ReconstructionLoss:
    """Return the reconstruction loss with its baseline, the error of the training mean.

    A share of the rows, ``trimmed``, is left out of it.
    """
    loss = recipe.reconstruction_loss
    masked = bool((moments.known < 1).any())
    if categories is not None:
        baseline = _weigh_categories(recipe, data, layout, moments, categories)
    else:
        baseline = _error_of_constants(recipe, data, layout, moments)
    return ReconstructionLoss(loss, baseline or 1.0, trimmed, masked)


def _error_of_constants(
    recipe: AutoencoderRecipe,
    data: TrainingData,
    layout: InputLayout,
    moments: Moments,
    features: torch.Tensor | None = None,
) -> float:
    """Return the mean error of the training means over what is known of some or all features."""
    loss, row_weight = recipe.reconstruction_loss, data.row_weight(torch.float64)
    if is_choice(loss, "mse"):
        errors, known = moments.var / layout.scale.square(), moments.known
        if features is not None:
            errors, known = errors[features], known[features]
        if (known == 1).all():
            return float(errors.mean())
        return float((errors * known).sum() / known.sum()) if known.any() else 0.0
    on_logits = recipe.probabilities
    shift = (moments.origin - layout.origin) + (moments.offset - layout.offset)
    mean = moments.mean if on_logits else shift / layout.scale
    target = None if on_logits else layout.standardise
    return constant_error(loss, mean, data.rows, target, row_weight, features)


def _weigh_categories(
    recipe: AutoencoderRecipe,
    data: TrainingData,
    layout: InputLayout,
    moments: Moments,
    categories: Categories,
) -> float:
    """Let a category count as an average number does; return the mean error of constants."""
    numbers = categories.number_features
    of_numbers, n_numbers = 0.0, 0.0
    if len(numbers):
        of_numbers = _error_of_constants(recipe, data, layout, moments, numbers)
        varying = numbers[moments.extent[numbers] > 0]
        n_numbers = float(moments.known[numbers].sum())
        if len(varying):
            each = _error_of_constants(recipe, data, layout, moments, varying)
            categories.error_of_numbers.fill_(each or 1.0)
    known = moments.known[categories.first]
    relative = categories.error_of_numbers * categories.entropy / categories.unit
    total = of_numbers * n_numbers + float((relative * known).sum())
    return total / (n_numbers + float(known.sum()))


def code_losses(
    recipe: AutoencoderRecipe, reconstruction_loss: ReconstructionLoss
) -> tuple[dict[str, nn.Module], dict[str, float]]:
    """Return the losses of an autoencoder and the weights of those that have one."""
    terms: dict[str, nn.Module] = {"reconstruction_loss": reconstruction_loss}
    if recipe.sparsity_weight > 0:
        terms["sparsity_penalty"] = SparsityPenalty()
    return terms, {"sparsity_penalty": recipe.sparsity_weight}


def _numbers(rows: Rows) -> np.ndarray:
    """Return the numbers of rows, but the zeros of sparse ones where there are others."""
    if isinstance(rows, SparseRows):
        return np.array([rows.min(), rows.max()])
    numbers: np.ndarray = (rows.numbers if isinstance(rows, TableRows) else rows).numpy()
    return numbers if numbers.size else np.zeros(1)


def check_unit_interval(reconstruction_loss: Any, rows: Rows) -> None:
    """Raise where the binary cross-entropy is asked for inputs that are no probabilities."""
    if not is_choice(reconstruction_loss, "bce"):
        return
    ends = (function.reduce(_numbers(rows), axis=None) for function in (np.fmin, np.fmax))
    low, high = map(float, ends)
    if low < 0 or high > 1:
        raise ValueError(
            f"reconstruction_loss='bce' needs every value of X in [0, 1], but X runs from {low:g} "
            f"to {high:g}. Rescale X (MinMaxScaler, or pixels divided by 255), or choose 'mse'."
        )
