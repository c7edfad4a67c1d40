"""Dense layers from features to a code and back."""

import pytest
import torch

from sk_aecnn.nn import ACTIVATIONS, DenseDecoder, DenseEncoder, build_activation


@pytest.mark.parametrize("hidden", [(), (4,), (6, 4, 2)])
def test_the_decoder_mirrors_the_encoder(hidden):
    """Any number of hidden layers leads to the code and back to the features."""
    encoder, decoder = DenseEncoder(5, hidden, 3), DenseDecoder(5, hidden, 3)
    x = torch.zeros(2, 5)
    assert encoder.features(x).shape == (2, *encoder.feature_shape)
    assert encoder.feature_shape == ((hidden or (5,))[-1],)
    torch.testing.assert_close(encoder.code(encoder.features(x)), encoder(x))
    assert decoder(encoder(x)).shape == x.shape


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_a_new_module_each_time(name):
    """Names, classes and functions all become modules of their own."""
    x = torch.linspace(-2, 2, 5)
    module = build_activation(name)
    assert module is not build_activation(name)
    torch.testing.assert_close(build_activation(ACTIVATIONS[name])(x), module(x))
    torch.testing.assert_close(build_activation(module.forward)(x), module(x))
