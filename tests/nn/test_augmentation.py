"""Transforms of samples while a network trains, one after the other."""

import pytest
import torch
from torch import nn

from sk_aecnn.nn import (
    GEOMETRIC,
    Augmentation,
    InputLayout,
    RandomBrightness,
    RandomContrast,
    RandomHorizontalFlip,
    RandomTranslation,
    RandomVerticalFlip,
    set_generator,
)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def seeded(module, seed=0):
    set_generator(module, stream(seed))
    return module


def translation(*kind, seed=0):
    return seeded(RandomTranslation(*kind), seed)


PERTURBING = [RandomContrast, RandomBrightness]


def batch_for(name, n=30):
    """Return a batch of samples of four by five positions, as a transform takes it."""
    x = torch.randn(n, 20, generator=stream(3))
    return x if name in GEOMETRIC else x.view(n, 1, 4, 5)


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
