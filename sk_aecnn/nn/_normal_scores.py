"""Features with far values as the ranks of these would be of a normal distribution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

# values of a feature whose scores are kept, others being between them
_MOST_VALUES = 129


class NormalScores(nn.Module):
    """Put normal scores in the place of some scaled features.

    The score of a value is the quantile of the standard normal distribution whose level is the
    share of the samples below the value and half of those that have it (van der Waerden 1952,
    "Order tests for the two-sample problem and their power"). At most 129 of the values of a
    feature are kept, at equal distances of their scores, between which scores are linear; beyond
    the values they are those of the first and of the last.
    `sklearn.preprocessing.QuantileTransformer` does about the same, with other scores for the first
    and the last value, which would be infinite.

    Parameters
    ----------
    features : iterable of int
        The features.
    x : Tensor of shape (n_samples, n_features), float64
        Rows, NaN where values are missing, which count nowhere.
    row_weight : Tensor of shape (n_samples,) or None
        Weights.

    Shape
    -----
    scaled, x : (batch, n_features), of which nothing is missing; output : (batch, n_features)

    Examples
    --------
    >>> x = torch.tensor([[-1.0], [0.0], [1.0], [2.0], [3e4]]).double()
    >>> NormalScores([0], x, None)(x, x).T.round(decimals=2)
    tensor([[-1.2800, -0.5200,  0.0000,  0.5200,  1.2800]], dtype=torch.float64)
    """

    def __init__(self, features: Iterable[int], x: Tensor, row_weight: Tensor | None) -> None:
        super().__init__()
        weight = torch.ones(len(x)).double() if row_weight is None else row_weight.double()
        index = list(features)
        values, scores = zip(*(_scores(x[:, feature], weight) for feature in index), strict=True)
        self.register_buffer("column", torch.tensor(index, dtype=torch.int64))
        self.register_buffer("value", _stack(values))
        self.register_buffer("score", _stack(scores))
        self.column: Tensor
        self.value: Tensor
        self.score: Tensor

    def forward(self, scaled: Tensor, x: Tensor) -> Tensor:
        value = x.T[self.column]
        last = self.value.shape[1] - 1
        above = torch.searchsorted(self.value, value).clamp(1, last)
        low, high = self.value.gather(1, above - 1), self.value.gather(1, above)
        start, end = self.score.gather(1, above - 1), self.score.gather(1, above)
        width = (high - low).clamp_min(torch.finfo(x.dtype).tiny)
        score = torch.lerp(start, end, ((value - low) / width).clamp(0, 1))
        return scaled.index_copy(1, self.column, score.T)


def _scores(column: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return some of the values that are known, ascending, and their scores."""
    known = ~column.isnan() & (weight > 0)
    values, place = torch.unique(column[known], return_inverse=True)
    share = torch.zeros_like(values).index_add_(0, place, weight[known])
    score = torch.special.ndtri((share.cumsum(0) - share / 2) / share.sum())
    if len(values) > _MOST_VALUES:
        apart = (score - score[0]) / (score[-1] - score[0]) * (_MOST_VALUES - 1)
        even = torch.arange(_MOST_VALUES, dtype=apart.dtype)
        index = torch.unique(torch.searchsorted(apart, even))
        values, score = values[index], score[index]
    return values, score


def _stack(parts: Sequence[Tensor]) -> Tensor:
    """Stack tensors, the shorter ones with their last value repeated."""
    most = max(map(len, parts))
    return torch.stack([torch.cat([part, part[-1:].expand(most - len(part))]) for part in parts])
