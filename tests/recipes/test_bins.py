"""How many bins the columns of a large table get."""

import numpy as np
import pytest

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor
from sk_aecnn.recipes import _input

N_SAMPLES = 5_500
ESTIMATORS = [AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor]


def _table(n_columns=3, n_samples=N_SAMPLES):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n_samples, n_columns)), rng.normal(size=n_samples)


def _wave(X, noise):
    return np.sin(50 * X[:, 0]) + 0.2 * noise


def _targets(estimator, signal):
    is_regressor = issubclass(estimator, (AECNNRegressor, CNNRegressor))
    return signal if is_regressor else (signal > 0).astype(int)


def _fit(estimator, X, signal, **params):
    return estimator(max_epochs=1, random_state=0, **params).fit(X, _targets(estimator, signal))


def _n_bins(model):
    return model.resolved_params_["n_bins"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_many_bins_hold_what_changes_fast(estimator):
    """A wave of eight periods is beyond eight bins; refitting with the number gives the same."""
    X, noise = _table()
    signal = _wave(X, noise)
    model = _fit(estimator, X, signal)
    assert _n_bins(model) == 32
    again = _fit(estimator, X, signal, n_bins=32)
    np.testing.assert_array_equal(again.predict(X[:50]), model.predict(X[:50]))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_smooth_function_needs_no_more_bins(estimator):
    X, noise = _table()
    assert _n_bins(_fit(estimator, X, X[:, 0] - X[:, 1] + 0.3 * noise)) == 8


@pytest.mark.parametrize("estimator", [CNNClassifier, CNNRegressor])
def test_chance_needs_no_more_bins(estimator):
    X, noise = _table()
    assert _n_bins(_fit(estimator, X, noise)) == 8


@pytest.mark.parametrize(
    ("shape", "params"),
    [
        ((3, 4_500), {}),  # too few samples
        ((13, N_SAMPLES), {}),  # too many columns
        ((3, N_SAMPLES), {"n_bins": 8}),  # which the user has set
    ],
)
def test_eight_bins_stay_where_more_are_not_tried(shape, params):
    X, noise = _table(*shape)
    assert _n_bins(_fit(CNNRegressor, X, _wave(X, noise), **params)) == 8


def test_classes_need_fewer_samples_for_more_bins():
    X, noise = _table(3, 3_500)
    assert _n_bins(_fit(CNNClassifier, X, _wave(X, noise))) == 32


def test_nothing_is_compared_where_no_column_has_bins_to_be_more(monkeypatch):
    """Whole numbers up to ten have an input each, and linear models would see the same twice."""
    compared = []
    monkeypatch.setattr(_input, "losses_of_linear_model", lambda *_: compared.append(1))
    X, noise = _table()
    assert _n_bins(_fit(CNNRegressor, np.floor(10 * X), _wave(X, noise))) == 8
    assert not compared


def test_samples_of_little_weight_say_little():
    """Where the wave is of samples that weigh next to nothing, the others need no more bins."""
    X, noise = _table(n_samples=2 * N_SAMPLES)
    waves = np.arange(len(X)) % 2 == 0
    signal = np.where(waves, _wave(X, noise), X[:, 0] + 0.3 * noise)
    for weight, n_bins in ((np.where(waves, 1e-4, 1.0), 8), (np.ones(len(X)), 32)):
        model = CNNRegressor(max_epochs=1, random_state=0)
        assert _n_bins(model.fit(X, signal, sample_weight=weight)) == n_bins


@pytest.mark.parametrize("n_labeled", [2_999, 3_000])
def test_samples_with_a_label_are_counted_and_compared(n_labeled):
    """However many others there are."""
    X, noise = _table(n_samples=10 * N_SAMPLES)
    y = np.where(np.arange(len(X)) < n_labeled, _wave(X, noise) > 0, -1)
    order = np.random.default_rng(1).permutation(len(X))
    model = AECNNClassifier(2, unlabeled=-1, max_epochs=1, batch_size=4096, random_state=0)
    assert _n_bins(model.fit(X[order], y[order])) == (32 if n_labeled == 3_000 else 8)


def test_samples_held_out_do_not_count():
    """Of 5 555 samples, a tenth of which are held out, 4 999 are trained on."""
    for n_samples, n_bins in ((5_550, 8), (5_600, 32)):
        X, noise = _table(n_samples=n_samples)
        model = _fit(CNNRegressor, X, _wave(X, noise), early_stopping=True)
        assert _n_bins(model) == n_bins


def test_two_targets_are_compared_together():
    X, noise = _table()
    model = CNNRegressor(max_epochs=1, random_state=0)
    assert _n_bins(model.fit(X, np.column_stack([_wave(X, noise), X[:, 1]]))) == 32


def test_names_are_not_told_by_bins():
    """A column of names has an input for each, so that more bins of it add nothing."""
    X, noise = _table()
    shop = np.floor(200 * X[:, 0])
    effect = np.random.default_rng(1).normal(size=200)
    table = np.column_stack([shop, X[:, 1:]])
    model = _fit(CNNRegressor, table, effect[shop.astype(int)] + X[:, 1] + 0.3 * noise)
    assert _n_bins(model) == 8


def test_inputs_stay_below_their_limit():
    """Eighty columns of eleven whole numbers leave no room for more bins of ten others."""
    X, noise = _table(10)
    few = np.random.default_rng(1).integers(0, 11, size=(len(X), 80))
    assert _n_bins(_fit(CNNRegressor, np.hstack([X, few]), _wave(X, noise))) == 8


@pytest.mark.parametrize("seed", range(4))
def test_a_lower_loss_by_chance_does_not_count(seed):
    """Of a class of few samples, some of them are most of the loss."""
    rng = np.random.default_rng(seed)
    X, y = rng.uniform(size=(6_000, 12)), np.zeros(6_000, dtype=int)
    y[rng.choice(6_000, 5, replace=False)] = 1
    assert _n_bins(CNNClassifier(max_epochs=1, random_state=0).fit(X, y)) == 8
