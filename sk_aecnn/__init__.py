"""Autoencoders and convolutional networks as scikit-learn estimators.

The names listed in ``__all__`` are loaded when first used, so that importing the package costs
next to nothing: PyTorch and skorch are imported with the first estimator.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sk_aecnn.estimators._aecnn_classifier import AECNNClassifier
    from sk_aecnn.estimators._aecnn_regressor import AECNNRegressor
    from sk_aecnn.estimators._autoencoder import AutoencoderTransformer
    from sk_aecnn.estimators._cnn_classifier import CNNClassifier
    from sk_aecnn.estimators._cnn_regressor import CNNRegressor
    from sk_aecnn.estimators._imputer import AutoencoderImputer
    from sk_aecnn.estimators._outlier import AutoencoderOutlierDetector
    from sk_aecnn.estimators._variational import VariationalAutoencoderTransformer
    from sk_aecnn.exceptions import DivergenceError

__version__ = "0.1.0.dev0"

__all__ = [
    "AECNNClassifier",
    "AECNNRegressor",
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "CNNClassifier",
    "CNNRegressor",
    "DivergenceError",
    "VariationalAutoencoderTransformer",
]

_HOMES = {
    "AECNNClassifier": "sk_aecnn.estimators._aecnn_classifier",
    "AECNNRegressor": "sk_aecnn.estimators._aecnn_regressor",
    "AutoencoderImputer": "sk_aecnn.estimators._imputer",
    "AutoencoderOutlierDetector": "sk_aecnn.estimators._outlier",
    "AutoencoderTransformer": "sk_aecnn.estimators._autoencoder",
    "CNNClassifier": "sk_aecnn.estimators._cnn_classifier",
    "CNNRegressor": "sk_aecnn.estimators._cnn_regressor",
    "DivergenceError": "sk_aecnn.exceptions",
    "VariationalAutoencoderTransformer": "sk_aecnn.estimators._variational",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
