"""Autoencoders and convolutional networks as scikit-learn estimators.

The names listed in ``__all__`` are loaded when first used, so that importing the package costs
next to nothing: PyTorch and skorch are imported with the first estimator.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sk_aecnn._autoencoder import AutoencoderTransformer
    from sk_aecnn._classifier import AECNNClassifier
    from sk_aecnn.exceptions import DivergenceError

__version__ = "0.1.0.dev0"

__all__ = ["AECNNClassifier", "AutoencoderTransformer", "DivergenceError"]

_HOMES = {
    "AECNNClassifier": "sk_aecnn._classifier",
    "AutoencoderTransformer": "sk_aecnn._autoencoder",
    "DivergenceError": "sk_aecnn.exceptions",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
