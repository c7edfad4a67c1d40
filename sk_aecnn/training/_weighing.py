"""How much a linear model counts beside a trained network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import minimize

from sk_aecnn._processes import agree
from sk_aecnn.data._batches import resolve
from sk_aecnn.data._rows import RowSubset
from sk_aecnn.nn import RandomConvolutionModel
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import FitPlan
from sk_aecnn.training._prediction_losses import TemperatureSoftmax

# shares of logits that nothing is known of, and what a square of the distance from them counts
# beside the losses of rows, in nats
_EQUAL = 0.5
_PENALTY = 4.0
_MOST = 2.0


def without_needless_validation(net: TrainingNet, plan: FitPlan) -> FitPlan:
    """Return the plan with all rows to train on, where those held out have nothing to weigh."""
    if plan.validation is None or plan.options.patience is not None:
        return plan
    if getattr(net.module_, "linear_model", None) is not None:
        return plan
    return replace(plan, training=resolve(plan.training)[0], validation=None)


def weigh_linear_model(net: TrainingNet, plan: FitPlan) -> None:
    """Let a network and the linear model beside it count as the rows that were held out say.

    The fewer these are, the nearer the shares stay to one half each. Nothing is done where no rows
    were held out.

    Parameters
    ----------
    net : TrainingNet
        A trained one.
    plan : FitPlan
        What it was trained on, and what was held out.
    """
    model: RandomConvolutionModel | None = getattr(net.module_, "linear_model", None)
    if model is None or plan.validation is None:
        return
    held_out, index = resolve(plan.validation)
    assert held_out.y is not None, "classes are predicted"
    rows, y = RowSubset(held_out.X, index), held_out.y[index].numpy()
    weight = np.ones(len(y))
    if held_out.row_weight is not None:
        weight = held_out.row_weight[index].double().numpy()
    softmax: TemperatureSoftmax = net.predict_nonlinearity
    parts = []
    for shares in torch.eye(2):
        model.shares.copy_(shares)
        parts.append(softmax.inverse_temperature * infer(net, "predict", rows).astype(np.float64))
    chosen = agree(tuple(choose_shares(np.stack(parts), y, weight)))
    model.shares.copy_(torch.tensor(chosen))


def choose_shares(logits: np.ndarray, y: np.ndarray, weight: np.ndarray) -> list[float]:
    """Return the shares of logits whose sum has the lowest cross-entropy, drawn to equal ones.

    Parameters
    ----------
    logits : ndarray of shape (2, n_samples, n_classes)
        Of two models.
    y : ndarray of shape (n_samples,)
        Numbers of classes.
    weight : ndarray of shape (n_samples,)
        What rows weigh.

    Examples
    --------
    >>> good, bad = np.eye(2)[[0, 1] * 50] - 0.5, np.zeros((100, 2))
    >>> y, weight = np.array([0, 1] * 50), np.ones(100)
    >>> [
    ...     round(share, 2)
    ...     for share in choose_shares(np.stack([4 * good, bad]), y, weight)
    ... ]
    [1.1, 0.5]
    """
    of_class = np.arange(len(y)), y

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        total = np.tensordot(shares, logits, 1)
        total -= total.max(axis=1, keepdims=True)
        probability = np.exp(total)
        sums = probability.sum(axis=1)
        value = weight @ (np.log(sums) - total[of_class])
        probability /= sums[:, None]
        probability[of_class] -= 1
        slope = np.einsum("mnc,nc,n->m", logits, probability, weight)
        off = shares - _EQUAL
        return value + _PENALTY * off @ off, slope + 2 * _PENALTY * off

    start, bounds = np.full(2, _EQUAL), [(0.0, _MOST)] * 2
    found: list[float] = minimize(loss, start, jac=True, bounds=bounds).x.tolist()
    return found
