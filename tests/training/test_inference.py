"""What a trained network makes of rows."""

import numpy as np
import pytest
import torch

from sk_aecnn.data._rows import RowSubset
from sk_aecnn.exceptions import DivergenceError
from sk_aecnn.training._inference import are_finite, check_computable, find_computable, infer


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


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_what_cannot_be_measured_is_named(autoencoder, table, precision):
    """Squares that would overflow are told before; missing values are not to blame."""
    net = autoencoder(scaling="feature", precision=precision).fit(table).net_
    rows = torch.from_numpy(table.copy())
    rows[3, :2] = torch.nan
    rows[7, 1] = {"float32": 1e17, "float64": 1e98}[precision]
    check_computable(net, rows, has_moderate_weights=True)
    rows[7, 1] *= 1e5
    rows[7, 0] = torch.nan
    with pytest.raises(ValueError, match=r"1e\+(22|103) in row 7, feature 1, ") as caught:
        check_computable(net, rows, has_moderate_weights=True)
    assert not isinstance(caught.value, DivergenceError)


def test_weights_that_make_too_much_of_rows_have_diverged(autoencoder, table):
    """The error of usual rows is about the learning rate, not about the rows."""
    net = autoencoder(lr=0.125).fit(table).net_
    with torch.no_grad():
        for weight in net.module_.decoder.parameters():
            weight.fill_(1e12)
    rows = torch.from_numpy(table)
    are_computable = find_computable(net, rows, has_moderate_weights=False)
    assert 0 < np.count_nonzero(are_computable) < len(rows)
    with pytest.raises(DivergenceError, match=r"lr=0\.125 .* diverged\. Pass a lower lr"):
        check_computable(net, rows, has_moderate_weights=False)


def test_memory_that_does_not_suffice_is_explained(autoencoder, table, monkeypatch):
    """An error of torch's that there is no memory says how many samples there were."""

    def encode(rows):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")

    net = autoencoder().fit(table).net_
    monkeypatch.setattr(net.module_, "encode", encode)
    with pytest.raises(MemoryError, match=r"of 40 samples of 5 values .*fewer samples"):
        infer(net, "encode", torch.from_numpy(table))


def test_sums_that_overflow_do_not_make_numbers_infinite():
    """Tensors of several dtypes, empty ones among them, are looked at one by one where needed."""
    large = [torch.full((4,), 3e38), torch.ones(2, dtype=torch.float64), torch.empty(0)]
    assert are_finite([*large, torch.arange(3)])
    assert are_finite([])
    assert not are_finite([*large, torch.tensor([1.0, torch.nan], dtype=torch.float64)])
    assert not are_finite([torch.tensor(torch.inf)])
