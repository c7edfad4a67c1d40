"""What tells the target, as defaults want to know it."""

import numpy as np
import pytest
import torch

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes._cues import measure_cues, significance_of_missing
from sk_aecnn.training._plan import TrainingData

CLASSES = np.arange(240) % 2


def cues_of(images, channel_axis=None, classes=CLASSES):
    geometry = SampleGeometry(images.shape[1:], channel_axis)
    rows = torch.from_numpy(images.reshape(len(images), -1))
    return measure_cues(TrainingData(rows, classes, None), geometry)


@pytest.fixture
def lit_from_above():
    """Images of 10 x 6 pixels, light above or below, in noise."""
    images = np.random.default_rng(0).normal(size=(240, 10, 6))
    images[CLASSES == 1, :5] += 2
    images[CLASSES == 0, 5:] += 2
    return images


def test_flips_are_along_width_and_height(lit_from_above):
    """What is above and what is below counts; what is left and what is right does not."""
    cues = cues_of(lit_from_above)
    assert cues.lost_by_flips["horizontal_flip"] < 0.1
    assert cues.lost_by_flips["vertical_flip"] == 1
    turned = cues_of(lit_from_above.transpose(0, 2, 1).copy())
    assert turned.lost_by_flips["vertical_flip"] < 0.1
    assert turned.lost_by_flips["horizontal_flip"] == 1


def test_channels_are_never_mirrored(lit_from_above):
    """First or last, the axis of the channels stays as it is."""
    two = np.stack([lit_from_above, 0 * lit_from_above], axis=-1)
    last, first = cues_of(two, 2), cues_of(np.moveaxis(two, -1, 1).copy(), 0)
    assert last == first
    assert last.lost_by_flips["horizontal_flip"] < 0.1
    assert last.lost_by_flips["vertical_flip"] == 1


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1e300])
def test_units_do_not_count(lit_from_above, scale):
    """Values are standardised, whatever their size."""
    expected, found = cues_of(lit_from_above), cues_of(scale * lit_from_above)
    assert found.levels == pytest.approx(expected.levels, abs=0.02)
    for name, lost in expected.lost_by_flips.items():
        assert found.lost_by_flips[name] == pytest.approx(lost, abs=0.02)


def test_images_of_one_value_tell_nothing():
    """Neither levels nor shapes of equal images tell a class."""
    cues = cues_of(np.full((240, 4, 4), 7.0))
    assert cues.levels == 0
    assert cues.lost_by_flips == {"horizontal_flip": 1.0, "vertical_flip": 1.0}


def test_missing_values_are_those_of_the_mean(lit_from_above):
    """A hole here and there, or an image of holes alone, hides nothing."""
    images = lit_from_above.copy()
    images[np.random.default_rng(1).random(images.shape) < 0.1] = np.nan
    images[:2] = np.nan
    cues = cues_of(images)
    assert cues.lost_by_flips["horizontal_flip"] < 0.15
    assert cues.lost_by_flips["vertical_flip"] > 0.9


def test_large_images_are_looked_at_in_small(lit_from_above):
    """Images beyond 32 pixels an axis are averaged over areas, and tell the same."""
    large = lit_from_above.repeat(13, axis=1).repeat(11, axis=2)
    cues = cues_of(large)
    assert cues.lost_by_flips["horizontal_flip"] < 0.1
    assert cues.lost_by_flips["vertical_flip"] == 1


# -- missing values ---------------------------------------------------------------------------


def holes_of(share, rng):
    """Rows of four features, of which the second is missing where ``share`` says how often."""
    X = rng.normal(size=(len(share), 4))
    X[rng.random(len(share)) < share, 1] = np.nan
    return torch.from_numpy(X)


def test_classes_that_miss_a_value_more_often_are_seen():
    """A p-value near zero where they do, and one spread over [0, 1] where they do not."""
    rng = np.random.default_rng(0)
    data = TrainingData(holes_of(0.2 + 0.3 * CLASSES, rng), CLASSES, None)
    found = significance_of_missing(data, "classifier")
    assert found[1] < 1e-3
    assert (found[[0, 2, 3]] == 1).all()
    by_chance = [
        significance_of_missing(
            TrainingData(holes_of(0.3 + 0 * CLASSES, rng), CLASSES, None), "classifier"
        )[1]
        for _ in range(200)
    ]
    assert 0.4 < np.mean(by_chance) < 0.6
    assert np.mean(np.array(by_chance) < 0.05) < 0.1


def test_a_value_that_tells_the_class_by_itself():
    """Nothing is divided by zero."""
    data = TrainingData(holes_of(1.0 * CLASSES, np.random.default_rng(0)), CLASSES, None)
    assert significance_of_missing(data, "classifier")[1] < 1e-30


@pytest.mark.parametrize("n_targets", [1, 2])
def test_numbers_that_miss_a_value_more_often_are_seen(n_targets):
    """One of several targets is enough, where it is known."""
    rng = np.random.default_rng(0)
    rows = holes_of(np.full(240, 0.3), rng)
    y = rng.normal(size=(240, n_targets))
    by_chance = significance_of_missing(TrainingData(rows, y, None), "regressor")
    y[:, -1] += 2 * rows[:, 1].isnan().numpy()
    y[::7, -1] = np.nan
    found = significance_of_missing(TrainingData(rows, y, None), "regressor")
    assert found[1] < 1e-6 < by_chance[1]


def test_without_a_target_nothing_is_tested():
    """Nor without a missing value; samples without a label do not count."""
    rows = holes_of(np.full(240, 0.3), np.random.default_rng(0))
    assert significance_of_missing(TrainingData(rows, None, None), None) is None
    full = TrainingData(rows.nan_to_num(0.0), CLASSES, None)
    assert significance_of_missing(full, "classifier") is None
    labeled = ~rows[:, 1].isnan().numpy()
    data = TrainingData(rows, np.where(labeled, CLASSES, -1), None, labeled)
    assert significance_of_missing(data, "classifier") is None


@pytest.mark.parametrize("task", ["classifier", "regressor"])
def test_a_feature_that_is_never_known_is_not_tested(task):
    """Whether it is the only one with missing values, or not."""
    rows = holes_of(np.ones(240), np.random.default_rng(0))
    y = CLASSES if task == "classifier" else CLASSES.astype(float)
    assert significance_of_missing(TrainingData(rows, y, None), task) is None
    rows[::3, 2] = torch.nan
    assert significance_of_missing(TrainingData(rows, y, None), task)[1] == 1
