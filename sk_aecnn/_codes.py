"""What every estimator with an autoencoder inside shares: its coder and the methods on codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._base import TrainingRows, check_sizes
from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._geometry import SampleGeometry
from sk_aecnn._torch import DTYPES, as_tensor
from sk_aecnn._training import infer
from sk_aecnn.losses import RECONSTRUCTION_LOSSES, ReconstructionLoss, constant_error
from sk_aecnn.nn import (
    ACTIVATIONS,
    ConvDecoder,
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    InputLayout,
    column_moments,
    fit_scaling,
    plan_channels,
)

CODER_CONSTRAINTS: dict[str, list[Any]] = {
    "encoding_dim": [Interval(Integral, 1, None, closed="left")],
    "architecture": [StrOptions({"auto", "dense", "conv"})],
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "conv_channels": [
        StrOptions({"auto"}),
        "array-like",
        Interval(Integral, 1, None, closed="left"),
    ],
    "kernel_size": [Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS)), callable],
    "code_activation": [StrOptions(set(ACTIVATIONS)), callable],
    "reconstruction_loss": [StrOptions(set(RECONSTRUCTION_LOSSES)), callable],
    "scaling": [StrOptions({"auto", "feature", "shared"}), None],
}


@dataclass
class Coder:
    """The parts of an autoencoder: the layout built, encoder and decoder as recipes."""

    layout: InputLayout
    encoder: Callable[[], DenseEncoder | ConvEncoder]
    decoder: Callable[[], DenseDecoder | ConvDecoder]
    probabilities: bool
    loss: ReconstructionLoss


def plan_coder(estimator: Any, data: TrainingRows, geometry: SampleGeometry) -> Coder:
    """Fit the scaling and choose the layers from an estimator's parameters."""
    flat = _is_dense(estimator.architecture, geometry)
    encoder, decoder = (_plan_dense if flat else _plan_conv)(estimator, geometry)
    layout, loss = _fit_layout(estimator, data, geometry, flat)
    return Coder(layout, encoder, decoder, estimator.reconstruction_loss == "bce", loss)


def _is_dense(architecture: str, geometry: SampleGeometry) -> bool:
    if architecture == "conv" and not geometry.spatial:
        raise ValueError(
            f"architecture='conv' needs a spatial axis to convolve over, but samples of shape "
            f"{geometry.shape} have none. Pass sample_shape, say what the axes are with "
            "channel_axis (None for a sequence of single values), or choose architecture='dense'."
        )
    return architecture == "dense" or not geometry.spatial


def _plan_dense(estimator: Any, geometry: SampleGeometry) -> tuple[Any, Any]:
    sizes = check_sizes("hidden_layer_sizes", estimator.hidden_layer_sizes, at_least=0)
    shared = geometry.n_features, sizes, estimator.encoding_dim, estimator.activation
    return (
        partial(DenseEncoder, *shared, estimator.code_activation),
        partial(DenseDecoder, *shared),
    )


def _plan_conv(estimator: Any, geometry: SampleGeometry) -> tuple[Any, Any]:
    channels = estimator.conv_channels
    if isinstance(channels, str):
        channels = plan_channels(geometry.spatial)
    channels = check_sizes("conv_channels", channels, at_least=1)
    kernel_size = check_kernel_size(estimator.kernel_size)
    shared = (geometry.channels, geometry.spatial, channels, estimator.encoding_dim, kernel_size)
    return (
        partial(ConvEncoder, *shared, estimator.activation, estimator.code_activation),
        partial(ConvDecoder, *shared, estimator.activation),
    )


def check_kernel_size(kernel_size: int) -> int:
    """Return an odd kernel size, or raise."""
    if kernel_size % 2 == 0:
        raise ValueError(
            f"kernel_size={kernel_size} must be odd, so that a position has as many neighbours on "
            f"either side; pass {kernel_size - 1} or {kernel_size + 1}."
        )
    return kernel_size


def _fit_layout(
    estimator: Any, data: TrainingRows, geometry: SampleGeometry, flat: bool
) -> tuple[InputLayout, ReconstructionLoss]:
    """Fit the scaling to the rows, and the baseline of the loss to the scaled rows."""
    row_weight = data.row_weight(torch.float64)
    moments = column_moments(data.rows, row_weight)
    if not moments.var.isfinite().all():
        raise ValueError(
            "X holds values so large that their variance is not finite in double precision (up to "
            f"{max(moments.high.max(), -moments.low.min()):.3g}). Divide X by a constant."
        )
    mean, scale = fit_scaling(
        moments, estimator.scaling, torch.from_numpy(geometry.channel_of_feature)
    )
    shape, axis = ((geometry.n_features,), 0) if flat else (geometry.shape, geometry.channel_axis)
    layout = InputLayout(shape, axis, mean, scale, DTYPES[estimator.precision])
    loss = estimator.reconstruction_loss
    if loss == "mse":
        baseline = float((moments.var / scale.square()).mean())
    else:
        target, constant = (
            (None, moments.mean) if loss == "bce" else (layout, (moments.mean - mean) / scale)
        )
        baseline = constant_error(loss, constant, data.rows, target, row_weight)
    return layout, ReconstructionLoss(loss, baseline or 1.0)


def check_unit_interval(estimator: Any, rows: torch.Tensor) -> None:
    """Raise where the binary cross-entropy is asked for inputs that are no probabilities."""
    if estimator.reconstruction_loss != "bce":
        return
    low, high = float(rows.min()), float(rows.max())
    if low < 0 or high > 1:
        raise ValueError(
            f"reconstruction_loss='bce' needs every value of X in [0, 1], but X runs from {low:g} "
            f"to {high:g}. Rescale X (MinMaxScaler, or pixels divided by 255), or choose 'mse'."
        )


def _has_trained_decoder(estimator: Any) -> bool:
    if getattr(estimator, "reconstruction_weight", 1) == 0:
        raise AttributeError(
            "reconstruction_weight=0 trains no decoder, and with backend_input='features' no code; "
            "fit with a positive weight."
        )
    return True


def _check_code_is_trained(estimator: Any) -> None:
    if getattr(estimator, "backend_input", "code") == "features":
        _has_trained_decoder(estimator)


class CodesMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The methods of a fitted autoencoder: to codes and back."""

    def transform(self, X):
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        codes : ndarray of shape (n_samples, encoding_dim)
            Codes, in the dtype of ``precision``. A sample's code does not depend on the other
            samples passed with it.
        """
        _check_code_is_trained(self)
        return self._infer("encode", X)

    @available_if(_has_trained_decoder)
    def inverse_transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, encoding_dim)
            Codes, as ``transform`` returns them.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``.

        Raises
        ------
        ValueError
            If the codes are not of the width of the code.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float32, np.float64], input_name="codes")
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"The codes have {codes.shape[1]} columns, but {type(self).__name__} was fitted "
                f"with encoding_dim={self._n_features_out}. Pass codes as transform returns them."
            )
        codes = as_tensor(codes.astype(np.dtype(self.precision), copy=False))
        return self._in_layout(infer(self.net_, "decode", codes))

    @available_if(_has_trained_decoder)
    def reconstruct(self, X):
        """Encode and decode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``.
        """
        return self._in_layout(self._infer("reconstruct", X))

    @available_if(_has_trained_decoder)
    def reconstruction_error(self, X, *, per_feature=False):
        """Compute the squared error of the reconstruction, in the squared units of ``X``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.
        per_feature : bool, default=False
            Whether to return the error of every feature instead of the mean over the features.

        Returns
        -------
        error : ndarray of float64
            Mean squared error of each sample, shape (n_samples,), or squared error of each of its
            features, in the layout given to ``fit``.
        """
        if per_feature:
            return self._in_layout(self._infer("squared_error", X))
        return self._infer("mean_squared_error", X)

    def _in_layout(self, rows):
        return rows if self._geometry.given_flat else rows.reshape(len(rows), *self.sample_shape_)

    @property
    def encoder_(self):
        """The trained encoder, a `torch.nn.Module` on standardised samples."""
        return self.net_.module_.encoder

    @property
    def decoder_(self):
        """The trained decoder, a `torch.nn.Module` on codes."""
        _has_trained_decoder(self)
        return self.net_.module_.decoder

    @property
    def _n_features_out(self):
        return self.encoder_.bottleneck.out_features

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [self.precision]
        return tags
