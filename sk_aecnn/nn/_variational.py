"""The variational autoencoder: a distribution of codes for every row."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sk_aecnn.nn._augmentation import Augmentation
from sk_aecnn.nn._networks import AutoencoderParts, BaseAutoencoder, Outputs, weighted_batch_norm
from sk_aecnn.nn._noise import Corruption
from sk_aecnn.nn._random import RandomLayer

# added to the deviations of codes
LEAST_DEVIATION = 1e-4


class VariationalAutoencoder(BaseAutoencoder, RandomLayer):
    """An encoder to a normal distribution of codes, a decoder of draws from it.

    Parameters
    ----------
    parts : AutoencoderParts
        Of which the encoder has the outputs (batch, 2 · encoding_dim): the means, and what the
        deviations are the softplus of.
    corruption : Corruption
        As for `BaseAutoencoder`.
    augmentation : Augmentation or None
        Random transforms of the rows; photometric ones change what the encoder sees alone.

    Shape
    -----
    rows : (batch, n_features); mean, deviation : (batch, encoding_dim)
    """

    def __init__(
        self,
        parts: AutoencoderParts,
        corruption: Corruption,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__(parts, corruption)
        self.augmentation = augmentation
        self.register_buffer("noise_variance", torch.ones((), dtype=torch.float64))
        self.noise_variance: Tensor

    def distribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means and deviations of the codes of laid out rows."""
        mean, raw = self.encoder(*self.layout.inputs(x)).chunk(2, dim=1)
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
