"""Convolutional stages of any size, down to a code and back."""

from math import prod

import pytest
import torch

from sk_aecnn.nn import ConvDecoder, ConvEncoder, ConvStage, Dropout, SoftOrdering, UpsamplingStage
from sk_aecnn.nn._conv import as_feature_maps, as_vectors
from sk_aecnn.recipes._defaults import auto_conv_channels

SIZES = [
    (1,),
    (2,),
    (17,),
    (1, 1),
    (1, 9),
    (2, 3),
    (7, 7),
    (8, 8),
    (28, 28),
    (33, 20),
    (101, 57),
    (224, 224),
    (1, 1, 1),
    (5, 4, 3),
    (9, 8, 16),
]


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
@pytest.mark.parametrize("spatial", SIZES)
def test_the_decoder_returns_to_the_exact_size(spatial, kernel_size):
    """Encoder and decoder fit any size, odd ones and ones included."""
    channels = [2] * len(auto_conv_channels(spatial))
    encoder = ConvEncoder(3, spatial, channels, 4, kernel_size)
    decoder = ConvDecoder(3, spatial, channels, 4, kernel_size)
    code = encoder(torch.zeros(2, 3, *spatial))
    assert code.shape == (2, 4)
    assert encoder.feature_shape == decoder.feature_shape
    assert encoder.features(torch.zeros(2, 3, *spatial)).shape[1:] == encoder.feature_shape
    assert decoder(code).shape == (2, 3, *spatial)


@pytest.mark.parametrize("spatial", [(17,), (1, 9), (33, 20), (5, 4, 3)])
def test_feature_maps_come_back_from_vectors(spatial):
    """Feature maps and vectors are two views of the same numbers."""
    maps = torch.arange(6.0 * prod(spatial)).reshape(2, 3, *spatial)
    if len(spatial) == 2:
        maps = maps.contiguous(memory_format=torch.channels_last)
    vectors = as_vectors(maps)
    back = as_feature_maps(vectors, (3, *spatial))
    assert vectors.shape == (2, 3 * prod(spatial))
    assert vectors.data_ptr() == maps.data_ptr() == back.data_ptr()
    torch.testing.assert_close(back, maps, rtol=0, atol=0)


@pytest.mark.parametrize("spatial", SIZES)
def test_the_bottleneck_stays_small(spatial):
    """However large the sample, at most 7 positions are left along each axis."""
    encoder = ConvEncoder(1, spatial, auto_conv_channels(spatial), 4)
    assert max(encoder.feature_shape[1:]) <= 7
    assert min(encoder.feature_shape[1:]) >= 1


@pytest.mark.parametrize("size", [1, 2, 3, 8, 9])
def test_a_stage_halves_and_its_mirror_doubles(size):
    """Sizes are halved and rounded up; a position by itself is not pooled."""
    half = -(-size // 2)
    x = torch.zeros(2, 3, size)
    assert ConvStage(3, 4, (size,))(x).shape == (2, 4, half)
    assert UpsamplingStage(4, 3, (size,))(torch.zeros(2, 4, half)).shape == x.shape


@pytest.mark.parametrize("shape", [(5, 4), (5, 1), (1, 16)])
def test_soft_ordering_makes_channels_of_positions(shape):
    """Flat features become channels of positions for a convolution to run over."""
    channels, positions = shape
    assert SoftOrdering(6, channels, positions)(torch.zeros(3, 6)).shape == (3, channels, positions)


def test_dropout_keeps_the_mean_and_draws_from_its_own_stream():
    """A share p of the values is zero, the rest is scaled up; prediction changes nothing."""
    dropout, x = Dropout(0.25), torch.ones(100, 100)
    dropout.generator = torch.Generator().manual_seed(0)
    before = torch.get_rng_state()
    dropped = dropout(x)
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.02)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert dropout.eval()(x) is x
    assert Dropout(0.0)(x) is x
