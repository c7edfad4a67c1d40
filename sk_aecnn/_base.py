"""The lifecycle of every estimator, told once: validate, encode, build, train, record."""

from __future__ import annotations

import secrets
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from math import sqrt
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.utils.data import Subset

from sk_aecnn._batches import RowDataset
from sk_aecnn._compat import Interval, StrOptions, check_sample_weight
from sk_aecnn._geometry import SampleGeometry, as_rows, check_same_shape, resolve_geometry
from sk_aecnn._torch import DTYPES, as_tensor, detach_tensor, new_generator, resolve_device
from sk_aecnn._training import (
    LR_SCHEDULES,
    OPTIMIZERS,
    TrainingNet,
    TrainingOptions,
    build_net,
    infer,
    train,
)
from sk_aecnn.nn import share_stream

NO_TARGET = "no_validation"  # scikit-learn's word for an estimator that ignores y

_EPOCHS_OF_SMALL_DATA = 100
_SMALL_DATA = 200
_BATCH_ROWS_TABLE = 256
_BATCH_ROWS_SPATIAL = 128
_BATCH_VALUES = 2**22
_FEWEST_BATCH_ROWS = 16


@dataclass
class TrainingRows:
    """What ``fit`` was given, validated: rows of positive weight with their targets."""

    rows: torch.Tensor
    y: np.ndarray | None
    weight: np.ndarray | None

    def to_dataset(self, dtype: torch.dtype) -> RowDataset:
        """Return the rows as torch wants them, with weights of mean one."""
        target = None if self.y is None else torch.from_numpy(self.y)
        return RowDataset(self.rows, target, self.row_weight(dtype))

    def row_weight(self, dtype: torch.dtype) -> torch.Tensor | None:
        """Return the weights scaled to a mean of one; ``None`` where all are equal."""
        if self.weight is None or np.ptp(self.weight) == 0:
            return None
        return torch.from_numpy(self.weight / self.weight.mean()).to(dtype)


def auto_epochs(n_rows: int) -> int:
    """Return the epochs of ``max_epochs="auto"``: 100 up to 200 rows, 6 for 60 000.

    The epochs fall, and the optimizer steps grow, with the square root of the number of rows.

    Examples
    --------
    >>> [auto_epochs(n) for n in (30, 1_797, 60_000, 1_000_000)]
    [100, 33, 6, 1]
    """
    return max(1, round(_EPOCHS_OF_SMALL_DATA * min(1.0, sqrt(_SMALL_DATA / n_rows))))


def auto_batch_size(geometry: SampleGeometry) -> int:
    """Return the rows of ``batch_size="auto"``: fewer for large samples, to bound memory.

    Examples
    --------
    >>> shapes = [((50,), 0), ((28, 28), None), ((224, 224, 3), 2)]
    >>> [auto_batch_size(SampleGeometry(*shape)) for shape in shapes]
    [256, 128, 27]
    """
    rows = _BATCH_ROWS_SPATIAL if geometry.spatial else _BATCH_ROWS_TABLE
    return max(_FEWEST_BATCH_ROWS, min(rows, _BATCH_VALUES // geometry.n_features))


def check_sizes(name: str, sizes: Any, *, at_least: int) -> tuple[int, ...]:
    """Return a parameter that lists layer sizes as a tuple, or raise."""
    values = tuple(np.atleast_1d(np.asarray(sizes, dtype=object)))
    valid = all(isinstance(value, int | np.integer) and value >= 1 for value in values)
    if not valid or len(values) < at_least:
        raise ValueError(
            f"{name}={sizes!r} must be a sequence of at least {at_least} integers, each 1 or "
            "more: the size of every layer in turn."
        )
    return tuple(int(value) for value in values)


@contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Put an estimator's attributes back as they were if anything is raised."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


class NetworkEstimator(BaseEstimator, metaclass=ABCMeta):
    """An estimator that trains a network on rows.

    Subclasses say how their network is built and what the targets are; they call `_learn` from
    ``fit`` and ``partial_fit``, and `_infer` from whatever predicts.
    """

    net_: TrainingNet

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "sample_shape": [tuple, list, np.ndarray, None],
        "channel_axis": [StrOptions({"auto"}), Integral, None],
        "max_epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr_schedule": [StrOptions(set(LR_SCHEDULES))],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, None],
        "verbose": ["verbose"],
        "device": [str],
        "precision": [StrOptions(set(DTYPES))],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
    }

    @abstractmethod
    def _build_network(
        self,
        training_rows: TrainingRows,
        geometry: SampleGeometry,
        generator: torch.Generator,
    ) -> tuple[torch.nn.Module, torch.nn.Module]:
        """Return the network and its objective for the training rows."""

    @abstractmethod
    def _encode_target(self, data: TrainingRows, classes: Any) -> TrainingRows:
        """Return the rows with targets and weights as the objective wants them."""

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        resume: bool,
        max_epochs: int | str,
        lr_schedule: str,
        classes: Any = None,
    ) -> Any:
        """Validate, encode, build, train, record; on an error, leave everything as it was."""
        with all_or_nothing(self):
            data, geometry = self._validate_training_data(X, y, sample_weight, reset=not resume)
            data = self._encode_target(data, classes)
            options = self._training_options(len(data.rows), geometry, max_epochs, lr_schedule)
            if resume:
                self.net_ = deepcopy(self.net_)
            else:
                self.net_ = self._build(data, geometry, options)
            train(self.net_, options, *self._split(data))
            self._record(geometry)
        return self

    def _validate_training_data(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[TrainingRows, SampleGeometry]:
        rows, y, geometry = self._validate_rows(X, y, reset=reset)
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(
                detach_tensor(sample_weight), rows, dtype=np.float64, ensure_non_negative=True
            )
            kept = weight > 0
            if not kept.any():
                raise ValueError(
                    "All entries of sample_weight are zero: no row is left to train on. Sample "
                    "weights must contain at least one positive number."
                )
            if not kept.all():
                rows, weight, y = rows[kept], weight[kept], None if y is None else y[kept]
        return TrainingRows(as_tensor(rows), y, weight), geometry

    def _validate_rows(
        self, X: Any, y: Any = NO_TARGET, *, reset: bool
    ) -> tuple[np.ndarray, Any, SampleGeometry]:
        """Return X as validated flat rows, y validated (None without one), and the geometry."""
        rows, data_shape = as_rows(detach_tensor(X))
        if not reset:
            check_same_shape(data_shape, self._geometry, type(self).__name__)
        validated = validate_data(self, rows, detach_tensor(y), reset=reset)
        rows, y = validated if isinstance(validated, tuple) else (validated, None)
        if not reset:
            return rows, y, self._geometry
        shape = rows.shape[1], data_shape
        return rows, y, resolve_geometry(*shape, self.sample_shape, self.channel_axis)

    def _training_options(
        self, n_rows: int, geometry: SampleGeometry, max_epochs: int | str, lr_schedule: str
    ) -> TrainingOptions:
        auto_batch = self.batch_size == "auto"
        return TrainingOptions(
            max_epochs=auto_epochs(n_rows) if max_epochs == "auto" else int(max_epochs),
            batch_size=auto_batch_size(geometry) if auto_batch else self.batch_size,
            lr=self.lr,
            weight_decay=self.weight_decay,
            optimizer=self.optimizer,
            lr_schedule=lr_schedule,
            patience=self.n_iter_no_change if self.early_stopping else None,
            callbacks=list(self.callbacks or []),
            verbose=int(self.verbose),
        )

    def _build(
        self, data: TrainingRows, geometry: SampleGeometry, options: TrainingOptions
    ) -> TrainingNet:
        device = resolve_device(self.device)
        generator = new_generator(self._draw_seed())
        module, criterion = self._build_network(data, geometry, generator)
        on_cpu = device.type == "cpu"
        share_stream(module, generator if on_cpu else new_generator(self._draw_seed(), device))
        return build_net(module, criterion, options, device, generator)

    def _draw_seed(self) -> int:
        """Draw a seed from ``random_state``, or from the system where it is None."""
        if self.random_state is None:
            return secrets.randbits(32)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _split(self, data: TrainingRows) -> tuple[Any, Any]:
        """Return the training rows and, for early stopping, the validation rows apart."""
        dataset = data.to_dataset(self._dtype)
        if not self.early_stopping:
            return dataset, None
        if len(dataset) < 2:
            raise ValueError(
                f"early_stopping=True sets rows aside for validation, but X has {len(dataset)} "
                "sample(s) of positive weight; pass at least 2, or early_stopping=False."
            )
        training, validation = _hold_out(
            len(dataset), data.y, self.validation_fraction, self._draw_seed()
        )
        return Subset(dataset, training.tolist()), Subset(dataset, validation.tolist())

    def _record(self, geometry: SampleGeometry) -> None:
        self._geometry = geometry
        self.sample_shape_ = geometry.shape
        self.history_ = [
            {name: value for name, value in epoch.items() if name != "batches"}
            for epoch in self.net_.history
        ]
        self.loss_curve_ = [epoch["train_loss"] for epoch in self.history_]
        self.n_iter_ = len(self.history_)

    @property
    def _dtype(self) -> torch.dtype:
        return DTYPES[self.precision]

    def _infer(self, method: str, X: Any) -> np.ndarray:
        """Apply a method of the network to the rows of X."""
        check_is_fitted(self)
        rows, _, _ = self._validate_rows(X, reset=False)
        return infer(self.net_, method, as_tensor(rows))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _hold_out(
    n_rows: int, codes: np.ndarray | None, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows at random, by class where there are classes with two rows or more.

    Rows of a class that has no other stay in the training part.
    """
    index = np.arange(n_rows)
    n_held_out = min(max(1, round(fraction * n_rows)), n_rows - 1)
    if codes is None:
        return train_test_split(index, test_size=n_held_out, random_state=seed)
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
