"""Copies and files of estimators."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Self

from sk_aecnn._version import __version__
from sk_aecnn.lifecycle._on_demand import OnDemandMixin
from sk_aecnn.lifecycle._state import from_plain, to_plain, version_explained
from sk_aecnn.training._copies import without_optimizer


class SavingMixin(OnDemandMixin):
    """What is copied of an estimator, and what its pickles and files hold."""

    def set_saving(self, *, include_optimizer: bool) -> Self:
        """Choose what pickles and files of this estimator contain.

        By default they contain what predictions need: parameters, weights and statistics. Training
        that continues from a file (``partial_fit``, ``warm_start``) then begins with a new
        optimizer, so its first steps differ from those of the original estimator. The setting is
        not a parameter: `clone`, and with it ``best_estimator_`` of a search, has the default.

        Parameters
        ----------
        include_optimizer : bool
            Whether to include the state of the optimizer, so that training continues exactly as it
            would in this process. With Adam, files are then three times as large.

        Returns
        -------
        self : estimator
            The estimator itself.

        Examples
        --------
        >>> import pickle
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = CNNClassifier(max_epochs=3, random_state=0).fit(X, y)
        >>> size = len(pickle.dumps(model))
        >>> len(pickle.dumps(model.set_saving(include_optimizer=True))) > size
        True
        """
        self._include_optimizer = bool(include_optimizer)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return parameters and fitted attributes as text and arrays; see `to_plain`."""
        attributes = self._measured_attributes()
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
        copied.__dict__.update(deepcopy(self._measured_attributes(), memo))
        return copied

    def _shallow_copy(self) -> Self:
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied
