"""skorch callbacks that every training has: its observer, its schedule, how far it is."""

from __future__ import annotations

from typing import Any, Protocol

from skorch import NeuralNet
from skorch.callbacks import Callback

from sk_aecnn._processes import agree
from sk_aecnn.data._batches import BatchIterator
from sk_aecnn.nn import Augmentation
from sk_aecnn.training._code_losses import DivergenceLoss
from sk_aecnn.training._schedules import LR_SCHEDULES


class Observer(Protocol):
    """Whoever wants to know of the epochs of a training, and may end it."""

    def begin_epoch(self, net: NeuralNet) -> None:
        """Take note that an epoch begins."""

    def end_epoch(self, net: NeuralNet) -> bool:
        """Take note that it ended; return whether training should end too."""


class Observation(Callback):
    """Tell an observer of the epochs."""

    def __init__(self, observer: Observer | None) -> None:
        self.observer = observer

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        if self.observer is not None:
            self.observer.begin_epoch(net)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        if self.observer is not None and agree(self.observer.end_epoch(net)):
            raise KeyboardInterrupt  # skorch's word for a callback that has seen enough

    def end(self) -> None:
        """Let go of the observer; it holds the data, and may not travel with a pickle."""
        self.observer = None


def count_steps(net: NeuralNet, dataset: Any) -> int:
    """Return the number of steps that a net takes in a call."""
    batches = BatchIterator(dataset, net.batch_size, net.iterator_train__generator)
    return int(net.max_epochs * len(batches))


class Steps(Callback):
    """Counts the steps of a call to ``fit``, or of a stream of calls to ``partial_fit``.

    Parameters
    ----------
    n_steps : int or None
        The steps of all calls; None for those of this one.
    """

    def __init__(self, n_steps: int | None = None) -> None:
        self.n_steps = n_steps

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.step_ = 0 if self.n_steps is None else net.n_steps_before
        self.n_steps_ = self.n_steps or count_steps(net, X)

    @property
    def share_done_(self) -> float:
        """The share of the steps that is done."""
        return min(1.0, self.step_ / self.n_steps_)


class LearningRateSchedule(Steps):
    """Set the learning rate before every step, by the share of the steps that is done."""

    def __init__(self, schedule: str, n_steps: int | None = None) -> None:
        super().__init__(n_steps)
        self.schedule = schedule

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        if self.schedule != "constant":
            super().on_train_begin(net, X, y, **kwargs)
        for group in net.optimizer_.param_groups:
            group["lr"] = net.lr  # not where an earlier call left off

    def on_batch_begin(self, net: NeuralNet, training: bool = False, **kwargs: Any) -> None:
        if not training or self.schedule == "constant":
            return
        lr = net.lr * LR_SCHEDULES[self.schedule](self.share_done_)
        for group in net.optimizer_.param_groups:
            group["lr"] = lr
        self.step_ += 1


class Progress(Steps):
    """Tell what changes in the course of the first call, or of a stream, how much is done."""

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        is_first = net.n_epochs_before == 0 and not net.history
        self.goes_on_ = is_first or self.n_steps is not None
        if self.goes_on_:
            super().on_train_begin(net, X, y, **kwargs)
        self.changing_ = [
            module
            for module in (*net.module_.modules(), *net.criterion_.modules())
            if isinstance(module, Augmentation | DivergenceLoss)
        ]

    def on_batch_begin(self, net: NeuralNet, training: bool = False, **kwargs: Any) -> None:
        for module in self.changing_:
            module.train(training)
            module.progress = self.share_done_ if self.goes_on_ else 1.0
        if self.goes_on_:
            self.step_ += training


def check_callback(callback: Any) -> None:
    """Raise where an entry of ``callbacks`` is no callback."""
    named = callback[1] if isinstance(callback, tuple) and len(callback) == 2 else callback
    if not (hasattr(named, "on_train_begin") or hasattr(named, "on_epoch_end")):
        raise ValueError(
            f"callbacks has an entry {callback!r}, which is no skorch callback. Pass instances of "
            "skorch.callbacks.Callback, or tuples of a name and an instance."
        )
