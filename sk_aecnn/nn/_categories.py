"""The categories of a table: from the outputs of a decoder to values and errors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sk_aecnn.data._rows import FeatureIndex
from sk_aecnn.nn._dense import batch_invariant_linear

# of a category, so that its logarithm is finite, and its slope small
LEAST_FREQUENCY = 1e-3
# nats, below which a column tells next to nothing
_LEAST_ENTROPY = 1e-2


class Categories(nn.Module):
    """Where numbers and categories are among the features of a table.

    Parameters
    ----------
    n_categories : tuple of int
        The categories of each column, 0 for numbers.
    frequencies : Tensor of shape (n_features,), float64
        The means of the features: of those of categories, the shares of rows that have them.

    Attributes
    ----------
    error_of_numbers : Tensor of shape (), float64
        What the error of a constant is for an average number: that of a category counts as much.

    Shape
    -----
    rows, output : (batch, n_features); values, errors : (batch, n_columns)

    Examples
    --------
    >>> categories = Categories((0, 2), torch.tensor([5.0, 0.5, 0.5]).double())
    >>> rows = torch.tensor([[3.0, 0.0, 1.0]])
    >>> categories.cross_entropy(torch.zeros(1, 3), rows)
    tensor([[0.6931]])
    >>> categories.choose(torch.tensor([[3.5, 0.0, 2.0]]))
    tensor([[1]])
    """

    def __init__(self, n_categories: tuple[int, ...], frequencies: Tensor) -> None:
        super().__init__()
        index = FeatureIndex(n_categories)
        self.n_categories = n_categories
        place = torch.arange(int(index.sizes.max()))
        is_real = place < index.sizes[:, None]
        first = index.sizes.cumsum(0) - index.sizes
        share = frequencies[index.features]
        member = torch.zeros(len(index.sizes), len(index.features), dtype=torch.float64)
        member[index.group, torch.arange(len(index.group))] = 1.0
        entropy = member @ -torch.special.xlogy(share, share)
        buffers = {
            "numbers": index.numbers,
            "columns": index.categories,
            "number_features": index.number_features,
            "features": index.features,
            "group": index.group,
            "padded": (first[:, None] + place).where(is_real, 0),
            "is_real": is_real,
            "member": member,
            "share": share,
            "entropy": entropy,
            "unit": entropy.clamp_min(_LEAST_ENTROPY),
            "error_of_numbers": torch.ones((), dtype=torch.float64),
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer)
        self.numbers: Tensor
        self.columns: Tensor
        self.number_features: Tensor
        self.features: Tensor
        self.group: Tensor
        self.padded: Tensor
        self.is_real: Tensor
        self.member: Tensor
        self.share: Tensor
        self.entropy: Tensor
        self.unit: Tensor
        self.error_of_numbers: Tensor

    @property
    def first(self) -> Tensor:
        """The first feature of each category."""
        return self.features[self.padded[:, 0]]

    def cross_entropy(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the cross-entropy of each category in nats, 0 where it is missing."""
        logits = output.index_select(1, self.features)
        one_hot = rows.index_select(1, self.features).to(logits.dtype)
        with torch.no_grad():
            largest = self._pad(logits, -torch.inf).amax(2).index_select(1, self.group)
        shifted = logits - largest
        chosen = shifted * one_hot.nan_to_num(0.0)
        member = self.member.to(logits.dtype)
        total, own = (batch_invariant_linear(part, member) for part in (shifted.exp(), chosen))
        nats: Tensor = (total.log() - own).where(self.known(rows), 0.0)
        return nats

    def known(self, rows: Tensor) -> Tensor:
        """Tell where categories are not missing, (batch, n_groups)."""
        return ~rows.index_select(1, self.first).isnan()

    def relative_error(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return `cross_entropy` over that of the frequencies, times the error of numbers."""
        factor: Tensor = (self.error_of_numbers / self.unit).to(output)
        return self.cross_entropy(output, rows) * factor

    def error_of_frequencies(self, frequencies: Tensor) -> Tensor:
        """Return the relative errors of frequencies of features where they are those of rows."""
        share = frequencies[self.features.cpu()]
        entropy: Tensor = self.member.cpu() @ -torch.special.xlogy(share, share)
        return entropy * (self.error_of_numbers / self.unit).cpu()

    def choose(self, output: Tensor) -> Tensor:
        """Return the code of the most probable value of each category, (batch, n_groups)."""
        return self._pad(output.index_select(1, self.features), -torch.inf).argmax(2)

    def draw(self, output: Tensor, uniform: Tensor) -> Tensor:
        """Return codes drawn by the probabilities of their values, (batch, n_groups).

        Parameters
        ----------
        output : Tensor of shape (batch, n_features)
            Of a decoder.
        uniform : Tensor of shape (batch, n_groups)
            Numbers between 0 and 1.
        """
        logits = self._pad(output.index_select(1, self.features), -torch.inf).double()
        codes = (logits.softmax(2).cumsum(2) <= uniform[:, :, None]).sum(2)
        return codes.minimum(self.is_real.sum(1) - 1)

    def place(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Return columns in order, of numbers and of categories."""
        result = numbers.new_empty(len(numbers), len(self.n_categories))
        result[:, self.numbers] = numbers
        result[:, self.columns] = categories.to(result.dtype)
        return result

    def add_up(self, values: Tensor) -> Tensor:
        """Return values of numbers, and the sums of those of each category, in order."""
        numbers = values.index_select(1, self.number_features)
        categories = values.index_select(1, self.features) @ self.member.to(values.dtype).T
        return self.place(numbers, categories)

    def _pad(self, logits: Tensor, value: float) -> Tensor:
        """Return one row of logits for each category, (batch, n_groups, most)."""
        padded = logits.index_select(1, self.padded.flatten()).view(-1, *self.padded.shape)
        return padded.masked_fill(~self.is_real, value)
