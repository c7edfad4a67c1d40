"""What is measured of a fitted model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from boxes import iou
from models import in_text, logistic, pixels_of, rows_of, standardised
from sklearn.metrics import get_scorer, log_loss, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.preprocessing import label_binarize

from sk_aecnn import AECNNClassifier

N_SAMPLES = 500
SOME = slice(20_000)
QUARTILES = ("least distance", "first quartile", "median", "third quartile")


@dataclass(frozen=True)
class Metric:
    """A number that tells how good a model is."""

    digits: int  # decimals in a table
    scorer: Callable | None = None  # of a model, rows and target; None where a table's judge tells
    sign: int = 1  # -1 where less is better


def percent(name):
    scorer = get_scorer(name)
    return lambda *args: 100 * scorer(*args)


def auc(model, X, y):
    """Return the area under the ROC curve, for more classes the mean over one against the rest."""
    chances, truth = model.predict_proba(X), label_binarize(y, classes=model.classes_)
    chances = chances[:, 1:] if truth.shape[1] == 1 else chances
    told = (truth.min(axis=0) == 0) & (truth.max(axis=0) == 1)
    return 100 * roc_auc_score(truth[:, told], chances[:, told])


def cross_entropy(model, X, y):
    return log_loss(y, model.predict_proba(X), labels=model.classes_)


def auroc(model, X, y):
    """Judge the scores that a detector gave the rows when it was fitted."""
    return 100 * roc_auc_score(y, model[-1].result_)


METRICS = {
    "accuracy, %": Metric(2, percent("accuracy")),
    "balanced accuracy, %": Metric(1, percent("balanced_accuracy")),
    "AUC, %": Metric(2, auc),
    "log-loss": Metric(3, cross_entropy, sign=-1),
    "F1, %": Metric(1, percent("f1")),
    "R²": Metric(3, get_scorer("r2")),
    "R², %": Metric(2),
    "AUROC, %": Metric(1, auroc),
    "MSE of pixels": Metric(4, sign=-1),
    "logistic regression, %": Metric(2),
    "5 neighbours, %": Metric(2),
    "surer than 0.9, %": Metric(0),
    "mean IoU": Metric(3, lambda *args: iou(*args).mean()),
    "IoU of at least 0.5, %": Metric(0, lambda *args: 100 * np.mean(iou(*args) >= 0.5)),
    "RMSE": Metric(3, sign=-1),
    "accuracy of categories, %": Metric(1),
    "one row, µs": Metric(0, sign=-1),
    "60 000 rows, s": Metric(2, sign=-1),
    "file, KiB": Metric(0, sign=-1),
} | dict.fromkeys(QUARTILES, Metric(0))


def scored(model, run, metrics):
    """Return each metric by its scorer."""
    split = run.split
    return {name: METRICS[name].scorer(model, split.X_test, split.y_test) for name in metrics}


def accuracy_and_error(model, run):
    """Judge a classifier, and its reconstruction where it has one."""
    found = scored(model, run, ["accuracy, %"])
    if hasattr(model, "reconstruction_error"):
        error = model.reconstruction_error(run.split.X_test).mean()
        found["MSE of pixels"] = error / 255**2
    return found


def code_of_images(model, run):
    """Judge a code by its reconstruction and by what simple classifiers make of it."""
    split = run.split
    code, code_test = model.transform(split.X), model.transform(split.X_test)
    error = pixels_of(model.inverse_transform(code_test)) - pixels_of(split.X_test)
    linear = standardised(logistic()).fit(code[SOME], split.y[SOME])
    nearest = KNeighborsClassifier(5).fit(code, split.y)
    return {
        "MSE of pixels": np.square(error).mean(),
        "logistic regression, %": 100 * linear.score(code_test, split.y_test),
        "5 neighbours, %": 100 * nearest.score(code_test, split.y_test),
    }


def code_and_reconstruction(model, run):
    """Judge a code by a logistic regression on it, and by the R² of its reconstruction."""
    found = scored(model, run, ["accuracy, %"])
    return found | {"R², %": 100 * model[0].score(run.split.X_test)}


def likeness(model, run):
    """Judge samples by their distance to training images and by a classifier's certainty."""
    X, y = run.split.X, run.split.y
    images = model.sample(N_SAMPLES, random_state=run.seed).clip(0, 255)
    if run.plan.out:
        draw(run.plan.out.with_name(f"samples_{type(model).__name__}.png"), images)
    nearest = NearestNeighbors(n_neighbors=1).fit(rows_of(X).astype(np.float32))
    distances = nearest.kneighbors(rows_of(images).astype(np.float32))[0]
    judge = AECNNClassifier(reconstruction_weight=0, max_epochs=1, random_state=1).fit(X, y)
    sure = judge.predict_proba(images).max(axis=1) > 0.9
    found = dict(zip(QUARTILES, np.quantile(distances, [0, 0.25, 0.5, 0.75]), strict=True))
    return found | {"surer than 0.9, %": 100 * np.mean(sure)}


def draw(path, images, side=8):
    """Write a picture of 64 images."""
    from matplotlib.image import imsave

    rows = [np.hstack(images[i : i + side]) for i in range(0, side * side, side)]
    imsave(path, np.vstack(rows), cmap="gray_r", vmin=0, vmax=255)


def imputation(model, run):
    """Judge what was filled in; of categories told by integers, the nearest counts."""
    truth, missing, found = run.split.X_test, run.split.y_test, model[-1].result_
    columns = getattr(found, "columns", truth.columns)
    found = pd.DataFrame(np.asarray(found, float), columns=columns, index=truth.index)
    error = (found[truth.columns] - truth.astype(float)).where(missing)
    categories = in_text(truth)
    wrong = error[categories].abs().stack()
    return {
        "RMSE": np.sqrt(error.drop(columns=categories).pow(2).stack().mean()),
        "accuracy of categories, %": 100 * (wrong[wrong.notna()] < 0.5).mean(),
    }
