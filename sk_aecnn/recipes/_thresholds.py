"""Where classes change along a feature, as a decision tree of this feature alone finds it."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2
from sklearn.tree import DecisionTreeClassifier

# intervals of a feature, and the probability of one threshold more where there is nothing to find
_MOST_LEAVES = 8
_CHANCE = 1e-4
# the share of the samples on either side of a threshold, and their number, at the least
_SMALLEST_LEAF = 0.002
_FEWEST_SAMPLES = 5


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
    n_samples, freedom = max(1, len(y)), max(1, len(np.unique(y)) - 1)
    tree = DecisionTreeClassifier(
        criterion="entropy",  # in bits
        max_leaf_nodes=_MOST_LEAVES,
        min_samples_leaf=max(_FEWEST_SAMPLES, round(_SMALLEST_LEAF * n_samples)),
        min_impurity_decrease=chi2.ppf(1 - _CHANCE, freedom) / (2 * np.log(2) * n_samples),
        random_state=0,
    )
    return [_thresholds_of(tree, column, y, sample_weight) for column in X.T]


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
    # by their order, as trees take numbers in single precision
    values, order = np.unique(column[known], return_inverse=True)
    parts = tree.fit(order[:, None], y[known], weight).tree_
    last = np.unique(parts.threshold[parts.feature >= 0].astype(int))
    result: np.ndarray = values[last] / 2 + values[last + 1] / 2
    return result
