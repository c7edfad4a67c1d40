"""What a trained network makes of rows."""

import numpy as np
import pytest
import torch

from sk_aecnn.data._rows import RowSubset
from sk_aecnn.training._inference import infer


def test_arguments_reach_the_method_of_the_network(autoencoder, table):
    """What a method takes besides rows is passed on, the same for every batch."""
    net, rows = autoencoder().fit(table).net_, torch.from_numpy(table)
    whole = infer(net, "truncated_squared_error", rows, n_units=3)
    np.testing.assert_array_equal(whole, infer(net, "standardised_mean_squared_error", rows))
    assert (infer(net, "truncated_squared_error", rows, n_units=0) > whole).any()


def test_some_rows_are_those_among_all(autoencoder, table, assert_rows_alike):
    """Chosen rows have the results that they have among all rows, in the order asked for."""
    net, rows = autoencoder().fit(table).net_, torch.from_numpy(table)
    chosen = RowSubset(rows, torch.tensor([5, 2]))
    assert_rows_alike(infer(net, "encode", chosen), infer(net, "encode", rows)[[5, 2]])


def test_what_a_precision_cannot_compute_is_named(autoencoder, table):
    """The error has the row, the feature, how far out its value is, and what to do."""
    net, rows = autoencoder(scaling="feature").fit(table).net_, torch.from_numpy(table.copy())
    rows[7, 1] = 1e300
    with pytest.raises(ValueError, match=r"1e\+300 in row 7, feature 1, .*precision='float64'"):
        infer(net, "encode", rows)


def test_memory_that_does_not_suffice_is_explained(autoencoder, table, monkeypatch):
    """An error of torch's that there is no memory says how many samples there were."""

    def encode(rows):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")

    net = autoencoder().fit(table).net_
    monkeypatch.setattr(net.module_, "encode", encode)
    with pytest.raises(MemoryError, match=r"of 40 samples of 5 values .*fewer samples"):
        infer(net, "encode", torch.from_numpy(table))
