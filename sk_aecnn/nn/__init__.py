"""The networks: plain torch modules that know nothing of estimators.

Axes are the same everywhere: rows are ``(batch, n_features)``, samples ``(batch, channels,
*spatial)``, codes ``(batch, encoding_dim)``, predictions ``(batch, n_outputs)`` without activation.
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
from sk_aecnn.nn._jitter import Jitter
from sk_aecnn.nn._layout import (
    InputLayout,
    Moments,
    choose_scaling,
    column_moments,
    fit_scaling,
)
from sk_aecnn.nn._networks import Autoencoder, VariationalAutoencoder, divergence_from_normal
from sk_aecnn.nn._noise import NOISES, SHARES, Corruption
from sk_aecnn.nn._norm import BatchNorm
from sk_aecnn.nn._own import OwnEncoder, build_own, build_own_encoder
from sk_aecnn.nn._pieces import PiecewiseLinear, find_pieces
from sk_aecnn.nn._predicting import ConvolutionalNetwork, JointNetwork
from sk_aecnn.nn._principal import PrincipalDecoder, PrincipalEncoder, find_components
from sk_aecnn.nn._shift import EarlyShift, RandomShift

__all__ = [
    "ACTIVATIONS",
    "NOISES",
    "SHARES",
    "Autoencoder",
    "BatchNorm",
    "CNNBackend",
    "ConvDecoder",
    "ConvEncoder",
    "ConvStage",
    "ConvolutionalNetwork",
    "Corruption",
    "DenseDecoder",
    "DenseEncoder",
    "Dropout",
    "EarlyShift",
    "InputLayout",
    "Jitter",
    "JointNetwork",
    "Moments",
    "OwnEncoder",
    "PiecewiseLinear",
    "PrincipalDecoder",
    "PrincipalEncoder",
    "RandomShift",
    "Unfold",
    "UpStage",
    "VariationalAutoencoder",
    "build",
    "build_activation",
    "build_own",
    "build_own_encoder",
    "choose_scaling",
    "column_moments",
    "divergence_from_normal",
    "find_components",
    "find_pieces",
    "fit_scaling",
    "plan_channels",
    "share_stream",
]
