"""The only door to names that scikit-learn keeps private, or that older versions lack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if as _available_if
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

_Method = TypeVar("_Method", bound=Callable[..., Any])

# the decorator of ``fit``, which validates parameters; here and below, with a type
fit_context: Callable[..., Callable[[_Method], _Method]] = _fit_context
# the decorator of methods that only some parameters allow
available_if: Callable[[Callable[[Any], bool]], Callable[[_Method], _Method]] = _available_if

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """A stand-in: without scikit-learn's callbacks there is nothing to support."""


__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "StrOptions",
    "available_if",
    "check_sample_weight",
    "fit_context",
]
