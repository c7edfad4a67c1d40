"""Columns of a table as a network learns from them best, by what each holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from sk_aecnn.nn._normal_scores import NormalScores

# values of a column of whole numbers, up to which each gets an input of its own
MOST_CATEGORIES = 12
# robust standard deviations up to which values are taken about as they are
BULK = 3.0
# errors of rounding, in units of the last place, of what is standardised in single precision
_ULPS = 16
# whose square single precision holds
_LARGEST = 1e18
# from the quartiles of a normal distribution to its standard deviation
_QUARTILES_TO_DEVIATION = 1.349
# of the total weight, for the rounding of sums
_ROUNDING = 1e-9
# of a standard deviation, by which thresholds differ from quantiles
_APART = 1e-3
# standard deviations in robust ones, beyond which far values outweigh all others
_FAR = 3.0
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Steps:
    """Intervals of features, those of one feature after another.

    Attributes
    ----------
    column : Tensor of shape (n_steps,), int64
        The feature that an interval is of.
    start, width : Tensor of shape (n_steps,), float64
        Where it begins, and its positive width.
    """

    column: Tensor
    start: Tensor
    width: Tensor

    def __len__(self) -> int:
        return len(self.column)


@dataclass(frozen=True)
class Columns:
    """What is known of the columns of standardised rows.

    Attributes
    ----------
    centre, gain : Tensor of shape (n_features,), float64
        What is taken off, and what the rest is multiplied by.
    clipped : Tensor of shape (n_features,), bool
        Which features are clipped then.
    binned : Tensor of shape (n_binned,), int64
        The features that may be cut into bins.
    deviation : Tensor of shape (n_features,), float64
        Standard deviations.
    category_column : Tensor of shape (n_categories,), int64
        The feature that a value is of.
    category, tolerance : Tensor of shape (n_categories,), float64
        The value, and how far from it a number still counts as it.
    far_valued : Tensor of shape (n_far_valued,), int64
        The features that may be cut into bins and have values so far that they outweigh all others.
    """

    centre: Tensor
    gain: Tensor
    clipped: Tensor
    binned: Tensor
    deviation: Tensor
    category_column: Tensor
    category: Tensor
    tolerance: Tensor
    far_valued: Tensor


def describe_columns(
    rows: Tensor, x: Tensor, row_weight: Tensor | None, clips: bool = True
) -> Columns:
    """Find out what the columns of a table hold.

    Columns of two values keep the distance of these as their unit. Columns of at most twelve whole
    numbers are standardised, and each of these values is an input as well. Others can be cut into
    bins; clipped, they are centred at the median, in units of a robust standard deviation, where
    that is not zero.

    Parameters
    ----------
    rows : Tensor of shape (n_samples, n_features), float64
        Rows as they are, NaN where values are missing, which count nowhere.
    x : Tensor of shape (n_samples, n_features), float64
        The same, standardised.
    row_weight : Tensor of shape (n_samples,) or None
        Weights.
    clips : bool
        Whether those that can be cut into bins are clipped.

    Examples
    --------
    >>> rows = torch.tensor([[0.0, 1.0], [1.0, 2.0], [1.0, 3.0], [0.0, 3.0]]).double()
    >>> columns = describe_columns(rows, rows, None)
    >>> columns.category, columns.clipped
    (tensor([1., 2., 3.], dtype=torch.float64), tensor([False, False]))
    """
    weight = _shares(x, row_weight)
    mean, deviation = _moments(x, weight)
    centre, scale = mean.clone(), deviation.clone()
    low, median, high = _quantiles(x, weight, _QUARTILES).unbind(1)
    spread = (high - low) / _QUARTILES_TO_DEVIATION
    clipped = torch.zeros(x.shape[1], dtype=torch.bool)
    binned: list[int] = []
    far_valued: list[int] = []
    categories: list[tuple[int, Tensor, float]] = []
    for feature, column in enumerate(x.T):
        values = _values(column)
        if len(values) < 2:
            scale[feature] = 0.0
        elif len(values) == 2:
            scale[feature] = values[1] - values[0]
        elif len(values) <= MOST_CATEGORIES and are_whole(rows[:, feature]):
            categories.append((feature, values, _tolerance(values, rows[:, feature])))
        else:
            clipped[feature] = clips
            binned.append(feature)
            if 0 < _FAR * spread[feature] < deviation[feature]:
                far_valued.append(feature)
            if clips and spread[feature] > 0:
                centre[feature], scale[feature] = median[feature], spread[feature]
    gain = torch.where(scale > 0, 1 / scale, 0.0)
    of_bins, far = (torch.tensor(some, dtype=torch.int64) for some in (binned, far_valued))
    return Columns(centre, gain, clipped, of_bins, deviation, *_stack(categories), far)


def add_names(columns: Columns, x: Tensor, rows: Tensor, features: Sequence[int]) -> Columns:
    """Return columns of which each value of some features, names, is an input as well.

    Parameters
    ----------
    columns : Columns
        What the features hold.
    x, rows : Tensor of shape (n_samples, n_features), float64
        Rows, standardised and as they are, whose values become inputs.
    features : sequence of int
        Features of more than twelve whole numbers.

    Examples
    --------
    >>> x = torch.arange(20.0, dtype=torch.float64)[:, None]
    >>> columns = describe_columns(x, x, None)
    >>> len(columns.category), len(add_names(columns, x, x, [0]).category)
    (0, 20)
    """
    values = [_values(x[:, feature]) for feature in features]
    tolerances = [
        _tolerance(one, rows[:, feature]) for one, feature in zip(values, features, strict=True)
    ]
    found = list(zip(features, values, tolerances, strict=True))
    known = columns.category_column, columns.category, columns.tolerance
    column, category, tolerance = (
        torch.cat(pair) for pair in zip(known, _stack(found), strict=True)
    )
    return replace(columns, category_column=column, category=category, tolerance=tolerance)


def cut_columns(
    columns: Columns,
    x: Tensor,
    row_weight: Tensor | None,
    levels: Sequence[float],
    thresholds: Sequence[Tensor] | None = None,
) -> Steps:
    """Cut the range of features at quantiles and thresholds; one of a single interval gets none.

    Where a value is several of the quantiles, they are those of the distinct values.

    Parameters
    ----------
    columns : Columns
        What the features hold.
    x : Tensor of shape (n_samples, n_features), float64
        Standardised rows.
    row_weight : Tensor of shape (n_samples,) or None
        Weights.
    levels : sequence of float
        Shares of the samples, from 0 to 1, below the quantiles that part bins.
    thresholds : sequence of Tensor of shape (n_thresholds,), or None
        Further values that part the bins of each feature.

    Examples
    --------
    >>> x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    >>> bins = cut_columns(describe_columns(x, x, None), x, None, [0, 0.5, 1])
    >>> bins.start
    tensor([0.0000, 0.5000], dtype=torch.float64)
    """
    empty = torch.zeros(0, dtype=x.dtype)
    features, starts, widths = [], [empty], [empty]
    quantiles = _quantiles(x[:, columns.binned], _shares(x, row_weight), levels)
    for feature, found in zip(columns.binned.tolist(), quantiles, strict=True):
        edges: Tensor = torch.unique(found)
        if len(edges) < len(levels):  # of a value that is several quantiles, as zero often is
            values = _values(x[:, feature])
            places = torch.linspace(0, len(values) - 1, len(levels)).round().long()
            edges = torch.unique(values[places])
        if thresholds is not None and len(thresholds[feature]):
            distances = (thresholds[feature][:, None] - edges).abs().amin(1)
            apart = distances > _APART * columns.deviation[feature]
            edges = torch.cat([edges, thresholds[feature][apart]]).sort().values
        if len(edges) > 2:
            features += [feature] * (len(edges) - 1)
            starts.append(edges[:-1])
            widths.append(edges.diff())
    return Steps(torch.tensor(features, dtype=torch.int64), torch.cat(starts), torch.cat(widths))


def _shares(x: Tensor, row_weight: Tensor | None) -> Tensor:
    """Return weights whose sum is one."""
    weight = torch.ones(len(x), dtype=torch.float64) if row_weight is None else row_weight.double()
    return weight / weight.sum()


def are_whole(values: Tensor) -> bool:
    """Tell whether values are whole numbers, as far as they are known."""
    return bool(((values == values.round()) | values.isnan()).all())


def _moments(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the means and deviations of what is known."""
    missing = x.isnan()
    if not missing.any():
        mean = weight @ x
        return mean, (weight @ (x - mean).square()).sqrt()
    total = (weight @ (~missing).double()).clamp_min(_ROUNDING)
    mean = weight @ x.nan_to_num(0.0) / total
    squares = (x - mean).square().masked_fill(missing, 0)
    return mean, (weight @ squares / total).sqrt()


def _values(column: Tensor) -> Tensor:
    """Return the distinct values of a feature that are known, sorted."""
    values: Tensor = torch.unique(column)
    return values[~values.isnan()]


def _tolerance(values: Tensor, numbers: Tensor) -> float:
    """Return how far from the values of a column, which are whole numbers, a number counts as one.

    That is half of a unit, or of the least distance of two values if single precision does not
    tell units apart.
    """
    known = numbers[~numbers.isnan()]
    unit = float((values[-1] - values[0]) / (known.max() - known.min()))
    resolved = max(unit, _ULPS * torch.finfo(torch.float32).eps * float(values.abs().max()))
    return min(float(values.diff().min()), resolved) / 2


def _stack(found: list[tuple[int, Tensor, float]]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the columns of values, the values, and how far from each a number counts as it."""
    empty = torch.zeros(0, dtype=torch.float64)
    sizes = torch.tensor([len(values) for _, values, _ in found], dtype=torch.int64)
    features = torch.tensor([feature for feature, _, _ in found], dtype=torch.int64)
    tolerances = torch.tensor([tolerance for _, _, tolerance in found], dtype=torch.float64)
    return (
        features.repeat_interleave(sizes),
        torch.cat([empty, *(values for _, values, _ in found)]),
        tolerances.repeat_interleave(sizes),
    )


def _quantiles(x: Tensor, weight: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the values below which are shares of the weight, (n_features, n_levels)."""
    values, order = x.T.contiguous().sort(dim=1)  # which puts what is missing last
    shares = torch.tensor(levels, dtype=torch.float64) * (1 - _ROUNDING)
    missing = values.isnan()
    if missing.any():
        below = weight[order].masked_fill(missing, 0).cumsum(1)
        shares = shares * below[:, -1:]
    else:
        below = weight[order].cumsum(1)
        shares = (shares * weight.sum()).expand(len(values), -1)
    place = torch.searchsorted(below, shares.contiguous())
    found = values.gather(1, place.clamp_max(x.shape[0] - 1))
    return found.nan_to_num(0.0)  # of a feature of which nothing is known


class ColumnEncoding(nn.Module):
    """Scale, clip or score the features, and put beside them where each lies among its values.

    For each of its intervals, the share that lies below a value: the layer after it can so learn
    any function of a single feature that is linear between these (Gorishniy et al. 2022,
    "On embeddings for numerical features in tabular deep learning", section 3.2). For each value of
    a column with few, whether it is the one. Smooth clipping is that of Holzmüller et al. (2024,
    "Better by default", appendix B).

    Parameters
    ----------
    columns : Columns
        What the features hold.
    bins : Steps
        The intervals of features.
    x : Tensor of shape (n_samples, n_features), float64
        Standardised rows, whose mean becomes zero.
    row_weight : Tensor of shape (n_samples,) or None
        Weights.
    n_bins : int or None
        The most bins between quantiles of a feature, which thresholds may part further.
    scores : NormalScores or None
        What puts scores in the place of some of the scaled features.

    Shape
    -----
    input : (batch, n_features); output : (batch, n_features + n_intervals + n_categories)

    Examples
    --------
    >>> x = torch.tensor([[1.0], [2.0], [3.0], [2.0]]).double()
    >>> columns = describe_columns(x, x, None)
    >>> bins = cut_columns(columns, x, None, [0, 0.25, 0.5, 0.75, 1])
    >>> encoding = ColumnEncoding(columns, bins, x, None).double()
    >>> encoding(x[:2])
    tensor([[-1.4142,  0.7500, -0.5000, -0.2500],
            [ 0.0000, -0.2500,  0.5000, -0.2500]], dtype=torch.float64)
    """

    def __init__(
        self,
        columns: Columns,
        bins: Steps,
        x: Tensor,
        row_weight: Tensor | None,
        n_bins: int | None = None,
        scores: NormalScores | None = None,
    ) -> None:
        super().__init__()
        self.n_bins = n_bins
        self.scores = scores
        self.n_features = x.shape[1]
        self.n_outputs = self.n_features + len(bins) + len(columns.category)
        buffers = {
            "gain": columns.gain,
            "shift": -columns.centre * columns.gain,
            "bulk": torch.where(columns.clipped, BULK, _LARGEST).double(),
            "slope": 1 / bins.width,
            "offset": -bins.start / bins.width,
            "category": columns.category,
            "tolerance": columns.tolerance,
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer)
        self.register_buffer("bin_column", bins.column)
        self.register_buffer("category_column", columns.category_column)
        self.register_buffer("mean", torch.zeros(self.n_outputs, dtype=torch.float64))
        self.gain: Tensor
        self.shift: Tensor
        self.bulk: Tensor
        self.slope: Tensor
        self.offset: Tensor
        self.category: Tensor
        self.tolerance: Tensor
        self.bin_column: Tensor
        self.category_column: Tensor
        self.mean: Tensor
        encoded = self(x)
        self.mean = encoded.mean(0) if row_weight is None else row_weight @ encoded / len(encoded)

    @property
    def column(self) -> Tensor:
        """The feature that each output is of."""
        features = torch.arange(self.n_features, device=self.bin_column.device)
        return torch.cat([features, self.bin_column, self.category_column])

    @property
    def are_names(self) -> Tensor:
        """Which outputs are of the values of a column of names, bool (n_outputs,)."""
        n_values = torch.bincount(self.category_column, minlength=self.n_features)
        are_names = n_values[self.category_column] > MOST_CATEGORIES
        return torch.cat([are_names.new_zeros(self.n_outputs - len(are_names)), are_names])

    @property
    def clipped(self) -> Tensor:
        """Which features are clipped, bool (n_features,)."""
        return self.bulk == BULK

    def forward(self, x: Tensor) -> Tensor:
        scaled = torch.addcmul(self.shift, x, self.gain)
        far = (scaled / self.bulk).clamp(-_LARGEST, _LARGEST)
        scaled = scaled / (1 + far.square()).sqrt()
        parts = [scaled if self.scores is None else self.scores(scaled, x)]
        if len(self.slope):
            binned = x.index_select(1, self.bin_column)
            parts.append(torch.addcmul(self.offset, binned, self.slope).clamp(0, 1))
        if len(self.category):
            distance = x.index_select(1, self.category_column) - self.category
            parts.append((distance.abs() < self.tolerance).to(x.dtype))
        return torch.cat(parts, dim=1) - self.mean
