"""The convolutional back end, built from an estimator's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any

from torch import nn

from sk_aecnn._coder import check_no_instance, normalization_for, resolve_kernel_size
from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._job import Job
from sk_aecnn._torch import DTYPES
from sk_aecnn.nn import CNNBackend, PiecewiseLinear, build, build_own

# positions along an axis that one object fills, as in pictures of digits or icons
_SMALL_IMAGE = 32

BACKEND_CONSTRAINTS: dict[str, list[Any]] = {
    "lr": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    "normalization": [StrOptions({"auto", "batch"}), None],
    "backend": [StrOptions({"cnn"}), callable],
    "pooling": [StrOptions({"average", "max"})],
    "dense_units": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
}


def build_backend(
    estimator: Any,
    job: Job,
    in_shape: Sequence[int],
    channels: Sequence[int],
    n_outputs: int,
    pieces: PiecewiseLinear | None = None,
) -> nn.Module:
    """Build a back end, the package's or the user's own.

    Parameters
    ----------
    estimator : estimator
        Its parameters say how.
    job : Job
        The stream that parameters are drawn from.
    in_shape : sequence of int
        Shape of its input.
    channels : sequence of int
        Channels of the package's stages.
    n_outputs : int
        Size of its output.
    pieces : PiecewiseLinear or None
        What comes before the package's stages.
    """
    choice, dtype = estimator.backend, DTYPES[estimator.precision]
    check_no_instance("backend", choice)
    if not isinstance(choice, str):
        return build_own("backend", choice, in_shape, (n_outputs,), dtype, job.generator)
    recipe = partial(
        CNNBackend,
        in_shape if pieces is None else (pieces.n_outputs,),
        n_outputs,
        channels,
        resolve_kernel_size(estimator.kernel_size, len(in_shape) - 1),
        estimator.pooling,
        estimator.dense_units,
        estimator.dropout,
        estimator.activation,
        normalization_for(estimator, job),
        _joining(estimator, job, in_shape),
    )
    backend = build(recipe, dtype, job.generator)
    if pieces is not None:
        backend.stages.insert(0, pieces)
    return backend


def _joining(estimator: Any, job: Job, in_shape: Sequence[int]) -> str:
    """Return what becomes of the positions: what small images show fills them, and so its place."""
    spatial = job.geometry.spatial
    anywhere = len(spatial) == 1 or (len(spatial) == 2 and max(spatial) > _SMALL_IMAGE)
    summarises = anywhere and len(in_shape) > 1 and estimator._classifies
    return "summarise" if summarises else "flatten"
