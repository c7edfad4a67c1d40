"""The linear models that a predicting network begins as, and how they are regularised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, issparse
from sklearn.linear_model import Lasso, Ridge
from torch import nn

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.nn import BackendMembers, ColumnEncoding, InputLayout, LinearMembers
from sk_aecnn.recipes._linear_models import (
    LinearModel,
    Sample,
    cross_entropy,
    fit_classes,
    fit_numbers,
    squared_error,
)
from sk_aecnn.recipes.defaults import (
    STRENGTH_OF_NAMES,
    Task,
    input_strengths,
    inputs_of_members,
    tries_l1_penalties,
)
from sk_aecnn.training._plan import FitPlan, assign_folds
from sk_aecnn.training._prediction_losses import UNLABELED_CODE

# strengths of regularisation by squares (of numbers, and of classes, as 1 / C) and by absolute
# values (of numbers, for the mean over samples, and of classes), from strong to weak
L2_PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1)
_L1_PENALTIES_OF_NUMBERS = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)
_L1_PENALTIES_OF_CLASSES = (16.0, 8.0, 4.0, 2.0, 1.0)
# of which the best counts where encodings of features are compared
_FEW_L2_PENALTIES = (10.0, 1.0, 0.1)
# of the lowest loss, by which that of a weaker one may exceed it before the search ends, and by
# which that with squares has to exceed that with absolute values for these to be taken
_WORSE = 1.02
N_FOLDS = 3
_MOST_ROWS = 20_000
_L1_TOLERANCE = 1e-2
_L1_ITERATIONS = 10_000
# the folds on which strengths are compared at the most, by the rows from which on
_COMPARED = {1_000: 2, 400: 3}
# rows by which it is told what a column adds
_ROWS_OF_STRENGTHS = 2_000

# of a sample, and of a model to begin at, if any
Fitting = Callable[..., LinearModel]
# of predictions and targets, for each row
Measuring = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Choice:
    """A regularisation.

    Attributes
    ----------
    fit : callable
        What fits a model with it.
    loss : float
        That of rows that were left out.
    models : list of LinearModel
        What predicted them, each without the rows of one part.
    """

    fit: Fitting
    loss: float
    models: list[LinearModel]


def start_from_linear(
    backend: BackendMembers,
    plan: FitPlan,
    layout: InputLayout,
    columns: nn.Module,
    task: Task,
    first_layer: LinearMembers | None,
) -> None:
    """Let every member of a back end begin as a linear model of the rows that it learns from.

    How the models are regularised is chosen by cross-validation, which also says whether some
    members see the features without their encoding.

    Parameters
    ----------
    backend : BackendMembers
        The back ends.
    plan : FitPlan
        The rows, their targets, weights and folds.
    layout : InputLayout
        What standardises rows.
    columns : nn.Module
        What encodes their features.
    task : {"classifier", "regressor"}
        What is predicted.
    first_layer : LinearMembers or None
        The layers of the members that see the encoded features; None if they are to see all.
    """
    sample, fold = _choose_sample(plan, layout, columns, task)
    if len(sample.y) < 2 * N_FOLDS:
        return
    assert backend.linear is not None, "there are linear models"
    n_members, n_outputs = backend.linear.bias.shape
    loss: Measuring = cross_entropy if task == "classifier" else squared_error
    parts = parts_of(sample.y) if fold is None else fold
    widths = [sample.X.shape[1]]
    if first_layer is not None and isinstance(columns, ColumnEncoding) and n_members > 1:
        widths.append(columns.n_features)
    found = {}
    for width in widths:
        seen = sample.first(width)
        paths = _regularisations(task, n_outputs, seen.X)
        found[width] = choose_regularisation(seen, parts, paths, loss)
    n_seen = inputs_of_members(n_members, {width: one.loss for width, one in found.items()}, task)
    coefficients = np.zeros((n_members, n_outputs, widths[0]))
    intercepts = np.zeros((n_members, n_outputs))
    models = _models_of_members(sample, n_seen, fold, found)
    for member, (width, model) in enumerate(zip(n_seen, models, strict=True)):
        coefficients[member, :, :width], intercepts[member] = model.coefficients, model.intercepts
    if issparse(sample.X):  # which was not centred, as the inputs of the network are
        intercepts += coefficients @ (layout.mean / layout.scale).numpy()
    is_seen = torch.arange(widths[0]) < torch.tensor(n_seen)[:, None]
    if not is_seen.all():
        backend.linear.see(is_seen.double())
    if first_layer is not None and isinstance(columns, ColumnEncoding):
        strength = _input_strengths(sample, columns.column.numpy(), coefficients)
        strength[:, columns.are_names.numpy()] *= STRENGTH_OF_NAMES
        first_layer.see(torch.from_numpy(strength) * is_seen)
    backend.start_from(torch.from_numpy(coefficients), torch.from_numpy(intercepts))


def _input_strengths(sample: Sample, column: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return how strongly networks see their inputs, by what each column adds to linear models.

    Parameters
    ----------
    sample : Sample
        The rows.
    column : ndarray of shape (n_inputs,)
        The column that each input is of.
    coefficients : ndarray of shape (members, n_outputs, n_inputs)
        Of the linear models.

    Returns
    -------
    strengths : ndarray of shape (members, n_inputs)
    """
    order = np.argsort(column, kind="stable")
    first = np.searchsorted(column[order], np.arange(column.max() + 1))
    some = sample.choose(np.arange(0, len(sample.y), -(-len(sample.y) // _ROWS_OF_STRENGTHS)))
    rows, share = some.X[:, order], some.weight / some.weight.sum()
    variances = np.zeros((len(coefficients), len(first)))
    for variance, of_member in zip(variances, coefficients[:, :, order], strict=True):
        for of_output in of_member:
            parts = np.add.reduceat(rows * of_output, first, axis=1)
            variance += share @ np.square(parts - share @ parts)
    return input_strengths(np.sqrt(variances))[:, column]


def _models_of_members(
    sample: Sample,
    n_seen: Sequence[int],
    fold: np.ndarray | None,
    found: Mapping[int, Choice],
) -> list[LinearModel]:
    """Return for each member the model of what it sees of the rows that it learns from."""
    if fold is None:
        whole = {width: found[width].fit(sample.first(width)) for width in set(n_seen)}
        return [whole[width] for width in n_seen]
    models = []
    for member, width in enumerate(n_seen):
        compared = found[width].models
        if member < len(compared):  # those are of the first members
            models.append(compared[member])
        else:
            learned = sample.first(width).choose(fold != member)
            models.append(found[width].fit(learned))
    return models


def labeled_rows(plan: FitPlan, task: Task, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows to train on that have targets, at most so many, and what each weighs."""
    y = plan.data.targets
    known = y != UNLABELED_CODE if task == "classifier" else ~np.isnan(y).all(axis=1)
    index = np.flatnonzero(known & plan.is_trained_on)
    if len(index) > most:
        index = np.sort(np.random.default_rng(0).choice(index, most, replace=False))
    weight = plan.data.row_weight(torch.float64)
    return index, np.ones(len(index)) if weight is None else weight.numpy()[index]


def _choose_sample(
    plan: FitPlan, layout: InputLayout, columns: nn.Module, task: Task
) -> tuple[Sample, np.ndarray | None]:
    """Return rows with targets, as a linear model of the network sees them, and their folds."""
    data, y = plan.data, plan.data.targets
    index, weight = labeled_rows(plan, task, _MOST_ROWS)
    fold = None if plan.fold is None else plan.fold.numpy()[index]
    if isinstance(data.rows, SparseRows) and isinstance(columns, nn.Identity):
        # not centred, which would make them dense
        X: Any = csr_matrix(data.rows.matrix[index].multiply(1 / layout.scale.numpy()))
    else:
        with torch.no_grad():
            rows = data.rows.index_select(0, torch.from_numpy(index))
            X = columns(layout.fill(layout(rows))).double().numpy()
    return Sample(X, y[index], weight), fold


def _regularisations(task: Task, n_outputs: int, X: Any) -> list[Sequence[Fitting]]:
    """Return the ways to regularise, by squares and by absolute values, each from strong to weak.

    The latter, which takes longer, leaves inputs out, where these are many.
    """
    n_samples, n_inputs = X.shape
    few = not issparse(X) and tries_l1_penalties(n_samples, n_inputs, n_outputs)
    if task == "classifier":
        fit = partial(fit_classes, n_outputs)
        return [
            [partial(fit, l2_penalty=penalty) for penalty in L2_PENALTIES],
            [partial(fit, l1_penalty=penalty) for penalty in _L1_PENALTIES_OF_CLASSES if few],
        ]
    # without a seed, it draws one from numpy's global state
    lasso = partial(Lasso, tol=_L1_TOLERANCE, max_iter=_L1_ITERATIONS, random_state=0)
    return [
        [partial(fit_numbers, Ridge(alpha=penalty)) for penalty in L2_PENALTIES],
        [partial(fit_numbers, lasso(alpha=one)) for one in _L1_PENALTIES_OF_NUMBERS if few],
    ]


def leave_out(sample: Sample, parts: np.ndarray) -> tuple[list[Sample], list[Sample]]:
    """Return for each part the other rows and its own; some of them are enough of many rows."""
    n_parts = int(parts.max()) + 1
    enough = (most for n_rows, most in _COMPARED.items() if len(sample.y) >= n_rows)
    n_parts = min(n_parts, next(enough, n_parts))
    learned = [sample.choose(parts != part) for part in range(n_parts)]
    left_out = [sample.choose(parts == part) for part in range(n_parts)]
    return learned, left_out


def choose_regularisation(
    sample: Sample, parts: np.ndarray, paths: Sequence[Sequence[Fitting]], loss: Measuring
) -> Choice:
    """Return the regularisation with which rows that are left out are predicted best.

    Each model begins at that of the same rows with the stronger regularisation before.
    """
    learned, left_out = leave_out(sample, parts)
    chosen = Choice(paths[0][0], np.inf, [])
    for path in filter(None, paths):
        best = Choice(path[0], np.inf, [])
        starts: list[LinearModel | None] = [None] * len(learned)
        for fit in path:
            models, total = list(map(fit, learned, starts)), 0.0
            starts = [*models]
            for model, one in zip(models, left_out, strict=True):
                total += float(one.weight @ loss(model.predict(one.X), one.y))
            if total < best.loss:
                best = Choice(fit, total, models)
            elif total > _WORSE * best.loss:
                break
        if _WORSE * best.loss < chosen.loss:
            chosen = best
    return chosen


def parts_of(y: np.ndarray) -> np.ndarray:
    """Return the part of each row, of those that are left out in turn."""
    parts: np.ndarray = assign_folds(y, N_FOLDS, seed=0).numpy()
    return parts


def losses_of_linear_model(task: Task, encoded: Sample) -> np.ndarray:
    """Return the losses of rows that are left out, times their weights, one part after another.

    They are those with the regularisation that has the least sum.
    """
    loss: Measuring = squared_error
    path: list[Fitting] = [partial(fit_numbers, Ridge(alpha=one)) for one in _FEW_L2_PENALTIES]
    if task == "classifier":
        fit, loss = partial(fit_classes, int(encoded.y.max()) + 1), cross_entropy
        path = [partial(fit, l2_penalty=penalty) for penalty in _FEW_L2_PENALTIES]
    parts = parts_of(encoded.y)
    models = choose_regularisation(encoded, parts, [path], loss).models
    _, left_out = leave_out(encoded, parts)
    pairs = zip(models, left_out, strict=True)
    return np.concatenate([one.weight * loss(model.predict(one.X), one.y) for model, one in pairs])
