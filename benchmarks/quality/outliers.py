"""Outliers on sets of ADBench: every detector is fitted to all rows and scores the same rows."""

import time

import numpy as np
from core import SECONDS, Split, Table, Task, Variant, own
from data import adbench
from peers import pyod_autoencoder, standardised
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from sk_aecnn import AutoencoderOutlierDetector

MOST_ROWS = 10_000


def tasks(source):
    def task(name, X, y):
        return Task(name, lambda seed: [Split(X, None, X, y)])

    return [task(*found) for found in adbench(source, MOST_ROWS)]


def auroc(model, run):
    """Fit and score: what some do when fitting, others do when scoring, so both are timed."""
    start = time.perf_counter()
    scores = model.fit(run.split.X).score_samples(run.split.X_test)
    seconds = time.perf_counter() - start
    return {"AUROC, %": 100 * roc_auc_score(run.split.y_test, -scores), SECONDS: seconds}


class Neighbours(BaseEstimator):
    """Minus the distance to the fifth neighbour, of the rows that were fitted."""

    def fit(self, X, y=None):
        self.model_ = NearestNeighbors(n_neighbors=5).fit(X)
        return self

    def score_samples(self, X):
        return -self.model_.kneighbors()[0][:, -1]


class Components(BaseEstimator):
    """Minus the error of a reconstruction from the components that keep 80 % of the variance."""

    def fit(self, X, y=None):
        self.model_ = PCA(0.8).fit(X)
        return self

    def score_samples(self, X):
        back = self.model_.inverse_transform(self.model_.transform(X))
        return -np.square(X - back).sum(axis=1)


class LocalFactor(BaseEstimator):
    """The local outlier factor of the rows that were fitted."""

    def fit(self, X, y=None):
        self.model_ = LocalOutlierFactor().fit(X)
        return self

    def score_samples(self, X):
        return self.model_.negative_outlier_factor_


class PyOD:
    """A detector of PyOD by scikit-learn's calls and signs."""

    def __init__(self, detector):
        self.detector = detector

    def fit(self, X):
        self.detector.fit(X)
        return self

    def score_samples(self, X):
        return -self.detector.decision_scores_


TABLES = {
    "outliers": Table(
        title="The area under the ROC curve in percent on sets of ADBench, at most 10 000 rows of "
        "each. Every detector is fitted to all rows, outliers included, and scores the same rows.",
        tasks=tasks,
        variants=[
            own("AutoencoderOutlierDetector()", AutoencoderOutlierDetector),
            Variant("IsolationForest", lambda run: IsolationForest(random_state=run.seed)),
            Variant("distance to the fifth neighbour", lambda run: standardised(Neighbours())),
            Variant(
                "error of a PCA with 80 % of the variance", lambda run: standardised(Components())
            ),
            Variant("LocalOutlierFactor", lambda run: standardised(LocalFactor())),
            Variant("PyOD's AutoEncoder", lambda run: PyOD(pyod_autoencoder(run))),
        ],
        measure=auroc,
        metrics={"AUROC, %": 1},
        notes=("Neighbours, PCA and LOF see standardised features.", "Times include the scores."),
    )
}
