"""The autoencoders as a whole: rows in; reconstructions and codes out.

``forward`` is what training needs and returns a dictionary of tensors, what predicts first; the
other methods are what a fitted network is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn.nn._attribution import find_minimum, integrated_gradients
from sk_aecnn.nn._augmentation import Augmentation
from sk_aecnn.nn._categories import Categories
from sk_aecnn.nn._dense import batch_invariant_linear
from sk_aecnn.nn._layout import InputLayout, Moments
from sk_aecnn.nn._neighbours import find_neighbours
from sk_aecnn.nn._noise import Corruption, NestedDropout
from sk_aecnn.nn._norm import BatchNorm
from sk_aecnn.nn._random import RandomLayer

Outputs = dict[str, Tensor]

# added to the deviations of codes
LEAST_DEVIATION = 1e-4


@contextmanager
def weighted_batch_norm(network: nn.Module, row_weight: Tensor | None) -> Iterator[None]:
    """Let the normalisation layers of a network weigh the rows of the batch in hand.

    Rows lighter than the mean count for less, but none for more: the statistics of a batch would
    otherwise be those of the one heavy row that happens to be in it.
    """
    if row_weight is None:
        yield
        return
    capped = row_weight.clamp(max=1)
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    for norm in norms:
        norm.row_weight = capped
    try:
        yield
    finally:
        for norm in norms:
            norm.row_weight = None


def _squared_distance(code: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """Return the squared Mahalanobis distance of each code, float64 (batch,)."""
    centred = code.to(torch.float64) - mean.to(code.device)
    return batch_invariant_linear(centred, whitening.to(code.device)).square().sum(1)


class BaseAutoencoder(nn.Module):
    """Layout, encoder and decoder: what every autoencoder shares. Abstract: add a ``forward``.

    Parameters
    ----------
    layout : InputLayout
        From rows to the encoder's input.
    encoder, decoder : nn.Module
        Input to code, code to input.
    encoding_dim : int
        Size of the code.
    corruption : Corruption
        Noise on the encoder's input while training.
    probabilities : bool
        Whether the decoder's outputs are the logits of inputs in [0, 1] (binary cross-entropy);
        otherwise they are standardised inputs.
    categories : Categories or None
        Where categories are among the features, of which the decoder's outputs are logits.

    Shape
    -----
    rows : (batch, n_features); code : (batch, encoding_dim); columns : (batch, n_columns), the
    features where there are no categories
    """

    def __init__(
        self,
        layout: InputLayout,
        encoder: nn.Module,
        decoder: nn.Module,
        encoding_dim: int,
        corruption: Corruption,
        probabilities: bool = False,
        categories: Categories | None = None,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.encoder: Any = encoder
        self.decoder: Any = decoder
        self.encoding_dim = encoding_dim
        self.corruption = corruption
        self.probabilities = probabilities
        self.categories: Any = categories
        self.register_buffer("low", None)
        self.register_buffer("high", None)
        self.low: Tensor | None
        self.high: Tensor | None

    def clip_to(self, low: Tensor, high: Tensor) -> None:
        """Keep reconstructions to a range of every feature, in the units of the input."""
        self.low, self.high = low.to(self.layout.dtype), high.to(self.layout.dtype)

    @property
    def has_trained_decoder(self) -> bool:
        """Whether the decoder is trained, with the code before it."""
        return True

    def compare(self, rows: Tensor, x: Tensor, output: Tensor) -> Outputs:
        """Return what the decoder's output for the laid out rows ``x`` is compared with, and it.

        Of categories, it is their errors relative to those of the training frequencies.
        """
        target = self.layout.arrange(rows.to(x.dtype)) if self.probabilities else x
        if self.categories is None:
            return {"output": output, "target": target}
        numbers = self.categories.number_features
        return {
            "output": output.index_select(1, numbers),
            "target": target.index_select(1, numbers),
            **self._compare_categories(output, rows),
            "category_known": self.categories.known(rows),
        }

    def _compare_categories(self, output: Tensor, rows: Tensor) -> Outputs:
        return {"category_error": self.categories.relative_error(output, rows)}

    def encode(self, rows: Tensor) -> Tensor:
        """Return the codes of rows."""
        code: Tensor = self.encoder(self.layout.filled(rows))
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Return columns in the units of the input, of categories the most probable codes."""
        output, rows = self._decode(code)
        if self.categories is None:
            return rows
        numbers = rows.index_select(1, self.categories.number_features)
        columns: Tensor = self.categories.place(numbers, self.categories.choose(output))
        return columns

    def draw(self, seeds: Tensor) -> Tensor:
        """Return columns in the units of the input, with categories drawn by their probabilities.

        Parameters
        ----------
        seeds : Tensor of shape (batch, encoding_dim + n_groups)
            Codes, and a number between 0 and 1 for each column of categories.
        """
        code, uniform = seeds.tensor_split([self.encoding_dim], dim=1)
        output, rows = self._decode(code.contiguous())
        numbers = rows.index_select(1, self.categories.number_features)
        columns: Tensor = self.categories.place(numbers, self.categories.draw(output, uniform))
        return columns

    def _decode(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decoder's outputs, and rows in the units of the input."""
        output = self.layout.flatten(self.decoder(code))
        rows = output.sigmoid() if self.probabilities else self.layout.restore(output)
        return output, rows if self.low is None else rows.clamp(self.low, self.high)

    def reconstruct(self, rows: Tensor) -> Tensor:
        """Return columns after encoding and decoding."""
        return self.decode(self.encode(rows))

    def mean_squared_error(self, rows: Tensor) -> Tensor:
        """Return the mean error of each row in the units of the input, float64 (batch,)."""
        return self._mean(rows, self.squared_error(rows))

    def squared_error(self, rows: Tensor) -> Tensor:
        """Return the squared error of each column, float64; 0 where it is missing.

        Of categories, it is the cross-entropy in nats.
        """
        return self._errors(rows, self.encode(rows), scaled=False)

    def standardised_mean_squared_error(self, rows: Tensor) -> Tensor:
        """Return the mean error of each row in standardised units, float64 (batch,)."""
        return self._mean(rows, self.standardised_squared_error(rows))

    def standardised_squared_error(self, rows: Tensor) -> Tensor:
        """Return the squared error of each column in standardised units, float64.

        Of categories, it is the cross-entropy over that of the training frequencies.
        """
        return self._errors(rows, self.encode(rows), scaled=True)

    def error_of_means(self, moments: Moments) -> float:
        """Return the mean error, standardised, of the best constants for rows with some moments."""
        errors, known = moments.var / self.layout.scale.cpu().square(), moments.known
        if self.categories is None:
            if (known == 1).all():
                return float(errors.mean())
            return float((errors * known).sum() / known.sum())
        numbers, first = self.categories.number_features.cpu(), self.categories.first.cpu()
        of_categories = self.categories.error_of_frequencies(moments.mean)
        errors, known = errors[numbers], torch.cat([known[numbers], known[first]])
        return float((torch.cat([errors, of_categories]) * known).sum() / known.sum())

    def known(self, rows: Tensor) -> Tensor:
        """Tell which columns are not missing, bool."""
        if self.categories is None:
            return ~rows.isnan()
        numbers = ~rows.index_select(1, self.categories.number_features).isnan()
        result: Tensor = self.categories.place(numbers, self.categories.known(rows))
        return result

    def _mean(self, rows: Tensor, errors: Tensor) -> Tensor:
        return errors.sum(1) / self.known(rows).sum(1).clamp_min(1)

    def _errors(self, rows: Tensor, code: Tensor, *, scaled: bool) -> Tensor:
        output = self.layout.flatten(self.decoder(code))
        residuals = self._residuals(rows, output)
        errors = (residuals if scaled else residuals * self.layout.scale).square()
        errors = errors.masked_fill(rows.isnan(), 0)
        if self.categories is None:
            return errors
        measure = self.categories.relative_error if scaled else self.categories.cross_entropy
        numbers = errors.index_select(1, self.categories.number_features)
        result: Tensor = self.categories.place(numbers, measure(output.double(), rows))
        return result

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
        distance = partial(self._squared_distance, mean=mean, whitening=whitening)
        x = self.layout.complete(self.layout.standardise(rows))
        distances = self.add_up(integrated_gradients(distance, x, reference))
        left = _squared_distance(code, mean, whitening) - distances.sum(1)
        n_terms = self.known(rows).sum(1) + code.shape[1]
        return (errors + distances + left[:, None] / errors.shape[1]) / n_terms[:, None]

    def standardised(self, rows: Tensor) -> Tensor:
        """Return standardised rows, filled in where values are missing, float64."""
        return self.layout.complete(self.layout.standardise(rows)).to(torch.float64)

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

    def _squared_distance(self, x: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
        """Return how far the codes of standardised rows are from usual, float64 (batch,)."""
        code = self.encoder(self.layout.fill(self.layout.arrange(x)))
        return _squared_distance(code, mean, whitening)

    def _residuals(self, rows: Tensor, output: Tensor) -> Tensor:
        """Return rows minus decoded ones, standardised: no digits are lost to offsets."""
        if self.probabilities:
            output = self.layout.standardise(output.sigmoid())
        if self.low is not None and self.high is not None:
            ends = (self.layout.standardise(end[None]) for end in (self.low, self.high))
            output = output.clamp(*ends)
        return (self.layout.standardise(rows) - output).to(torch.float64)


class Autoencoder(BaseAutoencoder):
    """Encoder and decoder, one after the other.

    Parameters
    ----------
    layout, encoder, decoder, encoding_dim, corruption, probabilities, categories
        As for `BaseAutoencoder`.
    augmentation : Augmentation or None
        Random transforms of the rows that the encoder sees; the output is compared with the rows as
        they were.
    nested_dropout : float
        See `NestedDropout`.

    Shape
    -----
    rows : (batch, n_features); output, target : as the decoder's output; code : (batch, code)
    """

    def __init__(
        self,
        layout: InputLayout,
        encoder: nn.Module,
        decoder: nn.Module,
        encoding_dim: int,
        corruption: Corruption,
        probabilities: bool = False,
        augmentation: Augmentation | None = None,
        nested_dropout: float = 0.0,
        categories: Categories | None = None,
    ) -> None:
        parts = encoder, decoder, encoding_dim, corruption, probabilities, categories
        super().__init__(layout, *parts)
        self.augmentation = augmentation
        self.nested_dropout = NestedDropout(nested_dropout)

    def forward(self, rows: Tensor, row_weight: Tensor | None = None) -> Outputs:
        """Return the decoder's output, what it should have been, and the code between."""
        seen = x = self.layout(rows)
        if self.augmentation is not None:
            moved = self.augmentation.move(rows)
            seen = self.augmentation.perturb(x if moved is rows else self.layout(moved))
        with weighted_batch_norm(self, row_weight):
            code = self.encoder(self.layout.fill(self.corruption(seen)))
            output = self.decoder(self.nested_dropout(code))
        return self.compare(rows, x, output) | {"code": code}

    def truncated_squared_error(self, rows: Tensor, n_units: int) -> Tensor:
        """Return the mean squared error, standardised, from the first units of the code alone."""
        code = self.encode(rows)
        code[:, n_units:] = 0
        return self._mean(rows, self._errors(rows, code, scaled=True))


class VariationalAutoencoder(BaseAutoencoder, RandomLayer):
    """An encoder to a normal distribution of codes, a decoder of draws from it.

    Parameters
    ----------
    layout, decoder, encoding_dim, corruption, probabilities, categories
        As for `BaseAutoencoder`.
    encoder : nn.Module
        Input to (batch, 2 · encoding_dim): the means, and what the deviations are the softplus of.
    augmentation : Augmentation or None
        Random transforms of the rows; photometric ones change what the encoder sees alone.

    Shape
    -----
    rows : (batch, n_features); mean, deviation : (batch, encoding_dim)
    """

    def __init__(
        self,
        layout: InputLayout,
        encoder: nn.Module,
        decoder: nn.Module,
        encoding_dim: int,
        corruption: Corruption,
        probabilities: bool = False,
        augmentation: Augmentation | None = None,
        categories: Categories | None = None,
    ) -> None:
        parts = encoder, decoder, encoding_dim, corruption, probabilities, categories
        super().__init__(layout, *parts)
        self.augmentation = augmentation
        self.register_buffer("noise_variance", torch.ones((), dtype=torch.float64))
        self.noise_variance: Tensor

    def distribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means and deviations of the codes of laid out rows."""
        mean, raw = self.encoder(self.layout.fill(x)).chunk(2, dim=1)
        return mean, F.softplus(raw) + LEAST_DEVIATION

    def forward(self, rows: Tensor, row_weight: Tensor | None = None) -> Outputs:
        """Decode a draw from each row's distribution; the mean itself in validation."""
        if self.augmentation is not None:
            rows = self.augmentation.move(rows)
        seen = x = self.layout(rows)
        if self.augmentation is not None:
            seen = self.augmentation.perturb(x)
        with weighted_batch_norm(self, row_weight):
            mean, deviation = self.distribution(self.corruption(seen))
            code = mean
            if self.training:
                code = mean + deviation * torch.empty_like(mean).normal_(generator=self.generator)
            output = self.decoder(code)
        return self.compare(rows, x, output) | {"mean": mean, "deviation": deviation}

    def _compare_categories(self, output: Tensor, rows: Tensor) -> Outputs:
        return {"category_nats": self.categories.cross_entropy(output, rows)}

    def encode(self, rows: Tensor) -> Tensor:
        """Return the means of the codes."""
        return self.distribution(self.layout(rows))[0]

    def divergence(self, rows: Tensor) -> Tensor:
        """Return the Kullback-Leibler divergence of each code unit, float64 (batch, code)."""
        mean, deviation = self.distribution(self.layout(rows))
        return divergence_from_normal(mean.double(), deviation.double())

    def draw_error(self, rows: Tensor, draws: Tensor) -> Tensor:
        """Return the errors of decoded draws, summed over columns; float64 (batch, 2, draws).

        First the squared ones of numbers, then what is in nats: that of categories, and of numbers
        that are probabilities.

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
            Rows.
        draws : Tensor of shape (n_draws, encoding_dim)
            Standard normal numbers, the same for every row.
        """
        mean, deviation = self.distribution(self.layout(rows))
        codes = [mean + deviation * draw for draw in draws.to(mean)]
        return torch.stack([self._draw_error(rows, code) for code in codes], dim=2)

    def _draw_error(self, rows: Tensor, code: Tensor) -> Tensor:
        output = self.layout.flatten(self.decoder(code))
        if self.probabilities:
            probabilities = rows.double().nan_to_num(0.0)
            errors = F.binary_cross_entropy_with_logits(
                output.double(), probabilities, reduction="none"
            )
        else:
            errors = self._residuals(rows, output).square()
        errors = errors.masked_fill(rows.isnan(), 0)
        nats = errors.new_zeros(len(rows))
        if self.categories is not None:
            errors = errors.index_select(1, self.categories.number_features)
            nats = self.categories.cross_entropy(output.double(), rows).sum(1)
        total = errors.sum(1)
        pair = (torch.zeros_like(total), total + nats) if self.probabilities else (total, nats)
        return torch.stack(pair, dim=1)


def divergence_from_normal(mean: Tensor, deviation: Tensor) -> Tensor:
    r"""Return the Kullback-Leibler divergence from the standard normal distribution, in nats.

    For each unit :math:`(\mu^2 + \sigma^2 - 1) / 2 - \ln \sigma` (Kingma & Welling 2014,
    "Auto-encoding variational Bayes", appendix B).

    Examples
    --------
    >>> divergence_from_normal(torch.tensor([1.0]), torch.tensor([1.0]))
    tensor([0.5000])
    """
    return (mean.square() + deviation.square() - 1) / 2 - deviation.log()
