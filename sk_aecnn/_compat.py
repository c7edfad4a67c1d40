"""The only door to names that scikit-learn keeps private, or that older versions lack."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from sklearn.base import _fit_context
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils._set_output import _get_output_config as get_output_config
from sklearn.utils.metaestimators import available_if as _available_if
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

_Method = TypeVar("_Method", bound=Callable[..., Any])

# here and below, decorators of scikit-learn with a type
_validated: Callable[[_Method], _Method] = _fit_context(prefer_skip_nested_validation=True)


def fit_context(method: _Method) -> _Method:
    """Decorate ``fit``: parameters are validated, and after an error all attributes are as before.

    Errors of the hooks that scikit-learn's callbacks have after the fit count as well.
    """
    validated = _validated(method)

    @wraps(method)
    def fit(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(estimator))
        try:
            return validated(estimator, *args, **kwargs)
        except BaseException:
            estimator.__dict__ = before
            raise

    return fit  # type: ignore[return-value]


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
    "RealNotInt",
    "StrOptions",
    "available_if",
    "check_matplotlib_support",
    "check_sample_weight",
    "fit_context",
    "get_output_config",
]
