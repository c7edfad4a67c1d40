"""The processes that fit one estimator together, each with a share of the rows of every batch.

Everywhere else, what is here passes tensors on as they are. Who shares what is a matter of the
context (`contextvars`), so that fits in other threads are not concerned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Processes:
    """The processes of the default group of `torch.distributed`.

    Attributes
    ----------
    rank : int
        The number of this one, from 0 on.
    size : int
        How many they are.

    Examples
    --------
    >>> torch.arange(7)[Processes(rank=1, size=3).share]
    tensor([1, 4])
    """

    rank: int
    size: int

    @property
    def share(self) -> slice:
        """The rows of a batch that are for this process."""
        return slice(self.rank, None, self.size)


# those that fit together
_TOGETHER: ContextVar[Processes | None] = ContextVar("_TOGETHER", default=None)
# and how many rows the batch at hand has, of which each has a share
_SHARED_ROWS: ContextVar[int | None] = ContextVar("_SHARED_ROWS", default=None)


def processes() -> Processes | None:
    """Return the processes that fit together; None for a fit in one."""
    return _TOGETHER.get()


def is_first() -> bool:
    """Tell whether this is the first of the processes, or the only one."""
    those = processes()
    return those is None or those.rank == 0


def is_shared() -> bool:
    """Tell whether the rows at hand are a share of a batch."""
    return _SHARED_ROWS.get() is not None


@contextmanager
def together(those: Processes) -> Iterator[None]:
    """Let fits be those of several processes."""
    token = _TOGETHER.set(those)
    try:
        yield
    finally:
        _TOGETHER.reset(token)


@contextmanager
def sharing(n_rows: int) -> Iterator[None]:
    """Let the rows at hand be the share of this process in a batch of so many."""
    token = _SHARED_ROWS.set(n_rows)
    try:
        yield
    finally:
        _SHARED_ROWS.reset(token)


def agree(value: _Value) -> _Value:
    """Return what the first process has as this value: the value itself in a fit of one."""
    if processes() is None:
        return value
    box: list[Any] = [value]
    distributed.broadcast_object_list(box, src=0)
    agreed: _Value = box[0]
    return agreed


def sum_of_shares(tensor: Tensor) -> Tensor:
    """Return the sum over the processes that share a batch; differentiable."""
    if not is_shared():
        return tensor
    total: Tensor = _SumOfShares.apply(tensor)  # type: ignore[no-untyped-call]
    return total


class _SumOfShares(torch.autograd.Function):
    """All processes get the sum, so that a share has the gradients of all of them."""

    @staticmethod
    def forward(ctx: Any, share: Tensor) -> Tensor:
        total = share.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total


def gather_rows(*parts: Tensor) -> tuple[Tensor, ...]:
    """Return tensors of numbers for each row, for all rows of the batch that is shared.

    Every process then computes the whole loss of a batch, so that any loss will do, and the
    gradient that arrives at its own rows is the sum over processes, as many times that of the loss:
    `torch.nn.parallel.DistributedDataParallel` takes the mean of it.

    Shape
    -----
    parts : (share, ...); results : (batch, ...), of the type of the first part
    """
    n_rows, those = _SHARED_ROWS.get(), processes()
    if n_rows is None or those is None:
        return parts
    columns = [part.reshape(len(part), part.shape[1:].numel()) for part in parts]
    shares = torch.cat([column.to(columns[0].dtype) for column in columns], dim=1)
    padded = shares.new_zeros(n_rows, shares.shape[1])
    padded[those.share] = shares
    gathered = torch.split(sum_of_shares(padded), [column.shape[1] for column in columns], dim=1)
    return tuple(
        whole.reshape(n_rows, *part.shape[1:]) for whole, part in zip(gathered, parts, strict=True)
    )
