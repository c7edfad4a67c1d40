"""The networks: plain torch modules that know nothing of estimators.

Axes are the same everywhere: rows are ``(batch, n_features)``, samples ``(batch, channels,
*spatial)``, codes ``(batch, encoding_dim)``, scores ``(batch, classes)`` without activation.
"""

from sk_aecnn.nn._activations import ACTIVATIONS, build_activation
from sk_aecnn.nn._backend import CNNBackend
from sk_aecnn.nn._conv import (
    ConvDecoder,
    ConvEncoder,
    ConvStage,
    Dropout,
    Unfold,
    UpStage,
    plan_channels,
)
from sk_aecnn.nn._dense import DenseDecoder, DenseEncoder
from sk_aecnn.nn._init import build, share_stream
from sk_aecnn.nn._layout import InputLayout, Moments, column_moments, fit_scaling
from sk_aecnn.nn._networks import Autoencoder, JointNetwork
from sk_aecnn.nn._norm import BatchNorm

__all__ = [
    "ACTIVATIONS",
    "Autoencoder",
    "BatchNorm",
    "CNNBackend",
    "ConvDecoder",
    "ConvEncoder",
    "ConvStage",
    "DenseDecoder",
    "DenseEncoder",
    "Dropout",
    "InputLayout",
    "JointNetwork",
    "Moments",
    "Unfold",
    "UpStage",
    "build",
    "build_activation",
    "column_moments",
    "fit_scaling",
    "plan_channels",
    "share_stream",
]
