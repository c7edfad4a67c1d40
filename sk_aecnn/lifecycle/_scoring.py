"""The scorer that early stopping goes by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names
from torch import Tensor

from sk_aecnn.data._batches import RowDataset
from sk_aecnn.data._rows import SparseRows, TableRows
from sk_aecnn.data._tables import TableSchema
from sk_aecnn.training._net import TrainingNet


@dataclass(frozen=True)
class EpochScore:
    """What a scorer says, on some rows, of the estimator that a net in training makes.

    Attributes
    ----------
    scoring : str or callable
        The name of a scorer of scikit-learn, or a function of estimator, ``X`` and ``y``.
    estimator : callable
        From a net to an estimator that is fitted with it.
    decode : callable
        From the targets of the net to those of the user.
    """

    scoring: str | Callable[..., Any]
    estimator: Callable[[TrainingNet], Any]
    decode: Callable[[np.ndarray], np.ndarray]

    def __call__(self, net: TrainingNet, rows: RowDataset, index: Tensor) -> float:
        """Return the score of the rows at ``index``."""
        assert rows.y is not None, "rows have targets"
        y = self.decode(rows.y[index].numpy())
        weight = {}
        if rows.row_weight is not None:
            weight["sample_weight"] = rows.row_weight[index].numpy()
        estimator = self.estimator(net)
        X = _take(rows, index, estimator._schema)
        score = find_scorer(self.scoring)(estimator, X, y, **weight)
        if not isinstance(score, Real) or not isfinite(score):
            raise ValueError(
                f"scoring={self.scoring!r} returns {score!r} for {len(y)} samples that are held "
                "out, where early stopping needs a finite number, the higher the better. Pass "
                "another scorer, more samples, or scoring='loss'."
            )
        return float(score)


def _take(rows: RowDataset, index: Tensor, schema: TableSchema | None) -> Any:
    """Return rows as the user may pass them: an array, a data frame or a sparse matrix."""
    if isinstance(rows.X, SparseRows):
        return rows.X.matrix[index.numpy()]
    matrix = rows.X.matrix if isinstance(rows.X, TableRows) else rows.X
    taken = matrix.index_select(0, index).numpy()
    return taken if schema is None else schema.decode(taken)


def find_scorer(scoring: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return a scorer of estimator, ``X`` and ``y``, or raise where there is none of that name.

    Examples
    --------
    >>> find_scorer("accuracy")
    make_scorer(accuracy_score, response_method='predict')
    """
    if not isinstance(scoring, str):
        return scoring
    names = get_scorer_names()
    if scoring not in names:
        near = get_close_matches(scoring, [*names, "loss"], n=3, cutoff=0.4)
        raise ValueError(
            f"scoring={scoring!r} is no scorer of scikit-learn"
            f"{'; near to it are ' + ', '.join(map(repr, near)) if near else ''}. Pass 'loss', a "
            "name in sklearn.metrics.get_scorer_names(), or a function of estimator, X and y."
        )
    scorer: Callable[..., Any] = get_scorer(scoring)
    return scorer
