"""What is measured of a fitted model."""

import numpy as np
import pandas as pd
from boxes import iou
from core import ACCURACY, Metric
from models import in_text, logistic, pixels_of, standardised
from sklearn.metrics import f1_score, get_scorer, log_loss, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import label_binarize


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


# told by a scorer
AUC = Metric("AUC, %", 2, auc)
LOG_LOSS = Metric("log-loss", 3, cross_entropy, sign=-1)
F1 = Metric("F1, %", 1, lambda model, X, y: 100 * f1_score(y, model.predict(X)))
R2 = Metric("R²", 3, get_scorer("r2"))
AUROC = Metric("AUROC, %", 1, auroc)
MEAN_IOU = Metric("mean IoU", 3, lambda *args: iou(*args).mean())
HALF_IOU = Metric("IoU of at least 0.5, %", 0, lambda *args: 100 * np.mean(iou(*args) >= 0.5))
OWN = Metric("score", 4, lambda model, X, y: model.score(X, y))
# told by a judge
ERROR = Metric("MSE of pixels", 4)
LINEAR, NEAREST = Metric("logistic regression, %", 2), Metric("5 neighbours, %", 2)
RMSE, CATEGORIES = Metric("RMSE", 3), Metric("accuracy of categories, %", 1)


def accuracy_and_error(model, run):
    """Judge a classifier, and its reconstruction where it has one."""
    X, y = run.split.X_test, run.split.y_test
    rebuilds = hasattr(model, "reconstruction_error")
    error = model.reconstruction_error(X).mean() / 255**2 if rebuilds else np.nan
    return ACCURACY.scorer(model, X, y), error


def code_of_images(model, run, n_rows=20_000):
    """Judge a code by its reconstruction and by what simple classifiers make of it."""
    split = run.split
    code, code_test = model.transform(split.X), model.transform(split.X_test)
    error = pixels_of(model.inverse_transform(code_test)) - pixels_of(split.X_test)
    linear = standardised(logistic()).fit(code[:n_rows], split.y[:n_rows])
    nearest = KNeighborsClassifier(5).fit(code, split.y)
    shares = (one.score(code_test, split.y_test) for one in (linear, nearest))
    return np.square(error).mean(), *(100 * share for share in shares)


def imputation(model, run):
    """Judge what was filled in; of categories told by integers, the nearest counts."""
    truth, missing, found = run.split.X_test, run.split.y_test, model[-1].result_
    columns = getattr(found, "columns", truth.columns)
    found = pd.DataFrame(np.asarray(found, float), columns=columns, index=truth.index)
    error = (found[truth.columns] - truth.astype(float)).where(missing)
    wrong, error = error[in_text(truth)].abs().stack(), error.drop(columns=in_text(truth))
    return np.sqrt(error.pow(2).stack().mean()), 100 * (wrong[wrong.notna()] < 0.5).mean()
