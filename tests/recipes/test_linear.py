"""Every predictor of tables begins as a linear model."""

import pickle
from functools import partial

import numpy as np
import pytest
import sklearn
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import Lasso, LogisticRegression, Ridge

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor
from sk_aecnn.nn import ColumnEncoding, LinearMembers
from sk_aecnn.recipes import _linear_models
from sk_aecnn.recipes._linear_models import Sample, cross_entropy, fit_classes, fit_numbers

sklearn_version = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
NOTHING_LEARNED = {"max_epochs": 1, "lr": 1e-12, "random_state": 0}


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("C", [0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_regression_is_that_of_scikit_learn(load, C, weighted, monkeypatch):
    """Two classes and three, with weights or without, dense or sparse; a start may be rougher."""
    monkeypatch.setattr(_linear_models, "_TOLERANCE", 1e-9)
    monkeypatch.setattr(_linear_models, "_ITERATIONS", 5000)
    X, y = load(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else np.ones(len(y))
    expected = LogisticRegression(C=C, tol=1e-9, max_iter=5000).fit(X, y, weight).predict_proba(X)
    fit = partial(fit_classes, len(np.unique(y)))
    stronger = fit(Sample(X, y, weight), l2_penalty=100 / C)
    for rows, start in ((X, None), (csr_array(X), None), (X, stronger)):
        model = fit(Sample(rows, y, weight), start, l2_penalty=1 / C)
        logits = model.predict(X)
        proba = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        np.testing.assert_allclose(proba, expected, atol=5e-4)


def test_rare_words_move_from_a_stronger_penalty(monkeypatch):
    """Each of them has a small part in the gradient: the loss is the least one all the same."""
    rng = np.random.default_rng(0)
    words = rng.random((600, 3000)) < 0.004
    y = (words @ rng.normal(size=3000) > 0).astype(int)
    words = words[:, words.any(axis=0)]
    sample = Sample(csr_array(words / words.std(axis=0)), y, np.ones(600))

    def loss_of_path():
        model = None
        for l2_penalty in (1000.0, 100.0, 10.0, 1.0):
            model = fit_classes(2, sample, model, l2_penalty=l2_penalty)
        losses = cross_entropy(model.predict(sample.X), y)
        return losses.mean() + np.square(model.coefficients).sum() / 600

    found = loss_of_path()
    monkeypatch.setattr(_linear_models, "_TOLERANCE", 1e-9)
    monkeypatch.setattr(_linear_models, "_ITERATIONS", 5000)
    assert found == pytest.approx(loss_of_path(), rel=0.01)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("starts_at", [None, 64.0, 0.5])
def test_absolute_values_are_penalised_as_in_scikit_learn(load, starts_at, monkeypatch):
    """The same probabilities, and coefficients that are zero."""
    monkeypatch.setattr(_linear_models, "_TOLERANCE", 1e-9)
    monkeypatch.setattr(_linear_models, "_ITERATIONS", 5000)
    X, y = load(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    sample, fit = Sample(X, y, np.ones(len(y))), partial(fit_classes, len(np.unique(y)))
    start = None if starts_at is None else fit(sample, l1_penalty=starts_at)
    model = fit(sample, start, l1_penalty=4.0)
    logits = model.predict(X)
    proba = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    lasso = {"l1_ratio": 1.0} if sklearn_version >= (1, 8) else {"penalty": "l1"}
    expected = LogisticRegression(C=0.25, solver="saga", tol=1e-7, max_iter=20_000, **lasso)
    np.testing.assert_allclose(proba, expected.fit(X, y).predict_proba(X), atol=1e-3)
    assert (model.coefficients == 0).mean() > 0.4


@pytest.mark.parametrize("penalty", ["l2_penalty", "l1_penalty"])
def test_a_class_without_rows_stays_unlikely_along_a_path(penalty):
    """What the others have does not depend on how often a model begins at the one before."""
    X, y = load_wine(return_X_y=True)
    sample = Sample((X - X.mean(0)) / X.std(0), y, np.ones(len(y))).choose(y != 1)
    model = None
    for _ in range(4):
        model = fit_classes(3, sample, model, **{penalty: 1.0})
        assert model.intercepts[1] == -6.0
        assert model.intercepts[[0, 2]].mean() == pytest.approx(0, abs=1e-9)


def test_a_model_may_leave_all_inputs_out():
    """Where none is worth its penalty, the classes have their frequencies."""
    rng = np.random.default_rng(0)
    sample = Sample(rng.normal(size=(40, 3)), np.arange(40) % 4 // 3, np.ones(40))
    model = fit_classes(2, sample, l1_penalty=1000.0)
    assert not model.coefficients.any()
    assert model.intercepts[0] - model.intercepts[1] == pytest.approx(np.log(3), abs=0.02)


@pytest.mark.parametrize("cls", [AECNNClassifier, CNNClassifier])
def test_a_classifier_of_many_columns_may_leave_most_of_them_out(cls):
    """Two thirds of the test samples are told right without that."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 200))
    y = X[:, :5].sum(1) > 0
    model = cls(random_state=0).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.85


@pytest.mark.parametrize("linear", [Ridge(alpha=0.5), Lasso(alpha=0.5)])
def test_each_target_is_fitted_to_the_rows_where_it_is_known(linear):
    """By ridge regression or lasso of scikit-learn."""
    X, y = load_diabetes(return_X_y=True)
    targets = np.column_stack([y, y])
    targets[::2, 1] = np.nan
    model = fit_numbers(linear, Sample(X, targets, np.ones(len(y))))
    for column, rows in ((0, slice(None)), (1, slice(1, None, 2))):
        expected = clone(linear).fit(X[rows], y[rows]).predict(X)
        np.testing.assert_allclose(model.predict(X)[:, column], expected)


def test_a_target_known_of_one_sample_is_no_error():
    """Where it is held out, nothing is known of the target: the model says its mean."""
    X, y = load_diabetes(return_X_y=True)
    targets = np.column_stack([y, np.where(np.arange(len(y)) == 7, y, np.nan)])
    model = AECNNRegressor(unlabeled=float("nan"), random_state=0).fit(X, targets)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("cls", [AECNNClassifier, CNNClassifier])
def test_a_classifier_begins_as_logistic_regression(cls):
    """Without a step worth the name, a predictor is as good as the linear model."""
    X, y = load_breast_cancer(return_X_y=True)
    model = cls(**NOTHING_LEARNED).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.95
    without = cls(**NOTHING_LEARNED, linear_path=False).fit(X[:400], y[:400])
    assert without.score(X[400:], y[400:]) < 0.9


@pytest.mark.parametrize("cls", [AECNNRegressor, CNNRegressor])
@pytest.mark.parametrize(("n_telling", "at_least"), [(3, 0.95), (100, 0.55)])
@pytest.mark.parametrize("array", [np.asarray, csr_array])
def test_a_regressor_begins_as_lasso_or_ridge_regression(cls, n_telling, at_least, array):
    """With more features than samples, of which few tell of the target, or all."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 100))
    y = X[:, :n_telling].sum(1)
    X = array(X)
    state = repr(np.random.get_state())  # noqa: NPY002
    assert cls(**NOTHING_LEARNED).fit(X[:80], y[:80]).score(X[80:], y[80:]) > at_least
    assert repr(np.random.get_state()) == state  # noqa: NPY002


@pytest.mark.parametrize("cls", [AECNNClassifier, CNNClassifier])
def test_wide_sparse_tables_begin_as_logistic_regression(cls):
    """Without becoming dense: the model is of the values as they are stored."""
    rng = np.random.default_rng(0)
    X = csr_array((rng.random((300, 2000)) < 0.01).astype(float))
    y = np.asarray(X[:, :300].sum(1)).ravel() > 2.9
    model = cls(**NOTHING_LEARNED).fit(X[:200], y[:200])
    assert model.score(X[:200], y[:200]) > 0.9


def test_wide_sparse_tables_begin_as_dense_ones():
    """What is not centred for the linear model is made up for in the network."""
    rng = np.random.default_rng(0)
    X = (rng.random((300, 600)) < 0.3).astype(float)
    y = X[:, :50].sum(1) > 15
    dense, sparse = (CNNClassifier(**NOTHING_LEARNED).fit(Z, y) for Z in (X, csr_array(X)))
    np.testing.assert_allclose(sparse.predict_proba(X), dense.predict_proba(X), atol=0.05)


def test_images_have_no_linear_model():
    """There it brings nothing; asked for, it is refused by name."""
    X, y = np.random.default_rng(0).normal(size=(20, 6, 6)), np.arange(20) % 2
    assert AECNNClassifier(max_epochs=1).fit(X, y).resolved_params_["linear_path"] is False
    with pytest.raises(ValueError, match=r"linear_path=True .* \(6, 6\).*linear_path=False"):
        AECNNClassifier(linear_path=True).fit(X, y)


def test_images_have_no_ensemble():
    """More than one member of a convolutional network is refused, with the remedy."""
    X, y = np.random.default_rng(0).normal(size=(20, 6, 6)), np.arange(20) % 2
    with pytest.raises(ValueError, match=r"n_estimators=3 .*BaggingClassifier"):
        AECNNClassifier(n_estimators=3).fit(X, y)


# -- members that see the features without bins -----------------------------------------------


def seen_by_members(model):
    """Return how many inputs the linear model of each member sees, and how many there are."""
    layer = model.net_.module_.backend.linear
    n_members, n_inputs = len(layer.weight), layer.weight.shape[2]
    if layer.strength is None:
        return [n_inputs] * n_members, n_inputs
    return (layer.strength > 0).sum((1, 2)).tolist(), n_inputs


@pytest.fixture(params=[AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor])
def of_columns(request):
    """Return what fits 400 rows of five features to a function of them, or to its sign."""

    def fit(function, **parameters):
        X = np.random.default_rng(0).normal(size=(400, 5))
        y = function(X)
        y = y > 0 if "Classifier" in request.param.__name__ else y
        return request.param(random_state=0, **parameters).fit(X, y)

    return fit


def test_every_second_member_sees_no_bins_of_a_linear_target(of_columns):
    """Where bins tell nothing that the features do not."""
    model = of_columns(lambda X: X[:, 0] - X[:, 1], max_epochs=3)
    seen, n_inputs = seen_by_members(model)
    assert n_inputs == 5 + 5 * 8
    assert seen == [45, 5, 45, 5, 45]
    weight = model.net_.module_.backend.linear.input_weight
    assert (weight[1::2, :, 5:] == 0).all()


def test_all_members_see_the_bins_that_a_target_needs(of_columns):
    """A linear model of the features knows nothing of it."""
    model = of_columns(lambda X: np.abs(X[:, 0]) - 0.7, max_epochs=1)
    seen, n_inputs = seen_by_members(model)
    assert seen == [n_inputs] * 5


@pytest.mark.parametrize(
    "parameters", [{"linear_path": False}, {"n_estimators": 1}, {"n_bins": None}]
)
def test_one_view_of_the_features(of_columns, parameters):
    """Without linear models that could tell, in a network by itself, and without bins."""
    model = of_columns(lambda X: X[:, 0] - X[:, 1], max_epochs=1, **parameters)
    layers = [part for part in model.net_.module_.modules() if isinstance(part, LinearMembers)]
    assert all(layer.strength is None or (layer.strength > 0).all() for layer in layers)


def test_what_a_member_does_not_see_does_not_move_it(of_columns):
    """Neither its start nor training: its first layer is that of the features."""
    model = of_columns(lambda X: X[:, 0] - X[:, 1], max_epochs=3)
    network = model.net_.module_
    columns = next(part for part in network.modules() if isinstance(part, ColumnEncoding))
    inputs = columns(torch.randn(20, 5))
    changed = inputs.clone()
    changed[:, 5:] += 1
    for layer in (part for part in network.modules() if isinstance(part, LinearMembers)):
        if layer.strength is not None:
            outputs, others = layer(inputs), layer(changed)
            assert torch.equal(outputs[1::2], others[1::2])
            assert not torch.allclose(outputs[::2], others[::2])


def test_three_of_five_members_see_columns_by_their_effects(of_columns):
    """Those that the target does not depend on a tenth as strongly, bins and values alike."""
    model = of_columns(lambda X: np.abs(X[:, 0]) - 0.5 * np.abs(X[:, 1]) - 0.35, max_epochs=1)
    network = model.net_.module_
    columns = next(part for part in network.modules() if isinstance(part, ColumnEncoding)).column
    layers = (part for part in network.modules() if isinstance(part, LinearMembers))
    strength = next(layer.strength for layer in layers if layer.strength is not None)[:, 0]
    for member, row in enumerate(strength):
        of_column = torch.stack([row[columns == column].mean() for column in range(5)])
        torch.testing.assert_close(row, of_column[columns])
        first, second, *others = (of_column / of_column.max()).tolist()
        if member < 3:
            assert first == 1
            assert 0.35 < second < 0.65
            assert max(others) < 0.3
        else:
            assert of_column.eq(1).all()
        assert row.square().mean() == pytest.approx(1)


def test_a_network_finds_what_interacts_among_noise():
    """Two of fifty columns, each with an effect of its own, which alone has an R² of 0.67."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 50))
    y = X[:, 0] + X[:, 1] + X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=800)
    model = AECNNRegressor(random_state=0).fit(X[:600], y[:600])
    assert model.score(X[600:], y[600:]) > 0.88


def test_a_fit_repeats_and_is_pickled(of_columns):
    """What members see is part of the model, and not of the parameters."""
    model = of_columns(lambda X: X[:, 0] - X[:, 1], max_epochs=3)
    X = np.random.default_rng(1).normal(size=(50, 5))
    again = of_columns(lambda X: X[:, 0] - X[:, 1], **model.resolved_params_)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


@pytest.mark.parametrize("cls", [AECNNRegressor, CNNRegressor])
@pytest.mark.parametrize("n_samples", [100, 600])
def test_samples_for_validation_are_not_learned(cls, n_samples):
    """Neither linear models nor the thresholds of trees know their targets."""
    X = np.random.default_rng(0).normal(size=(n_samples, 4))
    y = np.where(X[:, 0] > 0.5, np.sign(X[:, 1]), X[:, 2])
    held_out = []

    def watch(estimator, X, y):
        held_out.append(X)
        return 0.0

    model = cls(**NOTHING_LEARNED, early_stopping=True, scoring=watch).fit(X, y)
    before = model.predict(X)
    is_held_out = (X[:, None] == held_out[0]).all(axis=2).any(axis=1)
    assert is_held_out.sum() == n_samples // 10
    other = y.copy()
    other[is_held_out] = y[is_held_out][::-1]
    np.testing.assert_allclose(model.fit(X, other).predict(X), before, atol=1e-6)
