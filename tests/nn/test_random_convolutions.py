"""How much of a sequence exceeds thresholds, of what fixed kernels make of it."""

import numpy as np
import pytest
import torch

from sk_aecnn.nn import RandomConvolutionModel, RandomConvolutions
from sk_aecnn.nn._random_convolutions import dilations_of


@pytest.fixture
def sequences():
    """Standardised samples of two channels and fifty positions, in double precision."""
    return torch.randn(60, 2, 50, generator=torch.Generator().manual_seed(1)).double()


@pytest.fixture
def convolutions(sequences):
    """What is fitted to them."""
    generator = torch.Generator().manual_seed(0)
    convolutions = RandomConvolutions(2, 50, generator).double()
    convolutions.start_from(sequences, None, generator)
    return convolutions


def test_features_are_shares_of_positions(convolutions, sequences):
    """Computed one position, one kernel and one threshold at a time."""
    found = convolutions(sequences[:2]).numpy()
    column = 0
    for part in convolutions.parts():
        n_thresholds, n_kernels = part.thresholds.shape
        reach = np.arange(-4, 5) * part.dilation
        inner = range(50) if part.padding else range(4 * part.dilation, 50 - 4 * part.dilation)
        for threshold in range(n_thresholds):
            for kernel in (0, n_kernels - 1):
                for sample, x in enumerate(sequences[:2].numpy()):
                    share = 0.0
                    for position in inner:
                        response = sum(
                            float(part.weight[kernel, channel, tap]) * x[channel, position + at]
                            for tap, at in enumerate(reach)
                            for channel in range(2)
                            if 0 <= position + at < 50
                        )
                        above = response - float(part.thresholds[threshold, kernel])
                        share += min(max(above + 0.5, 0.0), 1.0) / len(inner)
                    place = column + threshold * n_kernels + kernel
                    assert found[sample, place] == pytest.approx(share, abs=1e-12)
        column += n_thresholds * n_kernels


def test_kernels_are_all_with_three_high_weights(convolutions):
    """Of each dilation; their sum is zero, so that a level makes no difference."""
    for weight in convolutions.weight:
        seen = weight.abs().sum((1, 2)) > 0
        assert seen.all()
        kernels = weight.sum(1)
        signs = {tuple((kernel > 0).tolist()) for kernel in kernels}
        assert len(signs) == 84
        assert all(sum(sign) == 3 for sign in signs)
        torch.testing.assert_close(weight.sum(2), torch.zeros(84, 2).double(), atol=1e-9, rtol=0)


def test_thresholds_are_exceeded_in_all_shares(convolutions, sequences):
    """Some by nearly all of the training samples' positions, some by hardly any."""
    share = convolutions(sequences).mean(0)
    assert convolutions(sequences).min() >= 0
    assert convolutions(sequences).max() <= 1
    counts = np.histogram(share.numpy(), bins=5, range=(0, 1))[0]
    assert counts.min() > 0.1 * len(share)


def test_samples_do_not_depend_on_others(convolutions, sequences):
    """Nor on how many are computed at a time."""
    together = convolutions(sequences)
    alone = torch.cat([convolutions(sample[None]) for sample in sequences])
    torch.testing.assert_close(together, alone, atol=1e-12, rtol=0)


def test_masked_positions_do_not_count(convolutions, sequences):
    """A mask of ones changes nothing; what is masked is left out of the means."""
    mask = torch.ones(60, 1, 50).double()
    torch.testing.assert_close(convolutions(sequences, mask), convolutions(sequences))
    mask[:, :, 30:] = 0
    found = convolutions(sequences, mask)
    first = 0
    for part in convolutions.parts():
        responses = part.respond(sequences)
        kept = slice(30) if part.padding else slice(max(0, 30 - 2 * part.margin))
        exceeds = (responses[:, :, kept] - (part.thresholds[0][:, None] - 0.5)).clamp(0, 1)
        shares, own = exceeds.mean(2), found[:, first : first + part.weight.shape[0]]
        torch.testing.assert_close(own, shares, equal_nan=True)
        first += part.thresholds.numel()
    assert convolutions(sequences, 0 * mask).isnan().all()


def test_padding_makes_no_difference(sequences):
    """Neither to thresholds nor to features, at whichever end."""
    found = []
    for before, after in ((0, 0), (0, 7), (5, 3)):
        generator = torch.Generator().manual_seed(0)
        x = torch.nn.functional.pad(sequences, (before, after))
        mask = torch.nn.functional.pad(torch.ones(60, 1, 50).double(), (before, after))
        convolutions = RandomConvolutions(2, 50, generator).double()
        convolutions.start_from(x, mask, generator)
        found.append(convolutions(x, mask))
    torch.testing.assert_close(found[1], found[0])
    torch.testing.assert_close(found[2], found[0])
    assert found[0].std(0).gt(0).all()


@pytest.mark.parametrize("length", [1, 2, 8, 9, 30, 5000])
def test_every_length_has_dilations(length):
    """None of which reaches farther than a sequence is long."""
    dilations = dilations_of(length)
    assert dilations[0] == 1
    assert 8 * max(dilations) <= max(8, length - 1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 1, length, generator=generator)
    convolutions = RandomConvolutions(1, length, generator)
    convolutions.start_from(x, None, generator)
    assert convolutions(x).isfinite().all()


def test_constants_have_finite_features():
    """No response of a channel that never changes is divided by zero."""
    generator = torch.Generator().manual_seed(0)
    convolutions = RandomConvolutions(1, 20, generator)
    convolutions.start_from(torch.zeros(5, 1, 20), None, generator)
    assert convolutions(torch.zeros(2, 1, 20)).isfinite().all()


def test_predictions_are_joined_by_shares(convolutions, sequences):
    """Of the network and of the model, which looks at the first channels."""
    model = RandomConvolutionModel(convolutions, 3).double()
    generator = torch.Generator().manual_seed(0)
    model.start_from(torch.randn(3, 924, generator=generator), torch.ones(3), torch.rand(924))
    more = torch.cat([sequences, sequences[:, :1]], dim=1)
    torch.testing.assert_close(model(more), model(sequences))
    model.shares.copy_(torch.tensor([0.25, 2.0]))
    expected = 0.25 + 2 * model(sequences)
    torch.testing.assert_close(model.join(torch.ones(60, 3).double(), sequences), expected)


def test_what_has_no_known_position_is_expected(convolutions, sequences):
    """Features of which nothing is known are as in the mean."""
    model = RandomConvolutionModel(convolutions, 3).double()
    generator = torch.Generator().manual_seed(0)
    mean = convolutions(sequences).mean(0)
    model.start_from(torch.randn(3, 924, generator=generator), torch.ones(3), mean)
    nothing = model(sequences, torch.zeros(60, 1, 50).double())
    torch.testing.assert_close(nothing, model(sequences).mean(0).expand(60, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_is_no_response(dtype):
    """A channel that never changes in a sample, at whatever level, has no effect."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 2, 50, generator=generator).to(dtype)
    x[:, 1] = torch.randn(40, 1, generator=generator).to(dtype)
    convolutions = RandomConvolutions(2, 50, generator).to(dtype)
    convolutions.start_from(x, None, generator)
    together = convolutions(x)
    alone = torch.cat([convolutions(sample[None]) for sample in x])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=0)
    single = convolutions.float()(x.float())
    torch.testing.assert_close(together.float(), single, atol=1e-3, rtol=0)
