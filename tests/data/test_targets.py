"""Targets to what networks are trained on and back: class codes, standardised numbers."""

import numpy as np
import pytest

from sk_aecnn.data._targets import (
    ClassLabels,
    TargetScaler,
    check_given,
    check_labels,
    check_some_labeled,
    find_unlabeled,
)

# -- classes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float32])
def test_plain_labels_are_passed_on(dtype):
    """An array of numbers along one axis is not copied; others become one."""
    y = np.array([0, 1, 1], dtype)
    assert check_labels(y) is y
    with pytest.warns(UserWarning, match="column-vector"):
        np.testing.assert_array_equal(check_labels(y[:, None]), y)
    with pytest.raises(ValueError, match="NaN"):
        check_labels(np.array([0.0, np.nan]))


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


# -- unlabeled rows --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "unlabeled", "expected"),
    [
        (np.array([0, -1, 1, -1]), -1, [0, 1, 0, 1]),
        (np.array([0.0, -1.0, 1.0]), -1, [0, 1, 0]),
        (np.array([0, 1, 2]), -1, [0, 0, 0]),
        (np.array(["a", "", "unknown"]), "unknown", [0, 0, 1]),
        (np.array(["a", None, "b"], dtype=object), "b", [0, 0, 1]),
        (np.array([0.0, np.nan, 1.0]), np.nan, [0, 1, 0]),
        (np.array([0.0, np.nan], dtype=np.float32), float("nan"), [0, 1]),
        (np.array(["a", np.nan, "b"], dtype=object), np.nan, [0, 1, 0]),
        (np.array(["nan", "b"]), np.nan, [0, 0]),
        (np.array([0, 1]), np.nan, [0, 0]),
        (np.array([0.0, np.nan]), -1, [0, 0]),
        (np.array(["a", "b"]), "c", [0, 0]),
        (np.array([True, False]), False, [0, 1]),
    ],
)
def test_rows_without_a_target_are_found(y, unlabeled, expected):
    """Labels equal to ``unlabeled`` are missing, or NaN in arrays of numbers and of objects."""
    unknown = find_unlabeled(y, unlabeled)
    assert unknown.dtype == bool
    np.testing.assert_array_equal(unknown, np.array(expected, dtype=bool))


@pytest.mark.parametrize("dtype", [np.float64, object])
def test_unknown_targets_are_found_one_by_one(dtype):
    """Of several targets each is known or not."""
    y = np.array([[0.0, np.nan], [np.nan, np.nan], [1, 2]]).astype(dtype)
    expected = [[False, True], [True, True], [False, False]]
    assert find_unlabeled(y, np.nan).tolist() == expected


@pytest.mark.parametrize(
    "y", [np.array([0, -1]), np.array([np.nan, 1]), np.array([[np.nan, None]], dtype=object)]
)
def test_without_a_label_for_it_every_row_has_a_target(y):
    """unlabeled=None finds nothing, whatever there is."""
    unknown = find_unlabeled(y, None)
    assert unknown.shape == y.shape
    assert not unknown.any()


def test_missing_values_of_pandas_are_unknown():
    """pandas.NA counts as NaN."""
    pd = pytest.importorskip("pandas")
    y = np.array(["a", pd.NA, "b", np.nan], dtype=object)
    assert find_unlabeled(y, np.nan).tolist() == [False, True, False, True]


def test_some_rows_must_have_a_target():
    """Data without any target are refused with the label that says so."""
    check_some_labeled(1, -1)
    with pytest.raises(ValueError, match=r"Every sample of y is unlabeled \(unlabeled=-1\)"):
        check_some_labeled(0, -1)


def test_a_target_must_be_given():
    """A target that is None is refused by the estimator's name."""
    check_given([0, 1], "Model")
    with pytest.raises(ValueError, match="Model requires y to be passed, but the target y is None"):
        check_given(None, "Model")


# -- numbers ----------------------------------------------------------------------------------


@pytest.fixture
def numbers():
    """20 rows of three targets of different units."""
    return np.random.default_rng(0).normal([0, 1e6, -5], [1, 1e3, 1e-3], size=(20, 3))


@pytest.mark.parametrize("column", [0, [0], [0, 1, 2]])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_come_back_in_their_layout(numbers, column, dtype):
    """Decoding standardised targets gives the targets, in float64, flat where they were flat."""
    y = numbers[:, column]
    scaler = TargetScaler.of(y, None)
    encoded = scaler.encode(y)
    assert encoded.shape == (20, np.size(column))
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(encoded.std(axis=0), 1)
    decoded = scaler.decode(encoded.astype(dtype))
    assert decoded.dtype == np.float64
    assert decoded.shape == y.shape
    np.testing.assert_allclose(decoded, y, rtol=1e-12 if dtype is np.float64 else 1e-6)


def test_weights_are_numbers_of_rows(numbers):
    """A weight of two counts as two equal rows, a weight of any unit as any other."""
    times = np.arange(20) % 3 + 1
    repeated = TargetScaler.of(np.repeat(numbers, times, axis=0), None)
    for unit in (1.0, 0.1):
        weighted = TargetScaler.of(numbers, times * unit)
        np.testing.assert_allclose(weighted.mean, repeated.mean)
        np.testing.assert_allclose(weighted.scale, repeated.scale)


@pytest.mark.parametrize("weighted", [False, True])
def test_unknown_numbers_do_not_count(numbers, weighted):
    """Each target is standardised by the rows where it is known, and stays unknown elsewhere."""
    weight = np.arange(1.0, 21) if weighted else None
    numbers[3, 0] = numbers[4:9, 1] = np.nan
    scaler = TargetScaler.of(numbers, weight)
    for column, mean, scale in zip(numbers.T, scaler.mean, scaler.scale, strict=True):
        known = ~np.isnan(column)
        alone = TargetScaler.of(column[known], weight[known] if weighted else None)
        np.testing.assert_allclose([mean], alone.mean)
        np.testing.assert_allclose([scale], alone.scale)
    np.testing.assert_array_equal(np.isnan(scaler.encode(numbers)), np.isnan(numbers))


@pytest.mark.parametrize("value", [0.0, 0.1, 3.7, 1e20, -1e-20, 1e160])
@pytest.mark.parametrize("unknown", [[], [np.nan]])
def test_a_constant_target_has_a_scale_of_one(value, unknown):
    """What is nothing but the rounding error of a constant is no scale."""
    scaler = TargetScaler.of(np.array([value] * 50 + unknown), None)
    assert scaler.scale.tolist() == [1.0]
    np.testing.assert_allclose(scaler.mean, [value], rtol=1e-12)
    np.testing.assert_allclose(scaler.decode(np.zeros((2, 1))), [value] * 2, rtol=1e-12)


def test_a_single_number_is_a_constant():
    """One row has a mean and a scale."""
    scaler = TargetScaler.of(np.array([7.0]), None)
    np.testing.assert_array_equal(scaler.encode(np.array([7.0, 9.0])), [[0], [2]])


def test_a_target_that_is_never_known_is_named():
    """A target without a single number is refused by its place."""
    y = np.array([[1.0, np.nan], [2.0, np.nan]])
    with pytest.raises(ValueError, match="Target 1 of y is NaN in every sample"):
        TargetScaler.of(y, None)


@pytest.mark.parametrize("y", [[1e200, -1e200], [1e308, 1e308, -1e308], [1e200, np.nan, 1.0]])
def test_numbers_too_large_to_square_are_refused(y):
    """Where the variance is not finite the remedy is named, without a warning."""
    with pytest.raises(ValueError, match=r"up to 1e\+(200|308)\)\. Divide y by a constant"):
        TargetScaler.of(np.array(y), None)


def test_limits_are_the_range_and_a_share_of_it():
    """Every target has limits of its own; as wide as numbers can be, they are infinite."""
    scaler = TargetScaler.of(np.array([[0.0, -1e150], [np.nan, 1e150], [4.0, 0.0]]), None)
    low, high = scaler.limits(0.25)
    np.testing.assert_allclose([low, high], [[-1, -1.5e150], [5, 1.5e150]])
    np.testing.assert_array_equal(scaler.limits(1e200)[1], [4e200, np.inf])
    np.testing.assert_array_equal(scaler.limits(None), [[-np.inf] * 2, [np.inf] * 2])
    wider = scaler.widen(np.array([[9.0, np.nan], [-7.0, 0.0]]), np.array([1.0, 0.0]))
    np.testing.assert_array_equal([wider.low, wider.high], [[0, -1e150], [9, 1e150]])


@pytest.mark.parametrize(("y", "found"), [(np.zeros(3), 1), (np.zeros((3, 4)), 4)])
def test_another_number_of_targets_is_refused(numbers, y, found):
    """Targets must be as many as in the first call."""
    scaler = TargetScaler.of(numbers, None)
    with pytest.raises(ValueError, match=rf"y has {found} target\(s\), but .* fitted on 3"):
        scaler.encode(y)
