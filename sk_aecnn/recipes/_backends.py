"""From a recipe to a convolutional back end."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from sk_aecnn.nn import CNNBackend, PiecewiseLinearEncoding, build, build_custom
from sk_aecnn.recipes._autoencoder_parts import check_no_instance
from sk_aecnn.recipes._recipe import BackendRecipe


def build_backend(
    recipe: BackendRecipe,
    generator: torch.Generator,
    bins: PiecewiseLinearEncoding | None = None,
) -> nn.Module:
    """Build a back end, the package's or the user's own.

    Parameters
    ----------
    recipe : BackendRecipe
        Which.
    generator : torch.Generator
        What parameters are drawn from.
    bins : PiecewiseLinearEncoding or None
        What comes before the package's stages.
    """
    check_no_instance("backend", recipe.backend)
    if not isinstance(recipe.backend, str):
        return build_custom(
            "backend", recipe.backend, recipe.in_shape, (recipe.n_outputs,), recipe.dtype, generator
        )
    make = partial(
        CNNBackend,
        recipe.in_shape if bins is None else (bins.n_outputs,),
        recipe.n_outputs,
        recipe.channels,
        recipe.kernel_size,
        recipe.dense_units,
        recipe.dropout,
        recipe.activation,
        recipe.normalization,
        recipe.global_pooling,
    )
    backend = build(make, recipe.dtype, generator)
    if bins is not None:
        backend.stages.insert(0, bins)
    return backend
