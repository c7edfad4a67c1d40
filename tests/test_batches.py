"""Rows in, batches out."""

import numpy as np
import pytest
import torch
from torch.utils.data import Subset

from sk_aecnn._batches import (
    BatchIterator,
    RowDataset,
    chunks,
    inference_batch_size,
    map_rows,
)


def stream():
    return torch.Generator().manual_seed(0)


def sizes(n_rows, batch_size):
    iterator = BatchIterator(RowDataset(torch.arange(n_rows)[:, None]), batch_size)
    return [len(target) for _, target in iterator], len(iterator)


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "expected"),
    [
        (6, 3, [3, 3]),
        (7, 3, [3, 4]),
        (8, 3, [3, 3, 2]),
        (1, 3, [1]),
        (2, 3, [2]),
        (3, 1, [1, 2]),
        (4, 100, [4]),
    ],
)
def test_a_last_row_is_never_alone(n_rows, batch_size, expected):
    """A last batch of one row is merged into the one before, where there is one."""
    assert sizes(n_rows, batch_size) == (expected, len(expected))


def test_every_row_comes_once_an_epoch_in_a_new_order():
    """Rows are permuted, anew in each epoch, and the same seed gives the same epochs."""
    data = RowDataset(torch.arange(20)[:, None])
    iterator, again = BatchIterator(data, 6, stream()), BatchIterator(data, 6, stream())
    epochs = [torch.cat([target for _, target in iterator]).ravel().tolist() for _ in range(2)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert epochs[0] != epochs[1] != list(range(20))
    assert epochs == [torch.cat([t for _, t in again]).ravel().tolist() for _ in range(2)]


def test_without_a_stream_rows_keep_their_order():
    """Validation rows come as they are."""
    batches = BatchIterator(RowDataset(torch.arange(5)[:, None]), 2)
    assert torch.cat([target for _, target in batches]).ravel().tolist() == [0, 1, 2, 3, 4]


def test_subsets_of_subsets_are_followed_to_the_rows():
    """skorch splits by Subset: the indices are composed."""
    data = RowDataset(torch.arange(10)[:, None], torch.arange(10) * 10)
    subset = Subset(Subset(data, [9, 7, 5, 3]), np.array([1, 3]))
    ((rows, target),) = BatchIterator(subset, 5)
    assert rows.ravel().tolist() == [7, 3]
    assert target.tolist() == [70, 30]


def test_targets_and_weights_follow_their_rows():
    """A batch holds the targets and the weights of its rows."""
    data = RowDataset(torch.arange(4)[:, None], torch.arange(4) * 10, torch.arange(4) / 2)
    inputs, target = data.gather(torch.tensor([3, 1]))
    assert inputs["rows"].ravel().tolist() == [3, 1]
    assert inputs["row_weight"].tolist() == [1.5, 0.5]
    assert target.tolist() == [30, 10]
    assert data[2][1] == 20


def test_rows_keep_their_type_until_they_are_used():
    """uint8 rows are gathered as uint8."""
    rows, _ = RowDataset(torch.zeros(3, 2, dtype=torch.uint8)).gather(torch.tensor([0]))
    assert rows.dtype == torch.uint8


@pytest.mark.parametrize("n_rows", [1, 7, 8, 9, 25])
def test_the_network_only_sees_batches_of_one_size(n_rows):
    """The last batch is padded for the network, and cut again for the caller."""
    seen = []

    def double(rows):
        seen.append(len(rows))
        return rows * 2

    rows = torch.arange(n_rows * 3.0).reshape(n_rows, 3)
    result = map_rows(double, rows, torch.device("cpu"), 8)
    np.testing.assert_array_equal(result, rows.numpy() * 2)
    assert set(seen) == {8}


@pytest.mark.parametrize("n_features", [1, 784, 30_000, 224 * 224 * 3, 10**7])
def test_inference_batches_are_powers_of_two_within_bounds(n_features):
    """Large samples come in smaller batches, never fewer than eight."""
    size = inference_batch_size(n_features)
    assert 8 <= size <= 128
    assert size & (size - 1) == 0


@pytest.mark.parametrize("shape", [(1, 1), (10, 3), (5, 2**21), (3, 2**23)])
def test_chunks_cover_every_row_once(shape):
    """Slices follow each other from the first row to the last, and are never empty."""
    pieces = list(chunks(torch.empty(shape, device="meta")))
    assert [i for piece in pieces for i in range(shape[0])[piece]] == list(range(shape[0]))
    assert all(piece.stop > piece.start for piece in pieces)
