"""The whole networks: rows in, reconstructions and class scores out."""

import pytest
import torch

from sk_aecnn.nn import (
    Autoencoder,
    CNNBackend,
    ConvDecoder,
    ConvEncoder,
    InputLayout,
    JointNetwork,
)


def parts():
    torch_layout = InputLayout(
        (6, 5, 2), 2, torch.full((60,), 10.0).double(), torch.full((60,), 2.0).double()
    )
    return (
        torch_layout,
        ConvEncoder(2, (6, 5), (3,), 4),
        ConvDecoder(2, (6, 5), (3,), 4),
    )


@pytest.fixture
def rows():
    return 10 + torch.randn(7, 60, generator=torch.Generator().manual_seed(0))


def test_an_autoencoder_returns_its_output_and_its_target(rows):
    """The target is the standardised input, the output has its shape."""
    network = Autoencoder(*parts(), probabilities=False)
    output, target = network(rows)
    assert output.shape == target.shape == (7, 2, 6, 5)
    torch.testing.assert_close(target, network.layout(rows))


def test_probabilities_are_compared_with_the_rows_themselves(rows):
    """For the binary cross-entropy the target is not standardised, and outputs are sigmoids."""
    network = Autoencoder(*parts(), probabilities=True).eval()
    _, target = network(rows)
    torch.testing.assert_close(target, network.layout.arrange(rows))
    rebuilt = network.reconstruct(rows).detach()
    assert float(rebuilt.min()) >= 0
    assert float(rebuilt.max()) <= 1


@pytest.mark.parametrize("probabilities", [False, True])
def test_errors_are_those_of_the_reconstruction(rows, probabilities):
    """Squared errors per feature and per row are in the units of the input."""
    network = Autoencoder(*parts(), probabilities=probabilities).eval()
    squares = (rows - network.reconstruct(rows)).double().square()
    torch.testing.assert_close(network.squared_error(rows), squares, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        network.mean_squared_error(rows), squares.mean(1), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        network.standardised_error(rows), squares.mean(1) / 4, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("backend_input", ["code", "features"])
def test_the_joint_network_classifies_and_reconstructs(rows, backend_input):
    """Logits, output and target come from one pass; without a reconstruction, logits alone."""
    layout, encoder, decoder = parts()
    shape = (4,) if backend_input == "code" else encoder.feature_shape
    backend = CNNBackend(shape, 3, (4,), dense_units=5)
    network = JointNetwork(layout, encoder, decoder, backend, backend_input).eval()
    logits, output, target = network(rows)
    assert logits.shape == (7, 3)
    assert output.shape == target.shape == (7, 2, 6, 5)
    torch.testing.assert_close(network.logits(rows), logits)
    network.reconstructs = False
    (alone,) = network(rows)
    torch.testing.assert_close(alone, logits)


def test_weights_are_put_away_after_each_batch(rows):
    """Row weights reach the normalisation for one forward pass and no longer."""
    network = Autoencoder(*parts(), probabilities=False)
    plain, _ = network(rows)
    weighted, _ = network(rows, torch.arange(7.0))
    again, _ = network(rows)
    assert not torch.equal(weighted, plain)
    torch.testing.assert_close(again, plain, rtol=0, atol=0)
