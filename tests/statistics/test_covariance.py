"""Covariances where values are missing."""

import numpy as np
import pytest

from sk_aecnn.statistics import _covariance
from sk_aecnn.statistics._covariance import fit_covariance

TRUE = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.3], [0.0, 0.3, 1.0]])


@pytest.fixture
def holes():
    """2 000 rows of three features of known covariances, 30 % of the values missing."""
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal(np.zeros(3), TRUE, size=2000)
    x[rng.random(x.shape) < 0.3] = np.nan
    return x


def test_they_are_those_of_what_is_not_seen(holes):
    """Within three standard errors, where those of rows filled with means are far off."""
    covariance = fit_covariance(holes, np.ones(2000))
    np.testing.assert_allclose(covariance, TRUE, atol=3 / np.sqrt(2000 * 0.7**2))
    filled = np.nan_to_num(holes)
    assert (filled.T @ filled / 2000)[0, 1] < 0.6


def test_without_holes_they_are_those_of_the_rows(holes):
    """Shrunk by two percent towards independence."""
    x = np.nan_to_num(holes)
    covariance = fit_covariance(x, np.ones(2000))
    np.testing.assert_allclose(covariance, 0.98 * x.T @ x / 2000 + 0.02 * np.eye(3))


def test_a_weight_of_two_is_two_rows(holes):
    """Weights count as repetitions."""
    x, weight = holes[:200], np.repeat([1.0, 2.0], 100)
    repeated = np.repeat(x, weight.astype(int), axis=0)
    expected = fit_covariance(repeated, np.ones(300))
    np.testing.assert_allclose(fit_covariance(x, weight), expected, atol=1e-12)


def test_rows_and_columns_without_a_value(holes):
    """A column that is never known is independent of the others; a row tells nothing."""
    x = holes.copy()
    x[:, 2] = np.nan
    x[:50] = np.nan
    covariance = fit_covariance(x, np.ones(2000))
    np.testing.assert_allclose(covariance[2], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(covariance[:2, :2], TRUE[:2, :2], atol=0.1)


def test_of_many_features_some_rows_are_enough(monkeypatch):
    """With more missing values than there is memory for, a part of the rows is taken."""
    monkeypatch.setattr(_covariance, "_MOST_NUMBERS", 400_000)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 1)) + 0.5 * rng.normal(size=(2000, 40))
    x /= x.std(axis=0)
    x[rng.random(x.shape) < 0.3] = np.nan
    covariance = fit_covariance(x, np.ones(2000))
    most = np.isnan(x).sum(axis=1).max()
    assert most**2 * len(x) > 400_000
    assert np.linalg.eigvalsh(covariance)[0] > 0
    assert covariance[~np.eye(40, dtype=bool)].mean() == pytest.approx(0.8, abs=0.05)
