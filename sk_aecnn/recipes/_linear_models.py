"""Linear models of rows: ridge and lasso for numbers, logistic regression for classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import issparse
from scipy.special import logsumexp
from sklearn.linear_model import Lasso, Ridge

_ITERATIONS = 100
# of the largest component of a gradient, and its share where most rows lack most inputs, which then
# have small ones
_TOLERANCE = 1e-3
_OF_SPARSE_ROWS = 0.1
# of looking for inputs that a model should not leave out
_ROUNDS = 10
# logit of a class without a row to learn from
_ABSENT = -6.0


@dataclass(frozen=True)
class LinearModel:
    """Coefficients (n_outputs, n_inputs) and intercepts (n_outputs,)."""

    coefficients: np.ndarray
    intercepts: np.ndarray

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions, (n_samples, n_outputs)."""
        result: np.ndarray = X @ self.coefficients.T + self.intercepts
        return result


@dataclass(frozen=True)
class Sample:
    """Rows (n_samples, n_inputs), dense or sparse, with targets and weights."""

    X: Any
    y: np.ndarray
    weight: np.ndarray

    def choose(self, kept: np.ndarray) -> Sample:
        """Return some of the rows."""
        return Sample(self.X[kept], self.y[kept], self.weight[kept])

    def first(self, width: int) -> Sample:
        """Return the rows with so many of the first inputs."""
        return self if width == self.X.shape[1] else Sample(self.X[:, :width], self.y, self.weight)


def fit_numbers(
    model: Ridge | Lasso, sample: Sample, start: LinearModel | None = None
) -> LinearModel:
    """Fit a model to each of the targets, on the rows where it is known; no start is needed."""
    coefficients, intercepts = np.zeros((sample.y.shape[1], sample.X.shape[1])), []
    for index, target in enumerate(sample.y.T):
        known = ~np.isnan(target)
        intercepts.append(0.0)  # which is the mean, where nothing is known
        if known.any():
            part = sample.choose(known)
            model.fit(part.X, target[known], sample_weight=part.weight)
            coefficients[index], intercepts[index] = model.coef_, float(model.intercept_)
    return LinearModel(coefficients, np.array(intercepts))


def squared_error(predictions: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the loss of each row, the sum over targets that are known."""
    result: np.ndarray = np.nansum(np.square(predictions - y), axis=1)
    return result


def fit_classes(
    n_classes: int,
    sample: Sample,
    start: LinearModel | None = None,
    *,
    l2_penalty: float = 0.0,
    l1_penalty: float = 0.0,
) -> LinearModel:
    """Fit a multinomial logistic regression.

    Parameters
    ----------
    n_classes : int
        Classes, which are the targets' values from 0 on.
    sample : Sample
        The rows.
    start : LinearModel or None
        A model of the same rows to begin at: what is known of rows that are held out may not come
        in. By default it begins at zero.
    l2_penalty, l1_penalty : float
        What the half of the squares of coefficients, or their absolute values, count beside the sum
        of the losses, as 1 / ``C`` in scikit-learn; one of them at most is more than zero.
    """
    l2_penalty, l1_penalty = (one / sample.weight.sum() for one in (l2_penalty, l1_penalty))
    parameters = np.zeros((n_classes, sample.X.shape[1] + 1))
    if start is not None:
        parameters = np.column_stack([start.coefficients, start.intercepts])
    if l1_penalty > 0:
        parameters = _leave_inputs_out(sample, l1_penalty, parameters)
    else:
        # of two classes there is one vector of coefficients there, here are two opposite ones
        l2_penalty *= 2 if n_classes == 2 else 1
        loss = partial(_penalised_loss, sample, parameters.shape, l2_penalty)
        share = _OF_SPARSE_ROWS if issparse(sample.X) else 1.0
        parameters = _search(loss, parameters.ravel(), share).reshape(parameters.shape)
    intercepts, is_present = parameters[:, -1], np.isin(np.arange(n_classes), sample.y)
    intercepts = np.where(is_present, intercepts - intercepts[is_present].mean(), _ABSENT)
    return LinearModel(parameters[:, :-1], intercepts)


def _search(
    loss: Callable[[np.ndarray], Any],
    start: np.ndarray,
    share_of_tolerance: float = 1.0,
    **bounds: Any,
) -> np.ndarray:
    """Return where a loss is least, which comes with its gradient."""
    options = {"maxiter": _ITERATIONS, "gtol": share_of_tolerance * _TOLERANCE}
    found: np.ndarray = minimize(
        loss, start, jac=True, method="L-BFGS-B", options=options, **bounds
    ).x
    return found


def _leave_inputs_out(sample: Sample, l1_penalty: float, parameters: np.ndarray) -> np.ndarray:
    """Return the parameters of a model that leaves inputs out, from others to begin at.

    It is fitted to few inputs: those that have coefficients, and those by which the loss falls by
    more than the penalty. Then the latter are looked for anew, until there are no more: a working
    set, see Tibshirani et al. 2012, "Strong rules for discarding predictors in lasso-type
    problems".
    """
    is_seen = (parameters[:, :-1] != 0).any(axis=0)
    least = l1_penalty
    for _ in range(_ROUNDS):
        _, slope = _penalised_loss(sample, parameters.shape, 0.0, parameters.ravel())
        strength = np.abs(slope.reshape(parameters.shape)[:, :-1]).max(axis=0)
        more = is_seen | (strength > least)
        if (more == is_seen).all() and least > l1_penalty:
            break
        is_seen, least = more, l1_penalty + _TOLERANCE
        some = Sample(sample.X[:, is_seen], sample.y, sample.weight)
        columns = np.append(is_seen, True)
        fitted = _search_absolute(some, l1_penalty, parameters[:, columns])
        parameters = np.zeros_like(parameters)
        parameters[:, columns] = fitted
    return parameters


def _search_absolute(sample: Sample, l1_penalty: float, parameters: np.ndarray) -> np.ndarray:
    """Return parameters of the least loss with a penalty of absolute values.

    They are the differences of two parts that are not negative.
    """
    loss = partial(_penalised_loss, sample, parameters.shape, 0.0)
    n_classes, n_columns = parameters.shape
    penalties = np.tile([l1_penalty] * (n_columns - 1) + [0.0], n_classes)

    def loss_of_parts(flat: np.ndarray) -> tuple[float, np.ndarray]:
        above, below = flat.reshape(2, -1)
        value, slope = loss(above - below)
        return value + penalties @ (above + below), np.r_[penalties + slope, penalties - slope]

    start = np.concatenate([parameters.clip(min=0).ravel(), (-parameters).clip(min=0).ravel()])
    above, below = _search(loss_of_parts, start, bounds=[(0, None)] * len(start)).reshape(2, -1)
    found: np.ndarray = (above - below).reshape(parameters.shape)
    return found


def _penalised_loss(
    sample: Sample, shape: tuple[int, int], l2_penalty: float, flat: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the mean cross-entropy with the penalty of squares, and its gradient.

    Parameters
    ----------
    sample : Sample
        The rows.
    shape : (int, int)
        That of coefficients with intercepts: (n_classes, n_inputs + 1).
    l2_penalty : float
        What the half of the squares of coefficients counts beside the mean of the losses.
    flat : ndarray of shape (n_classes * (n_inputs + 1),)
        Coefficients and intercepts, class after class.
    """
    X, weight = sample.X, sample.weight / sample.weight.sum()
    of_class = np.arange(len(sample.y)), sample.y
    parameters = flat.reshape(shape)
    coefficients = parameters[:, :-1]
    scores = X @ coefficients.T
    scores += parameters[:, -1]
    scores -= scores.max(axis=1, keepdims=True)
    own = scores[of_class]
    np.exp(scores, out=scores)
    total = scores.sum(axis=1)
    loss = weight @ (np.log(total) - own)
    scores *= (weight / total)[:, None]
    scores[of_class] -= weight
    slope = np.empty_like(parameters)
    slope[:, :-1] = (X.T @ scores).T + l2_penalty * coefficients
    slope[:, -1] = scores.sum(axis=0)
    return loss + l2_penalty * np.square(coefficients).sum() / 2, slope.ravel()


def cross_entropy(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the loss of each row, for logits (n_samples, n_classes) and class numbers."""
    result: np.ndarray = logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]
    return result
