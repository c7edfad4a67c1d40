"""Measures of many calls: whether parts wait, and whether somebody asks, changes nothing."""

import copy
import pickle

import numpy as np
import pytest

from sk_aecnn.statistics import _accumulated
from sk_aecnn.statistics._mixture import AccumulatedMixture, CodeMixture


def part(call, size=30):
    """Codes of a call, of two classes."""
    codes = np.random.default_rng(call).normal(size=(size, 3)).astype(np.float32)
    return CodeMixture(codes, np.arange(size) % 2, {0: size // 2, 1: size - size // 2})


def accumulated(n_calls, *, waits=True, asks=False):
    mixture = AccumulatedMixture()
    for call in range(n_calls):
        mixture = mixture.add(part(call), waits=waits)
        if asks:
            _ = mixture.present
    return mixture


def assert_same_codes(one, other):
    np.testing.assert_array_equal(one.present.codes, other.present.codes)
    np.testing.assert_array_equal(one.present.classes, other.present.classes)
    assert one.present.n_rows == other.present.n_rows


def test_parts_wait_or_are_merged_at_once():
    """As long as all codes are kept, they are the same in either case."""
    waiting, merged = accumulated(5), accumulated(5, waits=False)
    assert (len(waiting.waiting), len(merged.waiting)) == (5, 0)
    assert sorted(map(tuple, waiting.present.codes)) == sorted(map(tuple, merged.present.codes))
    assert waiting.present.n_rows == merged.present.n_rows == {0: 75, 1: 75}


def test_who_asks_changes_nothing(monkeypatch):
    """The measure after some calls does not depend on whether it was asked for in between."""
    monkeypatch.setattr(_accumulated, "_MOST_WAITING_BYTES", 3 * part(0).nbytes)
    assert_same_codes(accumulated(8), accumulated(8, asks=True))


def test_what_waits_is_bounded(monkeypatch):
    """Parts are merged as soon as they are too large, and a large one at once."""
    monkeypatch.setattr(_accumulated, "_MOST_WAITING_BYTES", 3 * part(0).nbytes)
    assert [len(accumulated(n).waiting) for n in range(1, 9)] == [1, 2, 3, 0, 1, 2, 3, 0]
    assert AccumulatedMixture().add(part(0, 500), waits=True).waiting == ()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_goes_on_as_the_original(duplicate):
    """What waits is copied, what was merged for somebody who asked is not."""
    mixture = accumulated(4, asks=True)
    copied = duplicate(mixture)
    assert "present" not in vars(copied)
    assert_same_codes(copied.add(part(4), waits=True), mixture.add(part(4), waits=True))
