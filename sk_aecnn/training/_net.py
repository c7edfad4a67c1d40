"""The training loop: skorch's, with the parts that cost time or touch global state replaced."""

from __future__ import annotations

import dis
import signal
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from math import isfinite
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from skorch import NeuralNet
from skorch.callbacks import EpochTimer
from skorch.history import History
from skorch.utils import to_tensor
from torch.utils.data import Dataset

from sk_aecnn._processes import agree, is_shared, sharing
from sk_aecnn._torch import as_tensor, generator_on, resolve_device
from sk_aecnn.data._batches import BatchIterator, RowDataset
from sk_aecnn.exceptions import DivergenceError
from sk_aecnn.nn import SampledFeatures, check_memory, set_generator
from sk_aecnn.training._callbacks import check_callback
from sk_aecnn.training._optimizers import OPTIMIZERS
from sk_aecnn.training._options import TrainingOptions
from sk_aecnn.training._prediction_losses import TemperatureSoftmax
from sk_aecnn.training._scoring import ScoredRows, choose_scored
from sk_aecnn.training._shares import Shares

# numbers kept for each parameter: itself, its gradient, and the two moments of Adam
_COPIES_KEPT = {"adam": 4, "adamw": 4}
_COPIES_OF_OTHERS = 2
# arguments of every net
_FIXED: dict[str, Any] = {
    "iterator_train": BatchIterator,
    "iterator_valid": BatchIterator,
    "train_split": None,
    "verbose": 0,
}
# and those that a state holds
_SAVED = (
    "optimizer",
    "optimizer__weight_decay",
    "autocast",
    "lr",
    "batch_size",
    "predict_nonlinearity",
    "device",
)


class TrainingNet(NeuralNet):
    """A skorch net whose steps cost little more than their arithmetic.

    Differences from `skorch.NeuralNet`, each a method below: batches are gathered from whole
    tensors; the losses of an epoch are summed on the device and read once, at its end; the batch
    rows of the history live for one epoch; a loss that is not finite raises; Ctrl-C is not
    swallowed; callbacks see the samples that have a target. The criterion returns a dictionary of
    losses, ``"loss"`` the one to minimise.

    Parameters
    ----------
    autocast : torch.dtype or None
        Precision that the network computes in while it trains, where that is not the precision of
        its parameters; losses, gradients of parameters and predictions stay in the latter.
    """

    def __init__(self, *args: Any, autocast: torch.dtype | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.autocast = autocast
        self.shares: Shares | None = None
        self.sampled: SampledFeatures | None = None
        self.n_epochs_before = 0
        self.n_steps_before = 0
        self.best_losses: dict[str, float] = {}
        self.validation_scores: list[float] = []

    def __getstate__(self) -> dict[str, Any]:
        """Return what the net is built from and what it has learned."""
        optimizer = self.optimizer_
        return {
            "module": self.module_,
            "criterion": self.criterion_,
            "arguments": {name: getattr(self, name) for name in _SAVED},
            "generator": self.iterator_train__generator.get_state().numpy(),
            "optimizer_state": None if optimizer is None else optimizer.state_dict(),
            "history": list(self.history),
            "n_epochs_before": self.n_epochs_before,
            "n_steps_before": self.n_steps_before,
            "best_losses": self.best_losses,
            "validation_scores": self.validation_scores,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the net anew, on the device that it was on, or on the CPU where there is none."""
        arguments = _check_state(state)
        try:
            device = resolve_device(arguments["device"])
        except ValueError:
            device = torch.device("cpu")
        generator = torch.Generator()
        generator.set_state(torch.from_numpy(np.array(state["generator"])))
        arguments = arguments | {"device": str(device), "iterator_train__generator": generator}
        self.__init__(state["module"], state["criterion"], **_FIXED, **arguments)  # type: ignore[misc]
        self.initialize()
        if state["optimizer_state"] is not None:
            self.optimizer_.load_state_dict(state["optimizer_state"])
            _move_state(self.optimizer_, device)
        self.history_ = History(state["history"])
        for name in ("n_epochs_before", "n_steps_before", "best_losses", "validation_scores"):
            setattr(self, name, state[name])
        set_generator(self.module_, generator_on(device, generator))

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        if not isinstance(X, Dataset):  # of a callback that scores rows of its own
            X = RowDataset(as_tensor(np.asarray(X)).flatten(1))
        return super().get_dataset(X, y)

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        training, validation = super().get_split_datasets(X, y, **fit_params)
        return ScoredRows(training), None if validation is None else ScoredRows(validation)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        source = dataset.source if isinstance(dataset, ScoredRows) else dataset
        return super().get_iterator(source, training=training)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        self._set_training(True)
        step = self._losses(self._move_with_targets(batch))
        step["loss"].backward()
        return step

    def _move_with_targets(self, batch: Any) -> Any:
        """Return a batch after the transforms of samples that move targets as well."""
        augmentation = getattr(self.module_, "augmentation", None)
        if augmentation is None or len(augmentation.paired) == 0:
            return batch
        inputs, target = batch
        named = inputs if isinstance(inputs, dict) else {"rows": inputs}
        parts = named["rows"].to(self.device), target.to(self.device)
        rows, target = augmentation.move_with_targets(*parts)
        return named | {"rows": rows}, target

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

    def infer(self, x: Any, **fit_params: Any) -> Any:
        call: Any = None
        if self.shares is not None and is_shared():
            call = self.shares.module
        elif self.sampled is not None:
            call = self.sampled.forward
        if call is None or not self.module_.training:
            return super().infer(x, **fit_params)
        inputs = to_tensor(x, device=self.device)
        return call(**inputs) if isinstance(inputs, dict) else call(inputs)

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
        for size, batch in self._batches(iterator):
            self.notify("on_batch_begin", batch=batch, training=training)
            with nullcontext() if self.shares is None else sharing(size):
                step = step_fn(batch, **fit_params)
            names = list(step["losses"])
            losses = torch.stack(list(step["losses"].values())).detach()
            if total is None:
                total = torch.zeros_like(losses)
            total.add_(losses, alpha=size)
            n_batches, n_rows = n_batches + 1, n_rows + size
            self.history.record_batch(f"{prefix}_batch_size", size)
            batch, step["y_pred"] = choose_scored(batch, step["y_pred"])
            self.notify("on_batch_end", batch=batch, training=training, **step)
        self.history.record(f"{prefix}_batch_count", n_batches)
        assert total is not None, "there is at least one batch"
        self._record_losses(prefix, names, total / n_rows)

    def _batches(self, iterator: BatchIterator) -> Iterator[tuple[int, Any]]:
        """Yield the size of each batch, and the share of it that this process has."""
        if self.shares is None:
            return ((len(batch[1]), batch) for batch in iterator)
        iterator.share = self.shares.those.share
        return zip(iterator.sizes(), iterator, strict=True)

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self._forget_batches()
        super().on_epoch_begin(net, **kwargs)

    def _forget_batches(self) -> None:
        """Drop the rows of the history that callbacks may ask for until the next epoch begins."""
        if self.history:
            self.history[-1]["batches"].clear()

    def _record_losses(self, prefix: str, names: list[str], means: Any) -> None:
        for name, value in zip(names, agree(means.tolist()), strict=True):
            if not isfinite(value):
                raise DivergenceError(
                    f"The {prefix}_{name} of epoch {self.n_epochs_before + len(self.history)} is "
                    f"{value}: training diverged at lr={self.lr:g}. Pass a lower lr (a tenth, say),"
                    " leave out samples whose values are far from all others, or scale the input"
                    " where scaling=None was chosen."
                )
            self.history.record(f"{prefix}_{name}", value)
        loss = self.history[-1, f"{prefix}_loss"]
        best = min(loss, self.best_losses.get(prefix, loss))
        self.best_losses[prefix] = best
        self.history.record(f"{prefix}_loss_best", loss == best)

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

        A callback stops with a ``raise`` statement while it is notified. The interpreter's
        interrupt comes up between any two instructions, or in the handler of the signal.
        """
        frames = list(traceback.walk_tb(interrupt.__traceback__))
        innermost = interrupt.__traceback__
        while innermost is not None and innermost.tb_next is not None:
            innermost = innermost.tb_next
        assert innermost is not None, "a caught exception has a traceback"
        code = innermost.tb_frame.f_code
        explicit = code.co_code[innermost.tb_lasti] == dis.opmap["RAISE_VARARGS"]
        handler = getattr(signal.getsignal(signal.SIGINT), "__code__", None)
        codes = [frame.f_code for frame, _ in frames]
        return explicit and NeuralNet.notify.__code__ in codes and handler not in codes

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
    base = torch.optim.Optimizer
    if isinstance(optimizer, type) and (optimizer is base or not issubclass(optimizer, base)):
        raise ValueError(
            f"optimizer={optimizer!r} is no torch.optim.Optimizer. Pass one of "
            f"{sorted(OPTIMIZERS)}, or an optimizer class of torch."
        )
    for callback in options.callbacks:
        check_callback(callback)
    if device.type == "cpu":
        check_memory(module, _itemsize(module), _COPIES_KEPT.get(str(optimizer), _COPIES_OF_OTHERS))
    net = (TrainingNet if nonlinearity is None else ClassifyingNet)(
        _with_channels_last(module),
        criterion,
        optimizer=OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
        optimizer__weight_decay=options.weight_decay,
        autocast=options.autocast,
        lr=options.lr,
        batch_size=options.batch_size,
        iterator_train__generator=generator,
        predict_nonlinearity=nonlinearity,
        device=str(device),
        **_FIXED,
    )
    initialized: TrainingNet = net.initialize()
    return initialized


def _check_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments in a state, or raise where skorch would call what is no part of a net.

    A state may come from a file of somebody else's.
    """
    arguments = {name: state["arguments"][name] for name in _SAVED}
    optimizer, nonlinearity = arguments["optimizer"], arguments["predict_nonlinearity"]
    if not (
        isinstance(state["module"], torch.nn.Module)
        and isinstance(state["criterion"], torch.nn.Module)
        and isinstance(optimizer, type)
        and issubclass(optimizer, torch.optim.Optimizer)
        and (nonlinearity is None or isinstance(nonlinearity, TemperatureSoftmax))
    ):
        raise ValueError(
            "The state of a net must hold a network and a criterion, which are torch.nn.Module "
            "objects, and a class of torch.optim.Optimizer. Somebody has changed it."
        )
    return arguments


def _itemsize(module: torch.nn.Module) -> int:
    return max((parameter.itemsize for parameter in module.parameters()), default=0)


def _with_channels_last(module: torch.nn.Module) -> torch.nn.Module:
    """Lay the weights of two-dimensional convolutions out in the order they are fastest in."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def _move_state(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Move what an optimizer has learned in place."""
    for state in optimizer.state.values():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                state[name] = value.to(device)
