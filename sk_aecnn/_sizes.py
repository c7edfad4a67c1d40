"""How large and how long: sizes that parameters leave open, and those that they list."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from sk_aecnn._geometry import SampleGeometry

_EPOCHS_OF_SMALL_DATA = 100
_SMALL_DATA = 200
_BATCH_ROWS_TABLE = 256
_BATCH_ROWS_SPATIAL = 128
_BATCH_VALUES = 2**22
_FEWEST_BATCH_ROWS = 16


def auto_epochs(n_rows: int) -> int:
    """Return the epochs of ``max_epochs="auto"``: 100 up to 200 rows, 6 for 60 000.

    The epochs fall, and the optimizer steps grow, with the square root of the number of rows.

    Examples
    --------
    >>> [auto_epochs(n) for n in (30, 1_797, 60_000, 1_000_000)]
    [100, 33, 6, 1]
    """
    return max(1, round(_EPOCHS_OF_SMALL_DATA * min(1.0, sqrt(_SMALL_DATA / n_rows))))


def auto_batch_size(geometry: SampleGeometry) -> int:
    """Return the rows of ``batch_size="auto"``: fewer for large samples, to bound memory.

    Examples
    --------
    >>> shapes = [((50,), 0), ((28, 28), None), ((224, 224, 3), 2)]
    >>> [auto_batch_size(SampleGeometry(*shape)) for shape in shapes]
    [256, 128, 27]
    """
    rows = _BATCH_ROWS_SPATIAL if geometry.spatial else _BATCH_ROWS_TABLE
    return max(_FEWEST_BATCH_ROWS, min(rows, _BATCH_VALUES // geometry.n_features))


def check_sizes(name: str, sizes: Any, *, at_least: int) -> tuple[int, ...]:
    """Return a parameter that lists layer sizes as a tuple, or raise."""
    values = tuple(np.atleast_1d(np.asarray(sizes, dtype=object)))
    valid = all(isinstance(value, int | np.integer) and value >= 1 for value in values)
    if not valid or len(values) < at_least:
        raise ValueError(
            f"{name}={sizes!r} must be a sequence of at least {at_least} integers, each 1 or "
            "more: the size of every layer in turn."
        )
    return tuple(int(value) for value in values)
