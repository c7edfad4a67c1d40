"""The layout at the front of every network, fitted to the training rows."""

from __future__ import annotations

from typing import Any

import torch

from sk_aecnn._compat import StrOptions
from sk_aecnn._geometry import SampleGeometry
from sk_aecnn._job import TrainingRows
from sk_aecnn._torch import DTYPES
from sk_aecnn.nn import InputLayout, Moments, column_moments, fit_scaling

SCALING_CONSTRAINTS: dict[str, list[Any]] = {
    "scaling": [StrOptions({"auto", "feature", "shared"}), None],
}


def fit_layout(
    estimator: Any, data: TrainingRows, geometry: SampleGeometry, *, flat: bool
) -> tuple[InputLayout, Moments]:
    """Fit the scaling of an estimator's inputs.

    Parameters
    ----------
    estimator : estimator
        Its parameters ``scaling`` and ``precision`` count.
    data : TrainingRows
        The rows.
    geometry : SampleGeometry
        Their geometry.
    flat : bool
        Whether the network wants its inputs as vectors.
    """
    moments = column_moments(data.rows, data.row_weight(torch.float64))
    if not moments.var.isfinite().all():
        raise ValueError(
            "X holds values so large that their variance is not finite in double precision (up to "
            f"{max(moments.high.max(), -moments.low.min()):.3g}). Divide X by a constant."
        )
    channel = torch.from_numpy(geometry.channel_of_feature)
    mean, scale = fit_scaling(moments, estimator.scaling, channel)
    shape, axis = ((geometry.n_features,), 0) if flat else (geometry.shape, geometry.channel_axis)
    return InputLayout(shape, axis, mean, scale, DTYPES[estimator.precision]), moments
