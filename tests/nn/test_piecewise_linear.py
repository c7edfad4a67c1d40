"""Piecewise linear encodings of features."""

import pytest
import torch

from sk_aecnn.nn import PiecewiseLinearEncoding, find_bins


@pytest.fixture
def x():
    stream = torch.Generator().manual_seed(0)
    return torch.randn(500, 3, generator=stream, dtype=torch.float64)


def test_bins_hold_equally_many_rows(x):
    """The cuts of a feature are quantiles, from the smallest value to the largest."""
    bins = find_bins(x, None, 5)
    assert bins.column.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    for column in range(3):
        start, width = (part.view(3, 5)[column] for part in (bins.start, bins.width))
        values = x[:, column]
        assert start[0] == values.min()
        torch.testing.assert_close(start[-1] + width[-1], values.max())
        torch.testing.assert_close(start[:-1] + width[:-1], start[1:])
        inside = (values[:, None] > start) & (values[:, None] <= start + width + 1e-12)
        assert inside.sum(0).sub(100).abs().max() <= 1


def test_the_features_stay_and_the_bins_have_a_mean_of_zero(x):
    """The first columns are the input; each of the others is centred, and rises by 0.3."""
    layer = PiecewiseLinearEncoding(3, find_bins(x, None, 4))
    out = layer(x)
    assert out.shape == (500, layer.n_outputs) == (500, 15)
    assert out[:, :3].equal(x)
    torch.testing.assert_close(out[:, 3:].mean(0), torch.zeros(12).double())
    rise = out[:, 3:].amax(0) - out[:, 3:].amin(0)
    torch.testing.assert_close(rise, torch.full((12,), 0.3).double())


def test_the_layer_after_it_can_be_linear_between_quantiles(x):
    """A kinked function of one feature is a linear one of its bins."""
    bins = find_bins(x, None, 4)
    kink = bins.start[2]
    y = (x[:, 0] - kink).clamp(min=0)
    rows = torch.cat([PiecewiseLinearEncoding(3, bins)(x), torch.ones(500, 1).double()], dim=1)
    weights = torch.linalg.lstsq(rows, y[:, None], driver="gelsd").solution
    torch.testing.assert_close((rows @ weights)[:, 0], y)
    without = torch.cat([x, torch.ones(500, 1).double()], dim=1)
    weights = torch.linalg.lstsq(without, y[:, None]).solution
    assert ((without @ weights)[:, 0] - y).abs().max() > 0.1


def test_beyond_the_rows_bins_stay_at_their_ends(x):
    """A value out of the range says so in the feature itself alone."""
    layer = PiecewiseLinearEncoding(3, find_bins(x, None, 4))
    far, farther = layer(torch.full((1, 3), 50.0).double()), layer(torch.full((1, 3), 1e6).double())
    assert far[:, 3:].equal(farther[:, 3:])
    assert not far.equal(farther)


@pytest.mark.parametrize("most", [2, 8])
def test_features_of_few_values_have_few_bins(most):
    """A constant and a feature of two values are left as they are; three values have two bins."""
    x = torch.tensor([[7.0, 0.0, 0.0], [7.0, 1.0, 1.0], [7.0, 1.0, 2.0]]).repeat(40, 1)
    bins = find_bins(x, None, most)
    assert bins.column.tolist() == [2, 2]
    assert bins.start.tolist() == [0, 1]
    assert find_bins(x[:, :2], None, most) is None


def test_weights_count_as_copies(x):
    """A row of weight two counts as two rows."""
    weight = torch.ones(500, dtype=torch.float64)
    weight[::3] = 2
    copies = find_bins(torch.cat([x, x[::3]]), None, 6)
    weighed = find_bins(x, weight / weight.mean(), 6)
    for name, value in vars(copies).items():
        torch.testing.assert_close(getattr(weighed, name), value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bins_have_the_precision_of_the_rows(x, dtype):
    """Cuts are values of the rows, so both have one dtype."""
    layer = PiecewiseLinearEncoding(3, find_bins(x.to(dtype), None, 3))
    assert layer(x.to(dtype)).dtype == dtype
