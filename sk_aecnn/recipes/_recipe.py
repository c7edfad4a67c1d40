"""Recipes: what a fit does, as concrete values, resolved from parameters and data.

The functions here ask `_defaults` for whatever a parameter leaves open, and check what needs the
data to be checked. Builders take a recipe; no estimator comes further down than this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from sk_aecnn._torch import AUTOCASTS, DTYPES
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import FeatureIndex
from sk_aecnn.nn import NOISE_SHARES, Moments
from sk_aecnn.recipes._augmentation import Augmenting, resolve_augmentation
from sk_aecnn.recipes._defaults import (
    ClassCues,
    Scaling,
    Task,
    are_indicated,
    auto_backend,
    auto_backend_channels,
    auto_batch_size,
    auto_batch_size_of_members,
    auto_clip,
    auto_conv_channels,
    auto_dropout,
    auto_early_stopping,
    auto_epochs,
    auto_epochs_of_imputers,
    auto_epochs_of_members,
    auto_hidden_layer_sizes,
    auto_kernel_size,
    auto_label_smoothing,
    auto_lr,
    auto_lr_of_members,
    auto_lr_schedule,
    auto_n_bins,
    auto_n_estimators,
    auto_normalization,
    auto_scaling,
    chunk_lr_factor,
    contains_pca,
    depends_on_cues,
    has_columns,
    has_conditional_means,
    pools_globally,
)
from sk_aecnn.training._net import TrainingOptions

Parameters = Mapping[str, Any]

# the parameters whose value may be left to the data
AUTO_PARAMETERS = (
    "encoding_dim",
    "encoder",
    "hidden_layer_sizes",
    "shrinkage",
    "conv_channels",
    "kernel_size",
    "backend_channels",
    "normalization",
    "backend",
    "dropout",
    "linear_path",
    "n_estimators",
    "clip",
    "n_bins",
    "label_smoothing",
    "channel_axis",
    "scaling",
    "augmentation",
    "max_epochs",
    "batch_size",
    "lr",
    "lr_schedule",
    "early_stopping",
    "device",
)


@dataclass(frozen=True)
class EnsembleRecipe:
    """How many networks predict together, and what is inside; attributes are parameters, resolved.

    Attributes
    ----------
    is_table : bool
        Whether the samples are tables, for which alone there are ensembles and linear models.
    """

    n_estimators: int = 1
    linear_path: bool = False
    early_stopping: bool | str = False
    is_table: bool = False

    @property
    def n_members(self) -> int:
        """The members; 0 where there is one network and no linear model beside it."""
        return self.n_estimators if self.is_table else 0

    @property
    def n_folds(self) -> int:
        """The parts that are held out from one member each; 0 for none."""
        return self.n_estimators if self.early_stopping == "cv" else 0


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
    trains_once : bool
        Whether this call is the whole of training: no part of the samples, nothing trained before.
    is_validated : bool
        Whether there are samples for early stopping beside these.
    cues : ClassCues
        What tells the class of images.
    ensemble : EnsembleRecipe
        How many networks predict together, as `resolve_ensemble` says.
    p_values : ndarray of shape (n_features,) or None
        Of tests whether the target depends on where values of a table are missing.
    """

    geometry: SampleGeometry
    n_samples: int
    n_unlabeled: int
    are_integers: bool
    task: Task
    trains_once: bool = True
    is_validated: bool = False
    cues: ClassCues = field(default_factory=ClassCues)
    ensemble: EnsembleRecipe = field(default_factory=EnsembleRecipe)
    p_values: np.ndarray | None = None


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
        Bins of a feature, where each is encoded by what it holds; None where none is.
    n_bins_is_auto : bool
        Whether that is given up where the inputs of all features would be too many.
    task : {"classifier", "regressor"} or None
        What features are encoded for.
    indicated : tuple of int
        Features, one of each column of a table, of which the network is told where they are
        missing.
    expects_missing : bool
        Whether missing values of a table are filled in by the others of their rows.
    """

    geometry: SampleGeometry
    dtype: torch.dtype
    scaling: Scaling
    flat: bool
    n_bins: int | None = None
    n_bins_is_auto: bool = False
    task: Task = None
    indicated: tuple[int, ...] = ()
    expects_missing: bool = False

    @property
    def in_shape(self) -> tuple[int, ...]:
        geometry = self.geometry
        return (geometry.n_features,) if self.flat else (geometry.channels, *geometry.spatial)

    @property
    def filled_shape(self) -> tuple[int, ...]:
        """The shape of a sample with what tells of missing values."""
        channels, *spatial = self.in_shape
        n_added = len(self.indicated) if self.flat else min(len(self.indicated), 1)
        return (channels + n_added, *spatial)


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
    linear_path : bool
        Whether encoder and decoder start as PCA.
    n_members : int
        Encoders of an ensemble; 0 where there is one encoder and no ensemble.
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
    n_members: int = 0
    linear_path: bool = False

    @property
    def probabilities(self) -> bool:
        """Whether the decoder puts out the logits of inputs in [0, 1]."""
        return is_choice(self.reconstruction_loss, "bce")


@dataclass(frozen=True)
class BackendRecipe:
    """A back end; attributes are parameters, resolved.

    Attributes
    ----------
    in_shape : tuple of int
        Shape of the input of one back end.
    """

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


def resolve_ensemble(parameters: Parameters, summary: DataSummary) -> EnsembleRecipe:
    """Return how many networks predict together, and what tells how long they are trained.

    Parameters
    ----------
    parameters : dict
        Of the estimator.
    summary : DataSummary
        Number of samples, geometry, task.
    """
    if "n_estimators" not in parameters:  # no predictor
        if parameters["early_stopping"] == "cv":
            raise ValueError(
                "early_stopping='cv' holds samples out from the members of an ensemble, and an "
                "autoencoder by itself has none. Pass early_stopping=True."
            )
        watched = summary.is_validated or parameters["early_stopping"] is True
        return EnsembleRecipe(early_stopping=watched)
    has_choice = isinstance(parameters.get("encoder", "auto"), str)
    is_table = not summary.geometry.spatial and has_choice
    n_estimators = _resolve_n_estimators(parameters, summary, is_table)
    linear_path = _resolve_linear_model(parameters, summary, is_table)
    stopping = _resolve_early_stopping(parameters, summary, n_estimators)
    return EnsembleRecipe(n_estimators, linear_path, stopping, is_table)


def _resolve_n_estimators(parameters: Parameters, summary: DataSummary, is_table: bool) -> int:
    n_estimators, geometry = parameters["n_estimators"], summary.geometry
    if is_auto(n_estimators):
        networks = (parameters.get(name, "auto") for name in ("encoder", "decoder", "backend"))
        own = all(isinstance(network, str) for network in networks)
        known = geometry, summary.n_samples, summary.n_unlabeled
        return auto_n_estimators(*known, summary.trains_once, own)
    if n_estimators > 1 and not is_table:
        raise ValueError(
            f"n_estimators={n_estimators} trains an ensemble of dense encoders, but samples have "
            f"the shape {geometry.shape} and encoder={parameters.get('encoder')!r}. Pass "
            "n_estimators=1, or fit several estimators with sklearn.ensemble.BaggingClassifier or "
            "BaggingRegressor."
        )
    return int(n_estimators)


def _resolve_linear_model(parameters: Parameters, summary: DataSummary, is_table: bool) -> bool:
    """Return whether a linear model of the features is beside the back end."""
    linear_path, can_have = parameters["linear_path"], is_table and _reads_features(parameters)
    if is_auto(linear_path):
        return can_have
    if linear_path and not can_have:
        raise ValueError(
            "linear_path=True puts a linear model of the features of a table beside the back end, "
            f"but samples have the shape {summary.geometry.shape} and backend_input="
            f"{parameters.get('backend_input')!r}. Pass linear_path=False."
        )
    return bool(linear_path)


def _reads_features(parameters: Parameters) -> bool:
    """Tell whether what a back end sees is not the code, which all members of an ensemble share."""
    return not is_choice(parameters.get("backend_input"), "code")


def _resolve_early_stopping(
    parameters: Parameters, summary: DataSummary, n_estimators: int
) -> bool | str:
    stopping, reads_features = parameters["early_stopping"], _reads_features(parameters)
    if is_auto(stopping):
        if summary.is_validated:
            return True
        is_open = is_auto(parameters["max_epochs"]) and reads_features
        return auto_early_stopping(summary.geometry, n_estimators, summary.trains_once, is_open)
    if stopping != "cv" or not summary.trains_once:
        return stopping is True
    if n_estimators == 1 or summary.n_unlabeled > 0 or not reads_features:
        raise ValueError(
            "early_stopping='cv' holds a part of the samples out from each member of an ensemble, "
            f"but n_estimators={n_estimators}, {summary.n_unlabeled} samples are unlabeled and "
            f"backend_input={parameters.get('backend_input')!r}. Pass n_estimators=5, labels for "
            "all and backend_input='features', or early_stopping=True."
        )
    if summary.n_samples < n_estimators:
        raise ValueError(
            f"early_stopping='cv' with n_estimators={n_estimators} needs as many samples, but X "
            f"has {summary.n_samples}. Pass early_stopping=False."
        )
    return "cv"


def resolve_label_smoothing(parameters: Parameters, summary: DataSummary) -> float:
    """Return the share of a label that goes to all classes; 0 where numbers are predicted."""
    smoothing = parameters.get("label_smoothing", 0.0)
    return auto_label_smoothing(summary.geometry) if is_auto(smoothing) else float(smoothing)


# the loss that early stopping watches, by task
_MONITORED: dict[Task, str] = {
    "classifier": "valid_classification_loss",
    "regressor": "valid_regression_loss",
}
# with which ``partial_fit`` trains, whatever the parameters
_OF_PARTIAL_FIT = {"max_epochs": 1}


def _auto_epochs(parameters: Parameters, summary: DataSummary, held_out: bool) -> int:
    """Return ``max_epochs="auto"`` of members, of imputers or of all others."""
    if held_out:
        return auto_epochs_of_members(summary.n_samples, summary.task)
    if "add_indicator" in parameters:
        return auto_epochs_of_imputers(summary.n_samples)
    return auto_epochs(summary.n_samples, summary.n_unlabeled)


def resolve_training(
    parameters: Parameters, summary: DataSummary, *, partial: bool, n_steps: int | None = None
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
    n_steps : int or None
        The steps of all such calls, where these are known.
    """
    if partial:
        parameters = {**parameters, **_OF_PARTIAL_FIT}
        if n_steps is None:
            parameters["lr_schedule"] = "constant"
    geometry, n_samples, task = summary.geometry, summary.n_samples, summary.task
    epochs, batch_size, lr = (parameters[name] for name in ("max_epochs", "batch_size", "lr"))
    ensemble = summary.ensemble
    stopping, schedule = ensemble.early_stopping, parameters["lr_schedule"]
    held_out = stopping == "cv"
    if is_auto(epochs):
        epochs = _auto_epochs(parameters, summary, held_out)
    if is_auto(batch_size):
        batch_size = (
            auto_batch_size_of_members(n_samples)
            if held_out
            else auto_batch_size(geometry, n_samples, task)
        )
    if is_auto(lr):
        lr = auto_lr_of_members(n_samples) if held_out else auto_lr(n_samples, geometry, task)
    return TrainingOptions(
        max_epochs=int(epochs),
        batch_size=int(batch_size),
        lr=float(lr),
        weight_decay=parameters["weight_decay"],
        optimizer=parameters["optimizer"],
        lr_schedule=auto_lr_schedule(stopping, n_samples) if is_auto(schedule) else schedule,
        autocast=AUTOCASTS.get(parameters["precision"]),
        patience=parameters["n_iter_no_change"] if stopping is True else None,
        n_folds=ensemble.n_folds,
        callbacks=tuple(parameters["callbacks"] or ()),
        verbose=int(parameters["verbose"]),
        partial=partial,
        n_steps=n_steps,
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
    flat = reads_vectors(asked, geometry)
    encoder = ("dense" if flat else "conv") if is_auto(asked) else asked
    ensemble = summary.ensemble
    columns = _resolve_columns(parameters, summary, ensemble.is_table, "encoder", encoder)
    convolves = not flat
    hidden = () if convolves else parameters["hidden_layer_sizes"]
    if is_auto(hidden):
        hidden = auto_hidden_layer_sizes(ensemble.n_members)
    return AutoencoderRecipe(
        input=InputRecipe(
            geometry,
            _dtype(parameters),
            scaling,
            flat,
            *columns,
            *_resolve_missing(flat, summary, moments),
        ),
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
        clip=auto_clip(_of_numbers(moments, geometry), summary.are_integers)
        if is_auto(parameters["clip"])
        else bool(parameters["clip"]),
        n_members=ensemble.n_members,
        linear_path=_resolve_linear_path(parameters, summary, ensemble),
    )


def resolve_convolutional_input(
    parameters: Parameters, summary: DataSummary, moments: Moments
) -> InputRecipe:
    """Return the inputs of a back end that sees the samples themselves."""
    geometry = summary.geometry
    scaling = _resolve_scaling(parameters, summary, moments)
    flat = not geometry.spatial
    columns = _resolve_columns(parameters, summary, flat, "backend", parameters["backend"])
    missing = _resolve_missing(flat, summary, moments)
    return InputRecipe(geometry, _dtype(parameters), scaling, flat, *columns, *missing)


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
    backend = parameters["backend"]
    if is_auto(backend):
        backend = auto_backend(in_shape)
    is_dense = is_choice(backend, "dense")
    channels = _resolve_backend_channels(parameters, summary.geometry)  # raises, of use or not
    if is_dense and len(in_shape) > 1:
        raise ValueError(
            f"backend='dense' takes flat features, but the encoder's have the shape "
            f"{tuple(in_shape)}. Pass backend='cnn', or backend_input='code'."
        )
    return BackendRecipe(
        dtype=_dtype(parameters),
        in_shape=tuple(in_shape),
        n_outputs=n_outputs,
        backend=backend,
        channels=() if is_dense else channels,
        kernel_size=0 if is_dense else kernel_size,
        dense_units=parameters["dense_units"],
        dropout=auto_dropout(summary.geometry)
        if is_auto(parameters["dropout"])
        else parameters["dropout"],
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
    for name in (entry.name for entry in fields(part)):
        value = getattr(part, name)
        if isinstance(value, InputRecipe):
            found |= _values(value)
        elif value != () and not _is_without_use(part, name):
            found[name] = value
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
        "scoring",
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
    if _is_missing(value) or _is_missing(fitted):
        return _is_missing(value) and _is_missing(fitted)
    plain = (bool, int, float, str, date, np.datetime64, tuple, list, dict, np.ndarray)
    if not isinstance(value, plain) or not isinstance(fitted, plain):
        return False
    try:
        return bool(np.array_equal(np.asarray(value), np.asarray(fitted)))
    except (TypeError, ValueError):
        return bool(value == fitted)


def _is_missing(value: Any) -> bool:
    """Tell whether a value is NaN or NaT."""
    return isinstance(value, float | date | np.datetime64) and bool(value != value)


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


def resolve_augmenting(parameters: Parameters, summary: DataSummary) -> Augmenting:
    """Return the transforms of ``augmentation``."""
    known = summary.geometry, summary.task, summary.n_unlabeled
    return resolve_augmentation(parameters["augmentation"], *known, summary.cues)


def asks_for_cues(parameters: Parameters, summary: DataSummary) -> bool:
    """Tell whether some default goes by what tells the class of samples."""
    known = summary.geometry, summary.task, summary.n_unlabeled
    return is_auto(parameters["augmentation"]) and depends_on_cues(*known)


def _of_numbers(moments: Moments, geometry: SampleGeometry) -> Moments:
    """Return the moments of the features that are numbers, not categories."""
    if not geometry.n_categories:
        return moments
    return moments.choose(FeatureIndex(geometry.n_categories).number_features)


def _resolve_missing(
    flat: bool, summary: DataSummary, moments: Moments
) -> tuple[tuple[int, ...], bool]:
    """Return the features that tell where they are missing, and whether others tell of them.

    Of the features of a category, the first stands for all.
    """
    geometry = summary.geometry
    has_missing = bool((moments.known < 1).any())
    expects = flat and has_missing and has_conditional_means(geometry.n_features)
    missing = (moments.known > 0) & (moments.known < 1)
    if geometry.n_categories:
        index = FeatureIndex(geometry.n_categories)
        first = torch.zeros_like(missing)
        first[index.number_features] = first[index.starts] = True
        missing = missing & first
    if flat and summary.p_values is not None:
        missing = missing & torch.from_numpy(are_indicated(summary.p_values))
    return tuple(torch.where(missing)[0].tolist()), expects


def indicate_all(recipe: InputRecipe) -> InputRecipe:
    """Return a recipe with which a network is told of every column where it is missing."""
    geometry = recipe.geometry
    features = torch.arange(geometry.n_features)
    if geometry.n_categories:
        index = FeatureIndex(geometry.n_categories)
        features = torch.cat([index.number_features, index.starts]).sort().values
    expects = recipe.flat and has_conditional_means(geometry.n_features)
    return replace(recipe, indicated=tuple(features.tolist()), expects_missing=expects)


def _dtype(parameters: Parameters) -> torch.dtype:
    return DTYPES[parameters["precision"]]


def _resolve_scaling(parameters: Parameters, summary: DataSummary, moments: Moments) -> Scaling:
    scaling: Scaling = parameters["scaling"]
    if not is_auto(scaling):
        return scaling
    return auto_scaling(summary.geometry, _of_numbers(moments, summary.geometry))


def _resolve_linear_path(
    parameters: Parameters, summary: DataSummary, ensemble: EnsembleRecipe
) -> bool:
    """Return whether encoder and decoder start as PCA, or raise where they cannot."""
    networks = {name: parameters[name] for name in ("encoder", "decoder")}
    activation = parameters.get("code_activation", "identity")
    can_start = all(isinstance(network, str) for network in networks.values())
    can_start = can_start and is_choice(activation, "identity")
    if "n_estimators" in parameters:  # a predictor
        asked: Any = "auto" if ensemble.linear_path else False
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


def _resolve_columns(
    parameters: Parameters, summary: DataSummary, is_table: bool, name: str, choice: Any
) -> tuple[int | None, bool, Task]:
    """Return the fields of `InputRecipe` about columns."""
    if "n_bins" not in parameters:
        return None, False, None
    n_bins, geometry = parameters["n_bins"], summary.geometry
    if not is_table and n_bins is not None and not is_auto(n_bins):
        raise ValueError(
            f"n_bins={n_bins} encodes the features of tables for a network of this package, but "
            f"samples have the shape {geometry.shape} and {name}={choice!r}. Pass n_bins=None."
        )
    if not is_table or n_bins is None or (is_auto(n_bins) and not has_columns(geometry)):
        return None, False, None
    if is_auto(n_bins):
        return auto_n_bins(summary.n_samples), True, summary.task
    return n_bins, False, summary.task


def _resolve_conv_channels(parameters: Parameters, geometry: SampleGeometry) -> tuple[int, ...]:
    channels = parameters["conv_channels"]
    if is_auto(channels):
        return auto_conv_channels(geometry.spatial, geometry.channels)
    return check_sizes("conv_channels", channels, at_least=1)


def _resolve_backend_channels(parameters: Parameters, geometry: SampleGeometry) -> tuple[int, ...]:
    if "backend_channels" not in parameters:  # a back end without an encoder
        if not is_auto(parameters["conv_channels"]):
            return check_sizes("conv_channels", parameters["conv_channels"], at_least=1)
        ends = auto_backend_channels(geometry)
        if not geometry.spatial:
            return ends
        return (*auto_conv_channels(geometry.spatial, geometry.channels), *ends)
    channels = parameters["backend_channels"]
    if is_auto(channels):
        return auto_backend_channels(geometry)
    return check_sizes("backend_channels", channels, at_least=1)


def _resolve_normalization(parameters: Parameters, summary: DataSummary) -> str | None:
    normalization: str | None = parameters["normalization"]
    if is_auto(normalization):
        return auto_normalization(summary.geometry, summary.task)
    return normalization


def _check_noise(noise: Any, level: float) -> tuple[Any, float]:
    if isinstance(noise, str) and noise in NOISE_SHARES and level > 1:
        raise ValueError(
            f"noise_level={level} must be at most 1 for noise={noise!r}: it is a share of the "
            "values."
        )
    return noise, level
