"""Results in the layout, or in the kind of data frame, of the samples that they are about."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_aecnn._compat import get_container_adapter


def in_container_of(X: Any, values: np.ndarray) -> Any:
    """Return one number for each value of X, in the shape of X or as a data frame like it.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Samples, validated.
    values : ndarray of shape (n_samples, n_features)
        Numbers.

    Examples
    --------
    >>> in_container_of(np.zeros((3, 2, 2)), np.ones((3, 4))).shape
    (3, 2, 2)
    """
    if hasattr(X, "columns"):
        try:
            adapter = get_container_adapter(X)
        except ValueError:  # a kind of frame that scikit-learn does not make
            return values
        return adapter.create_container(values, X, columns=list(X.columns))
    return values if issparse(X) else values.reshape(np.shape(X))
