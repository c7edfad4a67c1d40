"""The convolutional back end by itself: one network for all tasks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import Rows
from sk_aecnn.lifecycle._base import NetAndRecipes
from sk_aecnn.lifecycle._parameters import ConvolutionalParameters
from sk_aecnn.lifecycle._prediction import PredictingEstimator
from sk_aecnn.nn import ConvolutionalNetwork, InputLayout
from sk_aecnn.recipes._architecture import resolve_backend, resolve_convolutional_input
from sk_aecnn.recipes._augmentation import as_parameter, build_augmentation, resolve_augmentation
from sk_aecnn.recipes._backends import build_backend, build_backend_members
from sk_aecnn.recipes._input import build_columns, build_layout, measure, n_bins_of
from sk_aecnn.recipes._linear import start_from_linear
from sk_aecnn.recipes._recipe import BackendRecipe, DataSummary
from sk_aecnn.training._objective import Objective
from sk_aecnn.training._plan import FitPlan
from sk_aecnn.training._stream import Seen


@dataclass(eq=False, repr=False, kw_only=True)
class ConvolutionalEstimator(PredictingEstimator, ConvolutionalParameters):
    """A convolutional network on the samples themselves."""

    def _build_net(self, plan: FitPlan, summary: DataSummary) -> NetAndRecipes:
        parameters, moments = self._parameters(), measure(plan.data, self._dtype)
        recipe = resolve_convolutional_input(parameters, summary, moments)
        layout = build_layout(recipe, moments, plan.data)
        columns, n_inputs = build_columns(recipe, plan, layout)
        in_shape = (n_inputs,) if recipe.flat else recipe.filled_shape
        backend_recipe = resolve_backend(parameters, summary, in_shape, self._n_outputs(plan.data))
        backend = _build_backend(backend_recipe, plan, summary, layout, columns, n_inputs)
        transforms = resolve_augmentation(parameters["augmentation"], summary)
        task = self._task_parts(plan.data, summary, transforms)
        network = ConvolutionalNetwork(
            layout,
            backend,
            backend_recipe.n_outputs,
            build_augmentation(
                transforms, plan.geometry, recipe.dtype, scaler=self._scaler_of_targets
            ),
            task.averaging,
            self._linear_model(plan, summary, layout, task),
        )
        net = plan.build_net(network, Objective(task.losses, {}), task.nonlinearity)
        chosen = {
            "n_bins": n_bins_of(columns),
            "augmentation": as_parameter(transforms),
            "label_smoothing": task.label_smoothing,
            "max_extrapolation": task.max_extrapolation,
        }
        if backend_recipe.channels:
            chosen["conv_channels"] = backend_recipe.channels
        return net, (recipe, backend_recipe, summary.ensemble, chosen)

    def _check_rows(self, rows: Rows) -> None:
        """Nothing: any finite numbers will do."""

    def _convolves(self, geometry: SampleGeometry) -> bool:
        return bool(geometry.spatial)

    def _finish(self, seen: Seen) -> None:
        """Nothing: the network is all there is."""


def _build_backend(
    recipe: BackendRecipe,
    plan: FitPlan,
    summary: DataSummary,
    layout: InputLayout,
    columns: nn.Module,
    n_inputs: int,
) -> nn.Module:
    """Return the back end, or those of an ensemble, which begin as linear models."""
    ensemble = summary.ensemble
    if ensemble.n_members == 0:
        return build_backend(recipe, plan.generator)
    backend = build_backend_members(recipe, ensemble, plan.generator, None, columns, n_inputs)
    if ensemble.linear_path and summary.trains_once:
        start_from_linear(backend, plan, layout, columns, summary.task, backend.first_layer)
    return backend
