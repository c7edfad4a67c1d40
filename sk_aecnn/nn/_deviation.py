"""How far rows are from usual ones: by errors and codes, by neighbours, or by each value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sk_aecnn.nn._attribution import find_minimum, integrated_gradients
from sk_aecnn.nn._dense import batch_invariant_linear
from sk_aecnn.nn._layout import InputLayout
from sk_aecnn.nn._neighbours import find_neighbours
from sk_aecnn.nn._surprisal import surprisal_of_values

# sums of squares of larger numbers overflow in double precision, as soon as they are scaled
_LARGEST = 1e100


class DeviationMixin:
    """What an autoencoder tells of unusual rows."""

    # of the autoencoder that this is mixed into
    layout: InputLayout
    encoder: Any
    decoder: Any
    categories: Any
    encode: Callable[[Tensor], Tensor]
    known: Callable[[Tensor], Tensor]
    _decode: Callable[[Tensor], tuple[Tensor, Tensor]]
    _errors: Callable[..., Tensor]

    def deviation(self, rows: Tensor, variances: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
        """Return the mean squared deviation of each row, float64 (batch,).

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
            Rows.
        variances : Tensor of shape (n_columns,), float64
            Usual errors in standardised units.
        mean : Tensor of shape (encoding_dim,), float64
            Of the codes.
        whitening : Tensor of shape (encoding_dim, encoding_dim), float64
            Makes deviations of codes uncorrelated, of variance one.
        """
        code = self.encode(rows)
        errors = self._errors(rows, code, scaled=True).div_(variances.to(code.device))
        distance = _squared_distance(code, mean, whitening)
        return (errors.sum(1) + distance) / (self.known(rows).sum(1) + code.shape[1])

    def error_and_code(self, rows: Tensor) -> Tensor:
        """Return the standardised squared error of each column, and the code, side by side.

        Shape
        -----
        rows : (batch, n_features); result : (batch, n_columns + encoding_dim), float64
        """
        code = self.encode(rows)
        return torch.cat([self._errors(rows, code, scaled=True), code.to(torch.float64)], dim=1)

    def find_usual_input(self, mean: Tensor, whitening: Tensor) -> Tensor:
        """Return a standardised row whose code is near the mean code, (n_features,).

        The reconstruction of the mean code has another one in general. It is where the search
        begins, at the frequencies of categories.

        Parameters
        ----------
        mean, whitening : Tensor
            As for `deviation`.
        """
        with torch.no_grad():
            _, rows = self._decode(mean.to(self.layout.shift)[None])
            start = self.layout.standardise(rows)[0]
        if self.categories is not None:
            start = start.index_fill(0, self.categories.features, 0.0)
        return find_minimum(partial(self._squared_distance, mean=mean, whitening=whitening), start)

    def deviation_by_column(
        self,
        rows: Tensor,
        variances: Tensor,
        mean: Tensor,
        whitening: Tensor,
        reference: Tensor,
    ) -> Tensor:
        """Distribute `deviation` over the columns, float64 (batch, n_columns).

        A column has its own error, and of the distance of the code what `integrated_gradients`
        gives its features, filled in where they are missing. What is left, the distance of the
        code of the reference, is shared out equally.

        Parameters
        ----------
        rows, variances, mean, whitening : Tensor
            As for `deviation`.
        reference : Tensor of shape (n_features,)
            As `find_usual_input` returns it.
        """
        code = self.encode(rows)
        errors = self._errors(rows, code, scaled=True).div_(variances.to(code.device))
        x = self.layout.standardise(rows)
        mask = self.layout.mask(self.layout.arrange(x))
        distance = partial(self._squared_distance, mean=mean, whitening=whitening, mask=mask)
        x = self.layout.complete(x)
        distances = self.add_up(integrated_gradients(distance, x, reference))
        left = _squared_distance(code, mean, whitening) - distances.sum(1)
        n_terms = self.known(rows).sum(1) + code.shape[1]
        return (errors + distances + left[:, None] / errors.shape[1]) / n_terms[:, None]

    def are_computable(self, rows: Tensor) -> Tensor:
        """Tell which rows can be measured, bool (batch,).

        Sums of squares of their features, codes and reconstructions do not overflow, nor do
        statistics of these. In single precision, 2e19 standard deviations are too far.
        """
        x = self.layout.filled(rows)
        code = self.encoder(x)
        limit = min(torch.finfo(self.layout.dtype).max ** 0.5, _LARGEST)
        parts = x, code, self.decoder(code)
        lengths = [torch.linalg.vector_norm(part.flatten(1), dim=1) for part in parts]
        result: Tensor = (torch.stack(lengths) <= limit).all(0)  # NaN is not
        return result

    def distance(self, rows: Tensor) -> Tensor:
        """Return how far rows are from the mean, in standard deviations of a feature, (batch,)."""
        x = self.layout.complete(self.layout.standardise(rows))
        result: Tensor = torch.linalg.vector_norm(x, dim=1) / x.shape[1] ** 0.5
        return result

    def standardised(self, rows: Tensor) -> Tensor:
        """Return standardised rows, filled in where values are missing, float64."""
        return self.layout.complete(self.layout.standardise(rows)).to(torch.float64)

    def known_features(self, rows: Tensor) -> Tensor:
        """Tell which features are not missing, bool (batch, n_features)."""
        return ~self.layout.standardise(rows).isnan()

    def surprisal(self, rows: Tensor, low: Tensor, step: Tensor, share: Tensor) -> Tensor:
        """Return how rare the known values of each row are in the mean, float64 (batch,).

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
            Rows.
        low, step, share
            As for `surprisal_of_values`; of standardised features.
        """
        return self.surprisal_by_column(rows, low, step, share).sum(1)

    def surprisal_by_column(self, rows: Tensor, low: Tensor, step: Tensor, share: Tensor) -> Tensor:
        """Distribute `surprisal` over the columns, float64 (batch, n_columns)."""
        x = self.layout.standardise(rows).to(torch.float64)
        low, step, share = (one.to(x.device) for one in (low, step, share))
        n_known = (~x.isnan()).sum(1, keepdim=True).clamp_(min=1)
        return self.add_up(surprisal_of_values(x, low, step, share)) / n_known

    def neighbour_distance(
        self, rows: Tensor, neighbours: Tensor, weight: Tensor, most: int, least: float
    ) -> Tensor:
        """Return the mean squared distance of each row to its neighbour, float64 (batch,).

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
            Rows.
        neighbours, weight, most, least
            As for `find_neighbours`; standardised rows.
        """
        return self.neighbour_distance_by_column(rows, neighbours, weight, most, least).sum(1)

    def neighbour_distance_by_column(
        self, rows: Tensor, neighbours: Tensor, weight: Tensor, most: int, least: float
    ) -> Tensor:
        """Distribute `neighbour_distance` over the columns, float64 (batch, n_columns)."""
        x = self.standardised(rows)
        neighbours, weight = neighbours.to(x.device), weight.to(x.device)
        index = find_neighbours(x, neighbours, weight, most, least)
        return self.add_up((x - neighbours[index]).square()) / x.shape[1]

    def add_up(self, values: Tensor) -> Tensor:
        """Return the sum over the features of each column, (batch, n_columns)."""
        return values if self.categories is None else self.categories.add_up(values)

    def _squared_distance(
        self, x: Tensor, mean: Tensor, whitening: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Return how far the codes of standardised rows are from usual, float64 (batch,)."""
        x = self.layout.arrange(x)
        if mask is not None:
            x = x.masked_fill(mask == 0, torch.nan)
        code = self.encoder(*self.layout.inputs(x))
        return _squared_distance(code, mean, whitening)


def _squared_distance(code: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """Return the squared Mahalanobis distance of each code, float64 (batch,)."""
    centred = code.to(torch.float64) - mean.to(code.device)
    return batch_invariant_linear(centred, whitening.to(code.device)).square().sum(1)
