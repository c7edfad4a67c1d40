"""Where targets change along features, as decision trees find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import chi2
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sk_aecnn.recipes._linear import leave_out, losses_of_linear_model, parts_of
from sk_aecnn.recipes._linear_models import Sample, squared_error
from sk_aecnn.recipes.defaults import Task

# intervals of a feature, and of one whose values recur; the probability of one threshold more where
# there is nothing to find
_MOST_LEAVES = 8
_MOST_LEAVES_OF_VALUES = 64
_CHANCE = 1e-4
# the share of the samples on either side of a threshold, and their number, at the least
_SMALLEST_LEAF = 0.002
_FEWEST_SAMPLES = 5
# trees of all features, the leaves of each, and the least probability of a class that they tell
_N_TREES = 10
_MOST_LEAVES_OF_ALL = 32
_LEAST_PROBABILITY = 1e-3
# of the loss of a linear model on rows left out, the most that trees may lose
_LOST_BY_TREES = 0.95


def find_thresholds(
    X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None
) -> list[np.ndarray]:
    """Return the values at which the tree of each feature parts the samples by their classes.

    The tree has at most eight leaves (Gorishniy et al. 2022, "On embeddings for numerical features
    in tabular deep learning", section 3.2.2). A threshold counts where it tells so much of the
    classes that chance would hardly have it: twice the number of samples times the fall of the
    entropy, in nats, follows a chi-squared distribution where classes do not depend on the feature
    (Wilks 1938, "The large-sample distribution of the likelihood ratio").

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features, NaN where values are missing.
    y : ndarray of shape (n_samples,)
        Class numbers.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights.

    Returns
    -------
    thresholds : list of ndarray of shape (n_thresholds,)
        Those of each feature, ascending.

    Examples
    --------
    >>> X = np.column_stack([np.arange(100.0), np.arange(100.0) % 7])
    >>> find_thresholds(X, (X[:, 0] > 89).astype(int), None)
    [array([89.5]), array([], dtype=float64)]
    """
    n_samples = max(1, len(y))
    tree = DecisionTreeClassifier(
        criterion="entropy",
        max_leaf_nodes=_MOST_LEAVES,
        min_samples_leaf=max(_FEWEST_SAMPLES, round(_SMALLEST_LEAF * n_samples)),
        random_state=0,
    )
    fall = partial(_least_fall, _CHANCE)
    return [_thresholds_of(tree, fall, column, y, sample_weight) for column in X.T]


def thresholds_between_values(
    task: Task,
    X: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
    mean_loss: float,
) -> list[np.ndarray]:
    """Return the values at which trees part samples by features whose values recur.

    The tree of each feature has at most 64 leaves of at least five samples, which may be those of a
    single value. A threshold counts as for `find_thresholds`; of numbers, the number of samples
    times the fall of the squared error, in units of ``mean_loss``, follows that distribution.

    Parameters
    ----------
    task : {"classifier", "regressor"}
        What is predicted.
    X : ndarray of shape (n_samples, n_features)
        Features, NaN where values are missing.
    y : ndarray of shape (n_samples,), or of numbers (n_samples, n_targets)
        Class numbers, or standardised numbers.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights.
    mean_loss : float
        Of a model of all features, on samples that are left out.

    Returns
    -------
    thresholds : list of ndarray of shape (n_thresholds,)
        Those of each feature, ascending.

    Examples
    --------
    >>> X = np.repeat(np.arange(20.0), 50)[:, None]
    >>> y = (X == 7).astype(float)
    >>> thresholds_between_values("regressor", X, y, None, mean_loss=0.1)
    [array([6.5, 7.5])]
    """
    parameters = {
        "max_leaf_nodes": _MOST_LEAVES_OF_VALUES,
        "min_samples_leaf": _FEWEST_SAMPLES,
        "random_state": 0,
    }
    if task == "classifier":
        tree = DecisionTreeClassifier(criterion="entropy", **parameters)
        fall = partial(_least_fall, _CHANCE)
    else:
        tree = DecisionTreeRegressor(**parameters)
        fall = partial(_least_fall_of_numbers, _CHANCE, mean_loss)
    return [_thresholds_of(tree, fall, column, y, sample_weight) for column in X.T]


def thresholds_of_trees(
    task: Task,
    X: np.ndarray,
    encoded: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
) -> list[np.ndarray] | None:
    """Return the values at which trees of all features part the samples, if trees predict well.

    Ten trees of at most 32 leaves learn from bootstrap samples. A threshold counts as for
    `find_thresholds`, its probability divided by the number of features; of numbers, the number of
    samples times the fall of the squared error, in units of what a linear model leaves, follows
    that distribution. If such trees do not predict samples that are left out better than the linear
    model does, by a twentieth of the loss, targets depend on sums of features rather than on
    thresholds.

    Parameters
    ----------
    task : {"classifier", "regressor"}
        What is predicted.
    X : ndarray of shape (n_samples, n_features)
        Features, NaN where values are missing.
    encoded : ndarray of shape (n_samples, n_inputs)
        The same, as the linear model sees them.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Class numbers, or standardised numbers.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights.

    Returns
    -------
    thresholds : list of ndarray of shape (n_thresholds,), or None
        Those of each feature, ascending; None where trees are not better.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(600, 2))
    >>> y = (X > 0.5).all(axis=1).astype(int)
    >>> one, other = thresholds_of_trees("classifier", X, X, y, None)
    >>> bool(abs(one - 0.5).min() < 0.05), bool(abs(other - 0.5).min() < 0.05)
    (True, True)
    >>> y = (X.sum(axis=1) > 1).astype(int)
    >>> thresholds_of_trees("classifier", X, X, y, None) is None
    True
    """
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    values, places = zip(*map(_rank, X.T), strict=True)
    sample = Sample(np.column_stack(places), y, weight)
    learned, left_out = leave_out(sample, parts_of(y))
    linear = float(losses_of_linear_model(task, replace(sample, X=encoded)).sum())
    fit = partial(_fit_trees, task, linear / sum(one.weight.sum() for one in left_out))
    trees = 0.0
    for one, other in zip(learned, left_out, strict=True):
        trees += _loss_of_trees(task, fit(one), other)
    if trees >= _LOST_BY_TREES * linear:
        return None
    found = [_split(tree.tree_) for tree in fit(sample).estimators_]
    feature, last = (np.concatenate(part) for part in zip(*found, strict=True))
    return [_between(of_one, last[feature == index]) for index, of_one in enumerate(values)]


def _loss_of_trees(task: Task, trees: Any, left_out: Sample) -> float:
    """Return the sum of the losses of rows that are left out."""
    X, y = left_out.X, left_out.y
    if task != "classifier":
        return float(left_out.weight @ squared_error(trees.predict(X).reshape(y.shape), y))
    place = np.searchsorted(trees.classes_, y).clip(max=len(trees.classes_) - 1)
    told = np.where(trees.classes_[place] == y, trees.predict_proba(X)[np.arange(len(y)), place], 0)
    return float(left_out.weight @ -np.log(told.clip(_LEAST_PROBABILITY)))


def _fit_trees(task: Task, mean_loss: float, sample: Sample) -> Any:
    """Fit bagged trees, whose splits are significant; a linear model has the loss on rows left out.

    A tree of several targets is parted by the mean of their squared errors, losses are sums.
    """
    X, y = sample.X, sample.y
    chance = _CHANCE / X.shape[1]
    parameters = {
        "n_estimators": _N_TREES,
        "max_features": None,
        "max_leaf_nodes": _MOST_LEAVES_OF_ALL,
        "min_samples_leaf": _FEWEST_SAMPLES,
        "random_state": 0,
    }
    if task == "classifier":
        fall = _least_fall(chance, y, sample.weight)
        trees = RandomForestClassifier(
            criterion="entropy", min_impurity_decrease=fall, **parameters
        )
        return trees.fit(X, y, sample.weight)
    fall = _least_fall_of_numbers(chance, mean_loss, y, sample.weight)
    trees = RandomForestRegressor(min_impurity_decrease=fall, **parameters)
    return trees.fit(X, y.squeeze(axis=1) if y.shape[1] == 1 else y, sample.weight)


def _least_fall(chance: float, y: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the fall of the entropy, in bits, that a split has by chance alone."""
    freedom = max(1, len(np.unique(y)) - 1)
    return float(chi2.ppf(1 - chance, freedom) / (2 * np.log(2) * _effective_size(y, weight)))


def _least_fall_of_numbers(
    chance: float, mean_loss: float, y: np.ndarray, weight: np.ndarray | None
) -> float:
    """Return the fall of the mean of targets' squared errors that a split has by chance alone."""
    n_targets = y.shape[1]
    most = chi2.ppf(1 - chance, n_targets) / _effective_size(y, weight)
    return float(most * mean_loss / n_targets**2)


def _effective_size(y: np.ndarray, weight: np.ndarray | None) -> float:
    """Return how many samples of equal weight tell as much (Kish 1965, "Survey sampling")."""
    if weight is None or not weight.any():
        return max(1.0, len(y))
    return float(weight.sum() ** 2 / np.square(weight).sum())


def _rank(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct values of a feature, and the place of each sample's among them.

    Trees take numbers in single precision, which holds places, but not all values.
    """
    known, places = ~np.isnan(column), np.full(len(column), np.nan)
    values, places[known] = np.unique(column[known], return_inverse=True)
    return values, places


def _split(tree: object) -> tuple[np.ndarray, np.ndarray]:
    """Return the features by which a tree of places parts samples, and the last places below."""
    feature, threshold = tree.feature, tree.threshold  # type: ignore[attr-defined]
    parts = (feature >= 0) & np.isfinite(threshold)  # not what is missing from what is known
    return feature[parts], threshold[parts].astype(int)


def _between(values: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the middles between the values at some places and those that come next."""
    last = np.unique(last)
    last = last[last + 1 < len(values)]  # what is missing lies beyond all
    result: np.ndarray = values[last] / 2 + values[last + 1] / 2
    return result


def _thresholds_of(
    tree: DecisionTreeClassifier | DecisionTreeRegressor,
    least_fall: Callable[[np.ndarray, np.ndarray | None], float],
    column: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
) -> np.ndarray:
    known = ~np.isnan(column)
    if known.sum() < 2 * _FEWEST_SAMPLES:
        return np.zeros(0)
    y, weight = y[known], None if sample_weight is None else sample_weight[known]
    values, places = _rank(column[known])
    tree.set_params(min_impurity_decrease=least_fall(y, weight))
    _, last = _split(tree.fit(places[:, None], y, weight).tree_)
    return _between(values, last)
