"""The convolutional back end by itself: one network for all tasks."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial

import torch

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import Rows
from sk_aecnn.lifecycle._base import NetAndRecipes, NetworkEstimator
from sk_aecnn.lifecycle._parameters import ConvolutionalParameters
from sk_aecnn.nn import ConvolutionalNetwork
from sk_aecnn.recipes._augmentation import as_parameter, build_augmentation
from sk_aecnn.recipes._backends import build_backend
from sk_aecnn.recipes._input import build_bins, build_layout, measure, measure_levels
from sk_aecnn.recipes._recipe import (
    DataSummary,
    resolve_augmenting,
    resolve_backend,
    resolve_convolutional_input,
)
from sk_aecnn.training._losses import Objective, TemperatureSoftmax
from sk_aecnn.training._plan import FitPlan, TrainingData


@dataclass(eq=False, repr=False, kw_only=True)
class ConvolutionalEstimator(NetworkEstimator, ConvolutionalParameters):
    """A convolutional network on the samples themselves."""

    @abstractmethod
    def _n_outputs(self, data: TrainingData) -> int:
        """Return the size of the output."""

    @abstractmethod
    def _task_losses(self) -> dict[str, torch.nn.Module]:
        """Return the losses of the task, by name."""

    @abstractmethod
    def _nonlinearity(self) -> TemperatureSoftmax | None:
        """Return what makes probabilities of the network's outputs."""

    def _build_net(self, plan: FitPlan, summary: DataSummary) -> NetAndRecipes:
        parameters, moments = self._parameters(), measure(plan.data, self._dtype)
        recipe = resolve_convolutional_input(parameters, summary, moments)
        layout = build_layout(recipe, moments)
        bins = build_bins(recipe, plan.data, layout)
        backend_recipe = resolve_backend(
            parameters, summary, recipe.in_shape, self._n_outputs(plan.data)
        )
        transforms = resolve_augmenting(
            parameters, summary, partial(measure_levels, plan.data, layout)
        )
        network = ConvolutionalNetwork(
            layout,
            build_backend(backend_recipe, plan.generator, bins),
            backend_recipe.n_outputs,
            build_augmentation(transforms, plan.geometry, recipe.dtype),
        )
        objective = Objective(self._task_losses(), {})
        chosen = {
            "n_bins": None if bins is None else recipe.n_bins,
            "conv_channels": backend_recipe.channels,
            "augmentation": as_parameter(transforms),
        }
        net = plan.build_net(network, objective, self._nonlinearity())
        return net, (recipe, backend_recipe, chosen)

    def _check_rows(self, rows: Rows) -> None:
        """Nothing: any finite numbers will do."""

    def _convolves(self, geometry: SampleGeometry) -> bool:
        return bool(geometry.spatial)

    def _finish(self, data: TrainingData, n_before: int) -> None:
        """Nothing: the network is all there is."""
