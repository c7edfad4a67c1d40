"""Recipes: what a fit does, as concrete values, resolved from parameters and data.

The functions here ask `_defaults` for whatever a parameter leaves open, and check what needs the
data to be checked. Builders take a recipe; no estimator comes further down than this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from sk_aecnn._torch import AUTOCASTS, DTYPES
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.nn import NOISE_SHARES, Moments
from sk_aecnn.recipes._augmentation import Augmenting, resolve_augmentation
from sk_aecnn.recipes._defaults import (
    Scaling,
    Task,
    auto_backend_channels,
    auto_batch_size,
    auto_clip,
    auto_conv_channels,
    auto_epochs,
    auto_kernel_size,
    auto_lr,
    auto_n_bins,
    auto_normalization,
    auto_scaling,
    chunk_lr_factor,
    contains_pca,
    depends_on_levels,
    has_features_in_units,
    pools_globally,
)
from sk_aecnn.training._net import TrainingOptions

Parameters = Mapping[str, Any]

# the parameters whose value may be left to the data
AUTO_PARAMETERS = (
    "encoding_dim",
    "encoder",
    "linear_path",
    "shrinkage",
    "conv_channels",
    "kernel_size",
    "backend_channels",
    "normalization",
    "clip",
    "n_bins",
    "channel_axis",
    "scaling",
    "augmentation",
    "max_epochs",
    "batch_size",
    "lr",
    "device",
)


@dataclass(frozen=True)
class DataSummary:
    """What defaults go by, beside the statistics of the features.

    Attributes
    ----------
    geometry : SampleGeometry
        The shape of a sample.
    n_samples, n_unlabeled : int
        Number of samples, and of those without a target.
    are_integers : bool
        Whether the samples hold whole numbers alone.
    task : {"classifier", "regressor", "outlier_detector"} or None
        What the estimator is for; ``None`` for transformers.
    """

    geometry: SampleGeometry
    n_samples: int
    n_unlabeled: int
    are_integers: bool
    task: Task


@dataclass(frozen=True)
class InputRecipe:
    """How rows become the inputs of a network.

    Attributes
    ----------
    flat : bool
        Whether the network takes a sample as a vector.
    in_shape : tuple of int
        Shape of a sample as the network sees it, channels first.
    n_bins : int or None
        Bins of a piecewise linear encoding of every feature.
    n_bins_is_auto : bool
        Whether that is given up where the bins of all features would be too many.
    """

    geometry: SampleGeometry
    dtype: torch.dtype
    scaling: Scaling
    flat: bool
    n_bins: int | None
    n_bins_is_auto: bool

    @property
    def in_shape(self) -> tuple[int, ...]:
        geometry = self.geometry
        return (geometry.n_features,) if self.flat else (geometry.channels, *geometry.spatial)


@dataclass(frozen=True)
class AutoencoderRecipe:
    """The networks of an autoencoder and its loss; attributes are parameters, resolved.

    Attributes
    ----------
    n_encoded : int
        Numbers that the encoder puts out: the size of the code, or twice that.
    kernel_size : int
        0 where nothing is convolved.
    noise : tuple of (str or callable or None, float)
        Kind of noise and its level.
    """

    input: InputRecipe
    encoding_dim: int
    n_encoded: int
    encoder: str | Callable[..., Any] | FrozenEstimator
    decoder: str | Callable[..., Any]
    hidden_layer_sizes: tuple[int, ...]
    conv_channels: tuple[int, ...]
    kernel_size: int
    activation: str | Callable[..., Any]
    code_activation: str | Callable[..., Any]
    normalization: str | None
    reconstruction_loss: str | Callable[..., Any]
    noise: tuple[str | Callable[..., Any] | None, float]
    sparsity_weight: float
    clip: bool
    linear_path: bool

    @property
    def probabilities(self) -> bool:
        """Whether the decoder puts out the logits of inputs in [0, 1]."""
        return is_choice(self.reconstruction_loss, "bce")


@dataclass(frozen=True)
class BackendRecipe:
    """A back end; attributes are parameters, resolved."""

    dtype: torch.dtype
    in_shape: tuple[int, ...]
    n_outputs: int
    backend: str | Callable[..., Any]
    channels: tuple[int, ...]
    kernel_size: int
    dense_units: int
    dropout: float
    activation: str | Callable[..., Any]
    normalization: str | None
    global_pooling: bool


# the loss that early stopping watches, by task
_MONITORED: dict[Task, str] = {
    "classifier": "valid_classification_loss",
    "regressor": "valid_regression_loss",
}
# with which ``partial_fit`` trains, whatever the parameters
_OF_PARTIAL_FIT = {"max_epochs": 1, "lr_schedule": "constant"}


def resolve_training(
    parameters: Parameters, summary: DataSummary, *, partial: bool
) -> TrainingOptions:
    """Return how to train: epochs, batches, rates.

    Parameters
    ----------
    parameters : dict
        Of the estimator.
    summary : DataSummary
        Number of samples, geometry, task.
    partial : bool
        Whether this is a call to ``partial_fit``.
    """
    if partial:
        parameters = {**parameters, **_OF_PARTIAL_FIT}
    geometry, n_samples, task = summary.geometry, summary.n_samples, summary.task
    epochs, batch_size, lr = (parameters[name] for name in ("max_epochs", "batch_size", "lr"))
    if is_auto(epochs):
        epochs = auto_epochs(n_samples, summary.n_unlabeled)
    if is_auto(batch_size):
        batch_size = auto_batch_size(geometry, n_samples, task)
    if is_auto(lr):
        lr = auto_lr(n_samples, geometry, task)
    return TrainingOptions(
        max_epochs=int(epochs),
        batch_size=int(batch_size),
        lr=float(lr),
        weight_decay=parameters["weight_decay"],
        optimizer=parameters["optimizer"],
        lr_schedule=parameters["lr_schedule"],
        autocast=AUTOCASTS.get(parameters["precision"]),
        patience=parameters["n_iter_no_change"] if parameters["early_stopping"] else None,
        callbacks=tuple(parameters["callbacks"] or ()),
        verbose=int(parameters["verbose"]),
        partial=partial,
        lr_factor=chunk_lr_factor(n_samples, batch_size) if partial else 1.0,
        monitor=_MONITORED.get(task, "valid_loss"),
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
    geometry = summary.geometry
    asked, scaling = parameters["encoder"], _resolve_scaling(parameters, summary, moments)
    in_units = has_features_in_units(geometry, moments, parameters["scaling"], scaling)
    flat = reads_vectors(asked, geometry)
    encoder = ("dense" if flat else "conv") if is_auto(asked) else asked
    bins: tuple[int | None, bool] = (None, False)
    if "n_bins" in parameters and not (is_choice(encoder, "dense") and not geometry.spatial):
        _check_no_bins(parameters["n_bins"], geometry, "encoder", encoder)
    elif "n_bins" in parameters:
        bins = _resolve_n_bins(parameters, summary, in_units and is_auto(asked))
    convolves = not flat
    hidden = () if convolves else parameters["hidden_layer_sizes"]
    return AutoencoderRecipe(
        input=InputRecipe(geometry, _dtype(parameters), scaling, flat, *bins),
        encoding_dim=int(parameters["encoding_dim"]),
        n_encoded=n_encoded,
        encoder=encoder,
        decoder=parameters["decoder"],
        hidden_layer_sizes=check_sizes("hidden_layer_sizes", hidden, at_least=0),
        conv_channels=_resolve_conv_channels(parameters, geometry) if convolves else (),
        kernel_size=resolve_kernel_size(parameters["kernel_size"], len(geometry.spatial))
        if convolves
        else 0,
        activation=parameters["activation"],
        code_activation=parameters.get("code_activation", "identity"),
        normalization=_resolve_normalization(parameters, summary),
        reconstruction_loss=parameters["reconstruction_loss"],
        noise=_check_noise(parameters.get("noise"), parameters.get("noise_level", 0.0)),
        sparsity_weight=parameters.get("sparsity_weight", 0.0),
        clip=auto_clip(moments, summary.are_integers)
        if is_auto(parameters["clip"])
        else bool(parameters["clip"]),
        linear_path=_resolve_linear_path(parameters, summary),
    )


def resolve_convolutional_input(
    parameters: Parameters, summary: DataSummary, moments: Moments
) -> InputRecipe:
    """Return the inputs of a back end that sees the samples themselves."""
    geometry = summary.geometry
    scaling = _resolve_scaling(parameters, summary, moments)
    in_units = has_features_in_units(geometry, moments, parameters["scaling"], scaling)
    bins: tuple[int | None, bool] = (None, False)
    flat = not geometry.spatial
    if not (flat and is_choice(parameters["backend"], "cnn")):
        _check_no_bins(parameters["n_bins"], geometry, "backend", parameters["backend"])
    else:
        bins = _resolve_n_bins(parameters, summary, in_units)
    return InputRecipe(geometry, _dtype(parameters), scaling, flat, *bins)


def resolve_backend(
    parameters: Parameters,
    summary: DataSummary,
    in_shape: Sequence[int],
    n_outputs: int,
    encoder_kernel_size: int = 0,
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
    encoder_kernel_size : int
        That of a convolutional autoencoder in front of it, which is its own as well; 0 for none.
    """
    kernel_size = encoder_kernel_size
    if kernel_size == 0:
        kernel_size = resolve_kernel_size(parameters["kernel_size"], len(in_shape) - 1)
    return BackendRecipe(
        dtype=_dtype(parameters),
        in_shape=tuple(in_shape),
        n_outputs=n_outputs,
        backend=parameters["backend"],
        channels=_resolve_backend_channels(parameters, summary.geometry),
        kernel_size=kernel_size,
        dense_units=parameters["dense_units"],
        dropout=parameters["dropout"],
        activation=parameters["activation"],
        normalization=_resolve_normalization(parameters, summary),
        global_pooling=len(in_shape) > 1 and pools_globally(summary.geometry, summary.task),
    )


def resolved_parameters(parameters: Parameters, *parts: Any) -> dict[str, Any]:
    """Return what the parameters that may be left to the data became, of the parts of a recipe.

    Parameters
    ----------
    parameters : dict
        Of the estimator: what it has no parameter for is left out.
    *parts : dataclass or dict
        Values by name; later ones count.

    Returns
    -------
    resolved : dict of str to bool, int, float, str, tuple, dict or None
        Networks and functions of the user's own are left out, and parameters without a use.
    """
    found: dict[str, Any] = {}
    for part in parts:
        is_fitted = isinstance(getattr(part, "encoder", None), FrozenEstimator)
        if not is_fitted:  # or what it was fitted with counts
            found |= part if isinstance(part, Mapping) else _values(part)
    return {
        name: found[name]
        for name in AUTO_PARAMETERS
        if name in parameters and name in found and _is_plain(found[name])
    }


def _values(part: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that have a value, and those of a recipe in it."""
    found: dict[str, Any] = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, InputRecipe):
            found |= _values(value)
        elif value != () and not _is_without_use(part, field.name):
            found[field.name] = value
    return found


def _is_without_use(part: Any, name: str) -> bool:
    """Tell whether a part of a recipe has nothing that is convolved, or normalised."""
    if name == "kernel_size":
        return bool(part.kernel_size == 0)
    return name == "normalization" and isinstance(part, AutoencoderRecipe) and part.input.flat


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(entry) for entry in value.values())
    if isinstance(value, tuple):
        return all(_is_plain(entry) for entry in value)
    return value is None or isinstance(value, bool | int | float | str)


# those that may change from one call to the next, where the second goes on from the first
_CHANGEABLE = frozenset(
    {
        "batch_size",
        "callbacks",
        "class_weight",
        "contamination",
        "early_stopping",
        "lr",
        "lr_schedule",
        "max_epochs",
        "n_iter_no_change",
        "output",
        "validation_fraction",
        "verbose",
        "warm_start",
        "weight_decay",
    }
)


def check_unchanged(parameters: Parameters, fitted: Parameters, resolved: Parameters) -> None:
    """Raise where a fit that goes on would have to train another network, or in another way.

    The value that a parameter took in the last fit, in ``resolved``, is no change.
    """
    changed = [
        name
        for name in parameters
        if name not in _CHANGEABLE
        and not _is_same(parameters[name], fitted[name])
        and not (name in resolved and _is_same(parameters[name], resolved[name]))
    ]
    if changed:
        name = changed[0]
        raise ValueError(
            f"{name}={parameters[name]!r} differs from {name}={fitted[name]!r} of the last fit, "
            f"which this call goes on from (parameters that differ: {', '.join(changed)}). Set it "
            "back, or begin anew: with warm_start=False and fit, or a clone."
        )


def _is_same(value: Any, fitted: Any) -> bool:
    if value is fitted:
        return True
    if isinstance(value, float) and isinstance(fitted, float) and value != value:
        return fitted != fitted
    plain = (bool, int, float, str, tuple, list, dict, np.ndarray)
    if not isinstance(value, plain) or not isinstance(fitted, plain):
        return False
    try:
        return bool(np.array_equal(np.asarray(value), np.asarray(fitted)))
    except (TypeError, ValueError):
        return bool(value == fitted)


# -- one parameter each -----------------------------------------------------------------------


def is_auto(value: Any) -> bool:
    """Tell whether a parameter is left to the data."""
    return is_choice(value, "auto")


def is_choice(value: Any, name: str) -> bool:
    """Tell whether a parameter, which may be a network or a function, is the name of a choice."""
    return isinstance(value, str) and value == name


def reads_vectors(encoder: Any, geometry: SampleGeometry) -> bool:
    """Tell whether an encoder takes samples as vectors, or raise where it cannot take them."""
    if is_choice(encoder, "conv") and not geometry.spatial:
        raise ValueError(
            f"encoder='conv' needs a spatial axis to convolve over, but samples of shape "
            f"{geometry.shape} have none. Pass sample_shape, say what the axes are with "
            "channel_axis (None for a sequence of single values), or choose encoder='dense'."
        )
    return is_choice(encoder, "dense") or not geometry.spatial


def check_sizes(name: str, sizes: Any, *, at_least: int) -> tuple[int, ...]:
    """Return a parameter that lists layer sizes as a tuple, or raise."""
    values = tuple(np.atleast_1d(np.asarray(sizes, dtype=object)))
    valid = all(isinstance(value, int | np.integer) and 1 <= value < 2**31 for value in values)
    if not valid or len(values) < at_least:
        raise ValueError(
            f"{name}={sizes!r} must be a sequence of at least {at_least} integers, each 1 or "
            "more: the size of every layer in turn."
        )
    return tuple(int(value) for value in values)


def resolve_kernel_size(kernel_size: Any, n_axes: int) -> int:
    """Return an odd kernel size for convolutions over some spatial axes, or raise."""
    if is_auto(kernel_size):
        return auto_kernel_size(n_axes)
    if kernel_size % 2 == 0:
        raise ValueError(
            f"kernel_size={kernel_size} must be odd, so that a position has as many neighbours on "
            f"either side; pass {kernel_size - 1} or {kernel_size + 1}."
        )
    return int(kernel_size)


def resolve_augmenting(
    parameters: Parameters,
    summary: DataSummary,
    measure_levels: Callable[[], float] = lambda: 0.0,
) -> Augmenting:
    """Return the transforms of ``augmentation``.

    What ``measure_levels`` returns, see `auto_augmentation`, is asked for where it counts.
    """
    augmentation = parameters["augmentation"]
    known = summary.geometry, summary.task, summary.n_unlabeled
    skill = 0.0
    if is_auto(augmentation) and depends_on_levels(*known):
        skill = measure_levels()
    return resolve_augmentation(augmentation, *known, skill)


def _dtype(parameters: Parameters) -> torch.dtype:
    return DTYPES[parameters["precision"]]


def _resolve_scaling(parameters: Parameters, summary: DataSummary, moments: Moments) -> Scaling:
    scaling: Scaling = parameters["scaling"]
    return auto_scaling(summary.geometry, moments) if is_auto(scaling) else scaling


def _resolve_linear_path(parameters: Parameters, summary: DataSummary) -> bool:
    """Return whether encoder and decoder start as PCA, or raise where they cannot."""
    asked = summary.task is None and parameters.get("linear_path", False)
    networks = {name: parameters[name] for name in ("encoder", "decoder")}
    activation = parameters.get("code_activation", "identity")
    can_start = all(isinstance(network, str) for network in networks.values())
    can_start = can_start and is_choice(activation, "identity")
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


def _resolve_n_bins(
    parameters: Parameters, summary: DataSummary, by_default: bool
) -> tuple[int | None, bool]:
    n_bins = parameters["n_bins"]
    if not is_auto(n_bins):
        return n_bins, False
    return auto_n_bins(summary.n_samples, by_default), True


def _check_no_bins(n_bins: Any, geometry: SampleGeometry, name: str, choice: Any) -> None:
    if n_bins is not None and not is_auto(n_bins):
        raise ValueError(
            f"n_bins={n_bins} encodes the features of tables for a dense network of this package, "
            f"but samples have the shape {geometry.shape} and {name}={choice!r}. Pass n_bins=None."
        )


def _resolve_conv_channels(parameters: Parameters, geometry: SampleGeometry) -> tuple[int, ...]:
    channels = parameters["conv_channels"]
    if is_auto(channels):
        return auto_conv_channels(geometry.spatial)
    return check_sizes("conv_channels", channels, at_least=1)


def _resolve_backend_channels(parameters: Parameters, geometry: SampleGeometry) -> tuple[int, ...]:
    if "backend_channels" not in parameters:  # a back end without an encoder
        if not is_auto(parameters["conv_channels"]):
            return check_sizes("conv_channels", parameters["conv_channels"], at_least=1)
        stages = auto_conv_channels(geometry.spatial) if geometry.spatial else ()
        return (*stages, *auto_backend_channels(geometry))
    channels = parameters["backend_channels"]
    if is_auto(channels):
        return auto_backend_channels(geometry)
    return check_sizes("backend_channels", channels, at_least=1)


def _resolve_normalization(parameters: Parameters, summary: DataSummary) -> str | None:
    normalization: str | None = parameters["normalization"]
    if is_auto(normalization):
        return auto_normalization(summary.n_samples, summary.geometry, summary.task)
    return normalization


def _check_noise(noise: Any, level: float) -> tuple[Any, float]:
    if isinstance(noise, str) and noise in NOISE_SHARES and level > 1:
        raise ValueError(
            f"noise_level={level} must be at most 1 for noise={noise!r}: it is a share of the "
            "values."
        )
    return noise, level
