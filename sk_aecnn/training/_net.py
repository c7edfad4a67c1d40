"""The training loop: skorch's, with the parts that cost time or touch global state replaced."""

from __future__ import annotations

import dis
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import isfinite, prod
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, EpochTimer
from skorch.helper import predefined_split
from skorch.utils import noop

from sk_aecnn.data._rows import BatchIterator, Rows, RowSubset, inference_batch_size, map_rows
from sk_aecnn.exceptions import DivergenceError
from sk_aecnn.nn import BatchNorm
from sk_aecnn.training._callbacks import (
    LearningRateSchedule,
    Observation,
    Observer,
    Progress,
    ProgressBar,
)
from sk_aecnn.training._losses import TemperatureSoftmax
from sk_aecnn.training._optimizers import OPTIMIZERS


@dataclass(frozen=True)
class TrainingOptions:
    """How to train: the estimator's parameters of the same names, resolved.

    Attributes
    ----------
    autocast : torch.dtype or None
        See `TrainingNet`.
    patience : int or None
        Epochs without improvement to wait for; None trains to the end.
    """

    max_epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    optimizer: str | type
    lr_schedule: str
    autocast: torch.dtype | None
    patience: int | None
    callbacks: tuple[Any, ...] = ()
    verbose: int = 0


class TrainingNet(NeuralNet):
    """A skorch net whose steps cost little more than their arithmetic.

    Differences from `skorch.NeuralNet`, each a method below: batches are gathered from whole
    tensors; the losses of an epoch are summed on the device and read once, at its end; the batch
    rows of the history live for one epoch; a loss that is not finite raises; Ctrl-C is not
    swallowed. The criterion returns a dictionary of losses, ``"loss"`` the one to minimise.

    Parameters
    ----------
    autocast : torch.dtype or None
        Precision that the network computes in while it trains, where that is not the precision of
        its parameters; losses, gradients of parameters and predictions stay in the latter.
    """

    def __init__(self, *args: Any, autocast: torch.dtype | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.autocast = autocast

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        self._set_training(True)
        step = self._losses(batch)
        step["loss"].backward()
        return step

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        self._set_training(False)
        with torch.no_grad():
            return self._losses(batch)

    def evaluation_step(self, batch: Any, training: bool = False) -> torch.Tensor:
        self._set_training(training)
        inputs, _ = batch
        with torch.set_grad_enabled(training):
            return _first(self.infer(inputs))

    def _losses(self, batch: Any) -> dict[str, Any]:
        inputs, target = batch
        outputs = self._forward(inputs)
        row_weight = inputs.get("row_weight") if isinstance(inputs, dict) else None
        if row_weight is not None:
            row_weight = row_weight.to(self.device)
        losses = self.criterion_(outputs, target.to(self.device), row_weight)
        return {"y_pred": _first(outputs), "losses": losses, "loss": losses["loss"]}

    def _forward(self, inputs: Any) -> dict[str, torch.Tensor]:
        if self.autocast is None or not self.module_.training:
            outputs: dict[str, torch.Tensor] = self.infer(inputs)
            return outputs
        with torch.autocast(torch.device(self.device).type, self.autocast):
            outputs = self.infer(inputs)
        return {name: output.float() for name, output in outputs.items()}

    def _set_training(self, training: bool = True) -> None:
        if self.module_.training != training:
            super()._set_training(training)

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        if iterator is None:
            return
        names: list[str] = []
        total: torch.Tensor | None = None
        n_batches = n_rows = 0
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            names, size = list(step["losses"]), len(batch[1])
            losses = torch.stack(list(step["losses"].values())).detach()
            if total is None:
                total = torch.zeros_like(losses)
            total.add_(losses, alpha=size)
            n_batches, n_rows = n_batches + 1, n_rows + size
            self.history.record_batch(f"{prefix}_batch_size", size)
            self.notify("on_batch_end", batch=batch, training=training, **step)
        self.history.record(f"{prefix}_batch_count", n_batches)
        assert total is not None, "there is at least one batch"
        self._record_losses(prefix, names, total / n_rows)

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self._forget_batches()
        super().on_epoch_begin(net, **kwargs)

    def _forget_batches(self) -> None:
        """Drop the rows of the history that callbacks may ask for until the next epoch begins."""
        if self.history:
            self.history[-1]["batches"].clear()

    def _record_losses(self, prefix: str, names: list[str], means: Any) -> None:
        for name, value in zip(names, means.tolist(), strict=True):
            if not isfinite(value):
                raise DivergenceError(
                    f"The {prefix}_{name} of epoch {len(self.history)} is {value}: training "
                    f"diverged at lr={self.lr:g}. Pass a lower lr (a tenth, say), or scale the "
                    "input where scaling=None was chosen."
                )
            self.history.record(f"{prefix}_{name}", value)
        losses = [epoch[f"{prefix}_loss"] for epoch in self.history if f"{prefix}_loss" in epoch]
        self.history.record(f"{prefix}_loss_best", losses[-1] == min(losses))

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Any:
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y)
        except KeyboardInterrupt as interrupt:
            if not self._was_raised_by_callback(interrupt):
                raise
        self.notify("on_train_end", X=X, y=y)
        return self

    def _was_raised_by_callback(self, interrupt: KeyboardInterrupt) -> bool:
        """Tell a callback's wish to stop, which skorch also spells KeyboardInterrupt, from Ctrl-C.

        A callback stops with a ``raise`` statement in a method of its own. The interpreter's
        interrupt comes up between any two instructions, or in the handler of the signal.
        """
        innermost = interrupt.__traceback__
        assert innermost is not None, "a caught exception has a traceback"
        while innermost.tb_next is not None:
            innermost = innermost.tb_next
        frame = innermost.tb_frame
        explicit = frame.f_code.co_code[innermost.tb_lasti] == dis.opmap["RAISE_VARARGS"]
        owner = frame.f_locals.get("self")
        return explicit and any(owner is callback for _, callback in self.callbacks_)

    def get_default_callbacks(self) -> list[Any]:
        return [("epoch_timer", EpochTimer())]


class ClassifyingNet(ClassifierMixin, TrainingNet):
    """A net whose predictions are logits; it answers in class codes, for callbacks that score."""

    @property
    def classes_(self) -> np.ndarray:
        """The class codes."""
        return np.arange(self.module_.n_outputs)

    def predict(self, X: Any) -> np.ndarray:
        result: np.ndarray = self.predict_proba(X).argmax(axis=1)
        return result


def _first(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return what a network predicts, which stands first in what it returns."""
    return next(iter(outputs.values()))


def build_net(
    module: torch.nn.Module,
    criterion: torch.nn.Module,
    options: TrainingOptions,
    device: torch.device,
    generator: torch.Generator,
    nonlinearity: TemperatureSoftmax | None = None,
) -> TrainingNet:
    """Return an initialized net around a network, ready to train.

    Parameters
    ----------
    module, criterion : nn.Module
        The network, which maps a batch of rows to a dictionary of outputs, and the objective.
    options : TrainingOptions
        How to train.
    device : torch.device
        Where to train.
    generator : torch.Generator
        Stream that the order of the rows is drawn from.
    nonlinearity : TemperatureSoftmax or None
        From predictions to probabilities, where the network classifies.
    """
    optimizer: Any = options.optimizer
    net = (TrainingNet if nonlinearity is None else ClassifyingNet)(
        _with_channels_last(module),
        criterion,
        optimizer=OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
        optimizer__weight_decay=options.weight_decay,
        autocast=options.autocast,
        lr=options.lr,
        batch_size=options.batch_size,
        iterator_train=BatchIterator,
        iterator_train__generator=generator,
        iterator_valid=BatchIterator,
        predict_nonlinearity=nonlinearity,
        train_split=None,
        device=str(device),
        verbose=0,
    )
    initialized: TrainingNet = net.initialize()
    return initialized


def _with_channels_last(module: torch.nn.Module) -> torch.nn.Module:
    """Lay the weights of two-dimensional convolutions out in the order they are fastest in."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def train(
    net: TrainingNet,
    options: TrainingOptions,
    data: Any,
    validation: Any = None,
    observer: Observer | None = None,
) -> TrainingNet:
    """Train a net for some epochs; further calls continue where the last one ended.

    Parameters
    ----------
    net : TrainingNet
        As `build_net` or an earlier call returned it.
    options : TrainingOptions
        How to train.
    data : RowDataset or Subset
        Training rows.
    validation : RowDataset, Subset or None
        Rows to watch for early stopping.
    observer : Observer or None
        Is told of every epoch, and may end the training.
    """
    bar, observation = ProgressBar(), Observation(observer)
    net.callbacks = [
        ("lr_schedule", LearningRateSchedule(options.lr_schedule)),
        ("progress", Progress()),
        *options.callbacks,
    ]
    if options.verbose:
        net.callbacks.append(("progress_bar", bar))
    if options.patience is not None:
        stopper = EarlyStopping(patience=options.patience, load_best=True, sink=noop)
        net.callbacks.append(("early_stopping", stopper))
    net.callbacks.append(("observation", observation))
    net.max_epochs, net.batch_size, net.lr = options.max_epochs, options.batch_size, options.lr
    net.train_split = None if validation is None else predefined_split(validation)
    net.initialize_callbacks()
    try:
        net.partial_fit(data)
    finally:
        bar.close()
        observation.end()
    net.train_split = None
    net._forget_batches()
    if validation is None and len(data) <= net.batch_size:
        _recompute_batch_norm_statistics(net, data)
    net.module_.eval()
    return net


def snapshot(net: TrainingNet) -> TrainingNet:
    """Return a net that predicts as this one does now, whatever this one learns later."""
    taken = object.__new__(type(net))
    taken.__dict__.update(net.__dict__)
    taken.__dict__["module_"] = deepcopy(net.module_).eval()
    return taken


def _recompute_batch_norm_statistics(net: TrainingNet, data: Any) -> None:
    """Set the running statistics to those of the data, where a batch is all of the data.

    They follow the weights at a distance of some steps otherwise: far, where steps are few.
    """
    inputs, _ = next(iter(BatchIterator(data, len(data))))
    net.module_.train()
    norms = [
        module
        for module in net.module_.modules()
        if isinstance(module, BatchNorm) and module.training
    ]
    net.module_.eval()
    for norm in norms:
        norm.train().momentum = 1.0
    with torch.no_grad():
        net.infer(inputs)
    for norm in norms:
        norm.momentum = BatchNorm.MOMENTUM


def infer(net: TrainingNet, method: str, rows: Rows | RowSubset, **arguments: Any) -> np.ndarray:
    """Apply a method of the net's network to rows, in batches."""
    function, shape = getattr(net.module_, method), net.module_.layout.shape
    if arguments:
        function = partial(function, **arguments)
    batch_size = inference_batch_size(prod(shape), len(shape) > 1)
    return map_rows(function, rows, torch.device(net.device), batch_size)
