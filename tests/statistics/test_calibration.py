"""Which deviations distances and other measures stand for."""

import numpy as np

from sk_aecnn.statistics._calibration import Calibration


def test_deviations_grow_with_the_values_without_end():
    """Whatever the power, what is farther is less usual."""
    squares = np.random.default_rng(0).lognormal(sigma=3, size=200)
    deviation = 1 + np.random.default_rng(1).random(200)
    calibration = Calibration.of(squares, deviation, np.ones(200))
    assert 0 < calibration.power < 0.5
    found = calibration.deviations(np.logspace(-3, 30, 50))
    assert (np.diff(found) > 0).all()
    assert found[-1] > 10 * deviation.max()
    median = np.quantile(squares, 0.5, method="inverted_cdf")
    middle = np.quantile(deviation, 0.5, method="inverted_cdf")
    np.testing.assert_allclose(calibration.deviations(np.array([median])), middle)


def test_nothing_but_zeros_are_usual():
    """Where all rows are the same, none of them deviates more than another."""
    calibration = Calibration.of(np.zeros(5), np.ones(5), np.ones(5))
    np.testing.assert_array_equal(calibration.deviations(np.zeros(3)), 1)
    assert calibration.deviations(np.ones(1)) > 10
