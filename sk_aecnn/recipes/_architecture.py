"""Which networks are built, and what samples are to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sk_aecnn._torch import DTYPES
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import FeatureIndex
from sk_aecnn.nn import NOISE_SHARES, Moments
from sk_aecnn.recipes._parameters import Parameters, check_sizes, is_auto, is_choice
from sk_aecnn.recipes._recipe import AutoencoderRecipe, BackendRecipe, DataSummary, InputRecipe
from sk_aecnn.recipes.defaults import (
    Scaling,
    are_indicated,
    auto_backend,
    auto_backend_channels,
    auto_clip,
    auto_conv_channels,
    auto_dropout,
    auto_hidden_layer_sizes,
    auto_kernel_size,
    auto_n_bins,
    auto_normalization,
    auto_scaling,
    contains_pca,
    has_columns,
    kind_of_covariance,
    pools_globally,
)


def resolve_autoencoder(
    parameters: Parameters, summary: DataSummary, moments: Moments, *, n_encoded: int
) -> AutoencoderRecipe:
    """Return the networks of an autoencoder.

    Parameters
    ----------
    parameters : dict
        Of the estimator.
    summary : DataSummary
        Number of samples, geometry, task.
    moments : Moments
        Of the features.
    n_encoded : int
        Numbers that the encoder puts out.
    """
    geometry, ensemble = summary.geometry, summary.ensemble
    encoder = _resolve_encoder(parameters["encoder"], geometry)
    flat = reads_vectors(encoder, geometry)
    reader = "encoder", encoder
    samples = _resolve_input(parameters, summary, moments, flat, ensemble.is_table, reader)
    return AutoencoderRecipe(
        input=samples,
        encoding_dim=int(parameters["encoding_dim"]),
        n_encoded=n_encoded,
        encoder=encoder,
        decoder=parameters["decoder"],
        hidden_layer_sizes=_resolve_hidden(parameters, ensemble.n_members) if flat else (),
        conv_channels=() if flat else _resolve_conv_channels(parameters, geometry),
        kernel_size=0 if flat else _resolve_kernel_size(parameters, len(geometry.spatial)),
        activation=parameters["activation"],
        code_activation=parameters.get("code_activation", "identity"),
        normalization=_resolve_normalization(parameters, summary),
        reconstruction_loss=parameters["reconstruction_loss"],
        noise=_check_noise(parameters.get("noise"), parameters.get("noise_level", 0.0)),
        sparsity_weight=parameters.get("sparsity_weight", 0.0),
        clip=_resolve_clip(parameters, summary, moments),
        n_members=ensemble.n_members,
        linear_path=_resolve_linear_path(parameters, summary),
    )


def resolve_convolutional_input(
    parameters: Parameters, summary: DataSummary, moments: Moments
) -> InputRecipe:
    """Return the inputs of a back end that sees the samples themselves."""
    flat = not summary.geometry.spatial
    reader = "backend", parameters["backend"]
    return _resolve_input(parameters, summary, moments, flat, flat, reader)


def resolve_backend(
    parameters: Parameters,
    summary: DataSummary,
    in_shape: Sequence[int],
    n_outputs: int,
    autoencoder: AutoencoderRecipe | None = None,
) -> BackendRecipe:
    """Return a back end.

    Parameters
    ----------
    parameters : dict
        Of the estimator.
    summary : DataSummary
        Number of samples, geometry, task.
    in_shape : sequence of int
        Shape of its input.
    n_outputs : int
        Size of its output.
    autoencoder : AutoencoderRecipe or None
        What is in front of it, whose kernel size is its own as well; None where there is nothing,
        so that it convolves by itself.
    """
    kernel_size = autoencoder.kernel_size if autoencoder else 0
    if kernel_size == 0:
        kernel_size = _resolve_kernel_size(parameters, len(in_shape) - 1)
    backend, dropout = parameters["backend"], parameters["dropout"]
    if is_auto(backend):
        backend = auto_backend(in_shape)
    resolve_channels = _resolve_backend_channels if autoencoder else _resolve_own_channels
    channels = resolve_channels(parameters, summary.geometry)  # raises, of use or not
    is_dense = is_choice(backend, "dense")
    if is_dense and len(in_shape) > 1:
        raise ValueError(
            f"backend='dense' takes flat features, but the encoder's have the shape "
            f"{tuple(in_shape)}. Pass backend='cnn', or backend_input='code'."
        )
    return BackendRecipe(
        dtype=DTYPES[parameters["precision"]],
        in_shape=tuple(in_shape),
        n_outputs=n_outputs,
        backend=backend,
        channels=() if is_dense else channels,
        kernel_size=0 if is_dense else kernel_size,
        dense_units=parameters["dense_units"],
        dropout=auto_dropout(summary.geometry) if is_auto(dropout) else dropout,
        activation=parameters["activation"],
        normalization=_resolve_normalization(parameters, summary),
        global_pooling=len(in_shape) > 1 and pools_globally(summary.geometry, summary.task),
    )


# -- samples ----------------------------------------------------------------------------------


def _resolve_input(
    parameters: Parameters,
    summary: DataSummary,
    moments: Moments,
    flat: bool,
    is_table: bool,
    reader: tuple[str, Any],
) -> InputRecipe:
    """Return how rows become the inputs of a reader, the parameter that says who it is."""
    geometry = summary.geometry
    n_bins = _resolve_n_bins(parameters, summary, is_table, reader) if summary.predicts else None
    has_missing = bool((moments.known < 1).any())
    return InputRecipe(
        geometry=geometry,
        dtype=DTYPES[parameters["precision"]],
        scaling=_resolve_scaling(parameters, geometry, moments),
        flat=flat,
        n_bins=n_bins,
        n_bins_is_auto=n_bins is not None and is_auto(parameters["n_bins"]),
        task=summary.task,
        indicated=_find_indicated(geometry, moments, summary.p_values if flat else None),
        covariance=kind_of_covariance(geometry.n_features) if flat else None,
        masks=has_missing and not flat and isinstance(reader[1], str),
    )


def _resolve_n_bins(
    parameters: Parameters, summary: DataSummary, is_table: bool, reader: tuple[str, Any]
) -> int | None:
    n_bins, geometry = parameters["n_bins"], summary.geometry
    if is_auto(n_bins):
        encodes = is_table and has_columns(geometry)
        return auto_n_bins(summary.n_samples) if encodes else None
    if n_bins is not None and not is_table:
        name, choice = reader
        raise ValueError(
            f"n_bins={n_bins} encodes the features of tables for a network of this package, but "
            f"samples have the shape {geometry.shape} and {name}={choice!r}. Pass n_bins=None."
        )
    return None if n_bins is None else int(n_bins)


def _resolve_scaling(parameters: Parameters, geometry: SampleGeometry, moments: Moments) -> Scaling:
    scaling: Scaling = parameters["scaling"]
    return auto_scaling(geometry, _of_numbers(moments, geometry)) if is_auto(scaling) else scaling


def _resolve_clip(parameters: Parameters, summary: DataSummary, moments: Moments) -> bool:
    clip = parameters["clip"]
    if is_auto(clip):
        return auto_clip(_of_numbers(moments, summary.geometry), summary.are_integers)
    return bool(clip)


def _of_numbers(moments: Moments, geometry: SampleGeometry) -> Moments:
    """Return the moments of the features that are numbers, not categories."""
    if not geometry.n_categories:
        return moments
    return moments.choose(FeatureIndex(geometry.n_categories).number_features)


def _find_indicated(
    geometry: SampleGeometry, moments: Moments, p_values: np.ndarray | None
) -> tuple[int, ...]:
    """Return the features of which a network is told where they are missing.

    Of the features of a category, the first stands for all.
    """
    missing = (moments.known > 0) & (moments.known < 1)
    if geometry.n_categories:
        index = FeatureIndex(geometry.n_categories)
        first = torch.zeros_like(missing)
        first[index.number_features] = first[index.starts] = True
        missing = missing & first
    if p_values is not None:
        missing = missing & torch.from_numpy(are_indicated(p_values))
    return tuple(torch.where(missing)[0].tolist())


def indicate_all(recipe: InputRecipe) -> InputRecipe:
    """Return a recipe with which a network is told of every column where it is missing.

    No position is masked: what is not known there is asked for.
    """
    geometry = recipe.geometry
    features = torch.arange(geometry.n_features)
    if geometry.n_categories:
        index = FeatureIndex(geometry.n_categories)
        features = torch.cat([index.number_features, index.starts]).sort().values
    return replace(recipe, indicated=tuple(features.tolist()), masks=False)


# -- encoder and decoder ----------------------------------------------------------------------


def _resolve_encoder(encoder: Any, geometry: SampleGeometry) -> Any:
    if not is_auto(encoder):
        return encoder
    return "dense" if reads_vectors(encoder, geometry) else "conv"


def reads_vectors(encoder: Any, geometry: SampleGeometry) -> bool:
    """Tell whether an encoder takes samples as vectors, or raise where it cannot take them."""
    if is_choice(encoder, "conv") and not geometry.spatial:
        raise ValueError(
            f"encoder='conv' needs a spatial axis to convolve over, but samples of shape "
            f"{geometry.shape} have none. Pass sample_shape, say what the axes are with "
            "channel_axis (None for a sequence of single values), or choose encoder='dense'."
        )
    return is_choice(encoder, "dense") or not geometry.spatial


def _resolve_hidden(parameters: Parameters, n_members: int) -> tuple[int, ...]:
    sizes = parameters["hidden_layer_sizes"]
    if is_auto(sizes):
        return auto_hidden_layer_sizes(n_members)
    return check_sizes("hidden_layer_sizes", sizes, at_least=0)


def _resolve_linear_path(parameters: Parameters, summary: DataSummary) -> bool:
    """Return whether encoder and decoder start as PCA, or raise where they cannot."""
    networks = {name: parameters[name] for name in ("encoder", "decoder")}
    activation = parameters.get("code_activation", "identity")
    can_start = all(isinstance(network, str) for network in networks.values())
    can_start = can_start and is_choice(activation, "identity")
    if summary.predicts:  # whose parameter of this name is first of all about the prediction
        has_path = summary.ensemble.linear_path and summary.ensemble.is_table
        asked: Any = "auto" if has_path else False
    else:
        asked = parameters.get("linear_path", False)
    if is_auto(asked):
        is_dense = parameters.get("sparsity_weight", 0.0) == 0
        few = contains_pca(summary.geometry, summary.n_samples, int(parameters["encoding_dim"]))
        return can_start and is_dense and few
    if asked and not can_start:
        raise ValueError(
            "linear_path=True lets an encoder and a decoder of this package start as PCA, but "
            f"encoder={networks['encoder']!r}, decoder={networks['decoder']!r} and "
            f"code_activation={activation!r}. Pass linear_path=False, or the names of the kinds of "
            "networks and code_activation='identity'."
        )
    return bool(asked)


def _check_noise(noise: Any, level: float) -> tuple[Any, float]:
    if isinstance(noise, str) and noise in NOISE_SHARES and level > 1:
        raise ValueError(
            f"noise_level={level} must be at most 1 for noise={noise!r}: it is a share of the "
            "values."
        )
    return noise, level


# -- convolutions -----------------------------------------------------------------------------


def _resolve_conv_channels(parameters: Parameters, geometry: SampleGeometry) -> tuple[int, ...]:
    channels = parameters["conv_channels"]
    if is_auto(channels):
        return auto_conv_channels(geometry.spatial, geometry.channels)
    return check_sizes("conv_channels", channels, at_least=1)


def _resolve_backend_channels(parameters: Parameters, geometry: SampleGeometry) -> tuple[int, ...]:
    channels = parameters["backend_channels"]
    if is_auto(channels):
        return auto_backend_channels(geometry)
    return check_sizes("backend_channels", channels, at_least=1)


def _resolve_own_channels(parameters: Parameters, geometry: SampleGeometry) -> tuple[int, ...]:
    """Return the channels of a back end that has no encoder in front of it."""
    if not is_auto(parameters["conv_channels"]):
        return check_sizes("conv_channels", parameters["conv_channels"], at_least=1)
    last = auto_backend_channels(geometry)
    if not geometry.spatial:
        return last
    return (*auto_conv_channels(geometry.spatial, geometry.channels), *last)


def _resolve_kernel_size(parameters: Parameters, n_axes: int) -> int:
    """Return an odd kernel size for convolutions over some spatial axes, or raise."""
    kernel_size = parameters["kernel_size"]
    if is_auto(kernel_size):
        return auto_kernel_size(n_axes)
    if kernel_size % 2 == 0:
        raise ValueError(
            f"kernel_size={kernel_size} must be odd, so that a position has as many neighbours on "
            f"either side; pass {kernel_size - 1} or {kernel_size + 1}."
        )
    return int(kernel_size)


def _resolve_normalization(parameters: Parameters, summary: DataSummary) -> str | None:
    normalization: str | None = parameters["normalization"]
    if is_auto(normalization):
        return auto_normalization(summary.geometry, summary.task)
    return normalization
