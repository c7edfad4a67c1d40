"""Samples moved about while a network trains."""

import pytest
import torch

from sk_aecnn.nn import EarlyShift, RandomShift, share_stream

# shape, axis of the channels, share
KINDS = [
    ((9,), None, 0.3),
    ((4, 2), 1, 0.5),
    ((5, 7), None, 0.3),
    ((6, 5, 3), 2, 0.4),
    ((3, 6, 5), 0, 0.4),
    ((4, 3, 5, 2), 3, 0.34),
]


def shift(*kind, seed=0):
    module = RandomShift(*kind)
    share_stream(module, torch.Generator().manual_seed(seed))
    return module


def moved(sample, way, axis):
    """Return a sample moved along an axis, the edge repeated."""
    size = sample.shape[axis]
    return sample.index_select(axis, (torch.arange(size) + way).clamp(0, size - 1))


@pytest.mark.parametrize(("shape", "channel_axis", "share"), KINDS)
def test_a_sample_is_moved_as_a_whole(shape, channel_axis, share):
    """Along every spatial axis a sample goes one way, within reach, its channels together."""
    rows = torch.arange(64 * torch.Size(shape).numel()).reshape(64, -1)
    module = shift(shape, channel_axis, share)
    for row, result in zip(rows, module(rows), strict=True):
        found = [row.view(shape)]
        for axis, reach in enumerate(module.reach):
            found = [moved(x, way, axis) for x in found for way in range(-reach, reach + 1)]
        assert any(torch.equal(result.view(shape), candidate) for candidate in found)


def test_the_reach_is_a_share_of_each_axis_rounded_down():
    """Positions are whole, channels stay where they are, and all ways are taken."""
    assert RandomShift((28, 96, 3), 2, 0.075).reach == (2, 7, 0)
    assert RandomShift((3, 13, 14), 0, 0.075).reach == (0, 0, 1)
    first = shift((9,), None, 0.25)(torch.arange(9).expand(200, 9))[:, 4]
    assert first.unique().tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
def test_any_type_is_kept(dtype):
    """Rows are moved in the type the user has them in."""
    rows = torch.ones(3, 20, dtype=dtype)
    assert shift((4, 5), None, 0.3)(rows).dtype == dtype


def test_rows_pass_in_prediction_and_with_no_reach():
    """In evaluation, and where no axis is long enough, nothing is moved or copied."""
    rows = torch.arange(60).reshape(3, 20)
    assert shift((4, 5), None, 0.3).eval()(rows) is rows
    assert shift((4, 5), None, 0.0)(rows) is rows
    assert shift((20,), 0, 0.5)(rows) is rows


def test_moves_come_from_a_stream_of_their_own():
    """The same seed gives the same moves, anew in each call; the global stream stays."""
    state, rows = torch.get_rng_state(), torch.arange(600).reshape(30, 20)
    one, same, other = (shift((4, 5), None, 0.5, seed=seed) for seed in (0, 0, 1))
    first = one(rows)
    torch.testing.assert_close(same(rows), first, rtol=0, atol=0)
    assert not torch.equal(one(rows), first)
    assert not torch.equal(other(rows), first)
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("progress", "n_moved"),
    [(0.0, 10), (0.1, 10), (0.15, 8), (0.2, 5), (0.295, 0), (0.5, 0), (1.0, 0)],
)
def test_fewer_samples_are_moved_as_training_goes_on(progress, n_moved):
    """All in the first tenth, none after three tenths; the first rows of a batch are moved."""
    rows = torch.arange(400).reshape(10, 40)
    early, again = EarlyShift(shift((5, 8), None, 0.4)), shift((5, 8), None, 0.4)
    early.progress = progress
    expected = torch.cat([again(rows[:n_moved]), rows[n_moved:]])
    torch.testing.assert_close(early(rows), expected, rtol=0, atol=0)
    assert early.eval()(rows) is rows


def test_no_sample_is_moved_unless_training_tells_that_it_begins():
    """A module that nobody tells of the progress of training passes rows on."""
    rows = torch.arange(40).reshape(2, 20)
    assert EarlyShift(shift((4, 5), None, 0.5))(rows) is rows
