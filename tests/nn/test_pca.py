"""Dense autoencoders that start from principal components."""

import pytest
import torch

from sk_aecnn.nn import InputLayout, PCADecoder, PCAEncoder, build, fit_pca
from sk_aecnn.nn._pca import smooth_clip


@pytest.fixture
def rows():
    stream = torch.Generator().manual_seed(0)
    x = torch.randn(200, 3, generator=stream, dtype=torch.float64)
    rows = torch.cat([x, x @ torch.ones(3, 2, dtype=torch.float64)], dim=1)
    return rows - rows.mean(0)


@pytest.fixture
def layout(rows):
    return InputLayout((5,), 0, rows.mean(0), rows.std(0, correction=0), torch.float64)


def halves(components, encoding_dim, hidden=(4,)):
    made = []
    for half in (PCAEncoder, PCADecoder):
        stream = torch.Generator().manual_seed(0)
        made.append(build(lambda half=half: half(5, hidden, encoding_dim), torch.float64, stream))
        made[-1].start_from(components)
    return made


@pytest.mark.parametrize("hidden", [(), (4,), (6, 2)])
def test_a_code_begins_as_uncorrelated_components(rows, layout, hidden):
    """Before training, numbers of a code have mean 0, about variance 1, and no correlation."""
    encoder, decoder = halves(fit_pca(rows, layout, None, 2), 2, hidden)
    code = encoder(layout(rows))
    torch.testing.assert_close(code.mean(0), torch.zeros(2).double())
    covariance = torch.cov(code.T, correction=0)
    torch.testing.assert_close(covariance, torch.eye(2).double(), atol=0.02, rtol=0)
    assert decoder(code).shape == rows.shape
    features = encoder.features(layout(rows))
    assert features.shape[1:] == encoder.feature_shape
    torch.testing.assert_close(encoder.code(features), code)


def test_a_reconstruction_begins_as_that_of_pca(rows, layout):
    """As many components as the rows have dimensions lose what clipping takes, no more."""
    encoder, decoder = halves(fit_pca(rows, layout, None, 3), 3)
    x = layout(rows)
    assert (decoder(encoder(x)) - x).square().mean() < 0.1


def test_a_code_may_be_longer_than_a_row(rows, layout):
    """There are as many components as features; the rest of a code begins as zeros."""
    encoder, _ = halves(fit_pca(rows, layout, None, 8), 8)
    code = encoder(layout(rows))
    assert code[:, :3].std(0).min() > 0.9
    assert not code[:, 5:].any()


def test_the_residual_of_a_code_is_bounded(rows, layout):
    """Whatever they learn, a number of the code stays within 0.3 of its component."""
    encoder, _ = halves(fit_pca(rows, layout, None, 2), 2)
    before = encoder(layout(rows))
    torch.nn.init.constant_(encoder.residual.bottleneck.bias, 100.0)
    torch.testing.assert_close(encoder(layout(rows)) - before, torch.full_like(before, 0.3))


def test_weights_count_as_copies(rows, layout):
    """A row of weight two counts as two rows."""
    weight = torch.ones(len(rows), dtype=torch.float64)
    weight[:50] = 2
    copies = fit_pca(torch.cat([rows, rows[:50]]), layout, None, 3)
    weighed = fit_pca(rows, layout, weight / weight.mean(), 3)
    for name, value in vars(copies).items():
        torch.testing.assert_close(getattr(weighed, name), value)


def test_constant_rows_have_components_of_zero():
    """Where nothing varies, nothing is blown up."""
    ones = torch.ones(2, dtype=torch.float64)
    layout = InputLayout((2,), 0, 7 * ones, ones, torch.float64)
    components = fit_pca(torch.full((20, 2), 7.0), layout, None, 2)
    assert all(value.isfinite().all() for value in vars(components).values())
    assert not components.loadings.any()


def test_tails_grow_with_the_square_root():
    """Small values stay, a hundred becomes ten, signs are kept."""
    x = torch.tensor([-1e-3, 1e-3, 1e4, -1e4], dtype=torch.float64)
    expected = torch.tensor([-1e-3, 1e-3, 1e2, -1e2], dtype=torch.float64)
    torch.testing.assert_close(smooth_clip(x), expected, atol=0, rtol=1e-4)
