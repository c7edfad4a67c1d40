"""The parts of an autoencoder, built from an estimator's parameters."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._geometry import SampleGeometry
from sk_aecnn._job import Job
from sk_aecnn._scaling import SCALING_CONSTRAINTS, fit_layout
from sk_aecnn._sizes import auto_kernel_size, check_sizes, resolve_normalization
from sk_aecnn._torch import DTYPES
from sk_aecnn._units import build_pieces, has_units
from sk_aecnn.losses import (
    RECONSTRUCTION_LOSSES,
    ReconstructionLoss,
    SparsityPenalty,
    constant_error,
)
from sk_aecnn.nn import (
    ACTIVATIONS,
    NOISES,
    SHARES,
    Autoencoder,
    ConvDecoder,
    ConvEncoder,
    Corruption,
    DenseDecoder,
    DenseEncoder,
    InputLayout,
    JointNetwork,
    Moments,
    PiecewiseLinear,
    PrincipalDecoder,
    PrincipalEncoder,
    build,
    build_own,
    build_own_encoder,
    column_moments,
    find_components,
    plan_channels,
)

CODER_CONSTRAINTS: dict[str, list[Any]] = SCALING_CONSTRAINTS | {
    "encoding_dim": [Interval(Integral, 1, None, closed="left")],
    "encoder": [StrOptions({"auto", "dense", "conv"}), FrozenEstimator, callable],
    "decoder": [StrOptions({"auto"}), callable],
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "conv_channels": [
        StrOptions({"auto"}),
        "array-like",
        Interval(Integral, 1, None, closed="left"),
    ],
    "kernel_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS)), callable],
    "normalization": [StrOptions({"batch"}), None],
    "reconstruction_loss": [StrOptions(set(RECONSTRUCTION_LOSSES)), callable],
    "noise": [StrOptions(set(NOISES)), callable, None],
    "noise_level": [Interval(Real, 0, None, closed="left")],
}

# of those whose code is a point, not a distribution
CODE_CONSTRAINTS: dict[str, list[Any]] = {
    "code_activation": [StrOptions(set(ACTIVATIONS)), callable],
    "sparsity_weight": [Interval(Real, 0, None, closed="left")],
}


@dataclass
class Coder:
    """The parts of an autoencoder."""

    layout: InputLayout
    encoder: nn.Module
    decoder: nn.Module
    encoding_dim: int
    corruption: Corruption
    probabilities: bool

    def parts(self) -> dict[str, Any]:
        """Return the parts by the names that the networks give them."""
        return dict(vars(self))


def build_coder(
    estimator: Any, job: Job, *, n_encoded: int, code_activation: Any = "identity"
) -> tuple[Coder, ReconstructionLoss]:
    """Build the parts of an autoencoder, and its loss.

    Parameters
    ----------
    estimator : estimator
        Its parameters say how.
    job : Job
        The rows that the scaling is fitted to, and the stream that parameters are drawn from.
    n_encoded : int
        Numbers that the encoder puts out: the size of the code, or twice that.
    code_activation : str, class or callable
        Activation of the encoder's output.
    """
    dim = estimator.encoding_dim
    corruption = build_corruption(estimator.noise, estimator.noise_level)
    probabilities = estimator.reconstruction_loss == "bce"
    if isinstance(estimator.encoder, FrozenEstimator):
        layout, encoder, decoder = _fitted_parts(estimator, job.geometry)
        moments = None
    else:
        flat = reads_vectors(estimator.encoder, job.geometry)
        layout, moments = fit_layout(estimator, job.data, job.geometry, flat=flat)
        by_default = _is_name(estimator.encoder, "auto")
        kind = estimator._table_encoder if by_default else "plain"
        if kind == "principal" and _starts_principal(estimator, job.geometry, moments):
            encoder, decoder = _build_principal(estimator, job, layout)
        else:
            pieces = build_pieces(estimator, job, layout, moments) if kind == "pieces" else None
            encoder = _build_encoder(estimator, job, flat, n_encoded, code_activation, pieces)
            decoder = _build_decoder(estimator, job, flat)
    loss = _fit_loss(estimator.reconstruction_loss, job, layout, moments)
    return Coder(layout, encoder, decoder, dim, corruption, probabilities), loss


def trains_decoder(estimator: Any) -> bool:
    """Tell whether the parameters of an estimator lead to a trained decoder."""
    return getattr(estimator, "reconstruction_weight", 1) > 0 or estimator.freeze_encoder


def reads_vectors(encoder: Any, geometry: SampleGeometry) -> bool:
    """Tell whether an encoder takes samples as vectors, or raise where it cannot take them."""
    if _is_name(encoder, "conv") and not geometry.spatial:
        raise ValueError(
            f"encoder='conv' needs a spatial axis to convolve over, but samples of shape "
            f"{geometry.shape} have none. Pass sample_shape, say what the axes are with "
            "channel_axis (None for a sequence of single values), or choose encoder='dense'."
        )
    return _is_name(encoder, "dense") or not geometry.spatial


def _is_name(choice: Any, name: str) -> bool:
    return isinstance(choice, str) and choice == name


def build_corruption(noise: Any, level: float) -> Corruption:
    """Return the noise of two parameters, or raise where the level is out of its range."""
    if isinstance(noise, str) and noise in SHARES and level > 1:
        raise ValueError(
            f"noise_level={level} must be at most 1 for noise={noise!r}: it is a share of the "
            "values."
        )
    return Corruption(noise, level)


def normalization_for(estimator: Any, job: Job) -> str | None:
    """Return the kind of normalisation that an estimator's network for a job gets."""
    return resolve_normalization(estimator.normalization, len(job.data.rows), job.geometry)


def resolve_kernel_size(kernel_size: Any, n_axes: int) -> int:
    """Return an odd kernel size for convolutions over some spatial axes, or raise."""
    if isinstance(kernel_size, str):
        return auto_kernel_size(n_axes)
    if kernel_size % 2 == 0:
        raise ValueError(
            f"kernel_size={kernel_size} must be odd, so that a position has as many neighbours on "
            f"either side; pass {kernel_size - 1} or {kernel_size + 1}."
        )
    return int(kernel_size)


def check_no_instance(name: str, choice: Any) -> None:
    """Raise where a network is passed instead of what makes one."""
    if isinstance(choice, nn.Module):
        raise ValueError(
            f"{name} must be a class, or a function that returns a torch.nn.Module, so that each "
            f"fit has a network of its own; got an instance of {type(choice).__name__}. Pass the "
            "class, or functools.partial of it."
        )


def _build_encoder(
    estimator: Any,
    job: Job,
    flat: bool,
    n_encoded: int,
    code_activation: Any,
    pieces: PiecewiseLinear | None,
) -> nn.Module:
    choice, dtype = estimator.encoder, DTYPES[estimator.precision]
    in_shape = _in_shape(job.geometry, flat)
    check_no_instance("encoder", choice)
    if not isinstance(choice, str):
        return build_own_encoder(choice, in_shape, n_encoded, dtype, job.generator)
    activations = estimator.activation, code_activation
    recipe: Any
    if flat:
        hidden = _hidden_sizes(estimator)
        n_inputs = in_shape[0] if pieces is None else pieces.n_outputs
        recipe = partial(DenseEncoder, n_inputs, hidden, n_encoded, *activations)
    else:
        channels, kernel_size = _conv_sizes(estimator, job.geometry)
        sizes = (job.geometry.spatial, channels, n_encoded, kernel_size)
        recipe = partial(
            ConvEncoder, in_shape[0], *sizes, *activations, normalization_for(estimator, job)
        )
    encoder = build(recipe, dtype, job.generator)
    if pieces is not None:
        encoder.body.insert(0, pieces)
    return encoder


def _build_decoder(estimator: Any, job: Job, flat: bool) -> nn.Module:
    choice, dtype, dim = estimator.decoder, DTYPES[estimator.precision], estimator.encoding_dim
    in_shape = _in_shape(job.geometry, flat)
    check_no_instance("decoder", choice)
    if not isinstance(choice, str):
        return build_own("decoder", choice, (dim,), in_shape, dtype, job.generator)
    recipe: Any
    if flat:
        hidden = _hidden_sizes(estimator)
        recipe = partial(DenseDecoder, in_shape[0], hidden, dim, estimator.activation)
    else:
        channels, kernel_size = _conv_sizes(estimator, job.geometry)
        sizes = job.geometry.spatial, channels, dim, kernel_size
        last = estimator.activation, normalization_for(estimator, job)
        recipe = partial(ConvDecoder, in_shape[0], *sizes, *last)
    return build(recipe, dtype, job.generator)


def _starts_principal(estimator: Any, geometry: SampleGeometry, moments: Moments) -> bool:
    """Tell whether samples are rows of a table in different units, coded by plain numbers."""
    defaults = {"code_activation": "identity", "sparsity_weight": 0}
    if any(getattr(estimator, name) != value for name, value in defaults.items()):
        return False
    if _is_name(estimator.reconstruction_loss, "bce"):
        return False
    return has_units(estimator, geometry, moments)


def _build_principal(
    estimator: Any, job: Job, layout: InputLayout
) -> tuple[PrincipalEncoder, nn.Module]:
    """Build the halves that start from the principal components of the rows."""
    sizes = job.geometry.n_features, _hidden_sizes(estimator), estimator.encoding_dim
    activation, dtype = estimator.activation, DTYPES[estimator.precision]
    weight = job.data.row_weight(torch.float64)
    components = find_components(job.data.rows, layout, weight, estimator.encoding_dim)
    encoder = build(partial(PrincipalEncoder, *sizes, activation), dtype, job.generator)
    encoder.start_from(components)
    if not _is_name(estimator.decoder, "auto"):
        return encoder, _build_decoder(estimator, job, flat=True)
    decoder = build(partial(PrincipalDecoder, *sizes, activation), dtype, job.generator)
    decoder.start_from(components)
    return encoder, decoder


def _in_shape(geometry: SampleGeometry, flat: bool) -> tuple[int, ...]:
    """Return the shape of a sample as the network sees it."""
    return (geometry.n_features,) if flat else (geometry.channels, *geometry.spatial)


def _hidden_sizes(estimator: Any) -> tuple[int, ...]:
    return check_sizes("hidden_layer_sizes", estimator.hidden_layer_sizes, at_least=0)


def _conv_sizes(estimator: Any, geometry: SampleGeometry) -> tuple[tuple[int, ...], int]:
    channels = estimator.conv_channels
    if isinstance(channels, str):
        channels = plan_channels(geometry.spatial)
    channels = check_sizes("conv_channels", channels, at_least=1)
    return channels, resolve_kernel_size(estimator.kernel_size, len(geometry.spatial))


def _fitted_parts(
    estimator: Any, geometry: SampleGeometry
) -> tuple[InputLayout, nn.Module, nn.Module]:
    """Return copies of the parts of a fitted transformer."""
    fitted = estimator.encoder.estimator
    network = getattr(getattr(fitted, "net_", None), "module_", None)
    if not (isinstance(network, Autoencoder | JointNetwork) and trains_decoder(fitted)):
        raise ValueError(
            f"encoder={estimator.encoder!r} must hold a fitted AutoencoderTransformer, so that "
            "there is an encoder to start from: FrozenEstimator(AutoencoderTransformer().fit(X))."
        )
    if fitted.sample_shape_ != geometry.shape:
        raise ValueError(
            f"encoder={type(fitted).__name__} was fitted on samples of shape "
            f"{fitted.sample_shape_}, but X has samples of shape {geometry.shape}. Pass the "
            "samples that it was fitted on, or set sample_shape."
        )
    if network.encoding_dim != estimator.encoding_dim:
        raise ValueError(
            f"encoding_dim={estimator.encoding_dim}, but the fitted encoder has codes of "
            f"{network.encoding_dim}. Pass encoding_dim={network.encoding_dim}."
        )
    if network.probabilities != _is_name(estimator.reconstruction_loss, "bce"):
        raise ValueError(
            f"reconstruction_loss={estimator.reconstruction_loss!r}, but the fitted decoder was "
            f"trained for reconstruction_loss={fitted.reconstruction_loss!r}, of another kind of "
            f"output. Pass reconstruction_loss={fitted.reconstruction_loss!r}."
        )
    dtype = DTYPES[estimator.precision]
    fitted_layout = deepcopy(network.layout).cpu()
    layout = InputLayout(
        fitted_layout.shape,
        fitted_layout.channel_axis,
        fitted_layout.mean,
        fitted_layout.scale,
        dtype,
    )
    encoder, decoder = (
        deepcopy(part).cpu().to(dtype) for part in (network.encoder, network.decoder)
    )
    return layout, encoder.requires_grad_(True), decoder.requires_grad_(True)


def _fit_loss(
    loss: Any, job: Job, layout: InputLayout, moments: Moments | None
) -> ReconstructionLoss:
    """Return the loss with its baseline, the error of the training mean."""
    rows, row_weight = job.data.rows, job.data.row_weight(torch.float64)
    if moments is None:
        moments = column_moments(rows, row_weight)
    if loss == "mse":
        baseline = float((moments.var / layout.scale.square()).mean())
    else:
        mean = moments.mean if loss == "bce" else (moments.mean - layout.mean) / layout.scale
        target = None if loss == "bce" else layout.standardise
        baseline = constant_error(loss, mean, rows, target, row_weight)
    return ReconstructionLoss(loss, baseline or 1.0)


def code_losses(
    estimator: Any, reconstruction_loss: ReconstructionLoss
) -> tuple[dict[str, nn.Module], dict[str, float]]:
    """Return the losses of an autoencoder and the weights of those that have one."""
    terms: dict[str, nn.Module] = {"reconstruction_loss": reconstruction_loss}
    if estimator.sparsity_weight > 0:
        terms["sparsity_penalty"] = SparsityPenalty()
    return terms, {"sparsity_penalty": estimator.sparsity_weight}


def check_unit_interval(estimator: Any, rows: Any) -> None:
    """Raise where the binary cross-entropy is asked for inputs that are no probabilities."""
    if estimator.reconstruction_loss != "bce":
        return
    low, high = float(rows.min()), float(rows.max())
    if low < 0 or high > 1:
        raise ValueError(
            f"reconstruction_loss='bce' needs every value of X in [0, 1], but X runs from {low:g} "
            f"to {high:g}. Rescale X (MinMaxScaler, or pixels divided by 255), or choose 'mse'."
        )
