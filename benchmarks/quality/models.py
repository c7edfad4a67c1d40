"""Peers, and what tables put around a model: flat rows, pixels, standardised features."""

from importlib import import_module

import numpy as np
import plain
import torch
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.compose import make_column_selector as columns_of
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from torch import nn
from torch.nn import functional as F

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


def through(function, *steps, back=None):
    """Return a pipeline that begins with a function; ``back`` is applied to what it rebuilds."""
    first = FunctionTransformer(function, inverse_func=back, check_inverse=False)
    return make_pipeline(first, *steps)


def on_rows(*steps):
    return through(rows_of, *steps, back=rows_of)


def on_pixels(*steps):
    return through(pixels_of, *steps, back=lambda rows: 255 * rows)


def on_images(*steps):
    """Return a pipeline over images of one channel, which comes first, from 0 to 1."""
    return through(lambda X: X[:, None].astype(np.float32) / 255, *steps)


def channels_first(*steps):
    """Return a pipeline over series whose channels come before time."""
    return through(lambda X: X.transpose(0, 2, 1), *steps)


def standardised(*steps):
    return make_pipeline(StandardScaler(), *steps)


def logistic():
    return LogisticRegression(max_iter=2000)


def on_code(coder):
    """Return a logistic regression on the standardised code of a transformer."""
    return make_pipeline(coder, StandardScaler(), logistic())


def mlp_regressor():
    """Return an MLP on standardised features and targets."""
    return TransformedTargetRegressor(standardised(MLPRegressor()), transformer=StandardScaler())


def encoded(model, *numbers):
    """Return a model of frames: numbers through transformers, if any, all else one-hot."""
    one_hot = OneHotEncoder(
        max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    columns = make_column_transformer(
        (make_pipeline(*numbers) if numbers else "passthrough", columns_of(dtype_include="number")),
        (one_hot, columns_of(dtype_exclude="number")),
    )
    return make_pipeline(columns, model)


def imputed(model, *scaler):
    return encoded(model, SimpleImputer(), *scaler)


class Applied(BaseEstimator):
    """A model and what a function of it and of the rows that it was fitted to returns."""

    def __init__(self, model, function=lambda model, X: -model.score_samples(X)):
        self.model = model
        self.function = function

    def fit(self, X, y=None):
        self.result_ = self.function(self.model.fit(X), X)
        return self


def transformed(model):
    return make_pipeline(Applied(model, lambda model, X: model.transform(X)))


def filled(imputer):
    """Return an imputer of a table whose categories are told by integers."""
    return through(lambda X: X.astype(float), *transformed(imputer))


def reconstruction_error(pca, X):
    return np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)


def minimum_covariance(run):
    """Return the detector by the minimum covariance determinant, on at most 50 components."""
    n_components = min(50, *run.split.X.shape)
    detector = Applied(EllipticEnvelope())
    return standardised(PCA(n_components), VarianceThreshold(1e-9), detector)


def in_text(X):
    """Return the names of the columns that are no numbers."""
    return list(X.select_dtypes(exclude="number"))


def boosting():
    """Return boosted trees whose columns of text are categories."""
    as_categories = FunctionTransformer(lambda X: X.astype(dict.fromkeys(in_text(X), "category")))
    model = HistGradientBoostingClassifier(categorical_features="from_dtype")
    return make_pipeline(as_categories, model)


# -- ways of training -------------------------------------------------------------------------


class Trained(BaseEstimator):
    """A model that is trained by a function of it, of rows and target, and of a seed."""

    def __init__(self, model, train, random_state=None):
        self.model = model
        self.train = train
        self.random_state = random_state

    def fit(self, X, y):
        self.model_ = self.train(self.model, X, y, self.random_state)
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def score(self, X, y):
        return self.model_.score(X, y)


def on_labelled(model, X, y, seed, n_more=0):
    """Fit to the rows that have a label, and to some of the others."""
    rows = np.r_[np.flatnonzero(y >= 0), np.flatnonzero(y < 0)[:n_more]]
    return model.fit(X[rows], y[rows])


def on_half_codes(coder, X, y, seed, size):
    """Fit a logistic regression to a code of half as many numbers as there are features."""
    return on_code(coder.set_params(**{size: max(1, min(X.shape) // 2)})).fit(X, y)


def on_parts(model, X, y, seed, n_passes, scheduled):
    """Pass parts of 128 rows, and, if they are ``scheduled``, how many steps there will be."""
    rng, n_parts = np.random.default_rng(seed), -(-len(X) // 128)
    steps = [-(-len(part) // model.batch_size) for part in np.array_split(y, n_parts)]
    known = {"n_steps": n_passes * sum(steps) if scheduled else None}
    known |= {"classes": np.unique(y)} if is_classifier(model) else {}
    for _ in range(n_passes):
        for part in np.array_split(rng.permutation(len(X)), n_parts):
            model.partial_fit(X[part], y[part], **known)
    return model


def on_samples(generator, X, y, seed):
    """Fit boosted trees to as many samples as there are rows; the target is one of the columns."""
    labels, codes = np.unique(y, return_inverse=True)
    rows = generator.fit(X.assign(target=codes.astype(str))).sample(len(y), random_state=seed)
    return boosting().fit(rows.drop(columns="target"), labels[rows["target"].astype(int)])


def on_samples_of_classes(generator, X, y, seed):
    """Fit boosted trees to samples of the classes of the rows."""
    return boosting().fit(generator.fit(X, y).sample(len(y), y=y, random_state=seed), y)


class Gan(BaseEstimator):
    """A generator of the package ctgan as those of this package are called."""

    def __init__(self, generator):
        self.generator = generator

    def fit(self, X):
        self.generator.fit(X.fillna(dict.fromkeys(in_text(X), "missing")), in_text(X))
        return self

    def sample(self, n_samples, random_state):
        return self.generator.sample(n_samples)


# -- plain torch, as a tutorial writes it -----------------------------------------------------


class PlainTorch(BaseEstimator):
    """A network of plain torch, trained by a plain loop."""

    def __init__(self, build, loss, epochs, batch_size):
        self.build = build
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size

    def fit(self, X, y):
        self.network_ = self.build(*X.shape[2:])
        rows = [torch.from_numpy(X), torch.from_numpy(y)]
        plain.train(self.network_, self.loss, rows, self.epochs, self.batch_size)
        return self

    def predict(self, X):
        return plain.outputs(self.network_, X).argmax(axis=1)

    def transform(self, X):
        return plain.outputs(self.network_[0], X)

    def inverse_transform(self, codes):
        return plain.outputs(self.network_[1], codes)


def deep_autoencoder():
    """Return encoder and decoder of Keras's blog."""
    encoder = plain.dense(784, 128, 64, 32, last=nn.ReLU())
    return nn.Sequential(encoder, plain.dense(32, 64, 128, 784, last=nn.Sigmoid()))


ARTICLE_CNN = on_images(PlainTorch(plain.cnn, plain.classification, 10, 128))
DEEP_AUTOENCODER = on_pixels(
    PlainTorch(deep_autoencoder, lambda output, x, y: F.binary_cross_entropy(output, x), 100, 256)
)

# -- packages that need not be there ----------------------------------------------------------


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
