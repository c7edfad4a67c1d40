"""Peers, and what tables put around a model: flat rows, pixels, standardised features."""

from importlib import import_module

import numpy as np
import plain
import torch
from sklearn.base import BaseEstimator
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional as F

# -- what goes around a model -----------------------------------------------------------------


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
    is_number = make_column_selector(dtype_include="number")
    is_other = make_column_selector(dtype_exclude="number")
    numbers = make_pipeline(*numbers) if numbers else "passthrough"
    columns = make_column_transformer((numbers, is_number), (one_hot, is_other))
    return make_pipeline(columns, model)


def imputed(model, *scaler):
    return encoded(model, SimpleImputer(), *scaler)


class OnSome(BaseEstimator):
    """A model that is fitted to a part of the rows, by the target; by default the labelled ones."""

    def __init__(self, model, choose=lambda y: y >= 0, chunk=5_000):
        self.model = model
        self.choose = choose
        self.chunk = chunk

    def fit(self, X, y):
        chosen = self.choose(y)
        self.model.fit(X[chosen], y[chosen])
        return self

    def predict(self, X):
        return self.model.predict(X)

    def transform(self, X):
        starts = range(0, len(X), self.chunk)
        return np.concatenate([self.model.transform(X[i : i + self.chunk]) for i in starts])

    def inverse_transform(self, codes):
        return self.model.inverse_transform(codes)


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


def in_text(X):
    """Return the names of the columns that are no numbers."""
    return list(X.select_dtypes(exclude="number"))


def boosting():
    """Return boosted trees whose columns of text are categories."""
    as_categories = FunctionTransformer(lambda X: X.astype(dict.fromkeys(in_text(X), "category")))
    model = HistGradientBoostingClassifier(categorical_features="from_dtype")
    return make_pipeline(as_categories, model)


class OnSamples(BaseEstimator):
    """Boosted trees that see nothing but samples of a generator, as many as it was fitted to.

    ``draw`` takes the generator, rows and target, and returns samples and their target.
    """

    def __init__(self, generator, draw, random_state=None):
        self.generator = generator
        self.draw = draw
        self.random_state = random_state

    def fit(self, X, y):
        X, y = self.draw(self.generator, X, y, self.random_state)
        self.model_ = boosting().fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)


def of_classes(generator, X, y, seed):
    return generator.fit(X, y).sample(len(y), y=y, random_state=seed), y


def with_target(generator, X, y, seed):
    """Draw the target as a column of the table."""
    labels, codes = np.unique(y, return_inverse=True)
    rows = generator.fit(X.assign(target=codes.astype(str))).sample(len(y), random_state=seed)
    return rows.drop(columns="target"), labels[rows["target"].astype(int)]


class Gan(BaseEstimator):
    """A generator of the package ctgan as those of this package are called."""

    def __init__(self, generator):
        self.generator = generator

    def fit(self, X):
        self.generator.fit(X.fillna(dict.fromkeys(in_text(X), "missing")), in_text(X))
        return self

    def sample(self, n_samples, random_state):
        return self.generator.sample(n_samples)


def ctgan(name):
    """Return boosted trees on samples of another package."""
    return optional(f"ctgan.{name}", lambda one: OnSamples(Gan(one), with_target), seed=None)


def reconstruction_error(pca, X):
    return np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)


def minimum_covariance(run):
    """Return the detector by the minimum covariance determinant, on at most 50 components."""
    n_components = min(50, *run.split.X.shape)
    detector = Applied(EllipticEnvelope())
    return standardised(PCA(n_components), VarianceThreshold(1e-9), detector)


class Boltzmann(BernoulliRBM):
    """A restricted Boltzmann machine that decodes: probabilities of pixels from those of units."""

    def inverse_transform(self, codes):
        return 1 / (1 + np.exp(-(codes @ self.components_ + self.intercept_visible_)))


class TestImages(BaseEstimator):
    """What samples are compared with: images that were never trained on."""

    def __init__(self, images):
        self.images = images

    def fit(self, X, y):
        return self

    def sample(self, n_samples, random_state):
        return self.images[:n_samples]


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


def skorch_cnn():
    """Return the network of skorch's MNIST notebook."""
    first = [nn.Conv2d(1, 32, 3), nn.MaxPool2d(2), nn.ReLU()]
    second = [nn.Conv2d(32, 64, 3), nn.Dropout2d(0.5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
    head = [nn.Linear(1600, 100), nn.Dropout(0.5), nn.ReLU(), nn.Linear(100, 10)]
    return nn.Sequential(*first, *second, *head, nn.Softmax(dim=-1))


def deep_autoencoder():
    """Return encoder and decoder of Keras's blog."""
    encoder = plain.dense(784, 128, 64, 32, last=nn.ReLU())
    return nn.Sequential(encoder, plain.dense(32, 64, 128, 784, last=nn.Sigmoid()))


ARTICLE_CNN = on_images(PlainTorch(plain.cnn, plain.classification, 10, 128))
DEEP_AUTOENCODER = on_pixels(
    PlainTorch(deep_autoencoder, lambda output, x, y: F.binary_cross_entropy(output, x), 100, 256)
)
SKORCH_CNN = on_images(
    NeuralNetClassifier(
        skorch_cnn,
        max_epochs=10,
        lr=0.002,
        optimizer=torch.optim.Adam,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
)

# -- packages that need not be there ----------------------------------------------------------


def optional(path, around=make_pipeline, threads=None, seed="random_state", **params):
    """Return the row of another package's class.

    ``threads`` and ``seed`` are what it calls the number of threads and its seed, if it has them.
    It is imported before the fit, which does not pay for it.
    """
    module, _, name = path.rpartition(".")

    def build(run):
        limits = {threads: torch.get_num_threads()} if threads else {}
        seeds = {seed: run.seed} if seed else {}
        return around(getattr(import_module(module), name)(**seeds, **limits, **params))

    return build


def pyod_scores(detector):
    return make_pipeline(Applied(detector, lambda detector, X: detector.decision_scores_))


def pyod(around, **params):
    """Return the row of PyOD's autoencoder."""
    path = "pyod.models.auto_encoder.AutoEncoder"
    return optional(path, around, epoch_num=10, verbose=0, **params)


class PyODCode(BaseEstimator):
    """The autoencoder of PyOD's detector, by the encoder and decoder inside."""

    def __init__(self, detector):
        self.detector = detector

    def fit(self, X, y=None):
        self.network_ = self.detector.fit(X).model
        return self

    def transform(self, X):
        return plain.outputs(self.network_.encoder, X)

    def inverse_transform(self, codes):
        return plain.outputs(self.network_.decoder, codes)
