"""What every ``"auto"`` becomes, and every other decision that depends on the data.

Pure functions of the number of samples, their geometry, the task and the statistics of their
features, in the order of a fit; the numbers that they go by stand at the head of each section.
`_ensemble`, `_training`, `_architecture` and `_augmentation` ask them; nothing else decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log2, sqrt
from typing import Literal

import numpy as np

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.nn import Moments

# as scikit-learn's tags name the type of an estimator, and imputers; None for other transformers
Task = Literal["classifier", "regressor", "outlier_detector", "imputer"] | None
Scaling = Literal["feature", "shared"] | None
# what tells how features go together
Covariance = Literal["dense", "factors"] | None


# -- what is told of the samples ---------------------------------------------------------------

# a table of fewer samples is small, of fewer than these not large
_SMALL_TABLE = 2_000
_LARGE_TABLE = 20_000
# positions along an axis that one object fills, as in pictures of digits or icons
_SMALL_IMAGE = 32
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


def _is_small_table_to_predict(n_samples: int, geometry: SampleGeometry, task: Task) -> bool:
    return is_predicted(task) and not geometry.spatial and n_samples < _SMALL_TABLE


def _is_small_and_in_colour(spatial: Sequence[int], channels: int) -> bool:
    return len(spatial) == 2 and max(spatial) <= _SMALL_IMAGE and channels >= _COLOUR_CHANNELS


# -- members of an ensemble --------------------------------------------------------------------

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


# -- training ----------------------------------------------------------------------------------

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
    overfits = not geometry.spatial and task != "classifier" and n_samples < _LARGE_TABLE
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
    if _is_small_table_to_predict(n_samples, geometry, task):
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


# -- training of imputers ----------------------------------------------------------------------

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


# -- training of members that rows are held out from -------------------------------------------

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


# -- features ----------------------------------------------------------------------------------

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


# -- bins of features --------------------------------------------------------------------------

# factors of the loss of linear models without bins, below which some members go without them
_LOST_WITHOUT_BINS = {"classifier": 1.0, "regressor": 1.5}

# samples of an input, from which on linear models leave none out, and values of all samples, and
# outputs, beyond which
_SAMPLES_PER_INPUT = 5
_MOST_VALUES = 2**22
_MOST_OUTPUTS = 4
# members that see columns by the strength of their effects, and the least of it, in the strongest
_GUIDED_MEMBERS = 0.6
_LEAST_STRENGTH = 0.1
# learning rate of the scales of inputs, in that of weights, and the share of members that have them
_SCALE_RATE = 20.0
_SCALED_MEMBERS = 0.4
# features of a table whose columns are encoded by what each holds
_MOST_FEATURES = 500
# bins of a feature, the samples that each should have at the least, and the inputs that features
# of all kinds add to themselves
_N_BINS = 8
_SAMPLES_PER_BIN = 50
_MOST_ADDED = 1000
# samples from which on it is asked at which values of features targets change
_SAMPLES_OF_THRESHOLDS = 400
# shares of the samples at either end of a feature, the samples from which on these are parted, and
# the inputs that bins add then
_TAILS = (0.01, 0.04)
_SAMPLES_OF_FINE_BINS = 1_500
_MOST_ADDED_BY_FINE_BINS = 400


def has_columns(geometry: SampleGeometry) -> bool:
    """Tell whether features are encoded by what each holds: those of tables, of not too many.

    Examples
    --------
    >>> has_columns(SampleGeometry((50,), 0)), has_columns(SampleGeometry((5_000,), 0))
    (True, False)
    """
    return not geometry.spatial and geometry.n_columns <= _MOST_FEATURES


def clips_tails(task: Task) -> bool:
    """Tell whether far values of features are drawn near: where a class is told, not a number.

    Examples
    --------
    >>> clips_tails("classifier"), clips_tails("regressor")
    (True, False)
    """
    return task == "classifier"


def auto_n_bins(n_samples: int) -> int:
    """Return the bins of ``n_bins="auto"``: 8 from 400 samples on, none (1) below 100.

    Examples
    --------
    >>> [auto_n_bins(n_samples) for n_samples in (50, 150, 10_000)]
    [1, 3, 8]
    """
    return max(1, min(_N_BINS, n_samples // _SAMPLES_PER_BIN))


def looks_for_thresholds(n_samples: int, n_bins: int) -> bool:
    """Tell whether bins may end where targets change: what few samples tell of it is chance.

    Examples
    --------
    >>> looks_for_thresholds(200, 4), looks_for_thresholds(1_000, 8)
    (False, True)
    """
    return n_bins > 1 and n_samples >= _SAMPLES_OF_THRESHOLDS


def has_fine_bins(n_samples: int, task: Task, scaling: Scaling) -> bool:
    """Tell whether bins end where classes change along single features, and in their tails.

    Numbers were predicted less well so, and so were most classes by features in one unit.

    Examples
    --------
    >>> [
    ...     has_fine_bins(n_samples, "classifier", "feature")
    ...     for n_samples in (1_000, 10_000)
    ... ]
    [False, True]
    >>> has_fine_bins(10_000, "regressor", "feature")
    False
    >>> has_fine_bins(10_000, "classifier", "shared")
    False
    """
    of_columns = task == "classifier" and scaling == "feature"
    return of_columns and n_samples >= _SAMPLES_OF_FINE_BINS


def levels_of_bins(n_bins: int, fine: bool) -> list[float]:
    """Return the shares of the samples that lie below the ends of bins.

    Fine bins part the tails as well, as far as these are parts of the first and the last bin.

    Examples
    --------
    >>> levels_of_bins(4, fine=False)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> levels_of_bins(4, fine=True)
    [0.0, 0.01, 0.04, 0.25, 0.5, 0.75, 0.96, 0.99, 1.0]
    """
    levels = [step / n_bins for step in range(n_bins + 1)]
    low = [share for share in _TAILS if fine and share < 1 / n_bins]
    return sorted({*levels, *low, *(1 - share for share in low)})


def are_too_many(n_added: int, fine: bool = False) -> bool:
    """Tell whether bins and values of all features, inputs of networks, are too many.

    Examples
    --------
    >>> are_too_many(1001), are_too_many(1000)
    (True, False)
    >>> are_too_many(1000, fine=True)
    True
    """
    return n_added > (_MOST_ADDED_BY_FINE_BINS if fine else _MOST_ADDED)


def tries_l1_penalties(n_samples: int, n_inputs: int, n_outputs: int) -> bool:
    """Tell whether a linear model may leave inputs out, as lasso does: where these are many.

    With more values or outputs it takes long, and with more classes leaving out was never better.

    Examples
    --------
    >>> tries_l1_penalties(400, 100, 2), tries_l1_penalties(1_000, 100, 2)
    (True, False)
    >>> tries_l1_penalties(400, 100, 10), tries_l1_penalties(10_000, 5_000, 2)
    (False, False)
    """
    are_many = n_samples < _SAMPLES_PER_INPUT * n_inputs
    return are_many and n_samples * n_inputs <= _MOST_VALUES and n_outputs <= _MOST_OUTPUTS


def inputs_of_members(n_members: int, losses: Mapping[int, float], task: Task) -> list[int]:
    """Return how many of the first inputs each member of an ensemble of tables sees.

    Every second one sees the features without bins where numbers are predicted and a linear model
    is not much the worse for that: networks that see the same in two ways err in two ways. Where
    classes are, it has to be none the worse.

    Parameters
    ----------
    n_members : int
        Members.
    losses : mapping of int to float
        Of linear models on rows left out, by the number of inputs: that of all of them first, then
        that of the features, if they are to be seen without bins at all.
    task : {"classifier", "regressor"}
        What is predicted.

    Examples
    --------
    >>> inputs_of_members(5, {80: 0.20, 10: 0.25}, "regressor")
    [80, 10, 80, 10, 80]
    >>> inputs_of_members(3, {80: 0.20, 10: 0.25}, "classifier")
    [80, 80, 80]
    """
    assert task in _LOST_WITHOUT_BINS, "numbers or classes are predicted"
    n_inputs, n_features = next(iter(losses)), list(losses)[-1]
    mixed = losses[n_features] < _LOST_WITHOUT_BINS[task] * losses[n_inputs]
    return [n_features if mixed and member % 2 else n_inputs for member in range(n_members)]


def input_strengths(added: np.ndarray) -> np.ndarray:
    """Return how strongly each member of an ensemble of tables sees each column.

    The first see it by what it adds to their linear models: columns that interact mostly have
    effects of their own as well (the principle of heredity; Hamada & Wu 1992, "Analysis of designed
    experiments with complex aliasing"), and what networks learn of all others is mostly noise. As
    some interact alone, each is seen a little, and the other members see all of them alike.

    Parameters
    ----------
    added : ndarray of shape (members, n_columns)
        The standard deviation of what a column adds to the linear model of a member.

    Examples
    --------
    >>> input_strengths(np.array([[4.0, 2.0, 0.0], [0.0, 0.0, 0.0], [4.0, 2.0, 0.0]]))
    array([[1. , 0.5, 0.1],
           [1. , 1. , 1. ],
           [1. , 1. , 1. ]])
    """
    strengths, n_members = np.ones_like(added), ceil(_GUIDED_MEMBERS * len(added))
    most = added.max(axis=1)
    for member in np.flatnonzero(most[:n_members] > 0):
        strengths[member] = np.maximum(added[member] / most[member], _LEAST_STRENGTH)
    return strengths


def auto_scale_rates(n_members: int, task: Task) -> tuple[float, ...]:
    """Return how fast each member of an ensemble of tables learns the scales of its inputs.

    That is in learning rates of weights, of an optimizer whose steps do not depend on the size of
    gradients; 0 is for no scales, as is nothing for all members. With scales, what says nothing of
    the classes is left out sooner. Where every feature says something, such as those of letters,
    they do harm, so that some members alone have them. In regression, features with long tails lose
    as much as others gain.

    Examples
    --------
    >>> auto_scale_rates(5, "classifier"), auto_scale_rates(5, "regressor")
    ((0.0, 0.0, 0.0, 20.0, 20.0), ())
    """
    n_scaled = int(_SCALED_MEMBERS * n_members)
    if task != "classifier" or n_scaled == 0:
        return ()
    return (0.0,) * (n_members - n_scaled) + (_SCALE_RATE,) * n_scaled


# -- linear models beside networks -------------------------------------------------------------

_SAMPLES_OF_WEIGHING = 1_000
_SAMPLES_OF_A_CLASS = 50


def weighs_linear_model(n_samples: int, n_classes: int) -> bool:
    """Tell whether samples are held out that say how much a linear model counts beside a network.

    A network loses by what is held out from it: of 15 classes with 19 samples each, a tenth of them
    cost 10 points of accuracy. With fewer samples, or many classes, both count the same.

    Examples
    --------
    >>> weighs_linear_model(300, 2), weighs_linear_model(2_000, 2)
    (False, True)
    >>> weighs_linear_model(2_000, 100)
    False
    """
    return n_samples >= max(_SAMPLES_OF_WEIGHING, _SAMPLES_OF_A_CLASS * n_classes)


# -- encoder and decoder -----------------------------------------------------------------------

_ENCODING_DIM = 32
_HIDDEN = (256, 128)
_KERNEL_SIZE = 3
_KERNEL_SIZE_SEQUENCE = 7
# positions along an axis of the last feature map, by the number of spatial axes
_WIDEST_BOTTLENECK = {1: 30, 2: 7, 3: 7}
_WIDTHS = (16, 64, 128)
_WIDTHS_COLOUR = (32, 64, 128)
_WIDTHS_LARGE = (16, 32, 64, 128)
# weights of a linear path from samples to codes, and as many back
_MOST_LINEAR_WEIGHTS = 2**23
# features for each number of a code, from which on the code is short
_SHORT_CODE = 16


def auto_encoding_dim(geometry: SampleGeometry) -> int:
    """Return the units of ``encoding_dim="auto"``: 32, and no more than there are features.

    To the decoder of a variational autoencoder, units to spare are noise.

    Examples
    --------
    >>> [auto_encoding_dim(SampleGeometry(shape, 0)) for shape in ((2,), (100,))]
    [2, 32]
    """
    return min(_ENCODING_DIM, geometry.n_features)


def n_components_for(share: float, explained: np.ndarray) -> int:
    """Return the least number of principal components that keep a share of the variance.

    Examples
    --------
    >>> n_components_for(0.95, np.array([0.7, 0.2, 0.06, 0.04]))
    3
    """
    enough = np.flatnonzero(np.cumsum(explained) >= share)
    return int(enough[0]) + 1 if len(enough) else len(explained)


def auto_hidden_layer_sizes(n_members: int) -> tuple[int, ...]:
    """Return ``hidden_layer_sizes="auto"``: one layer in each member of an ensemble, else two.

    Examples
    --------
    >>> auto_hidden_layer_sizes(0), auto_hidden_layer_sizes(5)
    ((256, 128), (128,))
    """
    return _HIDDEN if n_members == 0 else _HIDDEN[1:]


def auto_conv_channels(spatial: Sequence[int], channels: int = 1) -> tuple[int, ...]:
    """Choose the stages for a sample: as many as bring every axis down to 7 positions or fewer.

    A single axis keeps up to 30 positions, about as many as there are in 7 by 7. At least two
    stages as long as there is something left to pool. The first, at full resolution, where time
    goes into memory traffic, is narrow; the others widen at once on small samples, by twos on those
    of more than 32 positions along an axis. Small colour images
    begin with a wider one.

    Parameters
    ----------
    spatial : sequence of int
        Sizes of the spatial axes.
    channels : int
        Channels of a sample.

    Examples
    --------
    >>> (
    ...     auto_conv_channels((28, 28)),
    ...     auto_conv_channels((40, 64)),
    ...     auto_conv_channels((1, 1)),
    ... )
    ((16, 64), (16, 32, 64, 128), (16,))
    >>> auto_conv_channels((24,)), auto_conv_channels((150,))
    ((16, 64), (16, 32, 64))
    >>> auto_conv_channels((32, 32)), auto_conv_channels((32, 32), channels=3)
    ((16, 64, 128), (32, 64, 128))
    """
    size, stages, widest = max(spatial), 0, _WIDEST_BOTTLENECK[len(spatial)]
    while stages == 0 or size > widest or (stages < 2 and size > 1):
        size, stages = -(-size // 2), stages + 1
    widths = _WIDTHS_LARGE if max(spatial) > _SMALL_IMAGE else _WIDTHS
    if _is_small_and_in_colour(spatial, channels):
        widths = _WIDTHS_COLOUR
    return tuple(widths[min(stage, len(widths) - 1)] for stage in range(stages))


def auto_kernel_size(n_axes: int) -> int:
    """Return the kernel of ``kernel_size="auto"``: 7 along a single spatial axis, 3 elsewhere.

    So a kernel weighs about as many positions in a sequence as in an image, 7 and 9. Features
    without an axis, which a linear layer lays out along one, are taken by threes.

    Examples
    --------
    >>> [auto_kernel_size(n_axes) for n_axes in (0, 1, 2, 3)]
    [3, 7, 3, 3]
    """
    return _KERNEL_SIZE_SEQUENCE if n_axes == 1 else _KERNEL_SIZE


def auto_normalization(geometry: SampleGeometry, task: Task) -> Literal["batch"] | None:
    """Return the kind of ``normalization="auto"``: none where tables are predicted.

    Examples
    --------
    >>> table, image = SampleGeometry((50,), 0), SampleGeometry((28, 28), None)
    >>> [auto_normalization(kind, "regressor") for kind in (table, image)]
    [None, 'batch']
    """
    return None if is_predicted(task) and not geometry.spatial else "batch"


def contains_pca(geometry: SampleGeometry, n_samples: int, encoding_dim: int) -> bool:
    """Return ``linear_path="auto"`` of networks that could have one.

    But for huge samples, and for short codes of thousands of images, sequences or volumes, for
    which convolutions alone find better ones.

    Examples
    --------
    >>> image, huge = SampleGeometry((28, 28), None), SampleGeometry((512, 512, 3), 2)
    >>> contains_pca(image, 500, 32), contains_pca(image, 60_000, 32)
    (True, False)
    >>> contains_pca(image, 60_000, 64), contains_pca(huge, 500, 32)
    (True, False)
    """
    n_features = geometry.n_features
    if geometry.spatial and n_samples >= _SMALL_TABLE and encoding_dim * _SHORT_CODE < n_features:
        return False
    return n_features * encoding_dim <= _MOST_LINEAR_WEIGHTS


# -- back end ----------------------------------------------------------------------------------

_BACKEND_CHANNELS_SPATIAL = 64
_BACKEND_CHANNELS_COLOUR = 256
_BACKEND_CHANNELS_TABLE = 32
_DROPOUT_OF_TABLES = 0.1
_LABEL_SMOOTHING = 0.1


def auto_backend(in_shape: Sequence[int]) -> Literal["cnn", "dense"]:
    """Return the kind of ``backend="auto"``: convolutions where its input has an axis for them.

    Examples
    --------
    >>> auto_backend((64, 7, 7)), auto_backend((50,))
    ('cnn', 'dense')
    """
    return "cnn" if len(in_shape) > 1 else "dense"


def auto_backend_channels(geometry: SampleGeometry) -> tuple[int, ...]:
    """Return the channels of ``backend_channels="auto"``: one stage, wide for colour images.

    Examples
    --------
    >>> auto_backend_channels(SampleGeometry((50,), 0))
    (32,)
    >>> [auto_backend_channels(SampleGeometry((32, 32, n), 2)) for n in (1, 3)]
    [(64,), (256,)]
    """
    if _is_small_and_in_colour(geometry.spatial, geometry.channels):
        return (_BACKEND_CHANNELS_COLOUR,)
    return (_BACKEND_CHANNELS_SPATIAL if geometry.spatial else _BACKEND_CHANNELS_TABLE,)


def pools_globally(geometry: SampleGeometry, task: Task) -> bool:
    """Tell whether a back end pools its last feature map over all positions.

    What tells a class may be anywhere in a sequence or in a large image. What a small image shows
    fills it, so that its place counts; and a number may be the place of something.

    Examples
    --------
    >>> pools_globally(SampleGeometry((150, 3), 1), "classifier")
    True
    >>> pools_globally(SampleGeometry((28, 28), None), "classifier")
    False
    """
    spatial = geometry.spatial
    anywhere = len(spatial) == 1 or (len(spatial) == 2 and max(spatial) > _SMALL_IMAGE)
    return anywhere and task == "classifier"


def auto_dropout(geometry: SampleGeometry) -> float:
    """Return ``dropout="auto"``: 0.1 for tables, whose networks overfit first.

    Examples
    --------
    >>> [auto_dropout(SampleGeometry(*kind)) for kind in (((28, 28), None), ((50,), 0))]
    [0.0, 0.1]
    """
    return 0.0 if geometry.spatial else _DROPOUT_OF_TABLES


def auto_max_extrapolation(moves_targets: bool) -> float | None:
    """Return ``max_extrapolation="auto"``: half of the range of the targets, at either end.

    A sample whose features are far from all others would have a prediction as far off. Where
    augmentation moves targets, those of the training samples do not tell how far they reach.

    >>> auto_max_extrapolation(moves_targets=False)
    0.5
    """
    return None if moves_targets else 0.5


def auto_label_smoothing(geometry: SampleGeometry) -> float:
    """Return ``label_smoothing="auto"``: 0.1, but none for tables, where labels are noisy as is.

    Examples
    --------
    >>> [
    ...     auto_label_smoothing(SampleGeometry(*kind))
    ...     for kind in (((28, 28), None), ((50,), 0))
    ... ]
    [0.1, 0.0]
    """
    return _LABEL_SMOOTHING if geometry.spatial else 0.0


# -- augmentation ------------------------------------------------------------------------------

_TRANSLATION = {"translate": 0.075}
_LEVELS = {"contrast": 0.5, "brightness": 0.5}
# of the skill of a sample's mean and contrast, from which these may not be changed
_TOLD_BY_LEVELS = 0.5
# probability of a flip; of the skill of a classifier, the share lost from which there is none
_FLIPPED = 0.5
_LOST_BY_FLIPS = 0.25
# steps up to which the place of a value tells as much as the value
_SHORT_SEQUENCE = 32


@dataclass(frozen=True)
class ClassCues:
    """What tells the class of images, as far as simple classifiers can say.

    Attributes
    ----------
    levels : float
        How well the mean and the contrast of a sample alone tell its class, from 0 to 1.
    lost_by_flips : dict of str to float
        For the names of flips, what a classifier loses on samples so mirrored, from 0 to 1.
    """

    levels: float = 0.0
    lost_by_flips: Mapping[str, float] = field(default_factory=dict)


def depends_on_cues(geometry: SampleGeometry, task: Task, n_unlabeled: int) -> bool:
    """Tell whether `auto_augmentation` asks for what tells the class of samples.

    Examples
    --------
    >>> depends_on_cues(SampleGeometry((28, 28), None), "classifier", 0)
    True
    """
    return len(geometry.spatial) == 2 and task == "classifier" and n_unlabeled == 0


def auto_augmentation(
    geometry: SampleGeometry, task: Task, n_unlabeled: int, cues: ClassCues
) -> dict[str, float] | None:
    """Return the transforms of ``augmentation="auto"``: none but for images and long sequences.

    Autoencoders see images translated, and so do classifiers; those that have a label for every
    sample see them mirrored, too, where classes do not depend on it, and in other contrast and
    brightness where these tell less than half of the classes. Classifiers see sequences translated,
    but for short ones, in which the place of a value counts, as that of an hour of the day does.

    Parameters
    ----------
    geometry : SampleGeometry
        The shape of a sample.
    task : {"classifier", "regressor", "outlier_detector"} or None
        What the estimator is for.
    n_unlabeled : int
        Number of unlabeled samples.
    cues : ClassCues
        What tells the class.

    Examples
    --------
    >>> image, none = SampleGeometry((28, 28), None), ClassCues()
    >>> auto_augmentation(image, "classifier", 0, none)
    {'translate': 0.075, 'contrast': 0.5, 'brightness': 0.5}
    >>> (
    ...     auto_augmentation(image, None, 0, none),
    ...     auto_augmentation(image, "regressor", 0, none),
    ... )
    ({'translate': 0.075}, None)
    >>> hours, steps = (SampleGeometry((n_steps,), None) for n_steps in (24, 150))
    >>> [auto_augmentation(kind, "classifier", 0, none) for kind in (hours, steps)]
    [None, {'translate': 0.075}]
    >>> cues = ClassCues(0.9, {"horizontal_flip": 0.1, "vertical_flip": 0.7})
    >>> auto_augmentation(image, "classifier", 0, cues)
    {'translate': 0.075, 'horizontal_flip': 0.5}
    """
    if len(geometry.spatial) == 1:
        is_long = geometry.spatial[0] > _SHORT_SEQUENCE
        return dict(_TRANSLATION) if is_long and task == "classifier" else None
    if len(geometry.spatial) != 2 or task in {"regressor", "outlier_detector"}:
        return None
    if not depends_on_cues(geometry, task, n_unlabeled):
        return dict(_TRANSLATION)
    flips = {name: _FLIPPED for name, lost in cues.lost_by_flips.items() if lost < _LOST_BY_FLIPS}
    return _TRANSLATION | flips | (_LEVELS if cues.levels < _TOLD_BY_LEVELS else {})


# -- what is taken back of what was learned beyond PCA -----------------------------------------

# the shares that may be
SHRINKAGES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
# samples from which on some are held out
_FEWEST_TO_HOLD_OUT = 10


def tries_shrinkage(n_samples: int, geometry: SampleGeometry) -> bool:
    """Tell whether samples held out should say how much of what was learned is taken back.

    Of thousands of images, sequences or volumes, what is learned is not noise; of a table it may be
    where its features tell little of each other.

    Examples
    --------
    >>> table, image = SampleGeometry((50,), 0), SampleGeometry((28, 28), None)
    >>> [tries_shrinkage(n, table) for n in (5, 200, 5_000, 60_000)]
    [False, True, True, False]
    >>> tries_shrinkage(5_000, image)
    False
    """
    most = _SMALL_TABLE if geometry.spatial else _LARGE_TABLE
    return _FEWEST_TO_HOLD_OUT <= n_samples < most


def choose_shrinkage(errors: np.ndarray, weight: np.ndarray) -> float:
    """Return how much is taken back of what was learned beyond PCA: as much as serves as well.

    As much as makes the mean error larger than the least one by no more than the standard error of
    their difference (the rule of Breiman et al. 1984, "Classification and regression trees",
    section 3.4.3).

    Parameters
    ----------
    errors : ndarray of shape (n_choices, n_samples)
        Of samples held out, for each of ``SHRINKAGES``.
    weight : ndarray of shape (n_samples,)
        Their weights.

    Examples
    --------
    >>> learned, pca = np.array([0.1, 0.2, 0.1]), np.array([0.5, 0.6, 0.6])
    >>> errors = np.stack([learned] * 6 + [pca])
    >>> choose_shrinkage(errors, np.ones(3)), choose_shrinkage(0 * errors, np.ones(3))
    (0.9, 1.0)
    """
    share = weight / weight.sum()
    means = errors @ share
    differences = errors - errors[means.argmin()]
    deviations = (differences - (differences @ share)[:, None]) * share
    close = differences @ share <= np.sqrt(np.square(deviations).sum(1))
    return SHRINKAGES[int(np.flatnonzero(close).max())]


def best_shrinkage(errors: np.ndarray, weight: np.ndarray) -> float:
    """Return how much imputers take back of what was learned beyond PCA: what serves best.

    Parameters
    ----------
    errors, weight : ndarray
        As for `choose_shrinkage`.

    Examples
    --------
    >>> best_shrinkage(
    ...     np.array([[0.3], [0.2], [0.1], [0.2], [0.3], [0.4], [0.5]]), np.ones(1)
    ... )
    0.25
    """
    return SHRINKAGES[int((errors @ weight).argmin())]


# -- what is measured after a call of a stream -------------------------------------------------

# rows that are kept, and measured after every call
_ROWS_OF_A_STREAM = 4096
_ROWS_OF_A_STREAM_SPATIAL = 512
# rows of a fit that are kept for a stream that may follow: files hold them
ROWS_OF_A_FIT = 512


def rows_of_a_stream(geometry: SampleGeometry, n_passes: int = 1) -> int:
    """Return how many rows of a stream are kept: to measure them should not take more than a step.

    With 512 rows, the share of the samples beyond a quantile of .95 is between .035 and .065 (with
    a probability of .9), with 4096 between .045 and .055.

    Parameters
    ----------
    geometry : SampleGeometry
        The shape of a sample.
    n_passes : int
        How often the network computes each of them.

    Examples
    --------
    >>> rows_of_a_stream(SampleGeometry((20,), 0))
    4096
    >>> rows_of_a_stream(SampleGeometry((28, 28), None), n_passes=8)
    64
    """
    most = _ROWS_OF_A_STREAM_SPATIAL if geometry.spatial else _ROWS_OF_A_STREAM
    return most // n_passes
