"""One rule for the shape of a sample."""

import numpy as np
import pytest

from sk_aecnn.data._geometry import SampleGeometry, as_rows, check_same_shape, resolve_geometry


@pytest.mark.parametrize(
    ("shape", "channel_axis", "channels", "spatial"),
    [
        ((7,), "auto", 7, ()),
        ((6, 5), "auto", 1, (6, 5)),
        ((6, 5, 3), "auto", 3, (6, 5)),
        ((4, 6, 5, 2), "auto", 2, (4, 6, 5)),
        ((9, 2), -1, 2, (9,)),
        ((2, 9), 0, 2, (9,)),
        ((7,), None, 1, (7,)),
        ((4, 6, 5), None, 1, (4, 6, 5)),
        ((3, 6, 5), 0, 3, (6, 5)),
        ((3, 6, 5), -3, 3, (6, 5)),
        ((6, 3, 5), 1, 3, (6, 5)),
        ((1, 1), "auto", 1, (1, 1)),
    ],
)
def test_the_table_of_the_user_guide(shape, channel_axis, channels, spatial):
    """Every kind of sample has the channels and the spatial axes that the guide lists."""
    n_features = int(np.prod(shape))
    from_data = resolve_geometry(n_features, shape, None, channel_axis)
    from_parameter = resolve_geometry(n_features, None, shape, channel_axis)
    for geometry in (from_data, from_parameter):
        assert geometry.shape == shape
        assert geometry.n_features == n_features
        assert (geometry.channels, geometry.spatial) == (channels, spatial)


def test_flat_rows_are_a_table():
    """Without sample_shape, flat rows are features without a spatial axis."""
    assert resolve_geometry(12, None, None, "auto") == SampleGeometry((12,), 0, given_flat=True)


@pytest.mark.parametrize("sample_shape", [[6, 5], np.array([6, 5]), (np.int64(6), np.int8(5))])
def test_sample_shape_may_be_any_sequence_of_integers(sample_shape):
    """Lists, arrays and numpy integers become a tuple of Python's."""
    shape = resolve_geometry(30, None, sample_shape, "auto").shape
    assert shape == (6, 5)
    assert all(type(size) is int for size in shape)


def test_the_channel_of_each_feature_follows_the_layout():
    """channel_of_feature counts channels where they lie in a flat row."""
    last = SampleGeometry((2, 1, 3), 2).channel_of_feature
    np.testing.assert_array_equal(last, [0, 1, 2, 0, 1, 2])
    first = SampleGeometry((3, 2, 1), 0).channel_of_feature
    np.testing.assert_array_equal(first, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(SampleGeometry((2, 2), None).channel_of_feature, [0] * 4)


def test_rows_are_a_view_of_the_samples():
    """Laying images out as rows copies nothing."""
    X = np.zeros((3, 2, 2))
    rows, shape = as_rows(X)
    assert rows.shape == (3, 4)
    assert shape == (2, 2)
    assert np.shares_memory(rows, X)


@pytest.mark.parametrize("X", [np.zeros((3, 2)), [[1, 2], [3, 4]], [[1], [2, 3]], np.zeros(3)])
def test_tables_are_left_to_scikit_learn(X):
    """What is no n-dimensional array is passed on as the array it is, to be validated."""
    rows, shape = as_rows(X)
    assert rows is X or np.array_equal(rows, X)
    assert not isinstance(X, np.ndarray) or np.shares_memory(rows, X)
    assert shape is None


def test_only_n_dimensional_samples_have_a_shape_to_compare():
    """Flat rows fit any geometry of as many features; other shapes are refused by name."""
    fitted = SampleGeometry((6, 5), None)
    check_same_shape((3, 30), None, fitted, "Model")
    check_same_shape((3, 6, 5), (6, 5), fitted, "Model")
    with pytest.raises(ValueError, match=r"\(5, 6\), but Model was fitted .*\(6, 5\).*30 features"):
        check_same_shape((3, 5, 6), (5, 6), fitted, "Model")
