"""From a recipe to back ends."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from sk_aecnn.nn import (
    BackendMembers,
    CNNBackend,
    DenseBackend,
    EncoderMembers,
    Linear,
    LinearMembers,
    MeanPrediction,
    MeanProbability,
    build,
    build_custom,
)
from sk_aecnn.recipes._parameters import check_no_instance, is_choice
from sk_aecnn.recipes._recipe import BackendRecipe, EnsembleRecipe
from sk_aecnn.recipes.defaults import Task


def build_backend(recipe: BackendRecipe, generator: torch.Generator) -> nn.Module:
    """Build a back end, the package's or the user's own.

    Parameters
    ----------
    recipe : BackendRecipe
        Which.
    generator : torch.Generator
        What parameters are drawn from.
    """
    check_no_instance("backend", recipe.backend)
    if not isinstance(recipe.backend, str):
        return build_custom(
            "backend", recipe.backend, recipe.in_shape, (recipe.n_outputs,), recipe.dtype, generator
        )
    ends = recipe.dense_units, recipe.dropout, recipe.activation
    if is_choice(recipe.backend, "dense"):
        dense = partial(DenseBackend, recipe.in_shape[0], recipe.n_outputs, *ends)
        return build(dense, recipe.dtype, generator)
    make = partial(
        CNNBackend,
        recipe.in_shape,
        recipe.n_outputs,
        recipe.channels,
        recipe.kernel_size,
        *ends,
        recipe.normalization,
        recipe.global_pooling,
    )
    return build(make, recipe.dtype, generator)


def build_backend_members(
    recipe: BackendRecipe,
    ensemble: EnsembleRecipe,
    generator: torch.Generator,
    encoder: EncoderMembers | None,
    columns: nn.Module,
    n_inputs: int,
) -> BackendMembers:
    """Build the back ends of an ensemble, which begin as nothing beside their linear models.

    Parameters
    ----------
    recipe : BackendRecipe
        Of each.
    ensemble : EnsembleRecipe
        How many, and whether linear models are beside them.
    generator : torch.Generator
        What parameters are drawn from.
    encoder : EncoderMembers or None
        What comes before them, whose first layers learn the scales of inputs; None where the back
        ends do.
    columns : nn.Module
        What comes before the back ends where no encoder does.
    n_inputs : int
        Size of what the linear models see.
    """
    n_members = ensemble.n_members
    backends = [build_backend(recipe, generator) for _ in range(n_members)]
    linear = None
    if ensemble.linear_path:
        make = partial(Linear, n_inputs, recipe.n_outputs)
        layers = [build(make, recipe.dtype, generator) for _ in range(n_members)]
        own = [backend for backend in backends if isinstance(backend, CNNBackend | DenseBackend)]
        for layer in (*layers, *(backend.output for backend in own)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        linear = LinearMembers(layers)
    members = BackendMembers(columns, backends, linear)
    first_layer = members.first_layer if encoder is None else encoder.first_layer
    if ensemble.scale_rates and first_layer is not None:
        first_layer.learn_scales(ensemble.scale_rates)
    return members


def build_averaging(
    ensemble: EnsembleRecipe, task: Task, n_outputs: int, inverse_temperature: float
) -> MeanPrediction | MeanProbability | None:
    """Return what predicts with the members of an ensemble; None where there is none."""
    if ensemble.n_members == 0:
        return None
    if task != "classifier" or ensemble.n_members == 1:
        return MeanPrediction(n_outputs)
    return MeanProbability(inverse_temperature)
