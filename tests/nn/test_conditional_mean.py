"""Missing values, as the others of their row let expect them."""

import numpy as np
import pytest
import torch

from sk_aecnn.nn import MOST_DEVIATIONS, ConditionalMean, DensePrecision, FactorPrecision


@pytest.fixture
def factors():
    """Loadings of nine features on three factors, and their noise; variances are one."""
    loadings = np.random.default_rng(0).normal(size=(9, 3))
    deviation = np.sqrt(np.square(loadings).sum(axis=1) + 0.1)
    return loadings / deviation[:, None], 0.1 / np.square(deviation)


@pytest.fixture
def covariance(factors):
    loadings, noise = factors
    return loadings @ loadings.T + np.diag(noise)


@pytest.fixture(params=["dense", "factors"])
def build(request, factors, covariance):
    """What fills in by covariances of given standard deviations, told as a matrix or by factors."""

    def build(deviation, dtype=torch.float32):
        if request.param == "dense":
            precision = DensePrecision(torch.from_numpy(covariance), dtype)
        else:
            precision = FactorPrecision(*map(torch.from_numpy, factors), dtype)
        return ConditionalMean(precision, torch.from_numpy(deviation), dtype)

    return build


@pytest.fixture
def holes():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 9))
    x[rng.random(x.shape) < 0.4] = np.nan
    x[0] = np.nan
    return torch.from_numpy(x)


def test_it_is_the_conditional_expectation(build, covariance, holes):
    """In units of the features; of a row of which nothing is known, it is the mean."""
    deviation = np.linspace(0.5, 2, 9)
    fill = build(deviation, torch.float64)
    filled = fill(holes, holes.isnan()).numpy()
    for row, result in zip(holes.numpy(), filled, strict=True):
        known = ~np.isnan(row)
        weights = np.linalg.solve(covariance[np.ix_(known, known)], row[known] / deviation[known])
        expected = covariance[np.ix_(~known, known)] @ weights * deviation[~known]
        np.testing.assert_allclose(result[~known], expected, atol=1e-3)
        np.testing.assert_array_equal(result[known], row[known])
    assert (filled[0] == 0).all()


def test_of_few_features_it_is_exact(covariance, holes):
    """There are as many steps as features, which are enough."""
    covariance, x = torch.from_numpy(covariance[:3, :3]), holes[:, :3]
    fill = ConditionalMean(
        DensePrecision(covariance, torch.float64), torch.ones(3).double(), torch.float64
    )
    filled = fill(x, x.isnan())
    assert fill.n_steps == 3
    for row, result in zip(x, filled, strict=True):
        known = ~row.isnan()
        weights = torch.linalg.solve(covariance[known][:, known], row[known])
        torch.testing.assert_close(result[~known], covariance[~known][:, known] @ weights)


def test_training_fills_in_the_same(build, holes):
    """Where some rows have nothing to fill in, too."""
    fill = build(np.ones(9), torch.float64)
    x = torch.cat([holes, torch.ones(5, 9).double()])
    learned = fill.train()(x, x.isnan())
    torch.testing.assert_close(learned, fill.eval()(x, x.isnan()))
    assert torch.equal(learned[-5:], x[-5:])


def test_rows_do_not_depend_on_each_other(build, holes):
    """To the last bit, in prediction."""
    fill = build(np.ones(9)).eval()
    x = holes.float()
    parts = torch.cat([fill(part, part.isnan()) for part in (x[:17], x[17:])])
    assert torch.equal(parts, fill(x, x.isnan()))


@pytest.mark.parametrize("far", [1e10, 3e38])
def test_a_wild_value_tells_no_more_than_a_large_one(build, far):
    """What is expected stays in the range of five standard deviations, and finite."""
    fill = build(np.ones(9)).eval()
    x = torch.full((2, 9), torch.nan)
    x[0, 3], x[1, 3] = far, MOST_DEVIATIONS
    filled = fill(x, x.isnan())
    assert (filled[:, :3].abs() <= MOST_DEVIATIONS).all()
    assert torch.equal(filled[0, :3], filled[1, :3])
    assert filled[0, 3] == far


def test_constants_tell_nothing(build):
    """A feature that never varied stays at its mean, and others do not go by it."""
    deviation = np.ones(9)
    deviation[3] = 0
    fill = build(deviation)
    x = torch.full((2, 9), torch.nan)
    x[1, 3] = 1.0
    filled = fill(x, x.isnan())
    assert torch.equal(filled[0], torch.zeros(9))
    assert torch.equal(filled[1, :3], torch.zeros(3))
