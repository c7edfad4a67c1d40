"""What the estimators that learn from the samples alone have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._compat import fit_context
from sk_aecnn._torch import DTYPES, as_tensor
from sk_aecnn.data._rows import RowSubset
from sk_aecnn.lifecycle._base import NetAndRecipes
from sk_aecnn.lifecycle._call import FitCall
from sk_aecnn.lifecycle._coding import CodingEstimator
from sk_aecnn.lifecycle._parameters import Auto
from sk_aecnn.nn import Autoencoder, Corruption, Moments, column_moments, fit_pca
from sk_aecnn.recipes._architecture import resolve_autoencoder
from sk_aecnn.recipes._augmentation import as_parameter, build_augmentation, resolve_augmentation
from sk_aecnn.recipes._autoencoder_losses import code_losses, fit_reconstruction_loss
from sk_aecnn.recipes._autoencoder_parts import build_autoencoder_parts
from sk_aecnn.recipes._defaults import (
    HELD_OUT,
    MOST_COMPONENTS,
    NESTED_DROPOUT,
    SHRINKAGES,
    choose_shrinkage,
    n_components_for,
    tries_shrinkage,
)
from sk_aecnn.recipes._input import build_layout, measure
from sk_aecnn.recipes._parameters import Parameters, is_auto
from sk_aecnn.recipes._recipe import AutoencoderRecipe, DataSummary
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._objective import Objective
from sk_aecnn.training._plan import FitPlan, TrainingData, hold_out, to_rows
from sk_aecnn.training._shrinkage import set_shrinkage, shrunk_errors
from sk_aecnn.training._train import train


@dataclass(eq=False, repr=False, kw_only=True)
class AutoencodingEstimator(CodingEstimator):
    """An autoencoder by itself. Subclasses add their network and their scores."""

    @fit_context
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the autoencoder.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples. Sparse tables become dense one batch at a time.
        y : object, default=None
            Ignored; present for pipelines.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples, 0 or more; a sample of weight 0 counts as absent.
        X_val : array-like of the shape of ``X`` but for the number of samples, default=None
            Samples to watch for ``early_stopping=True`` instead of a part of ``X``. In a
            `~sklearn.pipeline.Pipeline` they are transformed as ``X`` is with
            ``transform_input=["X_val"]``.
        sample_weight_val : array-like of shape (n_val_samples,) or None, default=None
            Their weights.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used; the message says which and why.
        DivergenceError
            If the loss is no longer finite.
        """
        call = FitCall(
            X,
            y,
            sample_weight,
            resume=self.warm_start and hasattr(self, "net_"),
            X_val=X_val,
            sample_weight_val=sample_weight_val,
        )
        return self._fit(call)

    @fit_context
    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, n_steps: int | None = None
    ) -> Self:
        """Train for one epoch on a part of the data, at a constant learning rate by default.

        The first call fixes the network and the scaling; pass it rows that resemble those to come.

        Outlier detectors and variational autoencoders keep some of the rows, in the dtype given:
        at most 4096, or 512, of all calls, and 16 MiB. After every call ``offset_``,
        ``noise_variance_`` and what else they measure are those of the network as it is then.
        Copies and pickles hold these rows. ``fit`` keeps none, but for up to 1024 standardised rows
        that a detector looks for neighbours in.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples.
        y : object, default=None
            Ignored; present for pipelines.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples within this call, 0 or more.
        n_steps : int or None, default=None
            How many steps this and all other calls of the stream will take, one for every
            ``batch_size`` samples of a call: the learning rate then follows ``lr_schedule`` over
            all of them, where ``"auto"`` is ``"one_cycle"``. Further calls stay at its end. A call
            without it ends the stream.

        Returns
        -------
        self : estimator
            The fitted estimator.
        """
        resume = hasattr(self, "net_")
        return self._fit(FitCall(X, y, sample_weight, resume, partial=True, n_steps=n_steps))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the share of the variance that the reconstruction keeps, R².

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.
        y : object, default=None
            Ignored; present for model selection.

        Returns
        -------
        score : float
            One minus the squared error over the variance of ``X``, both summed over the features in
            standardised units: 1 is perfect, 0 as bad as the mean of ``X``. Where ``X`` does not
            vary, 1 for a perfect reconstruction and 0 otherwise.
        """
        check_is_fitted(self)
        rows = to_rows(self._validate_rows(X, self._geometry)[0])
        error = infer(self.net_, "standardised_mean_squared_error", rows).mean()
        variance = self.net_.module_.error_of_means(column_moments(rows))
        if variance == 0:
            return float(error == 0)
        return float(1 - error / variance)

    def _constant_losses(self, data: TrainingData) -> dict[str, float]:
        return {"reconstruction_loss": 1.0}

    def _check_target(self, y: Any, rows: Any) -> tuple[None, None]:
        return None, None

    def _fit_target_encoder(self, data: TrainingData, classes: np.ndarray | None) -> None:
        """Nothing: the samples are their own targets."""

    def _encode_target(self, data: TrainingData) -> TrainingData:
        return data


def explained_variance_ratio(net: TrainingNet, rows: RowSubset) -> np.ndarray:
    """Return what each unit of the code adds to the share of the variance that is kept."""
    n_rows, chosen = len(rows), rows[: len(rows)]
    variance = net.module_.error_of_means(column_moments(chosen))
    kept = [
        1 - infer(net, "truncated_squared_error", rows, n_units=n_units).sum() / n_rows / variance
        for n_units in range(1, net.module_.encoding_dim + 1)
        if variance > 0
    ]
    return np.diff(kept, prepend=0.0) if kept else np.zeros(net.module_.encoding_dim)


def build_autoencoder(
    parameters: Parameters, plan: FitPlan, summary: DataSummary, *, trimmed: float = 0.0
) -> NetAndRecipes:
    """Return a net around an autoencoder whose code is a point, and what it was built from.

    A share of the rows of every batch, ``trimmed``, is left out of its loss.
    """
    moments = measure(plan.data, DTYPES[parameters["precision"]])
    if not isinstance(parameters["encoding_dim"], Integral):
        dim = _count_components(parameters, plan, summary, moments)
        parameters = {**parameters, "encoding_dim": dim}
    recipe = resolve_autoencoder(parameters, summary, moments, n_encoded=parameters["encoding_dim"])
    transforms = resolve_augmentation(parameters["augmentation"], summary)

    def build(plan: FitPlan) -> TrainingNet:
        parts = build_autoencoder_parts(recipe, plan, moments)
        network = Autoencoder(
            **parts.named(),
            corruption=Corruption(*recipe.noise),
            augmentation=build_augmentation(
                transforms, plan.geometry, recipe.input.dtype, fade=True
            ),
            nested_dropout=NESTED_DROPOUT if parameters.get("nested", False) else 0.0,
        )
        if recipe.clip:
            network.clip_to(moments.low, moments.high)
        loss = fit_reconstruction_loss(
            recipe, plan.data, parts.layout, moments, parts.categories, trimmed=trimmed
        )
        return plan.build_net(network, Objective(*code_losses(recipe, loss)))

    chosen: dict[str, Any] = {"augmentation": as_parameter(transforms)}
    if not recipe.linear_path:
        return build(plan), (recipe, chosen)
    net, shrinkage = build_shrunk(build, plan, recipe, parameters["shrinkage"])
    return net, (recipe, chosen | {"shrinkage": shrinkage})


def build_shrunk(
    build: Callable[[FitPlan], TrainingNet],
    plan: FitPlan,
    recipe: AutoencoderRecipe,
    shrinkage: float | Auto,
    error: str = "standardised_mean_squared_error",
    choose: Callable[[np.ndarray, np.ndarray], float] = choose_shrinkage,
) -> tuple[TrainingNet, float]:
    """Return a net that starts as PCA, and the share of what it learns that it takes back.

    ``"auto"`` is the share that is chosen by the ``error`` of rows held out, a method of the
    network, for each of ``SHRINKAGES``.
    """
    if is_auto(shrinkage):
        errors, weight = _shrunk_errors(build, plan, recipe.input.dtype, error)
        shrinkage = choose(errors, weight) if len(errors) else 0.0
    net = build(plan)
    set_shrinkage(net, float(shrinkage))
    return net, float(shrinkage)


def _count_components(
    parameters: Parameters, plan: FitPlan, summary: DataSummary, moments: Moments
) -> int:
    """Return how many principal components keep the share of the variance that is asked for."""
    some = {**parameters, "encoding_dim": 1}
    recipe = resolve_autoencoder(some, summary, moments, n_encoded=1)
    layout = build_layout(recipe.input, moments, plan.data)
    weight = plan.data.row_weight(torch.float64)
    components = fit_pca(plan.data.rows, layout, weight, MOST_COMPONENTS, _copy(plan.generator))
    return n_components_for(parameters["encoding_dim"], components.explained.numpy())


def _copy(generator: torch.Generator) -> torch.Generator:
    """Return a generator that draws the same numbers, and leaves this one as it is."""
    copied = torch.Generator()
    copied.set_state(generator.get_state())
    return copied


def _shrunk_errors(
    build: Callable[[FitPlan], TrainingNet], plan: FitPlan, dtype: torch.dtype, error: str
) -> tuple[np.ndarray, np.ndarray]:
    """Train on a part of the rows, and return the errors of the others and their weights.

    There are none where nothing is to be chosen.
    """
    n_rows = len(plan.data.rows)
    watched = plan.options.partial or plan.validation is not None
    if watched or not tries_shrinkage(n_rows, plan.geometry):
        return np.empty((0, 0)), np.empty(0)
    stream = _copy(plan.generator)  # the fit itself is as without a trial
    seed = int(torch.randint(2**31, (), generator=stream))
    learned, held_out = hold_out(n_rows, None, HELD_OUT, seed)
    part = plan.data.choose(np.isin(np.arange(n_rows), learned))
    training = part.to_dataset(dtype)
    options = replace(plan.options, callbacks=(), verbose=0)
    net = build(replace(plan, data=part, training=training, options=options, generator=stream))
    train(net, options, training)
    errors = shrunk_errors(net, RowSubset(plan.data.rows, as_tensor(held_out)), SHRINKAGES, error)
    weight = np.ones(n_rows) if plan.data.weight is None else plan.data.weight
    return errors, weight[held_out]
