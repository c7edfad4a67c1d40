"""Histograms: how rare the values of features are by themselves."""

import numpy as np
import pytest
import torch

from sk_aecnn.nn._surprisal import surprisal_of_values
from sk_aecnn.statistics._histograms import Histograms


def histograms_of(x, weight=None):
    """Return those of rows, NaN where nothing is known."""
    weight = np.ones(len(x)) if weight is None else weight
    return Histograms.of(np.nan_to_num(x), ~np.isnan(x), weight)


def surprisal(histograms, x):
    arguments = (torch.from_numpy(values) for values in vars(histograms).values())
    return surprisal_of_values(torch.from_numpy(x), *arguments).numpy()


def test_frequencies_are_those_of_a_density():
    """Up to the largest one, they are those of the distribution that values are drawn from."""
    x = np.random.default_rng(0).normal(size=(200_000, 1)).clip(-3, 3)
    at = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]])
    # the outer ones are less rare by 0.06 for the thousandth at every knot, and by the knots' width
    np.testing.assert_allclose(surprisal(histograms_of(x), at)[:, 0], at[:, 0] ** 2 / 2, atol=0.12)


def test_a_gap_is_rare():
    """A value between two groups is less usual than any of them, one beyond them as well."""
    x = np.random.default_rng(0).normal([[-5.0], [5.0]] * 500, 0.5)
    usual, gap, beyond = (
        surprisal(histograms_of(x), np.array([[value]]))[0, 0] for value in (5.0, 0.0, 30.0)
    )
    assert usual < 1 < gap
    np.testing.assert_allclose(gap, beyond)


def test_it_changes_little_with_the_value():
    """Nowhere does it jump."""
    x = np.random.default_rng(0).integers(0, 50, (300, 1)) / 10
    jumps = []
    for n_steps in (700, 70_000):
        at = np.linspace(-1, 6, n_steps + 1)[:, None]
        jumps.append(np.abs(np.diff(surprisal(histograms_of(x), at)[:, 0])).max())
    assert 0 < 50 * jumps[1] < jumps[0]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_a_weight_of_two_is_a_row_twice(scale):
    """Whatever the unit of weights."""
    x = np.random.default_rng(0).normal(size=(40, 3))
    times = 1 + np.arange(40) % 2
    weighted = histograms_of(x, scale * times)
    repeated = histograms_of(np.repeat(x, times, axis=0))
    np.testing.assert_allclose(weighted.share, repeated.share)
    np.testing.assert_array_equal(weighted.step, repeated.step)


def test_what_is_missing_counts_nowhere():
    x = np.random.default_rng(0).normal(size=(50, 2))
    holes = np.concatenate([x, np.full((30, 2), np.nan)])
    holes[50:, 0] = 0.3
    found, expected = histograms_of(holes), histograms_of(x)
    np.testing.assert_array_equal(found.step[1], expected.step[1])
    np.testing.assert_allclose(found.share[:, 1], expected.share[:, 1], atol=0.01)
    np.testing.assert_array_equal(surprisal(found, np.full((1, 2), np.nan)), 0)


def beside_another(x):
    """Return a feature, and one that makes rows distinct."""
    return np.column_stack([x, np.random.default_rng(1).normal(size=len(x))])


@pytest.mark.parametrize("value", [0.0, -7.0])
def test_a_constant_is_usual_and_another_value_rare(value):
    """What differs from it by rounding is the constant."""
    x = beside_another(value * (1 + 1e-7 * np.sin(np.arange(400))))
    at = np.column_stack([[value, value * (1 + 1e-7), 3.0], np.zeros(3)])
    found = surprisal(histograms_of(x), at)[:, 0]
    np.testing.assert_allclose(found, [0, 0, np.log(401)], atol=1e-5)


def test_a_feature_of_which_nothing_is_known_tells_nothing():
    found = surprisal(histograms_of(np.full((9, 1), np.nan)), np.array([[0.0], [3.0]]))
    np.testing.assert_array_equal(found, 0)


@pytest.mark.parametrize("n_levels", [2, 3, 5, 10, 15, 20])
def test_levels_are_as_frequent_as_they_are(n_levels):
    """Each has a knot; what is beyond them was never seen."""
    levels = np.linspace(-1.7, 2.2, n_levels)
    histograms = histograms_of(beside_another(levels[np.arange(1200) % n_levels]))
    found = surprisal(histograms, beside_another(levels))[:, 0]
    np.testing.assert_allclose(found, 0, atol=1e-6)
    assert surprisal(histograms, np.array([[-2.7, 0.0]]))[0, 0] > 3


def test_few_samples_are_not_told_by_heart():
    """Of forty, those that were counted are hardly more usual than others."""
    rng = np.random.default_rng(0)
    x, others = rng.normal(size=(2, 40, 500))
    histograms = histograms_of(x)
    assert surprisal(histograms, others).mean() < 1.25 * surprisal(histograms, x).mean()
