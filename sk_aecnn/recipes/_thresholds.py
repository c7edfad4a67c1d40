"""Where classes change along features, as decision trees find it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.stats import chi2
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from sk_aecnn.recipes._linear import (
    Sample,
    choose_regularisation,
    cross_entropy,
    fit_classes,
    leave_out,
)
from sk_aecnn.training._plan import assign_folds

# intervals of a feature, and the probability of one threshold more where there is nothing to find
_MOST_LEAVES = 8
_CHANCE = 1e-4
# the share of the samples on either side of a threshold, and their number, at the least
_SMALLEST_LEAF = 0.002
_FEWEST_SAMPLES = 5
# trees of all features, the leaves of each, and the least probability of a class that they tell
_N_TREES = 10
_MOST_LEAVES_OF_ALL = 32
_LEAST_PROBABILITY = 1e-3
# of the loss of logistic regression on rows left out, with the best of these strengths of
# regularisation, the most that trees may lose
_LOST_BY_TREES = 0.95
_L2_PENALTIES = (10.0, 1.0, 0.1)
_FOLDS = 3


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
        min_impurity_decrease=_least_fall(_CHANCE, y),
        random_state=0,
    )
    return [_thresholds_of(tree, column, y, sample_weight) for column in X.T]


def thresholds_of_trees(
    X: np.ndarray, encoded: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None
) -> list[np.ndarray] | None:
    """Return the values at which trees of all features part the samples, if trees tell them well.

    Ten trees of at most 32 leaves learn from bootstrap samples. A threshold counts as for
    `find_thresholds`, its probability divided by the number of features. If such trees do not
    predict samples that are left out better than a logistic regression does, by a twentieth of the
    loss, classes depend on sums of features rather than on thresholds.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features, NaN where values are missing.
    encoded : ndarray of shape (n_samples, n_inputs)
        The same, as the logistic regression sees them.
    y, sample_weight
        As for `find_thresholds`.

    Returns
    -------
    thresholds : list of ndarray of shape (n_thresholds,), or None
        Those of each feature, ascending; None where trees are not better.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(600, 2))
    >>> one, other = thresholds_of_trees(X, X, (X > 0.5).all(1).astype(int), None)
    >>> bool(abs(one - 0.5).min() < 0.05), bool(abs(other - 0.5).min() < 0.05)
    (True, True)
    >>> thresholds_of_trees(X, X, (X.sum(1) > 1).astype(int), None) is None
    True
    """
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    values, places = zip(*map(_rank, X.T), strict=True)
    sample = Sample(np.column_stack(places), y, weight)
    if not _are_told_by_trees(sample, replace(sample, X=encoded)):
        return None
    trees = [_split(tree.tree_) for tree in _fit_trees(sample).estimators_]
    feature, last = (np.concatenate(part) for part in zip(*trees, strict=True))
    return [_between(of_one, last[feature == index]) for index, of_one in enumerate(values)]


def _are_told_by_trees(sample: Sample, encoded: Sample) -> bool:
    """Tell whether trees predict classes clearly better than a logistic regression does."""
    n_classes = int(sample.y.max()) + 1
    parts = assign_folds(sample.y, _FOLDS, seed=0).numpy()
    of_trees = 0.0
    for learned, left_out in zip(*leave_out(sample, parts), strict=True):
        trees = _fit_trees(learned)
        probabilities = np.full((len(left_out.y), n_classes), _LEAST_PROBABILITY)
        told = trees.predict_proba(left_out.X)
        probabilities[:, trees.classes_] = told.clip(_LEAST_PROBABILITY)
        of_trees += float(left_out.weight @ cross_entropy(np.log(probabilities), left_out.y))
    path = [partial(fit_classes, n_classes, l2_penalty=penalty) for penalty in _L2_PENALTIES]
    of_linear = choose_regularisation(encoded, parts, [path], cross_entropy).loss
    return of_trees < _LOST_BY_TREES * of_linear


def _fit_trees(sample: Sample) -> RandomForestClassifier:
    trees = RandomForestClassifier(
        _N_TREES,
        criterion="entropy",
        max_features=None,
        max_leaf_nodes=_MOST_LEAVES_OF_ALL,
        min_samples_leaf=_FEWEST_SAMPLES,
        min_impurity_decrease=_least_fall(_CHANCE / sample.X.shape[1], sample.y),
        random_state=0,
    )
    return trees.fit(sample.X, sample.y, sample.weight)


def _least_fall(chance: float, y: np.ndarray) -> float:
    """Return the fall of the entropy, in bits, that a split has by chance alone."""
    freedom = max(1, len(np.unique(y)) - 1)
    return float(chi2.ppf(1 - chance, freedom) / (2 * np.log(2) * max(1, len(y))))


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
    tree: DecisionTreeClassifier,
    column: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
) -> np.ndarray:
    known = ~np.isnan(column)
    if known.sum() < 2 * _FEWEST_SAMPLES:
        return np.zeros(0)
    weight = None if sample_weight is None else sample_weight[known]
    values, places = _rank(column[known])
    _, last = _split(tree.fit(places[:, None], y[known], weight).tree_)
    return _between(values, last)
