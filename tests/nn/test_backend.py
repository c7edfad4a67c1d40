"""The convolutional back end."""

import pytest
import torch

from sk_aecnn.nn import CNNBackend, InputLayout, build


@pytest.mark.parametrize("global_pooling", [False, True])
@pytest.mark.parametrize("channels", [(4,), (4, 6, 8)])
@pytest.mark.parametrize(
    "in_shape", [(1,), (30,), (3, 1), (3, 9), (3, 1, 1), (3, 7, 4), (2, 3, 4, 5)]
)
def test_any_features_become_scores(in_shape, channels, global_pooling):
    """Flat features, sequences, images and volumes of any size are classified."""
    backend = CNNBackend(in_shape, 5, channels, dense_units=6, global_pooling=global_pooling)
    assert backend(torch.zeros(2, *in_shape)).shape == (2, 5)


def test_global_pooling_does_not_depend_on_the_position():
    """Pooled over all positions, the same feature maps in another order are the same."""
    backend = CNNBackend((3, 16), 5, (4,), kernel_size=1, global_pooling=True).eval()
    x = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(0))
    pairs = x.view(2, 3, 8, 2)  # that are pooled together
    torch.testing.assert_close(backend(pairs.flip(2).flatten(2)), backend(x))


LENGTHS = (5, 17, 33, 40, 1, 40)


def padded(n_steps):
    """Return series of two channels, ending in NaN, as flat rows, and their layout."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.full((len(LENGTHS), n_steps, 2), torch.nan)
    for row, length in zip(rows, LENGTHS, strict=True):
        row[:length] = torch.randn(length, 2, generator=generator)
    constants = torch.zeros(2 * n_steps).double(), torch.ones(2 * n_steps).double()
    indicated = torch.arange(2)
    kinds = {"indicated": indicated, "masks": True, "n_known": 20.0}
    layout = InputLayout((n_steps, 2), 1, *constants, **kinds)
    layout.has_missing = True
    return rows.flatten(1), layout


def backend_of(n_steps):
    """Return a back end whose parameters do not depend on the length."""

    def make():
        kinds = {"kernel_size": 5, "activation": "elu", "global_pooling": True}
        return CNNBackend((3, n_steps), 4, (6, 8), dense_units=8, **kinds)

    return build(make, torch.float32, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n_steps", [41, 60, 64])
def test_longer_padding_changes_nothing(n_steps, training):
    """Answers, gradients and statistics of series padded to 40 steps are those padded to more."""
    found = []
    for size in (40, n_steps):
        rows, layout = padded(size)
        backend = backend_of(size).train(training)
        output = backend(*layout.train(training).inputs(layout(rows)))
        output.square().sum().backward()
        gradients = {name: one.grad for name, one in backend.named_parameters()}
        found.append((output, gradients, dict(backend.named_buffers())))
    torch.testing.assert_close(*found)


def test_a_padded_series_is_the_series_by_itself():
    """As if there had never been any padding."""
    rows, layout = padded(40)
    output = backend_of(40).eval()(*layout.eval().inputs(layout(rows)))
    for row, length, expected in zip(rows, LENGTHS, output, strict=True):
        known = torch.full((length,), length / 20)
        alone = torch.stack([*row.view(40, 2)[:length].T, known])
        torch.testing.assert_close(backend_of(length).eval()(alone[None])[0], expected)
