"""Class labels in, class labels and probabilities out: what every classifier shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, column_or_1d, compute_sample_weight

from sk_aecnn._compat import fit_context
from sk_aecnn._torch import detach_tensor
from sk_aecnn.data._targets import (
    ClassLabels,
    as_column,
    check_given,
    check_labels,
    check_some_labeled,
    choose_labeled,
    find_missing,
    find_unlabeled,
    list_some,
)
from sk_aecnn.lifecycle._activation_map import ActivationMapMixin
from sk_aecnn.lifecycle._call import FitCall
from sk_aecnn.recipes.defaults import Task
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import TrainingData, rescale_weight
from sk_aecnn.training._prediction_losses import (
    UNLABELED_CODE,
    ClassificationLoss,
    TemperatureSoftmax,
)


class ClassificationMixin(ActivationMapMixin, ClassifierMixin):
    """``fit``, ``partial_fit`` and the predictions of a classifier."""

    _task: ClassVar[Task] = "classifier"
    _labels: ClassLabels
    # of the estimator that this is mixed into
    net_: TrainingNet
    warm_start: bool
    resolved_params_: dict[str, Any]
    class_weight: Mapping[Any, float] | Literal["balanced"] | None
    _fit: Callable[[FitCall], Self]
    _infer: Any

    def _nonlinearity(self, label_smoothing: float) -> TemperatureSoftmax:
        """Return what makes probabilities of the network's outputs."""
        return TemperatureSoftmax(label_smoothing)

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

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = CNNClassifier(max_epochs=20, random_state=0)
        >>> model = model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
        >>> model.classes_
        array([0, 1, 2])
        >>> len(model.validation_scores_) == model.n_iter_
        True
        """
        resume = self.warm_start and hasattr(self, "net_")
        call = FitCall(
            X,
            y,
            sample_weight,
            resume,
            classes=self.classes_ if resume else None,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
        )
        return self._fit(call)

    @fit_context
    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        classes: Any = None,
        sample_weight: Any = None,
        *,
        n_steps: int | None = None,
    ) -> Self:
        """Train for one epoch on a part of the data, at a constant learning rate by default.

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
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = CNNClassifier(random_state=0)
        >>> for start in range(3):
        ...     part = slice(start, None, 3)
        ...     model = model.partial_fit(X[part], y[part], classes=[0, 1, 2])
        >>> model.n_iter_
        3
        """
        call = FitCall(
            X,
            y,
            sample_weight,
            resume=hasattr(self, "net_"),
            partial=True,
            n_steps=n_steps,
            classes=self._classes_of_all_calls(classes, y),
        )
        return self._fit(call)

    def predict(self, X: Any) -> np.ndarray:
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

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = CNNClassifier(max_epochs=3, random_state=0).fit(X, y)
        >>> model.predict(X[[0, 60, 140]])
        array([0, 1, 2])
        """
        logits = self._infer("predict", X)
        return self._labels.decode(logits.argmax(axis=1))

    def predict_proba(self, X: Any) -> np.ndarray:
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

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = CNNClassifier(max_epochs=3, random_state=0).fit(X, y)
        >>> probabilities = model.predict_proba(X[[0, 60, 140]])
        >>> probabilities.shape
        (3, 3)
        >>> probabilities.argmax(axis=1)
        array([0, 1, 2])
        """
        result: np.ndarray = softmax(self._scaled_logits(X), axis=1)
        return result

    def predict_log_proba(self, X: Any) -> np.ndarray:
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

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = CNNClassifier(max_epochs=3, random_state=0).fit(X, y)
        >>> np.allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))
        True
        """
        result: np.ndarray = log_softmax(self._scaled_logits(X), axis=1)
        return result

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the samples that have a label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.
        y : array-like of shape (n_samples,)
            Their labels; samples that ``unlabeled`` marks do not count.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The share of labels that are predicted, weighted.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = CNNClassifier(max_epochs=3, random_state=0).fit(X, y)
        >>> print(f"accuracy {model.score(X, y):.1f}")
        accuracy 1.0
        """
        labels, predicted = column_or_1d(y, warn=True), self.predict(X)
        check_consistent_length(labels, predicted)
        counted = choose_labeled(labels, getattr(self, "unlabeled", None))
        weight = None if sample_weight is None else np.asarray(sample_weight)[counted]
        correct = self._labels.convert(check_labels(labels[counted])) == predicted[counted]
        return float(np.average(correct, weights=weight))

    def _scaled_logits(self, X: Any) -> np.ndarray:
        logits = self._infer("predict", X).astype(np.float64)
        result: np.ndarray = self.net_.predict_nonlinearity.inverse_temperature * logits
        return result

    @property
    def classes_(self) -> np.ndarray:
        """The class labels, sorted."""
        return self._labels.classes

    @property
    def n_samples_fit_(self) -> int:
        """Number of training samples whose classes join in predictions."""
        neighbours = self.net_.module_.neighbours
        return 0 if neighbours is None else len(neighbours.rows)

    def _classes_of_all_calls(self, classes: Any, y: Any) -> np.ndarray:
        check_given(y, type(self).__name__)
        fitted = hasattr(self, "net_")
        if classes is None and not fitted:
            raise ValueError(
                "classes must be passed in the first call to partial_fit: a list of every label "
                "that this and later calls will see."
            )
        if classes is None:
            return self.classes_
        array = np.asarray(detach_tensor(classes))
        if array.ndim != 1:
            raise ValueError(
                f"classes={classes!r} must be a list of labels, one for every class that this and "
                "later calls will see."
            )
        labels = np.unique(check_labels(array, "classes"))
        unlabeled = getattr(self, "unlabeled", None)
        if find_unlabeled(labels, unlabeled).any():
            raise ValueError(
                f"classes={list_some(labels)} hold unlabeled={unlabeled!r}, the mark of samples "
                "without a label, which is no class. Leave it out."
            )
        if len(labels) < 2:
            raise ValueError(
                f"classes={list_some(labels)} must hold at least 2 labels: every one that this and "
                "later calls will see."
            )
        if fitted and not np.array_equal(labels, self.classes_):
            raise ValueError(
                f"classes={list_some(labels)} differ from those of the first call to partial_fit, "
                f"{list_some(self.classes_)}. Pass the same, or none."
            )
        return labels

    def _constant_losses(self, data: TrainingData, targets: torch.Tensor) -> dict[str, float]:
        smoothing = self.resolved_params_["label_smoothing"]
        expected, measured = (
            (1 - smoothing) * self._class_shares(codes) + smoothing / len(self.classes_)
            for codes in (data.targets, targets.numpy())
        )
        entropy = -float(measured @ np.log(np.where(measured > 0, expected, 1)))
        return {"classification_loss": entropy, "reconstruction_loss": 1.0}

    def _class_shares(self, codes: np.ndarray) -> np.ndarray:
        """Return the share of each class in the labeled samples."""
        labeled = codes[codes != UNLABELED_CODE]
        return np.bincount(labeled, minlength=len(self.classes_)) / max(1, len(labeled))

    def _check_target(self, y: Any, rows: Any) -> tuple[np.ndarray, np.ndarray | None]:
        check_given(y, type(self).__name__)
        y = as_column(y)
        check_consistent_length(rows, y)
        unlabeled = getattr(self, "unlabeled", None)
        unknown = find_unlabeled(y, unlabeled)
        missing = find_missing(y) & ~unknown
        if missing.any():
            raise ValueError(
                f"y contains NaN, None or the like in place of {np.count_nonzero(missing)} labels. "
                "Leave those samples out, or have them train the encoder without a label: "
                "AECNNClassifier(unlabeled=float('nan'))."
            )
        if not unknown.any():
            return check_labels(y), None
        if not unknown.all():
            check_labels(y[~unknown])
        return y, ~unknown

    def _fit_target_encoder(self, data: TrainingData, classes: np.ndarray | None) -> None:
        if classes is None:
            labeled = data.targets if data.labeled is None else data.targets[data.labeled]
            check_some_labeled(len(labeled), getattr(self, "unlabeled", None))
            classes = check_labels(labeled)
        self._labels = ClassLabels.of(classes)

    def _encode_target(self, data: TrainingData) -> TrainingData:
        labeled = np.ones(len(data.targets), dtype=bool) if data.labeled is None else data.labeled
        codes = np.full(len(data.targets), UNLABELED_CODE, dtype=np.int64)
        codes[labeled] = self._labels.encode(data.targets[labeled])
        data = replace(data, y=codes)
        if self.class_weight is None:
            return data
        class_weight = np.ones(len(codes))
        class_weight[labeled] = self._weigh_classes(self._labels.decode(codes[labeled]))
        weight = class_weight
        if data.weight is not None:
            weight = rescale_weight(data.weight) * rescale_weight(class_weight)
        return replace(data, weight=rescale_weight(weight)).without_weightless()

    def _decode_target(self, y: np.ndarray) -> np.ndarray:
        return self._labels.decode(y)

    def _weigh_classes(self, y: np.ndarray) -> np.ndarray:
        if len(y) == 0:
            return np.ones(0)
        if isinstance(self.class_weight, Mapping):
            for label, weight in self.class_weight.items():
                if not _is_weight(weight):
                    raise ValueError(
                        f"class_weight={self.class_weight!r} gives the class {label!r} the weight "
                        f"{weight!r}. Pass finite numbers of at least 0."
                    )
        class_weight = compute_sample_weight(self.class_weight, y)
        if class_weight.max() == 0:
            raise ValueError(
                f"class_weight={self.class_weight!r} must give some class of y a positive weight."
            )
        result: np.ndarray = class_weight
        return result

    def _n_outputs(self, data: TrainingData) -> int:
        return len(self._labels.classes)

    def _task_losses(self, label_smoothing: float) -> dict[str, torch.nn.Module]:
        all_labeled = getattr(self, "unlabeled", None) is None
        return {"classification_loss": ClassificationLoss(all_labeled, label_smoothing)}


def _is_weight(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) < np.inf
