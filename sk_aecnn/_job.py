"""What a call to ``fit`` has to do: the validated rows, and how to train on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from sk_aecnn._batches import RowDataset, Rows, SparseRows
from sk_aecnn._geometry import SampleGeometry
from sk_aecnn._progress import FitProgress
from sk_aecnn._torch import as_tensor, new_generator
from sk_aecnn._training import TrainingNet, TrainingOptions, build_net
from sk_aecnn.losses import SharpSoftmax
from sk_aecnn.nn import share_stream


@dataclass
class TrainingRows:
    """What ``fit`` was given, validated: rows of positive weight with their targets.

    Attributes
    ----------
    rows : Tensor or SparseRows of shape (n_samples, n_features)
        The rows.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets), or None
        The targets.
    weight : ndarray of shape (n_samples,) or None
        The weights.
    known : ndarray of shape (n_samples,), bool, or None
        Which rows have a target; ``None`` where all have.
    """

    rows: Rows
    y: np.ndarray | None
    weight: np.ndarray | None
    known: np.ndarray | None = None

    def count(self) -> tuple[int, int]:
        """Return the number of rows, and of those without a target."""
        n_unknown = 0 if self.known is None else int(np.count_nonzero(~self.known))
        return len(self.rows), n_unknown

    def to_dataset(self, dtype: torch.dtype) -> RowDataset:
        """Return the rows as torch wants them, with weights of mean one."""
        target = None if self.y is None else torch.from_numpy(self.y)
        if target is not None and target.is_floating_point():
            target = target.to(dtype)
        known = None if self.known is None else torch.from_numpy(self.known)
        return RowDataset(self.rows, target, self.row_weight(dtype), known)

    def row_weight(self, dtype: torch.dtype) -> torch.Tensor | None:
        """Return the weights scaled to a mean of one; ``None`` where all are equal."""
        if self.weight is None or np.ptp(self.weight) == 0:
            return None
        return torch.from_numpy(self.weight / self.weight.mean()).to(dtype)


@dataclass
class Job:
    """What there is to do in a call to ``fit``: the data, and how to train on them."""

    data: TrainingRows
    geometry: SampleGeometry
    training: Any
    validation: Any
    options: TrainingOptions
    device: torch.device
    generator: torch.Generator
    progress: FitProgress

    def build_net(
        self,
        module: torch.nn.Module,
        objective: torch.nn.Module,
        nonlinearity: SharpSoftmax | None = None,
    ) -> TrainingNet:
        """Return a net whose random numbers come from the job's stream; see `build_net`."""
        on_cpu = self.device.type == "cpu"
        seed = int(torch.randint(2**62, (), generator=self.generator))
        share_stream(module, self.generator if on_cpu else new_generator(seed, self.device))
        parts = module, objective, self.options, self.device, self.generator
        return build_net(*parts, nonlinearity)


def to_rows(rows: Any) -> Rows:
    """Return validated rows as the networks take them."""
    return as_tensor(rows) if isinstance(rows, np.ndarray) else SparseRows(rows)


def hold_out(
    n_rows: int, codes: np.ndarray | None, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows at random, by class where there are classes with two rows or more.

    Rows of a class that has no other stay in the training part.
    """
    index = np.arange(n_rows)
    n_held_out = min(max(1, round(fraction * n_rows)), n_rows - 1)
    if codes is None or codes.dtype.kind == "f":
        return train_test_split(index, test_size=n_held_out, random_state=seed)
    codes = codes - codes.min()  # rows without a class are a class here
    counts = np.bincount(codes)
    shared = counts[codes] > 1
    n_classes = np.count_nonzero(counts > 1)
    stratify = codes[shared] if n_classes <= n_held_out <= shared.sum() - n_classes else None
    if shared.sum() <= n_held_out:
        shared, stratify = np.ones(n_rows, dtype=bool), None
    training, validation = train_test_split(
        index[shared], test_size=n_held_out, random_state=seed, stratify=stratify
    )
    return np.concatenate([training, index[~shared]]), validation
