"""From what ``fit`` is given to a plan: the rows to train on, those to watch, and the seeds."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from functools import lru_cache
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state, get_tags
from torch.utils.data import Subset

from sk_aecnn._compat import check_sample_weight
from sk_aecnn._processes import agree
from sk_aecnn._torch import DTYPES, detach_tensor, new_generator, resolve_device
from sk_aecnn.data._arrays import read_by_length
from sk_aecnn.data._batches import BatchSource, RowDataset
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import Rows
from sk_aecnn.data._targets import check_some_labeled
from sk_aecnn.lifecycle._call import FitCall
from sk_aecnn.lifecycle._parameters import RunParameters, TrainingParameters
from sk_aecnn.lifecycle._reading import ReadingEstimator
from sk_aecnn.recipes.defaults import weighs_linear_model
from sk_aecnn.training._options import TrainingOptions
from sk_aecnn.training._plan import (
    FitPlan,
    TrainingData,
    assign_folds,
    hold_out,
    rescale_weight,
    to_rows,
)
from sk_aecnn.training._progress import FitProgress


class PlanningEstimator(RunParameters, TrainingParameters, ReadingEstimator):
    """An estimator that validates what it is to learn from. Subclasses say what targets are."""

    @abstractmethod
    def _check_rows(self, rows: Rows) -> None:
        """Raise where the rows are of no use to the network."""

    @abstractmethod
    def _check_target(self, y: Any, rows: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return the validated target, and which rows have one (None where all have)."""

    @abstractmethod
    def _encode_target(self, data: TrainingData) -> TrainingData:
        """Return the rows with targets and weights as the objective wants them."""

    @property
    def _dtype(self) -> torch.dtype:
        return DTYPES[self.precision]

    def _validate_training_data(
        self, X: Any, y: Any, sample_weight: Any, fitted: SampleGeometry | None
    ) -> tuple[TrainingData, SampleGeometry]:
        """Return the rows of positive weight with their targets, and the shape of a sample."""
        rows, geometry = self._validate_rows(X, fitted)
        self._check_rows(to_rows(rows))
        y, labeled = self._check_target(read_by_length(detach_tensor(y)), rows)
        weight = None if sample_weight is None else _check_weight(sample_weight, rows)
        return TrainingData(to_rows(rows), y, weight, labeled).without_weightless(), geometry

    def _plan(
        self,
        call: FitCall,
        data: TrainingData,
        geometry: SampleGeometry,
        options: TrainingOptions,
        progress: FitProgress,
    ) -> FitPlan:
        """Seed the random stream of a fit, and choose who is trained on and who is watched."""
        generator, fold = new_generator(self._draw_seed()), None
        if options.n_folds:
            fold = assign_folds(data.targets, options.n_folds, self._draw_seed())
        training, validation = self._split(call, data, geometry, options, fold)
        return FitPlan(
            data=data,
            geometry=self._expand(geometry),
            training=training,
            validation=validation,
            options=options,
            device=resolve_device(self.device),
            generator=generator,
            progress=progress,
            fold=fold,
        )

    def _draw_seed(self) -> int:
        """Draw a seed from ``random_state``, or from the system where it is None."""
        if self.random_state is None:
            return agree(secrets.randbits(32))
        if isinstance(self.random_state, Integral):
            return agree(_first_seed(int(self.random_state)))
        return agree(_next_seed(check_random_state(self.random_state)))

    def _split(
        self,
        call: FitCall,
        data: TrainingData,
        geometry: SampleGeometry,
        options: TrainingOptions,
        fold: torch.Tensor | None,
    ) -> tuple[BatchSource, BatchSource | None]:
        """Return the training rows and, for early stopping, the validation rows apart."""
        dataset = data.to_dataset(self._dtype, fold)
        if call.X_val is not None:
            return dataset, self._validation_rows(call, geometry)
        for name in ("y_val", "sample_weight_val"):
            if getattr(call, name) is not None:
                raise ValueError(f"{name} is passed without X_val, the samples that it is about.")
        weighs = options.weighs and _are_enough_to_weigh(data)
        if options.patience is None and not weighs:
            return dataset, None
        return self._hold_out(data, dataset)

    def _hold_out(self, data: TrainingData, dataset: RowDataset) -> tuple[BatchSource, BatchSource]:
        """Set a part of the rows with a target aside: what is watched is the loss of the task."""
        candidates = np.arange(len(dataset))
        if data.labeled is not None:
            candidates = np.flatnonzero(data.labeled)
        if len(candidates) < 2:
            raise ValueError(
                "early_stopping=True sets samples aside for validation, but X has "
                f"{len(candidates)} sample(s) of positive weight with a target; pass at least 2, "
                "or early_stopping=False."
            )
        codes = None if data.y is None else data.y[candidates]
        parts = hold_out(len(candidates), codes, self.validation_fraction, self._draw_seed())
        training, validation = (candidates[part] for part in parts)
        if data.labeled is not None:
            training = np.concatenate([training, np.flatnonzero(~data.labeled)])
        return Subset(dataset, training.tolist()), Subset(dataset, validation.tolist())

    def _validation_rows(self, call: FitCall, geometry: SampleGeometry) -> RowDataset:
        """Return the rows that the user passed for validation."""
        if self.early_stopping in {False, "cv"}:
            raise ValueError(
                f"X_val is passed while early_stopping={self.early_stopping!r}, where it is not "
                "looked at. Pass early_stopping=True, or no X_val."
            )
        if call.y_val is None and get_tags(self).target_tags.required:
            raise ValueError("X_val is passed without y_val, its targets. Pass both, or none.")
        parts = call.X_val, call.y_val, call.sample_weight_val
        data, _ = self._validate_training_data(*parts, geometry)
        if data.labeled is not None:
            check_some_labeled(int(data.labeled.sum()), getattr(self, "unlabeled", None))
            data = data.choose(data.labeled)
        return self._encode_target(data).to_dataset(self._dtype)


def _are_enough_to_weigh(data: TrainingData) -> bool:
    """Tell whether the samples of each class are so many that a part may be held out."""
    return weighs_linear_model(len(data.rows), len(np.unique(data.targets)))


def _next_seed(random_state: np.random.RandomState) -> int:
    return int(random_state.randint(np.iinfo(np.int32).max))


@lru_cache
def _first_seed(random_state: int) -> int:
    """Return the seed that an integer stands for: it takes 0.1 ms to make a generator of one."""
    return _next_seed(check_random_state(random_state))


def _check_weight(sample_weight: Any, rows: Any) -> np.ndarray:
    """Return validated weights, or raise where none is positive."""
    weight: np.ndarray = check_sample_weight(
        detach_tensor(sample_weight), rows, dtype=np.float64, ensure_non_negative=True
    )
    if not (weight > 0).any():
        raise ValueError(
            "All entries of sample_weight are zero: no sample is left to train on. Sample "
            "weights must contain at least one positive number."
        )
    return rescale_weight(weight)
