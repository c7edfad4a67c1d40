"""The net of an autoencoder by itself, and how much it takes back of what it learns beyond PCA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import torch

from sk_aecnn._torch import DTYPES, as_tensor
from sk_aecnn.data._rows import RowSubset
from sk_aecnn.lifecycle._base import NetAndRecipes
from sk_aecnn.lifecycle._parameters import Auto
from sk_aecnn.nn import Autoencoder, Corruption, Moments, fit_pca
from sk_aecnn.recipes._architecture import resolve_autoencoder
from sk_aecnn.recipes._augmentation import as_parameter, build_augmentation, resolve_augmentation
from sk_aecnn.recipes._autoencoder_losses import code_losses, fit_reconstruction_loss
from sk_aecnn.recipes._autoencoder_parts import build_autoencoder_parts
from sk_aecnn.recipes._input import build_layout, measure
from sk_aecnn.recipes._parameters import Parameters, is_auto
from sk_aecnn.recipes._recipe import AutoencoderRecipe, DataSummary
from sk_aecnn.recipes.defaults import (
    SHRINKAGES,
    choose_shrinkage,
    n_components_for,
    tries_shrinkage,
)
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._objective import Objective
from sk_aecnn.training._plan import FitPlan, hold_out
from sk_aecnn.training._shrinkage import set_shrinkage, shrunk_errors
from sk_aecnn.training._train import train

# principal components that are looked at for a share of the variance
_MOST_COMPONENTS = 1000
# of the rows of a batch, the share whose codes are cut for nested codes
_NESTED_DROPOUT = 0.5
# of the samples, the share that is held out to tell what is taken back
_HELD_OUT = 0.2


def build_autoencoder(
    parameters: Parameters, plan: FitPlan, summary: DataSummary, *, trimmed: float = 0.0
) -> NetAndRecipes:
    """Return a net around an autoencoder whose code is a point, and what it was built from.

    A share of the rows of every batch, ``trimmed``, is left out of its loss.
    """
    moments = measure(plan.data, DTYPES[parameters["precision"]])
    if not isinstance(parameters["encoding_dim"], Integral):
        dim = _count_components(parameters, plan, summary, moments)
        parameters = {**parameters, "encoding_dim": dim}
    recipe = resolve_autoencoder(parameters, summary, moments, n_encoded=parameters["encoding_dim"])
    transforms = resolve_augmentation(parameters["augmentation"], summary)

    def build(plan: FitPlan) -> TrainingNet:
        parts = build_autoencoder_parts(recipe, plan, moments)
        network = Autoencoder(
            parts,
            Corruption(*recipe.noise),
            augmentation=build_augmentation(
                transforms, plan.geometry, recipe.input.dtype, fade=True
            ),
            nested_dropout=_NESTED_DROPOUT if parameters.get("nested", False) else 0.0,
        )
        if recipe.clip:
            network.clip_to(moments.low, moments.high)
        loss = fit_reconstruction_loss(
            recipe, plan.data, parts.layout, moments, parts.categories, trimmed=trimmed
        )
        return plan.build_net(network, Objective(*code_losses(recipe, loss)))

    chosen: dict[str, Any] = {"augmentation": as_parameter(transforms)}
    if not recipe.linear_path:
        return build(plan), (recipe, chosen)
    net, shrinkage = build_shrunk(build, plan, recipe, parameters["shrinkage"])
    return net, (recipe, chosen | {"shrinkage": shrinkage})


def build_shrunk(
    build: Callable[[FitPlan], TrainingNet],
    plan: FitPlan,
    recipe: AutoencoderRecipe,
    shrinkage: float | Auto,
    error: str = "standardised_mean_squared_error",
    choose: Callable[[np.ndarray, np.ndarray], float] = choose_shrinkage,
    share_of_epochs: float = 1.0,
) -> tuple[TrainingNet, float]:
    """Return a net that starts as PCA, and the share of what it learns that it takes back.

    ``"auto"`` is the share that is chosen by the ``error`` of rows held out, a method of the
    network, for each of ``SHRINKAGES``, after a share of the epochs.
    """
    if is_auto(shrinkage):
        max_epochs = max(1, round(share_of_epochs * plan.options.max_epochs))
        trial = replace(plan, options=replace(plan.options, max_epochs=max_epochs))
        errors, weight = _shrunk_errors(build, trial, recipe.input.dtype, error)
        shrinkage = choose(errors, weight) if len(errors) else 0.0
    net = build(plan)
    set_shrinkage(net, float(shrinkage))
    return net, float(shrinkage)


def _count_components(
    parameters: Parameters, plan: FitPlan, summary: DataSummary, moments: Moments
) -> int:
    """Return how many principal components keep the share of the variance that is asked for."""
    some = {**parameters, "encoding_dim": 1}
    recipe = resolve_autoencoder(some, summary, moments, n_encoded=1)
    layout = build_layout(recipe.input, moments, plan.data)
    weight = plan.data.row_weight(torch.float64)
    components = fit_pca(
        plan.data.rows, layout, weight, _MOST_COMPONENTS, plan.generator.clone_state()
    )
    return n_components_for(parameters["encoding_dim"], components.explained.numpy())


def _shrunk_errors(
    build: Callable[[FitPlan], TrainingNet], plan: FitPlan, dtype: torch.dtype, error: str
) -> tuple[np.ndarray, np.ndarray]:
    """Train on a part of the rows, and return the errors of the others and their weights.

    There are none where nothing is to be chosen.
    """
    n_rows = len(plan.data.rows)
    watched = plan.options.partial or plan.validation is not None
    if watched or not tries_shrinkage(n_rows, plan.geometry):
        return np.empty((0, 0)), np.empty(0)
    stream = plan.generator.clone_state()  # the fit itself is as without a trial
    seed = int(torch.randint(2**31, (), generator=stream))
    learned, held_out = hold_out(n_rows, None, _HELD_OUT, seed)
    part = plan.data.choose(np.isin(np.arange(n_rows), learned))
    training = part.to_dataset(dtype)
    options = replace(plan.options, callbacks=(), verbose=0)
    net = build(replace(plan, data=part, training=training, options=options, generator=stream))
    train(net, options, training)
    errors = shrunk_errors(net, RowSubset(plan.data.rows, as_tensor(held_out)), SHRINKAGES, error)
    weight = np.ones(n_rows) if plan.data.weight is None else plan.data.weight
    return errors, weight[held_out]
