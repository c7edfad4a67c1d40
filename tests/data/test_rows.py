"""Rows of every kind."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, csr_matrix

from sk_aecnn.data._mapping import map_rows
from sk_aecnn.data._rows import RowSubset, SparseRows, chunks


@pytest.fixture
def dense():
    """23 rows of 5 features, most of them zero."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(23, 5)) * (rng.random((23, 5)) < 0.3)


@pytest.mark.parametrize("shape", [(1, 1), (10, 3), (5, 2**21), (3, 2**23)])
def test_chunks_cover_every_row_once(shape):
    """Slices follow each other from the first row to the last, and are never empty."""
    found = list(chunks(torch.empty(shape, device="meta")))
    assert [i for chunk in found for i in range(shape[0])[chunk]] == list(range(shape[0]))
    assert all(chunk.stop > chunk.start for chunk in found)


@pytest.mark.parametrize("kind", [csr_array, csr_matrix])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, np.bool_])
def test_sparse_rows_are_those_of_the_dense_matrix(dense, kind, dtype):
    """Slices, chosen rows, sizes and extremes are equal to those of the dense tensor."""
    dense = np.abs(dense * 10).astype(dtype)
    ours, theirs = SparseRows(kind(dense)), torch.from_numpy(dense)
    assert len(ours) == len(theirs)
    assert ours.shape == tuple(theirs.shape)
    assert (ours.min(), ours.max()) == (float(theirs.min()), float(theirs.max()))
    index = torch.tensor([7, 0, 7, 22])
    torch.testing.assert_close(ours.index_select(0, index), theirs.index_select(0, index))
    for part in (slice(0, 5), slice(20, 99), slice(None), slice(3, 3)):
        torch.testing.assert_close(ours[part], theirs[part])


@pytest.mark.parametrize("sparse", [False, True])
def test_a_subset_of_rows_is_that_of_the_index(dense, sparse):
    """Chosen rows have the length and the order of their index, and are taken out by slices."""
    index = torch.tensor([5, 0, 22, 5, 9])
    chosen = RowSubset(SparseRows(csr_array(dense)) if sparse else torch.from_numpy(dense), index)
    assert len(chosen) == 5
    np.testing.assert_array_equal(chosen[1:3], dense[[0, 22]])
    mapped = map_rows(torch.cos, chosen, torch.device("cpu"), 2)
    np.testing.assert_array_equal(mapped, np.cos(dense[index]))
