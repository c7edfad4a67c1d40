"""What decisions go by: the task, and how large a table or an image is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sk_aecnn.data._geometry import SampleGeometry

# as scikit-learn's tags name the type of an estimator, and imputers; None for other transformers
Task = Literal["classifier", "regressor", "outlier_detector", "imputer"] | None
Scaling = Literal["feature", "shared"] | None
# what tells how features go together
Covariance = Literal["dense", "factors"] | None

# a table of fewer samples is small, of fewer than these not large
SMALL_TABLE = 2_000
LARGE_TABLE = 20_000
# positions along an axis that one object fills, as in pictures of digits or icons
SMALL_IMAGE = 32
# channels of an image, from which on it is in colour
_COLOUR_CHANNELS = 3


def is_predicted(task: Task) -> bool:
    """Tell whether classes or numbers are predicted.

    Examples
    --------
    >>> [is_predicted(task) for task in ("classifier", "regressor", "imputer", None)]
    [True, True, False, False]
    """
    return task in {"classifier", "regressor"}


def is_small_table_to_predict(n_samples: int, geometry: SampleGeometry, task: Task) -> bool:
    """Tell whether classes or numbers of a small table are predicted."""
    return is_predicted(task) and not geometry.spatial and n_samples < SMALL_TABLE


def is_small_and_in_colour(spatial: Sequence[int], channels: int) -> bool:
    """Tell whether samples are small images in colour."""
    return len(spatial) == 2 and max(spatial) <= SMALL_IMAGE and channels >= _COLOUR_CHANNELS
