"""Patterns of missing values come in the proportions of the rows they stand for."""

import numpy as np
import pytest

from sk_aecnn.statistics._missing import MissingPatterns
from sk_aecnn.statistics._mixture import MOST_CODES


@pytest.mark.parametrize(("n_kept", "n_seen"), [(300, 300), (MOST_CODES, 9_000)])
def test_patterns_are_merged_by_the_rows_they_stand_for(n_kept, n_seen):
    """Whether all of them are kept, or some of many."""
    n_missing = n_seen // 3
    always = MissingPatterns(np.ones((n_missing, 2), dtype=bool), n_seen=n_missing)
    never = MissingPatterns(np.zeros((n_kept, 2), dtype=bool), n_seen=n_seen)
    merged = always.merge(never)
    assert merged.n_seen == n_missing + n_seen
    assert len(merged.missing) == min(MOST_CODES, n_missing + n_kept)
    assert merged.missing.mean() == pytest.approx(0.25, abs=1e-3)


def test_a_class_without_patterns_has_those_of_any():
    """None of its rows may be among those that are kept."""
    patterns = MissingPatterns(np.ones((4, 2), dtype=bool), np.zeros(4))
    assert patterns.draw(3, np.random.RandomState(0), np.array([0, 1, 1])).all()
