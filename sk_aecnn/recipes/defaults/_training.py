"""Members, epochs, batch sizes and learning rates."""

from __future__ import annotations

from math import log2, sqrt
from typing import Literal

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes.defaults._samples import (
    LARGE_TABLE,
    Task,
    is_predicted,
    is_small_table_to_predict,
)

# -- members of an ensemble -----------------------------------------------------------------------

# members, and the features from which on there are fewer
_N_ESTIMATORS = 5
_N_ESTIMATORS_OF_MANY_FEATURES = 3
_MANY_FEATURES = 1_000
# samples that every fold should have at the least
_SMALLEST_FOLD = 4


def auto_n_estimators(
    geometry: SampleGeometry, n_samples: int, n_unlabeled: int, trains_once: bool, own: bool
) -> int:
    """Return the members of ``n_estimators="auto"``: of networks for tables, each held-out parts.

    Parameters
    ----------
    geometry : SampleGeometry
        The shape of a sample.
    n_samples, n_unlabeled : int
        Number of samples, and of those without a target.
    trains_once : bool
        Whether this call is the whole of training.
    own : bool
        Whether all networks are of this package.

    Examples
    --------
    >>> table, image = SampleGeometry((50,), 0), SampleGeometry((28, 28), None)
    >>> [auto_n_estimators(kind, 500, 0, True, True) for kind in (table, image)]
    [5, 1]
    >>> auto_n_estimators(SampleGeometry((3_000,), 0), 500, 0, True, True)
    3
    """
    if geometry.spatial or n_unlabeled > 0 or not trains_once or not own:
        return 1
    many = geometry.n_features > _MANY_FEATURES
    n_estimators = _N_ESTIMATORS_OF_MANY_FEATURES if many else _N_ESTIMATORS
    return n_estimators if n_samples >= _SMALLEST_FOLD * n_estimators else 1


def auto_early_stopping(
    geometry: SampleGeometry, n_estimators: int, trains_once: bool, epochs_are_open: bool
) -> Literal["cv", False]:
    """Return ``early_stopping="auto"`` of predictors: held-out parts of tables say how long.

    Parameters
    ----------
    geometry : SampleGeometry
        The shape of a sample.
    n_estimators : int
        Members of the ensemble.
    trains_once : bool
        Whether this call is the whole of training.
    epochs_are_open : bool
        Whether ``max_epochs="auto"``.

    Examples
    --------
    >>> table = SampleGeometry((50,), 0)
    >>> (
    ...     auto_early_stopping(table, 5, True, True),
    ...     auto_early_stopping(table, 5, True, False),
    ... )
    ('cv', False)
    """
    is_open = trains_once and epochs_are_open and not geometry.spatial
    return "cv" if is_open and n_estimators > 1 else False


# -- training -------------------------------------------------------------------------------------

_EPOCHS_OF_SMALL_DATA = 100
_SMALL_DATA = 200
_BATCH_SIZE = 128
_BATCH_SIZE_OF_TABLES = 256
_SMALLEST_BATCH = 16
# values of all samples of a batch
_BATCH_VALUES = 2**22
_LR = 1e-2
_LR_OF_SMALL_DATA = 1e-3
# columns of a table up to which rates of predictors hold
_FEW_COLUMNS = 20


def auto_epochs(n_samples: int, n_unlabeled: int = 0) -> int:
    """Return the epochs of ``max_epochs="auto"``: 100 up to 200 samples, 6 for 60 000.

    The epochs fall, and the optimizer steps grow, with the square root of the number of samples.
    Unlabeled samples, which an epoch sees twice, make it count for as much more.

    Examples
    --------
    >>> [auto_epochs(n) for n in (30, 1_797, 60_000, 1_000_000)]
    [100, 33, 6, 1]
    >>> auto_epochs(60_000, n_unlabeled=59_900)
    3
    """
    epochs = _EPOCHS_OF_SMALL_DATA * min(1.0, sqrt(_SMALL_DATA / n_samples))
    return max(1, round(epochs * n_samples / (n_samples + n_unlabeled)))


def auto_batch_size(geometry: SampleGeometry, n_samples: int, task: Task) -> int:
    """Return the samples of ``batch_size="auto"``: 128, fewer of large ones, to bound memory.

    Tables of less than 20 000 samples are taken by 256 where no classes are learned: numbers that
    are seen often are overfitted in small steps, noise included.

    Examples
    --------
    >>> table, image = SampleGeometry((50,), 0), SampleGeometry((28, 28), None)
    >>> [auto_batch_size(table, n_samples, None) for n_samples in (5_000, 60_000)]
    [256, 128]
    >>> auto_batch_size(table, 5_000, "classifier"), auto_batch_size(image, 5_000, None)
    (128, 128)
    >>> auto_batch_size(SampleGeometry((224, 224, 3), 2), 5_000, "classifier")
    27
    """
    overfits = not geometry.spatial and task != "classifier" and n_samples < LARGE_TABLE
    size = _BATCH_SIZE_OF_TABLES if overfits else _BATCH_SIZE
    return max(_SMALLEST_BATCH, min(size, _BATCH_VALUES // geometry.n_features))


def auto_lr(n_samples: int, geometry: SampleGeometry, task: Task) -> float:
    """Return the learning rate of ``lr="auto"``: 0.01, lower where small tables are predicted.

    Where steps are few because samples are few, large ones overfit noise; the rate grows with the
    square root of the number of samples, as the number of steps does. Tables of many columns have
    lower rates as well.

    Examples
    --------
    >>> table, wide_table = SampleGeometry((20,), 0), SampleGeometry((2_000,), 0)
    >>> [round(auto_lr(n, table, "classifier"), 4) for n in (30, 200, 800, 2_000)]
    [0.001, 0.001, 0.002, 0.01]
    >>> [round(auto_lr(n, wide_table, "classifier"), 4) for n in (30, 2_000)]
    [0.001, 0.001]
    >>> auto_lr(30, table, None)
    0.01
    """
    rate = _LR
    if not geometry.spatial and is_predicted(task):
        rate *= _share_of_columns(geometry.n_columns)
    if is_small_table_to_predict(n_samples, geometry, task):
        rate = min(rate, _LR_OF_SMALL_DATA * sqrt(max(1.0, n_samples / _SMALL_DATA)))
    return rate


def auto_lr_schedule(early_stopping: bool | str, n_samples: int) -> str:
    """Return ``lr_schedule="auto"``: one cycle, without its rise where training may end early.

    Nor does the rate fall then where samples are many: where many epochs pay is told by the data.

    Examples
    --------
    >>> auto_lr_schedule(False, 1_000)
    'one_cycle'
    >>> auto_lr_schedule("cv", 1_000), auto_lr_schedule("cv", 10_000)
    ('cosine', 'constant')
    """
    if early_stopping != "cv":
        return "one_cycle"
    return "cosine" if n_samples <= _MOST_ROWS_OF_FALLING_RATES else "constant"


def chunk_lr_factor(n_samples: int, batch_size: int) -> float:
    """Return what ``partial_fit`` multiplies the learning rate by, for chunks below a batch.

    By the square root of the size, as adaptive optimizers have it (Malladi et al. 2022, "On the
    SDEs and scaling rules for adaptive gradient algorithms"): one sample should not undo what
    thousands have taught.

    Examples
    --------
    >>> chunk_lr_factor(1, 256), chunk_lr_factor(500, 256)
    (0.0625, 1.0)
    """
    return min(1.0, sqrt(n_samples / batch_size))


# -- training of imputers -------------------------------------------------------------------------

# from which on their epochs are fewer than those of small data
_ROWS_OF_IMPUTERS = 4_000


def auto_epochs_of_imputers(n_samples: int) -> int:
    """Return ``max_epochs="auto"`` of imputers, which get another task in every epoch.

    Examples
    --------
    >>> [
    ...     auto_epochs_of_imputers(n_samples)
    ...     for n_samples in (1_000, 4_000, 16_000, 100_000)
    ... ]
    [100, 100, 50, 20]
    """
    return round(_EPOCHS_OF_SMALL_DATA * min(1.0, sqrt(_ROWS_OF_IMPUTERS / n_samples)))


# -- training of members that rows are held out from ----------------------------------------------

# rows of a table, up to which the rate falls; of more, a lower one stays and epochs are more
_MOST_ROWS_OF_FALLING_RATES = 3_000
_LR_OF_MEMBERS = 15e-3
_STEADY_LR_OF_CLASSES = 4e-3
_STEADY_LR_OF_NUMBERS = 8e-3
# the most epochs, and the rows that have as many: of classes, and of numbers
_EPOCHS_OF_MEMBERS = 30
_ROWS_OF_THESE_EPOCHS = 1_000
_ROWS_OF_THESE_EPOCHS_OF_NUMBERS = 4_000
# of steady rates, the rows up to which there are as many epochs as of small data
_ROWS_OF_MOST_EPOCHS = 4_000
_BATCHES_OF_MEMBERS = 3
_SMALLEST_BATCH_OF_MEMBERS = 128
_LARGEST_BATCH_OF_MEMBERS = 256


def auto_epochs_of_members(n_samples: int, task: Task) -> int:
    """Return the most epochs of ``max_epochs="auto"`` where held-out samples say how many.

    Numbers without noise can be told better and better, classes are told apart at some time.

    Examples
    --------
    >>> [
    ...     auto_epochs_of_members(n_samples, "classifier")
    ...     for n_samples in (50, 400, 3_000, 4_000, 16_000)
    ... ]
    [100, 47, 30, 100, 50]
    >>> [
    ...     auto_epochs_of_members(n_samples, "regressor")
    ...     for n_samples in (50, 400, 3_000, 4_000, 16_000)
    ... ]
    [100, 95, 35, 100, 50]
    """
    if n_samples > _MOST_ROWS_OF_FALLING_RATES:
        return round(_EPOCHS_OF_SMALL_DATA * min(1.0, sqrt(_ROWS_OF_MOST_EPOCHS / n_samples)))
    n_rows = _ROWS_OF_THESE_EPOCHS if task == "classifier" else _ROWS_OF_THESE_EPOCHS_OF_NUMBERS
    epochs = _EPOCHS_OF_MEMBERS * sqrt(max(1.0, n_rows / n_samples))
    return round(min(epochs, _EPOCHS_OF_SMALL_DATA))


def auto_batch_size_of_members(n_samples: int) -> int:
    """Return ``batch_size="auto"`` where held-out samples say how long: 128, 256 from 768 on.

    Examples
    --------
    >>> [auto_batch_size_of_members(n_samples) for n_samples in (100, 1_000, 100_000)]
    [128, 256, 256]
    """
    size = 1 << int(log2(max(1.0, n_samples / _BATCHES_OF_MEMBERS)))
    return max(_SMALLEST_BATCH_OF_MEMBERS, min(size, _LARGEST_BATCH_OF_MEMBERS))


def auto_lr_of_members(n_samples: int, n_columns: int, task: Task) -> float:
    """Return ``lr="auto"`` where held-out samples say how long.

    Lower where many samples are classified, and in tables of many columns.

    Examples
    --------
    >>> [
    ...     auto_lr_of_members(n_samples, 10, "classifier")
    ...     for n_samples in (1_000, 10_000)
    ... ]
    [0.015, 0.004]
    >>> auto_lr_of_members(10_000, 10, "regressor")
    0.008
    >>> auto_lr_of_members(1_000, 80, "classifier")
    0.0075
    """
    if n_samples <= _MOST_ROWS_OF_FALLING_RATES:
        rate = _LR_OF_MEMBERS
    else:
        rate = _STEADY_LR_OF_CLASSES if task == "classifier" else _STEADY_LR_OF_NUMBERS
    return rate * _share_of_columns(n_columns)


def _share_of_columns(n_columns: int) -> float:
    """Return the factor of learning rates: one up to 20 columns, then less by the square root.

    A step changes every weight alike, and what a hidden unit sums up by as much for each column.
    """
    return sqrt(min(1.0, _FEW_COLUMNS / n_columns))
