"""Training for as long as it serves rows that were held out."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Any

import torch
from scipy.optimize import minimize_scalar
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sk_aecnn.data._rows import BatchSource, resolve
from sk_aecnn.nn import MeanProbability

# epochs to wait for a lower loss, and the share of those that led to the lowest
_PATIENCE = 8
_RELATIVE_PATIENCE = 0.5
# of the average of weights: it spans about this part of the steps so far
_SPAN = 6
_WARM_UP_STEPS = 20
_ROWS = 1024
# of the logarithm of the inverse temperature of probabilities
_COLDEST = 1.5
_LOG_TOLERANCE = 0.02


class HeldOutSelection(Callback):
    """Keep the weights with which members predict best what each was not trained on.

    Every row is held out from one member. After each epoch, that member predicts it, with an
    average of the weights so far (polynomial decay averaging; Shamir & Zhang 2013, "Stochastic
    gradient descent for non-smooth optimization"). Training ends when the loss of these predictions
    has not fallen for some time, and the weights that had the lowest are taken, those before the
    first step among them. The loss of probabilities is that with the best temperature (Guo et al.
    2017, "On calibration of modern neural networks", section 4.2), which is taken as well: else
    training would end where a network grows too sure, though it goes on telling classes apart
    better (Berta et al. 2025, "Rethinking early stopping: refine, then calibrate").

    Parameters
    ----------
    data : RowDataset or Subset
        The training rows, with the folds that they are in.
    name : str
        The loss of the task.
    """

    def __init__(self, data: BatchSource, name: str) -> None:
        self.data = data
        self.name = name

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.step_ = 0
        self.scores_: list[float] = []
        buffers = [tensor for tensor in net.module_.buffers() if tensor.is_floating_point()]
        self.state_ = [tensor.detach() for tensor in (*net.module_.parameters(), *buffers)]
        self.average_ = [tensor.clone() for tensor in self.state_]
        self._sort_by_fold()
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
        net.history.record(f"valid_{self.name}", -self.scores_[-1])
        n_epochs = len(self.scores_) - 1
        if n_epochs - self.best_epoch_ >= max(_PATIENCE, _RELATIVE_PATIENCE * self.best_epoch_):
            raise KeyboardInterrupt  # skorch's word for a callback that has seen enough

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        torch._foreach_copy_(self.state_, self.best_)
        net.validation_scores = self.scores_
        averaging = net.module_.averaging
        if isinstance(averaging, MeanProbability):
            averaging.inverse_temperature.fill_(self.best_temperature_)
        of_data = "data", "rows_", "index_", "counted_", "targets_", "weight_"
        for name in ("state_", "average_", "best_", *of_data):
            delattr(self, name)  # nothing of the data may travel with a pickle

    def _sort_by_fold(self) -> None:
        """Find the rows of each fold, (members, most rows of one), and what they are to be."""
        rows, index = resolve(self.data)
        assert rows.fold is not None, "rows are held out"
        assert rows.y is not None, "rows have targets"
        fold = rows.fold[index]
        folds = [index[fold == member] for member in range(int(fold.max()) + 1)]
        self.index_ = pad_sequence(folds, batch_first=True, padding_value=int(index[0]))
        sizes = torch.tensor([len(part) for part in folds])
        self.counted_ = torch.arange(self.index_.shape[1]) < sizes[:, None]
        ordered = self.index_[self.counted_]
        self.rows_, self.targets_ = rows.X, rows.y[ordered]
        weight = torch.ones(len(rows)) if rows.row_weight is None else rows.row_weight
        self.weight_ = weight[ordered].double()

    def _evaluate(self, net: NeuralNet) -> None:
        now = [tensor.clone() for tensor in self.state_]
        torch._foreach_copy_(self.state_, self.average_)
        predictions, weight = self._predict(net), self.weight_
        torch._foreach_copy_(self.state_, now)
        task = net.criterion_.terms[self.name]

        def loss(inverse_temperature: float) -> float:
            losses = task.measure(inverse_temperature * predictions[:, None], self.targets_)[:, 0]
            return float(losses @ weight / weight.sum())

        inverse_temperature = 1.0
        if isinstance(net.module_.averaging, MeanProbability):
            inverse_temperature = _minimize(loss)
        self.scores_.append(-loss(inverse_temperature))
        if self.scores_[-1] >= max(self.scores_):
            self.best_epoch_ = len(self.scores_) - 1
            self.best_ = [tensor.clone() for tensor in self.average_]
            self.best_temperature_ = inverse_temperature

    @torch.no_grad()
    def _predict(self, net: NeuralNet) -> Tensor:
        """Return what the member that has not seen a row predicts of it, fold after fold."""
        net._set_training(False)
        parts = []
        for index in torch.split(self.index_, -(-_ROWS // len(self.index_)), dim=1):
            rows = self.rows_.index_select(0, index.flatten()).reshape(*index.shape, -1)
            parts.append(net.module_.predict_separately(rows.to(net.device)).cpu())
        return torch.cat(parts, dim=1)[self.counted_].double()


def _minimize(loss: Callable[[float], float]) -> float:
    """Return the inverse temperature with the lowest loss."""
    bounds = -_COLDEST, _COLDEST
    options = {"xatol": _LOG_TOLERANCE}
    found = minimize_scalar(
        lambda x: loss(exp(x)), bounds=bounds, method="bounded", options=options
    )
    return exp(found.x)
