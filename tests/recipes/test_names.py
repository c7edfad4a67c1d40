"""Columns of whole numbers that are names."""

import numpy as np
import pandas as pd
import pytest
import torch
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
        assert find_names(task, X, targets).tolist() == [True, False, False]
    several = np.column_stack([X[:, 1], y])
    assert find_names("regressor", X, several)[0]


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
        assert not find_names("regressor", x, noisy).any()


@pytest.mark.parametrize("task", ["classifier", "regressor"])
def test_chance_makes_hardly_any_names(task):
    """Of targets that depend on nothing, none of 200 columns is a name; far targets are no help."""
    random = np.random.default_rng(0)
    X = random.integers(50, size=(500, 200)).astype(float)
    y = random.integers(4, size=500)
    if task == "regressor":
        y = np.exp(2 * random.normal(size=(500, 1)))
    assert find_names(task, X, y).sum() <= 1


def test_few_samples_of_a_name_say_nothing(shops):
    """There are two of each at the least, in the mean, and not too many names."""
    X, y = shops
    assert not find_names("regressor", X[:60], y[:60, None])[0]
    names = np.arange(2_000.0)[:, None] // 2
    assert not find_names("regressor", names, names % 2)[0]
    assert find_names("regressor", names // 2, names // 2 % 2)[0]


def test_missing_values_say_nothing(shops):
    """Samples without a name are left out, and the unit does not matter."""
    X, y = shops
    wrong = np.arange(len(X)) % 2 == 0
    y = np.where(wrong, np.random.default_rng(1).normal(scale=100, size=len(y)), y)[:, None]
    assert not find_names("regressor", X, y)[0]
    X[wrong, 0] = np.nan
    assert find_names("regressor", X, y)[0]
    assert find_names("regressor", X / 1e6 - 7, y)[0]
    X[:, 0] = np.nan
    assert not find_names("regressor", X, y)[0]


@pytest.mark.parametrize("weighted", ["balanced", "log-normal", "zero"])
def test_weights_make_no_names(weighted):
    """Whatever samples weigh, columns that tell nothing have no inputs for their values."""
    random = np.random.default_rng(0)
    X, y = random.integers(50, size=(1_000, 20)), random.uniform(size=1_000) < 0.05
    weight = {
        "balanced": np.where(y, 10.0, 0.5),
        "log-normal": random.lognormal(sigma=2, size=1_000),
        "zero": np.where(X[:, 0] % 2 == y, 1.0, 0.0),
    }[weighted]
    model = AECNNClassifier(random_state=0, max_epochs=1).fit(X, y, sample_weight=weight)
    assert set(_columns_of(model).category_column.tolist()) <= {0}


def test_samples_without_weight_name_nothing(shops):
    """Nor do those without a label: names are of the samples that tell of them."""
    X, y = shops
    others = X + np.array([1_000, 0, 0])
    both, labels = np.vstack([X, others]), np.r_[y > 1, y > 1].astype(int)
    n_names = len(np.unique(X[:, 0]))
    weight = np.r_[np.ones(len(X)), np.zeros(len(X))]
    model = AECNNClassifier(random_state=0, max_epochs=1).fit(both, labels, sample_weight=weight)
    assert len(_columns_of(model).category) == n_names
    labels[len(X) :] = -1
    model = AECNNClassifier(random_state=0, max_epochs=1, unlabeled=-1).fit(both, labels)
    assert len(_columns_of(model).category) == n_names


def test_too_many_names_of_a_column_leave_those_of_others(shops):
    """Columns of few names come first."""
    X, y = shops
    many = np.column_stack([X[:, 0] // 6, *[X[:, 0] + 100 * copy for copy in range(20)]])
    columns = _columns_of(CNNRegressor(random_state=0, max_epochs=1).fit(many, y))
    assert 0 in columns.category_column
    assert 500 < columns.n_outputs <= 1_000 + many.shape[1]


def test_shops_are_told_apart(shops):
    """Samples of a known shop are predicted by its sales, and other ones by what else is known."""
    X, y = shops
    X[:, 0] *= 10
    model = AECNNRegressor(random_state=0).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.9
    columns = _columns_of(model)
    n_known = len(np.unique(X[:400, 0]))
    assert columns.category_column.tolist() == [0] * n_known
    assert columns.are_names.sum() == n_known
    unknown = X[400:].copy()
    unknown[:, 0] += 4  # between the known ones
    told = columns(model.net_.module_.layout(torch.tensor(unknown))) + columns.mean
    assert (told[:, columns.are_names] == 0).all()
    assert abs(model.predict(unknown) - y.mean()).max() < 3 * y.std()


def test_members_see_names_less_than_columns(shops):
    """Each of them by a part of what they see of the column."""
    model = AECNNRegressor(random_state=0, max_epochs=1).fit(*shops)
    names, columns = _columns_of(model).are_names, _columns_of(model).column
    assert names.any()
    first_layer = model.net_.module_.encoder.residual.first_layer
    for strength in first_layer.strength[[0, 2], 0]:  # the others see no bins, nor names
        of_shops, number = strength[names], strength[~names & (columns == 0)]
        assert np.allclose(of_shops, STRENGTH_OF_NAMES * number[0], rtol=1e-5)


def test_numbers_are_left_alone_where_they_are_no_names(shops):
    """Numbers with a fraction and a table without bins have no such inputs."""
    X, y = shops
    model = CNNRegressor(random_state=0, max_epochs=1)
    assert len(_columns_of(clone(model).fit(X + 0.5, y)).category) == 0
    encoded = clone(model).set_params(n_bins=None).fit(X, y).net_.module_.modules()
    assert not any(isinstance(module, ColumnEncoding) for module in encoded)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_types_of_numbers_do_not_matter(shops, dtype):
    """Names are found in any type of number."""
    X, y = shops
    model = AECNNRegressor(random_state=0, max_epochs=1)
    expected, found = (_columns_of(clone(model).fit(one, y)) for one in (X, X.astype(dtype)))
    torch.testing.assert_close(found.category, expected.category)
    assert len(found.category) > 0


def test_a_frame_and_an_array_are_alike(shops):
    """Whole numbers of a frame and of an array name the same shops."""
    X, y = shops
    labels = y > 1
    model = AECNNClassifier(random_state=0, max_epochs=3)
    fitted = clone(model).fit(X, labels)
    assert _columns_of(fitted).are_names.any()
    expected = fitted.predict_proba(X)
    frame = pd.DataFrame(X.astype(int), columns=["shop", "age", "other"])
    np.testing.assert_array_equal(clone(model).fit(frame, labels).predict_proba(frame), expected)
