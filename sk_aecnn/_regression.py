"""Numbers in, numbers out: what every regressor shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, check_consistent_length

from sk_aecnn._compat import fit_context
from sk_aecnn._targets import TargetScaler, check_given, check_some_known, find_unlabeled
from sk_aecnn.losses import RegressionLoss


class RegressionMixin(RegressorMixin):
    """``fit``, ``partial_fit`` and ``predict`` of a regressor with one or many targets."""

    def _nonlinearity(self):
        """Return what comes between the network and its predictions: nothing."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
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
        """
        return self._learn(
            X,
            y,
            sample_weight,
            resume=self.warm_start and hasattr(self, "net_"),
            max_epochs=self.max_epochs,
            lr_schedule=self.lr_schedule,
            validation=(X_val, y_val, sample_weight_val),
        )

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on a part of the data, at a constant learning rate.

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

        Returns
        -------
        self : estimator
            The fitted estimator.
        """
        return self._learn(
            X,
            y,
            sample_weight,
            resume=hasattr(self, "net_"),
            max_epochs=1,
            lr_schedule="constant",
        )

    def predict(self, X):
        """Predict the targets of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets), float64
            Targets in the layout and the units given to ``fit``.
        """
        predictions = self._infer("predict", X)
        return self._target_scaler.decode(predictions)

    def _check_target(self, y, rows):
        check_given(y, type(self).__name__)
        y = check_array(
            y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y"
        )
        check_consistent_length(rows, y)
        unlabeled = getattr(self, "unlabeled", None)
        if np.isnan(y).any() and unlabeled is None:
            raise ValueError(
                "Input y contains NaN. Leave those rows out, or have them train the encoder without"
                " a target: AECNNRegressor(unlabeled=float('nan'))."
            )
        unknown = find_unlabeled(y, unlabeled).reshape(len(y), -1).all(axis=1)
        return y, ~unknown if unknown.any() else None

    def _learn_target(self, data, classes):
        n_known = len(data.y) if data.known is None else int(data.known.sum())
        check_some_known(n_known, getattr(self, "unlabeled", None))
        self._target_scaler = TargetScaler.of(data.y, data.weight)

    def _encode_target(self, data):
        return replace(data, y=self._target_scaler.encode(data.y))

    def _n_outputs(self, data):
        return len(self._target_scaler.mean)

    def _task_losses(self):
        return {"regression_loss": RegressionLoss()}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
