"""What the estimators that predict have in common, whatever is before their back ends."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import torch

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._targets import TargetScaler
from sk_aecnn.lifecycle._base import NetworkEstimator
from sk_aecnn.lifecycle._parameters import EnsembleParameters
from sk_aecnn.lifecycle._scoring import EpochScore, find_scorer
from sk_aecnn.nn import InputLayout, MeanPrediction, MeanProbability, RandomConvolutionModel
from sk_aecnn.recipes._augmentation import Augmenting
from sk_aecnn.recipes._backends import build_averaging
from sk_aecnn.recipes._parameters import is_choice
from sk_aecnn.recipes._random_convolutions import build_random_convolution_model
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes._training import resolve_label_smoothing, resolve_max_extrapolation
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import FitPlan, TrainingData
from sk_aecnn.training._prediction_losses import TemperatureSoftmax


@dataclass(frozen=True)
class TaskParts:
    """What a network needs to predict: its losses, and what makes predictions of its outputs."""

    losses: dict[str, torch.nn.Module]
    averaging: MeanPrediction | MeanProbability | None
    nonlinearity: TemperatureSoftmax | None
    label_smoothing: float
    max_extrapolation: float | None


class ValidationAttributes:
    """What ``fit`` leaves behind where something is validated; None otherwise."""

    validation_scores_: np.ndarray | None
    best_validation_score_: float | None


@dataclass(eq=False, repr=False, kw_only=True)
class PredictingEstimator(ValidationAttributes, NetworkEstimator, EnsembleParameters):
    """An estimator that predicts, with one network or with the members of an ensemble."""

    @abstractmethod
    def _n_outputs(self, data: TrainingData) -> int:
        """Return the size of the back end's output."""

    @abstractmethod
    def _task_losses(self, label_smoothing: float) -> dict[str, torch.nn.Module]:
        """Return the losses of the task, by name."""

    @abstractmethod
    def _nonlinearity(self, label_smoothing: float) -> TemperatureSoftmax | None:
        """Return what makes probabilities of the network's outputs."""

    @abstractmethod
    def _decode_target(self, y: np.ndarray) -> np.ndarray:
        """Return targets as the user passes them."""

    def _score_in_training(self, geometry: SampleGeometry) -> EpochScore | None:
        if is_choice(self.scoring, "loss"):
            return None
        find_scorer(self.scoring)  # or raise, whether something is held out or not
        fitted = partial(self._fitted_with, geometry=geometry)
        return EpochScore(self.scoring, fitted, self._decode_target)

    def _fitted_with(self, net: TrainingNet, geometry: SampleGeometry) -> Self:
        """Return a copy that predicts with a net in training.

        Its rows have names where they are those of a data frame.
        """
        fitted = self._shallow_copy()
        fitted.__dict__.update(self._fitted_attributes(net, geometry))
        if self._schema is None:
            fitted.__dict__.pop("feature_names_in_", None)
        return fitted

    @property
    def _scaler_of_targets(self) -> TargetScaler | None:
        """What standardises targets, where these are numbers."""
        return getattr(self, "_target_scaler", None)

    def _task_parts(
        self, data: TrainingData, summary: DataSummary, transforms: Augmenting
    ) -> TaskParts:
        parameters = self._parameters()
        smoothing = resolve_label_smoothing(parameters, summary)
        inverse_temperature = TemperatureSoftmax(smoothing).inverse_temperature
        averaging = build_averaging(
            summary.ensemble, summary.task, self._n_outputs(data), inverse_temperature
        )
        is_tempered = isinstance(averaging, MeanProbability)  # whose outputs are log-probabilities
        return TaskParts(
            losses=self._task_losses(smoothing),
            averaging=averaging,
            nonlinearity=self._nonlinearity(0.0 if is_tempered else smoothing),
            label_smoothing=smoothing,
            max_extrapolation=resolve_max_extrapolation(parameters, transforms),
        )

    def _linear_model(
        self, plan: FitPlan, summary: DataSummary, layout: InputLayout, task: TaskParts
    ) -> RandomConvolutionModel | None:
        """Return the linear model of sequences that joins in predictions, if there is one."""
        ensemble = summary.ensemble
        if not ensemble.convolves_at_random or not summary.trains_once:
            return None
        assert task.nonlinearity is not None, "classes are predicted"
        n_classes = self._n_outputs(plan.data)
        return build_random_convolution_model(
            plan, layout, n_classes, task.nonlinearity.inverse_temperature
        )

    def _fitted_attributes(self, net: TrainingNet, geometry: SampleGeometry) -> dict[str, Any]:
        attributes = super()._fitted_attributes(net, geometry)
        scores = net.validation_scores
        return attributes | {
            "validation_scores_": np.array(scores) if scores else None,
            "best_validation_score_": max(scores, default=None),
        }
