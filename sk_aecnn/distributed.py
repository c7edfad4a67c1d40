"""One fit in several processes, started by ``torchrun``."""

from __future__ import annotations

import atexit
import os
from contextlib import nullcontext
from typing import Any, TypeVar

import torch
from torch import distributed

from sk_aecnn._processes import Processes, together

__all__ = ["fit"]

_Estimator = TypeVar("_Estimator")

# what torchrun tells the processes that it starts
_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# of errors that say that another process is gone
_SIGNS_OF_LOSS = ("Connection closed", "Connection reset", "Broken pipe", "Timed out", "timed out")


def fit(estimator: _Estimator, X: Any, y: Any = None, **fit_params: Any) -> _Estimator:
    r"""Fit an estimator in several processes, each of which takes a share of every batch.

    Every process calls this with the same estimator and all of the samples, in the same order:
    memory-mapped, these are in memory once. Batches are those of a fit in one process, and so are
    losses, weights, the statistics of features and of batch normalisation, and early stopping; what
    is learned is the same but for rounding. What layers draw at random (``dropout``, ``noise``,
    ``augmentation``, the codes of `VariationalAutoencoderTransformer`) is drawn in each process for
    its share, and is the same in distribution only. All processes hold the fitted estimator
    afterwards.

    Parameters
    ----------
    estimator : estimator
        An estimator of this package, or one that fits some of them in its ``fit``, such as a
        `~sklearn.pipeline.Pipeline`. Give it a ``random_state`` where it draws anything itself.
    X : {array-like, sparse matrix}
        Samples, as ``fit`` of the estimator takes them.
    y : array-like or None, default=None
        Targets.
    **fit_params : dict
        What else ``fit`` takes: ``sample_weight``, ``X_val``.

    Returns
    -------
    estimator : estimator
        The estimator, fitted.

    Raises
    ------
    RuntimeError
        If the process was not started by ``torchrun``, and no process group was initialised.
    ValueError
        If the processes have different samples, or a batch has no row for each of them.
    ConnectionError
        If another process has ended before the fit was done.

    See Also
    --------
    torch.nn.parallel.DistributedDataParallel : What reduces the gradients.

    Notes
    -----
    Where no process group is initialised, this initialises one that lives as long as the process:
    with ``gloo``, or with ``nccl`` where the estimator is on GPUs. There, let each process choose
    its GPU first: ``torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))``.

    Callbacks are called in every process, with its share of each batch; one that ends the training
    must do so in all of them. Only the first process writes what ``verbose`` asks for.

    Examples
    --------
    In a file ``train.py``, to be run by ``torchrun --nproc-per-node 4 train.py``:

    >>> import os
    >>> import numpy as np
    >>> from sk_aecnn import AutoencoderTransformer, distributed
    >>> X = np.load("rows.npy", mmap_mode="r")  # doctest: +SKIP
    >>> model = AutoencoderTransformer(8, random_state=0)
    >>> distributed.fit(model, X)  # doctest: +SKIP
    >>> if os.environ.get("RANK") == "0":  # doctest: +SKIP
    ...     joblib.dump(model, "model.joblib")
    """
    started = not distributed.is_initialized()
    if started:
        _start(getattr(estimator, "device", "auto"))
    those = Processes(distributed.get_rank(), distributed.get_world_size())
    try:
        with together(those) if those.size > 1 else nullcontext():
            estimator.fit(X, y, **fit_params)  # type: ignore[attr-defined]
        distributed.barrier()
    except RuntimeError as error:
        if not _is_loss(error):
            raise
        raise ConnectionError(
            f"Another process of this fit has ended, which process {those.rank} of {those.size} "
            f"waited for ({str(error).splitlines()[0]}). Its own error says why; start all again."
        ) from error
    return estimator


def _start(device: str) -> None:
    """Initialise the process group, from what ``torchrun`` tells of it."""
    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing:
        raise RuntimeError(
            f"The environment does not say which processes fit together ({', '.join(missing)} "
            "missing). Run the script by torchrun --nproc-per-node 2 SCRIPT, or call "
            "torch.distributed.init_process_group first."
        )
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    atexit.register(_stop)


def _stop() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _is_loss(error: RuntimeError) -> bool:
    """Tell whether an error says that another process is gone, or has not answered in time."""
    if isinstance(error, distributed.DistError):
        return True
    return any(sign in str(error) for sign in _SIGNS_OF_LOSS)
