"""What is measured of a fitted model."""

import numpy as np
import pandas as pd
from core import Metric
from models import LOGISTIC, in_text, pixels_of, standardised
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import label_binarize


def auc(model, split):
    """Return the area under the ROC curve, for more classes the mean over one against the rest."""
    chances = model.predict_proba(split.X_test)
    truth = label_binarize(split.y_test, classes=model.classes_)
    chances = chances[:, 1:] if truth.shape[1] == 1 else chances
    told = (truth.min(axis=0) == 0) & (truth.max(axis=0) == 1)
    return roc_auc_score(truth[:, told], chances[:, told])


def cross_entropy(model, split):
    return log_loss(split.y_test, model.predict_proba(split.X_test), labels=model.classes_)


def auroc(model, split):
    return roc_auc_score(split.y_test, model.decision_function(split.X_test))


def iou(model, split):
    """Return the mean intersection over union of predicted boxes and others.

    Boxes (n, 4) are xmin, ymin, xmax, ymax, from 0 to 1.
    """
    found, y = model.predict(split.X_test), split.y_test
    low, high = np.maximum(found[:, :2], y[:, :2]), np.minimum(found[:, 2:], y[:, 2:])
    sizes = high - low, found[:, 2:] - found[:, :2], y[:, 2:] - y[:, :2]
    shared, *areas = (size.clip(0).prod(axis=1) for size in sizes)
    return np.mean(shared / (sum(areas) - shared))


def error_of_pixels(model, split):
    """Return the mean squared error of reconstructions where there are any, of pixels 0 to 1."""
    if hasattr(model, "reconstruction_error"):
        return model.reconstruction_error(split.X_test).mean() / 255**2
    if hasattr(model, "inverse_transform"):
        found = model.inverse_transform(model.transform(split.X_test))
        return np.square(pixels_of(found) - pixels_of(split.X_test)).mean()
    return np.nan


def on_codes(classifier, coder, split, n_rows=None):
    """Return the accuracy of a classifier on codes."""
    classifier.fit(coder.transform(split.X[:n_rows]), split.y[:n_rows])
    return classifier.score(coder.transform(split.X_test), split.y_test)


def linear(coder, split):
    return on_codes(standardised(LOGISTIC), coder, split, 20_000)


def nearest(coder, split):
    return on_codes(KNeighborsClassifier(5), coder, split)


def errors_of_cells(model, split):
    """Return the errors of what was filled in, numbers and categories told by integers."""
    truth, missing, found = split.X_test, split.y_test, model.transform(split.X)
    columns = getattr(found, "columns", truth.columns)
    found = pd.DataFrame(np.asarray(found, float), columns=columns, index=truth.index)
    errors = (found[truth.columns] - truth.astype(float)).where(missing)
    texts = errors[in_text(truth)]
    return errors.drop(columns=texts).stack().dropna(), texts.stack().dropna()


def rmse(model, split):
    return np.sqrt(errors_of_cells(model, split)[0].pow(2).mean())


def categories(model, split):
    """Return the share of categories that are right, where the nearest integer counts."""
    return (errors_of_cells(model, split)[1].abs() < 0.5).mean()


AUC = Metric("AUC, %", 2, auc)
LOG_LOSS = Metric("log-loss", 3, cross_entropy, sign=-1)
F1 = Metric("F1, %", 1, "f1")
R2 = Metric("R²", 3, "r2")
AUROC = Metric("AUROC, %", 1, auroc)
IOU = Metric("mean IoU", 3, iou)
ERROR = Metric("MSE of pixels", 4, error_of_pixels)
LINEAR = Metric("logistic regression, %", 2, linear)
NEAREST = Metric("5 neighbours, %", 2, nearest)
RMSE = Metric("RMSE", 3, rmse)
CATEGORIES = Metric("accuracy of categories, %", 1, categories)
