"""The parameters of the estimators, in groups: each with its type, its default and its constraints.

An estimator's constructor is made by `dataclasses.dataclass` from the groups that it inherits, in
reverse order of inheritance, so that a parameter is written once and `inspect`, editors and type
checkers see every signature. Constraints are those of scikit-learn's parameter validation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._torch import DTYPES
from sk_aecnn.nn import ACTIVATIONS, NOISES
from sk_aecnn.recipes._augmentation import Augment
from sk_aecnn.training._optimizers import OPTIMIZERS
from sk_aecnn.training._reconstruction_losses import RECONSTRUCTION_LOSSES
from sk_aecnn.training._schedules import LR_SCHEDULES

Auto = Literal["auto"]
Constraints = dict[str, list[Any]]
Sizes = int | Sequence[int]
# the parameter `augmentation`, but for "auto" and None
Transforms = Augment | Mapping[str, float] | Sequence[Any]
# a torch.nn.Module class, or a function that returns a module
Factory = Callable[..., torch.nn.Module]

# sizes and numbers of epochs: what a 32-bit integer holds
POSITIVE_INT = Interval(Integral, 1, 2**31 - 1, closed="both")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_SHARE = Interval(Real, 0, 1, closed="left")


@dataclass(eq=False, repr=False, kw_only=True)
class RunParameters:
    """Where a network is trained, and what is told of it."""

    callbacks: list[Any] | None = None
    device: str = "auto"
    precision: Literal["float32", "float64", "bfloat16"] = "float32"
    verbose: int | bool = 0
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[Constraints] = {
        "callbacks": [list, None],
        "device": [str],
        "precision": [StrOptions(set(DTYPES))],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class TrainingParameters:
    """How a network is trained."""

    max_epochs: int | Auto = "auto"
    batch_size: int | Auto = "auto"
    lr: float | Auto = "auto"
    optimizer: str | type[torch.optim.Optimizer] = "adamw"
    weight_decay: float = 1e-4
    lr_schedule: Literal["auto", "one_cycle", "cosine", "constant"] = "auto"
    early_stopping: bool | Literal["auto", "cv"] = "auto"
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    warm_start: bool = False

    _parameter_constraints: ClassVar[Constraints] = {
        "max_epochs": [StrOptions({"auto"}), POSITIVE_INT],
        "batch_size": [StrOptions({"auto"}), POSITIVE_INT],
        "lr": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "weight_decay": [_NOT_NEGATIVE],
        "lr_schedule": [StrOptions({"auto", *LR_SCHEDULES})],
        "early_stopping": [StrOptions({"auto", "cv"}), "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [POSITIVE_INT],
        "warm_start": ["boolean"],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class InputParameters:
    """What samples are, and how they are changed before and while a network sees them."""

    sample_shape: Sequence[int] | np.ndarray | None = None
    channel_axis: int | Auto | None = "auto"
    categorical_features: Literal["from_dtype"] | Sequence[Any] | np.ndarray | None = "from_dtype"
    max_categories: int = 255
    scaling: Literal["auto", "feature", "shared"] | None = "auto"
    augmentation: Transforms | Auto | None = "auto"

    _parameter_constraints: ClassVar[Constraints] = {
        "sample_shape": [tuple, list, np.ndarray, None],
        "channel_axis": [StrOptions({"auto"}), Integral, None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "max_categories": [Interval(Integral, 2, 2**31 - 1, closed="both")],
        "scaling": [StrOptions({"auto", "feature", "shared"}), None],
        "augmentation": [StrOptions({"auto"}), Mapping, list, tuple, callable, None],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class EnsembleParameters:
    """The networks that predict together, and what each is made of."""

    backend: str | Factory = "auto"
    dense_units: int = 128
    dropout: float | Auto = "auto"
    n_bins: int | Auto | None = "auto"
    linear_path: bool | Auto = "auto"
    n_estimators: int | Auto = "auto"
    scoring: str | Callable[..., float] = "loss"

    _parameter_constraints: ClassVar[Constraints] = {
        "backend": [StrOptions({"auto", "cnn", "dense"}), callable],
        "dense_units": [POSITIVE_INT],
        "dropout": [StrOptions({"auto"}), _SHARE],
        "n_bins": [StrOptions({"auto"}), Interval(Integral, 1, 2**31 - 1, closed="both"), None],
        "linear_path": [StrOptions({"auto"}), "boolean"],
        "n_estimators": [StrOptions({"auto"}), POSITIVE_INT],
        "scoring": [str, callable],
    }


@dataclass(eq=False, repr=False)
class AutoencoderParameters:
    """The networks of an autoencoder, and what its reconstruction is measured by."""

    encoding_dim: int = 32
    _: KW_ONLY
    encoder: str | Factory | FrozenEstimator = "auto"
    decoder: str | Factory = "auto"
    hidden_layer_sizes: Sizes | Auto = "auto"
    conv_channels: Sizes | Auto = "auto"
    kernel_size: int | Auto = "auto"
    activation: str | Callable[..., Any] = "relu"
    normalization: Auto | Literal["batch"] | None = "auto"
    reconstruction_loss: str | Callable[..., Any] = "mse"
    clip: Auto | bool = "auto"

    _parameter_constraints: ClassVar[Constraints] = {
        "encoding_dim": [POSITIVE_INT],
        "encoder": [StrOptions({"auto", "dense", "conv"}), FrozenEstimator, callable],
        "decoder": [StrOptions({"auto"}), callable],
        "hidden_layer_sizes": [StrOptions({"auto"}), "array-like", POSITIVE_INT],
        "conv_channels": [StrOptions({"auto"}), "array-like", POSITIVE_INT],
        "kernel_size": [StrOptions({"auto"}), POSITIVE_INT],
        "activation": [StrOptions(set(ACTIVATIONS)), callable],
        "normalization": [StrOptions({"auto", "batch"}), None],
        "reconstruction_loss": [StrOptions(set(RECONSTRUCTION_LOSSES)), callable],
        "clip": [StrOptions({"auto"}), "boolean"],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class DenoisingParameters(AutoencoderParameters):
    """Noise on the inputs of an autoencoder that is trained by itself."""

    noise: str | Callable[..., Any] | None = None
    noise_level: float = 0.3

    _parameter_constraints: ClassVar[Constraints] = {
        "noise": [StrOptions(set(NOISES)), callable, None],
        "noise_level": [_NOT_NEGATIVE],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class PointCodeParameters(AutoencoderParameters):
    """The code of an autoencoder whose code is a point, not a distribution."""

    code_activation: str | Callable[..., Any] = "identity"

    _parameter_constraints: ClassVar[Constraints] = {
        "code_activation": [StrOptions(set(ACTIVATIONS)), callable],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class CodeParameters(PointCodeParameters, DenoisingParameters):
    """The code of an autoencoder that is trained by itself."""

    sparsity_weight: float = 0.0

    _parameter_constraints: ClassVar[Constraints] = {"sparsity_weight": [_NOT_NEGATIVE]}


@dataclass(eq=False, repr=False, kw_only=True)
class JointParameters(PointCodeParameters, EnsembleParameters):
    """The back end behind an encoder, and how the two are trained."""

    reconstruction_weight: float = 1.0
    backend_input: Literal["features", "code"] = "features"
    backend_channels: Sizes | Auto = "auto"
    pretrain_epochs: int = 0
    freeze_encoder: bool = False

    _parameter_constraints: ClassVar[Constraints] = {
        "reconstruction_weight": [_NOT_NEGATIVE],
        "backend_input": [StrOptions({"code", "features"})],
        "backend_channels": [StrOptions({"auto"}), "array-like", POSITIVE_INT],
        "pretrain_epochs": [Interval(Integral, 0, 2**31 - 1, closed="both")],
        "freeze_encoder": ["boolean"],
    }


@dataclass(eq=False, repr=False)
class ConvolutionalParameters(EnsembleParameters):
    """A convolutional network on the samples themselves."""

    conv_channels: Sizes | Auto = "auto"
    _: KW_ONLY
    kernel_size: int | Auto = "auto"
    activation: str | Callable[..., Any] = "relu"
    normalization: Auto | Literal["batch"] | None = "auto"

    _parameter_constraints: ClassVar[Constraints] = {
        name: AutoencoderParameters._parameter_constraints[name]
        for name in ("conv_channels", "kernel_size", "activation", "normalization")
    }


@dataclass(eq=False, repr=False, kw_only=True)
class ClassificationParameters:
    """What classes the loss of a classifier counts, and who else predicts them."""

    neighbors: bool = True
    label_smoothing: float | Auto = "auto"
    class_weight: Mapping[Any, float] | Literal["balanced"] | None = None

    _parameter_constraints: ClassVar[Constraints] = {
        "neighbors": ["boolean"],
        "label_smoothing": [StrOptions({"auto"}), _SHARE],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class RegressionParameters:
    """Which numbers are predicted."""

    max_extrapolation: float | Auto | None = "auto"

    _parameter_constraints: ClassVar[Constraints] = {
        "max_extrapolation": [StrOptions({"auto"}), _NOT_NEGATIVE, None],
    }


def merge_constraints(cls: type) -> Constraints:
    """Return the constraints of all the groups that a class inherits."""
    merged: Constraints = {}
    for base in reversed(cls.__mro__):
        merged |= vars(base).get("_parameter_constraints", {})
    return merged
