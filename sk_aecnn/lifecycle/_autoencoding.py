"""What the estimators that learn from the samples alone have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sk_aecnn._compat import fit_context
from sk_aecnn.lifecycle._call import FitCall
from sk_aecnn.lifecycle._coding import CodingEstimator
from sk_aecnn.nn import column_moments
from sk_aecnn.training._inference import infer
from sk_aecnn.training._plan import TrainingData, to_rows


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

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> len(model.loss_curve_)
        5
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
        Copies and pickles hold these rows. ``fit`` of a detector keeps up to 512, for a stream that
        may follow, and up to 1024 standardised ones that it looks for neighbours in; ``fit`` of the
        others keeps none.

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
            Number of training steps in all calls of the stream, where a call makes one for every
            ``batch_size`` samples. The learning rate then follows ``lr_schedule`` over the stream
            (``"auto"``: ``"one_cycle"``), and stays at its last value in further calls. ``None``:
            the rate is constant, and a stream ends.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used, or a sample is too far from the others for
            the precision; the estimator is left as it was before the call.
        DivergenceError
            If the loss is no longer finite; likewise.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, random_state=0)
        >>> for start in range(3):
        ...     model = model.partial_fit(X[start::3])
        >>> model.n_iter_
        3
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

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> print(f"R² {model.score(X):.1f}")
        R² 1.0
        """
        check_is_fitted(self)
        rows = to_rows(self._validate_rows(X, self._geometry)[0])
        error = infer(self.net_, "standardised_mean_squared_error", rows).mean()
        variance = self.net_.module_.error_of_means(column_moments(rows))
        if variance == 0:
            return float(error == 0)
        return float(1 - error / variance)

    def _constant_losses(self, data: TrainingData, targets: Tensor) -> dict[str, float]:
        return {"reconstruction_loss": 1.0}

    def _check_target(self, y: Any, rows: Any) -> tuple[None, None]:
        return None, None

    def _fit_target_encoder(self, data: TrainingData, classes: np.ndarray | None) -> None:
        """Nothing: the samples are their own targets."""

    def _encode_target(self, data: TrainingData) -> TrainingData:
        return data
