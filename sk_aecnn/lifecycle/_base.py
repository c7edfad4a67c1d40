"""The lifecycle of every estimator, told once: validate, encode, build, train, record."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sk_aecnn._compat import CallbackSupportMixin
from sk_aecnn._processes import is_first
from sk_aecnn._torch import keep_freed_memory, resolve_device, undisturbed
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.lifecycle._call import FitCall
from sk_aecnn.lifecycle._convergence import had_time_to_learn, vary, warn_of_constants
from sk_aecnn.lifecycle._description import describe_fit, describe_state
from sk_aecnn.lifecycle._memory import memory_explained
from sk_aecnn.lifecycle._new_samples import mask_missing, widen_range
from sk_aecnn.lifecycle._on_demand import OnDemand
from sk_aecnn.lifecycle._parameters import Constraints, merge_constraints
from sk_aecnn.lifecycle._planning import PlanningEstimator
from sk_aecnn.lifecycle._saving import SavingMixin
from sk_aecnn.lifecycle._torch_module import TorchModuleMixin
from sk_aecnn.recipes._augmentation import asks_for_cues
from sk_aecnn.recipes._cues import measure_cues, significance_of_missing
from sk_aecnn.recipes._ensemble import resolve_ensemble
from sk_aecnn.recipes._parameters import is_choice
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes._resolved_params import resolved_parameters
from sk_aecnn.recipes._training import resolve_training
from sk_aecnn.recipes._warm_start import check_unchanged
from sk_aecnn.recipes.defaults import Task
from sk_aecnn.training._copies import fork, snapshot
from sk_aecnn.training._held_out import leave_slope
from sk_aecnn.training._inference import check_computable, find_computable, infer
from sk_aecnn.training._neighbours import join_neighbours, leave_neighbours
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import FitPlan, TrainingData, to_rows
from sk_aecnn.training._progress import FitProgress
from sk_aecnn.training._progress_bar import write_line
from sk_aecnn.training._scoring import Score
from sk_aecnn.training._shares import check_same_data
from sk_aecnn.training._stream import Seen, Stream
from sk_aecnn.training._train import Trained, train
from sk_aecnn.training._weighing import weigh_linear_model, without_needless_validation

# of a stream of calls to partial_fit
_LOSSES_KEPT = 1000

# a net, and the recipes of its parts
NetAndRecipes = tuple[TrainingNet, tuple[Any, ...]]


class FittedAttributes:
    """What ``fit`` leaves behind in every estimator."""

    net_: TrainingNet
    resolved_params_: dict[str, Any]
    sample_shape_: tuple[int, ...]
    history_: list[dict[str, Any]]
    loss_curve_: list[float]
    n_iter_: int
    n_features_in_: int
    _fitted_parameters: dict[str, Any]
    _n_samples_seen: int
    _stream: Stream | None
    _waiting: Seen | None
    _geometry: SampleGeometry


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkEstimator(
    FittedAttributes,
    SavingMixin,
    TorchModuleMixin,
    CallbackSupportMixin,
    PlanningEstimator,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """An estimator that trains a network on rows.

    Subclasses say how their network is built and what the targets are; they call `_fit` from
    ``fit`` and ``partial_fit``, and `_infer` from whatever predicts.
    """

    _doc_link_module: ClassVar[str] = "sk_aecnn"
    _doc_link_template: ClassVar[str] = (
        "https://sk-aecnn.readthedocs.io/en/latest/api/generated/sk_aecnn.{estimator_name}.html"
    )
    _parameter_constraints: ClassVar[Constraints] = {}
    # what the estimator is for, which defaults go by
    _task: ClassVar[Task] = None
    # fitted attributes that ``_finish`` takes from rows and merges with those of earlier ones
    _MEASURED: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._parameter_constraints = merge_constraints(cls)

    @abstractmethod
    def _fit_target_encoder(self, data: TrainingData, classes: np.ndarray | None) -> None:
        """Take from the targets of the first call what encodes them."""

    def _see_targets(self, data: TrainingData) -> None:
        """Take from the targets of a further call what there is to know: nothing."""

    @abstractmethod
    def _build_net(self, plan: FitPlan, summary: DataSummary) -> NetAndRecipes:
        """Return a new net around the network and the objective, and what it was built from."""

    @abstractmethod
    def _finish(self, seen: Seen) -> None:
        """Take from the training rows what else a fitted estimator needs."""

    @abstractmethod
    def _score_in_training(self, geometry: SampleGeometry) -> Score | None:
        """Return what early stopping goes by; None for the loss of the task."""

    @abstractmethod
    def _constant_losses(self, data: TrainingData, targets: Tensor) -> dict[str, float]:
        """Return what the best constants of the data have as losses, by name, for some targets."""

    def _fit(self, call: FitCall) -> Self:
        """Fit a copy and take over its attributes in one assignment, or none after an error."""
        if call.n_steps is not None:
            check_scalar(call.n_steps, "n_steps", Integral, min_val=1)
        progress = FitProgress(self, call.X, call.y, call.sample_weight)
        keep_freed_memory()
        fitted = self._shallow_copy()
        with undisturbed(resolve_device(self.device)), memory_explained(vars(self)):
            fitted._train(call, progress)
        self.__dict__ = fitted.__dict__
        progress.end()
        return self

    def _train(self, call: FitCall, progress: FitProgress) -> None:
        """Validate, encode, build, train, record."""
        parameters = self._parameters()
        data, geometry = self._read_training_data(call, parameters)
        summary = self._summarise(call, data, geometry, parameters)
        plan = self._resolve_plan(call, data, geometry, summary, parameters, progress)
        net = self._net_to_train(call, plan, summary, parameters)
        if progress.stopped:  # in pretraining
            plan = replace(plan, options=replace(plan.options, max_epochs=0))
        if plan.options.verbose:
            self._describe(net, len(data.rows), geometry)
        seen = self._see(call, data, geometry)
        progress.can_predict(lambda net: self._attributes_so_far(net, geometry, seen))
        score = self._score_in_training(geometry)
        plan = without_needless_validation(net, plan)
        watched = None if plan.options.patience is None else plan.validation
        trained = train(net, plan.options, plan.training, watched, progress, score)
        if not call.resume:
            weigh_linear_model(net, plan)
            join_neighbours(net, plan)
        self.__dict__.update(self._fitted_attributes(net, geometry))
        self._measure(seen, has_moderate_weights=trained is None)
        self._n_samples_seen = seen.n_before + seen.n_rows
        # of parts of the data nobody knows, and with weights other constants would be the best
        if trained is None or call.partial or data.weight is not None:
            return
        if had_time_to_learn(plan.options, len(data.rows)) and vary(data.rows):
            self._warn_of_constants(trained, data)

    def _read_training_data(
        self, call: FitCall, parameters: Mapping[str, Any]
    ) -> tuple[TrainingData, SampleGeometry]:
        """Return validated rows with encoded targets, and the shape of a sample."""
        fitted = None
        if call.resume:
            check_unchanged(parameters, self._fitted_parameters, self.resolved_params_)
            fitted = self._geometry
        else:
            self._schema = self._learn_schema(call.X, is_stream=call.partial)
        given = call.X, call.y, call.sample_weight
        data, geometry = self._validate_training_data(*given, fitted)
        if call.resume:
            self._see_targets(data)
        else:
            self._fit_target_encoder(data, call.classes)
        return self._encode_target(data), geometry

    def _summarise(
        self,
        call: FitCall,
        data: TrainingData,
        geometry: SampleGeometry,
        parameters: Mapping[str, Any],
    ) -> DataSummary:
        """Return what defaults go by."""
        n_samples, n_unlabeled = data.count()
        summary = DataSummary(
            geometry=self._expand(geometry),
            n_samples=n_samples,
            n_unlabeled=n_unlabeled,
            are_integers=not call.resume and data.are_integers,
            task=self._task,
            trains_once=not call.resume and not call.partial,
            is_validated=call.X_val is not None,
        )
        if not call.resume and asks_for_cues(parameters["augmentation"], summary):
            summary = replace(summary, cues=measure_cues(data, geometry))
        if not call.resume and not geometry.spatial:
            summary = replace(summary, p_values=significance_of_missing(data, self._task))
        return replace(summary, ensemble=resolve_ensemble(parameters, summary))

    def _resolve_plan(
        self,
        call: FitCall,
        data: TrainingData,
        geometry: SampleGeometry,
        summary: DataSummary,
        parameters: Mapping[str, Any],
        progress: FitProgress,
    ) -> FitPlan:
        """Return how to train on which rows, and tell how many epochs there will be."""
        options = resolve_training(parameters, summary, partial=call.partial, n_steps=call.n_steps)
        check_same_data(data.rows, data.y, data.weight, options.batch_size)
        if not is_first():
            options = replace(options, verbose=0)
        plan = self._plan(call, data, geometry, options, progress)
        n_before = 0 if call.resume else parameters.get("pretrain_epochs", 0)
        progress.begin(n_before + options.max_epochs)
        return plan

    def _net_to_train(
        self, call: FitCall, plan: FitPlan, summary: DataSummary, parameters: Mapping[str, Any]
    ) -> TrainingNet:
        """Return a new net, or one that goes on from the last; note the values of parameters."""
        chosen = {
            "device": str(plan.device),
            "channel_axis": plan.geometry.channel_axis,
            "early_stopping": plan.options.early_stopping,
        }
        if call.resume:
            net, recipes = fork(self.net_, plan.options.partial), ()
            leave_neighbours(net)
            leave_slope(net)
            widen_range(net.module_, plan.data)
        else:
            net, recipes = self._build_net(plan, summary)
        mask_missing(net, plan)
        resolved = resolved_parameters(parameters, plan.options, chosen, *recipes)
        if call.resume:
            self.resolved_params_ = self.resolved_params_ | resolved
        else:
            self.resolved_params_, self._fitted_parameters = resolved, dict(parameters)
        return net

    def _see(self, call: FitCall, data: TrainingData, geometry: SampleGeometry) -> Seen:
        """Return what the estimator will be measured on, after the rows of this call.

        What was measured of rows that are gone is left as it was measured then. Where the network
        of a stream is all new after some calls, that tells little of it; so rows are kept.
        """
        stream, self._stream = self._stream if call.resume else None, None
        waiting, self._waiting = self._find_waiting() if call.resume else None, None
        n_kept = self._n_rows_kept(geometry, call.partial)
        if not call.partial:
            self._stream = Stream().add(data, n_kept) if n_kept > 0 else None
            return Seen((data,), data.rows, len(data.rows))
        if n_kept > 0:
            stream = Stream(*self._seen_before(call)) if stream is None else stream
            self._stream = stream.add(data, n_kept)
            return self._stream.see(data.rows, waits=self._measures_later())
        if not self._measures_later():
            return Seen((data,), data.rows, len(data.rows), *self._seen_before(call))
        seen = None if waiting is None else waiting.add(data)
        if seen is None or not seen.waits:
            seen = Seen((), data.rows, 0, *self._seen_before(call)).add(data)
        self._waiting = seen if seen.waits else None
        return seen

    def _find_waiting(self) -> Seen | None:
        """Return the rows of earlier calls that nobody has asked for since."""
        on_demand = vars(self).get("_on_demand")
        return None if on_demand is None or on_demand.is_known else self._waiting

    def _seen_before(self, call: FitCall) -> tuple[int, dict[str, Any]]:
        """Return the number of rows seen before a call, and what was measured of them."""
        return (self._n_samples_seen, self._measures()) if call.resume else (0, {})

    def _measures(self) -> dict[str, Any]:
        """Return what is measured of the rows seen so far, by the name of the attribute."""
        return {name: getattr(self, name) for name in self._MEASURED if hasattr(self, name)}

    def _measure(self, seen: Seen, *, has_moderate_weights: bool) -> None:
        """Take from the training rows what else there is to know.

        In a stream of small calls that is left until it is asked for, or until many rows wait. What
        cannot be measured is refused in the call.
        """
        if seen.waits:
            check_computable(self.net_, seen.latest, has_moderate_weights=has_moderate_weights)
        self._prepare_measures(seen, has_moderate_weights=has_moderate_weights)

    def _prepare_measures(self, seen: Seen, *, has_moderate_weights: bool) -> None:
        """Take from the training rows what else there is to know, now or when somebody asks."""
        self._forget_measures()
        if not seen.waits:
            self._finish(seen)
            return
        fitted = self._shallow_copy()  # which does not lead back here: cycles live long

        def compute() -> dict[str, Any]:
            rows, is_moderate = seen.data.rows, has_moderate_weights
            kept = find_computable(fitted.net_, rows, has_moderate_weights=is_moderate)
            fitted._finish(seen.choose(kept))
            return {name: vars(fitted)[name] for name in fitted._ON_DEMAND if name in vars(fitted)}

        self._on_demand = OnDemand(compute)

    def _measures_later(self) -> bool:
        """Tell whether there is something to measure that may be left until it is asked for."""
        return bool(self._ON_DEMAND)

    def _describe(self, net: TrainingNet, n_samples: int, geometry: SampleGeometry) -> None:
        """Write what was decided, before training begins."""
        n_weights = sum(parameter.numel() for parameter in net.module_.parameters())
        fit = type(self).__name__, n_samples, geometry, self.resolved_params_, n_weights
        write_line(describe_fit(*fit) + describe_state(net))

    def _warn_of_constants(self, trained: Trained, data: TrainingData) -> None:
        """Warn where what was learned is no better than a constant; targets are the same ones."""
        constant_losses = self._constant_losses(data, trained.targets)
        warn_of_constants(type(self).__name__, trained.losses, constant_losses)

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters by name, without a look at the signature of the constructor."""
        return {name: getattr(self, name) for name in sorted(self._parameter_constraints)}

    def _fitted_attributes(self, net: TrainingNet, geometry: SampleGeometry) -> dict[str, Any]:
        """Return what a trained net makes of the estimator."""
        history = [
            {name: value for name, value in epoch.items() if _is_of_interest(name)}
            | {"epoch": net.n_epochs_before + epoch["epoch"]}
            for epoch in net.history
        ]
        losses = [epoch["train_loss"] for epoch in history]
        if net.n_epochs_before > 0:  # in calls of partial_fit, of which the net keeps the last
            losses = (self.loss_curve_ + losses)[-_LOSSES_KEPT:]
        return {
            "net_": net,
            "_geometry": geometry,
            "sample_shape_": geometry.shape,
            "history_": history,
            "loss_curve_": losses,
            "n_iter_": net.n_epochs_before + len(history),
        }

    def _attributes_so_far(
        self, net: TrainingNet, geometry: SampleGeometry, seen: Seen
    ) -> dict[str, Any]:
        """Return the attributes that the estimator would have if training ended now."""
        fitted = self._shallow_copy()
        fitted.__dict__.update(self._fitted_attributes(snapshot(net), geometry))
        fitted._prepare_measures(seen, has_moderate_weights=False)
        return fitted.__dict__

    def _n_rows_kept(self, geometry: SampleGeometry, partial: bool) -> int:
        """Return how many rows ``fit`` or ``partial_fit`` keeps, to measure them in later calls."""
        return 0

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
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = tags.input_tags.string = True
        encoder = getattr(self, "encoder", None)
        tags.input_tags.sparse = self._reads_tables() or is_choice(encoder, "dense")
        return tags


def _is_of_interest(name: str) -> bool:
    """Tell what the user reads in a history from what skorch's callbacks keep there."""
    return name != "batches" and not name.endswith(("_batch_count", "_best"))
