"""Covariances that a few factors tell, where values are missing."""

import numpy as np
import pytest

from sk_aecnn.statistics._factors import fit_factors


@pytest.fixture(scope="module")
def true():
    """Covariances of 60 features of variance one that share two factors."""
    loadings = np.random.default_rng(0).uniform(-0.6, 0.6, size=(60, 2))
    return loadings @ loadings.T + np.diag(1 - np.square(loadings).sum(axis=1))


@pytest.fixture(scope="module")
def rows(true):
    x = np.random.default_rng(1).multivariate_normal(np.zeros(60), true, size=3000)
    return x / x.std(axis=0)


def covariance(x, weight=None, n_factors=2):
    weight = np.ones(len(x)) if weight is None else weight
    loadings, noise = fit_factors(x, weight, n_factors)
    return loadings @ loadings.T + np.diag(noise)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_they_are_those_of_what_is_not_seen(rows, true, share):
    """At least as near to the true ones as those of all rows, even if 30 % of the values miss."""
    x = np.where(np.random.default_rng(2).random(rows.shape) < share, np.nan, rows)
    found = covariance(x)
    np.testing.assert_allclose(np.diag(found), 1)
    error = np.sqrt(np.square(found - true).mean())
    assert error < np.sqrt(np.square(rows.T @ rows / 3000 - true).mean())


def test_a_weight_of_two_is_two_rows(rows):
    """Weights count as repetitions."""
    x, weight = rows[:300], np.repeat([1.0, 2.0], 150)
    repeated = np.repeat(x, weight.astype(int), axis=0)
    np.testing.assert_allclose(covariance(x, weight), covariance(repeated), atol=1e-10)


def test_few_rows_have_few_factors(rows):
    """A quarter as many at the most, and one at the least."""
    assert fit_factors(rows[:20], np.ones(20), 32)[0].shape == (60, 5)
    assert fit_factors(rows[:1], np.ones(1), 32)[0].shape == (60, 1)


def test_copies_leave_noise(rows):
    """Of features that are equal, covariances stay positive definite."""
    x = np.repeat(rows[:, :3], 20, axis=1)
    found = covariance(x, n_factors=10)
    assert np.linalg.eigvalsh(found)[0] > 0.019
    assert found[0, 1] == pytest.approx(0.98, abs=0.01)


def test_a_column_without_a_value_is_independent(rows):
    """And a constant, which is zero throughout."""
    x = rows.copy()
    x[:, 4], x[:, 5] = np.nan, 0
    found = covariance(x)
    np.testing.assert_allclose(found[[4, 5]], np.eye(60)[[4, 5]], atol=1e-12)
