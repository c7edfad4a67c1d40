"""The front of every network, fitted to the training rows: scaling and encoding of features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.nn import (
    MOST_DEVIATIONS,
    Categories,
    ColumnEncoding,
    Columns,
    ConditionalMean,
    DensePrecision,
    FactorPrecision,
    InputLayout,
    Moments,
    NormalScores,
    Steps,
    add_names,
    are_whole,
    column_moments,
    cut_columns,
    describe_columns,
    fit_scaling,
)
from sk_aecnn.recipes._linear import N_FOLDS, labeled_rows, losses_of_linear_model
from sk_aecnn.recipes._linear_models import Sample
from sk_aecnn.recipes._names import find_names
from sk_aecnn.recipes._recipe import InputRecipe
from sk_aecnn.recipes._thresholds import (
    find_thresholds,
    thresholds_between_values,
    thresholds_of_trees,
)
from sk_aecnn.recipes.defaults import (
    MANY_BINS,
    N_FACTORS,
    Covariance,
    are_many_bins_better,
    are_scores_better,
    are_too_many,
    has_fine_bins,
    levels_of_bins,
    looks_for_thresholds,
    parts_recurring_values,
    recur,
    rows_to_compare,
    rows_to_look_at,
    tries_many_bins,
)
from sk_aecnn.statistics._covariance import fit_covariance
from sk_aecnn.statistics._factors import fit_factors
from sk_aecnn.statistics._mixture import choose_rows
from sk_aecnn.training._plan import FitPlan, TrainingData

# the shares of samples below quantiles that part bins, and further values that do, of each feature
Edges = tuple[list[float], list[np.ndarray] | None]

# of what a precision can hold, for what reconstructions exceed the data by
_MOST_OF_THE_RANGE = 1e-3


def measure(data: TrainingData, dtype: torch.dtype) -> Moments:
    """Return the moments of the features, or raise where a precision does not hold them.

    Reconstructions are returned in the precision ``dtype``.
    """
    moments = column_moments(data.rows, data.row_weight(torch.float64))
    largest = float(torch.maximum(moments.high, -moments.low).max())
    if not moments.var.isfinite().all():
        raise ValueError(
            "X holds values so large that their variance is not finite in double precision (up to "
            f"{largest:.3g}). Divide X by a constant."
        )
    if largest > _MOST_OF_THE_RANGE * torch.finfo(dtype).max:
        precision = str(dtype).removeprefix("torch.")
        raise ValueError(
            f"X holds values so large that a network of precision={precision!r} cannot return them "
            f"(up to {largest:.3g}). Divide X by a constant, or pass precision='float64'."
        )
    return moments


def build_layout(recipe: InputRecipe, moments: Moments, data: TrainingData) -> InputLayout:
    """Return the scaling, the order of axes and what fills in missing values."""
    geometry = recipe.geometry
    channel = torch.from_numpy(geometry.channel_of_feature)
    offset, scale = fit_scaling(moments, recipe.scaling, channel, geometry.n_categories)
    shape, axis = (
        ((geometry.n_features,), 0) if recipe.flat else (geometry.shape, geometry.channel_axis)
    )
    indicated = torch.tensor(recipe.indicated, dtype=torch.int64)
    layout = InputLayout(
        shape,
        axis,
        offset,
        scale,
        recipe.dtype,
        moments.origin,
        indicated,
        masks=recipe.masks,
        n_known=max(1.0, float(moments.known.sum()) / geometry.channels),
    )
    layout.has_missing = bool((moments.known < 1).any())
    if recipe.covariance is not None and not isinstance(data.rows, SparseRows):
        layout.expectation = _expect(recipe.covariance, layout, moments, data)
    return layout


def _expect(
    kind: Covariance, layout: InputLayout, moments: Moments, data: TrainingData
) -> ConditionalMean:
    """Return what fills in missing values by those that are known."""
    index = torch.from_numpy(choose_rows(len(data.rows), None, None))
    deviation = moments.var.sqrt() / layout.scale
    x = layout(data.rows.index_select(0, index)).double() / torch.where(deviation > 0, deviation, 1)
    weight = data.row_weight(torch.float64)
    weight = torch.ones(len(x)).double() if weight is None else weight[index]
    known = x.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS).numpy(), weight.numpy()
    precision: DensePrecision | FactorPrecision
    if kind == "dense":
        precision = DensePrecision(torch.from_numpy(fit_covariance(*known)), layout.dtype)
    else:
        loadings, noise = map(torch.from_numpy, fit_factors(*known, N_FACTORS))
        precision = FactorPrecision(loadings, noise, layout.dtype)
    return ConditionalMean(precision, deviation, layout.dtype)


def build_categories(recipe: InputRecipe, moments: Moments) -> Categories | None:
    """Return where categories are among the features; None where there are none."""
    if not recipe.geometry.n_categories:
        return None
    return Categories(recipe.geometry.n_categories, moments.mean)


def build_columns(recipe: InputRecipe, plan: FitPlan, layout: InputLayout) -> tuple[nn.Module, int]:
    """Return the encoding of the features of a table by what each holds, and its size."""
    n_inputs, n_bins = recipe.filled_shape[0], recipe.n_bins
    if n_bins is None:
        return nn.Identity(), n_inputs
    index = torch.from_numpy(choose_rows(len(plan.data.rows), None, None))
    table = _Table.of(recipe, _Rows.of(plan, layout, index))
    bins = table.cut(levels_of_bins(n_bins, fine=False))
    if recipe.n_bins_is_auto and are_too_many(table.n_added(bins)):
        return nn.Identity(), n_inputs
    table = _score_far_values(recipe, table, bins, plan, layout)
    labeled = _Labeled.of(plan, index)
    if recipe.n_bins_is_auto and _are_many_better(recipe, table, bins, labeled, plan, layout):
        n_bins, bins = MANY_BINS, table.cut(levels_of_bins(MANY_BINS, fine=False))
    edges = _choose_edges(recipe, n_bins, table, bins, labeled)
    table = _add_names(recipe, table, table.cut(*edges), labeled)
    if n_bins > 1:
        edges = _part_recurring_values(recipe, table, edges, plan, layout)
    encoding = table.encode(table.cut(*edges), n_bins).to(recipe.dtype)
    return encoding, encoding.n_outputs


@dataclass(frozen=True)
class _Rows:
    """Rows of the data: as they are, standardised, the same without missing values; weights."""

    given: Tensor
    x: Tensor
    filled: Tensor
    weight: Tensor | None

    @classmethod
    def of(cls, plan: FitPlan, layout: InputLayout, index: Tensor) -> _Rows:
        data, weight = plan.data, plan.data.row_weight(torch.float64)
        given = data.rows.index_select(0, index)
        x = layout.standardise(given)
        filled = layout.fill(x).double()
        indicators = filled[:, x.shape[1] :]
        x, given = (torch.cat([part.double(), indicators], dim=1) for part in (x, given))
        known = None if weight is None else weight[index] / weight[index].mean()
        return cls(given, x, filled, known)


@dataclass(frozen=True)
class _Table:
    """What columns hold, and rows that they are encoded by; scores in the place of some."""

    columns: Columns
    of_rows: _Rows
    scores: NormalScores | None = None

    @classmethod
    def of(cls, recipe: InputRecipe, rows: _Rows) -> _Table:
        clips = recipe.task == "classifier"  # numbers are told by far values as well
        return cls(describe_columns(rows.given, rows.x, rows.weight, clips), rows)

    def cut(self, levels: list[float], thresholds: list[np.ndarray] | None = None) -> Steps:
        at = None if thresholds is None else [torch.from_numpy(one) for one in thresholds]
        return cut_columns(self.columns, self.of_rows.x, self.of_rows.weight, levels, at)

    def encode(self, bins: Steps, n_bins: int | None = None) -> ColumnEncoding:
        rows = self.of_rows
        return ColumnEncoding(self.columns, bins, rows.filled, rows.weight, n_bins, self.scores)

    def inputs(self, bins: Steps) -> np.ndarray:
        """Return the rows as linear models see them."""
        inputs: np.ndarray = self.encode(bins)(self.of_rows.filled).numpy()
        return inputs

    def n_added(self, bins: Steps) -> int:
        """Return how many inputs an encoding adds to the features."""
        return len(bins) + len(self.columns.category)


@dataclass(frozen=True)
class _Labeled:
    """Which of these rows are trained on with a target, and their targets; how many rows there are.

    ``n_rows`` are those of all the data.
    """

    which: np.ndarray
    targets: np.ndarray
    n_rows: int

    @classmethod
    def of(cls, plan: FitPlan, index: Tensor) -> _Labeled:
        data, y = plan.data, plan.data.targets[index.numpy()]
        which = ~np.isnan(y.reshape(len(y), -1)).any(axis=1) & plan.is_trained_on[index.numpy()]
        if data.labeled is not None:
            which &= data.labeled[index.numpy()]
        return cls(which, y[which], len(data.rows))

    def weight(self, table: _Table) -> np.ndarray | None:
        """Return their weights."""
        weight = table.of_rows.weight
        return None if weight is None else weight.numpy()[self.which]


def _add_names(recipe: InputRecipe, table: _Table, bins: Steps, labeled: _Labeled) -> _Table:
    """Return the table with each value of columns of names as an input, unless these are many."""
    x, rows = table.of_rows.x, table.of_rows.given
    whole = [feature for feature in table.columns.binned.tolist() if are_whole(rows[:, feature])]
    weight = labeled.weight(table)
    counts = np.ones(len(labeled.targets), dtype=bool) if weight is None else weight > 0
    if not whole or not counts.any():
        return table
    which = torch.from_numpy(np.flatnonzero(labeled.which)[counts])
    x, rows = x[which], rows[which]
    are_names = find_names(recipe.task, x[:, whole].numpy(), labeled.targets[counts])
    names = [feature for feature, is_name in zip(whole, are_names, strict=True) if is_name]
    known = {feature: x[~x[:, feature].isnan(), feature] for feature in names}
    n_values = {feature: len(torch.unique(values)) for feature, values in known.items()}
    chosen, n_added = [], table.n_added(bins)
    for feature in sorted(names, key=n_values.__getitem__):
        n_added += n_values[feature]
        if not are_too_many(n_added):
            chosen.append(feature)
    return replace(table, columns=add_names(table.columns, x, rows, chosen))


def _are_many_better(
    recipe: InputRecipe,
    table: _Table,
    bins: Steps,
    labeled: _Labeled,
    plan: FitPlan,
    layout: InputLayout,
) -> bool:
    """Tell whether linear models predict rows that are left out better with more bins.

    Thresholds may part these as well as those, and names tell what bins of their column would.
    """
    task, y, n_binned = recipe.task, plan.data.targets, len(table.columns.binned)
    n_labeled = len(labeled_rows(plan, task, len(y))[0])
    if not tries_many_bins(n_labeled, n_binned, task):
        return False
    many = table.cut(levels_of_bins(MANY_BINS, fine=False))
    table = _add_names(recipe, table, bins, labeled)
    if len(many) == len(bins) or are_too_many(table.n_added(many)):
        return False
    most = _rows_to_compare(table, many, plan)
    if not tries_many_bins(min(most, n_labeled), n_binned, task):
        return False
    few, better = _losses(recipe, table, (bins, many), plan, layout, most)
    return are_many_bins_better(few, better)


def _score_far_values(
    recipe: InputRecipe, table: _Table, bins: Steps, plan: FitPlan, layout: InputLayout
) -> _Table:
    """Return the table with normal scores of features with far values, where numbers are predicted.

    Linear models tell where this would lose much.
    """
    features = table.columns.far_valued
    if recipe.task != "regressor" or not len(features):
        return table
    most = _rows_to_compare(table, bins, plan)
    if len(labeled_rows(plan, recipe.task, most)[0]) < 2 * N_FOLDS:
        return table
    rows = table.of_rows
    scored = replace(table, scores=NormalScores(features.tolist(), rows.x, rows.weight))
    losses = (next(_losses(recipe, one, [bins], plan, layout, most)) for one in (table, scored))
    return scored if are_scores_better(*losses) else table


def _rows_to_compare(table: _Table, bins: Steps, plan: FitPlan) -> int:
    """Return on how many rows linear models of so many inputs are compared at the most."""
    y = plan.data.targets
    n_outputs = y.shape[1] if y.ndim > 1 else int(y.max()) + 1
    return rows_to_compare(table.of_rows.x.shape[1] + table.n_added(bins), n_outputs)


def _losses(
    recipe: InputRecipe,
    table: _Table,
    all_bins: Sequence[Steps],
    plan: FitPlan,
    layout: InputLayout,
    most: int,
) -> Iterator[np.ndarray]:
    """Yield the losses of linear models with bins, for rows that are left out; at most so many."""
    index, weight = labeled_rows(plan, recipe.task, most)
    table = replace(table, of_rows=_Rows.of(plan, layout, torch.from_numpy(index)))
    y = plan.data.targets[index]
    for bins in all_bins:
        yield losses_of_linear_model(recipe.task, Sample(table.inputs(bins), y, weight))


def _choose_edges(
    recipe: InputRecipe, n_bins: int, table: _Table, bins: Steps, labeled: _Labeled
) -> Edges:
    """Return edges of bins where targets change as well, as far as that is told of the rows."""
    coarse: Edges = levels_of_bins(n_bins, fine=False), None
    if not looks_for_thresholds(len(labeled.targets), n_bins):
        return coarse
    x, targets = table.of_rows.x.numpy()[labeled.which], labeled.targets
    weight, encoded = labeled.weight(table), table.inputs(bins)[labeled.which]
    of_trees = thresholds_of_trees(recipe.task, x, encoded, targets, weight)
    if of_trees is not None:
        return coarse[0], of_trees
    if not has_fine_bins(labeled.n_rows, recipe.task, recipe.scaling):
        return coarse
    fine = levels_of_bins(n_bins, fine=True), find_thresholds(x, targets, weight)
    return coarse if are_too_many(table.n_added(table.cut(*fine)), fine=True) else fine


def _part_recurring_values(
    recipe: InputRecipe, table: _Table, edges: Edges, plan: FitPlan, layout: InputLayout
) -> Edges:
    """Return edges between values that recur as well, if linear models tell that these matter."""
    assert recipe.task is not None, "something is predicted"
    n_features, targets = table.of_rows.x.shape[1], plan.data.targets
    index, weight = labeled_rows(plan, recipe.task, rows_to_look_at(n_features))
    complete = ~np.isnan(targets[index].reshape(len(index), -1)).any(axis=1)
    index, weight = index[complete], weight[complete]
    if not parts_recurring_values(len(index), recipe.scaling):
        return edges
    x, y = _Rows.of(plan, layout, torch.from_numpy(index)).x.numpy(), targets[index]
    names = set(table.columns.category_column.tolist())
    recurring = [
        feature
        for feature in table.columns.binned.tolist()
        if feature not in names and _recurs(x[:, feature])
    ]
    if not recurring:
        return edges
    bins = table.cut(*edges)
    most = _rows_to_compare(table, bins, plan)
    (before,) = _losses(recipe, table, [bins], plan, layout, most)
    found = thresholds_between_values(
        recipe.task, x[:, recurring], y, weight, float(before.mean() / weight.mean())
    )
    levels, thresholds = edges
    more = [np.zeros(0)] * n_features if thresholds is None else list(thresholds)
    for feature, one in zip(recurring, found, strict=True):
        more[feature] = np.union1d(more[feature], one)
    finer = table.cut(levels, more)
    if len(finer) == len(bins) or are_too_many(table.n_added(finer)):
        return edges
    (after,) = _losses(recipe, table, [finer], plan, layout, most)
    return (levels, more) if are_many_bins_better(before, after, recurring=True) else edges


def _recurs(column: np.ndarray) -> bool:
    known = column[~np.isnan(column)]
    return recur(len(np.unique(known)), len(known))


def n_bins_of(columns: nn.Module) -> int | None:
    """Return the bins of a feature, None where features got none."""
    return columns.n_bins if isinstance(columns, ColumnEncoding) else None
