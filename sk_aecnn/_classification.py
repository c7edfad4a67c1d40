"""Class labels in, class labels and probabilities out: what every classifier shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, column_or_1d, compute_sample_weight

from sk_aecnn._compat import fit_context
from sk_aecnn._targets import (
    ClassLabels,
    check_given,
    check_labels,
    check_some_known,
    find_unlabeled,
)
from sk_aecnn._torch import detach_tensor
from sk_aecnn.losses import UNLABELED_CODE, ClassificationLoss, SharpSoftmax


class ClassificationMixin(ClassifierMixin):
    """``fit``, ``partial_fit`` and the predictions of a classifier."""

    _classifies = True

    def _nonlinearity(self):
        """Return what makes probabilities of the network's outputs."""
        return SharpSoftmax(self.label_smoothing)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples. Sparse tables become dense one batch at a time.
        y : array-like of shape (n_samples,)
            Class labels of any kind.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples in every loss, 0 or more; a sample of weight 0 counts as absent.
        X_val : array-like of the shape of ``X`` but for the number of samples, default=None
            Samples to watch for ``early_stopping=True`` instead of a part of ``X``. In a
            `~sklearn.pipeline.Pipeline` they are transformed as ``X`` is with
            ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val_samples,), default=None
            Their labels.
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
        resume = self.warm_start and hasattr(self, "net_")
        return self._learn(
            X,
            y,
            sample_weight,
            resume=resume,
            max_epochs=self.max_epochs,
            lr_schedule=self.lr_schedule,
            classes=self.classes_ if resume else None,
            validation=(X_val, y_val, sample_weight_val),
        )

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on a part of the data, at a constant learning rate.

        The first call fixes the network, the scaling and the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples.
        y : array-like of shape (n_samples,)
            Class labels; not every class need be among them.
        classes : array-like of shape (n_classes,) or None, default=None
            Every label that any call will see. Needed in the first call; later ones may repeat it.
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
            classes=self._classes_of_all_calls(classes),
        )

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Class labels.
        """
        logits = self._infer("predict", X)
        return self._labels.decode(logits.argmax(axis=1))

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        return softmax(self._sharp_logits(X), axis=1)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Logarithms of the probabilities, in the order of ``classes_``.
        """
        return log_softmax(self._sharp_logits(X), axis=1)

    def _sharp_logits(self, X):
        logits = self._infer("predict", X).astype(np.float64)
        return self.net_.predict_nonlinearity.factor * logits

    @property
    def classes_(self):
        """The class labels, sorted."""
        return self._labels.classes

    def _classes_of_all_calls(self, classes):
        fitted = hasattr(self, "net_")
        if classes is None and not fitted:
            raise ValueError(
                "classes must be passed in the first call to partial_fit: a list of every label "
                "that this and later calls will see."
            )
        if classes is None:
            return self.classes_
        classes = np.unique(check_labels(detach_tensor(classes)))
        unlabeled = getattr(self, "unlabeled", None)
        if find_unlabeled(classes, unlabeled).any():
            raise ValueError(
                f"classes={classes.tolist()} hold unlabeled={unlabeled!r}, the mark of samples "
                "without a label, which is no class. Leave it out."
            )
        if fitted and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} differ from those of the first call to partial_fit, "
                f"{self.classes_.tolist()}. Pass the same, or none."
            )
        return classes

    def _check_target(self, y, rows):
        check_given(y, type(self).__name__)
        y = column_or_1d(y, warn=True)
        check_consistent_length(rows, y)
        unlabeled = getattr(self, "unlabeled", None)
        unknown = find_unlabeled(y, unlabeled)
        if not unknown.any():
            return check_labels(y), None
        if not unknown.all():
            check_labels(y[~unknown])
        return y, ~unknown

    def _learn_target(self, data, classes):
        if classes is None:
            known = data.y if data.known is None else data.y[data.known]
            check_some_known(len(known), getattr(self, "unlabeled", None))
            classes = known
        self._labels = ClassLabels.of(classes)

    def _encode_target(self, data):
        known = np.ones(len(data.y), dtype=bool) if data.known is None else data.known
        codes = np.full(len(data.y), UNLABELED_CODE, dtype=np.int64)
        codes[known] = self._labels.encode(data.y[known])
        weight = data.weight
        if self.class_weight is not None:
            class_weight = np.ones(len(codes))
            class_weight[known] = self._weigh_classes(data.y[known])
            weight = class_weight if weight is None else weight * class_weight
        return replace(data, y=codes, weight=weight)

    def _weigh_classes(self, y):
        if len(y) == 0:
            return np.ones(0)
        class_weight = compute_sample_weight(self.class_weight, y)
        if class_weight.min() < 0 or class_weight.max() == 0:
            raise ValueError(
                f"class_weight={self.class_weight!r} must give no class a negative weight, and "
                "some class of y a positive one."
            )
        return class_weight

    def _n_outputs(self, data):
        return len(self._labels.classes)

    def _task_losses(self):
        some_known = getattr(self, "unlabeled", None) is None
        return {"classification_loss": ClassificationLoss(some_known, self.label_smoothing)}
