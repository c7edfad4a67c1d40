"""Tables whose columns are in different units, and what networks make of them."""

from __future__ import annotations

from typing import Any

import torch

from sk_aecnn._geometry import SampleGeometry
from sk_aecnn._job import Job
from sk_aecnn._sampling import choose_rows
from sk_aecnn.nn import InputLayout, Moments, PiecewiseLinear, choose_scaling, find_pieces

# of a table: principal components take time and memory by the square of that
_MOST_FEATURES = 500
# of a table whose columns cannot be told to share a unit
_FEW_FEATURES = 10
# most of the ratio of standard deviations, of rows among those that were standardised
_STANDARDISED = 1.2

# intervals of a feature, and the rows that each should have at the least
_MOST_PIECES = 8
_ROWS_PER_PIECE = 100
# of all features: each is an input of the first layer
_MOST_PIECES_IN_ALL = 1000


def has_units(estimator: Any, geometry: SampleGeometry, moments: Moments) -> bool:
    """Tell whether samples are rows of a table in different units, and of not too many columns."""
    if geometry.spatial or geometry.n_features > _MOST_FEATURES:
        return False
    if estimator.scaling == "auto" and _hides_units(moments):
        return True
    channel = torch.from_numpy(geometry.channel_of_feature)
    return choose_scaling(moments, estimator.scaling, channel) == "feature"


def _hides_units(moments: Moments) -> bool:
    """Tell whether equal ranges say nothing of units: by chance, or after standardisation."""
    deviations = moments.var[moments.var > 0].sqrt()
    if len(moments.var) < _FEW_FEATURES or len(deviations) == 0:
        return True
    return bool(deviations.max() <= _STANDARDISED * deviations.min())


def build_pieces(
    estimator: Any, job: Job, layout: InputLayout, moments: Moments
) -> PiecewiseLinear | None:
    """Build what cuts the features of a table in different units into pieces.

    Parameters
    ----------
    estimator : estimator
        Its parameter ``scaling`` counts.
    job : Job
        The rows.
    layout : InputLayout
        What standardises them.
    moments : Moments
        Of the rows.

    Returns
    -------
    PiecewiseLinear or None
        ``None`` where the rows are no such table, or too few, or would be cut into too many.
    """
    n_rows = len(job.data.rows)
    most = min(_MOST_PIECES, n_rows // _ROWS_PER_PIECE)
    if most < 2 or not has_units(estimator, job.geometry, moments):
        return None
    weight = job.data.row_weight(torch.float64)
    index = torch.from_numpy(choose_rows(n_rows, None, None))
    x = layout.standardise(job.data.rows.index_select(0, index))
    pieces = find_pieces(x, None if weight is None else weight[index], most)
    if pieces is None or len(pieces.column) > _MOST_PIECES_IN_ALL:
        return None
    return PiecewiseLinear(x.shape[1], pieces)
