"""What a classifier loses on changed samples."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sk_aecnn.statistics._flips import lost_skill

# of the skill, from which there is no flip
TOO_MUCH = 0.25


def lost_by_flips(images, classes):
    """Return what is lost on images mirrored left to right, and upside down."""
    rows, *mirrored = (
        flipped.reshape(len(images), -1)
        for flipped in (images, images[:, :, ::-1], images[:, ::-1])
    )
    return lost_skill(rows, mirrored, classes)


def noisy(patterns, classes, seed=0):
    """Return images of a pattern for each class, in noise."""
    noise = np.random.default_rng(seed).normal(size=(len(classes), *patterns[0].shape))
    return np.stack(patterns)[classes] + 0.5 * noise


def test_nothing_is_drawn_from_the_stream_of_the_process():
    before = repr(np.random.get_state())  # noqa: NPY002
    digits = load_digits()
    lost_by_flips(digits.images[:500], digits.target[:500])
    assert repr(np.random.get_state()) == before  # noqa: NPY002


@pytest.fixture
def symmetric():
    """Patterns that are the same left to right, but not upside down."""
    columns = np.zeros((3, 8, 8))
    columns[0, :, 3:5] = columns[1, :, :2] = columns[1, :, 6:] = 1
    columns[2, :3] = 1
    columns[:, 0] *= 2
    return columns


def test_a_flip_that_changes_no_class_costs_nothing(symmetric):
    """Of patterns that are the same left to right, nothing is lost by mirroring them so."""
    classes = np.arange(300) % 3
    left_right, upside_down = lost_by_flips(noisy(symmetric, classes), classes)
    assert left_right < 0.05
    assert upside_down > TOO_MUCH


@pytest.mark.parametrize("n_samples", [200, 1797])
def test_digits_are_not_mirrored(n_samples):
    """Digits are told where they are as they were, and lost where they are mirrored."""
    digits = load_digits()
    lost = lost_by_flips(digits.images[:n_samples], digits.target[:n_samples])
    assert min(lost) > 0.8


def test_two_classes_of_many_that_mirror_each_other_are_enough(symmetric):
    """A flip that swaps two classes of twelve is found, though most classes stay."""
    shapes = np.random.default_rng(1).normal(size=(10, 8, 8))
    shapes = [shape + shape[:, ::-1] for shape in shapes]
    slope = np.add.outer(np.zeros(8), np.linspace(-2, 2, 8))
    classes = np.arange(600) % 12
    lost, _ = lost_by_flips(noisy([*shapes, slope, -slope], classes), classes)
    assert lost > TOO_MUCH
    others = classes < 10
    images = noisy([*shapes, slope, -slope], classes)[others]
    assert lost_by_flips(images, classes[others])[0] < TOO_MUCH


@pytest.mark.parametrize("n_samples", [4, 9, 59])
def test_few_samples_are_no_proof(symmetric, n_samples):
    """Of fewer than twenty samples for each class nothing is known."""
    classes = np.arange(n_samples) % 3
    assert lost_by_flips(noisy(symmetric, classes), classes) == [1.0, 1.0]


def test_classes_that_are_not_told_apart_give_one():
    """Labels at random, one class, equal samples, single samples of each class: all is lost."""
    rng = np.random.default_rng(0)
    images, classes = rng.normal(size=(400, 6, 6)), rng.integers(0, 4, 400)
    assert lost_by_flips(images, classes) == [1.0, 1.0]
    assert lost_by_flips(images, np.zeros(400, int)) == [1.0, 1.0]
    assert lost_by_flips(np.zeros((400, 6, 6)), classes) == [1.0, 1.0]
    assert lost_by_flips(images, np.arange(400)) == [1.0, 1.0]
    assert lost_by_flips(images, np.r_[np.zeros(399, int), 1]) == [1.0, 1.0]


def test_the_result_is_always_the_same(symmetric):
    """Folds are drawn from a stream of their own."""
    classes = np.arange(300) % 3
    images = noisy(symmetric, classes)
    assert lost_by_flips(images, classes) == lost_by_flips(images, classes)
