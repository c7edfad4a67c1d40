"""Peers, and what tables put around a model: flat rows, pixels, standardised features."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import networks
import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_selector as columns_of
from sklearn.compose import make_column_transformer
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn

# -- what goes around a model -----------------------------------------------------------------


def named(*models, **others):
    """Return rows whose names are what the models are called by."""
    return {repr(model): model for model in models} | others


def rows_of(X):
    """Return each sample as a row."""
    return X.reshape(len(X), -1)


def pixels_of(X):
    """Return each image as a row of numbers from 0 to 1."""
    return rows_of(X).astype(np.float32) / 255


def in_text(X):
    """Return the names of the columns that are no numbers."""
    return list(X.select_dtypes(exclude="number"))


def applied(function, inverse=None):
    return FunctionTransformer(function, inverse_func=inverse, check_inverse=False)


# what pipelines begin with; "inverse" is applied to what is rebuilt
ROWS = applied(rows_of, rows_of)
PIXELS = applied(pixels_of, lambda rows: 255 * rows)
IMAGES = applied(lambda X: X.astype(np.float32) / 255)
CHANNELS_FIRST = applied(lambda X: X.transpose(0, 2, 1))
INTEGERS = applied(lambda X: X.astype(float))  # of text
CATEGORIES = applied(lambda X: X.astype(dict.fromkeys(in_text(X), "category")))
ONE_HOT = OneHotEncoder(
    max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False
)
LOGISTIC = LogisticRegression(max_iter=2000)
BOOSTING = make_pipeline(
    CATEGORIES, HistGradientBoostingClassifier(categorical_features="from_dtype")
)


def standardised(*steps):
    return make_pipeline(StandardScaler(), *steps)


def on_code(coder):
    """Return a logistic regression on the standardised code of a transformer."""
    return make_pipeline(coder, StandardScaler(), LOGISTIC)


def encoded(model, *numbers):
    """Return a model of frames: numbers through transformers, if any, all else one-hot."""
    columns = make_column_transformer(
        (make_pipeline(*numbers) if numbers else "passthrough", columns_of(dtype_include="number")),
        (ONE_HOT, columns_of(dtype_exclude="number")),
    )
    return make_pipeline(columns, model)


def imputed(model, *scaler):
    return encoded(model, SimpleImputer(), *scaler)


# -- what is fitted by more than a call of fit --------------------------------------------------


@dataclass(eq=False, repr=False)
class Fitted(BaseEstimator):
    """What a function makes of a model, of rows, of a target and of a seed."""

    model: BaseEstimator
    function: Callable
    random_state: int | None = None

    def fit(self, X, y=None):
        self.result_ = self.function(self.model, X, y, self.random_state)
        return self

    def predict(self, X):
        return self.result_.predict(X)

    def decision_function(self, X):
        """Return the scores of the rows, which are those that it was fitted to."""
        return self.result_


def scored(model, X, *_):
    return -model.fit(X).score_samples(X)


def reconstruction_error(pca, X, *_):
    return np.square(X - pca.inverse_transform(pca.fit_transform(X))).sum(axis=1)


def minimum_covariance(run):
    """Return the detector by the minimum covariance determinant, on at most 50 components."""
    n_components = min(50, *run.split.X.shape)
    detector = Fitted(EllipticEnvelope(), scored)
    return standardised(PCA(n_components), VarianceThreshold(1e-9), detector)


def on_labelled(model, X, y, seed, n_more=0):
    """Fit to the rows that have a label, and to some of the others."""
    rows = np.r_[np.flatnonzero(y >= 0), np.flatnonzero(y < 0)[:n_more]]
    return model.fit(X[rows], y[rows])


def on_half_codes(coder, X, y, seed, size):
    """Fit a logistic regression to a code of half as many numbers as there are features."""
    return on_code(coder.set_params(**{size: max(1, min(X.shape) // 2)})).fit(X, y)


def on_samples(generator, X, y, seed):
    """Fit boosted trees to as many samples as there are rows; the target is one of the columns."""
    labels, codes = np.unique(y, return_inverse=True)
    rows = generator.fit(X.assign(target=codes.astype(str))).sample(len(y), random_state=seed)
    return clone(BOOSTING).fit(rows.drop(columns="target"), labels[rows["target"].astype(int)])


def on_samples_of_classes(generator, X, y, seed):
    """Fit boosted trees to samples of the classes of the rows."""
    return clone(BOOSTING).fit(generator.fit(X, y).sample(len(y), y=y, random_state=seed), y)


# -- plain torch, in skorch's loop --------------------------------------------------------------

TRAINING = {"train_split": None, "iterator_train__shuffle": True, "verbose": 0}
TRAINING |= {"optimizer": torch.optim.Adam, "lr": 1e-3}


def article_cnn():
    """Return the source article's network."""
    loss = {"criterion": nn.CrossEntropyLoss, "batch_size": 128, "max_epochs": 10}
    net = NeuralNetClassifier(networks.cnn, **loss, **TRAINING)
    return make_pipeline(IMAGES, net)


class Autoencoder(NeuralNet):
    """A network of an encoder and a decoder."""

    def fit(self, X, y):
        return super().fit(X, X)

    def transform(self, X):
        return self.module_[0](torch.from_numpy(X)).detach().numpy()

    def inverse_transform(self, codes):
        return self.module_[1](torch.from_numpy(codes)).detach().numpy()


def deep_autoencoder():
    """Return the deep autoencoder of Keras's blog."""
    loss = {"criterion": nn.BCELoss, "batch_size": 256, "max_epochs": 100}
    return make_pipeline(PIXELS, Autoencoder(networks.autoencoder, **loss, **TRAINING))


# -- packages that need not be there ----------------------------------------------------------


@dataclass(eq=False, repr=False)
class Gan(BaseEstimator):
    """A generator of the package ctgan as those of this package are called."""

    generator: Any

    def fit(self, X):
        self.generator.fit(X.fillna(dict.fromkeys(in_text(X), "missing")), in_text(X))
        return self

    def sample(self, n_samples, random_state):
        return self.generator.sample(n_samples)


def optional(path, around=make_pipeline, threads=None, seed="random_state", **params):
    """Return the row of another package's class, which is imported before the fit.

    ``threads`` and ``seed`` are what it calls the number of threads and its seed, if it has them.
    """
    module, _, name = path.rpartition(".")

    def build(run):
        limits = {threads: torch.get_num_threads()} if threads else {}
        seeds = {seed: run.seed} if seed else {}
        return around(getattr(import_module(module), name)(**seeds, **limits, **params))

    return build


def of_aeon(name):
    path = f"aeon.classification.convolution_based.{name}"
    return optional(path, lambda model: make_pipeline(CHANNELS_FIRST, model))


def of_ctgan(name):
    return optional(f"ctgan.{name}", lambda model: Fitted(Gan(model), on_samples), seed=None)


def of_pyod(name):
    around = partial(Fitted, function=lambda model, X, *_: model.fit(X).decision_scores_)
    return optional(f"pyod.models.{name}", around, seed=None)


def extended_forest():
    """Return the row of an isolation forest whose cuts are slanted."""
    around = partial(Fitted, function=lambda model, X, *_: model.fit(X).predict(X))
    names = {"threads": "nthreads", "seed": "random_seed"}
    return optional("isotree.IsolationForest", around, **names, ndim=2, ntrees=100, sample_size=256)
