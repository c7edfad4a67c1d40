"""The shape of a sample: one rule for tables, sequences, images and volumes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from scipy.sparse import issparse

MAX_SPATIAL_AXES = 3
# of images, and the ratio of the sides of grey ones, from which others are meant
_CHANNELS = (1, 3, 4)
_ELONGATED = 4


@dataclass(frozen=True)
class SampleGeometry:
    """The shape of one sample and the meaning of its axes.

    Attributes
    ----------
    shape : tuple of int
        Shape of one sample, as the user lays it out.
    channel_axis : int or None
        Which axis of ``shape`` holds the channels; ``None`` where there is a single channel and
        no axis for it.
    given_flat : bool
        Whether the samples were given as flat rows.
    n_categories : tuple of int
        The categories of each column of a table, 0 for numbers; empty for samples without. Then
        each category is a feature of its own, and ``shape`` counts features.
    """

    shape: tuple[int, ...]
    channel_axis: int | None
    given_flat: bool = False
    n_categories: tuple[int, ...] = ()

    @property
    def n_features(self) -> int:
        return prod(self.shape)

    @property
    def n_columns(self) -> int:
        """The columns of a table: categories of one column count once."""
        return len(self.n_categories) or self.n_features

    def expand(self, n_categories: tuple[int, ...]) -> SampleGeometry:
        """Return the geometry of rows in which each category has a feature of its own.

        Examples
        --------
        >>> SampleGeometry((2,), 0).expand((0, 3)).shape
        (4,)
        """
        if not n_categories:
            return self
        n_features = sum(max(1, count) for count in n_categories)
        return SampleGeometry((n_features,), 0, self.given_flat, n_categories)

    @property
    def channels(self) -> int:
        return 1 if self.channel_axis is None else self.shape[self.channel_axis]

    @property
    def spatial(self) -> tuple[int, ...]:
        return tuple(size for axis, size in enumerate(self.shape) if axis != self.channel_axis)

    @property
    def channel_of_feature(self) -> np.ndarray:
        """The channel that each feature of a flat row belongs to, shape (n_features,)."""
        if self.channel_axis is None:
            return np.zeros(self.n_features, dtype=np.intp)
        result: np.ndarray = np.indices(self.shape)[self.channel_axis].ravel()
        return result


def as_rows(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Lay n-dimensional samples out as flat rows.

    Returns
    -------
    rows : array-like
        A view of ``X`` with two axes where ``X`` has more; else ``X`` itself, untouched.
    sample_shape : tuple of int or None
        Shape of one sample where ``X`` has more than two axes, else ``None``.
    """
    if issparse(X) or hasattr(X, "columns"):
        return X, None
    try:
        array = np.asarray(X)
    except ValueError:  # ragged lists: left for check_array to name
        return X, None
    if array.ndim <= 2:
        return array if array.dtype.kind in "biuf" else X, None
    return array.reshape(len(array), prod(array.shape[1:])), array.shape[1:]


def resolve_geometry(
    n_features: int,
    data_shape: tuple[int, ...] | None,
    sample_shape: Any,
    channel_axis: Any,
) -> SampleGeometry:
    """Find the geometry of the samples from the data and the two parameters that describe it.

    Parameters
    ----------
    n_features : int
        Number of values in one sample.
    data_shape : tuple of int or None
        Shape of one sample as it was passed; ``None`` for flat rows.
    sample_shape : sequence of int or None
        The estimator's parameter.
    channel_axis : int, None or "auto"
        The estimator's parameter.

    Raises
    ------
    ValueError
        If the parameters contradict the data or each other.
    """
    shape = data_shape or (n_features,)
    if sample_shape is not None:
        shape = _check_sample_shape(sample_shape, n_features, data_shape)
    axis = _resolve_channel_axis(channel_axis, shape)
    if isinstance(channel_axis, str):
        _warn_of_other_layouts(shape)
    geometry = SampleGeometry(shape, axis, given_flat=data_shape is None)
    if len(geometry.spatial) > MAX_SPATIAL_AXES:
        raise ValueError(
            f"Samples of shape {shape} with channel_axis={channel_axis!r} have "
            f"{len(geometry.spatial)} spatial axes; at most {MAX_SPATIAL_AXES} are supported. "
            "Pass channel_axis, or flatten the samples."
        )
    return geometry


def check_same_shape(
    shape: tuple[int, ...] | None,
    data_shape: tuple[int, ...] | None,
    fitted: SampleGeometry,
    name: str,
) -> None:
    """Raise unless n-dimensional samples have the shape the estimator was fitted on."""
    if len(fitted.shape) > 1 and shape is not None and tuple(shape) == fitted.shape:
        raise ValueError(
            f"X has the shape {tuple(shape)} of one sample, but {name} expects an array of "
            "samples. Pass X[None]."
        )
    if data_shape is not None and data_shape != fitted.shape:
        raise ValueError(
            f"X has samples of shape {data_shape}, but {name} was fitted on samples of shape "
            f"{fitted.shape}. Pass samples of that shape, or flat rows of {fitted.n_features} "
            "features."
        )


def _check_sample_shape(
    sample_shape: Any, n_features: int, data_shape: tuple[int, ...] | None
) -> tuple[int, ...]:
    try:
        shape = tuple(sample_shape)
    except TypeError:
        shape = ()
    if not shape or not all(_is_size(size) for size in shape):
        raise ValueError(
            f"sample_shape={sample_shape!r} must be a non-empty tuple of integers of at least 1, "
            "the shape of one sample."
        )
    shape = tuple(int(size) for size in shape)
    if prod(shape) != n_features:
        raise ValueError(
            f"sample_shape={shape} has {prod(shape)} values, but each sample of X has "
            f"{n_features} features. Pass a sample_shape whose product is {n_features}."
        )
    if data_shape is not None and shape != data_shape:
        raise ValueError(
            f"sample_shape={shape} differs from the shape of the samples in X, {data_shape}. "
            "Leave sample_shape at None for n-dimensional X."
        )
    return shape


def _warn_of_other_layouts(shape: tuple[int, ...]) -> None:
    """Warn of shapes that look like sequences, or like images with the channels first."""
    looks, axis = "", 0
    if len(shape) == 3 and shape[0] in _CHANNELS and shape[2] not in _CHANNELS:
        looks = "images with the channels first"
    elif len(shape) == 2 and 1 in shape and max(shape) > 1:
        looks, axis = "sequences of single values", shape.index(1)
    elif len(shape) == 2 and max(shape) >= _ELONGATED * min(shape):
        looks, axis = "sequences of several channels", shape.index(min(shape))
    if looks:
        axis = axis if axis == 0 else axis - len(shape)
        warnings.warn(
            f"Samples of shape {shape} look like {looks}: pass channel_axis={axis} if they are. "
            f"With channel_axis='auto' they are {'grey images' if len(shape) == 2 else 'images'}"
            f"{' with the channels last' if len(shape) == 3 else ''}; if that is right, pass "
            f"channel_axis={None if len(shape) == 2 else -1}, which silences this.",
            UserWarning,
            stacklevel=2,
        )


def _is_size(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)


def _resolve_channel_axis(channel_axis: Any, shape: tuple[int, ...]) -> int | None:
    n_axes = len(shape)
    if channel_axis is None:
        return None
    if channel_axis == "auto":
        # two axes are a grey image: nothing tells a sequence of channels from it
        return None if n_axes == 2 else n_axes - 1
    if not -n_axes <= channel_axis < n_axes:
        raise ValueError(
            f"channel_axis={channel_axis} is out of range for samples of shape {shape}. It counts "
            f"within one sample: pass a value from {-n_axes} to {n_axes - 1}, None for samples "
            "without a channel axis, or 'auto'."
        )
    return int(channel_axis) % n_axes
