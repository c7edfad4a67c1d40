"""From a recipe to the parts of an autoencoder and its losses."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from sk_aecnn.data._rows import Rows, SparseRows, TableRows
from sk_aecnn.nn import (
    Autoencoder,
    Categories,
    ConvDecoder,
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    EncoderMembers,
    InputLayout,
    JointNetwork,
    Moments,
    PCADecoder,
    PCAEncoder,
    build,
    build_custom,
    build_custom_encoder,
    fit_pca,
    start_as_pca,
)
from sk_aecnn.recipes._input import build_categories, build_columns, build_layout, n_bins_of
from sk_aecnn.recipes._parameters import is_choice
from sk_aecnn.recipes._recipe import AutoencoderRecipe
from sk_aecnn.training._code_losses import SparsityPenalty
from sk_aecnn.training._plan import FitPlan, TrainingData
from sk_aecnn.training._reconstruction_losses import ReconstructionLoss, constant_error


@dataclass(frozen=True)
class AutoencoderParts:
    """The parts of an autoencoder, by the names that the networks give them."""

    layout: InputLayout
    encoder: nn.Module
    decoder: nn.Module
    encoding_dim: int
    probabilities: bool
    categories: Categories | None

    def named(self) -> dict[str, Any]:
        """Return the parts as keyword arguments of a network."""
        return dict(vars(self))

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape of what a back end may look at."""
        shape: Any = self.encoder.feature_shape
        return tuple(shape)

    @property
    def members(self) -> EncoderMembers | None:
        """The encoders of an ensemble, None where there is no ensemble."""
        encoder = self.encoder.residual if isinstance(self.encoder, PCAEncoder) else self.encoder
        return encoder if isinstance(encoder, EncoderMembers) else None

    def n_bins(self, recipe: AutoencoderRecipe) -> int | None:
        """Return the bins of a feature, None where the encoder got none."""
        return None if self.members is None else n_bins_of(self.members.columns, recipe.input)


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
        layout, categories, encoder, decoder = _copy_fitted(recipe, recipe.encoder)
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


def check_no_instance(name: str, choice: Any) -> None:
    """Raise where a network is passed instead of what makes one."""
    if isinstance(choice, nn.Module):
        raise ValueError(
            f"{name} must be a class, or a function that returns a torch.nn.Module, so that each "
            f"fit has a network of its own; got an instance of {type(choice).__name__}. Pass the "
            "class, or functools.partial of it."
        )


def _build_encoders(recipe: AutoencoderRecipe, plan: FitPlan, layout: InputLayout) -> nn.Module:
    """Build the encoder, or those of an ensemble for tables."""
    if recipe.n_members == 0:
        return _build_encoder(recipe, plan.generator, recipe.input.filled_shape)
    columns, n_inputs = build_columns(recipe.input, plan.data, layout)
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
    components = fit_pca(plan.data.rows, layout, weight, dim, plan.generator)
    filled = recipe.input.filled_shape
    halves = PCAEncoder(encoder, filled, dim).to(dtype), PCADecoder(decoder, dim, shape).to(dtype)
    kinds = recipe.probabilities, categories
    start_as_pca(*halves, components, layout, *kinds)
    return halves


def _copy_fitted(
    recipe: AutoencoderRecipe, choice: FrozenEstimator
) -> tuple[InputLayout, Categories | None, nn.Module, nn.Module]:
    """Return copies of the parts of a fitted transformer."""
    fitted, geometry = choice.estimator, recipe.input.geometry
    network = getattr(getattr(fitted, "net_", None), "module_", None)
    if not (isinstance(network, Autoencoder | JointNetwork) and network.has_trained_decoder):
        raise ValueError(
            f"encoder={choice!r} must hold a fitted AutoencoderTransformer, so that there is an "
            "encoder to start from: FrozenEstimator(AutoencoderTransformer().fit(X))."
        )
    shape = (geometry.n_columns,) if geometry.n_categories else geometry.shape
    if fitted.sample_shape_ != shape:
        raise ValueError(
            f"encoder={type(fitted).__name__} was fitted on samples of shape "
            f"{fitted.sample_shape_}, but X has samples of shape {shape}. Pass the "
            "samples that it was fitted on, or set sample_shape."
        )
    if network.encoding_dim != recipe.encoding_dim:
        raise ValueError(
            f"encoding_dim={recipe.encoding_dim}, but the fitted encoder has codes of "
            f"{network.encoding_dim}. Pass encoding_dim={network.encoding_dim}."
        )
    if network.probabilities != recipe.probabilities:
        raise ValueError(
            f"reconstruction_loss={recipe.reconstruction_loss!r}, but the fitted decoder was "
            f"trained for reconstruction_loss={fitted.reconstruction_loss!r}, of another kind of "
            f"output. Pass reconstruction_loss={fitted.reconstruction_loss!r}."
        )
    dtype = recipe.input.dtype
    fitted_layout = deepcopy(network.layout).cpu()
    layout = InputLayout(
        fitted_layout.shape,
        fitted_layout.channel_axis,
        fitted_layout.offset,
        fitted_layout.scale,
        dtype,
        fitted_layout.origin,
        fitted_layout.indicated,
        deepcopy(fitted_layout.expectation),
    )
    encoder, decoder = (
        deepcopy(part).cpu().to(dtype) for part in (network.encoder, network.decoder)
    )
    categories = deepcopy(network.categories).cpu() if network.categories else None
    return layout, categories, encoder.requires_grad_(True), decoder.requires_grad_(True)


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
