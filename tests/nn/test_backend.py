"""The convolutional back end."""

import pytest
import torch

from sk_aecnn.nn import CNNBackend


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("channels", [(4,), (4, 6, 8)])
@pytest.mark.parametrize(
    "in_shape", [(1,), (30,), (3, 1), (3, 9), (3, 1, 1), (3, 7, 4), (2, 3, 4, 5)]
)
def test_any_features_become_scores(in_shape, channels, pooling):
    """Flat features, sequences, images and volumes of any size are classified."""
    backend = CNNBackend(in_shape, 5, channels, pooling=pooling, dense_units=6)
    assert backend(torch.zeros(2, *in_shape)).shape == (2, 5)
