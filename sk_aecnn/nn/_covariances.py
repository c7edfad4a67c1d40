"""Means and covariances of what a network sees, for which rows need not be dense at once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sk_aecnn._torch import as_tensor
from sk_aecnn.data._rows import Rows, SparseRows, chunks
from sk_aecnn.nn._conv import as_vectors
from sk_aecnn.nn._layout import InputLayout

# of the mean square of a feature, up to which its variance is the rounding of a constant
_ROUNDING = 1e-12


class ChunkedInputs:
    """Rows of any kind, of which some at a time are dense.

    Parameters
    ----------
    rows : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
        The rows.
    layout : InputLayout
        What standardises them.
    weight : Tensor of shape (n_samples,), float64
        Weights.

    Attributes
    ----------
    mean : Tensor of shape (n_features,), float64
        The mean of what a network sees.
    """

    def __init__(self, rows: Rows, layout: InputLayout, weight: Tensor) -> None:
        self._rows = rows
        self._layout = layout
        self._weight = weight
        self._total = weight.sum()
        self.mean = torch.zeros(rows.shape[1], dtype=torch.float64)
        for x, w in self._inputs():
            self.mean += w @ x / self._total

    def _inputs(self) -> Iterator[tuple[Tensor, Tensor]]:
        for chunk in chunks(self._rows):
            x = as_vectors(self._layout.complete(self._layout(self._rows[chunk])))
            yield x.double(), self._weight[chunk]

    def _centred(self) -> Iterator[tuple[Tensor, Tensor]]:
        return ((x - self.mean, w) for x, w in self._inputs())

    def covariances(self) -> Tensor:
        """Return the covariances, (n_features, n_features)."""
        covariances = torch.zeros(len(self.mean), len(self.mean), dtype=torch.float64)
        for x, w in self._centred():
            covariances += x.T @ (x * (w / self._total)[:, None])
        return covariances

    def times_covariances(self, basis: Tensor) -> Tensor:
        """Return the covariances times a basis, (n_features, n_directions)."""
        product = torch.zeros_like(basis)
        for x, w in self._centred():
            product += x.T @ (x @ basis * (w / self._total)[:, None])
        return product

    def variances(self) -> Tensor:
        """Return the variance of each feature."""
        variances = torch.zeros_like(self.mean)
        for x, w in self._centred():
            variances += w @ x.square() / self._total
        return variances


class SparseInputs:
    """Rows of a sparse table, none of which become dense: products take its entries alone.

    Parameters and attributes are those of `ChunkedInputs`; samples are vectors.
    """

    def __init__(self, rows: SparseRows, layout: InputLayout, weight: Tensor) -> None:
        self._scaled = rows.matrix.multiply(1 / layout.scale.numpy()).tocsr()
        self._share = (weight / weight.sum()).numpy()
        self._scaled_mean = self._scaled.T @ self._share
        self.mean = as_tensor(self._scaled_mean) - layout.mean / layout.scale

    def times_covariances(self, basis: Tensor) -> Tensor:
        """Return the covariances times a basis, (n_features, n_directions)."""
        directions = basis.numpy()
        projected = self._scaled @ directions - self._scaled_mean @ directions
        # rows that are not centred will do: the projections are, and add up to zero
        return as_tensor(self._scaled.T @ (projected * self._share[:, None]))

    def variances(self) -> Tensor:
        """Return the variance of each feature."""
        squares = as_tensor(self._scaled.multiply(self._scaled).T @ self._share)
        variances = squares - as_tensor(self._scaled_mean).square()
        return variances.where(variances > _ROUNDING * squares, 0.0)
