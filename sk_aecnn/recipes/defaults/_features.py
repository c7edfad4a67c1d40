"""How features are scaled, and what is expected of missing ones."""

from __future__ import annotations

import numpy as np

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.nn import Moments
from sk_aecnn.recipes.defaults._samples import Covariance, Scaling

# features whose ranges lie within this factor of each other are taken to share one unit
_COMMENSURABLE = 10.0
_SMALL_QUANTILE = 0.1
# features up to which missing values are filled in by the others of their row, with the covariances
# of all pairs, and with those that some factors tell
_MOST_EXPECTED_BY_PAIRS = 200
_MOST_EXPECTED = 1_000
N_FACTORS = 32
# level of the test whether the target depends on where values are missing
_SIGNIFICANCE = 0.05


def auto_scaling(geometry: SampleGeometry, moments: Moments) -> Scaling:
    """Return the scaling of ``scaling="auto"``: every feature for itself, or all of them together.

    Together where samples have a spatial axis, and where the ranges of the features lie within a
    factor of ten of each other: they look like measurements in one unit then, as word counts do.

    Examples
    --------
    >>> import torch
    >>> from sk_aecnn.nn import column_moments
    >>> table = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1000.0]])
    >>> auto_scaling(SampleGeometry((3,), 0), column_moments(table))
    'feature'
    """
    is_table = geometry.channels == geometry.n_features
    return "feature" if is_table and not _share_a_unit(moments) else "shared"


def _share_a_unit(moments: Moments) -> bool:
    ranges = moments.extent[moments.extent > 0].numpy()
    if len(ranges) == 0:
        return True
    return bool(ranges.max() <= _COMMENSURABLE * np.quantile(ranges, _SMALL_QUANTILE))


def auto_clip(moments: Moments, are_integers: bool) -> bool:
    """Return ``clip="auto"``: whether reconstructions keep to the range of the training samples.

    Those of integers do, as pixels and counts are, and those of values between 0 and 1, or between
    -1 and 1, that reach both ends.

    Examples
    --------
    >>> import torch
    >>> from sk_aecnn.nn import column_moments
    >>> shares, lengths = (
    ...     torch.tensor([[0.0], [0.3], [1.0]]),
    ...     torch.tensor([[0.1], [2.5]]),
    ... )
    >>> [auto_clip(column_moments(rows), False) for rows in (shares, lengths)]
    [True, False]
    """
    if len(moments.low) == 0:
        return False
    ends = float(moments.low.min()), float(moments.high.max())
    return are_integers or ends in {(0.0, 1.0), (-1.0, 1.0)}


def kind_of_covariance(n_features: int) -> Covariance:
    """Return by what covariances missing values of a table are filled in, whether in fit or later.

    Those of all pairs of a few features, those that some factors tell of more; ``None`` for the
    mean of the feature.

    Examples
    --------
    >>> [kind_of_covariance(n_features) for n_features in (200, 201, 1_001)]
    ['dense', 'factors', None]
    """
    if n_features > _MOST_EXPECTED:
        return None
    return "factors" if n_features > _MOST_EXPECTED_BY_PAIRS else "dense"


def are_indicated(p_values: np.ndarray) -> np.ndarray:
    """Tell of which features a network is told where they are missing: if the target depends on it.

    Examples
    --------
    >>> are_indicated(np.array([0.01, 0.05, 1.0]))
    array([ True, False, False])
    """
    result: np.ndarray = p_values < _SIGNIFICANCE
    return result
