"""The networks: plain torch modules that know nothing of estimators.

Axes are the same everywhere: rows are ``(batch, n_features)``, samples ``(batch, channels,
*spatial)``, codes ``(batch, encoding_dim)``, predictions ``(batch, n_outputs)`` without activation.
"""

from sk_aecnn.nn._activations import ACTIVATIONS, build_activation
from sk_aecnn.nn._attribution import find_minimum, integrated_gradients
from sk_aecnn.nn._augmentation import Augmentation
from sk_aecnn.nn._backend import CNNBackend, DenseBackend
from sk_aecnn.nn._categories import Categories
from sk_aecnn.nn._columns import (
    ColumnEncoding,
    Columns,
    Steps,
    add_names,
    are_whole,
    cut_columns,
    describe_columns,
)
from sk_aecnn.nn._conditional_mean import (
    MOST_DEVIATIONS,
    ConditionalMean,
    DensePrecision,
    FactorPrecision,
)
from sk_aecnn.nn._conv import (
    ConvDecoder,
    ConvEncoder,
    ConvStage,
    Dropout,
    SoftOrdering,
    UpsamplingStage,
)
from sk_aecnn.nn._custom import CustomEncoder, build_custom, build_custom_encoder
from sk_aecnn.nn._custom_transform import CustomTransform
from sk_aecnn.nn._dense import DenseDecoder, DenseEncoder, Linear
from sk_aecnn.nn._init import build, check_memory
from sk_aecnn.nn._layout import InputLayout, Moments, column_moments, fit_scaling
from sk_aecnn.nn._masking import MaskedAutoencoder
from sk_aecnn.nn._members import (
    BackendMembers,
    EncoderMembers,
    MeanPrediction,
    MeanProbability,
    OneMember,
)
from sk_aecnn.nn._neighbours import NeighbourClasses, distances
from sk_aecnn.nn._networks import Autoencoder, AutoencoderParts, BaseAutoencoder
from sk_aecnn.nn._noise import NOISE_SHARES, NOISES, Corruption, NestedDropout
from sk_aecnn.nn._norm import BatchNorm
from sk_aecnn.nn._normal_scores import NormalScores
from sk_aecnn.nn._pca import PCADecoder, PCAEncoder, PCAHalf, fit_pca, start_as_pca
from sk_aecnn.nn._prediction import ConvolutionalNetwork, JointNetwork
from sk_aecnn.nn._random import RandomLayer, set_generator
from sk_aecnn.nn._random_convolutions import RandomConvolutionModel, RandomConvolutions
from sk_aecnn.nn._sampled_features import SampledFeatures
from sk_aecnn.nn._samples import Probabilities, SampleModule, Units
from sk_aecnn.nn._side_by_side import LinearMembers
from sk_aecnn.nn._target_transform import TargetTransform, has_parameter
from sk_aecnn.nn._transforms import (
    GEOMETRIC,
    PHOTOMETRIC,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomFlip,
    RandomHorizontalFlip,
    RandomTransform,
    RandomTranslation,
    RandomVerticalFlip,
)
from sk_aecnn.nn._variational import VariationalAutoencoder, divergence_from_normal

__all__ = [
    "ACTIVATIONS",
    "GEOMETRIC",
    "MOST_DEVIATIONS",
    "NOISES",
    "NOISE_SHARES",
    "PHOTOMETRIC",
    "Augmentation",
    "Autoencoder",
    "AutoencoderParts",
    "BackendMembers",
    "BaseAutoencoder",
    "BatchNorm",
    "CNNBackend",
    "Categories",
    "ColumnEncoding",
    "Columns",
    "ConditionalMean",
    "ConvDecoder",
    "ConvEncoder",
    "ConvStage",
    "ConvolutionalNetwork",
    "Corruption",
    "CustomEncoder",
    "CustomTransform",
    "DenseBackend",
    "DenseDecoder",
    "DenseEncoder",
    "DensePrecision",
    "Dropout",
    "EncoderMembers",
    "FactorPrecision",
    "InputLayout",
    "JointNetwork",
    "Linear",
    "LinearMembers",
    "MaskedAutoencoder",
    "MeanPrediction",
    "MeanProbability",
    "Moments",
    "NeighbourClasses",
    "NestedDropout",
    "NormalScores",
    "OneMember",
    "PCADecoder",
    "PCAEncoder",
    "PCAHalf",
    "Probabilities",
    "RandomBrightness",
    "RandomContrast",
    "RandomConvolutionModel",
    "RandomConvolutions",
    "RandomErasing",
    "RandomFlip",
    "RandomHorizontalFlip",
    "RandomLayer",
    "RandomTransform",
    "RandomTranslation",
    "RandomVerticalFlip",
    "SampleModule",
    "SampledFeatures",
    "SoftOrdering",
    "Steps",
    "TargetTransform",
    "Units",
    "UpsamplingStage",
    "VariationalAutoencoder",
    "add_names",
    "are_whole",
    "build",
    "build_activation",
    "build_custom",
    "build_custom_encoder",
    "check_memory",
    "column_moments",
    "cut_columns",
    "describe_columns",
    "distances",
    "divergence_from_normal",
    "find_minimum",
    "fit_pca",
    "fit_scaling",
    "has_parameter",
    "integrated_gradients",
    "set_generator",
    "start_as_pca",
]
