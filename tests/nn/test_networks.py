"""The autoencoder: rows in; reconstructions and codes out."""

import pytest
import torch
from torch import nn

from sk_aecnn.nn import Autoencoder, BatchNorm, set_generator


def test_an_autoencoder_returns_its_output_its_target_and_its_code(rows, parts):
    """The target is the standardised input, the output has its shape, the code is encode's."""
    network = Autoencoder(**parts()).eval()
    outputs = network(rows)
    assert list(outputs) == ["output", "target", "code"]
    assert outputs["output"].shape == outputs["target"].shape == (7, 2, 6, 5)
    torch.testing.assert_close(outputs["target"], network.layout(rows))
    torch.testing.assert_close(outputs["code"], network.encode(rows))
    torch.testing.assert_close(
        network.layout.restore(network.layout.flatten(outputs["output"])), network.reconstruct(rows)
    )


def test_probabilities_are_compared_with_the_rows_themselves(pixels, parts):
    """For the binary cross-entropy the target is not standardised, and outputs are sigmoids."""
    network = Autoencoder(**parts(probabilities=True)).eval()
    torch.testing.assert_close(network(pixels)["target"], network.layout.arrange(pixels))
    rebuilt = network.reconstruct(pixels).detach()
    assert float(rebuilt.min()) >= 0
    assert float(rebuilt.max()) <= 1


@pytest.mark.parametrize("probabilities", [False, True])
def test_errors_are_those_of_the_reconstruction(rows, probabilities, parts):
    """Squared errors per feature and per row are in the units of the input, or standardised."""
    network = Autoencoder(**parts(probabilities=probabilities)).eval()
    squares = (rows - network.reconstruct(rows)).double().square()
    close = {"rtol": 1e-3, "atol": 1e-3}
    torch.testing.assert_close(network.squared_error(rows), squares, **close)
    torch.testing.assert_close(network.mean_squared_error(rows), squares.mean(1), **close)
    torch.testing.assert_close(network.standardised_squared_error(rows), squares / 4, **close)
    torch.testing.assert_close(
        network.standardised_mean_squared_error(rows), squares.mean(1) / 4, **close
    )


def test_the_encoder_sees_noise_and_the_target_does_not(rows, parts, stream):
    """A denoising autoencoder is compared with the clean input, and is clean in prediction."""
    network = Autoencoder(**parts("gaussian"))
    clean = Autoencoder(**parts())
    clean.load_state_dict(network.state_dict())
    set_generator(network, stream())
    noisy = network(rows)
    torch.testing.assert_close(noisy["target"], network.layout(rows), rtol=0, atol=0)
    assert not torch.equal(noisy["code"], clean(rows)["code"])
    clean.load_state_dict(network.state_dict())
    torch.testing.assert_close(network.eval()(rows), clean.eval()(rows), rtol=0, atol=0)


def test_weights_are_put_away_after_each_batch(rows, parts):
    """Row weights reach the normalisation for one forward pass and no longer."""
    network = Autoencoder(**parts())
    plain = network(rows)["output"]
    weighted = network(rows, torch.arange(7.0))["output"]
    again = network(rows)["output"]
    assert not torch.equal(weighted, plain)
    torch.testing.assert_close(again, plain, rtol=0, atol=0)


def test_weights_are_put_away_after_an_error(rows, parts):
    """A forward pass that fails leaves no weights behind."""
    network = Autoencoder(**parts())
    network.decoder = nn.Linear(1, 1)
    with pytest.raises(RuntimeError):
        network(rows, torch.ones(7))
    norms = [layer for layer in network.modules() if isinstance(layer, BatchNorm)]
    assert [norm.row_weight for norm in norms] == [None]


def test_an_autoencoder_rebuilds_translated_rows_where_they_were(
    rows, parts, augmented, translation, stream
):
    """The encoder sees rows that are translated; the target is the rows as they are."""
    network = Autoencoder(**parts(), augmentation=augmented(0.4, fade=True))
    network.augmentation.progress = 0.0
    set_generator(network, stream())
    again = translation(0.4)
    again.generator = stream()
    outputs, translated = network(rows), again(rows)
    assert not torch.equal(translated, rows)
    torch.testing.assert_close(outputs["target"], network.layout(rows), rtol=0, atol=0)
    torch.testing.assert_close(outputs["code"], network.encoder(network.layout(translated)))
    torch.testing.assert_close(network.encode(rows), network.encoder(network.layout(rows)))
