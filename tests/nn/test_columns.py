"""Columns of tables, encoded by what each holds."""

import pytest
import torch

from sk_aecnn.nn import (
    ColumnEncoding,
    NormalScores,
    add_names,
    cut_columns,
    describe_columns,
)


@pytest.fixture
def x():
    stream = torch.Generator().manual_seed(0)
    return torch.randn(500, 3, generator=stream, dtype=torch.float64)


def shares(n_bins):
    return [step / n_bins for step in range(n_bins + 1)]


def encode(x, row_weight=None, n_bins=4, clips=True):
    columns = describe_columns(x, x, row_weight, clips)
    return ColumnEncoding(columns, cut(x, n_bins, row_weight), x, row_weight)


def cut(x, n_bins, row_weight=None):
    return cut_columns(describe_columns(x, x, row_weight), x, row_weight, shares(n_bins))


def test_bins_hold_equally_many_rows(x):
    """The cuts of a feature are quantiles, from the smallest value to the largest."""
    bins = cut(x, 5)
    assert bins.column.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    for column in range(3):
        start, width = (part.view(3, 5)[column] for part in (bins.start, bins.width))
        values = x[:, column]
        assert start[0] == values.min()
        torch.testing.assert_close(start[-1] + width[-1], values.max())
        torch.testing.assert_close(start[:-1] + width[:-1], start[1:])
        inside = (values[:, None] > start) & (values[:, None] <= start + width + 1e-12)
        assert inside.sum(0).sub(100).abs().max() <= 1


def test_what_is_encoded_has_a_mean_of_zero(x):
    """Features, bins and values of columns with few are centred; bins rise by one."""
    x[:, 2] = x[:, 2].round().clamp(-2, 2)
    layer = encode(x)
    out = layer(x)
    assert out.shape == (500, layer.n_outputs) == (500, 3 + 2 * 4 + 5)
    torch.testing.assert_close(out.mean(0), torch.zeros(16).double())
    rise = out[:, 3:].amax(0) - out[:, 3:].amin(0)
    torch.testing.assert_close(rise, torch.ones(13).double())


def test_the_layer_after_it_can_be_linear_between_quantiles(x):
    """A kinked function of one feature is a linear one of its bins."""
    kink = cut(x, 4).start[2]
    y = (x[:, 0] - kink).clamp(min=0)
    rows = torch.cat([encode(x, clips=False)(x), torch.ones(500, 1).double()], dim=1)
    weights = torch.linalg.lstsq(rows, y[:, None], driver="gelsd").solution
    torch.testing.assert_close((rows @ weights)[:, 0], y)


def test_the_layer_after_it_can_tell_any_value_of_few():
    """A function of a column of whole numbers is a linear one of whether it has each value."""
    x = torch.arange(5).repeat(20).double()[:, None]
    y = torch.tensor([3.0, -1.0, 4.0, 1.0, -5.0]).repeat(20).double()
    rows = torch.cat([encode(x)(x), torch.ones(100, 1).double()], dim=1)
    weights = torch.linalg.lstsq(rows, y[:, None], driver="gelsd").solution
    torch.testing.assert_close((rows @ weights)[:, 0], y)


def test_far_values_are_drawn_near_where_classes_are_told(x):
    """Smooth clipping keeps a value within about three robust standard deviations."""
    x[0, 0] = 20.0
    assert encode(x)(x)[0, 0] < 3.1
    assert encode(x, clips=False)(x)[0, 0] > 10


def test_features_whose_far_values_outweigh_all_others_are_told(x):
    """Their standard deviation is more than three robust ones, if it has these."""
    x[0, 0] = 100.0
    x[:400, 2] = 0.0
    assert describe_columns(x, x, None).far_valued.tolist() == [0]
    x[:, 1] = (4 * x[:, 1]).exp()
    assert describe_columns(x, x, None).far_valued.tolist() == [0, 1]


def test_scores_are_in_the_place_of_features(x):
    """Those that have them; the others are scaled, and bins are those of the features."""
    x[:, 1] = (4 * x[:, 1]).exp()
    columns, bins = describe_columns(x, x, None, clips=False), cut(x, 4)
    plain = ColumnEncoding(columns, bins, x, None)(x)
    scored = ColumnEncoding(columns, bins, x, None, scores=NormalScores([1], x, None))(x)
    is_other = torch.arange(plain.shape[1]) != 1
    assert torch.equal(scored[:, is_other], plain[:, is_other])
    assert plain[:, 1].max() > 10
    assert scored[:, 1].max() < 3.5
    assert torch.equal(scored[:, 1].argsort(), x[:, 1].argsort())


def test_columns_of_two_values_keep_their_distance(x):
    """A rare indicator is one apart from its absence, however small its variance is."""
    x[:, 1] = 0.0
    x[:3, 1] = 5.0
    column = encode(x)(x)[:, 1]
    assert column.max() - column.min() == pytest.approx(1.0)


def test_constants_say_nothing(x):
    """A column that did not vary in fit is zero, whatever comes later."""
    x[:, 1] = 7.0
    layer = encode(x)
    x[:, 1] = 9.0
    assert (layer(x)[:, 1] == 0).all()


def test_values_that_were_not_seen_are_none_of_those_that_were():
    """A new value of a column with few has none of its indicators."""
    x = 10 * torch.arange(4).repeat(10).double()[:, None]
    layer = encode(x)
    indicators = layer(torch.tensor([[90.0], [11.0]]).double())[:, 1:] + layer.mean[1:]
    assert (indicators == 0).all()
    assert (layer(x)[:, 1:] + layer.mean[1:]).sum() == len(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [0, 10**6, 10**9])
def test_names_are_found_again(dtype, shift):
    """Whole numbers close to each other and far from zero, as far as a precision tells them."""
    rows = shift + torch.arange(0, 60, 3).repeat(5).double()[:, None]
    x = (rows - rows.mean()) / rows.std()
    columns = add_names(describe_columns(rows, x, None), x, rows, [0])
    layer = ColumnEncoding(columns, cut_columns(columns, x, None, shares(1)), x, None).to(dtype)
    told = layer(x.to(dtype))[:, 1:] + layer.mean[1:]
    assert (told.sum(1) - 1).abs().max() < 1e-5


def test_weights_count_as_copies(x):
    """A row of weight two counts as two rows."""
    weight = torch.ones(500, dtype=torch.float64)
    weight[::3] = 2
    copies = torch.cat([x, x[::3]])
    expected = encode(copies, n_bins=6)(x)
    torch.testing.assert_close(encode(x, weight / weight.mean(), n_bins=6)(x), expected)
