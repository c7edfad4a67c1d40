"""The convolutional back end."""

import pytest
import torch

from sk_aecnn.nn import CNNBackend


@pytest.mark.parametrize("joining", ["flatten", "summarise"])
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("channels", [(4,), (4, 6, 8)])
@pytest.mark.parametrize(
    "in_shape", [(1,), (30,), (3, 1), (3, 9), (3, 1, 1), (3, 7, 4), (2, 3, 4, 5)]
)
def test_any_features_become_scores(in_shape, channels, pooling, joining):
    """Flat features, sequences, images and volumes of any size are classified."""
    backend = CNNBackend(in_shape, 5, channels, pooling=pooling, dense_units=6, joining=joining)
    assert backend(torch.zeros(2, *in_shape)).shape == (2, 5)


def test_a_summary_does_not_depend_on_where():
    """Where positions are summarised, what fills every position in another order is the same."""
    backend = CNNBackend((3, 16), 5, (4,), kernel_size=1, joining="summarise").eval()
    x = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(0))
    pairs = x.view(2, 3, 8, 2)  # that are pooled together
    torch.testing.assert_close(backend(pairs.flip(2).flatten(2)), backend(x))
