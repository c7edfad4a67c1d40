"""The linear model of random convolutions that is beside a network of sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import torch

from sk_aecnn._processes import agree
from sk_aecnn.nn import InputLayout, RandomConvolutionModel, RandomConvolutions
from sk_aecnn.nn._random_convolutions import N_FEATURES
from sk_aecnn.recipes._linear import (
    L2_PENALTIES,
    N_FOLDS,
    choose_regularisation,
    labeled_rows,
    leave_out,
)
from sk_aecnn.recipes._linear_models import Sample, cross_entropy, fit_classes
from sk_aecnn.training._plan import FitPlan, assign_folds

# learned from: of more, it would be the network that learns more
_MOST_ROWS = 5_000
# values of these, and rows that have to be among so many for a model to be worth while
_MOST_VALUES = 2**23
_ENOUGH_ROWS = 500
# rows times classes times features: ten million of these take about a second of a core
_MOST_WORK = 5e7
# rows whose features are computed at a time
_ROWS = 512
# of features that hardly vary
_LEAST_DEVIATION = 1e-3
# of the loss of the best constant: from there on, a model tells too little
_TELLS_NOTHING = 0.95


def build_random_convolution_model(
    plan: FitPlan, layout: InputLayout, n_classes: int, inverse_temperature: float
) -> RandomConvolutionModel | None:
    """Return a logistic regression on random convolutions of the rows that are trained on.

    Its regularisation is chosen by cross-validation. None is returned where rows are too few for
    that, where these or the classes are so large or so many that it would take long, or where it
    tells no more of rows that are left out than the frequencies of classes.

    Parameters
    ----------
    plan : FitPlan
        The rows, their classes and weights.
    layout : InputLayout
        What standardises and arranges rows.
    n_classes : int
        Classes.
    inverse_temperature : float
        What outputs of the network are multiplied by to be logits.
    """
    most = _count_most_rows(plan, n_classes)
    index, weight = labeled_rows(plan, "classifier", most)
    y = plan.data.targets[index]
    if most == 0 or len(y) < 2 * N_FOLDS or len(np.unique(y)) < 2:
        return None
    convolutions, features = _fit_convolutions(plan, layout, index)
    known = ~np.isnan(features)
    totals = np.maximum(weight @ known, np.finfo(float).tiny)
    mean = weight @ np.where(known, features, 0) / totals
    features = np.where(known, features, mean)
    deviation = np.sqrt(weight @ np.square(features - mean) / weight.sum()) + _LEAST_DEVIATION
    sample = Sample((features - mean) / deviation, y, weight)
    path = [partial(fit_classes, n_classes, l2_penalty=penalty) for penalty in L2_PENALTIES]
    parts = assign_folds(y, N_FOLDS, seed=0).numpy()
    choice = choose_regularisation(sample, parts, [path], cross_entropy)
    _, left_out = leave_out(sample, parts)
    if agree(choice.loss > _TELLS_NOTHING * _loss_of_frequencies(sample, left_out)):
        return None
    fitted = choice.fit(sample)
    coefficients = fitted.coefficients / deviation
    intercepts = fitted.intercepts - coefficients @ mean
    model = RandomConvolutionModel(convolutions, n_classes).to(layout.dtype)
    logits = torch.from_numpy(coefficients), torch.from_numpy(intercepts)
    in_units = [one / inverse_temperature for one in logits]
    model.start_from(in_units[0], in_units[1], torch.from_numpy(mean))
    return model


def _count_most_rows(plan: FitPlan, n_classes: int) -> int:
    """Return how many rows may be learned from: 0 where these are too few to be worth while.

    Of many classes, fewer rows are enough only if others tell what the model is worth.
    """
    n_rows = int(plan.is_trained_on.sum())
    most = min(_MOST_ROWS, _MOST_VALUES // plan.geometry.n_features)
    within = int(_MOST_WORK / (n_classes * N_FEATURES))
    if within < min(most, n_rows) and plan.validation is None:
        return 0
    most = min(most, within)
    return most if most >= min(_ENOUGH_ROWS, n_rows) else 0


@torch.no_grad()
def _fit_convolutions(
    plan: FitPlan, layout: InputLayout, index: np.ndarray
) -> tuple[RandomConvolutions, np.ndarray]:
    """Return random convolutions with thresholds from some rows, and what they make of these."""

    def read(rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        filled, *mask = layout.inputs(layout(plan.data.rows.index_select(0, rows)))
        return filled[:, : plan.geometry.channels], *mask

    parts = torch.split(torch.from_numpy(index), _ROWS)
    first, *mask = read(parts[0])
    length = first.shape[2]
    if layout.masks:
        length = _count_known_positions(map(read, parts), length)
    convolutions = RandomConvolutions(first.shape[1], length, plan.generator).to(layout.dtype)
    convolutions.start_from(first, mask[0] if mask else None, plan.generator)
    features = torch.cat([convolutions(*read(part)) for part in parts])
    return convolutions, features.double().numpy()


def _count_known_positions(parts: Iterable[tuple[torch.Tensor, ...]], length: int) -> int:
    """Return at how many positions anything is known of samples, some of which have a mask."""
    is_known = torch.zeros(length, dtype=torch.bool)
    for _, *mask in parts:
        is_known |= mask[0].amax((0, 1)) > 0 if mask else True
    return max(1, int(is_known.sum()))


def _loss_of_frequencies(sample: Sample, left_out: Sequence[Sample]) -> float:
    """Return the sum of the losses of rows that are left out, with the frequencies of classes."""
    of_class = np.bincount(sample.y, sample.weight)
    log_share = np.log(np.maximum(of_class, np.finfo(float).tiny) / of_class.sum())
    return -sum(float(one.weight @ log_share[one.y]) for one in left_out)
