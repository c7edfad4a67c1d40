"""Autoencoders and convolutional networks as scikit-learn estimators.

The names listed in ``__all__`` are loaded when first used, so that importing the package costs
next to nothing: PyTorch and skorch are imported with the first estimator.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sk_aecnn._version import __version__ as __version__

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
    from sk_aecnn.plotting._code_size import CodeSizeDisplay
    from sk_aecnn.plotting._code_space import CodeSpaceDisplay
    from sk_aecnn.plotting._loss_curve import LossCurveDisplay
    from sk_aecnn.plotting._reconstruction import ReconstructionDisplay
    from sk_aecnn.plotting._reconstruction_error import ReconstructionErrorDisplay

__all__ = [
    "AECNNClassifier",
    "AECNNRegressor",
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "CNNClassifier",
    "CNNRegressor",
    "CodeSizeDisplay",
    "CodeSpaceDisplay",
    "DivergenceError",
    "LossCurveDisplay",
    "ReconstructionDisplay",
    "ReconstructionErrorDisplay",
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
    "CodeSizeDisplay": "sk_aecnn.plotting._code_size",
    "CodeSpaceDisplay": "sk_aecnn.plotting._code_space",
    "DivergenceError": "sk_aecnn.exceptions",
    "LossCurveDisplay": "sk_aecnn.plotting._loss_curve",
    "ReconstructionDisplay": "sk_aecnn.plotting._reconstruction",
    "ReconstructionErrorDisplay": "sk_aecnn.plotting._reconstruction_error",
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
