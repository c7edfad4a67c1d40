"""scikit-learn's callbacks, told of a fit and of its epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class FitProgress:
    """What the callbacks that ``set_callbacks`` has set are told; nothing before scikit-learn 1.9.

    Make it first thing in ``fit``, so that scikit-learn takes the callbacks down after an error.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    X, y : object
        What the user passed to ``fit``.
    sample_weight : object
        The same; ``None`` is not passed on.

    Attributes
    ----------
    stopped : bool
        Whether a callback has seen enough.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self._estimator = estimator
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._given = {"X": X, "y": y, "metadata": metadata}
        self._context: Any = None
        self._epoch: Any = None
        self._fitted_attributes: Callable[[Any], dict[str, Any]] | None = None
        self.stopped = False
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(max_subtasks=None)

    def begin(self, n_epochs: int) -> None:
        """Tell the callbacks that the fit begins and how many epochs it will take at most."""
        if self._context is not None:
            self._context.max_subtasks = n_epochs
            self._context.call_on_fit_task_begin(estimator=self._estimator, **self._given)

    def can_predict(self, fitted_attributes: Callable[[Any], dict[str, Any]]) -> None:
        """Let callbacks predict from now on, with attributes computed from the net in training."""
        self._fitted_attributes = fitted_attributes

    def begin_epoch(self, net: Any) -> None:
        """Tell the callbacks that an epoch begins."""
        if self._context is not None:
            self._epoch = self._context.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._given)

    def end_epoch(self, net: Any) -> bool:
        """Tell the callbacks that an epoch ended; return whether one of them has seen enough."""
        if self._context is None:
            return False
        attributes, predicts = None, self._fitted_attributes
        if predicts is not None:
            attributes = lambda: predicts(net)  # noqa: E731, computed only where it is asked for
        self.stopped |= self._epoch.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=attributes, **self._given
        )
        return self.stopped

    def end(self) -> None:
        """Tell the callbacks that the estimator is fitted."""
        if self._context is not None:
            self._context.call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes=dict, **self._given
            )
