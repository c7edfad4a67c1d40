"""Training a net: what one call to ``fit`` or ``partial_fit`` makes it do."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from skorch.callbacks import EarlyStopping
from skorch.callbacks.scoring import ScoringBase
from skorch.exceptions import SkorchException
from skorch.helper import predefined_split
from skorch.utils import noop

from sk_aecnn._torch import new_generator
from sk_aecnn.data._batches import BatchIterator, BatchSource, resolve
from sk_aecnn.data._rows import SparseRows
from sk_aecnn.exceptions import DivergenceError
from sk_aecnn.nn import BatchNorm, SampledFeatures
from sk_aecnn.training._callbacks import (
    LearningRateSchedule,
    Observation,
    Observer,
    Progress,
    count_steps,
)
from sk_aecnn.training._held_out import HeldOutSelection
from sk_aecnn.training._inference import are_finite, describe_far, has_moderate_weights
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._options import TrainingOptions
from sk_aecnn.training._progress_bar import ProgressBar
from sk_aecnn.training._scoring import SCORE, Score, ScoredRows, ValidationScore
from sk_aecnn.training._shares import shared
from sk_aecnn.training._shrinkage import shrink
from sk_aecnn.training._step_memory import check_step_memory

# to see whether the weights after the last step give finite losses
_CHECKED_ROWS = 32
# and whether they are lower than those of constants
_MEASURED_ROWS = 512
_NOTHING_TO_SCORE = (
    "A callback scores training samples{}, but none of these has a target. Leave it out of "
    "callbacks in this call, or pass samples with a target."
)


class Trained(NamedTuple):
    """What training ended with, on some of the training rows.

    Attributes
    ----------
    losses : dict of str to float
        The losses of these rows.
    targets : Tensor
        Their targets; the rows themselves where there are none.
    """

    losses: dict[str, float]
    targets: torch.Tensor


def train(
    net: TrainingNet,
    options: TrainingOptions,
    data: BatchSource,
    validation: BatchSource | None = None,
    observer: Observer | None = None,
    score: Score | None = None,
) -> Trained | None:
    """Train a net for some epochs; further calls continue where the last one ended.

    Returns the losses that some of the training rows have in the end; None after a part of the data
    that left moderate weights.

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
    resumed, n_before = net.n_epochs_before > 0 or bool(net.history), len(net.history)
    if not resumed:
        check_step_memory(net, data, options.batch_size)
    is_continued_part = options.partial and resumed
    _set_options(net, options)
    fullness = min(1.0, len(data) / options.batch_size) if is_continued_part else 1.0
    _set_momentum(net.module_, fullness * BatchNorm.MOMENTUM)
    bar, observation = ProgressBar(), Observation(observer)
    callbacks = _choose_callbacks(options, data, validation, score, bar)
    net.callbacks = [*callbacks, ("observation", observation)]  # which hears of an epoch last
    net.train_split = None if validation is None else predefined_split(validation)
    try:
        _run(net, options, data, validation)
    except DivergenceError as error:
        far = describe_far(net, resolve(data)[0].X) if resumed else None
        if far is None:
            raise
        raise ValueError(far) from error
    finally:
        bar.close(net)
        observation.end()
    if validation is not None:
        name, sign = (options.monitor, -1) if score is None else (SCORE, 1)
        net.validation_scores = [sign * value for value in net.history[n_before:, name]]
    net.train_split = None
    net._forget_batches()
    _count_steps_of_stream(net, options, data)
    shrink(net)
    if validation is None and len(data) <= net.batch_size and not is_continued_part:
        _recompute_batch_norm_statistics(net, data)
    net.module_.eval()
    if options.partial and has_moderate_weights(net.module_):
        return None
    n_measured = min(_MEASURED_ROWS, options.batch_size)
    return _measure_losses(net, data, _CHECKED_ROWS if options.partial else n_measured)


def _set_options(net: TrainingNet, options: TrainingOptions) -> None:
    """Let a net take its steps as the options of this call say."""
    net.validation_scores = []
    net.max_epochs, net.batch_size = options.max_epochs, options.batch_size
    net.lr = options.lr * options.lr_factor
    for group in net.optimizer_.param_groups:
        group["weight_decay"] = options.weight_decay


def _choose_callbacks(
    options: TrainingOptions,
    data: BatchSource,
    validation: BatchSource | None,
    score: Score | None,
    bar: ProgressBar,
) -> list[Any]:
    """Return the callbacks of a call, in the order in which they hear of an epoch."""
    callbacks: list[Any] = [
        ("lr_schedule", LearningRateSchedule(options.lr_schedule, options.n_steps)),
        ("progress", Progress(options.n_steps)),
        *options.callbacks,
    ]
    if options.verbose:
        callbacks.append(("progress_bar", bar))
    if score is not None and validation is not None:
        callbacks.append(("validation_score", ValidationScore(score, validation)))
    if options.patience is not None:
        monitor, falls = (options.monitor, True) if score is None else (SCORE, False)
        stopper = EarlyStopping(
            monitor, options.patience, lower_is_better=falls, load_best=True, sink=noop
        )
        callbacks.append(("early_stopping", stopper))
    if options.n_folds:
        selection = HeldOutSelection(data, options.monitor.removeprefix("valid_"), score)
        callbacks.append(("held_out_selection", selection))
    return callbacks


def _run(
    net: TrainingNet, options: TrainingOptions, data: BatchSource, validation: BatchSource | None
) -> None:
    """Run the epochs; an error that a callback is the cause of says so."""
    net.initialize_callbacks()
    scores = any(isinstance(c, ScoringBase) and c.on_train for _, c in net.callbacks_)
    if scores and len(ScoredRows(data).X) == 0:  # of which some scorers make NaN
        raise ValueError(_NOTHING_TO_SCORE.format(""))
    generator = net.iterator_train__generator
    if isinstance(resolve(data)[0].X, SparseRows):
        net.sampled = SampledFeatures.of(net.module_, generator)
    try:
        with shared(net.module_, generator, data, options.batch_size) as net.shares:
            net.partial_fit(data)
    except (KeyError, SkorchException, ValueError) as error:
        explanation = _explain_callback(error, data, validation)
        if explanation is None:
            raise
        raise ValueError(explanation) from error
    finally:
        net.shares = net.sampled = None


def _explain_callback(
    error: Exception, data: BatchSource, validation: BatchSource | None
) -> str | None:
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


def _count_steps_of_stream(net: TrainingNet, options: TrainingOptions, data: BatchSource) -> None:
    """Count the steps that a stream of calls has made, whose schedule goes by them."""
    in_stream = options.n_steps is not None
    net.n_steps_before = net.n_steps_before + count_steps(net, data) if in_stream else 0


def _set_momentum(module: torch.nn.Module, momentum: float) -> None:
    """Set how much of its running statistics batch normalisation takes from a batch."""
    for layer in module.modules():
        if isinstance(layer, BatchNorm):
            layer.momentum = momentum


def _recompute_batch_norm_statistics(net: TrainingNet, data: BatchSource) -> None:
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


def _measure_losses(net: TrainingNet, data: BatchSource, n_rows: int) -> Trained:
    """Return the losses of some rows, or raise where the last step left weights without any."""
    generator = new_generator(0) if len(data) > n_rows else None
    batch = next(iter(BatchIterator(data, n_rows, generator)))
    losses: dict[str, torch.Tensor] = net.validation_step(batch)["losses"]
    if not are_finite([*net.module_.parameters(), *net.module_.buffers(), *losses.values()]):
        raise DivergenceError(
            f"The last step of training at lr={net.lr:g} left weights that give no finite losses: "
            "training diverged. Pass a lower lr (a tenth, say), leave out samples whose values are "
            "far from all others, or scale the input where scaling=None was chosen."
        )
    return Trained({name: float(loss) for name, loss in losses.items()}, batch[1])
