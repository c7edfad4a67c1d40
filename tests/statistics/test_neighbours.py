"""Neighbours: the training samples that others are compared with."""

import pickle

import numpy as np
import pytest

from sk_aecnn.statistics._neighbours import Neighbours, choose_compared


def rows(n_rows, n_features=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features))


@pytest.mark.parametrize(("n_rows", "n_features", "n_kept"), [(7, 3, 7), (3000, 3, 1024)])
def test_rows_are_kept_up_to_a_number(n_rows, n_features, n_kept):
    """All are kept where there are few; else each at most once, with equal weights."""
    index, weight = choose_compared(np.ones(n_rows), n_features, 2**20)
    assert len(np.unique(index)) == len(index) == n_kept
    np.testing.assert_array_equal(weight, 1)


def test_heavy_rows_are_kept_more_often():
    """Rows are drawn in proportion to their weights."""
    weight = np.where(np.arange(20_000) < 10_000, 3.0, 1.0)
    index, _ = choose_compared(weight, 3, 2**20)
    assert np.mean(index < 10_000) == pytest.approx(0.75, abs=0.04)


def test_a_weight_of_two_is_a_row_twice():
    """The nearest rows weigh as much of the whole, whether rows are repeated or weighted."""
    one, times = rows(40), 1 + np.arange(40) % 2
    weighted = Neighbours(one, times.astype(float))
    repeated = Neighbours(np.repeat(one, times, axis=0), np.ones(times.sum()))
    assert weighted.nearest == repeated.nearest == 5 / 40 * times.sum()


def test_rows_alike_count_once_for_the_fewest():
    """Of hundreds of rows of which eight are distinct, five eighths are the nearest."""
    neighbours = Neighbours(np.repeat(rows(8), 100, axis=0), np.ones(800))
    assert neighbours.nearest == 500


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_pickled_in_single_precision_where_that_is_exact(dtype):
    """Those of a network of single precision take half of the room, and come back in double."""
    neighbours = Neighbours(rows(100).astype(dtype).astype(np.float64), np.ones(100))
    assert neighbours.__getstate__()["rows"].dtype == dtype
    copied = pickle.loads(pickle.dumps(neighbours))
    assert copied.rows.dtype == np.float64
    np.testing.assert_array_equal(copied.rows, neighbours.rows)
    assert copied.nearest == neighbours.nearest


def test_rows_beyond_single_precision_are_pickled_as_they_are():
    """There is no infinity in their place."""
    neighbours = Neighbours(np.full((2, 1), 1e60), np.ones(2))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(neighbours)).rows, 1e60)
