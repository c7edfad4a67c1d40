"""Transforms that are functions of the user's own."""

import pytest
import torch
from torch import nn

from sk_aecnn.nn import CustomTransform, set_generator

# shape, axis of the channels, strength
KINDS = [
    ((9,), None, 0.3),
    ((4, 2), 1, 0.5),
    ((5, 7), None, 0.3),
    ((6, 5, 3), 2, 0.4),
    ((3, 6, 5), 0, 0.4),
    ((4, 3, 5, 2), 3, 0.34),
]


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def seeded(module, seed=0):
    set_generator(module, stream(seed))
    return module


@pytest.mark.parametrize(("shape", "channel_axis", "strength"), KINDS)
def test_a_custom_transform_sees_channels_first(shape, channel_axis, strength):
    """Whatever the layout of rows, a function sees (batch, channels, *spatial), and back."""
    rows = torch.arange(3.0 * torch.Size(shape).numel()).reshape(3, -1)
    seen = []

    def double(batch):
        seen.append(batch)
        return 2 * batch

    module = seeded(CustomTransform(double, shape, channel_axis, torch.float32))
    assert torch.equal(module(rows), 2 * rows)
    samples = rows.view(3, *shape)
    axis = channel_axis
    expected = samples[:, None] if axis is None else samples.movedim(axis + 1, 1)
    assert torch.equal(seen[0], expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_integers_are_converted_for_a_custom_transform(dtype):
    """A function sees numbers in the precision of the network, floats in their own."""
    rows = torch.ones(2, 6, dtype=dtype)
    module = seeded(CustomTransform(lambda batch: batch / 2, (6,), None, torch.float64))
    assert torch.equal(module(rows), torch.full((2, 6), 0.5, dtype=torch.float64))
    assert module(torch.ones(2, 6)).dtype == torch.float32


def with_generator(batch, generator):
    return batch + torch.randn(batch.shape, generator=generator)


def with_optional_generator(batch, generator=None):
    return batch + torch.randn(batch.shape, generator=generator)


def with_keyword_generator(batch, scale=1.0, *, generator=None):
    return batch + scale * torch.randn(batch.shape, generator=generator)


def with_generator_behind_another(batch, scale=1.0, generator=None):
    return batch + scale * torch.randn(batch.shape, generator=generator)


class WithGenerator(nn.Module):
    def forward(self, batch, generator):
        return with_generator(batch, generator)


@pytest.mark.parametrize(
    "function",
    [
        with_generator,
        with_optional_generator,
        with_keyword_generator,
        with_generator_behind_another,
        WithGenerator(),
    ],
)
def test_a_transform_that_wants_a_generator_gets_it(function):
    """The second argument, or one named generator, is the network's own generator."""
    module = seeded(CustomTransform(function, (6,), None, torch.float32))
    expected = torch.ones(2, 6) + torch.randn((2, 1, 6), generator=stream())[:, 0]
    assert torch.equal(module(torch.ones(2, 6)), expected)


def from_global_stream(batch):
    return batch + torch.randn(batch.shape)


class FromGlobalStream(nn.Module):
    def forward(self, *batches):
        return from_global_stream(*batches)


@pytest.mark.parametrize("function", [from_global_stream, FromGlobalStream()])
def test_a_transform_without_generator_draws_from_a_seeded_global_stream(function):
    """It repeats with the network's generator, anew in each call; the global stream stays."""
    rows, state = torch.ones(2, 6), torch.get_rng_state()
    one, same, other = (
        seeded(CustomTransform(function, (6,), None, torch.float32), seed) for seed in (0, 0, 1)
    )
    first = one(rows)
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)
    torch.rand(1)
    assert torch.equal(same(rows), first)
    assert not torch.equal(one(rows), first)
    assert not torch.equal(other(rows), first)
    torch.set_rng_state(state)


def test_the_global_stream_is_put_back_after_an_error():
    """Whatever a user's function does, the global stream stays."""

    def fails(batch):
        torch.rand(1)
        raise RuntimeError("no transform today")

    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="no transform today"):
        seeded(CustomTransform(fails, (6,), None, torch.float32))(torch.ones(2, 6))
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda batch: batch[:, :, 1:], r"returned \(2, 1, 5\) for a batch of shape \(2, 1, 6\)"),
        (lambda batch: batch.numpy(), r"returned \(2, 1, 6\)"),
        (lambda batch: None, "returned NoneType"),
    ],
)
def test_another_shape_is_refused(function, found):
    """The error says what came back, and of which shape it should have been."""
    module = seeded(CustomTransform(function, (6,), None, torch.float32))
    with pytest.raises(ValueError, match=rf"augmentation=.*{found}.*must return a tensor"):
        module(torch.ones(2, 6))
