"""How large and how long: sizes that parameters leave open, and those that they list."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from sk_aecnn._geometry import SampleGeometry

_EPOCHS_OF_SMALL_DATA = 100
_SMALL_DATA = 200
_BATCH_ROWS = 128
_BATCH_ROWS_OF_TABLES = 256
_LARGE_TABLE = 20_000
_BATCH_VALUES = 2**22
_FEWEST_BATCH_ROWS = 16
_LR = 1e-2
_LR_OF_SMALL_DATA = 1e-3
_SMALL_TABLE = 2_000
_BACKEND_CHANNELS_SPATIAL = 64
_BACKEND_CHANNELS_TABLE = 32
_SHIFT_OF_IMAGES = 0.075
_JITTER_OF_IMAGES = 0.5
_KERNEL_SIZE = 3
_KERNEL_SIZE_SEQUENCE = 7


def auto_epochs(n_rows: int, n_unknown: int = 0) -> int:
    """Return the epochs of ``max_epochs="auto"``: 100 up to 200 rows, 6 for 60 000.

    The epochs fall, and the optimizer steps grow, with the square root of the number of rows. Rows
    without a target, which an epoch sees twice, make it count for as much more.

    Examples
    --------
    >>> [auto_epochs(n) for n in (30, 1_797, 60_000, 1_000_000)]
    [100, 33, 6, 1]
    >>> auto_epochs(60_000, n_unknown=59_900)
    3
    """
    epochs = _EPOCHS_OF_SMALL_DATA * min(1.0, sqrt(_SMALL_DATA / n_rows))
    return max(1, round(epochs * n_rows / (n_rows + n_unknown)))


def auto_batch_size(geometry: SampleGeometry, n_rows: int, classifies: bool) -> int:
    """Return the rows of ``batch_size="auto"``: 128, fewer of large samples, to bound memory.

    Tables of less than 20 000 rows are taken by 256 where no classes are learned: numbers that are
    passed over often are learned by heart in small steps, noise included.

    Examples
    --------
    >>> table, image = SampleGeometry((50,), 0), SampleGeometry((28, 28), None)
    >>> [auto_batch_size(table, n_rows, False) for n_rows in (5_000, 60_000)]
    [256, 128]
    >>> auto_batch_size(table, 5_000, True), auto_batch_size(image, 5_000, False)
    (128, 128)
    >>> auto_batch_size(SampleGeometry((224, 224, 3), 2), 5_000, True)
    27
    """
    learned_by_heart = not geometry.spatial and not classifies and n_rows < _LARGE_TABLE
    rows = _BATCH_ROWS_OF_TABLES if learned_by_heart else _BATCH_ROWS
    return max(_FEWEST_BATCH_ROWS, min(rows, _BATCH_VALUES // geometry.n_features))


def resolve_lr(lr: float | str, n_rows: int, geometry: SampleGeometry) -> float:
    """Return the learning rate of ``lr="auto"``, lower for small tables, or the one given.

    Where steps are few because rows are few, large ones learn noise by heart; the rate grows with
    the square root of the number of rows, as the number of steps does.

    Examples
    --------
    >>> table = SampleGeometry((50,), 0)
    >>> [round(resolve_lr("auto", n, table), 4) for n in (30, 200, 800, 2_000)]
    [0.001, 0.001, 0.002, 0.01]
    """
    if not isinstance(lr, str):
        return lr
    if not _is_small_table(n_rows, geometry):
        return _LR
    return _LR_OF_SMALL_DATA * sqrt(max(1.0, n_rows / _SMALL_DATA))


def resolve_normalization(
    normalization: str | None, n_rows: int, geometry: SampleGeometry
) -> str | None:
    """Return the kind of ``normalization="auto"``, none for small tables, or the one given.

    Examples
    --------
    >>> table = SampleGeometry((50,), 0)
    >>> [resolve_normalization("auto", n, table) for n in (200, 2_000)]
    [None, 'batch']
    """
    if normalization != "auto":
        return normalization
    return None if _is_small_table(n_rows, geometry) else "batch"


def _is_small_table(n_rows: int, geometry: SampleGeometry) -> bool:
    return not geometry.spatial and n_rows < _SMALL_TABLE


def auto_backend_channels(geometry: SampleGeometry) -> int:
    """Return the channels of the stage that works on features, or on a table.

    Examples
    --------
    >>> auto_backend_channels(SampleGeometry((50,), 0))
    32
    """
    return _BACKEND_CHANNELS_SPATIAL if geometry.spatial else _BACKEND_CHANNELS_TABLE


def auto_shift(geometry: SampleGeometry) -> float:
    """Return how far ``max_shift="auto"`` moves samples: 0.075 of their size for images, else 0.

    Examples
    --------
    >>> image, table = SampleGeometry((28, 28), None), SampleGeometry((50,), 0)
    >>> auto_shift(image), auto_shift(table)
    (0.075, 0.0)
    """
    return _SHIFT_OF_IMAGES if len(geometry.spatial) == 2 else 0.0


def auto_jitter(geometry: SampleGeometry) -> float:
    """Return how far ``jitter="auto"`` changes the light: by half for images, else not at all.

    Examples
    --------
    >>> image, table = SampleGeometry((28, 28), None), SampleGeometry((50,), 0)
    >>> auto_jitter(image), auto_jitter(table)
    (0.5, 0.0)
    """
    return _JITTER_OF_IMAGES if len(geometry.spatial) == 2 else 0.0


def auto_kernel_size(n_axes: int) -> int:
    """Return the kernel of ``kernel_size="auto"``: 7 along a single spatial axis, 3 elsewhere.

    So a kernel weighs about as many positions in a sequence as in an image, 7 and 9. Features
    without an axis, which are unfolded into positions, are taken by threes.

    Examples
    --------
    >>> [auto_kernel_size(n_axes) for n_axes in (0, 1, 2, 3)]
    [3, 7, 3, 3]
    """
    return _KERNEL_SIZE_SEQUENCE if n_axes == 1 else _KERNEL_SIZE


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
