"""From a recipe to the parts of an autoencoder."""

from __future__ import annotations

from functools import partial

import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from sk_aecnn.nn import (
    AutoencoderParts,
    Categories,
    ConvDecoder,
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    EncoderMembers,
    InputLayout,
    Moments,
    PCADecoder,
    PCAEncoder,
    build,
    build_custom,
    build_custom_encoder,
    fit_pca,
    start_as_pca,
)
from sk_aecnn.recipes._frozen_encoder import copy_fitted
from sk_aecnn.recipes._input import build_categories, build_columns, build_layout
from sk_aecnn.recipes._parameters import check_no_instance
from sk_aecnn.recipes._recipe import AutoencoderRecipe
from sk_aecnn.training._plan import FitPlan


def build_autoencoder_parts(
    recipe: AutoencoderRecipe, plan: FitPlan, moments: Moments
) -> AutoencoderParts:
    """Build the scaling, the encoder and the decoder.

    Parameters
    ----------
    recipe : AutoencoderRecipe
        Which.
    plan : FitPlan
        The rows that the scaling is fitted to, and what parameters are drawn from.
    moments : Moments
        Of the features.
    """
    if isinstance(recipe.encoder, FrozenEstimator):
        layout, categories, encoder, decoder = copy_fitted(recipe, recipe.encoder)
    else:
        layout = build_layout(recipe.input, moments, plan.data)
        categories = build_categories(recipe.input, moments)
        encoder = _build_encoders(recipe, plan, layout)
        decoder = _build_decoder(recipe, plan.generator)
        if recipe.linear_path:
            inputs = layout, categories
            encoder, decoder = _start_as_pca(recipe, plan, *inputs, encoder, decoder)
    return AutoencoderParts(
        layout, encoder, decoder, recipe.encoding_dim, recipe.probabilities, categories
    )


def _build_encoders(recipe: AutoencoderRecipe, plan: FitPlan, layout: InputLayout) -> nn.Module:
    """Build the encoder, or those of an ensemble for tables."""
    if recipe.n_members == 0:
        return _build_encoder(recipe, plan.generator, recipe.input.filled_shape)
    columns, n_inputs = build_columns(recipe.input, plan, layout)
    encoders = [
        _build_encoder(recipe, plan.generator, (n_inputs,)) for _ in range(recipe.n_members)
    ]
    return EncoderMembers(columns, n_inputs, encoders)


def _build_encoder(
    recipe: AutoencoderRecipe, generator: torch.Generator, in_shape: tuple[int, ...]
) -> nn.Module:
    n_encoded = recipe.n_encoded
    check_no_instance("encoder", recipe.encoder)
    if not isinstance(recipe.encoder, str):
        return build_custom_encoder(
            recipe.encoder, in_shape, n_encoded, recipe.input.dtype, generator
        )
    activations = recipe.activation, recipe.code_activation
    if not recipe.input.flat:
        channels, *spatial = in_shape
        sizes = recipe.conv_channels, n_encoded, recipe.kernel_size
        convolve = partial(
            ConvEncoder, channels, spatial, *sizes, *activations, recipe.normalization
        )
        return build(convolve, recipe.input.dtype, generator)
    make = partial(DenseEncoder, in_shape[0], recipe.hidden_layer_sizes, n_encoded, *activations)
    return build(make, recipe.input.dtype, generator)


def _build_decoder(recipe: AutoencoderRecipe, generator: torch.Generator) -> nn.Module:
    in_shape, dim, dtype = recipe.input.in_shape, recipe.encoding_dim, recipe.input.dtype
    check_no_instance("decoder", recipe.decoder)
    if not isinstance(recipe.decoder, str):
        return build_custom("decoder", recipe.decoder, (dim,), in_shape, dtype, generator)
    if recipe.input.flat:
        sizes = in_shape[0], recipe.hidden_layer_sizes, dim
        return build(partial(DenseDecoder, *sizes, recipe.activation), dtype, generator)
    channels, *spatial = in_shape
    last = recipe.kernel_size, recipe.activation, recipe.normalization
    convolve = partial(ConvDecoder, channels, spatial, recipe.conv_channels, dim, *last)
    return build(convolve, dtype, generator)


def _start_as_pca(
    recipe: AutoencoderRecipe,
    plan: FitPlan,
    layout: InputLayout,
    categories: Categories | None,
    encoder: nn.Module,
    decoder: nn.Module,
) -> tuple[PCAEncoder, PCADecoder]:
    """Put linear paths beside an encoder and a decoder, which then begin as PCA."""
    dim, shape, dtype = recipe.encoding_dim, recipe.input.in_shape, recipe.input.dtype
    weight = plan.data.row_weight(torch.float64)
    if plan.validation is not None:
        learns = torch.from_numpy(plan.is_trained_on).double()
        weight = learns if weight is None else weight * learns
        weight = weight / weight.mean()
    components = fit_pca(plan.data.rows, layout, weight, dim, plan.generator)
    filled = recipe.input.filled_shape
    halves = PCAEncoder(encoder, filled, dim).to(dtype), PCADecoder(decoder, dim, shape).to(dtype)
    kinds = recipe.probabilities, categories
    start_as_pca(*halves, components, layout, *kinds)
    return halves
