"""Labels to class codes and back."""

import numpy as np
import pytest

from sk_aecnn._targets import ClassLabels, check_labels


@pytest.mark.parametrize(
    "y", [[3, 1, 3, 2], ["c", "a", "c", "b"], [False, True, False, False], [-1.0, 1.0, 1.0, -1.0]]
)
def test_labels_come_back(y):
    """Decoding the codes of labels gives the labels, in their own type."""
    y = np.array(y)
    labels = ClassLabels.of(y)
    codes = labels.encode(y)
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes, np.unique(y, return_inverse=True)[1])
    np.testing.assert_array_equal(labels.decode(codes), y)
    assert labels.decode(codes).dtype == y.dtype


def test_a_label_may_be_absent():
    """A part of the data need not hold every class."""
    labels = ClassLabels.of(np.array(["a", "b", "c"]))
    np.testing.assert_array_equal(labels.encode(np.array(["c", "c"])), [2, 2])


def test_an_unknown_label_is_named():
    """A label that is no class is named beside the classes."""
    labels = ClassLabels.of(np.array([0, 1]))
    with pytest.raises(ValueError, match=r"not among the classes \[0, 1\]: \[2\]"):
        labels.encode(np.array([0, 2]))


def test_one_class_is_none():
    """A single class is refused by its name."""
    with pytest.raises(ValueError, match=r"only 1 class, .*7"):
        ClassLabels.of(np.array([7, 7]))


def test_continuous_values_are_no_labels():
    """Real numbers are refused; whole numbers in floating point are labels."""
    np.testing.assert_array_equal(check_labels([0.0, 1.0]), [0, 1])
    with pytest.raises(ValueError, match="continuous"):
        check_labels([0.5, 1.0])
