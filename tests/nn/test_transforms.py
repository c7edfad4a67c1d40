"""Random transforms of samples, each by itself."""

import pytest
import torch

from sk_aecnn.nn import (
    GEOMETRIC,
    PHOTOMETRIC,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomHorizontalFlip,
    RandomTranslation,
    set_generator,
)

# shape, axis of the channels, strength
KINDS = [
    ((9,), None, 0.3),
    ((4, 2), 1, 0.5),
    ((5, 7), None, 0.3),
    ((6, 5, 3), 2, 0.4),
    ((3, 6, 5), 0, 0.4),
    ((4, 3, 5, 2), 3, 0.34),
]
TRANSFORMS = GEOMETRIC | PHOTOMETRIC


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def seeded(module, seed=0):
    set_generator(module, stream(seed))
    return module


def translation(*kind, seed=0):
    return seeded(RandomTranslation(*kind), seed)


def perturbed(transform, x, strength, seed=0):
    """Return what a photometric transform makes of a batch, which is left as it was."""
    return seeded(transform(tuple(x.shape[1:]), 0, strength), seed)(x.clone())


def translated(sample, way, axis):
    """Return a sample translated along an axis, the edge repeated."""
    size = sample.shape[axis]
    return sample.index_select(axis, (torch.arange(size) + way).clamp(0, size - 1))


@pytest.mark.parametrize(("shape", "channel_axis", "strength"), KINDS)
def test_a_sample_is_translated_as_a_whole(shape, channel_axis, strength):
    """Along every spatial axis a sample goes one way, within reach, its channels together."""
    rows = torch.arange(64 * torch.Size(shape).numel()).reshape(64, -1)
    module = translation(shape, channel_axis, strength)
    for row, result in zip(rows, module(rows), strict=True):
        found = [row.view(shape)]
        for axis, reach in enumerate(module.reach):
            found = [translated(x, way, axis) for x in found for way in range(-reach, reach + 1)]
        assert any(torch.equal(result.view(shape), candidate) for candidate in found)


def test_the_reach_is_a_share_of_each_axis_rounded_down():
    """Positions are whole, channels stay where they are, and all ways are taken."""
    assert RandomTranslation((28, 96, 3), 2, 0.075).reach == (2, 7, 0)
    assert RandomTranslation((3, 13, 14), 0, 0.075).reach == (0, 0, 1)
    first = translation((9,), None, 0.25)(torch.arange(9).expand(200, 9))[:, 4]
    assert first.unique().tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize("transform", GEOMETRIC.values(), ids=GEOMETRIC)
def test_any_type_is_kept(transform, dtype):
    """Geometric transforms take rows in the type the user has them in."""
    rows = torch.ones(3, 20, dtype=dtype)
    assert seeded(transform((4, 5), None, 0.3))(rows).dtype == dtype


def test_rows_pass_where_no_axis_is_long_enough():
    """Where nothing can be translated, nothing is copied."""
    rows = torch.arange(60).reshape(3, 20)
    assert translation((4, 5), None, 0.0)(rows) is rows
    assert translation((20,), 0, 0.5)(rows) is rows


@pytest.mark.parametrize(
    ("shape", "channel_axis", "axis"),
    [
        ((9,), None, 0),
        ((4, 2), 1, 0),
        ((5, 7), None, 1),
        ((6, 5, 3), 2, 1),
        ((3, 6, 5), 0, 2),
        ((4, 3, 5, 2), 3, 2),
    ],
)
def test_the_last_spatial_axis_is_mirrored(shape, channel_axis, axis):
    """A sample is mirrored as a whole or not at all, about as often as asked for."""
    rows = torch.arange(400 * torch.Size(shape).numel()).reshape(400, -1)
    mirrored = rows.view(400, *shape).flip(axis + 1).reshape(400, -1)
    result = seeded(RandomHorizontalFlip(shape, channel_axis, 0.25))(rows)
    is_mirrored = (result == mirrored).all(1)
    assert ((result == rows).all(1) ^ is_mirrored).all()
    assert float(is_mirrored.double().mean()) == pytest.approx(0.25, abs=0.06)
    assert torch.equal(RandomHorizontalFlip(shape, channel_axis, 1.0)(rows), mirrored)
    assert torch.equal(RandomHorizontalFlip(shape, channel_axis, 0.0)(rows), rows)


@pytest.mark.parametrize("shape", [(1, 6), (3, 4, 5), (2, 2, 3, 4)])
def test_contrast_and_brightness_change_within_bounds(shape):
    """A sample becomes a multiple of itself, or itself plus a constant, within the strength."""
    brightness = perturbed(RandomBrightness, torch.zeros(500, *shape), 0.3).flatten(1)
    contrast = perturbed(RandomContrast, torch.ones(500, *shape), 0.3).flatten(1)
    for drawn, centre in ((brightness, 0), (contrast, 1)):
        torch.testing.assert_close(drawn, drawn[:, :1].expand_as(drawn))
        away = (drawn[:, 0] - centre).abs()
        assert 0.28 < float(away.max()) <= 0.3 + 1e-6
    zeros = torch.zeros(500, *shape)
    assert torch.equal(perturbed(RandomContrast, zeros, 0.3), zeros)


@pytest.mark.parametrize("shape", [(1, 8), (3, 7, 5), (2, 4, 3, 6)])
def test_erasing_puts_the_mean_in_place_of_a_box(shape):
    """What is erased is zero in all channels, a box, and no longer than asked for."""
    x = torch.ones(300, *shape)
    erased = perturbed(RandomErasing, x, 0.6) == 0
    assert 0 < float(erased.double().mean()) < 0.6 ** len(shape[1:])
    assert torch.equal(erased, erased[:, :1].expand_as(erased))
    for sample in erased[:, 0]:
        at = sample.nonzero()
        if len(at):
            sides = at.amax(0) - at.amin(0) + 1
            assert int(sides.prod()) == len(at)
            assert (sides <= 0.6 * torch.tensor(shape[1:]) + 1).all()


def batch_for(name, n=30):
    """Return a batch of samples of four by five positions, as a transform takes it."""
    x = torch.randn(n, 20, generator=stream(3))
    return x if name in GEOMETRIC else x.view(n, 1, 4, 5)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_draw_from_a_stream_of_their_own(name):
    """The same seed gives the same transforms, anew in each call; the global stream stays."""
    state = torch.get_rng_state()
    one, same, other = (seeded(TRANSFORMS[name]((4, 5), None, 0.5), seed) for seed in (0, 0, 1))
    first = one(batch_for(name))
    assert not torch.equal(first, batch_for(name))
    assert torch.equal(same(batch_for(name)), first)
    assert not torch.equal(one(batch_for(name)), first)
    assert not torch.equal(other(batch_for(name)), first)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_shape_and_type_are_kept(name):
    """A transform returns a batch like the one it was given."""
    for dtype in (torch.float32, torch.float64):
        batch = batch_for(name).to(dtype)
        result = seeded(TRANSFORMS[name]((4, 5), None, 0.5))(batch)
        assert (result.shape, result.dtype) == (batch.shape, dtype)


def test_what_is_missing_is_not_erased():
    """Padding stays what it is, also in the middle of a box."""
    x = torch.ones(50, 1, 8)
    x[:, :, 4:] = torch.nan
    erased = perturbed(RandomErasing, x, 1.0)
    assert erased[:, :, 4:].isnan().all()
    assert (erased[:, :, :4] == 0).any()
