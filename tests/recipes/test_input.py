"""The front of networks: the piecewise linear encoding of tables in different units."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from torch import nn

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor
from sk_aecnn.nn import PiecewiseLinearEncoding


@pytest.fixture(scope="module")
def table():
    """400 rows of 12 columns in different units, with two classes."""
    X = np.random.default_rng(0).normal(size=(400, 12)) * np.logspace(0, 4, 12)
    return X, (X[:, 0] > 0).astype(int)


def has_bins(estimator):
    modules = estimator.net_.module_.modules()
    return any(isinstance(module, PiecewiseLinearEncoding) for module in modules)


@pytest.mark.parametrize("cls", [AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor])
def test_predictors_bin_the_columns_of_tables_in_different_units(cls, table):
    """Columns in units of their own are binned; one unit for all is left as it is."""
    X, y = table
    assert has_bins(cls(max_epochs=1).fit(X, y))
    assert has_bins(cls(max_epochs=1, scaling="feature").fit(X, y))
    assert not has_bins(cls(max_epochs=1, scaling="shared").fit(X, y))
    assert not has_bins(cls(max_epochs=1).fit(X / np.logspace(0, 4, 12) * np.r_[1:13] / 3, y))


@pytest.mark.parametrize("cls", [AECNNClassifier, CNNClassifier])
def test_what_lies_in_ranges_is_learned_sooner(cls):
    """Ranges of one of twelve columns that tell the class are found with bins, not without."""
    X = np.random.default_rng(0).normal(size=(1600, 12))
    y = np.digitize(X[:, 0], [-0.67, 0, 0.67]) % 2

    def accuracy(scaling):
        estimator = cls(max_epochs=10, scaling=scaling, random_state=0)
        return estimator.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:])

    assert accuracy("feature") > accuracy("shared") + 0.08


@pytest.mark.parametrize(
    "make",
    [
        lambda: AECNNClassifier(encoder="dense"),
        lambda: AECNNClassifier(encoder=lambda shape, dim: nn.Linear(*shape, dim)),
        lambda: CNNClassifier(backend=lambda shape, n: nn.Linear(*shape, n)),
    ],
    ids=["dense", "custom encoder", "custom back end"],
)
def test_networks_that_were_asked_for_see_the_features_alone(table, make):
    """Neither the plain encoder nor a custom module gets bins."""
    assert not has_bins(make().set_params(max_epochs=1).fit(*table))


@pytest.mark.parametrize("n_rows", [199, 200])
def test_bins_need_a_hundred_rows_each(table, n_rows):
    """From two hundred rows on a column has two bins."""
    X, y = (part[:n_rows] for part in table)
    assert has_bins(AECNNClassifier(max_epochs=1).fit(X, y)) == (n_rows == 200)


def test_columns_of_two_values_take_no_room(table):
    """Hundreds of indicators beside the numbers do not keep these from being binned."""
    X, y = table
    indicators = (np.random.default_rng(1).random((400, 300)) < 0.2).astype(float)
    assert has_bins(AECNNClassifier(max_epochs=1).fit(np.hstack([X, indicators]), y))


def test_tables_of_too_many_bins_are_not_binned():
    """A thousand bins are the most: 125 columns of eight, but not 126."""
    X = np.random.default_rng(0).normal(size=(800, 126))
    y = (X[:, 0] > 0).astype(int)
    estimator = CNNClassifier(max_epochs=1, scaling="feature")
    assert has_bins(estimator.fit(X[:, :125], y))
    assert not has_bins(estimator.fit(X, y))


@pytest.mark.parametrize("cls", [AECNNClassifier, CNNClassifier])
def test_sparse_tables_are_binned_as_dense_ones(cls, table):
    """A network does not depend on how the numbers of a table are kept."""
    X, y = table
    X = np.where(np.abs(X) > X.std(0), X, 0)
    dense, sparse = (cls(max_epochs=2, random_state=0).fit(rows, y) for rows in (X, csr_array(X)))
    assert has_bins(sparse)
    np.testing.assert_array_equal(sparse.predict_proba(X), dense.predict_proba(X))


def test_a_joint_network_on_bins_rebuilds_the_features(table, assert_rows_alike):
    """Codes and reconstructions are those of the columns; bins are the encoder's affair."""
    X, y = table
    estimator = AECNNClassifier(5, max_epochs=2, random_state=0).fit(X, y)
    assert estimator.transform(X).shape == (400, 5)
    assert estimator.reconstruct(X).shape == X.shape
    assert_rows_alike(estimator.transform(X[7:8]), estimator.transform(X)[7:8])
