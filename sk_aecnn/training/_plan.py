"""What a call to ``fit`` has to do: the validated rows, and how to train on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from sk_aecnn._torch import as_tensor, generator_on
from sk_aecnn.data._batches import BatchSource, RowDataset, resolve
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import Rows, SparseRows, TableRows
from sk_aecnn.nn import set_generator
from sk_aecnn.training._net import TrainingNet, build_net
from sk_aecnn.training._options import TrainingOptions
from sk_aecnn.training._prediction_losses import TemperatureSoftmax
from sk_aecnn.training._progress import FitProgress

# of the largest
_LEAST_WEIGHT = 1e-35
# whether numbers are whole
_ROWS_TO_TELL = 1000
# floats from here on have no fractions
_ALL_ARE_WHOLE = 2.0**23


@dataclass(frozen=True)
class TrainingData:
    """What ``fit`` was given, validated: rows of positive weight with their targets.

    Attributes
    ----------
    rows : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
        The rows.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets), or None
        The targets.
    weight : ndarray of shape (n_samples,) or None
        The weights.
    labeled : ndarray of shape (n_samples,), bool, or None
        Which rows have a target; ``None`` where all have.
    """

    rows: Rows
    y: np.ndarray | None
    weight: np.ndarray | None
    labeled: np.ndarray | None = None

    @property
    def targets(self) -> np.ndarray:
        """The targets, for those who know that there are some."""
        assert self.y is not None, "the estimator needs targets"
        return self.y

    def choose(self, kept: np.ndarray) -> TrainingData:
        """Return some of the rows, those where ``kept`` is true."""
        if kept.all():
            return self
        y, weight, labeled = (
            None if part is None else part[kept] for part in (self.y, self.weight, self.labeled)
        )
        if isinstance(self.rows, SparseRows):
            return TrainingData(SparseRows(self.rows.matrix[kept]), y, weight, labeled)
        if isinstance(self.rows, TableRows):
            return TrainingData(self.rows.choose(torch.from_numpy(kept)), y, weight, labeled)
        index = torch.from_numpy(np.flatnonzero(kept))  # torch 2.6 has no masks of unsigned types
        return TrainingData(self.rows.index_select(0, index), y, weight, labeled)

    def copy(self) -> TrainingData:
        """Return the same in memory of its own."""
        rows = self.rows.clone() if isinstance(self.rows, torch.Tensor) else self.rows.copy()
        y, weight, labeled = (
            None if part is None else part.copy() for part in (self.y, self.weight, self.labeled)
        )
        return TrainingData(rows, y, weight, labeled)

    def without_weightless(self) -> TrainingData:
        """Return the rows of positive weight: others count as absent.

        So do those whose weight single precision does not tell from zero beside the largest. Steps
        count them as zero; features that vary in them alone would have no scale.
        """
        if self.weight is None:
            return self
        return self.choose(self.weight > _LEAST_WEIGHT * self.weight.max())

    @property
    def are_integers(self) -> bool:
        """Whether the rows, as far as the first ones tell, hold whole numbers alone."""
        if isinstance(self.rows, SparseRows):  # whose other values are zeros
            rows = as_tensor(self.rows.matrix.data[:_ROWS_TO_TELL])
        elif isinstance(self.rows, TableRows):
            rows = self.rows.numbers[:_ROWS_TO_TELL]
        else:
            rows = self.rows[:_ROWS_TO_TELL]
        if not rows.is_floating_point():
            return True
        whole = (rows == rows.round()) & (rows.abs() < _ALL_ARE_WHOLE)
        return bool((whole | rows.isnan()).all())

    def count(self) -> tuple[int, int]:
        """Return the number of rows, and of those without a target."""
        n_unlabeled = 0 if self.labeled is None else int(np.count_nonzero(~self.labeled))
        return len(self.rows), n_unlabeled

    def to_dataset(self, dtype: torch.dtype, fold: torch.Tensor | None = None) -> RowDataset:
        """Return the rows as torch wants them, with weights of mean one."""
        target = None if self.y is None else torch.from_numpy(self.y)
        if target is not None and target.is_floating_point():
            target = target.to(dtype)
        labeled = None if self.labeled is None else torch.from_numpy(self.labeled)
        return RowDataset(self.rows, target, self.row_weight(dtype), labeled, fold)

    def row_weight(self, dtype: torch.dtype) -> torch.Tensor | None:
        """Return the weights scaled to a mean of one; ``None`` where all are equal."""
        if self.weight is None or np.ptp(self.weight) == 0:
            return None
        return torch.from_numpy(self.weight / self.weight.mean()).to(dtype)


@dataclass(frozen=True)
class FitPlan:
    """What a call to ``fit`` has to do: the data, and how to train on them.

    Attributes
    ----------
    data : TrainingData
        All the rows, those for validation among them.
    geometry : SampleGeometry
        The shape of a sample.
    training, validation : RowDataset or Subset
        The rows to train on, and those to watch for early stopping; None for no validation.
    options : TrainingOptions
        How to train.
    device : torch.device
        Where to train.
    generator : torch.Generator
        What parameters and the order of the rows are drawn from.
    progress : FitProgress
        Who is told of epochs.
    fold : Tensor of shape (n_samples,), int64, or None
        The member of the network that each row is held out from.
    """

    data: TrainingData
    geometry: SampleGeometry
    training: BatchSource
    validation: BatchSource | None
    options: TrainingOptions
    device: torch.device
    generator: torch.Generator
    progress: FitProgress
    fold: torch.Tensor | None = None

    @property
    def is_trained_on(self) -> np.ndarray:
        """Which of all the rows are trained on, (n_samples,): the others are for validation."""
        result = np.zeros(len(self.data.rows), dtype=bool)
        result[resolve(self.training)[1].numpy()] = True
        return result

    def build_net(
        self,
        module: torch.nn.Module,
        objective: torch.nn.Module,
        nonlinearity: TemperatureSoftmax | None = None,
    ) -> TrainingNet:
        """Return a net whose random numbers come from the plan's generator; see `build_net`."""
        torch.randint(2**62, (), generator=self.generator)
        set_generator(module, generator_on(self.device, self.generator))
        parts = module, objective, self.options, self.device, self.generator
        return build_net(*parts, nonlinearity)


def rescale_weight(weight: np.ndarray) -> np.ndarray:
    """Return weights with a largest one between 0.5 and 1, times a power of two: exactly."""
    exponent = np.frexp(weight.max())[1]
    rescaled: np.ndarray = np.ldexp(weight, -exponent)
    return rescaled


def to_rows(rows: Any) -> Rows:
    """Return validated rows as the networks take them."""
    if isinstance(rows, TableRows):
        return rows
    return as_tensor(rows) if isinstance(rows, np.ndarray) else SparseRows(rows)


def assign_folds(y: np.ndarray, n_folds: int, seed: int) -> torch.Tensor:
    """Deal the rows out to folds at random, so that these are alike in their targets.

    Examples
    --------
    >>> fold = assign_folds(np.array([0, 0, 0, 1, 1, 1]), 3, seed=0)
    >>> fold[:3].sort().values, fold[3:].sort().values
    (tensor([0, 1, 2]), tensor([0, 1, 2]))
    """
    shuffled = np.random.RandomState(seed).permutation(len(y))
    targets = y if y.ndim == 1 else y[:, 0]
    order = shuffled[np.argsort(targets[shuffled], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % n_folds
    return torch.from_numpy(fold)


def hold_out(
    n_rows: int, codes: np.ndarray | None, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows at random, by class where there are classes with two rows or more.

    Rows of a class that has no other stay in the training part.
    """
    index = np.arange(n_rows)
    n_held_out = min(max(1, round(fraction * n_rows)), n_rows - 1)
    if codes is None or codes.dtype.kind == "f":
        result: tuple[np.ndarray, np.ndarray] = train_test_split(
            index, test_size=n_held_out, random_state=seed
        )
        return result
    codes = codes - codes.min()  # unlabeled rows are a class here
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
