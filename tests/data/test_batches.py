"""Rows in, batches out."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch.utils.data import Subset

from sk_aecnn.data._batches import BatchIterator, RowDataset, without_targets
from sk_aecnn.data._rows import SparseRows


@pytest.fixture
def dense():
    """23 rows of 5 features, most of them zero."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(23, 5)) * (rng.random((23, 5)) < 0.3)


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


def mixed(n_unlabeled, n_labeled):
    """Rows numbered from 0, the first ones unlabeled."""
    n_rows = n_unlabeled + n_labeled
    labeled = torch.arange(n_rows) >= n_unlabeled
    return RowDataset(torch.arange(n_rows)[:, None], torch.arange(n_rows) * 10, labeled=labeled)


def epoch(iterator):
    """Return, batch by batch, the numbers of the unlabeled and of the labeled rows."""
    unlabeled, labeled = [], []
    for inputs, target in iterator:
        rows, is_labeled = inputs["rows"].ravel(), inputs["labeled"]
        assert target.tolist() == (rows * 10).tolist()
        unlabeled.append(rows[~is_labeled].tolist())
        labeled.append(rows[is_labeled].tolist())
    return unlabeled, labeled


def flat(batches):
    return [row for batch in batches for row in batch]


@pytest.mark.parametrize(
    ("n_unlabeled", "n_labeled", "batch_size", "sizes"),
    [
        (12, 6, 4, [2, 2, 2]),  # half as many
        (12, 20, 4, [7, 7, 7]),  # as many as come round in an epoch
        (12, 1, 4, [1, 1, 1]),  # fewer than that: all of them each time
        (13, 3, 4, [2, 2, 2]),  # the last row alone joins the batch before it
        (1, 3, 4, [3]),
        (3, 2, 1, [1, 1]),
        (50, 3, 100, [3]),
    ],
)
def test_labeled_rows_join_the_others(n_unlabeled, n_labeled, batch_size, sizes):
    """An epoch passes all unlabeled rows once; each of its batches holds labeled ones."""
    iterator = BatchIterator(mixed(n_unlabeled, n_labeled), batch_size, stream())
    unlabeled, labeled = epoch(iterator)
    assert sorted(flat(unlabeled)) == list(range(n_unlabeled))
    assert [len(batch) for batch in labeled] == sizes
    assert len(iterator) == len(sizes)
    assert all(len(set(batch)) == len(batch) for batch in labeled)


def test_labeled_rows_come_in_turn():
    """Few labeled rows repeat, each as often as the others; many all come in an epoch."""
    _, labeled = epoch(BatchIterator(mixed(40, 6), 4, stream()))
    assert [len(batch) for batch in labeled] == [2] * 10
    counts = np.bincount(flat(labeled), minlength=46)[40:]
    assert counts.max() - counts.min() <= 1
    _, labeled = epoch(BatchIterator(mixed(12, 21), 4, stream()))
    assert sorted(flat(labeled)) == list(range(12, 33))


def test_mixed_epochs_are_in_a_new_order_of_the_same_stream():
    """Both kinds of rows are permuted, anew in each epoch; the same seed gives the same epochs."""
    first, again = (BatchIterator(mixed(12, 6), 4, stream()) for _ in range(2))
    epochs = [epoch(first), epoch(first)]
    assert epochs[0] != epochs[1]
    assert epochs == [epoch(again), epoch(again)]


def test_mixing_leaves_the_global_stream_alone():
    """The order is drawn from the iterator's own stream."""
    state = torch.get_rng_state()
    epoch(BatchIterator(mixed(12, 6), 4, stream()))
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)


def test_without_a_stream_nothing_is_mixed():
    """Validation rows come once each, as they are."""
    iterator = BatchIterator(mixed(3, 4), 4)
    batches = [inputs["rows"].ravel().tolist() for inputs, _ in iterator]
    assert batches == [[0, 1, 2, 3], [4, 5, 6]]
    assert len(iterator) == 2


def test_unlabeled_rows_may_be_alone():
    """Where no row is labeled, an epoch is a pass over all."""
    unlabeled, labeled = epoch(BatchIterator(mixed(9, 0), 4, stream()))
    assert sorted(flat(unlabeled)) == list(range(9))
    assert [len(batch) for batch in unlabeled] == [4, 5]
    assert flat(labeled) == []


@pytest.mark.parametrize("subset", [False, True])
def test_labeled_rows_alone_are_not_mixed(subset):
    """Where all rows are labeled, be it in a subset, batches are those of any data."""
    data = Subset(mixed(5, 10), list(range(5, 15))) if subset else mixed(0, 15)
    plain = RowDataset(torch.arange(15)[:, None])
    plain = Subset(plain, list(range(5, 15))) if subset else plain
    _, labeled = epoch(BatchIterator(data, 4, stream()))
    expected = [rows.ravel().tolist() for rows, _ in BatchIterator(plain, 4, stream())]
    assert labeled == expected


def test_a_subset_is_mixed_of_its_own_rows():
    """Rows that a subset leaves out come neither among the unlabeled nor among the labeled."""
    chosen = [0, 3, 5, 7, 8, 9, 13, 14, 17]
    subset = Subset(Subset(mixed(10, 10), chosen), np.arange(9))
    unlabeled, labeled = epoch(BatchIterator(subset, 4, stream()))
    assert sorted(flat(unlabeled)) == [0, 3, 5, 7, 8, 9]
    assert set(flat(labeled)) == {13, 14, 17}


def test_a_batch_says_which_rows_are_labeled():
    """Rows, weights and marks of a batch belong together."""
    labeled = torch.tensor([True, False, True])
    data = RowDataset(torch.arange(3)[:, None], torch.arange(3), torch.arange(3) / 1.0, labeled)
    inputs, _ = data.gather(torch.tensor([1, 2]))
    assert sorted(inputs) == ["labeled", "row_weight", "rows"]
    assert inputs["labeled"].tolist() == [False, True]


@pytest.mark.parametrize("kind", ["all", "subset"])
def test_rows_may_be_their_own_targets(kind):
    """Without targets a dataset has the same rows and weights, and none of them is unlabeled."""
    data = mixed(6, 4)
    data.row_weight = torch.arange(10.0)
    alone = without_targets(data if kind == "all" else Subset(Subset(data, [9, 7, 5, 3]), [1, 3]))
    inputs, target = zip(*BatchIterator(alone, 20), strict=True)
    rows = list(range(10)) if kind == "all" else [7, 3]
    assert target[0].ravel().tolist() == rows
    assert inputs[0]["rows"].ravel().tolist() == rows
    assert inputs[0]["row_weight"].tolist() == rows
    assert "labeled" not in inputs[0]
    assert len(alone) == len(rows)
    assert data.labeled is not None


@pytest.mark.parametrize("labeled", [None, torch.arange(23) % 3 == 0])
def test_batches_of_sparse_rows_are_those_of_dense_ones(dense, labeled):
    """A dataset of sparse rows gives the same batches as one of dense rows."""
    y = torch.arange(23)
    batches = [
        list(BatchIterator(RowDataset(rows, y, torch.ones(23), labeled), 4, stream()))
        for rows in (SparseRows(csr_array(dense)), torch.from_numpy(dense))
    ]
    torch.testing.assert_close(*batches, rtol=0, atol=0)
