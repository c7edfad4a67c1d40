"""Principal components, and autoencoders that start as PCA."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.decomposition import PCA

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.nn import (
    ConvDecoder,
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    InputLayout,
    PCADecoder,
    PCAEncoder,
    build,
    fit_pca,
    start_as_pca,
)
from sk_aecnn.nn import _pca as pca_module


def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def rows():
    """200 rows of 5 features, of unlike variances."""
    x = torch.randn(200, 5, generator=generator(), dtype=torch.float64)
    return x @ torch.randn(5, 5, generator=generator(), dtype=torch.float64)


def layout_of(rows, shape=(5,), axis=0):
    n = rows.shape[1]
    ones = torch.ones(n, dtype=torch.float64)
    return InputLayout(shape, axis, rows.mean(0), ones, torch.float64)


def dense_halves(hidden, dim, n_features=5):
    sizes = n_features, hidden, dim
    encoder = build(lambda: DenseEncoder(*sizes), torch.float64, generator())
    decoder = build(lambda: DenseDecoder(*sizes), torch.float64, generator())
    return (
        PCAEncoder(encoder, (n_features,), dim).double(),
        PCADecoder(decoder, dim, (n_features,)).double(),
    )


def found(rows, most, weight=None, layout=None):
    return fit_pca(rows, layout or layout_of(rows), weight, most, generator())


def test_components_are_those_of_scikit_learn(rows):
    """Directions up to their sign, and shares of the variance."""
    components, expected = found(rows, 3), PCA(3).fit(rows.numpy())
    products = np.abs(components.directions.numpy() @ expected.components_.T)
    np.testing.assert_allclose(products, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(components.explained, expected.explained_variance_ratio_)


def test_subspace_iteration_finds_the_same(rows, monkeypatch):
    """Where there are too many features for all covariances."""
    mix = torch.randn(5, 60, generator=generator(), dtype=torch.float64)
    noise = 0.01 * torch.randn(200, 60, generator=generator(), dtype=torch.float64)
    wide = rows @ mix + noise
    exact = found(wide, 4, layout=layout_of(wide, (60,)))
    monkeypatch.setattr(pca_module, "_FEW_FEATURES", 10)
    iterated = found(wide, 4, layout=layout_of(wide, (60,)))
    for name, value in vars(exact).items():
        torch.testing.assert_close(getattr(iterated, name), value, rtol=1e-6, atol=1e-8)


def test_sparse_rows_have_the_same_components(rows):
    """A sparse table is read one chunk at a time."""
    sparse = SparseRows(csr_array(rows.numpy()))
    for name, value in vars(found(rows, 3)).items():
        torch.testing.assert_close(getattr(found(sparse, 3, layout=layout_of(rows)), name), value)


def test_sparse_rows_of_many_features_have_the_same_components(rows, monkeypatch):
    """Nothing becomes dense; a constant feature has no part in any direction."""
    monkeypatch.setattr(pca_module, "_FEW_FEATURES", 3)
    rows = torch.cat([rows * (rows.abs() > 0.5), torch.full((len(rows), 1), 0.1)], dim=1)
    layout = layout_of(rows, (6,))
    weight = torch.linspace(0.5, 1.5, len(rows), dtype=torch.float64)
    dense = found(rows, 3, weight, layout)
    monkeypatch.setattr(SparseRows, "__getitem__", None)
    sparse = found(SparseRows(csr_array(rows.numpy())), 3, weight, layout)
    assert not sparse.directions[:, 5].any()
    for name, value in vars(dense).items():
        torch.testing.assert_close(getattr(sparse, name), value, rtol=1e-9, atol=1e-9)


def test_weights_count_as_copies(rows):
    """A row of weight two counts as two rows."""
    weight = torch.ones(len(rows), dtype=torch.float64)
    weight[:50] = 2
    copies = found(torch.cat([rows, rows[:50]]), 3, layout=layout_of(rows))
    weighed = found(rows, 3, weight / weight.mean())
    for name, value in vars(copies).items():
        torch.testing.assert_close(getattr(weighed, name), value)


@pytest.mark.parametrize("hidden", [(), (4,), (6, 2)])
@pytest.mark.parametrize("dim", [2, 5, 8])
def test_an_autoencoder_starts_as_pca(rows, hidden, dim):
    """Its codes are components of about variance one, its reconstructions those of PCA."""
    encoder, decoder = dense_halves(hidden, dim)
    start_as_pca(encoder, decoder, found(rows, dim), layout_of(rows))
    x = layout_of(rows)(rows)
    code = encoder(x)
    n = min(dim, 5)
    covariance = torch.cov(code.T, correction=0)[:n, :n]
    torch.testing.assert_close(covariance, torch.eye(n).double(), atol=0.5, rtol=0)
    assert not code[:, n:].any()
    expected = PCA(n).fit(x.numpy())
    expected = expected.inverse_transform(expected.transform(x.numpy()))
    torch.testing.assert_close(decoder(code), torch.from_numpy(expected))
    features = encoder.features(x)
    assert features.shape[1:] == encoder.feature_shape
    torch.testing.assert_close(encoder.code(features), code)


@pytest.mark.parametrize(("shape", "axis"), [((7, 6), None), ((7, 6, 2), 2), ((9, 2), 1)])
def test_convolutions_start_as_pca_too(shape, axis):
    """The linear path sees the flattened sample, whatever the axes of its channels."""
    n = int(np.prod(shape))
    rows = torch.randn(50, n, generator=generator(), dtype=torch.float64)
    layout = layout_of(rows, shape, axis)
    x = layout(rows)
    channels, *spatial = x.shape[1:]
    sizes = channels, spatial, (4, 6), 7
    encoder = PCAEncoder(ConvEncoder(*sizes).double(), x.shape[1:], 7).double()
    decoder = PCADecoder(ConvDecoder(*sizes).double(), 7, x.shape[1:]).double()
    start_as_pca(encoder, decoder, found(rows, 7, layout=layout), layout)
    code = encoder.eval()(x)
    expected = PCA(7).fit(rows.numpy())
    expected = expected.inverse_transform(expected.transform(rows.numpy()))
    output = layout.restore(layout.flatten(decoder.eval()(code)))
    torch.testing.assert_close(output, torch.from_numpy(expected))
    features = encoder.features(x)
    assert features.shape[1:] == encoder.feature_shape
    torch.testing.assert_close(encoder.code(features), code)


@pytest.mark.parametrize(("shape", "axis"), [((7, 6), None), ((7, 6, 2), 2), ((9, 2), 1)])
def test_the_linear_path_does_not_see_where_values_are_missing(shape, axis):
    """A code is the components of the completed sample, whatever a channel says of it."""
    n = int(np.prod(shape))
    rows = torch.randn(50, n, generator=generator(), dtype=torch.float64)
    constants = rows.mean(0), torch.ones(n, dtype=torch.float64)
    rows[::2, 5] = torch.nan
    layout = InputLayout(shape, axis, *constants, torch.float64, indicated=torch.tensor([5])).eval()
    components = found(rows, 3, layout=layout)
    x = layout.filled(rows)
    channels, *spatial = x.shape[1:]
    encoder = PCAEncoder(ConvEncoder(channels, spatial, (4,), 3).double(), x.shape[1:], 3).double()
    decoder = PCADecoder(ConvDecoder(channels - 1, spatial, (4,), 3), 3, (channels - 1, *spatial))
    start_as_pca(encoder, decoder, components, layout)
    completed = layout.complete(layout(rows)).double()
    vectors = (completed.movedim(1, -1) if len(spatial) == 2 else completed).flatten(1)
    whitened = (vectors - components.mean) @ components.directions.T / components.deviations
    torch.testing.assert_close(encoder.eval()(x), whitened)


def test_probabilities_start_near_those_of_pca():
    """Logits have the means of the rows, and rise with what PCA rebuilds."""
    rows = torch.rand(100, 5, generator=generator(), dtype=torch.float64)
    rows[:, 1] = rows[:, 0]
    layout = layout_of(rows)
    encoder, decoder = dense_halves((4,), 2)
    start_as_pca(encoder, decoder, found(rows, 2), layout, probabilities=True)
    output = decoder(encoder(layout(rows))).sigmoid()
    assert (output - rows).square().mean() < (rows - rows.mean(0)).square().mean()


def test_what_was_learned_is_taken_back_in_part(rows):
    """Shrunk by one, an autoencoder is PCA again; by zero, it stays."""
    encoder, decoder = dense_halves((4,), 2)
    start_as_pca(encoder, decoder, found(rows, 2), layout_of(rows))
    x = layout_of(rows)(rows)
    start = decoder(encoder(x)).detach()
    for parameter in (*encoder.parameters(), *decoder.parameters()):
        torch.nn.init.normal_(parameter, generator=generator())
    learned = decoder(encoder(x)).detach()
    for half in (encoder, decoder):
        half.shrink(0.0)
    torch.testing.assert_close(decoder(encoder(x)), learned)
    assert not torch.allclose(learned, start)
    for half in (encoder, decoder):
        half.shrink(1.0)
    torch.testing.assert_close(decoder(encoder(x)), start)


def test_constant_rows_blow_nothing_up():
    """Where nothing varies, everything is finite and the reconstruction is right."""
    rows = torch.full((20, 5), 7.0, dtype=torch.float64)
    encoder, decoder = dense_halves((4,), 2)
    components = found(rows, 2)
    assert all(value.isfinite().all() for value in vars(components).values())
    start_as_pca(encoder, decoder, components, layout_of(rows))
    assert not decoder(encoder(layout_of(rows)(rows))).any()
