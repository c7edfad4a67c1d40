"""Bins of features, and which members of an ensemble see them."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes.defaults._samples import Scaling, Task

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
# of each value of a column of names, which is of few samples, where a column of its own has one
STRENGTH_OF_NAMES = 0.3
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
# more bins, the samples from which on they are tried, the columns with bins up to which they are,
# the loss of a linear model with them, in that with fewer, below which they are taken, and by how
# many standard errors it has to be lower
MANY_BINS = 32
_SAMPLES_OF_MANY_BINS = {"classifier": 3_000, "regressor": 5_000}
_COLUMNS_OF_MANY_BINS = 12
_LOSS_WITH_MANY_BINS = 0.985
_STANDARD_ERRORS = 2.0
# rows on which these losses are compared at the most, and values, and values times outputs
_COMPARED_ROWS = 16_000
_COMPARED_VALUES = 2**22
_COMPARED_WORK = 2**25
# the loss of a linear model of features as they are, in that with normal scores in the place of
# some, from which on these are taken
_LOSS_OF_SCORES = 0.8
# samples from which on it is asked at which values of features targets change
_SAMPLES_OF_THRESHOLDS = 400
# distinct values of a feature, at the most, and samples of each in the mean, at the least, where
# values are told to recur; the loss of a linear model with bins that end between them, in that with
# the bins before, below which they are taken
_MOST_RECURRING = 500
_SAMPLES_PER_VALUE = 20
_LOSS_WITH_RECURRING = 0.995
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


def auto_n_bins(n_samples: int) -> int:
    """Return the bins of ``n_bins="auto"``: 8 from 400 samples on, none (1) below 100.

    `tries_many_bins` tells where more are tried.

    Examples
    --------
    >>> [auto_n_bins(n_samples) for n_samples in (50, 150, 10_000)]
    [1, 3, 8]
    """
    return max(1, min(_N_BINS, n_samples // _SAMPLES_PER_BIN))


def tries_many_bins(n_samples: int, n_binned: int, task: Task) -> bool:
    """Tell whether more bins may be better: of many samples, in tables of few columns.

    Parameters
    ----------
    n_samples : int
        Samples to train on with a target, or those on which losses are compared.
    n_binned : int
        Columns that have bins.
    task : {"classifier", "regressor"}
        What is predicted.

    Examples
    --------
    >>> [tries_many_bins(n_samples, 8, "classifier") for n_samples in (1_000, 4_000)]
    [False, True]
    >>> tries_many_bins(4_000, 8, "regressor"), tries_many_bins(4_000, 16, "classifier")
    (False, False)
    """
    assert task in _SAMPLES_OF_MANY_BINS, "numbers or classes are predicted"
    return n_samples >= _SAMPLES_OF_MANY_BINS[task] and n_binned <= _COLUMNS_OF_MANY_BINS


def rows_to_compare(n_inputs: int, n_outputs: int) -> int:
    """Return on how many rows linear models are compared at the most, to bound the time.

    Examples
    --------
    >>> rows_to_compare(200, 2), rows_to_compare(400, 10), rows_to_compare(400, 200)
    (16000, 8388, 419)
    """
    work = _COMPARED_WORK // (n_inputs * n_outputs)
    return min(_COMPARED_ROWS, _COMPARED_VALUES // n_inputs, work)


def are_scores_better(given: np.ndarray, scored: np.ndarray) -> bool:
    """Tell whether normal scores take the place of features with far values.

    Networks learn from these what they would otherwise make of far values alone; but targets that
    are linear in such features are not linear in their scores.

    Parameters
    ----------
    given, scored : ndarray of shape (n_rows,)
        The losses of linear models on rows left out, with the features as they are and with scores.

    Examples
    --------
    >>> given = np.linspace(0.2, 0.4, 1_000)
    >>> are_scores_better(given, 1.1 * given), are_scores_better(given, 2 * given)
    (True, False)
    """
    return bool(given.sum() >= _LOSS_OF_SCORES * scored.sum())


def are_many_bins_better(few: np.ndarray, many: np.ndarray, recurring: bool = False) -> bool:
    """Tell whether losses of linear models on rows left out are clearly lower with more bins.

    Networks err by more than linear models do where bins hold noise, less so where each is a value
    that recurs. Where few rows make up the loss, as those of a rare class, that it is lower may be
    chance.

    Parameters
    ----------
    few, many : ndarray of shape (n_rows,)
        The losses of the same rows.
    recurring : bool
        Whether the additional bins part values that recur.

    Examples
    --------
    >>> few = np.linspace(0.2, 0.4, 1_000)
    >>> are_many_bins_better(few, 0.99 * few), are_many_bins_better(few, 0.97 * few)
    (False, True)
    >>> are_many_bins_better(few, np.append(few[:-1], -9))
    False
    """
    gain = few - many
    error = np.sqrt(np.square(gain - gain.mean()).sum())
    most = _LOSS_WITH_RECURRING if recurring else _LOSS_WITH_MANY_BINS
    lower = many.sum() < most * few.sum()
    return bool(lower and gain.sum() > _STANDARD_ERRORS * error)


def looks_for_thresholds(n_samples: int, n_bins: int) -> bool:
    """Tell whether bins may end where targets change: what few samples tell of it is chance.

    Examples
    --------
    >>> looks_for_thresholds(200, 4), looks_for_thresholds(1_000, 8)
    (False, True)
    """
    return n_bins > 1 and n_samples >= _SAMPLES_OF_THRESHOLDS


def parts_recurring_values(n_samples: int, scaling: Scaling) -> bool:
    """Tell whether bins may end between values that recur, in tables of columns in several units.

    Letters and pixels, in one unit, were told apart less well by networks, if better by linear
    models.

    Examples
    --------
    >>> (
    ...     parts_recurring_values(1_000, "feature"),
    ...     parts_recurring_values(10_000, "feature"),
    ... )
    (False, True)
    >>> parts_recurring_values(10_000, "shared")
    False
    """
    return scaling == "feature" and n_samples >= _SAMPLES_OF_FINE_BINS


def recur(n_values: int, n_samples: int) -> bool:
    """Tell whether the values of a feature come back, as amounts of money or of time do.

    Examples
    --------
    >>> recur(100, 20_000), recur(2_000, 20_000)
    (True, False)
    """
    return n_values <= min(_MOST_RECURRING, n_samples / _SAMPLES_PER_VALUE)


def rows_to_look_at(n_features: int) -> int:
    """Return by how many rows it is told at the most where targets change between such values.

    Examples
    --------
    >>> rows_to_look_at(100)
    41943
    """
    return _COMPARED_VALUES // n_features


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
