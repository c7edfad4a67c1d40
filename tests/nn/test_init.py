"""Parameters drawn from a given stream."""

import pytest
import torch
from torch import nn

from sk_aecnn.nn import (
    AutoencoderParts,
    BatchNorm,
    ConvEncoder,
    Corruption,
    DenseEncoder,
    Dropout,
    VariationalAutoencoder,
    build,
    set_generator,
)
from sk_aecnn.nn._dense import Linear
from sk_aecnn.nn._late import CONV, CONV_TRANSPOSE

FACTORIES = {
    "dense": lambda: DenseEncoder(5, (4,), 3),
    "conv": lambda: ConvEncoder(2, (6, 5), (4, 6), 3),
    "volume": lambda: nn.Sequential(CONV[3](1, 2, 3), CONV_TRANSPOSE[1](2, 3, 3)),
}


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_the_global_stream_is_neither_read_nor_moved(factory):
    """Modules built with one seed are equal, whatever the global stream, which stays."""
    state = torch.get_rng_state()
    first = build(factory, torch.float32, stream())
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)
    torch.manual_seed(123)
    second = build(factory, torch.float32, stream())
    torch.set_rng_state(state)
    other = build(factory, torch.float32, stream(1))
    for name, value in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, rtol=0, atol=0)
    assert any(
        not torch.equal(value, other.state_dict()[name])
        for name, value in first.state_dict().items()
    )


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Linear(5, 4),
        lambda: CONV[1](3, 4, 3),
        lambda: CONV[2](3, 4, 5),
        lambda: CONV[3](2, 4, 3),
        lambda: CONV_TRANSPOSE[2](3, 4, 3),
    ],
)
def test_the_distribution_is_torchs_own(layer):
    """The same stream draws the weights that torch draws by default."""
    state = torch.get_rng_state()
    torch.manual_seed(7)
    theirs = layer()
    torch.set_rng_state(state)
    ours = build(layer, torch.float32, stream(7))
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=0)
    torch.testing.assert_close(ours.bias, theirs.bias, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_and_buffers_are_in_the_precision_asked_for(dtype):
    """Precision is chosen when building, on the CPU."""
    module = build(FACTORIES["conv"], dtype, stream())
    assert {value.dtype for value in module.state_dict().values()} == {dtype}
    assert {value.device.type for value in module.state_dict().values()} == {"cpu"}


def test_normalisation_starts_as_the_identity():
    """Batch normalisation has ones and zeros, not uninitialised memory."""
    norm = build(lambda: BatchNorm(3), torch.float32, stream())
    assert norm.weight.tolist() == norm.running_var.tolist() == [1, 1, 1]
    assert norm.bias.tolist() == norm.running_mean.tolist() == [0, 0, 0]


def test_layers_that_draw_share_one_stream():
    """set_generator reaches dropout, noise and the draws of codes, however deep."""
    dropout, noise, identity = Dropout(0.5), Corruption("swap", 0.1), nn.Identity()
    network = VariationalAutoencoder(
        AutoencoderParts(identity, nn.Sequential(dropout), identity, 1), noise
    )
    generator = stream()
    set_generator(nn.Sequential(network), generator)
    assert dropout.generator is noise.generator is network.generator is generator
