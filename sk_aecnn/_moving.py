"""How far samples are moved about while a network trains."""

from __future__ import annotations

from numbers import Real
from typing import Any

from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._job import Job
from sk_aecnn._sizes import auto_shift
from sk_aecnn.nn import RandomShift

MOVING_CONSTRAINTS: dict[str, list[Any]] = {
    "max_shift": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
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
