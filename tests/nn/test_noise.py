"""Noise on the inputs of a network."""

import pytest
import torch

from sk_aecnn.nn import NOISE_SHARES, NOISES, Corruption, set_generator


def corruption(noise, level, seed=0):
    module = Corruption(noise, level)
    set_generator(module, torch.Generator().manual_seed(seed))
    return module


@pytest.fixture
def x():
    """Distinct positive values: the row and the feature of each can be read off it."""
    return 1 + torch.arange(200 * 50.0).reshape(200, 50)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("shape", [(1, 3), (6, 4), (5, 2, 7), (5, 2, 4, 3), (4, 1, 2, 3, 2)])
def test_noise_keeps_shape_and_type(noise, shape):
    """Tables, sequences, images and volumes are corrupted in their own shape and precision."""
    for dtype in (torch.float32, torch.float64):
        noisy = corruption(noise, 0.5)(torch.ones(shape, dtype=dtype))
        assert noisy.shape == shape
        assert noisy.dtype == dtype


@pytest.mark.parametrize("noise", [*NOISES, None])
def test_prediction_is_not_corrupted(x, noise):
    """In evaluation inputs pass as they are, and without noise always."""
    assert corruption(noise, 0.5).eval()(x) is x
    assert corruption(None, 0.5)(x) is x


@pytest.mark.parametrize("noise", NOISES)
def test_noise_comes_from_a_stream_of_its_own(x, noise):
    """The same seed gives the same noise, anew in each call; the global stream stays."""
    state = torch.get_rng_state()
    first, again, other = corruption(noise, 0.5), corruption(noise, 0.5), corruption(noise, 0.5, 1)
    noisy = first(x)
    torch.testing.assert_close(again(x), noisy, rtol=0, atol=0)
    assert not torch.equal(first(x), noisy)
    assert not torch.equal(other(x), noisy)
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)


@pytest.mark.parametrize("noise", NOISES)
def test_the_input_is_left_as_it_was(x, noise):
    """Noise makes a new tensor; what is compared with stays clean."""
    before = x.clone()
    corruption(noise, 0.5)(x)
    torch.testing.assert_close(x, before, rtol=0, atol=0)


@pytest.mark.parametrize("noise", NOISES)
def test_a_level_of_zero_changes_nothing(x, noise):
    """Noise of level zero is none."""
    torch.testing.assert_close(corruption(noise, 0.0)(x), x, rtol=0, atol=0)


def test_gaussian_noise_has_the_deviation_of_its_level():
    """Normal numbers of mean zero and standard deviation ``level`` are added."""
    noise = corruption("gaussian", 0.3)(torch.ones(200, 50).double()) - 1
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
    assert float(noise.std()) == pytest.approx(0.3, rel=0.02)
    expected = torch.empty(200, 50).double().normal_(generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(noise, 0.3 * expected)


def test_masking_puts_zeros_for_a_share_of_the_values(x):
    """A share ``level`` of the values is zero, the others are untouched."""
    noisy = corruption("masking", 0.3)(x)
    masked = noisy == 0
    assert float(masked.float().mean()) == pytest.approx(0.3, abs=0.02)
    torch.testing.assert_close(noisy[~masked], x[~masked], rtol=0, atol=0)
    assert not corruption("masking", 1.0)(x).any()


def test_swapping_takes_values_of_the_same_feature(x):
    """A share ``level`` of the values is that of another row, in the same feature."""
    noisy = corruption("swap", 0.3)(x)
    assert float((noisy != x).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert torch.equal((noisy - 1) % 50, (x - 1) % 50)


def test_swapping_everything_permutes_the_rows(x):
    """At level one whole rows change places, so each feature keeps its distribution."""
    noisy = corruption("swap", 1.0)(x)
    torch.testing.assert_close(noisy.sort(0).values, x, rtol=0, atol=0)


def test_a_function_is_as_good_as_a_name(x):
    """A function of (inputs, level, generator) is called with the three."""

    def scaled(inputs, level, generator):
        return inputs * level * torch.rand(1, generator=generator)

    expected = x * 2.0 * torch.rand(1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(corruption(scaled, 2.0)(x), expected, rtol=0, atol=0)
    torch.testing.assert_close(
        corruption(NOISES["swap"], 0.4)(x), corruption("swap", 0.4)(x), rtol=0, atol=0
    )


def test_shares_are_noises():
    """The noises whose level is a share are among the noises."""
    assert set(NOISES) > NOISE_SHARES
