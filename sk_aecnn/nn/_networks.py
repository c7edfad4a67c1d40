"""The autoencoders as a whole: rows in; reconstructions and codes out.

``forward`` is what training needs and returns a dictionary of tensors, what predicts first; the
other methods are what a fitted network is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn.nn._augmentation import Augmentation
from sk_aecnn.nn._dense import batch_invariant_linear
from sk_aecnn.nn._layout import InputLayout
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

    Shape
    -----
    rows : (batch, n_features); code : (batch, encoding_dim)
    """

    def __init__(
        self,
        layout: InputLayout,
        encoder: nn.Module,
        decoder: nn.Module,
        encoding_dim: int,
        corruption: Corruption,
        probabilities: bool = False,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.encoder: Any = encoder
        self.decoder: Any = decoder
        self.encoding_dim = encoding_dim
        self.corruption = corruption
        self.probabilities = probabilities
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

    def target(self, rows: Tensor, x: Tensor) -> Tensor:
        """Return what the decoder's output for the laid out rows ``x`` is compared with."""
        if self.probabilities:
            return self.layout.arrange(rows.to(x.dtype))
        return x

    def encode(self, rows: Tensor) -> Tensor:
        """Return the codes of rows."""
        code: Tensor = self.encoder(self.layout(rows))
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Return rows in the units of the input, (batch, n_features)."""
        output = self.layout.flatten(self.decoder(code))
        rows = output.sigmoid() if self.probabilities else self.layout.restore(output)
        return rows if self.low is None else rows.clamp(self.low, self.high)

    def reconstruct(self, rows: Tensor) -> Tensor:
        """Return rows after encoding and decoding."""
        return self.decode(self.encode(rows))

    def mean_squared_error(self, rows: Tensor) -> Tensor:
        """Return the mean squared error of each row in the units of the input, float64 (batch,)."""
        return self.squared_error(rows).mean(1)

    def squared_error(self, rows: Tensor) -> Tensor:
        """Return the squared error of each feature, float64 (batch, n_features)."""
        return (self._residuals(rows, self.encode(rows)) * self.layout.scale).square()

    def standardised_mean_squared_error(self, rows: Tensor) -> Tensor:
        """Return the mean squared error of each row in standardised units, float64 (batch,)."""
        return self.standardised_squared_error(rows).mean(1)

    def standardised_squared_error(self, rows: Tensor) -> Tensor:
        """Return the squared error of each feature in standardised units, float64."""
        return self._residuals(rows, self.encode(rows)).square()

    def deviation(self, rows: Tensor, variances: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
        """Return the mean squared deviation of each row, float64 (batch,).

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
            Rows.
        variances : Tensor of shape (n_features,), float64
            Of the residuals in standardised units.
        mean : Tensor of shape (encoding_dim,), float64
            Of the codes.
        whitening : Tensor of shape (encoding_dim, encoding_dim), float64
            Makes deviations of codes uncorrelated, of variance one.
        """
        code = self.encode(rows)
        residuals = self._residuals(rows, code).square_().div_(variances.to(code.device))
        centred = code.to(torch.float64) - mean.to(code.device)
        codes = batch_invariant_linear(centred, whitening.to(code.device)).square_()
        return (residuals.sum(1) + codes.sum(1)) / (residuals.shape[1] + codes.shape[1])

    def _residuals(self, rows: Tensor, code: Tensor) -> Tensor:
        """Return rows minus their reconstructions, standardised: no digits are lost to offsets."""
        output = self.layout.flatten(self.decoder(code))
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
    layout, encoder, decoder, encoding_dim, corruption, probabilities
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
    ) -> None:
        super().__init__(layout, encoder, decoder, encoding_dim, corruption, probabilities)
        self.augmentation = augmentation
        self.nested_dropout = NestedDropout(nested_dropout)

    def forward(self, rows: Tensor, row_weight: Tensor | None = None) -> Outputs:
        """Return the decoder's output, what it should have been, and the code between."""
        seen = x = self.layout(rows)
        if self.augmentation is not None:
            moved = self.augmentation.move(rows)
            seen = self.augmentation.perturb(x if moved is rows else self.layout(moved))
        with weighted_batch_norm(self, row_weight):
            code = self.encoder(self.corruption(seen))
            output = self.decoder(self.nested_dropout(code))
        return {"output": output, "target": self.target(rows, x), "code": code}

    def truncated_squared_error(self, rows: Tensor, n_units: int) -> Tensor:
        """Return the mean squared error, standardised, from the first units of the code alone."""
        code = self.encode(rows)
        code[:, n_units:] = 0
        return self._residuals(rows, code).square().mean(1)


class VariationalAutoencoder(BaseAutoencoder, RandomLayer):
    """An encoder to a normal distribution of codes, a decoder of draws from it.

    Parameters
    ----------
    layout, decoder, encoding_dim, corruption, probabilities
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
    ) -> None:
        super().__init__(layout, encoder, decoder, encoding_dim, corruption, probabilities)
        self.augmentation = augmentation
        self.register_buffer("noise_variance", torch.ones((), dtype=torch.float64))
        self.noise_variance: Tensor

    def distribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means and deviations of the codes of laid out rows."""
        mean, raw = self.encoder(x).chunk(2, dim=1)
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
        target = self.target(rows, x)
        return {"output": output, "target": target, "mean": mean, "deviation": deviation}

    def encode(self, rows: Tensor) -> Tensor:
        """Return the means of the codes."""
        return self.distribution(self.layout(rows))[0]

    def divergence(self, rows: Tensor) -> Tensor:
        """Return the Kullback-Leibler divergence of each code unit, float64 (batch, code)."""
        mean, deviation = self.distribution(self.layout(rows))
        return divergence_from_normal(mean.double(), deviation.double())

    def draw_error(self, rows: Tensor, draws: Tensor) -> Tensor:
        """Return the squared error, over features, of decoded draws; float64 (batch, draws).

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
            Rows.
        draws : Tensor of shape (n_draws, encoding_dim)
            Standard normal numbers, the same for every row.
        """
        mean, deviation = self.distribution(self.layout(rows))
        codes = [mean + deviation * draw for draw in draws.to(mean)]
        return torch.stack([self._draw_error(rows, code) for code in codes], dim=1)

    def _draw_error(self, rows: Tensor, code: Tensor) -> Tensor:
        if not self.probabilities:
            return self._residuals(rows, code).square().sum(1)
        logits = self.layout.flatten(self.decoder(code)).double()
        return F.binary_cross_entropy_with_logits(logits, rows.double(), reduction="none").sum(1)


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
