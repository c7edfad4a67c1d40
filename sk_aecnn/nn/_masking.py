"""An autoencoder that fills in what is missing."""

from __future__ import annotations

import torch
from torch import Tensor

from sk_aecnn.data._rows import FeatureIndex
from sk_aecnn.nn._augmentation import Augmentation
from sk_aecnn.nn._networks import AutoencoderParts, BaseAutoencoder, Outputs, weighted_batch_norm
from sk_aecnn.nn._noise import Corruption
from sk_aecnn.nn._random import RandomLayer

# of the columns of a row, the largest share that is hidden
_MOST_HIDDEN = 0.4


class MaskedAutoencoder(BaseAutoencoder, RandomLayer):
    """An autoencoder that learns to tell what is hidden of a row from the rest of it.

    In each pass, a share of what is known is hidden, another one in each row, and is all that the
    output is compared with. In validation, the same is hidden in every pass.

    Parameters
    ----------
    parts, corruption
        As for `BaseAutoencoder`.
    augmentation : Augmentation or None
        Random transforms of the rows while training.

    Shape
    -----
    rows : (batch, n_features); output, target : as the decoder's output, NaN where nothing is
    hidden; code : (batch, encoding_dim)
    """

    def __init__(
        self,
        parts: AutoencoderParts,
        corruption: Corruption,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__(parts, corruption)
        self.augmentation = augmentation
        column = torch.arange(len(self.layout.mean))
        if self.categories is not None:
            index = FeatureIndex(self.categories.n_categories)
            column[index.number_features] = index.numbers
            column[index.features] = index.categories[index.group]
        self.register_buffer("column", column)
        self.column: Tensor

    def forward(self, rows: Tensor, row_weight: Tensor | None = None) -> Outputs:
        """Return the decoder's output, what of it was hidden, and the code between."""
        rows = rows if rows.is_floating_point() else rows.to(self.layout.dtype)
        if self.augmentation is not None:
            rows = self.augmentation.move(rows)
        hidden = self._hide(rows)
        x, is_hidden = self.layout(rows), self.layout.arrange(hidden)
        seen = x if self.augmentation is None else self.augmentation.perturb(x)
        with weighted_batch_norm(self, row_weight):
            code = self.encoder(*self.layout.inputs(seen.masked_fill(is_hidden, torch.nan)))
            output = self.decoder(code)
        asked = rows.masked_fill(~hidden, torch.nan), x.masked_fill(~is_hidden, torch.nan)
        return self.compare(*asked, output) | {"code": code}

    def hidden_mean_squared_error(self, rows: Tensor) -> Tensor:
        """Return the mean error of what is hidden of each row, standardised, float64 (batch,)."""
        rows = rows if rows.is_floating_point() else rows.to(self.layout.dtype)
        seen = rows.masked_fill(self._hide(rows), torch.nan)
        errors = self._errors(rows, self.encode(seen), scaled=True)
        hidden = self.known(rows) & ~self.known(seen)
        return (errors * hidden).sum(1) / hidden.sum(1).clamp_min(1)

    def _hide(self, rows: Tensor) -> Tensor:
        """Choose what is hidden, all features of a category together."""
        generator = self.generator
        if not self.training:
            generator = torch.Generator(rows.device).manual_seed(0)
        shape = len(rows), int(self.column.max()) + 1
        draws = torch.rand(*shape, generator=generator, device=rows.device)
        share = torch.rand(len(rows), 1, generator=generator, device=rows.device)
        return (draws < _MOST_HIDDEN * share).index_select(1, self.column)
