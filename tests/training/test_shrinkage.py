"""How much of what was learned beyond PCA is taken back."""

import numpy as np
import torch

from sk_aecnn.training._copies import snapshot
from sk_aecnn.training._inference import infer
from sk_aecnn.training._shrinkage import set_shrinkage, shrink, shrunk_errors


def test_all_taken_back_is_pca(autoencoder, table):
    """Errors go from those of what was learned to those of PCA."""
    net = autoencoder(linear_path=True, shrinkage=0.0, max_epochs=20, lr=0.01).fit(table).net_
    untrained = autoencoder(linear_path=True, shrinkage=1.0, max_epochs=1).fit(table).net_
    rows = torch.from_numpy(table)
    learned = infer(net, "standardised_mean_squared_error", rows)
    first, half, last = shrunk_errors(net, rows, (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(first, learned)
    pca = infer(untrained, "standardised_mean_squared_error", rows)
    np.testing.assert_allclose(last, pca, rtol=1e-4)
    assert first.mean() < half.mean() < last.mean()


def test_a_share_is_taken_back_once(autoencoder, table):
    """What is to be taken back at the end of training is not taken back again after that."""
    net = autoencoder(linear_path=True, shrinkage=0.0, max_epochs=20, lr=0.01).fit(table).net_
    rows = torch.from_numpy(table)
    expected = shrunk_errors(snapshot(net), rows, (0.5,))[0]
    set_shrinkage(net, 0.5)
    for _ in range(2):
        shrink(net)
        errors = infer(net, "standardised_mean_squared_error", rows)
        np.testing.assert_array_equal(errors, expected)
