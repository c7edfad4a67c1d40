"""Between the user's rows and the network's tensors."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.nn import InputLayout, column_moments, fit_scaling

GEOMETRIES = [
    ((7,), 0),
    ((7,), None),
    ((6, 5), None),
    ((6, 5, 3), 2),
    ((3, 6, 5), 0),
    ((6, 3, 5), 1),
    ((9, 2), 1),
    ((4, 3, 2, 5), 3),
    ((1, 1), None),
    ((1, 1, 1), 2),
    ((6, 5, 1), 2),
    ((1, 6, 5), 0),
]
IMAGES = [(6, 5), (6, 5, 3), (3, 6, 5), (6, 3, 5), (6, 5, 1), (1, 6, 5)]


def identity(shape, axis, dtype=torch.float64):
    n = int(np.prod(shape))
    return InputLayout(shape, axis, torch.zeros(n).double(), torch.ones(n).double(), dtype)


@pytest.mark.parametrize(("shape", "axis"), GEOMETRIES)
def test_axes_are_moved_and_moved_back(shape, axis):
    """arrange brings the channels to axis 1, flatten undoes it exactly."""
    layout = identity(shape, axis)
    rows = torch.arange(2.0 * np.prod(shape)).double().reshape(2, -1)
    x = layout.arrange(rows)
    samples = rows.reshape(2, *shape)
    expected = samples[:, None] if axis is None else samples.movedim(axis + 1, 1)
    torch.testing.assert_close(x, expected, rtol=0, atol=0)
    torch.testing.assert_close(layout.flatten(x), rows, rtol=0, atol=0)


@pytest.mark.parametrize("shape_and_axis", [g for g in GEOMETRIES if g[0] in IMAGES])
def test_images_lie_with_their_channels_last(shape_and_axis):
    """Kernels go by the strides, which say of a single channel, too, that it lies last."""
    layout = identity(*shape_and_axis, dtype=torch.float32)
    x = layout(torch.zeros(2, np.prod(layout.shape)))
    convolved = torch.nn.functional.conv2d(x, torch.ones(4, x.shape[1], 1, 1))
    assert x.stride(1) == convolved.stride(1) == 1


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e12])
def test_double_input_is_centred_before_it_is_rounded(offset):
    """Offsets cost no digits where the input has them."""
    x = torch.linspace(0, 1, 11, dtype=torch.float64).repeat(3, 1).T.contiguous()
    mean, scale = (x + offset).mean(0), x.std(0, correction=0)
    layout = InputLayout((3,), 0, mean, scale)
    expected = ((x - x.mean(0)) / scale).float()
    torch.testing.assert_close(layout(x + offset), expected, rtol=1e-3, atol=1e-3)
    assert layout(x + offset).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_restore_undoes_standardise(dtype):
    """Rows come back in their units, in the precision of the network."""
    rows = torch.tensor([[1.0, 200.0], [3.0, 400.0]]).double()
    layout = InputLayout(
        (2,), 0, torch.tensor([2.0, 300.0]).double(), torch.tensor([1.0, 50.0]).double(), dtype
    )
    restored = layout.restore(layout.standardise(rows))
    assert restored.dtype == dtype
    torch.testing.assert_close(restored, rows.to(dtype))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64, torch.float16])
def test_rows_of_any_type_become_the_networks(dtype):
    """Integers and booleans are numbers."""
    layout = identity((2,), 0, torch.float32)
    rows = torch.tensor([[0, 1], [1, 1]]).to(dtype)
    torch.testing.assert_close(layout(rows), rows.float())


@pytest.mark.parametrize("chunk_values", [7, 2**22])
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_are_those_of_numpy(monkeypatch, weighted, chunk_values):
    """Weighted mean and variance agree with numpy's, in one chunk or in many."""
    monkeypatch.setattr("sk_aecnn.data._rows._CHUNK_VALUES", chunk_values)
    X = np.random.default_rng(0).normal([0, 1e6, -5], size=(23, 3))
    weight = np.arange(1.0, 24) if weighted else np.ones(23)
    moments = column_moments(torch.from_numpy(X), torch.from_numpy(weight) if weighted else None)
    mean = np.average(X, axis=0, weights=weight)
    variance = np.average((X - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(moments.var, variance, rtol=1e-8)
    np.testing.assert_array_equal(moments.low, X.min(axis=0))
    np.testing.assert_array_equal(moments.high, X.max(axis=0))
    np.testing.assert_array_equal(moments.extent, np.ptp(X, axis=0))


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_of_sparse_rows_are_those_of_dense_ones(weighted):
    """Zeros that are not stored count as any other value."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(23, 4)) * (rng.random((23, 4)) < [0.1, 0.5, 0, 1])
    weight = torch.arange(1.0, 24) if weighted else None
    sparse = column_moments(SparseRows(csr_array(X)), weight)
    dense = column_moments(torch.from_numpy(X), weight)
    torch.testing.assert_close(vars(sparse), vars(dense), rtol=0, atol=0)


@pytest.mark.parametrize("value", [0.0, 0.1, 3.7, 1e20, -1e-20])
@pytest.mark.parametrize("n_rows", [1, 3, 1000])
def test_a_constant_has_no_variance(value, n_rows):
    """The variance of a constant is exactly zero and its mean exactly itself."""
    moments = column_moments(torch.full((n_rows, 2), value, dtype=torch.float64))
    assert moments.mean.tolist() == [value, value]
    assert moments.var.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scaling", ["auto", "feature", "shared"])
def test_a_constant_feature_has_a_scale_of_one_or_its_neighbours(scaling):
    """No scale is zero, or the rounding error of a constant."""
    rows = torch.full((50, 2), 0.1, dtype=torch.float64)
    _, scale = fit_scaling(column_moments(rows), scaling, torch.arange(2))
    assert scale.tolist() == [1.0, 1.0]


def masking(shape, axis, n_indicated=0, masks=True):
    layout = identity(shape, axis, torch.float32)
    indicated = torch.arange(n_indicated)
    kinds = layout.offset, layout.scale, layout.dtype, layout.origin, indicated
    return InputLayout(shape, axis, *kinds, masks=masks).eval()


def test_a_position_is_masked_where_nothing_is_known():
    """All channels are missing there; a channel tells where all are known, and how often."""
    rows = torch.ones(2, 3, 2)
    rows[0, 1:] = rows[1, 0, 1] = torch.nan
    layout = masking((3, 2), 1, n_indicated=2)
    x, mask = layout.inputs(layout(rows.flatten(1)))
    assert mask.tolist() == [[[1.0, 0.0, 0.0]], [[1.0, 1.0, 1.0]]]
    assert x[0].tolist() == [[1.0, 0.0, 0.0]] * 3
    assert x[1].tolist() == [[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 2.0, 2.0]]
    assert mask.equal(layout.mask(layout(rows.flatten(1))))


@pytest.mark.parametrize(
    ("shape", "axis", "masks", "missing"),
    [
        ((6, 5), None, True, []),
        ((6, 5, 2), 2, True, [3, 8]),  # of two channels, one
        ((6, 5), None, False, [3]),
        ((30,), 0, False, [3]),
    ],
)
def test_there_is_no_mask_where_none_is_needed(shape, axis, masks, missing):
    """Where every position has a value, or the network takes no mask, or sees vectors."""
    layout = masking(shape, axis, masks=masks)
    rows = torch.ones(2, int(np.prod(shape)))
    rows[0, missing] = torch.nan
    x = layout(rows)
    assert len(layout.inputs(x)) == 1
    assert layout.mask(x) is None
    assert not layout.inputs(x)[0].isnan().any()
    if not missing:
        assert layout.inputs(x)[0] is x


@pytest.mark.parametrize("weighted", [False, True])
def test_padding_does_not_change_the_scaling(weighted):
    """Mean and scale of a channel are those of its known values, however long the padding is."""
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.normal(5, 2, size=(20, 8)) + np.arange(8))
    rows[torch.arange(8) >= torch.arange(20)[:, None] % 5 + 2] = torch.nan
    weight = torch.arange(1.0, 21).double() if weighted else None
    longer = torch.cat([rows, torch.full((20, 7), torch.nan)], dim=1)
    constants = []
    for padded in (rows, longer):
        channel = torch.zeros(padded.shape[1], dtype=torch.int64)
        moments = column_moments(padded, weight)
        offset, scale = fit_scaling(moments, "shared", channel)
        constants.append((float((moments.origin + offset)[0]), float(scale[0])))
    known, times = ~rows.isnan().numpy(), np.ones(20) if weight is None else weight.numpy()
    values, weights = rows.numpy()[known], np.repeat(times[:, None], 8, axis=1)[known]
    mean = np.average(values, weights=weights)
    std = np.sqrt(np.average((values - mean) ** 2, weights=weights))
    np.testing.assert_allclose(constants, [(mean, std)] * 2)
