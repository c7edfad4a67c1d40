"""What is kept of the rows of many calls: a fair sample of bounded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from scipy.sparse import issparse, vstack

from sk_aecnn._torch import as_tensor
from sk_aecnn.data._rows import Rows, SparseRows, TableRows
from sk_aecnn.training._plan import TrainingData, to_rows

_MOST_BYTES = 2**24
_MOST_WAITING_BYTES = 2**22
# of the objects that a call leaves, with its targets and weights
_BYTES_OF_A_CALL = 2**11
# of a row among rows of a mean weight of one: far below what changes a sum
_LEAST_WEIGHT = 1e-100


@dataclass(frozen=True)
class Seen:
    """What a fitted estimator takes its measures from.

    Attributes
    ----------
    parts : tuple of TrainingData
        The rows to measure: those of one call or of several, or a sample of those of many.
    latest : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
        The rows of this call.
    n_rows : int
        The rows that ``parts`` stand for.
    n_before : int
        The rows seen before these, of which only what was measured then is left.
    before : dict of str to object
        What was measured then, by the name of the attribute.
    waits : bool
        Whether they may be measured later, when somebody asks.
    n_bytes : int
        The memory of rows that wait.
    """

    parts: tuple[TrainingData, ...]
    latest: Rows
    n_rows: int
    n_before: int = 0
    before: Mapping[str, Any] = field(default_factory=dict)
    waits: bool = False
    n_bytes: int = 0

    @cached_property
    def data(self) -> TrainingData:
        """The rows to measure, with their targets and weights."""
        return self.parts[0] if len(self.parts) == 1 else _join(self.parts)

    @property
    def share(self) -> float:
        """The share of all rows that the present measure is of."""
        return self.n_rows / (self.n_before + self.n_rows)

    @property
    def goes_on(self) -> bool:
        """Whether there was a call before this one."""
        return self.n_before + self.n_rows > len(self.latest)

    def choose(self, kept: np.ndarray) -> Seen:
        """Return what is measured of some of the rows; of the latest ones, where none is chosen."""
        chosen = self.data.choose(kept) if kept.any() else TrainingData(self.latest, None, None)
        return replace(self, parts=(chosen,))

    def add(self, data: TrainingData) -> Seen:
        """Return these rows with those of a call, which wait with them where they are not many.

        They have to be alike, dense or sparse. Those that wait are copied, since their memory may
        be the caller's.
        """
        kept = TrainingData(data.rows, data.y, data.weight)
        n_bytes = self.n_bytes + _BYTES_OF_A_CALL + int(_bytes_of_rows(_matrix_of(data.rows)).sum())
        is_alike = not self.parts or type(data.rows) is type(self.latest)
        waits = is_alike and n_bytes <= _MOST_WAITING_BYTES
        part = kept.copy() if waits else kept
        return replace(
            self,
            parts=(*self.parts, part),
            latest=part.rows,
            n_rows=self.n_rows + len(part.rows),
            waits=waits,
            n_bytes=n_bytes,
        )

    def merge(self, name: str, present: Any) -> Any:
        """Return the mean of a present measure and the earlier one, by their numbers of rows."""
        if self.n_before == 0:
            return present
        return self.share * present + (1 - self.share) * self.before[name]


@dataclass(frozen=True)
class Stream:
    r"""A sample of the rows of a stream, each as likely to be in it as its weight asks for.

    Every row draws a number from the exponential distribution whose rate is its weight, and those
    with the smallest numbers are kept (Efraimidis & Spirakis 2006, "Weighted random sampling with a
    reservoir"). A row of weight :math:`w` is kept with the probability :math:`1 - e^{-w \tau}`,
    where :math:`\tau` is the smallest number among those that are not, and counts
    :math:`w / (1 - e^{-w \tau})`, so that sums over the sample are unbiased (Cohen & Kaplan 2007,
    "Summarizing data using bottom-k sketches", section 4). With equal weights all rows of the
    stream, old and new, are equally likely to be in the sample, and count the same.

    Attributes
    ----------
    n_before : int
        The rows of an earlier fit, none of which is kept.
    before : dict of str to object
        What was measured of them.
    rows : ndarray or csr_matrix of shape (n_kept, n_features), or None
        The rows, in the dtype in which they were passed.
    weight : ndarray of shape (n_kept,)
        Their weights.
    keys : ndarray of shape (n_kept,)
        The numbers they have drawn.
    threshold : float
        The smallest number among the rows that are not kept.
    n_rows : int
        Rows of the stream so far.

    Examples
    --------
    >>> import torch
    >>> stream = Stream()
    >>> for call in range(10):
    ...     rows = torch.full((100, 1), call)
    ...     stream = stream.add(TrainingData(rows, None, None), n_most=50)
    >>> stream.n_rows, stream.rows.shape, len(np.unique(stream.rows)) > 5
    (1000, (50, 1), True)
    """

    n_before: int = 0
    before: Mapping[str, Any] = field(default_factory=dict)
    rows: Any = None
    weight: np.ndarray = field(default_factory=lambda: np.empty(0))
    keys: np.ndarray = field(default_factory=lambda: np.empty(0))
    threshold: float = inf
    n_rows: int = 0

    def add(self, data: TrainingData, n_most: int) -> Stream:
        """Return the stream with the rows of a call, of which at most ``n_most`` are kept."""
        rows = _matrix_of(data.rows)
        keys = np.random.default_rng(self.n_rows).exponential(size=len(data.rows))
        weight = np.broadcast_to(1.0, keys.shape)
        if data.weight is not None:
            weight = np.maximum(data.weight / data.weight.mean(), _LEAST_WEIGHT)
            keys /= weight
        new = _order_least(keys, n_most + 1)
        new = new[keys[new] < self.threshold]
        new = np.sort(new[: _count_fitting(_bytes_of_rows(rows)[new], n_most) + 1])
        stream = replace(self, n_rows=self.n_rows + len(keys))
        return stream._keep(rows[new], weight[new], keys[new], n_most)

    def _keep(self, rows: Any, weight: np.ndarray, keys: np.ndarray, n_most: int) -> Stream:
        """Return the stream with those of its rows and of others that have the smallest keys."""
        if self.rows is not None:
            rows = _stack(self.rows, rows)
            weight, keys = np.append(self.weight, weight), np.append(self.keys, keys)
        kept = _find_kept(keys, _bytes_of_rows(rows), n_most)
        threshold = min(self.threshold, keys[~kept].min(initial=inf))
        return replace(
            self, rows=rows[kept], weight=weight[kept], keys=keys[kept], threshold=threshold
        )

    def see(self, latest: Rows, *, waits: bool) -> Seen:
        """Return what there is to measure, now or later, after a call with the latest rows."""
        weight = self.weight / -np.expm1(-self.weight * self.threshold)
        data = TrainingData(_as_rows(self.rows, latest), None, weight)
        return Seen((data,), latest, self.n_rows, self.n_before, self.before, waits)


def _order_least(keys: np.ndarray, n_most: int) -> np.ndarray:
    """Return where the least keys are, in their order: of many, the others are not sorted.

    Examples
    --------
    >>> _order_least(np.array([0.4, 0.1, 0.3, 0.2]), 2)
    array([1, 3])
    """
    index = np.arange(len(keys))
    if len(keys) > n_most:
        index = np.argpartition(keys, n_most)[:n_most].copy()
    order: np.ndarray = index[np.argsort(keys[index], kind="stable")]
    return order


def _find_kept(keys: np.ndarray, n_bytes: np.ndarray, n_most: int) -> np.ndarray:
    """Tell which rows are kept: those of the least keys, as many as fit.

    Examples
    --------
    >>> _find_kept(np.array([0.4, 0.1, 0.3, 0.2]), np.full(4, 8), n_most=2)
    array([False,  True, False,  True])
    """
    n_kept = min(n_most, len(keys))
    if n_kept * n_bytes.max(initial=0) > _MOST_BYTES:
        n_kept = _count_fitting(n_bytes[np.argsort(keys, kind="stable")], n_most)
    kept = np.zeros(len(keys), dtype=bool)
    kept[np.argpartition(keys, n_kept - 1)[:n_kept]] = True
    return kept


def _join(parts: Sequence[TrainingData]) -> TrainingData:
    """Return the rows of several calls, weights of one in the mean of each, and all targets."""
    y, weight, like = None, None, parts[-1].rows
    if all(part.y is not None for part in parts):
        y = np.concatenate([part.targets for part in parts])
    if any(part.weight is not None for part in parts):
        weight = np.concatenate(
            [
                np.ones(len(part.rows)) if part.weight is None else part.weight / part.weight.mean()
                for part in parts
            ]
        )
    matrix = _stack(*(_matrix_of(part.rows) for part in parts))
    return TrainingData(_as_rows(matrix, like), y, weight)


def _matrix_of(rows: Rows) -> Any:
    """Return rows as an array or a sparse matrix, categories as codes."""
    if isinstance(rows, SparseRows):
        return rows.matrix
    return (rows.matrix if isinstance(rows, TableRows) else rows).numpy()


def _as_rows(matrix: Any, like: Rows) -> Rows:
    """Return a matrix as rows of the kind of others."""
    if isinstance(like, TableRows):
        return TableRows(as_tensor(matrix), like.index.n_categories)
    return to_rows(matrix)


def _stack(*parts: Any) -> Any:
    """Return the rows of all, sparse where all are, in a dtype that holds them."""
    if all(map(issparse, parts)):
        return vstack(parts, format="csr")
    return np.concatenate([part.toarray() if issparse(part) else part for part in parts])


def _bytes_of_rows(rows: Any) -> np.ndarray:
    """Return the memory of each row."""
    if issparse(rows):
        of_a_value = rows.data.itemsize + rows.indices.itemsize
        n_bytes: np.ndarray = np.diff(rows.indptr) * of_a_value + rows.indptr.itemsize
        return n_bytes
    return np.broadcast_to(rows[:1].nbytes, rows.shape[:1])


def _count_fitting(n_bytes: np.ndarray, n_most: int) -> int:
    """Return how many rows are kept, the first ones: one at the least."""
    n_fitting = int(np.searchsorted(np.cumsum(n_bytes), _MOST_BYTES, side="right"))
    return min(max(1, n_fitting), n_most)
