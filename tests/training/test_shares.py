"""What can be told of shared batches in one process."""

import pytest
import torch
from torch import nn

from sk_aecnn._processes import Processes, agree, gather_rows, is_first, sum_of_shares, together
from sk_aecnn.data._batches import BatchIterator, RowDataset
from sk_aecnn.training._shares import shared


def rows(n_rows):
    return RowDataset(torch.arange(n_rows)[:, None])


def enter(module, n_rows, batch_size, size=2):
    with together(Processes(0, size)), shared(module, torch.Generator(), rows(n_rows), batch_size):
        pytest.fail("it is refused")


def test_one_process_shares_nothing():
    """Outside of a fit in several processes, everything is passed on as it is."""
    tensor = torch.ones(3)
    assert agree(tensor) is tensor
    assert sum_of_shares(tensor) is tensor
    assert gather_rows(tensor)[0] is tensor
    assert is_first()
    with shared(nn.Linear(1, 1), torch.Generator(), rows(3), 2) as shares:
        assert shares is None


def test_shares_are_the_batch():
    """The shares of processes are parts of the same batches, whose sizes all of them know."""
    batches = []
    for rank in range(3):
        iterator = BatchIterator(rows(11), 4, torch.Generator().manual_seed(0))
        iterator.share = Processes(rank, 3).share
        assert list(iterator.sizes()) == [4, 4, 3]
        batches.append([batch.ravel().tolist() for batch, _ in iterator])
    whole = BatchIterator(rows(11), 4, torch.Generator().manual_seed(0))
    for (expected, _), *parts in zip(whole, *batches, strict=True):
        together_again = [None] * len(expected)
        for rank, part in enumerate(parts):
            together_again[rank::3] = part
        assert together_again == expected.ravel().tolist()


@pytest.mark.parametrize(("n_rows", "batch_size"), [(100, 3), (3, 100)])
def test_batches_must_have_a_row_for_each(n_rows, batch_size):
    """Fewer rows than processes are refused, with the remedy."""
    with pytest.raises(ValueError, match=r"A batch has 3 samples.*4 processes.*fewer processes"):
        enter(nn.Linear(1, 1), n_rows, batch_size, size=4)


def test_statistics_of_shares_are_refused():
    """Layers of torch that normalise by the rows in hand name what to use instead."""
    module = nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2))
    with pytest.raises(ValueError, match=r"'1' is a torch.nn.BatchNorm1d.*sk_aecnn.nn.BatchNorm"):
        enter(module, 100, 10)
