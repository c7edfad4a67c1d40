"""Quantiles of weighted values."""

import numpy as np
import pytest

from sk_aecnn.statistics._quantiles import upper_fence, weighted_quantile


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=200)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9, 1.0])
def test_equal_weights_give_the_quantile_of_numpy(values, share):
    """Without interpolation: the smallest value that the share is at or below."""
    expected = np.quantile(values, share, method="inverted_cdf")
    assert weighted_quantile(values, np.ones(200), share) == expected


def test_a_weight_is_a_number_of_values(values):
    """A weight of two is the value twice, of nothing the value left out."""
    weight = np.arange(200) % 3
    repeated = np.repeat(values, weight)
    for share in (0.1, 0.5, 0.95):
        expected = weighted_quantile(repeated, np.ones(len(repeated)), share)
        assert weighted_quantile(values, weight, share) == expected


def test_a_fence_is_that_of_a_box_plot(values):
    """1.5 interquartile ranges beyond the third quartile, of the roots."""
    first, third = np.quantile(np.abs(values), [0.25, 0.75], method="inverted_cdf")
    fence = third + 1.5 * (third - first)
    assert upper_fence(values**2, np.ones(200)) == pytest.approx(fence**2)


@pytest.mark.parametrize("value", [0.0, 0.1, 7.3, 1e30])
def test_equal_values_are_within_their_fence(value):
    """Rounding puts none of them beyond it."""
    assert upper_fence(np.full(5, value), np.ones(5)) >= value
