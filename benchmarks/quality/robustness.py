"""Data that go wrong easily: scales, sizes, imbalance, constant columns, heavy tails."""

import numpy as np
from core import SECONDS, Split, Table, Task, Variant, fit_seconds, own
from peers import logistic, standardised
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

from sk_aecnn import AECNNClassifier


def made_up(seed, n_rows=3_000, **others):
    """Return features and classes: clusters on some of the axes, noise on the others."""
    sizes = {"n_features": 20, "n_informative": 10, "n_redundant": 0, "class_sep": 1.5} | others
    return make_classification(n_rows, random_state=seed, **sizes)


def wild_scales(seed):
    X, y = made_up(seed)
    return X * np.logspace(-6, 6, X.shape[1]), y


def few_rows(seed):
    return made_up(seed, 530, n_features=10, n_informative=5)


def many_rows(seed):
    return made_up(seed, 125_000)


def many_classes(seed):
    return made_up(seed, 5_200, n_classes=26, n_clusters_per_class=1)


def imbalanced(seed):
    return made_up(seed, 10_000, weights=[0.99], flip_y=0)


def binary(seed):
    X, y = made_up(seed, n_features=180, n_informative=30, n_classes=3)
    return (X > 0).astype(np.uint8), y


def constant_and_duplicated(seed):
    X, y = made_up(seed)
    return np.hstack([X, X, np.full_like(X, 7.0), np.zeros_like(X)]), y


def heavy_tails(seed):
    """Return the features times the absolute value of a Cauchy variable of their own."""
    X, y = made_up(seed)
    return X * np.abs(np.random.default_rng(seed).standard_cauchy(X.shape)), y


# name: rows and classes by the seed, and the share of the rows to test with
SETS = {
    "scales 1e-6 to 1e6": (wild_scales, 0.5),
    "30 rows": (few_rows, 500),
    "100 000 rows": (many_rows, 25_000),
    "26 classes": (many_classes, 0.5),
    "1 : 100": (imbalanced, 0.5),
    "180 binary columns": (binary, 0.5),
    "constant and duplicated columns": (constant_and_duplicated, 0.5),
    "heavy tails": (heavy_tails, 0.5),
}


def tasks(source):
    def task(name, make, test_size):
        def splits(seed):
            X, y = make(seed)
            X, X_test, y, y_test = train_test_split(
                X, y, test_size=test_size, random_state=seed, stratify=y
            )
            yield Split(*source.cut(X, y), *source.cut(X_test, y_test))

        return Task(name, splits)

    return [task(name, *found) for name, found in SETS.items()]


def balanced_accuracy(model, run):
    split = run.split
    seconds = fit_seconds(model, split.X, split.y)
    score = balanced_accuracy_score(split.y_test, model.predict(split.X_test))
    return {"balanced accuracy, %": 100 * score, SECONDS: seconds}


TABLES = {
    "robustness": Table(
        title="Balanced accuracy (the mean over classes of the share that is recognised) in "
        "percent on made-up data that go wrong easily. A fit whose loss was no longer finite would "
        "be called diverged.",
        tasks=tasks,
        variants=[
            own("AECNNClassifier()", AECNNClassifier),
            own(
                'AECNNClassifier(class_weight="balanced")', AECNNClassifier, class_weight="balanced"
            ),
            Variant("the majority class", lambda run: DummyClassifier()),
            Variant("LogisticRegression, standardised", lambda run: standardised(logistic(run))),
            Variant("RandomForest", lambda run: RandomForestClassifier(random_state=run.seed)),
        ],
        measure=balanced_accuracy,
        metrics={"balanced accuracy, %": 1},
        needs_data=False,
        notes=("Each seed makes other data.",),
    )
}
