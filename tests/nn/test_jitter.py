"""Samples in another light."""

import pytest
import torch

from sk_aecnn.nn import InputLayout, Jitter


def jitter(level):
    module = Jitter(level)
    module.generator = torch.Generator().manual_seed(0)
    return module


@pytest.mark.parametrize("shape", [(1, 6), (3, 4, 5), (2, 2, 3, 4)])
def test_contrast_and_brightness_change_within_bounds(shape):
    """A sample becomes a multiple of itself plus a constant, each within the level."""
    zeros, ones = torch.zeros(500, *shape), torch.ones(500, *shape)
    brightness = jitter(0.3)(zeros).flatten(1)
    contrast = jitter(0.3)(ones).flatten(1) - brightness
    for drawn, centre in ((brightness, 0), (contrast, 1)):
        torch.testing.assert_close(drawn, drawn[:, :1].expand_as(drawn))
        away = (drawn[:, 0] - centre).abs()
        assert 0.28 < float(away.max()) <= 0.3 + 1e-6


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_prediction_sees_samples_as_they_are(level):
    """Nothing is changed out of training, nor at level 0."""
    x = torch.ones(4, 2, 3)
    module = jitter(level)
    seen = module.eval()(x) if level else module(x)
    assert torch.equal(seen, torch.ones(4, 2, 3))


def test_the_order_in_memory_stays():
    """Images of one channel keep the strides that convolutions are fast with."""
    layout = InputLayout((6, 5), None, torch.zeros(30).double(), torch.ones(30).double())
    x = layout(torch.ones(4, 30))
    assert jitter(0.5)(x).stride() == layout(torch.ones(4, 30)).stride()
