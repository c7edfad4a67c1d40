"""The front of networks: the encoding of the columns of tables."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from torch import nn

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor
from sk_aecnn.nn import ColumnEncoding


@pytest.fixture(scope="module")
def table():
    """400 rows of 12 columns in different units, with two classes."""
    X = np.random.default_rng(0).normal(size=(400, 12)) * np.logspace(0, 4, 12)
    return X, (X[:, 0] > 0).astype(int)


def has_columns(estimator):
    modules = estimator.net_.module_.modules()
    return any(isinstance(module, ColumnEncoding) for module in modules)


@pytest.mark.parametrize("cls", [AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor])
def test_predictors_encode_the_columns_of_tables(cls, table):
    """Whatever their units are; not where n_bins=None, nor the pixels of images."""
    X, y = table
    assert has_columns(cls(max_epochs=1).fit(X, y))
    assert has_columns(cls(max_epochs=1, scaling="shared").fit(X, y))
    assert not has_columns(cls(max_epochs=1, n_bins=None).fit(X, y))
    assert not has_columns(cls(max_epochs=1).fit(X.reshape(400, 3, 4), y))


@pytest.mark.parametrize("cls", [AECNNClassifier, CNNClassifier])
def test_what_lies_in_ranges_is_learned_with_bins(cls):
    """Ranges of one of twelve columns that tell the class are found with bins, not without."""
    X = np.random.default_rng(0).normal(size=(1600, 12))
    y = np.digitize(X[:, 0], [-0.67, 0, 0.67]) % 2

    def accuracy(n_bins):
        estimator = cls(max_epochs=3, n_bins=n_bins, random_state=0)
        return estimator.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:])

    assert accuracy("auto") > accuracy(None) + 0.2


@pytest.mark.parametrize("cls", [AECNNClassifier, CNNClassifier])
def test_categories_that_are_numbers_are_told_apart(cls):
    """Classes that are those of two columns of codes, in no order, are learned."""
    X = np.random.default_rng(0).integers(0, 5, size=(600, 4)).astype(float)
    y = np.isin(X[:, 0], [0, 3]) ^ np.isin(X[:, 1], [1, 4])
    assert cls(random_state=0).fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.95


@pytest.mark.parametrize("n_samples", [80, 200])
@pytest.mark.parametrize("cls", [AECNNRegressor, CNNRegressor])
@pytest.mark.parametrize(("function", "is_scored"), [(np.log, True), (np.asarray, False)])
def test_far_values_get_scores_unless_numbers_are_linear_in_them(
    cls, n_samples, function, is_scored
):
    """With bins (200 samples) and without (80)."""
    rng = np.random.default_rng(0)
    X = np.exp(3 * rng.normal(size=(n_samples + 200, 4)))
    y = function(X) @ rng.normal(size=4)
    model = cls(random_state=0).fit(X[:n_samples], y[:n_samples])
    (encoding,) = (part for part in model.net_.module_.modules() if type(part) is ColumnEncoding)
    assert (encoding.scores is not None) is is_scored
    assert model.score(X[n_samples:], y[n_samples:]) > (0.95 if is_scored else 0.99)


@pytest.mark.parametrize("cls", [AECNNRegressor, CNNRegressor])
def test_features_of_unequal_numbers_of_values_have_scores(cls):
    """Amounts and counts, of which one is not known."""
    rng = np.random.default_rng(0)
    X = np.exp([2, 1.5] * rng.normal(size=(400, 2)) + 1)
    X[:, 1] = X[:, 1].round()
    y = np.log1p(X).sum(axis=1)
    X[3, 0] = np.nan
    model = cls(random_state=0).fit(X[:200], y[:200])
    (encoding,) = (part for part in model.net_.module_.modules() if type(part) is ColumnEncoding)
    assert encoding.scores.column.tolist() == [0, 1]
    assert model.score(X[200:], y[200:]) > 0.98


def test_classes_are_told_by_clipped_features():
    """Whether far values outweigh all others or not."""
    X = np.exp(3 * np.random.default_rng(0).normal(size=(200, 3)))
    model = AECNNClassifier(max_epochs=1).fit(X, X[:, 0] > 1)
    (encoding,) = (part for part in model.net_.module_.modules() if type(part) is ColumnEncoding)
    assert encoding.scores is None
    assert encoding.clipped.all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: AECNNClassifier(encoder=lambda shape, dim: nn.Linear(*shape, dim)),
        lambda: AECNNClassifier(scaling=None, n_bins=None),
    ],
    ids=["custom encoder", "none"],
)
def test_networks_that_were_asked_for_see_the_features_alone(table, make):
    """Neither a custom encoder nor n_bins=None gets encoded columns."""
    assert not has_columns(make().set_params(max_epochs=1).fit(*table))


def test_tables_of_too_many_bins_are_not_encoded():
    """A thousand bins are the most: 125 columns of eight, but not 126."""
    X = np.random.default_rng(0).normal(size=(800, 126))
    y = (X[:, 0] > 0).astype(int)
    estimator = CNNClassifier(max_epochs=1)
    assert has_columns(estimator.fit(X[:, :125], y))
    assert not has_columns(estimator.fit(X, y))
    assert estimator.resolved_params_["n_bins"] is None


@pytest.mark.parametrize("cls", [AECNNClassifier, CNNClassifier])
def test_sparse_tables_are_encoded_as_dense_ones(cls, table):
    """A network does not depend on how the numbers of a table are kept."""
    X, y = table
    X = np.where(np.abs(X) > X.std(0), X, 0)
    dense, sparse = (cls(max_epochs=2, random_state=0).fit(rows, y) for rows in (X, csr_array(X)))
    assert has_columns(sparse)
    np.testing.assert_array_equal(sparse.predict_proba(X), dense.predict_proba(X))


def test_a_joint_network_rebuilds_the_features(table, assert_rows_alike):
    """Codes and reconstructions are those of the columns; their encoding is the encoder's."""
    X, y = table
    estimator = AECNNClassifier(5, max_epochs=2, random_state=0).fit(X, y)
    assert estimator.transform(X).shape == (400, 5)
    assert estimator.reconstruct(X).shape == X.shape
    assert_rows_alike(estimator.transform(X[7:8]), estimator.transform(X)[7:8])
