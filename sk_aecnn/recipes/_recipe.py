"""Recipes: what a fit does, as concrete values.

`resolve_ensemble`, `resolve_training`, `resolve_autoencoder` and the like make them of parameters
and data. Builders take a recipe; no estimator comes further down than this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes._parameters import is_choice
from sk_aecnn.recipes.defaults import ClassCues, Covariance, Scaling, Task, is_predicted


@dataclass(frozen=True)
class EnsembleRecipe:
    """How many networks predict together, and what is inside; attributes are parameters, resolved.

    Attributes
    ----------
    is_table : bool
        Whether the samples are tables, for which alone there are ensembles. The linear models of
        tables are parts of the networks; those of sequences are beside them.
    scale_rates : tuple of float
        How fast each member learns the scales of its inputs; empty where none does.
    """

    n_estimators: int = 1
    linear_path: bool = False
    early_stopping: bool | str = False
    is_table: bool = False
    scale_rates: tuple[float, ...] = ()

    @property
    def n_members(self) -> int:
        """The members; 0 where there is one network and no linear model beside it."""
        return self.n_estimators if self.is_table else 0

    @property
    def convolves_at_random(self) -> bool:
        """Whether a linear model of random convolutions is beside the network."""
        return self.linear_path and not self.is_table

    @property
    def n_folds(self) -> int:
        """The parts that are held out from one member each; 0 for none."""
        return self.n_estimators if self.early_stopping == "cv" else 0


@dataclass(frozen=True)
class DataSummary:
    """What defaults go by, beside the statistics of the features.

    Attributes
    ----------
    geometry : SampleGeometry
        The shape of a sample.
    n_samples, n_unlabeled : int
        Number of samples, and of those without a target.
    are_integers : bool
        Whether the samples hold whole numbers alone; False where training goes on, which does not
        depend on it.
    task : {"classifier", "regressor", "outlier_detector", "imputer"} or None
        What the estimator is for; ``None`` for other transformers.
    trains_once : bool
        Whether this call is the whole of training: no part of the samples, nothing trained before.
    is_validated : bool
        Whether there are samples for early stopping beside these.
    cues : ClassCues
        What tells the class of images.
    ensemble : EnsembleRecipe
        How many networks predict together, as `resolve_ensemble` says.
    p_values : ndarray of shape (n_features,) or None
        Of tests whether the target depends on where values of a table are missing.
    """

    geometry: SampleGeometry
    n_samples: int
    n_unlabeled: int
    are_integers: bool
    task: Task
    trains_once: bool = True
    is_validated: bool = False
    cues: ClassCues = field(default_factory=ClassCues)
    ensemble: EnsembleRecipe = field(default_factory=EnsembleRecipe)
    p_values: np.ndarray | None = None

    @property
    def predicts(self) -> bool:
        """Whether classes or numbers are predicted."""
        return is_predicted(self.task)


@dataclass(frozen=True)
class InputRecipe:
    """How rows become the inputs of a network.

    Attributes
    ----------
    flat : bool
        Whether the network takes a sample as a vector.
    in_shape : tuple of int
        Shape of a sample as the network sees it, channels first.
    n_bins : int or None
        Bins of a feature, where each is encoded by what it holds; None where none is.
    n_bins_is_auto : bool
        Whether that is given up where the inputs of all features would be too many.
    task : {"classifier", "regressor", "outlier_detector", "imputer"} or None
        What features are encoded for.
    indicated : tuple of int
        Features, one of each column of a table, of which the network is told where they are
        missing.
    covariance : {"dense", "factors"} or None
        By what covariances missing values of a table are filled in; ``None`` for means.
    masks : bool
        Whether positions of a sample at which nothing is known are masked.
    """

    geometry: SampleGeometry
    dtype: torch.dtype
    scaling: Scaling
    flat: bool
    n_bins: int | None = None
    n_bins_is_auto: bool = False
    task: Task = None
    indicated: tuple[int, ...] = ()
    covariance: Covariance = None
    masks: bool = False

    @property
    def in_shape(self) -> tuple[int, ...]:
        geometry = self.geometry
        return (geometry.n_features,) if self.flat else (geometry.channels, *geometry.spatial)

    @property
    def filled_shape(self) -> tuple[int, ...]:
        """The shape of a sample with what tells of missing values."""
        channels, *spatial = self.in_shape
        n_added = len(self.indicated) if self.flat else min(len(self.indicated), 1)
        return (channels + n_added, *spatial)


@dataclass(frozen=True)
class AutoencoderRecipe:
    """The networks of an autoencoder and its loss; attributes are parameters, resolved.

    Attributes
    ----------
    n_encoded : int
        Numbers that the encoder puts out: the size of the code, or twice that.
    kernel_size : int
        0 where nothing is convolved.
    noise : tuple of (str or callable or None, float)
        Kind of noise and its level.
    linear_path : bool
        Whether encoder and decoder start as PCA.
    n_members : int
        Encoders of an ensemble; 0 where there is one encoder and no ensemble.
    """

    input: InputRecipe
    encoding_dim: int
    n_encoded: int
    encoder: str | Callable[..., Any] | FrozenEstimator
    decoder: str | Callable[..., Any]
    hidden_layer_sizes: tuple[int, ...]
    conv_channels: tuple[int, ...]
    kernel_size: int
    activation: str | Callable[..., Any]
    code_activation: str | Callable[..., Any]
    normalization: str | None
    reconstruction_loss: str | Callable[..., Any]
    noise: tuple[str | Callable[..., Any] | None, float]
    sparsity_weight: float
    clip: bool
    n_members: int = 0
    linear_path: bool = False

    @property
    def probabilities(self) -> bool:
        """Whether the decoder puts out the logits of inputs in [0, 1]."""
        return is_choice(self.reconstruction_loss, "bce")


@dataclass(frozen=True)
class BackendRecipe:
    """A back end; attributes are parameters, resolved.

    Attributes
    ----------
    in_shape : tuple of int
        Shape of the input of one back end.
    """

    dtype: torch.dtype
    in_shape: tuple[int, ...]
    n_outputs: int
    backend: str | Callable[..., Any]
    channels: tuple[int, ...]
    kernel_size: int
    dense_units: int
    dropout: float
    activation: str | Callable[..., Any]
    normalization: str | None
    global_pooling: bool
