"""Numbers in, numbers out: what every regressor shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_consistent_length

from sk_aecnn._compat import fit_context
from sk_aecnn.data._targets import (
    TargetScaler,
    check_given,
    check_some_labeled,
    choose_labeled,
    find_unlabeled,
)
from sk_aecnn.lifecycle._call import FitCall
from sk_aecnn.recipes.defaults import Task
from sk_aecnn.training._plan import TrainingData
from sk_aecnn.training._prediction_losses import RegressionLoss


class RegressionMixin(RegressorMixin):
    """``fit``, ``partial_fit`` and ``predict`` of a regressor with one or many targets."""

    _task: ClassVar[Task] = "regressor"
    _target_scaler: TargetScaler
    # of the estimator that this is mixed into
    warm_start: bool
    resolved_params_: dict[str, Any]
    _fit: Callable[[FitCall], Self]
    _infer: Any
    _shallow_copy: Callable[[], Self]

    def _nonlinearity(self, label_smoothing: float) -> None:
        """Return what comes between the network and its predictions: nothing."""

    @fit_context
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples. Sparse tables become dense one batch at a time.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. Each is standardised inside, so that targets of any units count alike.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples in every loss, 0 or more; a sample of weight 0 counts as absent.
        X_val : array-like of the shape of ``X`` but for the number of samples, default=None
            Samples to watch for ``early_stopping=True`` instead of a part of ``X``. In a
            `~sklearn.pipeline.Pipeline` they are transformed as ``X`` is with
            ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val_samples,) or (n_val_samples, n_targets), default=None
            Their targets.
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

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sk_aecnn import CNNRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = CNNRegressor(max_epochs=20, random_state=0)
        >>> model = model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
        >>> len(model.validation_scores_) == model.n_iter_
        True
        """
        call = FitCall(
            X,
            y,
            sample_weight,
            resume=self.warm_start and hasattr(self, "net_"),
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
        )
        return self._fit(call)

    @fit_context
    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, n_steps: int | None = None
    ) -> Self:
        """Train for one epoch on a part of the data, at a constant learning rate by default.

        The first call fixes the network and the scaling of samples and targets; pass it rows that
        resemble those to come.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples, 0 or more.
        n_steps : int or None, default=None
            Number of training steps in all calls of the stream, where a call makes one for every
            ``batch_size`` samples. The learning rate then follows ``lr_schedule`` over the stream
            (``"auto"``: ``"one_cycle"``), and stays at its last value in further calls. ``None``:
            the rate is constant, and a stream ends.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sk_aecnn import CNNRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = CNNRegressor(random_state=0)
        >>> for start in range(0, 400, 200):
        ...     model = model.partial_fit(X[start : start + 200], y[start : start + 200])
        >>> model.n_iter_
        2
        """
        resume = hasattr(self, "net_")
        return self._fit(FitCall(X, y, sample_weight, resume, partial=True, n_steps=n_steps))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets), float64
            Targets in the layout and the units given to ``fit``, in the range that
            ``max_extrapolation`` allows.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_diabetes
        >>> from sk_aecnn import CNNRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = CNNRegressor(max_epochs=3, random_state=0)
        >>> model.fit(X, y).predict(X[:5]).shape
        (5,)
        >>> model.fit(X, np.column_stack([y, y**2])).predict(X[:5]).shape
        (5, 2)
        """
        fitted = self._shallow_copy()  # of one call, whatever another thread fits meanwhile
        predictions = fitted._infer("predict", X)
        return fitted._target_scaler.decode(predictions, fitted._max_extrapolation)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² on the samples that have a target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets; samples that ``unlabeled`` marks do not count.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The coefficient of determination, a mean over targets.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sk_aecnn import CNNRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = CNNRegressor(max_epochs=3, random_state=0).fit(X, y)
        >>> print(f"R² {model.score(X, y):.1f}")
        R² 0.5
        """
        y = check_array(
            y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y"
        )
        predicted = self.predict(X)
        check_consistent_length(y, predicted)
        counted = choose_labeled(y, getattr(self, "unlabeled", None))
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        if not np.isnan(y[counted]).any():
            return float(r2_score(y[counted], predicted[counted], sample_weight=weight[counted]))
        scores, columns = [], (y.reshape(len(y), -1).T, predicted.reshape(len(y), -1).T)
        for target, answer in zip(*columns, strict=True):
            known = ~np.isnan(target)
            scores.append(r2_score(target[known], answer[known], sample_weight=weight[known]))
        return float(np.mean(scores))

    def _constant_losses(self, data: TrainingData, targets: torch.Tensor) -> dict[str, float]:
        # of standardised targets, whose mean is zero; a constant target has nothing to explain
        varies = bool((self._target_scaler.scale != 1).any()) or bool(np.nanstd(data.targets) > 0)
        square = float(targets.square().nanmean()) if varies else 0.0
        return {"regression_loss": square, "reconstruction_loss": 1.0}

    def _check_target(self, y: Any, rows: Any) -> tuple[np.ndarray, np.ndarray | None]:
        check_given(y, type(self).__name__)
        y = check_array(
            y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y"
        )
        check_consistent_length(rows, y)
        unlabeled = getattr(self, "unlabeled", None)
        if np.isnan(y).any() and unlabeled is None:
            raise ValueError(
                "Input y contains NaN. Leave those samples out, or have them train the encoder "
                "without a target: AECNNRegressor(unlabeled=float('nan'))."
            )
        missing = np.all(find_unlabeled(y, unlabeled).reshape(len(y), -1), axis=1)
        return y, ~missing if missing.any() else None

    def _fit_target_encoder(self, data: TrainingData, classes: np.ndarray | None) -> None:
        n_labeled = len(data.targets) if data.labeled is None else int(data.labeled.sum())
        check_some_labeled(n_labeled, getattr(self, "unlabeled", None))
        self._target_scaler = TargetScaler.of(data.targets, data.weight)

    def _see_targets(self, data: TrainingData) -> None:
        self._target_scaler = self._target_scaler.widen(data.targets, data.weight)

    @property
    def _max_extrapolation(self) -> float | None:
        """How far predictions may lie outside of the range of targets, as a share of it."""
        share: float | None = self.resolved_params_["max_extrapolation"]
        return share

    def _encode_target(self, data: TrainingData) -> TrainingData:
        return replace(data, y=self._target_scaler.encode(data.targets))

    def _decode_target(self, y: np.ndarray) -> np.ndarray:
        return self._target_scaler.decode(y)

    def _n_outputs(self, data: TrainingData) -> int:
        return len(self._target_scaler.mean)

    def _task_losses(self, label_smoothing: float) -> dict[str, torch.nn.Module]:
        return {"regression_loss": RegressionLoss()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
