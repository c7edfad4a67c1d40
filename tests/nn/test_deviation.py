"""How far rows are from usual ones, as a network measures it."""

import pytest
import torch

from sk_aecnn.nn import Autoencoder


@pytest.fixture
def network(parts):
    return Autoencoder(**parts()).eval()


@pytest.fixture
def usual(stream):
    """Usual errors and codes."""
    return {
        "variances": 0.5 + torch.rand(60, generator=stream()).double(),
        "mean": torch.randn(4, generator=stream()).double(),
        "whitening": torch.eye(4).double() + 0.1,
    }


def test_the_deviation_is_that_of_errors_and_of_codes(network, usual, rows):
    """It is the mean over features and units of the code of what is squared in units of usual."""
    errors = network.standardised_squared_error(rows) / usual["variances"]
    centred = network.encode(rows).double() - usual["mean"]
    distance = (centred @ usual["whitening"].T).square().sum(1)
    expected = (errors.sum(1) + distance) / (60 + 4)
    torch.testing.assert_close(network.deviation(rows, **usual), expected)


def test_errors_and_codes_are_those_of_two_calls(network, rows):
    """They stand side by side, to the last bit."""
    errors, codes = network.error_and_code(rows).tensor_split([60], dim=1)
    assert errors.equal(network.standardised_squared_error(rows))
    assert codes.equal(network.encode(rows).double())


def test_the_distance_is_that_of_standardised_features(network, rows):
    """It is the root of their mean square, the mean in the place of what is missing."""
    rows[4, 7] = torch.nan
    expected = network.layout.standardise(rows).nan_to_num(0.0).square().mean(1).sqrt()
    torch.testing.assert_close(network.distance(rows), expected)


@pytest.mark.parametrize("limit", [1e18, 1e21])
def test_rows_whose_squares_overflow_cannot_be_measured(network, rows, limit):
    """It is told of each row for itself, whether features, codes or reconstructions are large."""
    rows[2, 5], rows[4, 7], rows[6, 8] = limit, torch.nan, torch.inf
    expected = torch.ones(len(rows), dtype=torch.bool)
    expected[2], expected[6] = limit < 1e19, False
    assert network.are_computable(rows).equal(expected)
    for part in (network.encoder, network.decoder):
        last = list(part.parameters())[-1]
        last.data += 1e20
        assert not network.are_computable(rows).any()
        last.data.zero_()


def test_what_is_missing_counts_nowhere(network, usual, rows):
    """A value that is missing has no error, and leaves one value fewer to average over."""
    rows[:, 7] = torch.nan
    network.layout.has_missing = True
    by_column = network.deviation_by_column(rows, **usual, reference=torch.zeros(60))
    torch.testing.assert_close(by_column.sum(1), network.deviation(rows, **usual))


def test_a_deviation_is_distributed_over_columns(network, usual, rows):
    """The parts sum to the whole, wherever the reference is."""
    whole = network.deviation(rows, **usual)
    for reference in (torch.zeros(60), network.find_usual_input(usual["mean"], usual["whitening"])):
        by_column = network.deviation_by_column(rows, **usual, reference=reference)
        torch.testing.assert_close(by_column.sum(1), whole)


def test_the_usual_input_has_a_usual_code(network, usual):
    """Its code is nearer to the mean than that of the reconstruction that the search begins at."""

    def distance(row):
        code = network.encoder(network.layout.arrange(row[None])).double()
        return float(((code - usual["mean"]) @ usual["whitening"].T).square().sum().detach())

    start = network.layout.standardise(network.decode(usual["mean"].float()[None]))[0]
    found = network.find_usual_input(usual["mean"], usual["whitening"])
    assert distance(found) < 0.1 * distance(start)


def test_the_distance_to_neighbours_is_that_of_standardised_rows(network, rows):
    """Squares of the difference to the nearest row that is not lighter than asked for."""
    neighbours, weight = network.standardised(rows), torch.ones(7).double()
    near = rows[:1] + 0.2  # of a scale of 2
    distance = network.neighbour_distance(near, neighbours, weight, 1, 1.0)
    torch.testing.assert_close(distance, torch.tensor([0.01]).double(), rtol=1e-4, atol=0)
    by_column = network.neighbour_distance_by_column(near, neighbours, weight, 1, 1.0)
    torch.testing.assert_close(by_column.sum(1), distance)


def test_what_is_masked_contributes_nothing(network, usual, rows):
    """A position at which nothing is known has no part in a deviation but what all share."""
    network.layout.has_missing = network.layout.masks = True
    rows.view(7, 6, 5, 2)[:, 4:] = torch.nan
    by_column = network.deviation_by_column(rows, **usual, reference=torch.ones(60))
    torch.testing.assert_close(by_column.sum(1), network.deviation(rows, **usual))
    masked = by_column.view(7, 6, 5, 2)[:, 4:].flatten(1)
    torch.testing.assert_close(masked, masked[:, :1].expand_as(masked))
