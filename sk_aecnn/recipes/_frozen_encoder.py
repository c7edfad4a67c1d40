"""``encoder=FrozenEstimator(...)``: the parts of a fitted transformer, to start from."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from sk_aecnn.nn import Autoencoder, Categories, InputLayout, JointNetwork
from sk_aecnn.recipes._recipe import AutoencoderRecipe


def copy_fitted(
    recipe: AutoencoderRecipe, choice: FrozenEstimator
) -> tuple[InputLayout, Categories | None, nn.Module, nn.Module]:
    """Return copies of layout, categories, encoder and decoder of a fitted transformer.

    Raises
    ------
    ValueError
        If it is not fitted, or was fitted to samples, codes or losses of another kind.
    """
    network, dtype = _find_network(choice), recipe.input.dtype
    _check_fits(recipe, choice.estimator, network)
    encoder, decoder = (
        deepcopy(part).cpu().to(dtype).requires_grad_(True)
        for part in (network.encoder, network.decoder)
    )
    categories = deepcopy(network.categories).cpu() if network.categories else None
    return _copy_layout(network.layout, dtype), categories, encoder, decoder


def _find_network(choice: FrozenEstimator) -> Autoencoder | JointNetwork:
    network = getattr(getattr(choice.estimator, "net_", None), "module_", None)
    if not (isinstance(network, Autoencoder | JointNetwork) and network.has_trained_decoder):
        raise ValueError(
            f"encoder={choice!r} must hold a fitted AutoencoderTransformer, so that there is an "
            "encoder to start from: FrozenEstimator(AutoencoderTransformer().fit(X))."
        )
    return network


def _check_fits(
    recipe: AutoencoderRecipe, fitted: Any, network: Autoencoder | JointNetwork
) -> None:
    """Raise where a recipe asks for other samples, codes or losses than a network was fitted to."""
    geometry = recipe.input.geometry
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


def _copy_layout(layout: InputLayout, dtype: torch.dtype) -> InputLayout:
    """Return a copy of a layout that computes in another precision."""
    copied = deepcopy(layout).cpu()
    return InputLayout(
        copied.shape,
        copied.channel_axis,
        copied.offset,
        copied.scale,
        dtype,
        copied.origin,
        copied.indicated,
        copied.expectation,
        copied.masks,
        copied.n_known,
    )
