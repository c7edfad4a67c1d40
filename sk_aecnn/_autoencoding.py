"""What the estimators that learn from the samples alone have in common."""

from __future__ import annotations

from sklearn.utils.validation import check_is_fitted

from sk_aecnn._coder import CODER_CONSTRAINTS, build_coder, code_losses
from sk_aecnn._codes import CodingEstimator
from sk_aecnn._compat import fit_context
from sk_aecnn._job import to_rows
from sk_aecnn._training import infer
from sk_aecnn.losses import Objective
from sk_aecnn.nn import Autoencoder, column_moments


class AutoencodingEstimator(CodingEstimator):
    """An autoencoder by itself. Subclasses add their network and their scores."""

    _parameter_constraints = CodingEstimator._parameter_constraints | CODER_CONSTRAINTS

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, *, X_val=None, sample_weight_val=None):
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
        return self._learn(
            X,
            y,
            sample_weight,
            resume=self.warm_start and hasattr(self, "net_"),
            max_epochs=self.max_epochs,
            lr_schedule=self.lr_schedule,
            validation=(X_val, None, sample_weight_val),
        )

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one epoch on a part of the data, at a constant learning rate.

        The first call fixes the network and the scaling; pass it rows that resemble those to come.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples.
        y : object, default=None
            Ignored; present for pipelines.
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

    def score(self, X, y=None):
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
        moments = column_moments(rows)
        variance = float((moments.var / self.net_.module_.layout.scale.cpu().square()).mean())
        if variance == 0:
            return float(error == 0)
        return float(1 - error / variance)

    def _check_target(self, y, rows):
        return None, None

    def _learn_target(self, data, classes):
        """Nothing: the samples are their own targets."""

    def _encode_target(self, data):
        return data


def build_autoencoder(estimator, job, *, moving=None, trimmed=0.0):
    """Return a net around an autoencoder whose code is a point.

    What its encoder sees is moved by ``moving``; a share of the rows, ``trimmed``, is left out of
    its loss.
    """
    coder, reconstruction_loss = build_coder(
        estimator, job, n_encoded=estimator.encoding_dim, code_activation=estimator.code_activation
    )
    reconstruction_loss.trimmed = trimmed
    objective = Objective(*code_losses(estimator, reconstruction_loss))
    return job.build_net(Autoencoder(**coder.parts(), moving=moving), objective)
