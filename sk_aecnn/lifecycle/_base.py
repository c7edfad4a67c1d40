"""The lifecycle of every estimator, told once: validate, encode, build, train, record."""

from __future__ import annotations

import secrets
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, check_scalar, get_tags
from sklearn.utils.validation import check_is_fitted
from torch.utils.data import Subset

from sk_aecnn._compat import CallbackSupportMixin, check_sample_weight
from sk_aecnn._processes import agree, is_first
from sk_aecnn._torch import (
    DTYPES,
    detach_tensor,
    keep_freed_memory,
    new_generator,
    resolve_device,
    undisturbed,
)
from sk_aecnn._version import __version__
from sk_aecnn.data._arrays import read_by_length
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import BatchSource, RowDataset, Rows, chunks, has_missing, resolve
from sk_aecnn.data._targets import check_some_labeled
from sk_aecnn.lifecycle._description import describe_fit, describe_state
from sk_aecnn.lifecycle._memory import memory_explained
from sk_aecnn.lifecycle._parameters import (
    Constraints,
    RunParameters,
    TrainingParameters,
    merge_constraints,
)
from sk_aecnn.lifecycle._reading import ReadingEstimator
from sk_aecnn.lifecycle._state import from_plain, to_plain, version_explained
from sk_aecnn.lifecycle._torch_module import build_torch_module
from sk_aecnn.nn import BaseAutoencoder, column_moments
from sk_aecnn.recipes._augmentation import asks_for_cues
from sk_aecnn.recipes._cues import measure_cues, significance_of_missing
from sk_aecnn.recipes._defaults import Task
from sk_aecnn.recipes._ensemble import resolve_ensemble
from sk_aecnn.recipes._parameters import is_choice
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes._resolved_params import resolved_parameters
from sk_aecnn.recipes._training import resolve_training
from sk_aecnn.recipes._warm_start import check_unchanged
from sk_aecnn.training._copies import fork, snapshot, without_optimizer
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet
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
from sk_aecnn.training._progress_bar import write_line
from sk_aecnn.training._scoring import Score
from sk_aecnn.training._shares import check_same_data
from sk_aecnn.training._stream import Seen, Stream
from sk_aecnn.training._train import train

# optimizer steps and epochs after which something should be learned
_STEPS_TO_LEARN = 50
_EPOCHS_TO_LEARN = 10
# to see whether there is anything to learn in them
_ROWS_TO_VARY = 1000
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
    _geometry: SampleGeometry


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkEstimator(
    FittedAttributes,
    CallbackSupportMixin,
    RunParameters,
    TrainingParameters,
    ReadingEstimator,
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
    # fitted attributes that ``_finish`` takes from rows, but for those that hold of every row
    _MEASURED: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._parameter_constraints = merge_constraints(cls)

    @abstractmethod
    def _check_target(self, y: Any, rows: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return the validated target, and which rows have one (None where all have)."""

    @abstractmethod
    def _fit_target_encoder(self, data: TrainingData, classes: np.ndarray | None) -> None:
        """Take from the targets of the first call what encodes them."""

    @abstractmethod
    def _encode_target(self, data: TrainingData) -> TrainingData:
        """Return the rows with targets and weights as the objective wants them."""

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
    def _constant_losses(self, data: TrainingData) -> dict[str, float]:
        """Return what the best constants have as losses, by name, of those that have some."""

    @abstractmethod
    def _check_rows(self, rows: Rows) -> None:
        """Raise where the rows are of no use to the network."""

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        resume: bool,
        partial: bool = False,
        n_steps: int | None = None,
        classes: np.ndarray | None = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
    ) -> Self:
        """Fit a copy and take over its attributes in one assignment, or none after an error.

        Parameters
        ----------
        X, y, sample_weight : object
            What ``fit`` was given.
        resume : bool
            Whether to go on from the last fit.
        partial : bool
            Whether the samples are a part of those to learn from: what is measured is then of all
            calls.
        n_steps : int or None
            The steps of all such calls, where these are known.
        classes : ndarray or None
            The class labels, where they are not those of ``y``.
        validation : tuple
            Samples, targets and weights for early stopping.
        """
        if n_steps is not None:
            check_scalar(n_steps, "n_steps", Integral, min_val=1)
        progress = FitProgress(self, X, y, sample_weight)
        keep_freed_memory()
        fitted = self._shallow_copy()
        with undisturbed(resolve_device(self.device)), memory_explained(vars(self)):
            fitted._train(
                X, y, sample_weight, resume, partial, n_steps, classes, validation, progress
            )
        self.__dict__ = fitted.__dict__
        progress.end()
        return self

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        resume: bool,
        partial: bool,
        n_steps: int | None,
        classes: np.ndarray | None,
        validation: tuple[Any, Any, Any],
        progress: FitProgress,
    ) -> None:
        """Validate, encode, build, train, record."""
        parameters = self._parameters()
        if resume:
            check_unchanged(parameters, self._fitted_parameters, self.resolved_params_)
        else:
            self._schema = self._learn_schema(X)
        data, geometry = self._validate_training_data(
            X, y, sample_weight, self._geometry if resume else None
        )
        if not resume:
            self._fit_target_encoder(data, classes)
        data = self._encode_target(data)
        once, validated = not resume and not partial, validation[0] is not None
        summary = DataSummary(
            self._expand(geometry), *data.count(), data.are_integers, self._task, once, validated
        )
        if not resume and asks_for_cues(parameters["augmentation"], summary):
            summary = replace(summary, cues=measure_cues(data, geometry))
        if not resume and not geometry.spatial:
            summary = replace(summary, p_values=significance_of_missing(data, self._task))
        summary = replace(summary, ensemble=resolve_ensemble(parameters, summary))
        options = resolve_training(parameters, summary, partial=partial, n_steps=n_steps)
        check_same_data(data.rows, data.y, data.weight, options.batch_size)
        if not is_first():
            options = replace(options, verbose=0)
        plan = self._plan(data, geometry, options, validation, progress)
        progress.begin(options.max_epochs + (0 if resume else parameters.get("pretrain_epochs", 0)))
        net, resolved = self._net_for(plan, summary, parameters, resume)
        if progress.stopped:  # in pretraining
            options = replace(options, max_epochs=0)
        self.resolved_params_ = resolved
        if not resume:
            self._fitted_parameters = parameters
        if options.verbose:
            self._describe(net, len(data.rows), geometry)
        seen = self._see(data, geometry, resume=resume, partial=partial)
        progress.can_predict(lambda net: self._attributes_so_far(net, geometry, seen))
        score = self._score_in_training(geometry)
        losses = train(net, options, plan.training, plan.validation, progress, score)
        self.__dict__.update(self._fitted_attributes(net, geometry))
        self._finish(seen)
        n_steps = options.max_epochs * -(-len(data.rows) // options.batch_size)
        enough = n_steps >= _STEPS_TO_LEARN and options.max_epochs >= _EPOCHS_TO_LEARN
        if enough and not partial and data.weight is None:  # or constants depend on the weights
            self._warn_of_constants(losses, data)
        self._n_samples_seen = seen.n_before + seen.n_rows

    def _see(
        self, data: TrainingData, geometry: SampleGeometry, *, resume: bool, partial: bool
    ) -> Seen:
        """Return what the estimator will be measured on, after the rows of this call.

        What was measured of rows that are gone is left as it was measured then. Where the network
        of a stream is all new after some calls, that tells little of it; so rows are kept.
        """
        stream, self._stream = self._stream if resume else None, None
        n_before, before = 0, {}
        if partial and resume:
            n_before = self._n_samples_seen
            before = {name: getattr(self, name) for name in self._MEASURED if hasattr(self, name)}
        n_kept = self._n_rows_kept(geometry) if partial else 0
        if n_kept == 0:
            return Seen(data, data.rows, len(data.rows), n_before, before)
        stream = stream or Stream(n_before, before)
        self._stream = stream.add(data, n_kept)
        return self._stream.see(data.rows)

    def _net_for(
        self, plan: FitPlan, summary: DataSummary, parameters: Mapping[str, Any], resume: bool
    ) -> tuple[TrainingNet, dict[str, Any]]:
        """Return the net to train, and the values that parameters take with it."""
        chosen = {
            "device": str(plan.device),
            "channel_axis": plan.geometry.channel_axis,
            "early_stopping": plan.options.early_stopping,
        }
        if resume:
            resolved = resolved_parameters(parameters, plan.options, chosen)
            net = fork(self.net_, plan.options.partial)
            widen_range(net.module_, plan.data)
            mask_missing(net, plan)
            return net, self.resolved_params_ | resolved
        net, recipes = self._build_net(plan, summary)
        mask_missing(net, plan)
        return net, resolved_parameters(parameters, plan.options, chosen, *recipes)

    def _describe(self, net: TrainingNet, n_samples: int, geometry: SampleGeometry) -> None:
        """Write what was decided, before training begins."""
        n_weights = sum(parameter.numel() for parameter in net.module_.parameters())
        fit = type(self).__name__, n_samples, geometry, self.resolved_params_, n_weights
        write_line(describe_fit(*fit) + describe_state(net))

    def _warn_of_constants(self, losses: dict[str, float], data: TrainingData) -> None:
        """Warn where what was learned is no better than a constant."""
        some = data.rows[next(chunks(data.rows))][:_ROWS_TO_VARY]
        varies = bool((column_moments(some).extent > 0).any())
        for name, constant in self._constant_losses(data).items():
            if varies and name in losses and losses[name] >= constant > 0:
                warnings.warn(
                    f"{type(self).__name__} ended with a {name} of {losses[name]:.3g} on training "
                    f"samples, no better than that of a constant, {constant:.3g}. Try a lower lr, "
                    "more epochs, or another activation; or there is nothing to learn in X.",
                    ConvergenceWarning,
                    stacklevel=2,
                )

    @property
    def _task(self) -> Task:
        """What the estimator is for, which defaults go by."""
        task: Task = get_tags(self).estimator_type
        return task

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters by name."""
        parameters: dict[str, Any] = self.get_params(deep=False)
        return parameters

    def to_torch(self, method: str | None = None) -> torch.nn.Module:
        """Return a method of the fitted estimator as a torch module, from samples to results.

        It takes a batch of samples in the units of ``fit``, scales them, and returns what the
        method does, as tensors that are differentiable with respect to samples and weights: what
        tools for attributions (Captum, SHAP), adversarial examples or training on need.

        Parameters
        ----------
        method : {"predict_proba", "predict_log_proba", "predict", "transform", "reconstruct", \
                "reconstruction_error"} or None, default=None
            Which method, as far as the estimator has it; ``"predict"`` of a regressor alone.
            ``None`` takes the first one that it has of ``"predict_proba"``, ``"predict"`` and
            ``"transform"``.

        Returns
        -------
        module : torch.nn.Module
            In evaluation mode, on the device of ``net_``, with a copy of the weights: it stays as
            it is when the estimator is fitted again. Its input is a tensor of shape (n_samples,
            n_features) or (n_samples, *sample_shape) of any dtype, which is not checked for values
            that are not finite.

        Raises
        ------
        AttributeError
            If the estimator has no such method.
        ValueError
            If the method is not differentiable, or columns hold categories.
        """
        check_is_fitted(self)
        return build_torch_module(self, method)

    def set_saving(self, *, include_optimizer: bool) -> Self:
        """Choose what files of this estimator hold.

        By default they hold what predicts: parameters, weights and statistics. Training that goes
        on from a file (``partial_fit``, ``warm_start``) begins with a new optimizer then, whose
        moments are zero, and its first steps differ from those that the estimator itself would
        take. The choice stands until it is made again; it is no parameter, and `clone` and what is
        made of clones (``best_estimator_``) begin with the default.

        Parameters
        ----------
        include_optimizer : bool
            Whether pickles and files hold what the optimizer has learned as well, so that training
            goes on exactly as here. With Adam they are three times as large.

        Returns
        -------
        self : estimator
            The estimator itself.
        """
        self._include_optimizer = bool(include_optimizer)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return parameters and fitted attributes as text and arrays; see `to_plain`."""
        attributes = vars(self).copy()
        if "net_" in attributes and not attributes.get("_include_optimizer", False):
            attributes["net_"] = without_optimizer(attributes["net_"])
        return {"sk_aecnn_version": __version__, **to_plain(attributes)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        with version_explained(type(self).__name__, state["sk_aecnn_version"]):
            self.__dict__.update(from_plain(state))

    def __copy__(self) -> Self:
        return self._shallow_copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = memo[id(self)] = object.__new__(type(self))
        copied.__dict__.update(deepcopy(vars(self), memo))
        return copied

    def _shallow_copy(self) -> Self:
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def _validate_training_data(
        self, X: Any, y: Any, sample_weight: Any, fitted: SampleGeometry | None
    ) -> tuple[TrainingData, SampleGeometry]:
        rows, geometry = self._validate_rows(X, fitted)
        self._check_rows(to_rows(rows))
        y, labeled = self._check_target(read_by_length(detach_tensor(y)), rows)
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(
                detach_tensor(sample_weight), rows, dtype=np.float64, ensure_non_negative=True
            )
            if not (weight > 0).any():
                raise ValueError(
                    "All entries of sample_weight are zero: no sample is left to train on. Sample "
                    "weights must contain at least one positive number."
                )
            weight = rescale_weight(weight)
        return TrainingData(to_rows(rows), y, weight, labeled).without_weightless(), geometry

    def _plan(
        self,
        data: TrainingData,
        geometry: SampleGeometry,
        options: TrainingOptions,
        validation: tuple[Any, Any, Any],
        progress: FitProgress,
    ) -> FitPlan:
        generator, fold = new_generator(self._draw_seed()), None
        if options.n_folds:
            fold = assign_folds(data.targets, options.n_folds, self._draw_seed())
        watches = options.patience is not None
        training, held_out = self._split(data, geometry, validation, watches, fold)
        device = resolve_device(self.device)
        return FitPlan(
            data,
            self._expand(geometry),
            training,
            held_out,
            options,
            device,
            generator,
            progress,
            fold,
        )

    def _draw_seed(self) -> int:
        """Draw a seed from ``random_state``, or from the system where it is None."""
        if self.random_state is None:
            return agree(secrets.randbits(32))
        drawn = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return agree(int(drawn))

    def _split(
        self,
        data: TrainingData,
        geometry: SampleGeometry,
        validation: tuple[Any, Any, Any],
        watches: bool,
        fold: torch.Tensor | None,
    ) -> tuple[BatchSource, BatchSource | None]:
        """Return the training rows and, for early stopping, the validation rows apart."""
        dataset = data.to_dataset(self._dtype, fold)
        if validation[0] is not None:
            return dataset, self._validation_rows(geometry, *validation)
        for name, value in zip(("y_val", "sample_weight_val"), validation[1:], strict=True):
            if value is not None:
                raise ValueError(f"{name} is passed without X_val, the samples that it is about.")
        if not watches:
            return dataset, None
        candidates = np.arange(len(dataset))
        if data.labeled is not None:  # what is watched is the loss of the task
            candidates = np.flatnonzero(data.labeled)
        if len(candidates) < 2:
            raise ValueError(
                "early_stopping=True sets samples aside for validation, but X has "
                f"{len(candidates)} sample(s) of positive weight with a target; pass at least 2, "
                "or early_stopping=False."
            )
        codes = None if data.y is None else data.y[candidates]
        training, validating = (
            candidates[part]
            for part in hold_out(
                len(candidates), codes, self.validation_fraction, self._draw_seed()
            )
        )
        if data.labeled is not None:
            training = np.concatenate([training, np.flatnonzero(~data.labeled)])
        return Subset(dataset, training.tolist()), Subset(dataset, validating.tolist())

    def _validation_rows(
        self, geometry: SampleGeometry, X: Any, y: Any, sample_weight: Any
    ) -> RowDataset:
        """Return the rows that the user passed for validation."""
        if self.early_stopping in {False, "cv"}:
            raise ValueError(
                f"X_val is passed while early_stopping={self.early_stopping!r}, where it is not "
                "looked at. Pass early_stopping=True, or no X_val."
            )
        if y is None and get_tags(self).target_tags.required:
            raise ValueError("X_val is passed without y_val, its targets. Pass both, or none.")
        data, _ = self._validate_training_data(X, y, sample_weight, geometry)
        if data.labeled is not None:
            check_some_labeled(int(data.labeled.sum()), getattr(self, "unlabeled", None))
            data = data.choose(data.labeled)
        return self._encode_target(data).to_dataset(self._dtype)

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
        fitted._finish(seen)
        return fitted.__dict__

    def _n_rows_kept(self, geometry: SampleGeometry) -> int:
        """Return how many rows ``partial_fit`` keeps, to measure them after later calls."""
        return 0

    @property
    def _dtype(self) -> torch.dtype:
        return DTYPES[self.precision]

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


def widen_range(network: torch.nn.Module, data: TrainingData) -> None:
    """Let reconstructions that are kept to a range reach what further samples hold."""
    low, high = getattr(network, "low", None), getattr(network, "high", None)
    if isinstance(network, BaseAutoencoder) and low is not None and high is not None:
        moments = column_moments(data.rows)
        network.clip_to(
            torch.minimum(low.cpu(), moments.low).to(low.device),
            torch.maximum(high.cpu(), moments.high).to(high.device),
        )


def mask_missing(net: TrainingNet, plan: FitPlan) -> None:
    """Let a net and its losses look for missing values, where there are some in a plan."""
    sources = (plan.training, plan.validation)
    if not any(source is not None and has_missing(resolve(source)[0].X) for source in sources):
        return
    net.module_.layout.has_missing = True
    for term in net.criterion_.terms.values():
        if hasattr(term, "masked"):
            term.masked = True


def _is_of_interest(name: str) -> bool:
    """Tell what the user reads in a history from what skorch's callbacks keep there."""
    return name != "batches" and not name.endswith(("_batch_count", "_best"))
