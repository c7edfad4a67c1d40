"""Thresholds of features between classes."""

import numpy as np
import pytest

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor
from sk_aecnn.nn import ColumnEncoding
from sk_aecnn.recipes import _input
from sk_aecnn.recipes._thresholds import (
    find_thresholds,
    thresholds_between_values,
    thresholds_of_trees,
)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(2000, 3))


def test_thresholds_are_where_classes_change(X):
    """Those of a range of one feature are its ends; other features have none."""
    y = ((X[:, 1] > -1) & (X[:, 1] < 2)).astype(int)
    nothing, ends, nothing_either = find_thresholds(X, y, None)
    assert len(nothing) == len(nothing_either) == 0
    values = np.sort(X[:, 1])
    for end, threshold in zip((-1, 2), ends, strict=True):
        above = np.searchsorted(values, end)
        assert values[above - 1] < threshold < values[above]


def test_values_that_recur_are_parted_each_from_the_next():
    """One of forty values, of a class of its own, has a threshold on either side."""
    X = np.repeat(np.arange(40.0), 50)[:, None]
    y = (X[:, 0] == 17).astype(int)
    for task, targets in (("classifier", y), ("regressor", y[:, None].astype(float))):
        (found,) = thresholds_between_values(task, X, targets, None, mean_loss=0.02)
        np.testing.assert_array_equal(found, [16.5, 17.5])


@pytest.mark.parametrize("task", ["classifier", "regressor"])
@pytest.mark.parametrize("case", ["missing", "weights"])
def test_chance_makes_no_thresholds_of_few_samples(task, case):
    """Nine of ten are missing, or weigh next to nothing."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(100, size=(6000, 10)).astype(float), rng.normal(size=(6000, 1))
    few = rng.uniform(size=6000) < 0.9
    weight = np.where(few, 1e-3, 1.0) if case == "weights" else None
    if case == "missing":
        X[few] = np.nan
    if task == "classifier":
        y = (y[:, 0] > 0).astype(int)
    found = thresholds_between_values(task, X, y, weight, mean_loss=1.0)
    assert sum(map(len, found)) <= 2


@pytest.mark.parametrize("n_classes", [2, 10])
def test_chance_makes_hardly_any_thresholds(n_classes):
    """Of labels that depend on nothing, not one of twenty features has a threshold."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 100)), rng.integers(n_classes, size=2000)
    assert sum(len(thresholds) > 0 for thresholds in find_thresholds(X, y, None)) < 5


def test_units_do_not_matter(X):
    """Values beyond single precision, or that differ by less than it tells, are parted alike."""
    y = (X[:, 0] > 1).astype(int)
    expected = find_thresholds(X, y, None)[0]
    for scale, shift in ((1e60, 0.0), (1e-60, 0.0), (1e-6, 1.0)):
        found = find_thresholds(X * scale + shift, y, None)[0]
        np.testing.assert_allclose((found - shift) / scale, expected, rtol=1e-6)


def test_missing_values_and_weights_count(X):
    """Samples without a value, or without weight, say nothing of a threshold."""
    y = (X[:, 0] > 0).astype(int)
    wrong = np.arange(2000) % 2 == 0
    labels, missing = np.where(wrong, 0, y), X.copy()
    missing[wrong] = np.nan
    expected = find_thresholds(X[~wrong], y[~wrong], None)[0]
    np.testing.assert_array_equal(find_thresholds(missing, labels, None)[0], expected)
    found = find_thresholds(X, labels, np.where(wrong, 1e-9, 1.0))[0]
    assert len(found) == 1
    assert abs(found[0]) < 0.01
    missing[:] = np.nan
    assert [len(thresholds) for thresholds in find_thresholds(missing, y, None)] == [0, 0, 0]


def _sums(X):
    """Classes that depend on a sum of features."""
    noise = np.random.default_rng(1).normal(size=len(X))
    return (X[:, :3].sum(1) + 0.5 * noise > 0).astype(int)


def _corner(X):
    """Classes that depend on thresholds of two features."""
    return ((X[:, 0] > 0.5) & (X[:, 1] < 0.2)).astype(int)


def test_thresholds_of_trees_are_where_classes_change_together(X):
    """Of a corner, at both of its sides; the third feature has hardly any."""
    first, second, other = thresholds_of_trees("classifier", X, X, _corner(X), None)
    assert abs(first - 0.5).min() < 0.01
    assert abs(second - 0.2).min() < 0.01
    assert len(other) <= 1


@pytest.mark.parametrize("n_targets", [1, 2])
def test_thresholds_are_where_numbers_change(X, n_targets):
    """Of a step that only a part of the samples makes, with noise."""
    noise = np.random.default_rng(1).normal(size=(len(X), n_targets))
    y = _corner(X)[:, None] * [1.0, 2.0][:n_targets] + 0.1 * noise
    first, second, other = thresholds_of_trees("regressor", X, X, y, None)
    assert abs(first - 0.5).min() < 0.02
    assert abs(second - 0.2).min() < 0.02
    assert len(other) <= 1
    assert thresholds_of_trees("regressor", X, X, X[:, :1] + noise, None) is None


def test_trees_have_to_be_better_than_a_linear_model(X):
    """They are not where classes depend on a sum, on nothing, or are all the same."""
    nothing = np.random.default_rng(0).integers(2, size=len(X))
    for y in (_sums(X), nothing, np.zeros(len(X), dtype=int)):
        assert thresholds_of_trees("classifier", X, X, y, None) is None


def test_trees_count_weights_and_leave_out_what_is_missing(X):
    """Samples without weight say nothing of a threshold, and a column without a value has none."""
    y, wrong = _corner(X), np.arange(len(X)) % 3 == 0
    labels = np.where(wrong, 1 - y, y)
    empty = np.column_stack([X, np.full(len(X), np.nan)])
    empty[1::5, 0] = np.nan
    first, second, _, none = thresholds_of_trees(
        "classifier", empty, X, labels, np.where(wrong, 0.0, 1.0)
    )
    assert abs(first - 0.5).min() < 0.02
    assert abs(second - 0.2).min() < 0.02
    assert len(none) == 0


def _n_inputs(estimator, X, y):
    modules = estimator.set_params(max_epochs=1, n_bins=8).fit(X, y).net_.module_.modules()
    return next(m for m in modules if isinstance(m, ColumnEncoding)).n_outputs


def test_a_table_is_encoded_with_them(X):
    """Where many samples of features in units of their own tell classes, by not too many inputs."""
    y = _sums(X)
    # a value, eight bins and four in the tails of each, and some thresholds
    assert 3 * 13 + 3 <= _n_inputs(CNNClassifier(scaling="feature"), X, y) <= 3 * 13 + 3 * 7
    assert _n_inputs(CNNClassifier(scaling="feature"), X[:1000], y[:1000]) == 3 * 9
    assert _n_inputs(CNNClassifier(scaling="shared"), X, y) == 3 * 9
    assert _n_inputs(CNNRegressor(scaling="feature"), X, X[:, 0]) == 3 * 9
    wide = np.random.default_rng(0).normal(size=(2000, 40))
    assert _n_inputs(CNNClassifier(scaling="feature"), wide, _sums(wide)) == 40 * 9


@pytest.mark.parametrize("scaling", ["shared", "feature"])
@pytest.mark.parametrize("estimator", [CNNClassifier, CNNRegressor])
def test_a_table_is_encoded_with_those_of_trees(X, estimator, scaling):
    """Of 400 samples and more, in place of the tails, where trees are better."""
    y = _corner(X)
    for n_samples in (400, 2000):
        n_inputs = _n_inputs(estimator(scaling=scaling), X[:n_samples], y[:n_samples])
        assert 3 * 9 + 2 <= n_inputs <= 3 * 9 + 40
    assert _n_inputs(estimator(scaling=scaling), X[:399], y[:399]) == 3 * 9


def test_rows_without_a_target_say_nothing(X):
    """Of one target or all: 399 rows are too few, 400 with others beside them are not."""
    y = np.column_stack([_corner(X), X[:, 1]])
    y[400:, 0] = np.nan
    y[400:800, 1] = np.nan
    model = AECNNRegressor(scaling="feature", unlabeled=float("nan"))
    assert _n_inputs(model, X, y) > 3 * 9
    y[399] = np.nan
    assert _n_inputs(model, X, y) == 3 * 9


def test_what_trees_tell_well_is_learned():
    """A box of two of ten features, by 600 samples: bins at quantiles alone gave .965 and .80."""
    X = np.random.default_rng(0).normal(size=(3600, 10))
    y = ((abs(X[:, 0]) < 0.7) & (abs(X[:, 1] - 0.5) < 0.7)).astype(int)
    for estimator, least in ((AECNNClassifier, 0.99), (AECNNRegressor, 0.94)):
        model = estimator(random_state=0).fit(X[:600], y[:600])
        assert model.score(X[600:], y[600:]) > least


def test_rare_values_beyond_a_threshold_are_told():
    """Two of a hundred samples, of the far end of one feature, are all of a class."""
    X = np.random.default_rng(1).exponential(size=(4000, 6)) ** 2 * np.logspace(0, 3, 6)
    y = (X[:, 3] > np.quantile(X[:, 3], 0.98)).astype(int)
    model = CNNClassifier(random_state=0).fit(X[:2000], y[:2000])
    assert model.score(X[2000:], y[2000:]) > 0.996


def _bins_of_amounts(estimator, of_amount, **params):
    """Return the edges of bins of a column that is zero or one of 150 amounts."""
    rng = np.random.default_rng(0)
    amount = rng.integers(1, 151, size=15_000) * (rng.uniform(size=15_000) < 0.3)
    other = rng.normal(size=15_000)
    y = np.where(amount > 0, of_amount(amount, rng), other > 0).astype(int)
    params = {"scaling": "feature", "max_epochs": 1, "random_state": 0} | params
    model = estimator(**params)
    network = model.fit(np.column_stack([amount, other]), y).net_.module_
    (columns,) = (one for one in network.modules() if isinstance(one, ColumnEncoding))
    starts = (-columns.offset / columns.slope)[columns.bin_column == 0]
    return (starts * network.layout.scale[0] + network.layout.mean[0]).numpy().round(3)


def _mostly_ordered(amount, rng):
    return (amount > 75) ^ (amount % 10 == 0)


@pytest.mark.parametrize("estimator", [AECNNClassifier, CNNClassifier, CNNRegressor])
def test_amounts_that_recur_have_bins_of_their_own(estimator):
    """Every tenth is of the other class than its neighbours."""
    edges = _bins_of_amounts(estimator, _mostly_ordered)
    needed = np.concatenate([np.arange(9.5, 150, 10), np.arange(10.5, 150, 10)])
    assert np.isin(needed, edges).mean() > 0.9


def test_amounts_that_say_nothing_have_no_bins_of_their_own(monkeypatch):
    """Nor those of which the user wants none."""

    def by_chance(amount, rng):
        return rng.uniform(size=len(amount)) < 0.5

    chance = _bins_of_amounts(CNNClassifier, by_chance)
    assert len(_bins_of_amounts(CNNClassifier, _mostly_ordered, n_bins=1)) == 0
    monkeypatch.setattr(_input, "parts_recurring_values", lambda *_: False)
    np.testing.assert_array_equal(chance, _bins_of_amounts(CNNClassifier, by_chance))
