"""The training loop: skorch's, with the parts that cost time or touch global state replaced."""

from __future__ import annotations

import dis
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from copy import deepcopy
from functools import partial
from math import isfinite, prod
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, EpochTimer
from skorch.callbacks.scoring import ScoringBase
from skorch.exceptions import SkorchException
from skorch.helper import predefined_split
from skorch.history import History
from skorch.utils import noop, to_tensor
from torch.utils.data import Dataset

from sk_aecnn._processes import agree, is_shared, sharing
from sk_aecnn._torch import (
    as_tensor,
    describe_shortage,
    is_out_of_memory,
    is_undisturbed,
    new_generator,
    resolve_device,
    undisturbed,
)
from sk_aecnn.data._rows import (
    BatchIterator,
    BatchSource,
    RowDataset,
    Rows,
    RowSubset,
    inference_batch_size,
    map_rows,
)
from sk_aecnn.exceptions import DivergenceError
from sk_aecnn.nn import BatchNorm, PCAHalf, check_memory, set_generator
from sk_aecnn.training._callbacks import (
    LearningRateSchedule,
    Observation,
    Observer,
    Progress,
    count_steps,
)
from sk_aecnn.training._copies import copy_module, copy_optimizer
from sk_aecnn.training._held_out import HeldOutSelection
from sk_aecnn.training._losses import TemperatureSoftmax
from sk_aecnn.training._optimizers import OPTIMIZERS
from sk_aecnn.training._options import TrainingOptions
from sk_aecnn.training._progress_bar import ProgressBar
from sk_aecnn.training._scoring import (
    SCORE,
    Score,
    ScoredRows,
    ValidationScore,
    choose_scored,
)
from sk_aecnn.training._shares import Shares, shared
from sk_aecnn.training._step_memory import check_step_memory

# numbers kept for each parameter: itself, its gradient, and the two moments of Adam
_COPIES_KEPT = {"adam": 4, "adamw": 4}
_COPIES_OF_OTHERS = 2
# up to which a look at each costs less than to sum them up and mind overflow
_FEW_VALUES = 10_000
_NOTHING_TO_SCORE = (
    "A callback scores training samples{}, but none of these has a target. Leave it out of "
    "callbacks in this call, or pass samples with a target."
)
# to see whether the weights after the last step give finite losses
_CHECKED_ROWS = 32
# and whether they are lower than those of constants
_MEASURED_ROWS = 512

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
        set_generator(self.module_, on_device(generator, device))

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
        if self.shares is None or not (is_shared() and self.module_.training):
            return super().infer(x, **fit_params)
        inputs = to_tensor(x, device=self.device)
        parallel = self.shares.module
        return parallel(**inputs) if isinstance(inputs, dict) else parallel(inputs)

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
                    " or scale the input where scaling=None was chosen."
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
        _check_callback(callback)
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


def _check_callback(callback: Any) -> None:
    """Raise where an entry of ``callbacks`` is no callback."""
    named = callback[1] if isinstance(callback, tuple) and len(callback) == 2 else callback
    if not (hasattr(named, "on_train_begin") or hasattr(named, "on_epoch_end")):
        raise ValueError(
            f"callbacks has an entry {callback!r}, which is no skorch callback. Pass instances of "
            "skorch.callbacks.Callback, or tuples of a name and an instance."
        )


def _with_channels_last(module: torch.nn.Module) -> torch.nn.Module:
    """Lay the weights of two-dimensional convolutions out in the order they are fastest in."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def _set_callbacks(
    net: TrainingNet,
    options: TrainingOptions,
    data: BatchSource,
    validation: BatchSource | None,
    score: Score | None,
    bar: ProgressBar,
    observation: Observation,
) -> None:
    """Give a net the callbacks of a call; the observation hears of an epoch last."""
    net.callbacks = [
        ("lr_schedule", LearningRateSchedule(options.lr_schedule, options.n_steps)),
        ("progress", Progress(options.n_steps)),
        *options.callbacks,
    ]
    if options.verbose:
        net.callbacks.append(("progress_bar", bar))
    if score is not None and validation is not None:
        net.callbacks.append(("validation_score", ValidationScore(score, validation)))
    if options.patience is not None:
        monitor, falls = (options.monitor, True) if score is None else (SCORE, False)
        stopper = EarlyStopping(
            monitor, options.patience, lower_is_better=falls, load_best=True, sink=noop
        )
        net.callbacks.append(("early_stopping", stopper))
    if options.n_folds:
        selection = HeldOutSelection(data, options.monitor.removeprefix("valid_"), score)
        net.callbacks.append(("held_out_selection", selection))
    net.callbacks.append(("observation", observation))


def _set_momentum(module: torch.nn.Module, momentum: float) -> None:
    """Set how much of its running statistics batch normalisation takes from a batch."""
    for layer in module.modules():
        if isinstance(layer, BatchNorm):
            layer.momentum = momentum


def train(
    net: TrainingNet,
    options: TrainingOptions,
    data: Any,
    validation: Any = None,
    observer: Observer | None = None,
    score: Score | None = None,
) -> dict[str, float]:
    """Train a net for some epochs; further calls continue where the last one ended.

    Returns the losses that some of the training rows have in the end.

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
    score : Score or None
        What early stopping goes by; None for the loss of the task.
    """
    resumed = net.n_epochs_before > 0 or bool(net.history)
    if not resumed:
        check_step_memory(net, data, options.batch_size)
    bar, observation = ProgressBar(), Observation(observer)
    _set_callbacks(net, options, data, validation, score, bar, observation)
    net.validation_scores, n_before = [], len(net.history)
    net.max_epochs, net.batch_size = options.max_epochs, options.batch_size
    net.lr = options.lr * options.lr_factor
    for group in net.optimizer_.param_groups:
        group["weight_decay"] = options.weight_decay
    continues = options.partial and resumed
    whole = 1.0 if not continues else min(1.0, len(data) / options.batch_size)
    _set_momentum(net.module_, whole * BatchNorm.MOMENTUM)
    net.train_split = None if validation is None else predefined_split(validation)
    net.initialize_callbacks()
    scores = any(isinstance(c, ScoringBase) and c.on_train for _, c in net.callbacks_)
    if scores and len(ScoredRows(data).X) == 0:  # of which some scorers make NaN
        raise ValueError(_NOTHING_TO_SCORE.format(""))
    generator = net.iterator_train__generator
    try:
        with shared(net.module_, generator, data, options.batch_size) as net.shares:
            net.partial_fit(data)
    except (KeyError, SkorchException, ValueError) as error:
        explanation = _explain_callback(error, data, validation)
        if explanation is None:
            raise
        raise ValueError(explanation) from error
    finally:
        net.shares = None
        bar.close(net)
        observation.end()
    if validation is not None:
        scores = net.history[n_before:, SCORE if score is not None else options.monitor]
        net.validation_scores = scores if score is not None else [-loss for loss in scores]
    net.train_split = None
    net._forget_batches()
    net.n_steps_before += count_steps(net, data)
    if options.n_steps is None:  # no stream
        net.n_steps_before = 0
    _shrink(net)
    if validation is None and len(data) <= net.batch_size and not continues:
        _recompute_batch_norm_statistics(net, data)
    net.module_.eval()
    n_measured = min(_MEASURED_ROWS, options.batch_size)
    return _measure_losses(net, data, _CHECKED_ROWS if options.partial else n_measured)


def _explain_callback(error: Exception, data: Any, validation: Any) -> str | None:
    """Return what an error in training says of a callback, or None where it is another's."""
    if validation is None and (
        isinstance(error, KeyError) or ("valid_" in str(error) and "history" in str(error))
    ):
        return (
            f"A callback asks for a validation loss ({error}), but nothing is validated. Pass "
            "early_stopping=True, or let the callback watch 'train_loss'."
        )
    if type(error) is ValueError and len(ScoredRows(data).X) == 0:
        return _NOTHING_TO_SCORE.format(f" ({error})")
    return None


def _pca_halves(net: TrainingNet) -> list[PCAHalf]:
    return [module for module in net.module_.modules() if isinstance(module, PCAHalf)]


def _shrink(net: TrainingNet) -> None:
    """Take back, once, what was to be taken back in the end."""
    for half in _pca_halves(net):
        half.shrink(half.shrinkage)
        half.shrinkage = 0.0


def set_shrinkage(net: TrainingNet, shrinkage: float) -> None:
    """Let training take back a share of what an autoencoder learns beyond PCA."""
    for half in _pca_halves(net):
        half.shrinkage = shrinkage


def shrunk_errors(
    net: TrainingNet,
    rows: Rows | RowSubset,
    choices: Sequence[float],
    error: str = "standardised_mean_squared_error",
) -> np.ndarray:
    """Return the errors of rows, with more and more taken back of what was learned beyond PCA.

    Parameters
    ----------
    net : TrainingNet
        A trained one, which is changed.
    rows : Tensor, SparseRows or RowSubset of shape (n_samples, n_features)
        Rows.
    choices : sequence of float
        Shares to take back, from 0 up.
    error : str
        The method of the network that returns the error of each row.

    Returns
    -------
    errors : ndarray of shape (n_choices, n_samples), float64
        The errors, with each of the choices.
    """
    errors, before = [], 0.0
    for shrinkage in choices:
        for half in _pca_halves(net):
            half.shrink(1 - (1 - shrinkage) / (1 - before))
        errors.append(infer(net, error, rows))
        before = shrinkage
    return np.stack(errors)


def _measure_losses(net: TrainingNet, data: BatchSource, n_rows: int) -> dict[str, float]:
    """Return the losses of some rows, or raise where the last step left weights without any."""
    generator = new_generator(0) if len(data) > n_rows else None
    batch = next(iter(BatchIterator(data, n_rows, generator)))
    losses: dict[str, torch.Tensor] = net.validation_step(batch)["losses"]
    if not _all_finite([*net.module_.parameters(), *net.module_.buffers(), *losses.values()]):
        raise DivergenceError(
            f"The last step of training at lr={net.lr:g} left weights that give no finite losses: "
            "training diverged. Pass a lower lr (a tenth, say), or scale the input where "
            "scaling=None was chosen."
        )
    return {name: float(loss) for name, loss in losses.items()}


def _all_finite(tensors: Sequence[torch.Tensor]) -> bool:
    """Tell whether all numbers are finite, by their sum in most cases."""
    floats = [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
    if torch.stack([tensor.sum() for tensor in floats]).sum().isfinite():
        return True
    return all(bool(tensor.isfinite().all()) for tensor in floats)


def fork(net: TrainingNet, partial: bool) -> TrainingNet:
    """Return a net that goes on training from here; this one stays as it is.

    For ``partial`` training the history begins anew, so that the time does not depend on how long
    the net was trained before.
    """
    memo: dict[int, Any] = {}
    modules = {name: copy_module(getattr(net, name), memo) for name in ("module_", "criterion_")}
    generator = net.iterator_train__generator.clone_state()
    optimizer = copy_optimizer(net.optimizer_, memo)
    forked = object.__new__(type(net))
    forked.__dict__.update(net.__dict__)
    forked.__dict__.update(modules, optimizer_=optimizer, iterator_train__generator=generator)
    forked.best_losses = dict(net.best_losses)
    forked.__dict__.update(module=forked.module_, criterion=forked.criterion_)
    if partial:
        forked.n_epochs_before += len(net.history)
    forked.history_ = History() if partial else History([dict(row) for row in net.history])
    generator = on_device(forked.iterator_train__generator, torch.device(net.device))
    set_generator(forked.module_, generator)
    return forked


def on_device(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """Return a generator for the layers on a device: itself on the CPU, else one seeded from it."""
    if device.type == "cpu":
        return generator
    return new_generator(int(torch.randint(2**62, (), generator=generator)), device)


def _move_state(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Move what an optimizer has learned in place."""
    for state in optimizer.state.values():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                state[name] = value.to(device)


def without_optimizer(net: TrainingNet) -> TrainingNet:
    """Return a net whose state is that of this one without what its optimizer has learned."""
    plain = object.__new__(type(net))
    plain.__dict__.update(net.__dict__)
    plain.__dict__["optimizer_"] = None
    return plain


def snapshot(net: TrainingNet) -> TrainingNet:
    """Return a net that predicts as this one does now, whatever this one learns later."""
    taken = object.__new__(type(net))
    taken.__dict__.update(net.__dict__)
    taken.__dict__["module_"] = deepcopy(net.module_).eval()
    _shrink(taken)
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
    """Apply a method of the net's network to rows, in batches.

    Raises
    ------
    ValueError
        If a result is not finite: the rows are beyond the precision of the network.
    MemoryError
        If a batch or the result does not fit into memory.
    """
    function, shape = getattr(net.module_, method), net.module_.layout.shape
    if arguments:
        function = partial(function, **arguments)
    batch_size = inference_batch_size(prod(shape), len(shape) > 1)
    device = torch.device(net.device)
    try:
        with nullcontext() if is_undisturbed(device) else undisturbed(device):
            result = map_rows(function, rows, device, batch_size)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"What the network makes of {len(rows):,} samples of {prod(shape):,} values does not "
            f"fit into memory ({describe_shortage(error)}). Pass fewer samples at a time, or fit a "
            "smaller network."
        ) from error
    if not are_finite(result):
        raise ValueError(_describe_overflow(net, rows, result))
    return result


def are_finite(values: np.ndarray) -> bool:
    """Tell whether all values are finite, by their sum in most cases."""
    if values.size <= _FEW_VALUES:
        return bool(np.isfinite(values).all())
    with np.errstate(all="ignore"):
        return isfinite(values.sum()) or bool(np.isfinite(values).all())


def _describe_overflow(net: TrainingNet, rows: Rows | RowSubset, result: np.ndarray) -> str:
    """Return what there is to say of rows whose results are not finite."""
    row = int(np.flatnonzero(~np.isfinite(result.reshape(len(result), -1)).all(axis=1))[0])
    values = rows[row : row + 1].to(torch.float64)[0]
    precision = str(net.module_.layout.dtype).removeprefix("torch.")
    advice = "pass smaller values"
    if precision != "float64":
        advice += ", or fit with precision='float64'"
    if len(values) != len(net.module_.layout.mean):  # codes
        return (
            f"The codes hold values of {values.abs().max():.3g} in row {row}, beyond what a net "
            f"of precision={precision!r} can decode: {advice}."
        )
    distances = ((values - net.module_.layout.mean.cpu()) / net.module_.layout.scale.cpu()).abs()
    feature = int(distances.argmax())
    return (
        f"X holds {values[feature]:.3g} in row {row}, feature {feature}, which is "
        f"{distances[feature]:.3g} standard deviations from the mean seen in fit, beyond what a "
        f"network of precision={precision!r} can compute with: {advice}."
    )
