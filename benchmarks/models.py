"""Peers, what tables put around a model, such as standardised features, and what is measured."""

from dataclasses import dataclass
from functools import partial
from pkgutil import resolve_name

import networks
import numpy as np
import pandas as pd
import torch
from core import Fitted, Metric, Split
from sklearn import metrics
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.neighbors import KNeighborsClassifier
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
    """Return what makes a pipeline of a function of rows, with an inverse if any, and of models."""
    first = FunctionTransformer(function, inverse_func=inverse, check_inverse=False)
    return partial(make_pipeline, first)


standardised = partial(make_pipeline, StandardScaler())
on_rows = applied(rows_of, rows_of)
on_pixels = applied(pixels_of, lambda rows: 255 * rows)
on_images = applied(lambda X: X.astype(np.float32) / 255)
channels_first = applied(lambda X: X.transpose(0, 2, 1))
on_integers = applied(lambda X: X.astype(float))  # of text
on_categories = applied(lambda X: X.astype(dict.fromkeys(in_text(X), "category")))
LOGISTIC = LogisticRegression(max_iter=2000)
BOOSTING = on_categories(HistGradientBoostingClassifier(categorical_features="from_dtype"))


def on_code(coder):
    """Return a logistic regression on the standardised code of a transformer."""
    return make_pipeline(coder, standardised(LOGISTIC))


def columns(numbers, others):
    """Return a transformer of frames: one for the columns of numbers, one for all others."""
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (others, make_column_selector(dtype_exclude="number")),
    )


def encoded(model, numbers="passthrough"):
    """Return a model of frames: numbers through a transformer, all else one-hot."""
    options = {"handle_unknown": "infrequent_if_exist", "sparse_output": False}
    return make_pipeline(columns(numbers, OneHotEncoder(max_categories=50, **options)), model)


imputed = partial(encoded, numbers=SimpleImputer())
scaled = partial(encoded, numbers=make_pipeline(SimpleImputer(), StandardScaler()))


def optional(path, around=make_pipeline, **params):
    """Return the row of another package's class, which is imported before the fit."""
    return lambda task: around(resolve_name(path)(**params))


# -- what is fitted by more than a call of fit --------------------------------------------------


def scored(detector, scores=lambda model, X: -model.score_samples(X)):
    """Return the row of a detector; ``scores`` tells those of the rows that it was fitted to."""
    return Fitted(detector, lambda model, X, *_: scores(model.fit(X), X))


def in_few(model, X, y, seed):
    """Return the scores of rows as at most 50 principal components."""
    pca = PCA(min(50, *X.shape), random_state=seed)
    X = make_pipeline(pca, VarianceThreshold(1e-9)).fit_transform(X)
    return -model.fit(X).score_samples(X)


def reconstruction_error(pca, X):
    return np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)


def on_labelled(model, X, y, seed, n_more=0):
    """Fit to the rows that have a label, and to some of the others."""
    rows = np.r_[np.flatnonzero(y >= 0), np.flatnonzero(y < 0)[:n_more]]
    return model.fit(X[rows], y[rows])


def on_half_codes(coder, X, y, *_):
    """Fit a logistic regression to a code of half as many numbers as there are features."""
    size = "n_components" if hasattr(coder, "n_components") else "encoding_dim"
    return on_code(coder.set_params(**{size: max(1, min(X.shape) // 2)})).fit(X, y)


def on_samples(generator, X, y, seed):
    """Fit boosted trees to as many samples as there are rows; the target is one of the columns."""
    labels, codes = np.unique(y, return_inverse=True)
    rows = X.assign(target=codes.astype(str))
    if isinstance(generator, BaseEstimator):
        rows = generator.fit(rows).sample(len(y), random_state=seed)
    else:  # of the package ctgan, which takes no missing values in text
        text = in_text(rows)
        generator.fit(rows.fillna(dict.fromkeys(text, "missing")), text)
        rows = generator.sample(len(y))
    return clone(BOOSTING).fit(rows.drop(columns="target"), labels[rows["target"].astype(int)])


def on_samples_of_classes(generator, X, y, seed):
    """Fit boosted trees to samples of the classes of the rows."""
    return clone(BOOSTING).fit(generator.fit(X, y).sample(len(y), y=y, random_state=seed), y)


def on_windows(model, X, y, seed):
    """Fit a classifier to windows of images, told apart by whether half of one lies in the box."""
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(len(X)), 12)
    side = rng.uniform(0.2, 0.6, (len(index), 1))
    low = rng.random((len(index), 2)) * (1 - side)
    pixels = X.shape[1] * low[..., None] + side[..., None] * (np.arange(X.shape[1]) + 0.5)
    columns, rows = pixels.astype(int).swapaxes(0, 1)
    windows = X[index[:, None, None], rows[..., None], columns[:, None]]
    shared = np.minimum(low + side, y[index, 2:]) - np.maximum(low, y[index, :2])
    inside = shared.clip(0).prod(axis=1) > side[:, 0] ** 2 / 2
    inner, outer = np.flatnonzero(inside), np.flatnonzero(~inside)
    n = min(len(inner), len(outer))
    some = np.r_[outer[:n], rng.choice(inner, n, replace=False)]
    model.fit(windows[some], inside[some])
    rows = [BoxOfMap(model, share) for share in np.linspace(0, 0.9, 19)]
    return max(rows, key=lambda row: iou(row, Split(None, None, X, y)))


@dataclass
class BoxOfMap:
    """The box around what speaks for a class at least by a share of the peak."""

    model: BaseEstimator
    share: float

    def predict(self, X):
        maps = self.model.activation_map(X, True)
        seen = maps >= self.share * maps.max(axis=(1, 2), keepdims=True)
        sides = seen.any(axis=1), seen.any(axis=2)
        low = [side.argmax(axis=1) for side in sides]
        high = [X.shape[1] - side[:, ::-1].argmax(axis=1) for side in sides]
        return np.stack([*low, *high], axis=1) / X.shape[1]


# -- plain torch, in skorch's loop --------------------------------------------------------------


class Autoencoder(NeuralNet):
    """A network of an encoder and a decoder."""

    def fit(self, X, y):
        return super().fit(X, X)

    def transform(self, X):
        return self.module_[0](torch.from_numpy(X)).detach().numpy()

    def inverse_transform(self, codes):
        return self.module_[1](torch.from_numpy(codes)).detach().numpy()


ARTICLE = {"criterion": nn.CrossEntropyLoss, "batch_size": 128, "max_epochs": 10}
BLOG = {"criterion": nn.BCELoss, "batch_size": 256, "max_epochs": 100}
ARTICLE_CNN = on_images(NeuralNetClassifier(networks.cnn, **ARTICLE, **networks.TRAINING))
DEEP_AUTOENCODER = on_pixels(Autoencoder(networks.autoencoder, **BLOG, **networks.TRAINING))

# -- what is measured of a fitted model ---------------------------------------------------------

F1, R2 = Metric("F1, %", 1, "f1"), Metric("R²", 3, "r2")


def as_cells_fail(metric):
    """Return a metric with all cells of the test rows, and with 90 and 70 % of them."""

    def score(model, split, share):
        missing = np.random.default_rng(0).random(split.X_test.shape) < share
        return get_scorer(metric.scorer)(model, split.X_test.mask(missing), split.y_test)

    failing = [
        Metric(f"{share:.0%} missing: {metric.name}", metric.digits, partial(score, share=share))
        for share in (0.1, 0.3)
    ]
    return metric, *failing


@partial(Metric, "AUC, %", 2)
def auc(model, split):
    """Return the area under the ROC curve, the mean over one class against the rest."""
    chances, truth = model.predict_proba(split.X_test), split.y_test[:, None] == model.classes_
    told = truth.any(axis=0) & ~truth.all(axis=0)
    return metrics.roc_auc_score(truth[:, told], chances[:, told])


@partial(Metric, "log-loss", 3, sign=-1)
def log_loss(model, split):
    return metrics.log_loss(split.y_test, model.predict_proba(split.X_test), labels=model.classes_)


@partial(Metric, "AUROC, %", 1)
def auroc(model, split):
    return metrics.roc_auc_score(split.y_test, model.decision_function(split.X_test))


@partial(Metric, "mean IoU", 3)
def iou(model, split):
    """Return the mean intersection over union of boxes (n, 4): xmin, ymin, xmax, ymax, 0 to 1."""
    found, y = model.predict(split.X_test), split.y_test
    low, high = np.maximum(found[:, :2], y[:, :2]), np.minimum(found[:, 2:], y[:, 2:])
    sizes = high - low, found[:, 2:] - found[:, :2], y[:, 2:] - y[:, :2]
    shared, *areas = (size.clip(0).prod(axis=1) for size in sizes)
    return np.mean(shared / (sum(areas) - shared))


@partial(Metric, "MSE of pixels", 4)
def error_of_pixels(model, split):
    """Return the mean squared error of reconstructions where there are any, of pixels 0 to 1."""
    if hasattr(model, "reconstruction_error"):
        return model.reconstruction_error(split.X_test).mean() / 255**2
    if hasattr(model, "inverse_transform"):
        found = model.inverse_transform(model.transform(split.X_test))
        return np.square(pixels_of(found) - pixels_of(split.X_test)).mean()
    return np.nan


def on_codes(coder, split, classifier, n_rows=None):
    """Return the accuracy of a classifier on codes."""
    classifier.fit(coder.transform(split.X[:n_rows]), split.y[:n_rows])
    return classifier.score(coder.transform(split.X_test), split.y_test)


linear = partial(on_codes, classifier=standardised(LOGISTIC), n_rows=20_000)
nearest = partial(on_codes, classifier=KNeighborsClassifier(5))
OF_CODES = Metric("logistic regression, %", 2, linear), Metric("5 neighbours, %", 2, nearest)


def errors_of_cells(model, split):
    """Return the errors of what was filled in, numbers and categories told by integers."""
    truth, missing, found = split.X_test, split.y_test, model.transform(split.X)
    columns = getattr(found, "columns", truth.columns)
    found = pd.DataFrame(np.asarray(found, float), columns=columns, index=truth.index)
    errors = (found[truth.columns] - truth.astype(float)).where(missing)
    texts = errors[in_text(truth)]
    return errors.drop(columns=texts).stack().dropna(), texts.stack().dropna()


@partial(Metric, "RMSE", 3)
def rmse(model, split):
    return np.sqrt(errors_of_cells(model, split)[0].pow(2).mean())


@partial(Metric, "accuracy of categories, %", 1)
def categories(model, split):
    """Return the share of categories that are right, where the nearest integer counts."""
    return (errors_of_cells(model, split)[1].abs() < 0.5).mean()
