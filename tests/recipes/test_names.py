"""Columns of whole numbers that are names."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNRegressor
from sk_aecnn.nn import ColumnEncoding
from sk_aecnn.recipes._linear import STRENGTH_OF_NAMES
from sk_aecnn.recipes._names import find_names

N_NAMES = 60


@pytest.fixture
def shops():
    """Sales of shops in the order of neither their numbers nor their size; what else there is."""
    random = np.random.default_rng(0)
    shop, age = random.integers(100, 100 + N_NAMES, size=600), random.integers(20, 80, size=600)
    effect = random.normal(size=100 + N_NAMES)
    y = 2 * effect[shop] + 0.02 * age + 0.3 * random.normal(size=600)
    return np.column_stack([shop, age, random.integers(40, size=600)]).astype(float), y


def _columns_of(estimator):
    modules = estimator.net_.module_.modules()
    return next(module for module in modules if isinstance(module, ColumnEncoding))


def test_values_that_tell_more_than_their_order_are_names(shops):
    """Of numbers and of classes; columns whose order tells, or that tell nothing, are not."""
    X, y = shops
    for task, targets in (("regressor", y[:, None]), ("classifier", (y > 1).astype(int))):
        assert find_names(task, X, targets, None).tolist() == [True, False, False]
    several = np.column_stack([X[:, 1], y])
    assert find_names("regressor", X, several, None)[0]


@pytest.mark.parametrize(
    "function", [np.sqrt, np.square, lambda x: np.sin(x / 8), lambda x: x > 30]
)
def test_a_function_of_the_order_is_no_name(function):
    """Whatever eight intervals can show of it: a curve, a wave or a step, with noise or without."""
    random = np.random.default_rng(0)
    x = random.integers(60, size=(800, 1)).astype(float)
    y = function(x).astype(float)
    for noise in (0.0, 0.5):
        noisy = y / y.std() + noise * random.normal(size=y.shape)
        assert not find_names("regressor", x, noisy, None).any()


@pytest.mark.parametrize("task", ["classifier", "regressor"])
def test_chance_makes_hardly_any_names(task):
    """Of targets that depend on nothing, none of 200 columns is a name; far targets are no help."""
    random = np.random.default_rng(0)
    X = random.integers(50, size=(500, 200)).astype(float)
    y = random.integers(4, size=500)
    if task == "regressor":
        y = np.exp(2 * random.normal(size=(500, 1)))
    assert find_names(task, X, y, None).sum() <= 1


def test_few_samples_of_a_name_say_nothing(shops):
    """There are two of each at the least, in the mean, and not too many names."""
    X, y = shops
    assert not find_names("regressor", X[:60], y[:60, None], None)[0]
    names = np.arange(2_000.0)[:, None] // 2
    assert not find_names("regressor", names, names % 2, None)[0]
    assert find_names("regressor", names // 2, names // 2 % 2, None)[0]


def test_missing_values_and_weights_count(shops):
    """Samples without a name, or without weight, say nothing, and the unit does not matter."""
    X, y = shops
    wrong = np.arange(len(X)) % 2 == 0
    y = np.where(wrong, np.random.default_rng(1).normal(scale=100, size=len(y)), y)[:, None]
    assert not find_names("regressor", X, y, None)[0]
    assert find_names("regressor", X, y, np.where(wrong, 0.0, 3.0))[0]
    assert not find_names("regressor", X, y, np.zeros(len(X))).any()
    X[wrong, 0] = np.nan
    assert find_names("regressor", X, y, None)[0]
    assert find_names("regressor", X / 1e6 - 7, y, None)[0]
    X[:, 0] = np.nan
    assert not find_names("regressor", X, y, None)[0]


def test_shops_are_told_apart(shops):
    """Samples of a known shop are predicted by its sales, and other ones by what else is known."""
    X, y = shops
    model = AECNNRegressor(random_state=0).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.9
    columns = _columns_of(model)
    n_known = len(np.unique(X[:400, 0]))
    assert columns.category_column.tolist() == [0] * n_known
    assert columns.are_names.sum() == n_known
    unknown = X[400:].copy()
    unknown[:, 0] = 1e6
    assert np.isfinite(model.predict(unknown)).all()
    unknown[:, 0] = np.nan
    assert np.isfinite(model.predict(unknown)).all()


def test_members_see_names_less_than_columns(shops):
    """Each of them by a part of what they see of the column."""
    model = AECNNRegressor(random_state=0, max_epochs=1).fit(*shops)
    names, columns = _columns_of(model).are_names, _columns_of(model).column
    first_layer = model.net_.module_.encoder.residual.first_layer
    for strength in first_layer.strength[[0, 2], 0]:  # the others see no bins, nor names
        of_shops, number = strength[names], strength[~names & (columns == 0)]
        assert np.allclose(of_shops, STRENGTH_OF_NAMES * number[0], rtol=1e-5)


def test_numbers_are_left_alone_where_they_are_no_names(shops):
    """Numbers with a fraction, too many names and a table without bins have no such inputs."""
    X, y = shops
    model = CNNRegressor(random_state=0, max_epochs=1)
    assert len(_columns_of(clone(model).fit(X + 0.5, y)).category) == 0
    copies = np.tile(X[:, :1], 20)
    assert len(_columns_of(clone(model).fit(copies, y)).category) == 0
    encoded = clone(model).set_params(n_bins=None).fit(X, y).net_.module_.modules()
    assert not any(isinstance(module, ColumnEncoding) for module in encoded)


def test_a_frame_and_an_array_are_alike(shops):
    """Whole numbers of a frame, strings that name the same shops, and an array."""
    X, y = shops
    labels = y > 1
    model = AECNNClassifier(random_state=0, max_epochs=3)
    expected = clone(model).fit(X, labels).predict_proba(X)
    frame = pd.DataFrame(X.astype(int), columns=["shop", "age", "other"])
    np.testing.assert_array_equal(clone(model).fit(frame, labels).predict_proba(frame), expected)
