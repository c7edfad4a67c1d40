"""Random transforms of samples while a network trains."""

import pytest
import torch
from torch import nn

from sk_aecnn.nn import (
    GEOMETRIC,
    PHOTOMETRIC,
    Augmentation,
    CustomTransform,
    InputLayout,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomHorizontalFlip,
    RandomTranslation,
    RandomVerticalFlip,
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


# -- translation ------------------------------------------------------------------------------


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


# -- horizontal flip --------------------------------------------------------------------------


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


# -- contrast, brightness, erasing ------------------------------------------------------------


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


# -- all of them ------------------------------------------------------------------------------


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


# -- together ---------------------------------------------------------------------------------

PERTURBING = [RandomContrast, RandomBrightness]


def test_transforms_are_applied_one_after_the_other():
    """Geometric transforms and photometric ones each come in the order of their lists."""
    rows, x = batch_for("translate"), batch_for("contrast")
    kinds = [RandomTranslation, RandomHorizontalFlip]
    augmentation = seeded(
        Augmentation(
            [kind((4, 5), None, 0.5) for kind in kinds], [k((4, 5), None, 0.5) for k in PERTURBING]
        )
    )
    again = [kind((4, 5), None, 0.5) for kind in (*kinds, *PERTURBING)]
    set_generator(nn.ModuleList(again), stream())
    assert torch.equal(augmentation.move(rows), again[1](again[0](rows)))
    assert torch.equal(augmentation.perturb(x), again[3](again[2](x.clone())))


def test_the_batch_is_left_as_it_was():
    """Transforms that work in place work on a copy."""
    x = batch_for("contrast")
    augmentation = seeded(Augmentation([], [kind((4, 5), None, 0.5) for kind in PERTURBING]))
    assert not torch.equal(augmentation.perturb(x), x)
    assert torch.equal(x, batch_for("contrast"))


def test_prediction_sees_samples_as_they_are():
    """In evaluation, and without transforms, nothing is changed or copied."""
    rows, x = batch_for("translate"), batch_for("contrast")
    kinds = [RandomTranslation((4, 5), None, 0.5)], [RandomContrast((4, 5), None, 0.5)]
    for augmentation in (Augmentation(*kinds).eval(), Augmentation([], [])):
        assert augmentation.move(rows) is rows
        assert augmentation.perturb(x) is x


def test_the_order_in_memory_stays():
    """Images of one channel keep the strides that convolutions are fast with."""
    layout = InputLayout((6, 5), None, torch.zeros(30).double(), torch.ones(30).double())
    augmentation = seeded(Augmentation([], [kind((6, 5), None, 0.5) for kind in PERTURBING]))
    x = layout(torch.ones(4, 30))
    assert augmentation.perturb(x).stride() == x.stride()


@pytest.mark.parametrize(
    ("progress", "n_transformed"),
    [(0.0, 10), (0.1, 10), (0.15, 8), (0.2, 5), (0.295, 0), (0.5, 0), (1.0, 0)],
)
def test_fewer_samples_are_transformed_as_training_goes_on(progress, n_transformed):
    """All in the first tenth, none after three tenths; the first rows of a batch are."""
    rows = torch.arange(400).reshape(10, 40)
    fading = seeded(Augmentation([RandomTranslation((5, 8), None, 0.4)], [], fade=True))
    fading.progress = progress
    again = translation((5, 8), None, 0.4)
    expected = torch.cat([again(rows[:n_transformed]), rows[n_transformed:]])
    assert torch.equal(fading.move(rows), expected)
    assert fading.eval().move(rows) is rows


def test_photometric_transforms_fade_too():
    """The share is one for both kinds."""
    x = batch_for("contrast", 10)
    fading = seeded(Augmentation([], [RandomContrast((4, 5), None, 0.4)], fade=True))
    fading.progress = 0.2
    changed = (fading.perturb(x) != x).flatten(1).any(1)
    assert changed.tolist() == [True] * 5 + [False] * 5


def test_no_sample_is_transformed_unless_training_tells_that_it_begins():
    """A fading module that nobody tells of the progress of training passes rows on."""
    rows = torch.arange(40).reshape(2, 20)
    fading = Augmentation([RandomTranslation((4, 5), None, 0.5)], [], fade=True)
    assert fading.move(rows) is rows


# -- custom transforms ------------------------------------------------------------------------


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


# -- mirror images in prediction --------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.uint16, torch.float64])
def test_mirror_images_are_all_that_flips_can_make(dtype):
    """Each flip, and both together; other transforms play no part."""
    rows = torch.arange(2 * 30).reshape(2, 30).to(dtype)
    kinds = [RandomTranslation, RandomHorizontalFlip, RandomVerticalFlip]
    augmentation = Augmentation([kind((5, 2, 3), 0, 0.1) for kind in kinds], [])
    images = [image.long().view(2, 5, 2, 3) for image in augmentation.mirror_images(rows)]
    axes = [(), (3,), (2,), (2, 3)]
    expected = [rows.long().view(2, 5, 2, 3).flip(ax) for ax in axes]
    assert len(images) == 4
    assert all(map(torch.equal, images, expected))


def test_without_flips_rows_are_their_only_image():
    """They are returned as they are."""
    rows = batch_for("translate")
    (image,) = Augmentation([RandomTranslation((4, 5), None, 0.5)], []).mirror_images(rows)
    assert image is rows
