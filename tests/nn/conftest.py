"""Networks on rows of six by five positions with two channels, and their parts."""

from functools import partial

import pytest
import torch

from sk_aecnn.nn import (
    Augmentation,
    AutoencoderParts,
    ConvDecoder,
    ConvEncoder,
    Corruption,
    InputLayout,
    RandomBrightness,
    RandomContrast,
    RandomTranslation,
    build,
)

SHAPE = ((6, 5, 2), 2)


@pytest.fixture
def stream():
    """A factory of streams of random numbers, all alike."""
    return lambda seed=0: torch.Generator().manual_seed(seed)


@pytest.fixture
def seeded(stream):
    """A function that builds a module of a class and its arguments, with parameters all alike."""
    return lambda *recipe: build(partial(*recipe), torch.float32, stream())


@pytest.fixture
def parts(seeded):
    """A factory of what an autoencoder is built from, by name."""

    def make(noise=None, probabilities=False, n_encoded=4):
        offset, scale = (torch.full((60,), value).double() for value in (10.0, 2.0))
        layout = InputLayout(*SHAPE, offset, scale)
        encoder = seeded(ConvEncoder, 2, (6, 5), (3,), n_encoded)
        decoder = seeded(ConvDecoder, 2, (6, 5), (3,), 4)
        return {
            "parts": AutoencoderParts(layout, encoder, decoder, 4, probabilities),
            "corruption": Corruption(noise, 0.5),
        }

    return make


@pytest.fixture
def translation():
    """A factory of what translates samples, by its strength."""
    return lambda strength: RandomTranslation(*SHAPE, strength)


@pytest.fixture
def augmented(translation):
    """A factory of the transforms of samples, by their strengths."""

    def make(translate=0.0, contrast=0.0, brightness=0.0, fade=False):
        strengths = {RandomContrast: contrast, RandomBrightness: brightness}
        perturbs = [kind(*SHAPE, strength) for kind, strength in strengths.items() if strength > 0]
        return Augmentation([translation(translate)], perturbs, fade)

    return make


@pytest.fixture
def rows(stream):
    """Seven flat rows."""
    return 10 + torch.randn(7, 60, generator=stream())


@pytest.fixture
def pixels(stream):
    """Seven flat rows of values in [0, 1]."""
    return torch.rand(7, 60, generator=stream())
