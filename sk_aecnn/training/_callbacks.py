"""skorch callbacks that every training has: its observer, its schedule, its progress."""

from __future__ import annotations

from typing import Any, Protocol

from skorch import NeuralNet
from skorch.callbacks import Callback
from tqdm import tqdm

from sk_aecnn.data._rows import BatchIterator
from sk_aecnn.nn import Augmentation
from sk_aecnn.training._losses import DivergenceLoss
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
        if self.observer is not None and self.observer.end_epoch(net):
            raise KeyboardInterrupt  # skorch's word for a callback that has seen enough

    def end(self) -> None:
        """Let go of the observer; it holds the data, and may not travel with a pickle."""
        self.observer = None


def _count_steps(net: NeuralNet, dataset: Any) -> int:
    batches = BatchIterator(dataset, net.batch_size, net.iterator_train__generator)
    return int(net.max_epochs * len(batches))


class LearningRateSchedule(Callback):
    """Set the learning rate before every step, as a share of the steps of this call to ``fit``."""

    def __init__(self, schedule: str) -> None:
        self.schedule = schedule

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.step_ = 0
        self.n_steps_ = _count_steps(net, X)
        for group in net.optimizer_.param_groups:
            group["lr"] = net.lr  # not where an earlier call left off

    def on_batch_begin(self, net: NeuralNet, training: bool = False, **kwargs: Any) -> None:
        if not training or self.schedule == "constant":
            return
        lr = net.lr * LR_SCHEDULES[self.schedule](self.step_ / self.n_steps_)
        for group in net.optimizer_.param_groups:
            group["lr"] = lr
        self.step_ += 1


class Progress(Callback):
    """Tell what changes in the course of the first call to ``fit`` how much of it is done."""

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.step_ = 0
        self.n_steps_ = _count_steps(net, X)
        self.is_first_ = net.n_epochs_before == 0 and not net.history
        self.changing_ = [
            module
            for module in (*net.module_.modules(), *net.criterion_.modules())
            if isinstance(module, Augmentation | DivergenceLoss)
        ]

    def on_batch_begin(self, net: NeuralNet, training: bool = False, **kwargs: Any) -> None:
        for module in self.changing_:
            module.train(training)
            module.progress = self.step_ / self.n_steps_ if self.is_first_ else 1.0
        self.step_ += training


class ProgressBar(Callback):
    """Show the steps done, the time left and the losses of the last epoch."""

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        n_steps = _count_steps(net, X)
        self.bar_ = tqdm(total=n_steps, unit="step", desc="epoch 0", dynamic_ncols=True)

    def on_batch_end(self, net: NeuralNet, training: bool = False, **kwargs: Any) -> None:
        if training:
            self.bar_.update()

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        epoch = net.history[-1]
        losses = {name: epoch[name] for name in ("train_loss", "valid_loss") if name in epoch}
        self.bar_.set_description(f"epoch {net.n_epochs_before + len(net.history)}")
        self.bar_.set_postfix({name: f"{value:.4f}" for name, value in losses.items()})

    def close(self) -> None:
        """Leave the bar on the screen as it stands; it may not travel with a pickle."""
        bar = self.__dict__.pop("bar_", None)
        if bar is not None:
            bar.close()
