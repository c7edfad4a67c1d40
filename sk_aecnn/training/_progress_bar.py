"""What ``verbose=1`` shows: a bar in terminals and notebooks, elsewhere a line an epoch."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor
from torch.nn import functional as F

from sk_aecnn.training._callbacks import count_steps
from sk_aecnn.training._reconstruction_losses import ReconstructionLoss


def write_line(line: str) -> None:
    """Write a line to the error stream, above the bars that may be there."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def open_bar(n_steps: int) -> Any:
    """Return a bar of the kind that fits, or None where neither a terminal nor a notebook is."""
    from tqdm.auto import tqdm  # here, for these import much
    from tqdm.notebook import tqdm_notebook

    if not sys.stderr.isatty() and not issubclass(tqdm, tqdm_notebook):
        return None
    return tqdm(total=n_steps, unit="step", dynamic_ncols=True)


class RunningScore(ABC):
    """A score of predictions that are seen a batch at a time. Abstract: subclasses say which."""

    name: str

    @abstractmethod
    def add(self, prediction: Tensor, y: Tensor) -> None:
        """Take predictions and targets into account."""

    @abstractmethod
    def value(self) -> float | None:
        """Return the score of all, or None where there were none."""


class RunningAccuracy(RunningScore):
    """The share of labels that have the largest logit.

    Examples
    --------
    >>> accuracy = RunningAccuracy()
    >>> accuracy.add(torch.eye(2), torch.tensor([0, 0]))
    >>> accuracy.value()
    0.5
    """

    name = "accuracy"

    def __init__(self) -> None:
        self._sums: Tensor | int = 0
        self._n_rows = 0

    def add(self, prediction: Tensor, y: Tensor) -> None:
        """Count the rows that are right."""
        self._sums = self._sums + (prediction.detach().argmax(1) == y.to(prediction.device)).sum()
        self._n_rows += len(y)

    def value(self) -> float | None:
        """Return their share."""
        return float(self._sums) / self._n_rows if self._n_rows else None


class RunningR2(RunningScore):
    """The coefficient of determination, a mean over targets.

    Examples
    --------
    >>> r2 = RunningR2()
    >>> r2.add(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [2.0]]))
    >>> r2.value()
    0.5
    """

    name = "r2"

    def __init__(self) -> None:
        self._sums: Tensor | int = 0
        self._n_rows = 0

    def add(self, prediction: Tensor, y: Tensor) -> None:
        """Add up targets, their squares, and squared errors."""
        target = y.to(prediction.device).double()
        errors = (target - prediction.detach()).square()
        self._sums = self._sums + torch.stack([target, target.square(), errors]).sum(1)
        self._n_rows += len(y)

    def value(self) -> float | None:
        """Return the score; None where a target does not vary."""
        if not isinstance(self._sums, Tensor):
            return None
        total, squares, errors = self._sums
        variation = squares - total.square() / self._n_rows
        return float((1 - errors / variation).mean()) if bool((variation > 0).all()) else None


# by the loss of the task
_SCORES: dict[str, type[RunningScore]] = {
    "classification_loss": RunningAccuracy,
    "regression_loss": RunningR2,
}


class ProgressBar(Callback):
    """Show the epoch, the steps done, the time left, and losses and scores of the last epoch.

    Scores of training samples are those of the predictions that were made while training.
    """

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        terms = net.criterion_.terms
        self.task_ = next((name for name in _SCORES if name in terms), None)
        self.squared_ = _is_share_of_variance(terms)
        self.n_before_ = net.n_epochs_before
        self.n_epochs_ = self.n_before_ + len(net.history) + net.max_epochs
        self.scores_: dict[str, RunningScore] = {}
        self.due_ = False
        self.bar_ = open_bar(count_steps(net, X))

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self._tell(net, -2)
        self.due_ = True
        if self.bar_ is not None:
            self.bar_.set_description(self._name_epoch(len(net.history)))

    def on_batch_end(
        self,
        net: NeuralNet,
        batch: Any = None,
        training: bool = False,
        y_pred: Any = None,
        **kwargs: Any,
    ) -> None:
        if training and self.bar_ is not None:
            self.bar_.update()
        if self.task_ is not None:
            prefix = "train" if training else "valid"
            self.scores_.setdefault(prefix, _SCORES[self.task_]()).add(y_pred, batch[1])

    def close(self, net: NeuralNet) -> None:
        """Show the last epoch, and leave the bar as it stands; it may not travel with a pickle."""
        if "bar_" not in self.__dict__:
            return
        self._tell(net, -1)
        bar = self.__dict__.pop("bar_")
        if bar is not None:
            bar.close()

    def _name_epoch(self, epoch: int) -> str:
        return f"epoch {self.n_before_ + epoch}/{self.n_epochs_}"

    def _tell(self, net: NeuralNet, row: int) -> None:
        """Show what is known of an epoch, if it has ended."""
        if not self.due_ or "train_loss" not in net.history[row]:
            return
        self.due_ = False
        shown = {name: f"{value:.4f}" for name, value in self._known(net.history[row]).items()}
        self.scores_ = {}
        if self.bar_ is not None:
            self.bar_.set_postfix(shown)
        elif shown:
            epoch = self._name_epoch(net.history[row]["epoch"])
            write_line(f"{epoch}: " + ", ".join(f"{name}={text}" for name, text in shown.items()))

    def _known(self, epoch: dict[str, Any]) -> dict[str, float]:
        """Return losses and scores of an epoch."""
        names = ("train_loss", "valid_loss", f"valid_{self.task_}")
        known = {name: epoch[name] for name in names if name in epoch}
        if "valid_loss" in known:
            known.pop(f"valid_{self.task_}", None)
        for prefix in ("train", "valid"):
            loss = f"{prefix}_reconstruction_loss"
            if self.squared_ and loss in epoch:
                known[f"{prefix}_r2"] = 1 - epoch[loss]
            score = self.scores_.get(prefix)
            if score is not None and (value := score.value()) is not None:
                known[f"{prefix}_{score.name}"] = value
        return known


def _is_share_of_variance(terms: Any) -> bool:
    """Tell whether the one loss is the squared error over that of the mean, which is 1 - R²."""
    loss = terms["reconstruction_loss"] if list(terms) == ["reconstruction_loss"] else None
    return isinstance(loss, ReconstructionLoss) and loss.elementwise is F.mse_loss
