"""Peers from scikit-learn that several tables have, and what gives images and others to them."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler


def rows_of(X):
    """Return each sample as a row."""
    return X.reshape(len(X), -1)


def pixels_of(X):
    """Return each image as a row of numbers from 0 to 1."""
    return rows_of(X).astype(np.float32) / 255


def on_rows(model, function=rows_of):
    return make_pipeline(FunctionTransformer(function), model)


def on_pixels(model):
    return on_rows(model, pixels_of)


def standardised(model):
    return make_pipeline(StandardScaler(), model)


def mlp(run):
    return MLPClassifier(max_iter=run.epochs(200), random_state=run.seed)


def logistic(run):
    return LogisticRegression(max_iter=2000)


def on_code(coder, run):
    """Return a logistic regression on the standardised code of a transformer."""
    return make_pipeline(coder, StandardScaler(), logistic(run))


def pyod_autoencoder(run, **others):
    """Return PyOD's detector; the import is made here, so that no fit pays for it."""
    from pyod.models.auto_encoder import AutoEncoder

    return AutoEncoder(epoch_num=run.epochs(10), random_state=run.seed, verbose=0, **others)
