"""How far samples deviate from usual ones."""

import numpy as np
import pytest
import torch

from sk_aecnn import AutoencoderOutlierDetector
from sk_aecnn.lifecycle._constant_features import ConstantFeatures

CHANGE = np.array([0, 0, 1e-5, 0])


@pytest.fixture
def constants():
    """The first and the last of three features never changed."""
    return ConstantFeatures.of(torch.tensor([[1.0, 2.0, -7.0], [1.0, 3.0, -7.0]]))


def test_constants_are_those_of_all_calls(constants):
    """A feature that changes between two calls is none."""
    later = ConstantFeatures.of(torch.tensor([[1.0, 2.0, -6.0], [1.0, 2.0, -6.0]]))
    np.testing.assert_array_equal(constants.is_constant, [True, False, True])
    np.testing.assert_array_equal(later.common(constants).is_constant, [True, False, False])
    np.testing.assert_array_equal(constants.common(later).is_constant, [True, False, False])


def test_rounding_is_no_change(constants):
    """What single precision makes of a value is still that value; what is missing is no change."""
    rows = torch.tensor([[1 + 1e-8, 0, -7.000001], [1.001, 0, -7], [torch.nan, 0, 7]]).double()
    expected = [[False, True], [True, False], [False, True]]
    np.testing.assert_array_equal(constants.find_changes(rows), expected)


def test_without_constants_nothing_changes():
    """There is a row of no columns for each sample."""
    constants = ConstantFeatures.of(torch.tensor([[1.0], [2.0]]))
    assert constants.find_changes(torch.zeros(3, 1)).shape == (3, 0)


@pytest.mark.parametrize("n_calls", [1, 3])
def test_a_change_counts_as_the_largest_deviation(n_calls):
    """It is less usual than all that was seen, however small it is."""
    X = np.random.default_rng(0).normal(size=(120, 4))
    X[:, 2] = 5.0
    detector = AutoencoderOutlierDetector(2, hidden_layer_sizes=(8,), random_state=0)
    for part in np.split(X, n_calls):
        detector.partial_fit(part)
    before, after = detector.score_samples(X[:1]), detector.score_samples(X[:1] + CHANGE)
    assert after[0] < detector.score_samples(X).min()
    np.testing.assert_allclose(before - after, detector._deviations.largest, rtol=0.01)
