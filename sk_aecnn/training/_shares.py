"""One training in several processes, each with a share of every batch.

Torch's `DistributedDataParallel` reduces the gradients. The losses and the statistics of batch
normalisation are of whole batches (`gather_rows`, `sum_of_shares`), so that the steps are those of
a single process, but for rounding and for what layers draw at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sk_aecnn._processes import Processes, processes
from sk_aecnn._torch import new_generator
from sk_aecnn.data._batches import BatchSource
from sk_aecnn.data._rows import Rows, chunks
from sk_aecnn.nn import RandomLayer

# of the samples that are compared
_COMPARED_CHUNKS = 4


@dataclass(frozen=True)
class Shares:
    """What a net in training needs to share batches.

    Attributes
    ----------
    those : Processes
        Who shares them.
    module : DistributedDataParallel
        The network, its gradients means over processes.
    """

    those: Processes
    module: nn.Module


@contextmanager
def shared(
    module: nn.Module, generator: torch.Generator, data: BatchSource, batch_size: int
) -> Iterator[Shares | None]:
    """Let the processes that fit together share batches; yield None where there is one alone.

    Layers that draw random numbers draw others in every process; ``generator``, which the order of
    the rows is drawn from, is the same in all.

    Parameters
    ----------
    module : nn.Module
        The network.
    generator : torch.Generator
        What the order of the rows is drawn from.
    data : RowDataset or Subset
        Training rows.
    batch_size : int
        The most rows of a batch.

    Raises
    ------
    ValueError
        If a batch does not have a row for each process, or a layer's statistics would be of a share
        of a batch.
    """
    those = processes()
    if those is None or not any(parameter.requires_grad for parameter in module.parameters()):
        yield None
        return
    n_rows = min(batch_size, len(data))
    if n_rows < those.size:
        raise ValueError(
            f"A batch has {n_rows} samples (batch_size={batch_size}, {len(data)} samples to train "
            f"on), but {those.size} processes share it. Start fewer processes, or pass a larger "
            "batch_size."
        )
    _check_layers(module)
    layers = [layer for layer in module.modules() if isinstance(layer, RandomLayer)]
    before = [layer.generator for layer in layers]
    seed = _next_seed(generator) + those.rank
    for layer, own in zip(layers, before, strict=True):
        layer.generator = None if own is None else new_generator(seed, own.device)
    hooks = [
        parameter.register_hook(  # type: ignore[no-untyped-call]
            partial(_with_strides, strides=parameter.stride())
        )
        for parameter in module.parameters()
        if parameter.requires_grad and 1 in parameter.shape and parameter.is_contiguous()
    ]
    try:
        yield Shares(those, _parallel(module))
    finally:
        for hook in hooks:
            hook.remove()
        for layer, own in zip(layers, before, strict=True):
            layer.generator = own


def _next_seed(generator: torch.Generator) -> int:
    """Return what a generator draws next, and leave it as it is."""
    return int(torch.randint(2**62, (), generator=generator.clone_state()))


def _parallel(module: nn.Module) -> nn.Module:
    """Return a network with the same parameters, whose gradients are means over processes."""
    kind = nn.parallel.DistributedDataParallel
    # buffers are the same in all processes; torch has two names for leaving them alone
    known = "forward_sync_buffers" in signature(kind).parameters
    options: dict[str, Any] = {"forward_sync_buffers" if known else "broadcast_buffers": False}
    parallel: nn.Module = kind(module, static_graph=True, **options)
    return parallel


def _with_strides(gradient: Tensor, strides: tuple[int, ...]) -> Tensor:
    """Return a gradient with the strides of its parameter along axes of size one, as torch asks."""
    return gradient.as_strided(gradient.shape, strides) if gradient.is_contiguous() else gradient


def _check_layers(module: nn.Module) -> None:
    """Raise where a layer of the user's takes statistics of the rows it is given."""
    for name, layer in module.named_modules():
        if isinstance(layer, _BatchNorm) and not isinstance(layer, nn.SyncBatchNorm):
            raise ValueError(
                f"The layer {name!r} is a torch.nn.{type(layer).__name__}, whose statistics would "
                "be those of the samples of one process. Use sk_aecnn.nn.BatchNorm, "
                "torch.nn.SyncBatchNorm (on GPUs) or torch.nn.GroupNorm in its place."
            )


def check_same_data(
    rows: Rows, y: np.ndarray | None, weight: np.ndarray | None, batch_size: int
) -> None:
    """Raise, in all processes, where those that fit together were not given the same samples.

    The first and the last samples are compared, their number, all targets and weights.

    Parameters
    ----------
    rows : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
        The samples.
    y, weight : ndarray of shape (n_samples, ...) or None
        Their targets, as numbers, and weights.
    batch_size : int
        Samples in a batch.
    """
    those = processes()
    if those is None:
        return
    parts = _ends(rows) + [part for part in (y, weight) if part is not None]
    total = 0
    for part in parts:
        total = crc32(part.tobytes(), total)
    told: list[Any] = [None] * those.size
    distributed.all_gather_object(told, (len(rows), rows.shape[1], batch_size, total))
    if any(other != told[0] for other in told):
        n_rows, n_features, sizes, _ = zip(*told, strict=True)
        raise ValueError(
            "The processes of this fit were not given the same samples, or not the same "
            f"parameters: they have {n_rows} samples of {n_features} features and batches of "
            f"{sizes}, in the order of their ranks. Pass all samples, in the same order, to every "
            "process (memory-mapped, they are in memory once): each takes its share of every batch."
        )


def _ends(rows: Rows) -> list[np.ndarray]:
    """Return the first and the last rows."""
    slices = list(chunks(rows))
    ends = slices[:_COMPARED_CHUNKS] + slices[-_COMPARED_CHUNKS:]
    return [rows[part].numpy() for part in ends]
