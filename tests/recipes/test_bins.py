"""How many bins the columns of a large table get."""

import numpy as np
import pytest

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor

N_SAMPLES = 5_500
ESTIMATORS = [AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor]


def _table(n_columns=3, n_samples=N_SAMPLES):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n_samples, n_columns)), rng.normal(size=n_samples)


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
    signal = np.sin(50 * X[:, 0]) + 0.2 * noise
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
    assert _n_bins(_fit(CNNRegressor, X, np.sin(50 * X[:, 0]) + 0.2 * noise, **params)) == 8


def test_classes_need_fewer_samples_for_more_bins():
    X, noise = _table(3, 3_500)
    assert _n_bins(_fit(CNNClassifier, X, np.sin(50 * X[:, 0]) + 0.2 * noise)) == 32


def test_columns_of_few_values_have_no_bins_to_be_more():
    """With whole numbers up to ten alone there is nothing to part."""
    X, noise = _table()
    assert _n_bins(_fit(CNNRegressor, np.floor(10 * X), np.sin(50 * X[:, 0]) + noise)) == 8


def test_samples_without_weight_do_not_count():
    """Where the wave is of samples that weigh nothing, the others need no more bins."""
    X, noise = _table()
    waves = np.arange(len(X)) % 2 == 0
    signal = np.where(waves, np.sin(50 * X[:, 0]), X[:, 0] + 0.3 * noise)
    model = CNNRegressor(max_epochs=1, random_state=0)
    assert _n_bins(model.fit(X, signal, sample_weight=np.where(waves, 0.0, 1.0))) == 8
