"""The rows that are kept of a stream: each as likely as its weight asks for, and bounded."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, issparse

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.training import _stream
from sk_aecnn.training._plan import TrainingData
from sk_aecnn.training._stream import Stream


def data_of(rows, weight=None):
    """What a call of ``partial_fit`` passes on."""
    rows = SparseRows(rows) if issparse(rows) else torch.from_numpy(rows)
    return TrainingData(rows, None, weight)


def numbered(n_calls, size, n_most, weight=None):
    """A stream of rows that hold their number."""
    stream = Stream()
    for call in range(n_calls):
        rows = np.arange(call * size, (call + 1) * size)[:, None]
        stream = stream.add(data_of(rows, weight), n_most)
    return stream


@pytest.mark.parametrize("size", [5, 500])
def test_old_and_new_rows_are_kept_alike(size):
    """A tenth of the kept rows comes from each tenth of the stream, whatever the size of calls."""
    kept = numbered(7000 // size, size, n_most=1000).rows.ravel()
    assert len(np.unique(kept)) == 1000
    counts, _ = np.histogram(kept, bins=10, range=(0, 7000))
    # hypergeometric with a standard deviation of 8.8
    assert np.abs(counts - 100).max() < 4 * 8.8


def test_all_rows_are_kept_as_long_as_they_fit():
    """Up to the bound nothing is left to chance, and rows stay in their order."""
    stream = numbered(10, 10, n_most=100)
    np.testing.assert_array_equal(stream.rows.ravel(), np.arange(100))
    seen = stream.see(torch.zeros(10, 1), waits=True)
    np.testing.assert_array_equal(seen.data.weight, np.ones(100))
    assert (seen.n_rows, seen.n_before, seen.goes_on) == (100, 0, True)


def test_rows_of_equal_weight_count_alike():
    """What is kept of a long stream stands for all of it, each row for as many."""
    weight = numbered(20, 100, n_most=50).see(torch.zeros(100, 1), waits=True).data.weight
    assert np.ptp(weight) == 0
    assert weight.sum() == pytest.approx(2000, rel=0.3)


def test_sums_over_weighted_rows_are_unbiased():
    """Rows of more weight are kept more often, and count what makes weighted sums right."""
    half = np.random.default_rng(1).gamma(0.5, size=200)
    weight = np.tile(half / half.mean(), 2)
    estimates, kept = [], np.zeros(400)
    for trial in range(300):
        stream = Stream(n_rows=1000 * trial)  # which keys are drawn from
        for start in (0, 200):
            rows = np.arange(start, start + 200)
            stream = stream.add(data_of(rows[:, None], weight[rows]), n_most=60)
        data = stream.see(torch.zeros(1, 1), waits=True).data
        rows = data.rows.numpy().ravel()
        estimates.append(data.weight @ rows)
        kept[rows] += 1
    assert abs(np.mean(estimates) - weight @ np.arange(400)) < 3 * np.std(estimates) / np.sqrt(300)
    heavy = weight > np.quantile(weight, 0.8)
    assert kept[heavy].mean() > 3 * kept[~heavy].mean()


@pytest.mark.parametrize("least", [1e-320, 1e-200])
def test_weights_far_apart_are_finite(least):
    """A weight next to nothing is one of a row that is hardly ever kept, and counts finitely."""
    weight = np.where(np.arange(100) % 10, least, 1.0)
    stream = numbered(4, 100, n_most=30, weight=weight)
    seen = stream.see(torch.zeros(1, 1), waits=True)
    assert (seen.data.rows.numpy() % 10 == 0).all()
    assert np.isfinite(seen.data.weight).all()
    assert numbered(1, 100, n_most=500, weight=weight).rows.shape == (100, 1)


def test_memory_is_bounded(monkeypatch):
    """Of large rows fewer are kept, one at the least; of a longer stream not more."""
    monkeypatch.setattr(_stream, "_MOST_BYTES", 8000)
    assert [len(numbered(n, 500, n_most=4096).rows) for n in (1, 2, 3, 9)] == [500] + [1000] * 3
    wide = Stream()
    for _ in range(3):
        wide = wide.add(data_of(np.zeros((5, 2000))), n_most=4096)
        assert wide.rows.shape == (1, 2000)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float16", "float64"])
def test_rows_keep_their_dtype(dtype):
    """Rows are kept as they were passed, and are no view of what the user may change."""
    X = np.arange(12).reshape(4, 3).astype(dtype)
    stream = Stream().add(data_of(X), n_most=10).add(data_of(X), n_most=10)
    expected = np.concatenate([X, X])
    X[:] = 0
    assert stream.rows.dtype == dtype
    np.testing.assert_array_equal(stream.rows, expected)


def test_rows_of_two_dtypes_lose_no_digit():
    """Floats after integers are kept in a dtype that holds both."""
    stream = Stream().add(data_of(np.array([[2**40 + 1]])), 10)
    stream = stream.add(data_of(np.array([[0.5]], dtype=np.float32)), 10)
    np.testing.assert_array_equal(stream.rows, [[2**40 + 1], [0.5]])


def test_sparse_rows_stay_sparse():
    """Sparse rows are sampled as dense ones, and held in the memory of their values."""
    X = csr_array(np.random.default_rng(0).poisson(0.1, size=(300, 50)) / 3)
    dense = sparse = mixed = Stream()
    for part in (slice(0, 100), slice(100, 200), slice(200, 300)):
        dense = dense.add(data_of(X[part].toarray()), 60)
        sparse = sparse.add(data_of(X[part]), 60)
        mixed = mixed.add(data_of(X[part] if part.start == 100 else X[part].toarray()), 60)
    assert issparse(sparse.rows)
    np.testing.assert_array_equal(sparse.rows.toarray(), dense.rows)
    np.testing.assert_array_equal(mixed.rows, dense.rows)


def test_a_stream_is_not_changed_by_what_comes_after():
    """A call that ends in an error leaves what was kept before."""
    before = numbered(3, 50, n_most=60)
    rows, keys = before.rows.copy(), before.keys.copy()
    before.add(data_of(np.full((100, 1), 7)), n_most=60)
    np.testing.assert_array_equal(before.rows, rows)
    np.testing.assert_array_equal(before.keys, keys)
    assert before.n_rows == 150


def test_some_of_the_kept_rows_can_be_chosen():
    """They keep their weights; where none is chosen, the rows of the last call are left."""
    seen = numbered(3, 50, n_most=60).see(torch.zeros(50, 1), waits=True)
    chosen = seen.choose(np.arange(60) % 2 == 0)
    assert chosen.data.rows.equal(seen.data.rows[::2])
    np.testing.assert_array_equal(chosen.data.weight, seen.data.weight[::2])
    assert chosen.n_rows == 150
    latest = seen.choose(np.zeros(60, dtype=bool)).data
    assert latest.rows is seen.latest
    assert latest.weight is None
