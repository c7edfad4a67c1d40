"""How far samples are moved about, and seen in another light, while a network trains."""

from __future__ import annotations

from numbers import Real
from typing import Any

from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._job import Job
from sk_aecnn._sizes import auto_jitter, auto_shift
from sk_aecnn.nn import Jitter, RandomShift

MOVING_CONSTRAINTS: dict[str, list[Any]] = {
    "max_shift": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
}
JITTER_CONSTRAINTS: dict[str, list[Any]] = {
    "jitter": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
}


def build_shift(estimator: Any, job: Job, *, by_default: bool) -> RandomShift:
    """Return what moves samples while training.

    Parameters
    ----------
    estimator : estimator
        Its parameter ``max_shift`` says how far.
    job : Job
        The geometry of the samples.
    by_default : bool
        Whether ``max_shift="auto"`` moves images.
    """
    farthest, geometry = estimator.max_shift, job.geometry
    if isinstance(farthest, str):
        farthest = auto_shift(geometry) if by_default else 0.0
    return RandomShift(geometry.shape, geometry.channel_axis, farthest)


def build_jitter(estimator: Any, job: Job, *, by_default: bool) -> Jitter:
    """Return what changes the light while training.

    Parameters
    ----------
    estimator : estimator
        Its parameter ``jitter`` says how far.
    job : Job
        The geometry of the samples.
    by_default : bool
        Whether ``jitter="auto"`` changes that of images.
    """
    level = estimator.jitter
    if isinstance(level, str):
        level = auto_jitter(job.geometry) if by_default else 0.0
    return Jitter(level)
