"""The convolutional back end."""

import pytest
import torch

from sk_aecnn.nn import CNNBackend


@pytest.mark.parametrize("global_pooling", [False, True])
@pytest.mark.parametrize("channels", [(4,), (4, 6, 8)])
@pytest.mark.parametrize(
    "in_shape", [(1,), (30,), (3, 1), (3, 9), (3, 1, 1), (3, 7, 4), (2, 3, 4, 5)]
)
def test_any_features_become_scores(in_shape, channels, global_pooling):
    """Flat features, sequences, images and volumes of any size are classified."""
    backend = CNNBackend(in_shape, 5, channels, dense_units=6, global_pooling=global_pooling)
    assert backend(torch.zeros(2, *in_shape)).shape == (2, 5)


def test_global_pooling_does_not_depend_on_the_position():
    """Pooled over all positions, the same feature maps in another order are the same."""
    backend = CNNBackend((3, 16), 5, (4,), kernel_size=1, global_pooling=True).eval()
    x = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(0))
    pairs = x.view(2, 3, 8, 2)  # that are pooled together
    torch.testing.assert_close(backend(pairs.flip(2).flatten(2)), backend(x))
