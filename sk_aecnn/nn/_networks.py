"""The autoencoders as a whole: rows in; reconstructions and codes out.

``forward`` is what training needs and returns a dictionary of tensors, what predicts first; the
other methods are what a fitted network is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sk_aecnn.nn._augmentation import Augmentation
from sk_aecnn.nn._categories import Categories
from sk_aecnn.nn._deviation import DeviationMixin
from sk_aecnn.nn._layout import InputLayout, Moments
from sk_aecnn.nn._members import EncoderMembers
from sk_aecnn.nn._noise import Corruption, NestedDropout
from sk_aecnn.nn._norm import BatchNorm
from sk_aecnn.nn._pca import PCAEncoder

Outputs = dict[str, Tensor]


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


@dataclass(frozen=True)
class AutoencoderParts:
    """What an autoencoder is made of.

    Attributes
    ----------
    layout : InputLayout
        From rows to the encoder's input.
    encoder, decoder : nn.Module
        Input to code, code to input.
    encoding_dim : int
        Size of the code.
    probabilities : bool
        Whether the decoder's outputs are the logits of inputs in [0, 1] (binary cross-entropy);
        otherwise they are standardised inputs.
    categories : Categories or None
        Where categories are among the features, of which the decoder's outputs are logits.
    """

    layout: InputLayout
    encoder: nn.Module
    decoder: nn.Module
    encoding_dim: int
    probabilities: bool = False
    categories: Categories | None = None

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape of what a back end may look at."""
        shape: Any = self.encoder.feature_shape
        return tuple(shape)

    @property
    def members(self) -> EncoderMembers | None:
        """The encoders of an ensemble, None where there is no ensemble."""
        encoder = self.encoder.residual if isinstance(self.encoder, PCAEncoder) else self.encoder
        return encoder if isinstance(encoder, EncoderMembers) else None


class BaseAutoencoder(DeviationMixin, nn.Module):
    """Layout, encoder and decoder: what every autoencoder shares. Abstract: add a ``forward``.

    Parameters
    ----------
    parts : AutoencoderParts
        What it is made of.
    corruption : Corruption
        Noise on the encoder's input while training.

    Shape
    -----
    rows : (batch, n_features); code : (batch, encoding_dim); columns : (batch, n_columns), the
    features where there are no categories
    """

    def __init__(self, parts: AutoencoderParts, corruption: Corruption) -> None:
        super().__init__()
        self.layout = parts.layout
        self.encoder: Any = parts.encoder
        self.decoder: Any = parts.decoder
        self.encoding_dim = parts.encoding_dim
        self.probabilities = parts.probabilities
        self.categories: Any = parts.categories
        self.corruption = corruption
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
        code: Tensor = self.encoder(*self.layout.inputs(self.layout(rows)))
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
    parts, corruption
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
        parts: AutoencoderParts,
        corruption: Corruption,
        augmentation: Augmentation | None = None,
        nested_dropout: float = 0.0,
    ) -> None:
        super().__init__(parts, corruption)
        self.augmentation = augmentation
        self.nested_dropout = NestedDropout(nested_dropout)

    def forward(self, rows: Tensor, row_weight: Tensor | None = None) -> Outputs:
        """Return the decoder's output, what it should have been, and the code between."""
        seen = x = self.layout(rows)
        if self.augmentation is not None:
            moved = self.augmentation.move(rows)
            seen = self.augmentation.perturb(x if moved is rows else self.layout(moved))
        with weighted_batch_norm(self, row_weight):
            code = self.encoder(*self.layout.inputs(self.corruption(seen)))
            output = self.decoder(self.nested_dropout(code))
        return self.compare(rows, x, output) | {"code": code}

    def truncated_squared_error(self, rows: Tensor, n_units: int) -> Tensor:
        """Return the mean squared error, standardised, from the first units of the code alone."""
        code = self.encode(rows)
        code[:, n_units:] = 0
        return self._mean(rows, self._errors(rows, code, scaled=True))
