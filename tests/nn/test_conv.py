"""Convolutional stages of any size, down to a code and back."""

from math import prod

import pytest
import torch
from torch import nn

from sk_aecnn.nn import ConvDecoder, ConvEncoder, ConvStage, Dropout, SoftOrdering, UpsamplingStage
from sk_aecnn.nn._conv import as_feature_maps, as_vectors, coarsen, global_mean_max_pool
from sk_aecnn.recipes.defaults import auto_conv_channels

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


def stream():
    return torch.Generator().manual_seed(0)


def with_statistics(module):
    """Give batch normalisation statistics and parameters that are not those of the identity."""
    generator = stream()
    for norm in (part for part in module.modules() if hasattr(part, "running_mean")):
        for values in (norm.running_mean, norm.weight.data, norm.bias.data):
            values.normal_(generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
    return module


def mask_of(lengths, size):
    """Return the mask of series of some lengths, (batch, 1, size)."""
    return (torch.arange(size) < torch.tensor(lengths)[:, None]).float()[:, None]


@pytest.mark.parametrize("activation", ["relu", "elu", "gelu", "sigmoid", "identity"])
@pytest.mark.parametrize("normalization", ["batch", None])
def test_a_masked_stage_is_that_of_shorter_series(activation, normalization):
    """What is known is as without the padding, beside which there are zeros."""
    stage = with_statistics(ConvStage(2, 4, (9,), 5, activation, normalization)).eval()
    x, mask = torch.randn(3, 2, 9, generator=stream()), mask_of([9, 5, 2], 9)
    masked = stage(x * mask, mask)
    for row, output, length in zip(x, masked, (9, 5, 2), strict=True):
        n_left = -(-length // 2)
        torch.testing.assert_close(output[:, :n_left], stage(row[None, :, :length])[0])
        assert not output[:, n_left:].any()


@pytest.mark.parametrize("spatial", [(9,), (7, 6), (5, 4, 3)])
def test_complete_samples_are_as_without_a_mask(spatial):
    """To the last bit, whatever is missing of the others."""
    encoder = with_statistics(ConvEncoder(2, spatial, (4, 6), 3)).eval()
    x, mask = torch.randn(8, 2, *spatial, generator=stream()), torch.ones(8, 1, *spatial)
    if len(spatial) == 2:
        x = x.contiguous(memory_format=torch.channels_last)
    mask[5:] = mask[5:] * (torch.rand(mask[5:].shape, generator=stream()) < 0.5)
    assert encoder(x * mask, mask)[:5].equal(encoder(x)[:5])


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_masked_samples(training):
    """They are right, and none where nothing is known, also of samples that are all masked."""
    encoder = ConvEncoder(2, (7,), (3, 4), 2, 3, "elu").double().train(training)
    x = torch.randn(4, 2, 7, generator=stream(), dtype=torch.float64)
    mask = mask_of([7, 4, 1, 0], 7).double()
    leaf = (x * mask).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: encoder(values * mask, mask), leaf)
    encoder(leaf, mask)[:3].sum().backward()
    assert leaf.grad.isfinite().all()
    assert leaf.grad[:3].any(2).any(1).all()
    for parameter in encoder.parameters():
        assert parameter.grad.isfinite().all()


def test_a_window_is_known_where_anything_in_it_is():
    """The mask of pooled positions, for as many stages as it takes."""
    mask = torch.zeros(1, 1, 5, 7)
    mask[0, 0, 3, 4] = 1
    coarse = coarsen(mask, (3, 4))
    assert coarse.nonzero().tolist() == [[0, 0, 1, 2]]
    assert coarsen(mask, (1, 1)).tolist() == [[[[1.0]]]]
    assert coarsen(mask, (5, 7)) is mask


def test_positions_that_are_masked_are_pooled_nowhere():
    """Mean and maximum are those of the others; of nothing, they are zero."""
    x, mask = torch.randn(3, 2, 6, generator=stream()) - 5, mask_of([6, 2, 0], 6)
    pooled = global_mean_max_pool(x * mask, mask)
    expected = torch.stack(
        [torch.cat([part.mean(1), part.amax(1)]) for part in (x[0], x[1, :, :2])]
    )
    torch.testing.assert_close(pooled[:2], expected)
    assert pooled[2].tolist() == [0.0] * 4
    assert global_mean_max_pool(x, mask)[:1].equal(global_mean_max_pool(x[:1]))


def test_an_activation_of_the_users_is_masked_too():
    """What it makes of zero counts nowhere."""
    stage = ConvStage(1, 2, (4,), activation=nn.Softplus).eval()
    output = stage(torch.zeros(1, 1, 4), mask_of([2], 4))
    assert output[0, :, 0].all()
    assert not output[0, :, 1].any()
