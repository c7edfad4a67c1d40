"""The variational autoencoder: its distributions, draws and errors."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from sk_aecnn.nn import VariationalAutoencoder, divergence_from_normal, set_generator


@pytest.fixture
def variational(parts, stream):
    """A factory of variational autoencoders."""

    def make(**options):
        network = VariationalAutoencoder(**parts(n_encoded=8, **options))
        set_generator(network, stream())
        return network

    return make


def test_the_divergence_is_that_of_torch(stream):
    """Each unit's divergence from the prior is what torch.distributions computes."""
    mean = torch.randn(5, 3, generator=stream(), dtype=torch.float64)
    deviation = torch.rand(5, 3, generator=stream(), dtype=torch.float64) + 0.1
    expected = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0))
    torch.testing.assert_close(divergence_from_normal(mean, deviation), expected)


def test_a_variational_network_knows_its_distributions(rows, variational):
    """The divergence of rows is that of their means and deviations, which are positive."""
    network = variational().eval()
    mean, deviation = network.distribution(network.layout(rows))
    assert mean.shape == deviation.shape == (7, 4)
    assert bool((deviation > 0).all())
    expected = kl_divergence(Normal(mean.double(), deviation.double()), Normal(0.0, 1.0))
    torch.testing.assert_close(network.divergence(rows), expected)
    torch.testing.assert_close(network.encode(rows), mean)


def test_deviations_are_never_zero(rows, variational):
    """However sure the encoder is, the divergence stays finite."""
    network = variational().eval()
    network.encoder.bottleneck.bias.data.fill_(-1e4)
    assert bool(network.divergence(rows).isfinite().all())


def test_the_mean_is_decoded_in_prediction(rows, variational):
    """In evaluation a forward pass draws nothing and decodes the mean."""
    network = variational().eval()
    outputs = network(rows)
    assert list(outputs) == ["output", "target", "mean", "deviation"]
    torch.testing.assert_close(outputs["mean"], network.encode(rows), rtol=0, atol=0)
    torch.testing.assert_close(outputs["output"], network.decoder(outputs["mean"]))
    torch.testing.assert_close(network(rows), outputs, rtol=0, atol=0)


def test_draws_are_decoded_in_training(rows, variational, stream):
    """While training, what is decoded is mean plus deviation times normal numbers."""
    network, state = variational(), torch.get_rng_state()
    outputs, again = network(rows), network(rows)
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)
    assert not torch.equal(outputs["output"], again["output"])
    torch.testing.assert_close(outputs["mean"], again["mean"], rtol=0, atol=0)
    draws = torch.empty(7, 4).normal_(generator=stream())
    code = outputs["mean"] + outputs["deviation"] * draws
    torch.testing.assert_close(outputs["output"], network.decoder(code), rtol=0, atol=0)


def test_the_error_of_draws_is_the_squared_error(rows, variational, stream):
    """Each draw, the same for every row, is decoded and compared in standardised units."""
    network, draws = variational().eval(), torch.randn(3, 4, generator=stream()).double()
    error = network.draw_error(rows, draws)
    assert error.shape == (7, 2, 3)
    assert error.dtype == torch.float64
    assert (error[:, 1] == 0).all()
    mean, deviation = network.distribution(network.layout(rows))
    for column, draw in zip(error[:, 0].T, draws, strict=True):
        output = network.layout.flatten(network.decoder(mean + deviation * draw.float()))
        expected = (network.layout.standardise(rows) - output).double().square().sum(1)
        torch.testing.assert_close(column, expected)


def test_the_error_of_drawn_probabilities_is_the_cross_entropy(pixels, variational):
    """Where outputs are logits, draws are compared with the rows by binary cross-entropy."""
    network = variational(probabilities=True).eval()
    mean = network.encode(pixels)
    squares, error = network.draw_error(pixels, torch.zeros(1, 4))[:, :, 0].T
    assert (squares == 0).all()
    logits = network.layout.flatten(network.decoder(mean)).double()
    expected = F.binary_cross_entropy_with_logits(logits, pixels.double(), reduction="none").sum(1)
    torch.testing.assert_close(error, expected)
