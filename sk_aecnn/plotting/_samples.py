"""Samples as they are drawn: columns, curves or pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline

from sk_aecnn._torch import detach_tensor
from sk_aecnn.data._geometry import SampleGeometry, resolve_geometry

# sequences of more channels are drawn as pictures
_MOST_CURVES = 6


def last_step(estimator: Any) -> Any:
    """Return the last step of a pipeline, and other estimators as they are."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def as_array(X: Any) -> np.ndarray:
    """Return arrays, frames, tensors and sparse matrices as arrays."""
    X = detach_tensor(X)
    return np.asarray(X.toarray() if issparse(X) else X)


def find_geometry(estimator: Any, X: Any, sample_shape: Any, channel_axis: Any) -> SampleGeometry:
    """Return the geometry that an estimator was fitted on, or else that of the samples."""
    if hasattr(estimator, "sample_shape_"):
        axis = estimator.resolved_params_["channel_axis"]
        return SampleGeometry(estimator.sample_shape_, axis)
    array = as_array(X)
    data_shape = array.shape[1:] if array.ndim > 2 else None
    n_features = int(np.prod(array.shape[1:]))
    return resolve_geometry(n_features, data_shape, sample_shape, channel_axis)


def names_of(X: Any, n_features: int) -> np.ndarray:
    """Return the names of the columns of a frame, or their numbers.

    Examples
    --------
    >>> names_of(np.zeros((1, 2)), 2)
    array(['0', '1'], dtype='<U1')
    """
    columns = getattr(X, "columns", range(n_features))
    return np.array([str(column) for column in columns])


def are_columns(geometry: SampleGeometry) -> bool:
    """Tell whether samples are rows of a table."""
    return not geometry.spatial


def are_curves(geometry: SampleGeometry) -> bool:
    """Tell whether samples are sequences of few enough channels to be drawn as curves.

    Examples
    --------
    >>> are_curves(SampleGeometry((50, 2), 1)), are_curves(SampleGeometry((50, 40), 1))
    (True, False)
    """
    return len(geometry.spatial) == 1 and geometry.channels <= _MOST_CURVES


def as_curves(samples: np.ndarray, geometry: SampleGeometry) -> np.ndarray:
    """Return sequences as (n_samples, time, channels)."""
    if geometry.channel_axis is None:
        return samples[..., None]
    return np.moveaxis(samples, geometry.channel_axis + 1, -1)


def as_pictures(samples: np.ndarray, geometry: SampleGeometry) -> np.ndarray:
    """Return samples as pictures, (n_samples, height, width) or (n_samples, height, width, 3).

    Three channels are red, green and blue; of other numbers, the mean is drawn. Of a volume, it is
    the slice in the middle of the first axis; of sequences, the channels one under another.

    Examples
    --------
    >>> as_pictures(np.zeros((5, 9, 8, 8)), SampleGeometry((9, 8, 8), None)).shape
    (5, 8, 8)
    >>> as_pictures(np.zeros((5, 3, 8, 8)), SampleGeometry((3, 8, 8), 0)).shape
    (5, 8, 8, 3)
    """
    pictures = as_curves(samples, geometry).astype(np.float64)
    if len(geometry.spatial) == 1:
        return pictures.swapaxes(1, 2)
    if len(geometry.spatial) == 3:
        pictures = pictures[:, pictures.shape[1] // 2]
    return pictures if pictures.shape[-1] == 3 else pictures.mean(axis=-1)
