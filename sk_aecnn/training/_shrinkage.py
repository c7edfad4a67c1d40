"""How much of what an autoencoder learns beyond PCA is taken back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sk_aecnn.data._rows import Rows, RowSubset
from sk_aecnn.nn import PCAHalf
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet


def set_shrinkage(net: TrainingNet, shrinkage: float) -> None:
    """Let training take back a share of what an autoencoder learns beyond PCA."""
    for half in _pca_halves(net):
        half.shrinkage = shrinkage


def shrink(net: TrainingNet) -> None:
    """Take back, once, what was to be taken back in the end."""
    for half in _pca_halves(net):
        if half.shrinkage:
            half.shrink(half.shrinkage)
            half.shrinkage = 0.0


def shrunk_errors(
    net: TrainingNet,
    rows: Rows | RowSubset,
    choices: Sequence[float],
    error: str = "standardised_mean_squared_error",
) -> np.ndarray:
    """Return the errors of rows, with more and more taken back of what was learned beyond PCA.

    Parameters
    ----------
    net : TrainingNet
        A trained one, which is changed.
    rows : Tensor, SparseRows or RowSubset of shape (n_samples, n_features)
        Rows.
    choices : sequence of float
        Shares to take back, from 0 up.
    error : str
        The method of the network that returns the error of each row.

    Returns
    -------
    errors : ndarray of shape (n_choices, n_samples), float64
        The errors, with each of the choices.
    """
    errors, before = [], 0.0
    for shrinkage in choices:
        for half in _pca_halves(net):
            half.shrink(1 - (1 - shrinkage) / (1 - before))
        errors.append(infer(net, error, rows))
        before = shrinkage
    return np.stack(errors)


def _pca_halves(net: TrainingNet) -> list[PCAHalf]:
    return [module for module in net.module_.modules() if isinstance(module, PCAHalf)]
