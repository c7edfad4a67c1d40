"""The lifecycle of every estimator, told once: validate, encode, build, train, record."""

from __future__ import annotations

import secrets
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from math import isfinite
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.utils.data import Subset

from sk_aecnn._batches import RowDataset, Rows
from sk_aecnn._compat import CallbackSupportMixin, Interval, StrOptions, check_sample_weight
from sk_aecnn._geometry import SampleGeometry, as_rows, check_same_shape, resolve_geometry
from sk_aecnn._job import Job, TrainingRows, hold_out, to_rows
from sk_aecnn._optimizers import OPTIMIZERS
from sk_aecnn._progress import FitProgress
from sk_aecnn._schedules import LR_SCHEDULES
from sk_aecnn._sizes import auto_batch_size, auto_epochs, resolve_lr
from sk_aecnn._torch import (
    AUTOCASTS,
    DTYPES,
    detach_tensor,
    keep_freed_memory,
    new_generator,
    resolve_device,
)
from sk_aecnn._training import (
    TrainingNet,
    TrainingOptions,
    infer,
    snapshot,
    train,
)


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


class NetworkEstimator(CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """An estimator that trains a network on rows.

    Subclasses say how their network is built and what the targets are; they call `_learn` from
    ``fit`` and ``partial_fit``, and `_infer` from whatever predicts.
    """

    net_: TrainingNet

    _doc_link_module = "sk_aecnn"
    _doc_link_template = (
        "https://sk-aecnn.readthedocs.io/en/latest/api/generated/"
        "{estimator_module}.{estimator_name}.html"
    )

    _classifies = False

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
    def _check_target(self, y: Any, rows: Any) -> tuple[Any, Any]:
        """Return the validated target, and which rows have one (None where all have)."""

    @abstractmethod
    def _learn_target(self, data: TrainingRows, classes: Any) -> None:
        """Take from the targets of the first call what encodes them."""

    @abstractmethod
    def _encode_target(self, data: TrainingRows) -> TrainingRows:
        """Return the rows with targets and weights as the objective wants them."""

    @abstractmethod
    def _build_net(self, job: Job) -> TrainingNet:
        """Return a new net around the network and the objective."""

    @abstractmethod
    def _conclude(self, data: TrainingRows) -> None:
        """Take from the training rows what else a fitted estimator needs."""

    @abstractmethod
    def _check_rows(self, rows: Rows) -> None:
        """Raise where the rows are of no use to the network."""

    @abstractmethod
    def _convolves(self, geometry: SampleGeometry) -> bool:
        """Tell whether the network convolves over samples of a geometry."""

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
        validation: tuple[Any, Any, Any] = (None, None, None),
    ) -> Any:
        """Validate, encode, build, train, record; on an error, leave everything as it was."""
        progress = FitProgress(self, X, y, sample_weight)
        keep_freed_memory()
        with all_or_nothing(self):
            fitted = self._geometry if resume else None
            data, geometry = self._validate_training_data(X, y, sample_weight, fitted)
            if not resume:
                self._learn_target(data, classes)
            data = self._encode_target(data)
            options = self._training_options(data, geometry, max_epochs, lr_schedule)
            job = self._plan(data, geometry, options, validation, progress)
            progress.begin(options.max_epochs + (0 if resume else self._n_extra_epochs))
            self.net_ = deepcopy(self.net_) if resume else self._build_net(job)
            if progress.stopped:  # in pretraining
                options.max_epochs = 0
            progress.can_predict(lambda net: self._attributes_so_far(net, geometry, data))
            train(self.net_, options, job.training, job.validation, progress)
            for name, value in self._fitted_attributes(self.net_, geometry).items():
                setattr(self, name, value)
            self._conclude(data)
        progress.end()
        return self

    def _validate_training_data(
        self, X: Any, y: Any, sample_weight: Any, fitted: SampleGeometry | None
    ) -> tuple[TrainingRows, SampleGeometry]:
        rows, geometry = self._validate_rows(X, fitted)
        self._check_rows(to_rows(rows))
        y, known = self._check_target(detach_tensor(y), rows)
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
                rows, weight = rows[kept], weight[kept]
                y, known = (None if part is None else part[kept] for part in (y, known))
        return TrainingRows(to_rows(rows), y, weight, known), geometry

    def _validate_rows(self, X: Any, fitted: SampleGeometry | None) -> tuple[Any, SampleGeometry]:
        """Return X as validated flat rows and the geometry, the one fitted on where there is."""
        if fitted is not None and self._are_as_fitted(X):
            return X, fitted
        rows, data_shape = as_rows(detach_tensor(X))
        if fitted is not None:
            check_same_shape(data_shape, fitted, type(self).__name__)
        rows = validate_data(self, rows, reset=fitted is None, accept_sparse="csr")
        geometry = fitted
        if geometry is None:
            shape = rows.shape[1], data_shape
            geometry = resolve_geometry(*shape, self.sample_shape, self.channel_axis)
        if issparse(rows) and self._convolves(geometry):
            raise ValueError(
                f"X is a sparse matrix, but {type(self).__name__} convolves over samples of shape "
                f"{geometry.shape}. Sparse data was passed where dense data is required: use "
                "X.toarray(), or let the rows be a table (channel_axis='auto', sample_shape=None)."
            )
        return rows, geometry

    def _are_as_fitted(self, X: Any) -> bool:
        """Tell whether X is an array of finite numbers, as wide as in ``fit``, and none had names.

        scikit-learn would pass it on as it is, after a time in which a small network predicts a
        row. What is anything else is left to scikit-learn, and so are the errors.
        """
        if (
            type(X) is not np.ndarray
            or X.dtype.kind not in "buif"
            or X.shape[1:] != (self.n_features_in_,)
            or len(X) == 0
            or hasattr(self, "feature_names_in_")
        ):
            return False
        with np.errstate(all="ignore"):
            return X.dtype.kind != "f" or isfinite(X.sum())

    def _training_options(
        self, data: TrainingRows, geometry: SampleGeometry, max_epochs: int | str, lr_schedule: str
    ) -> TrainingOptions:
        n_rows, batch_size = len(data.rows), self.batch_size
        if batch_size == "auto":
            batch_size = auto_batch_size(geometry, n_rows, self._classifies)
        epochs = auto_epochs(*data.count()) if max_epochs == "auto" else int(max_epochs)
        return TrainingOptions(
            max_epochs=epochs,
            batch_size=batch_size,
            lr=resolve_lr(self.lr, n_rows, geometry),
            weight_decay=self.weight_decay,
            optimizer=self.optimizer,
            lr_schedule=lr_schedule,
            autocast=AUTOCASTS.get(self.precision),
            patience=self.n_iter_no_change if self.early_stopping else None,
            callbacks=list(self.callbacks or []),
            verbose=int(self.verbose),
        )

    def _plan(
        self,
        data: TrainingRows,
        geometry: SampleGeometry,
        options: TrainingOptions,
        validation: tuple[Any, Any, Any],
        progress: FitProgress,
    ) -> Job:
        generator = new_generator(self._draw_seed())
        training, held_out = self._split(data, geometry, validation)
        device = resolve_device(self.device)
        return Job(data, geometry, training, held_out, options, device, generator, progress)

    def _draw_seed(self) -> int:
        """Draw a seed from ``random_state``, or from the system where it is None."""
        if self.random_state is None:
            return secrets.randbits(32)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _split(
        self, data: TrainingRows, geometry: SampleGeometry, validation: tuple[Any, Any, Any]
    ) -> tuple[Any, Any]:
        """Return the training rows and, for early stopping, the validation rows apart."""
        dataset = data.to_dataset(self._dtype)
        if validation[0] is not None:
            return dataset, self._validation_rows(geometry, *validation)
        for name, value in zip(("y_val", "sample_weight_val"), validation[1:], strict=True):
            if value is not None:
                raise ValueError(f"{name} is passed without X_val, the samples that it is about.")
        if not self.early_stopping:
            return dataset, None
        if len(dataset) < 2:
            raise ValueError(
                f"early_stopping=True sets rows aside for validation, but X has {len(dataset)} "
                "sample(s) of positive weight; pass at least 2, or early_stopping=False."
            )
        training, validating = hold_out(
            len(dataset), data.y, self.validation_fraction, self._draw_seed()
        )
        return Subset(dataset, training.tolist()), Subset(dataset, validating.tolist())

    def _validation_rows(
        self, geometry: SampleGeometry, X: Any, y: Any, sample_weight: Any
    ) -> RowDataset:
        """Return the rows that the user passed for validation."""
        if not self.early_stopping:
            raise ValueError(
                "X_val is passed while early_stopping=False, where nothing is validated. Pass "
                "early_stopping=True, or no X_val."
            )
        if y is None and get_tags(self).target_tags.required:
            raise ValueError("X_val is passed without y_val, its targets. Pass both, or none.")
        data, _ = self._validate_training_data(X, y, sample_weight, geometry)
        return self._encode_target(data).to_dataset(self._dtype)

    def _fitted_attributes(self, net: TrainingNet, geometry: SampleGeometry) -> dict[str, Any]:
        """Return what a trained net makes of the estimator."""
        history = [
            {name: value for name, value in epoch.items() if _is_of_interest(name)}
            for epoch in net.history
        ]
        return {
            "net_": net,
            "_geometry": geometry,
            "sample_shape_": geometry.shape,
            "history_": history,
            "loss_curve_": [epoch["train_loss"] for epoch in history],
            "n_iter_": len(history),
        }

    def _attributes_so_far(
        self, net: TrainingNet, geometry: SampleGeometry, data: TrainingRows
    ) -> dict[str, Any]:
        """Return the attributes that the estimator would have if training ended now."""
        fitted = copy(self)
        fitted.__dict__.update(self._fitted_attributes(snapshot(net), geometry))
        fitted._conclude(data)
        return fitted.__dict__

    @property
    def _dtype(self) -> torch.dtype:
        return DTYPES[self.precision]

    @property
    def _n_extra_epochs(self) -> int:
        """Epochs that are trained before those of ``max_epochs``."""
        return getattr(self, "pretrain_epochs", 0)

    def _infer(self, method: str, X: Any) -> np.ndarray:
        """Apply a method of the network to the rows of X."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # raises
        rows, _ = self._validate_rows(X, self._geometry)
        return infer(self.net_, method, to_rows(rows))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.sparse = self._reads_tables() or getattr(self, "encoder", None) == "dense"
        return tags

    def _reads_tables(self) -> bool:
        """Tell whether flat rows are tables, as far as the parameters say."""
        one_axis = self.sample_shape is None or np.size(self.sample_shape) == 1
        return one_axis and self.channel_axis is not None


def _is_of_interest(name: str) -> bool:
    """Tell what the user reads in a history from what skorch's callbacks keep there."""
    return name != "batches" and not name.endswith(("_batch_count", "_best"))
