"""Training for as long as it serves rows that were held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor

from sk_aecnn._processes import agree
from sk_aecnn.data._batches import BatchSource, RowDataset, resolve
from sk_aecnn.nn import MeanPrediction, MeanProbability, OneMember
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._scoring import SCORE, Score

# epochs to wait for a lower loss, fewer of which cost regressors some of their R2, and the share of
# those that led to the lowest
_PATIENCE = {"classification_loss": 6, "regression_loss": 8}
_RELATIVE_PATIENCE = 0.5
# steps to wait for a loss of numbers that is clearly lower, by so many standard errors: in small
# tables these are more epochs, the first of which warm up
_STEPS_TO_WAIT = 80
_CLEARLY = 2.0
# of the average of weights: it spans about this part of the steps so far
_SPAN = 6
_WARM_UP_STEPS = 20
# of a batch; those of sparse rows are not made dense
_ROWS = 1024
_SPARSE_ROWS = 2**17
# share of what predictions of one member are to be drawn to the mean by, for the mean of members
_OF_MEAN = 0.7
# of the logarithm of the inverse temperature of probabilities
_COLDEST = 1.5
_LOG_TOLERANCE = 0.02


class HeldOutSelection(Callback):
    """Keep the weights with which members predict best what each was not trained on.

    Every row is held out from one member. After each epoch, that member predicts it, with an
    average of the weights so far (polynomial decay averaging; Shamir & Zhang 2013, "Stochastic
    gradient descent for non-smooth optimization"). Training ends when the loss of these predictions
    has not fallen for some time, those before the first step among them. Where an epoch has few
    steps, a lower loss of numbers is waited for longer, but then it counts only if it is lower by
    two standard errors of the difference. The weights are taken that were the last whose loss
    exceeds the lowest by no more than the standard error of their difference (as Breiman et al.
    1984, "Classification and regression trees", section 3.4.3, choose a size): the mean of members,
    which nothing is held out from, tends to gain for longer than each of them. The loss of
    probabilities is that with the best temperature (Guo et al. 2017, "On calibration of modern
    neural networks", section 4.2), which is taken as well: else training would end where a network
    grows too sure, though it goes on telling classes apart better (Berta et al. 2025, "Rethinking
    early stopping: refine, then calibrate").

    Numbers that are hard to predict are predicted too far from their mean. Their loss is that with
    the best slope for each of them, from 0 to 1. The mean of members is drawn to the mean of the
    numbers by 0.7 of that (Copas 1983, "Regression, prediction and shrinkage"), as it varies less.

    Parameters
    ----------
    data : RowDataset or Subset
        The training rows, with the folds that they are in.
    name : str
        The loss of the task.
    score : Score or None
        What counts instead of this loss: the mean of the scores of members.
    """

    def __init__(self, data: BatchSource, name: str, score: Score | None = None) -> None:
        self.data = data
        self.name = name
        self.score = score

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.step_ = 0
        self.scores_: list[float] = []
        self.is_late_ = False
        buffers = [tensor for tensor in net.module_.buffers() if tensor.is_floating_point()]
        self.state_ = [tensor.detach() for tensor in (*net.module_.parameters(), *buffers)]
        self.average_ = [tensor.clone() for tensor in self.state_]
        self.folds_ = Folds.of(self.data)
        self._evaluate(net)

    def on_batch_begin(self, net: NeuralNet, training: bool = False, **kwargs: Any) -> None:
        if training and self.step_ < _WARM_UP_STEPS:
            for group in net.optimizer_.param_groups:
                group["lr"] = net.lr * (self.step_ + 1) / _WARM_UP_STEPS

    def on_batch_end(self, net: NeuralNet, training: bool = False, **kwargs: Any) -> None:
        if training:
            share = min(1.0, _SPAN / (self.step_ + _SPAN))
            torch._foreach_lerp_(self.average_, self.state_, share)
            self.step_ += 1

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        self._evaluate(net)
        if self.score is None:
            net.history.record(f"valid_{self.name}", -self.scores_[-1])
        else:
            net.history.record(SCORE, self.scores_[-1])
        n_epochs = len(self.scores_) - 1
        n_waited = n_epochs - self.best_epoch_
        self.is_late_ = n_waited >= max(_PATIENCE[self.name], _RELATIVE_PATIENCE * self.best_epoch_)
        waits_longer = self.name == "regression_loss" and self.score is None
        n_steps_waited = n_waited * self.step_ / n_epochs
        if self.is_late_ and not (waits_longer and n_steps_waited < _STEPS_TO_WAIT):
            raise KeyboardInterrupt  # skorch's word for a callback that has seen enough

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        torch._foreach_copy_(self.state_, self.taken_)
        net.validation_scores = self.scores_
        averaging = net.module_.averaging
        if isinstance(averaging, MeanProbability):
            averaging.inverse_temperature.copy_(self.factor_[0])
        elif self.name == "regression_loss":
            averaging.slope.copy_(1 - _OF_MEAN * (1 - self.factor_))
        for name in ("state_", "average_", "taken_", "best_losses_", "data", "folds_", "score"):
            delattr(self, name)  # nothing of the data may travel with a pickle

    def _evaluate(self, net: NeuralNet) -> None:
        """Score the averaged weights, and take them if none were clearly better."""
        now = [tensor.clone() for tensor in self.state_]
        torch._foreach_copy_(self.state_, self.average_)
        net._set_training(False)
        losses, factor = self._measure(net)
        score = -self._mean(losses)
        if self.score is not None:
            score = self._score_members(net, self.score, factor)
        score, factor = agree((score, factor))
        torch._foreach_copy_(self.state_, now)
        self.scores_.append(score)
        is_first = len(self.scores_) == 1
        is_best, is_close = agree((True, True) if is_first else self._judge(losses))
        if is_best:
            self.best_epoch_, self.best_losses_ = len(self.scores_) - 1, losses
        elif not is_close:
            return
        self.taken_ = [tensor.clone() for tensor in self.average_]
        self.factor_ = factor

    def _measure(self, net: NeuralNet) -> tuple[Tensor, Tensor]:
        """Return the losses of predictions times what is best for them, and this factor.

        It is the inverse temperature of probabilities, (1,), or a slope for each number.
        """
        predictions, targets = self.folds_.predict(net), self.folds_.targets
        task = net.criterion_.terms[self.name]

        def measure(factor: Tensor | float) -> Tensor:
            losses: Tensor = task.measure((factor * predictions)[:, None], targets)
            return losses[:, 0].double()

        factor = torch.ones(1, dtype=torch.float64)
        if self.name == "regression_loss":
            factor = _slopes(predictions, targets, self.folds_.share)
        elif isinstance(net.module_.averaging, MeanProbability):
            factor = factor * _minimize(lambda inverse: self._mean(measure(inverse)))
        return measure(factor), factor

    def _mean(self, losses: Tensor) -> float:
        return float(losses @ self.folds_.share)

    def _judge(self, losses: Tensor) -> tuple[bool, bool]:
        """Tell whether the last score is the best one, or its losses are as far as rows can say.

        One that comes late has to be clearly the best.
        """
        excess = losses - self.best_losses_
        mean = self._mean(excess)
        error = float(((excess - mean) * self.folds_.share).norm())
        if self.is_late_:
            return mean < -_CLEARLY * error, False
        is_close = self.score is None and mean <= error
        return self.scores_[-1] >= self.scores_[self.best_epoch_], is_close

    def _score_members(self, net: NeuralNet, score: Score, factor: Tensor) -> float:
        """Return the mean score of members, each for the rows that are held out from it."""
        averaging, scores, sizes = net.module_.averaging, [], []
        for member, index in enumerate(self.folds_.parts):
            net.module_.averaging = OneMember(member, factor)
            scores.append(score(net, self.folds_.rows, index))
            sizes.append(len(index))
        net.module_.averaging = averaging
        return float(np.average(scores, weights=sizes))


def leave_slope(net: TrainingNet) -> None:
    """Predict without a slope: it was found for a network that learns further now."""
    averaging = getattr(net.module_, "averaging", None)
    if isinstance(averaging, MeanPrediction):
        averaging.slope.fill_(1.0)


@dataclass(frozen=True)
class Folds:
    """Rows by the member that they are held out from.

    Attributes
    ----------
    rows : RowDataset
        The rows.
    parts : list of Tensor of shape (n_held_out,), int64
        The rows of each member.
    """

    rows: RowDataset
    parts: list[Tensor]

    @classmethod
    def of(cls, data: BatchSource) -> Folds:
        """Return the folds that rows are in."""
        rows, index = resolve(data)
        assert rows.fold is not None, "rows are held out"
        fold = rows.fold[index]
        return cls(rows, [index[fold == member] for member in range(int(fold.max()) + 1)])

    @cached_property
    def targets(self) -> Tensor:
        """The targets, fold after fold."""
        assert self.rows.y is not None, "rows have targets"
        return self.rows.y[torch.cat(self.parts)]

    @cached_property
    def share(self) -> Tensor:
        """The share of each row in their weight, fold after fold."""
        weight = self.rows.row_weight
        ones = torch.ones(len(self.targets), dtype=torch.float64)
        weight = ones if weight is None else weight[torch.cat(self.parts)].double()
        return weight / weight.sum()

    @torch.no_grad()
    def predict(self, net: NeuralNet) -> Tensor:
        """Return what the member that has not seen a row predicts of it, fold after fold."""
        most = max(len(part) for part in self.parts)
        padding = [part[:1].expand(most - len(part)) for part in self.parts]
        index = torch.stack([torch.cat(pair) for pair in zip(self.parts, padding, strict=True)])
        rows, layout = self.rows.X, net.module_.layout
        # sums of values far from zero would lose their digits
        sampled = None if layout.needs_double or layout.has_origin else net.sampled
        most_rows = _ROWS if sampled is None else _SPARSE_ROWS
        predicted = []
        for chunk in torch.split(index, -(-most_rows // len(index)), dim=1):
            if sampled is not None:
                part = sampled.predict_separately(rows, chunk)
            else:
                own = rows.index_select(0, chunk.flatten()).to(net.device)
                part = net.module_.predict_separately(own.reshape(*chunk.shape, -1))
            predicted.append(part.cpu())
        members = zip(self.parts, torch.cat(predicted, dim=1), strict=True)
        return torch.cat([outputs[: len(part)] for part, outputs in members]).double()


def _minimize(loss: Callable[[float], float]) -> float:
    """Return the inverse temperature with the lowest loss."""
    bounds = -_COLDEST, _COLDEST
    options = {"xatol": _LOG_TOLERANCE}
    found = minimize_scalar(
        lambda x: loss(exp(x)), bounds=bounds, method="bounded", options=options
    )
    return exp(found.x)


def _slopes(predictions: Tensor, targets: Tensor, share: Tensor) -> Tensor:
    """Return what standardised predictions are multiplied by for the least squared error.

    It is from 0 to 1.

    Shape
    -----
    predictions, targets : (n_rows, n_outputs), of targets NaN where unknown; share : (n_rows,);
    result : (n_outputs,)

    Examples
    --------
    >>> y = torch.tensor(
    ...     [[-1.0, 1.0], [1.0, torch.nan], [-1.0, -1.0], [1.0, 3.0]]
    ... ).double()
    >>> predictions = torch.tensor(
    ...     [[-2.0, 2.0], [2.0, 7.0], [-2.0, -1.0], [2.0, 2.0]]
    ... ).double()
    >>> _slopes(predictions, y, torch.full((4,), 0.25).double())
    tensor([0.5000, 1.0000], dtype=torch.float64)
    """
    predictions = predictions.where(~targets.isnan(), 0)
    squares, products = (
        share @ (predictions * other) for other in (predictions, targets.nan_to_num(0.0))
    )
    return (products / squares).where(squares > 0, 1.0).clamp(0, 1)
