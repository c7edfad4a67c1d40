"""Ranks of values, as they would be of a normal distribution."""

import numpy as np
import pytest
import torch
from scipy.stats import norm, rankdata
from sklearn.preprocessing import QuantileTransformer

from sk_aecnn.nn import NormalScores


def column(values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def score(fitted, values, row_weight=None):
    fitted = column(fitted)
    rows = column(values)
    return NormalScores([0], fitted, row_weight)(torch.zeros_like(rows), rows)[:, 0].numpy()


def test_scores_are_quantiles_at_middle_ranks():
    """Equal values have the mean of their ranks."""
    values = np.random.default_rng(0).integers(30, size=200).astype(float)
    expected = norm.ppf((rankdata(values) - 0.5) / 200)
    np.testing.assert_allclose(score(values, values), expected)


@pytest.mark.parametrize("n_samples", [200, 2000, 20_000])
def test_few_of_many_values_are_kept(n_samples):
    """Scores of the others are about right, in the tails as well."""
    values = np.exp(3 * np.random.default_rng(0).normal(size=n_samples))
    assert NormalScores([0], column(values), None).value.shape[1] <= 129
    expected = norm.ppf((rankdata(values) - 0.5) / n_samples)
    errors = np.abs(score(values, values) - expected)
    assert errors.max() < 0.1
    assert errors.mean() < 0.02


def test_scores_are_about_those_of_scikit_learn():
    """But for the ends."""
    values = np.exp(np.random.default_rng(0).normal(size=4000))
    peer = QuantileTransformer(output_distribution="normal").fit(values[:, None])
    new = np.quantile(values, np.linspace(0.01, 0.99, 50))
    expected = peer.transform(new[:, None])[:, 0]
    np.testing.assert_allclose(score(values, new), expected, atol=0.05)


def test_beyond_the_values_of_fit_scores_are_those_of_the_last():
    """Also of values as far as single precision goes."""
    rows = column([0.0, 1.0, 10.0]).float()
    layer = NormalScores([0], rows.double(), None).float()
    far = column([-1e38, -1.0, 0.0, 10.0, 11.0, 1e38]).float()
    found = layer(torch.zeros_like(far), far)[:, 0]
    low, high = norm.ppf([1 / 6, 5 / 6])
    torch.testing.assert_close(found, torch.tensor([low] * 3 + [high] * 3).float())


def test_features_of_fewer_values_have_their_own_scores():
    """Features are scored together, whatever the numbers of their values."""
    x = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 6.0], [4.0, 6.0]]).double()
    both = NormalScores([0, 1], x, None)(torch.zeros_like(x), x)
    for feature in range(2):
        one = NormalScores([feature], x, None)(torch.zeros_like(x), x)
        assert torch.equal(both[:, feature], one[:, feature])


def test_weights_count_as_copies():
    """A row of weight two counts as two rows, one of weight zero as none."""
    values, weight = [1.0, 2.0, 7.0, 8.0], torch.tensor([1.0, 2.0, 1.0, 0.0])
    np.testing.assert_allclose(
        score(values, values[:3], weight), score([1.0, 2.0, 2.0, 7.0], values[:3])
    )


def test_missing_values_count_nowhere():
    """Scores are those of the values that are known."""
    np.testing.assert_array_equal(score([1.0, np.nan, 3.0], [1.0, 3.0]), score([1.0, 3.0], [1, 3]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_scored_one_by_one(dtype):
    """A row alone has the scores that it has among others."""
    x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)).double().exp()
    layer = NormalScores([0, 2], x, None).to(dtype)
    x = x.to(dtype)
    together = layer(x, x)
    assert torch.equal(torch.cat([layer(row, row) for row in x.split(1)]), together)
    assert torch.equal(together[:, 1], x[:, 1])


def test_values_that_single_precision_does_not_tell_apart():
    """The first two are one number there, of which there is a score."""
    x = column([1.0, 1.0 + 1e-12, 2.0])
    layer = NormalScores([0], x, None).float()
    assert layer(x.float(), x.float()).isfinite().all()
