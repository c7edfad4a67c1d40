"""The methods of fitted estimators as torch modules."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from sklearn.base import is_regressor
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sk_aecnn.nn import Probabilities, SampleModule, Units

# what `SampleModule` takes after the network
Result = tuple[str, nn.Module, bool]


def _predict(estimator: Any) -> Result:
    scaler = estimator._target_scaler
    parts = scaler.mean, scaler.scale, *scaler.limits(estimator._max_extrapolation)
    mean, scale, low, high = (torch.from_numpy(part.copy()) for part in parts)
    return "predict", Units(mean, scale, low, high, scaler.given_flat), False


def _predict_proba(estimator: Any) -> Result:
    temperature = estimator.net_.predict_nonlinearity.inverse_temperature
    return "predict", Probabilities(temperature), False


def _predict_log_proba(estimator: Any) -> Result:
    temperature = estimator.net_.predict_nonlinearity.inverse_temperature
    return "predict", Probabilities(temperature, log=True), False


def _transform(estimator: Any) -> Result:
    if getattr(estimator, "output", "code") == "reconstruction":
        return _reconstruct(estimator)
    return "encode", nn.Identity(), False


def _reconstruct(estimator: Any) -> Result:
    return "reconstruct", nn.Identity(), True


def _reconstruction_error(estimator: Any) -> Result:
    return "mean_squared_error", nn.Identity(), False


# in the order in which one is taken where none is named
_RESULTS: dict[str, Callable[[Any], Result]] = {
    "predict_proba": _predict_proba,
    "predict": _predict,
    "transform": _transform,
    "reconstruct": _reconstruct,
    "reconstruction_error": _reconstruction_error,
    "predict_log_proba": _predict_log_proba,
}


def build_torch_module(estimator: Any, method: str | None) -> SampleModule:
    """Return a method of a fitted estimator as a module, with a copy of its network."""
    schema = estimator._schema
    if schema is not None and schema.n_categories:
        name = next(column.name for column in schema.columns if column.categories)
        raise ValueError(
            f"Column {name!r} of X holds categories, which are no numbers to compute gradients of. "
            "Fit on numbers, such as those of a sklearn.preprocessing.OneHotEncoder."
        )
    known = [
        name
        for name in _RESULTS
        if hasattr(estimator, name) and (name != "predict" or is_regressor(estimator))
    ]
    if method in _RESULTS and not hasattr(estimator, method):
        getattr(estimator, method)  # raises, with the reason
    if method is not None and method not in known:
        raise ValueError(
            f"method={method!r} must be one of the methods of {type(estimator).__name__} that are "
            f"differentiable: {', '.join(known)}."
        )
    parts = _RESULTS[known[0] if method is None else method](estimator)
    module = SampleModule(deepcopy(estimator.net_.module_), *parts)
    return module.to(estimator.net_.device).eval()


class TorchModuleMixin:
    """``to_torch``."""

    def to_torch(self, method: str | None = None) -> torch.nn.Module:
        """Return a method of the fitted estimator as a torch module, from samples to results.

        The module takes a batch of samples in the units of ``fit`` and returns the result of the
        method as a tensor, which is differentiable with respect to samples and weights. It can be
        used for attributions (Captum, SHAP), adversarial examples, or further training in torch.

        Parameters
        ----------
        method : {"predict_proba", "predict_log_proba", "predict", "transform", "reconstruct", \
                "reconstruction_error"} or None, default=None
            The method, which the estimator must have; ``"predict"`` is for regressors only.
            ``None``: the first that the estimator has of ``"predict_proba"``, ``"predict"`` and
            ``"transform"``.

        Returns
        -------
        module : torch.nn.Module
            A module in evaluation mode, on the device of ``net_``. It has a copy of the weights, so
            it does not change when the estimator is fitted again. Its input is a tensor of shape
            (n_samples, n_features) or (n_samples, *sample_shape) of any dtype; values that are not
            finite raise no error.

        Raises
        ------
        AttributeError
            If the estimator has no such method.
        ValueError
            If the method is not differentiable, or columns hold categories.

        Examples
        --------
        >>> import torch
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = CNNClassifier(max_epochs=3, random_state=0).fit(X, y)
        >>> module = model.to_torch("predict_proba")
        >>> module(torch.from_numpy(X[:5])).shape
        torch.Size([5, 3])
        """
        check_is_fitted(self)
        return build_torch_module(self, method)
