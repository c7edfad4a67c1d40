"""How networks are trained: epochs, batches, learning rates, and what labels become."""

from __future__ import annotations

from typing import Any

from sk_aecnn._torch import AUTOCASTS
from sk_aecnn.recipes._augmentation import Augmenting, moves_targets
from sk_aecnn.recipes._parameters import Parameters, is_auto
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes.defaults import (
    Task,
    auto_batch_size,
    auto_batch_size_of_members,
    auto_epochs,
    auto_epochs_of_imputers,
    auto_epochs_of_members,
    auto_label_smoothing,
    auto_lr,
    auto_lr_of_members,
    auto_lr_schedule,
    auto_max_extrapolation,
    chunk_lr_factor,
)
from sk_aecnn.training._options import TrainingOptions

# the loss that early stopping watches, by task
_MONITORED: dict[Task, str] = {
    "classifier": "valid_classification_loss",
    "regressor": "valid_regression_loss",
}


def resolve_training(
    parameters: Parameters, summary: DataSummary, *, partial: bool, n_steps: int | None = None
) -> TrainingOptions:
    """Return how to train: epochs, batches, rates.

    Parameters
    ----------
    parameters : dict
        Of the estimator.
    summary : DataSummary
        Number of samples, geometry, task.
    partial : bool
        Whether this is a call to ``partial_fit``, which makes one pass over its samples.
    n_steps : int or None
        The steps of all such calls, where these are known.
    """
    ensemble = summary.ensemble
    batch_size = _resolve_batch_size(parameters["batch_size"], summary)
    schedule = parameters["lr_schedule"]
    if partial and n_steps is None:  # where the rate should be at its lowest, nobody knows
        schedule = "constant"
    elif is_auto(schedule):
        schedule = auto_lr_schedule(ensemble.early_stopping, summary.n_samples)
    waits = ensemble.early_stopping is True
    return TrainingOptions(
        max_epochs=1 if partial else _resolve_epochs(parameters["max_epochs"], summary),
        batch_size=batch_size,
        lr=_resolve_lr(parameters["lr"], summary),
        weight_decay=parameters["weight_decay"],
        optimizer=parameters["optimizer"],
        lr_schedule=schedule,
        autocast=AUTOCASTS.get(parameters["precision"]),
        patience=parameters["n_iter_no_change"] if waits else None,
        n_folds=ensemble.n_folds,
        weighs=ensemble.convolves_at_random and summary.trains_once,
        neighbors=bool(parameters.get("neighbors", False)),
        callbacks=tuple(parameters["callbacks"] or ()),
        verbose=int(parameters["verbose"]),
        partial=partial,
        n_steps=n_steps,
        lr_factor=chunk_lr_factor(summary.n_samples, batch_size) if partial else 1.0,
        monitor=_MONITORED.get(summary.task, "valid_loss"),
    )


def _resolve_epochs(epochs: Any, summary: DataSummary) -> int:
    if not is_auto(epochs):
        return int(epochs)
    if summary.ensemble.n_folds:
        return auto_epochs_of_members(summary.n_samples, summary.task)
    if summary.task == "imputer":
        return auto_epochs_of_imputers(summary.n_samples)
    return auto_epochs(summary.n_samples, summary.n_unlabeled)


def _resolve_batch_size(batch_size: Any, summary: DataSummary) -> int:
    if not is_auto(batch_size):
        return int(batch_size)
    if summary.ensemble.n_folds:
        return auto_batch_size_of_members(summary.n_samples)
    return auto_batch_size(summary.geometry, summary.n_samples, summary.task)


def _resolve_lr(lr: Any, summary: DataSummary) -> float:
    if not is_auto(lr):
        return float(lr)
    if summary.ensemble.n_folds:
        return auto_lr_of_members(summary.n_samples, summary.geometry.n_columns, summary.task)
    return auto_lr(summary.n_samples, summary.geometry, summary.task)


def resolve_label_smoothing(parameters: Parameters, summary: DataSummary) -> float:
    """Return the share of a label that goes to all classes; 0 where numbers are predicted."""
    smoothing = parameters.get("label_smoothing", 0.0)
    return auto_label_smoothing(summary.geometry) if is_auto(smoothing) else float(smoothing)


def resolve_max_extrapolation(parameters: Parameters, transforms: Augmenting) -> float | None:
    """Return how far predictions may lie outside of the range of targets; None for any distance."""
    share = parameters.get("max_extrapolation")
    if is_auto(share):
        return auto_max_extrapolation(moves_targets(transforms))
    return None if share is None else float(share)
