"""What a function makes of rows."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from sk_aecnn.data._mapping import inference_batch_size, map_rows
from sk_aecnn.data._rows import SparseRows


@pytest.fixture
def dense():
    """23 rows of 5 features, most of them zero."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(23, 5)) * (rng.random((23, 5)) < 0.3)


@pytest.mark.parametrize("n_rows", [1, 15, 16, 17, 50])
def test_the_network_only_sees_batches_of_whole_sixteens(n_rows):
    """The last batch is padded for the network, and cut again for the caller."""
    seen = []

    def double(rows):
        seen.append(len(rows))
        return rows * 2

    rows = torch.arange(n_rows * 3.0).reshape(n_rows, 3)
    result = map_rows(double, rows, torch.device("cpu"), 32)
    np.testing.assert_array_equal(result, rows.numpy() * 2)
    assert seen == [32] * (n_rows // 32) + [-(-(n_rows % 32) // 16) * 16]


@pytest.mark.parametrize("spatial", [False, True])
@pytest.mark.parametrize("n_features", [1, 784, 30_000, 224 * 224 * 3, 10**7])
def test_inference_batches_are_whole_sixteens_within_bounds(n_features, spatial):
    """Large samples come in smaller batches, never fewer than sixteen."""
    size = inference_batch_size(n_features, spatial)
    assert 16 <= size <= (128 if spatial else 1024)
    assert size % 16 == 0


def test_inference_on_sparse_rows_is_that_on_dense_ones(dense):
    """Sparse rows become dense a batch at a time, and results are the same."""
    sparse = map_rows(torch.cos, SparseRows(csr_array(dense)), torch.device("cpu"), 8)
    expected = map_rows(torch.cos, torch.from_numpy(dense), torch.device("cpu"), 8)
    np.testing.assert_array_equal(sparse, expected)
