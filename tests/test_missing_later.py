"""Values that are missing in prediction, in features of which none was in fit."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from sk_aecnn import (
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
)

METHODS = ("transform", "predict_proba", "score_samples", "predict", "reconstruct")


@pytest.fixture(params=[12, 240], ids=["covariances", "factors"])
def rows(request):
    """300 rows of features that share four factors, and the sum of these."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(300, 4))
    X = factors @ rng.normal(size=(4, request.param)) + 0.1 * rng.normal(size=(300, request.param))
    return X, factors.sum(axis=1)


def with_holes(X, share=0.3):
    return np.where(np.random.default_rng(1).random(X.shape) < share, np.nan, X)


@pytest.mark.parametrize(
    "estimator",
    [
        AECNNRegressor(2, max_epochs=2, random_state=0),
        CNNClassifier(max_epochs=2, random_state=0),
        AutoencoderTransformer(2, max_epochs=2, random_state=0),
        AutoencoderOutlierDetector(2, max_epochs=2, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_complete_rows_are_as_without(estimator, rows):
    """To the last bit, beside rows with missing values too, which are filled in by the others."""
    X, y = rows
    estimator.fit(X, y > 0 if isinstance(estimator, CNNClassifier) else y)
    methods = [getattr(estimator, name) for name in METHODS if hasattr(estimator, name)]
    mixed = np.concatenate([X[:50], with_holes(X[50:])])
    found = [method(mixed) for method in methods]
    estimator.net_.module_.layout.expectation = None
    for result, method in zip(found, methods, strict=True):
        np.testing.assert_array_equal(result[:50], method(X[:50]))
    assert not np.array_equal(found[0][50:], methods[0](mixed)[50:])


def test_what_is_missing_is_told_by_the_others(rows):
    """A third of the values is enough for a target that all features share."""
    X, y = rows
    fitted = AECNNRegressor(random_state=0).fit(X[:200], y[:200])
    test = with_holes(X[200:])
    assert fitted.score(test, y[200:]) > 0.97
    fitted.net_.module_.layout.expectation = None  # means in their place
    assert fitted.score(test, y[200:]) < 0.93


def test_many_features_with_missing_values_in_fit(rows):
    """More than 200 as well are filled in by what they share, in training and after it."""
    X, y = rows
    X = with_holes(X)
    assert AECNNRegressor(random_state=0).fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.97


def test_reconstructions_fill_in_what_is_missing(rows):
    """An autoencoder that has seen complete rows alone."""
    X, _ = rows
    coder = AutoencoderTransformer(4, max_epochs=5, random_state=0).fit(X[:200])
    X, given = X[200:], with_holes(X[200:])
    missing = np.isnan(given)
    error = np.square(coder.reconstruct(given) - X)[missing].mean()
    assert error < 0.05 * np.square(X - X.mean(axis=0))[missing].mean()


@pytest.mark.parametrize("X", [np.eye(20, 1001), csr_array(np.eye(20, 30))], ids=["wide", "sparse"])
def test_means_are_put_where_covariances_cost_too_much(X):
    """Of more than a thousand features, and of sparse rows, which have no missing values."""
    coder = AutoencoderTransformer(2, hidden_layer_sizes=(4,), max_epochs=1, random_state=0).fit(X)
    assert coder.net_.module_.layout.expectation is None
    holes = np.full((1, X.shape[1]), np.nan)
    means = np.asarray(X.mean(axis=0)).reshape(1, -1)
    np.testing.assert_allclose(coder.transform(holes), coder.transform(means), atol=1e-5)


def test_the_torch_module_fills_in_as_the_estimator(rows):
    """`to_torch` of rows with missing values."""
    import torch

    X, y = rows
    fitted = AECNNRegressor(max_epochs=2, random_state=0).fit(X, y)
    given = with_holes(X)
    found = fitted.to_torch()(torch.from_numpy(given)).detach().numpy()
    np.testing.assert_allclose(found, fitted.predict(given), rtol=1e-5, atol=1e-5)
