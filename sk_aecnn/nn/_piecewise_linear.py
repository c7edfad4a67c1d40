"""Numbers of a table, each also by where it lies among its quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

# of the steps, beside the standardised numbers themselves
_HEIGHT = 0.3
# of the total weight, for the rounding of sums
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Bins:
    """The intervals between quantiles of features, those of one feature after another.

    Attributes
    ----------
    column : Tensor of shape (n_bins,), int64
        The feature that an interval is of.
    start, width : Tensor of shape (n_bins,)
        Where it begins, and its positive width.
    mean : Tensor of shape (n_bins,)
        The mean over rows of the share of the interval that lies below their value.
    """

    column: Tensor
    start: Tensor
    width: Tensor
    mean: Tensor


def find_bins(x: Tensor, row_weight: Tensor | None, most: int) -> Bins | None:
    """Cut the range of every feature at its quantiles.

    A value that is several quantiles at once, as that of a count is, is one edge; features of one
    bin, as those of two values are, are left out.

    Parameters
    ----------
    x : Tensor of shape (n_samples, n_features)
        Standardised rows.
    row_weight : Tensor of shape (n_samples,) or None
        Weights.
    most : int
        The most intervals of a feature.

    Returns
    -------
    Bins or None
        ``None`` where no feature has more than one interval.

    Examples
    --------
    >>> bins = find_bins(torch.arange(9.0)[:, None], None, 2)
    >>> bins.start, bins.width
    (tensor([0., 4.]), tensor([4., 4.]))
    """
    weight = torch.ones(len(x), dtype=torch.float64) if row_weight is None else row_weight.double()
    edges = [quantiles.unique() for quantiles in _quantiles(x, weight, most)]
    binned = [index for index, values in enumerate(edges) if len(values) > 2]
    if not binned:
        return None
    start = torch.cat([edges[index][:-1] for index in binned])
    width = torch.cat([edges[index].diff() for index in binned])
    n_bins = torch.tensor([len(edges[index]) - 1 for index in binned])
    column = torch.tensor(binned).repeat_interleave(n_bins)
    shares = ((x[:, column] - start) / width).clamp(0, 1)
    mean = weight @ shares.double() / weight.sum()
    return Bins(column, start, width, mean.to(x.dtype))


def _quantiles(x: Tensor, weight: Tensor, most: int) -> Tensor:
    """Return the values of rows that part the weight equally, (n_features, most + 1)."""
    values, order = x.T.contiguous().sort(dim=1)
    below = weight[order].cumsum(1)
    parts = torch.linspace(0, 1 - _ROUNDING, most + 1, dtype=torch.float64)
    place = torch.searchsorted(below, (parts * weight.sum()).expand(len(values), -1).contiguous())
    return values.gather(1, place)


class PiecewiseLinearEncoding(nn.Module):
    """Put beside every feature how much of each of its intervals lies below its value.

    The layer after it can so learn any function of a single feature that is linear between its
    quantiles (Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep
    learning", section 3.2); there, the shares are by themselves and of full height.

    Parameters
    ----------
    n_features : int
        Size of the input.
    bins : Bins
        The bins of all features.

    Shape
    -----
    input : (batch, n_features); output : (batch, n_features + n_bins)

    Examples
    --------
    >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> PiecewiseLinearEncoding(1, find_bins(x, None, 2))(x)[:, 1:]
    tensor([[-0.2100, -0.0900],
            [-0.0600, -0.0900],
            [ 0.0900, -0.0900],
            [ 0.0900,  0.0600],
            [ 0.0900,  0.2100]])
    """

    def __init__(self, n_features: int, bins: Bins) -> None:
        super().__init__()
        self.n_outputs = n_features + len(bins.column)
        start, width, mean = (
            part.double() for part in (bins.start, bins.width, _HEIGHT * bins.mean)
        )
        slope = _HEIGHT / width
        lines = {"slope": slope, "offset": -slope * start - mean, "low": -mean}
        for name, line in (lines | {"high": _HEIGHT - mean}).items():
            self.register_buffer(name, line.to(bins.start.dtype))
        self.register_buffer("column", bins.column)
        self.column: Tensor
        self.slope: Tensor
        self.offset: Tensor
        self.low: Tensor
        self.high: Tensor

    def forward(self, x: Tensor) -> Tensor:
        values = x.index_select(1, self.column)
        shares = torch.addcmul(self.offset, values, self.slope).clamp(self.low, self.high)
        return torch.cat([x, shares], dim=1)
