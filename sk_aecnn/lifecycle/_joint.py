"""The joint pair of autoencoder and back end: one network for all tasks."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._compat import available_if
from sk_aecnn._torch import as_tensor
from sk_aecnn.data._batches import without_targets
from sk_aecnn.data._rows import RowSubset
from sk_aecnn.lifecycle._base import NetAndRecipes
from sk_aecnn.lifecycle._coding import (
    CodingEstimator,
    EncoderMixin,
    has_trained_decoder,
    mixture_of_codes,
    trains_decoder,
)
from sk_aecnn.lifecycle._parameters import JointParameters
from sk_aecnn.lifecycle._prediction import PredictingEstimator
from sk_aecnn.lifecycle._usual import ErrorsAndCodes, UsualSamples
from sk_aecnn.nn import Autoencoder, AutoencoderParts, Corruption, JointNetwork
from sk_aecnn.recipes._architecture import resolve_autoencoder, resolve_backend
from sk_aecnn.recipes._augmentation import as_parameter, build_augmentation, resolve_augmentation
from sk_aecnn.recipes._autoencoder_losses import fit_reconstruction_loss
from sk_aecnn.recipes._autoencoder_parts import build_autoencoder_parts
from sk_aecnn.recipes._backends import build_backend, build_backend_members
from sk_aecnn.recipes._input import measure, n_bins_of
from sk_aecnn.recipes._linear import start_from_linear
from sk_aecnn.recipes._recipe import AutoencoderRecipe, BackendRecipe, DataSummary
from sk_aecnn.statistics._mixture import choose_whole_rows
from sk_aecnn.training._objective import Objective
from sk_aecnn.training._plan import FitPlan, to_rows
from sk_aecnn.training._prediction_losses import ConsistencyLoss
from sk_aecnn.training._reconstruction_losses import ReconstructionLoss
from sk_aecnn.training._stream import Seen
from sk_aecnn.training._train import train

# noise on the copies of unlabeled samples, in whose predictions a classifier should agree
_CONSISTENCY_NOISE = ("gaussian", 1.5)


class UsualAttributes:
    """What ``score_samples`` needs."""

    _usual: UsualSamples


@dataclass(eq=False, repr=False, kw_only=True)
class JointEstimator(
    UsualAttributes, EncoderMixin, PredictingEstimator, CodingEstimator, JointParameters
):
    """An autoencoder whose encoder feeds a back end, trained together or one after the other."""

    @available_if(has_trained_decoder)
    def score_samples(self, X: Any) -> np.ndarray:
        """Return how usual each sample is, as `AutoencoderOutlierDetector` measures it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Minus the mean, over features and units of the code, of squared deviations in units of
            what is usual among the training samples (at most 4096 of them, and 16 million values):
            higher is more usual.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AECNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = AECNNClassifier(2, max_epochs=3, random_state=0).fit(X, y)
        >>> usual, unusual = model.score_samples([X[0], X[0] + 10])
        >>> bool(usual > unusual)
        True
        """
        check_is_fitted(self)
        rows = to_rows(self._validate_rows(X, self._geometry)[0])
        return self._usual.score(self.net_, rows)

    def _measure_codes(self, seen: Seen, classes: np.ndarray | None = None) -> None:
        """Take from the training rows, of classes if any, what is told of their codes."""
        if not trains_decoder(self):
            return
        data = seen.data
        index = choose_whole_rows(len(data.rows), data.rows.shape[1], data.weight)
        measured = ErrorsAndCodes.infer(self.net_, RowSubset(data.rows, as_tensor(index)))
        weight, before = np.ones(len(index)), seen.before.get("_usual")
        self._usual = UsualSamples.of(measured.squares, measured.codes, weight, before)
        codes = None  # or those of all rows are known
        if np.array_equal(index, np.arange(len(data.rows))):
            codes = measured.codes.astype(self._result_dtype())
        self._sampler = mixture_of_codes(self.net_, seen, classes, codes)
        self._find_missing(seen, classes)

    @abstractmethod
    def _consistency(self, label_smoothing: float) -> tuple[ConsistencyLoss, float] | None:
        """Return the loss of predictions for unlabeled samples, and its weight; None for none."""

    def _build_net(self, plan: FitPlan, summary: DataSummary) -> NetAndRecipes:
        parameters, moments = self._parameters(), measure(plan.data, self._dtype)
        recipe = resolve_autoencoder(parameters, summary, moments, n_encoded=self.encoding_dim)
        parts = build_autoencoder_parts(recipe, plan, moments)
        loss = fit_reconstruction_loss(recipe, plan.data, parts.layout, moments, parts.categories)
        self._check_phases()
        self.pretrain_loss_curve_ = self._pretrain(parts, loss, plan)
        backend, backend_recipe = self._build_backend(parts, recipe, plan, summary)
        transforms = resolve_augmentation(parameters["augmentation"], summary)
        task = self._task_parts(plan.data, summary, transforms)
        consistency = self._consistency(task.label_smoothing)
        network = JointNetwork(
            parts,
            Corruption() if consistency is None else Corruption(*_CONSISTENCY_NOISE),
            backend=backend,
            n_outputs=backend_recipe.n_outputs,
            augmentation=build_augmentation(
                transforms, plan.geometry, recipe.input.dtype, scaler=self._scaler_of_targets
            ),
            backend_input=self.backend_input,
            reconstructs=self._reconstructs,
            frozen=self.freeze_encoder,
            consistent=consistency is not None,
            averaging=task.averaging,
            linear_model=self._linear_model(plan, summary, parts.layout, task),
        )
        if recipe.clip:
            network.clip_to(moments.low, moments.high)
        objective = self._build_objective(task.losses, consistency, loss)
        net = plan.build_net(network, objective, task.nonlinearity)
        members = parts.members
        chosen = {
            "n_bins": None if members is None else n_bins_of(members.columns),
            "augmentation": as_parameter(transforms),
            "label_smoothing": task.label_smoothing,
            "max_extrapolation": task.max_extrapolation,
        }
        if backend_recipe.channels:
            chosen["backend_channels"] = backend_recipe.channels
        return net, (recipe, backend_recipe, summary.ensemble, chosen)

    @property
    def _reconstructs(self) -> bool:
        """Whether the reconstruction is a part of the objective."""
        return self.reconstruction_weight > 0 and not self.freeze_encoder

    def _build_objective(
        self,
        task_losses: dict[str, torch.nn.Module],
        consistency: tuple[ConsistencyLoss, float] | None,
        reconstruction_loss: ReconstructionLoss,
    ) -> Objective:
        """Return the weighted sum of all losses."""
        terms, weights = dict(task_losses), {}
        if consistency is not None:
            terms["consistency_loss"], weights["consistency_loss"] = consistency
        if self._reconstructs:
            terms["reconstruction_loss"] = reconstruction_loss
            weights["reconstruction_loss"] = self.reconstruction_weight
        return Objective(terms, weights)

    def _build_backend(
        self,
        parts: AutoencoderParts,
        recipe: AutoencoderRecipe,
        plan: FitPlan,
        summary: DataSummary,
    ) -> tuple[torch.nn.Module, BackendRecipe]:
        """Return the back end, or those of an ensemble, and what it was built from."""
        ensemble = summary.ensemble
        members = parts.members if ensemble.n_members else None
        n_outputs = self._n_outputs(plan.data)
        in_shape = parts.feature_shape if members is None else members.hidden_shape[1:]
        if self.backend_input == "code":
            members, in_shape = None, (recipe.encoding_dim,)
        backend_recipe = resolve_backend(self._parameters(), summary, in_shape, n_outputs, recipe)
        if ensemble.n_members == 0:
            return build_backend(backend_recipe, plan.generator), backend_recipe
        n_inputs = recipe.encoding_dim if members is None else members.n_inputs
        backend = build_backend_members(
            backend_recipe, ensemble, plan.generator, members, torch.nn.Identity(), n_inputs
        )
        if members is not None and ensemble.linear_path and summary.trains_once:
            of_encoders = members.first_layer if self.pretrain_epochs == 0 else None
            start_from_linear(
                backend, plan, parts.layout, members.columns, summary.task, of_encoders
            )
        return backend, backend_recipe

    def _check_phases(self) -> None:
        """Raise where a phase of training has nothing to train, or to go on from."""
        if self.freeze_encoder and not (
            self.pretrain_epochs or isinstance(self.encoder, FrozenEstimator)
        ):
            raise ValueError(
                "freeze_encoder=True would freeze an encoder of random weights. Pass "
                "pretrain_epochs, or a fitted transformer: "
                "encoder=FrozenEstimator(AutoencoderTransformer().fit(X))."
            )

    def _pretrain(
        self, parts: AutoencoderParts, loss: ReconstructionLoss, plan: FitPlan
    ) -> list[float]:
        """Train the autoencoder by itself, in place; return the loss of each epoch."""
        if self.pretrain_epochs == 0:
            return []
        options = replace(
            plan.options, max_epochs=self.pretrain_epochs, patience=None, n_folds=0, callbacks=()
        )
        network = Autoencoder(parts, Corruption())
        objective = Objective({"reconstruction_loss": loss}, {})
        net = replace(plan, options=options).build_net(network, objective)
        train(net, options, without_targets(plan.training), None, plan.progress)
        losses: list[float] = net.history[:, "train_loss"]
        return losses
