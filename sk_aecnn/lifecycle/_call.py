"""What a call to ``fit`` or ``partial_fit`` is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class FitCall:
    """What a call to ``fit`` or ``partial_fit`` is given, as the user passed it.

    Attributes
    ----------
    X, y, sample_weight : object
        Samples, targets and weights.
    resume : bool
        Whether to go on from the last fit.
    partial : bool
        Whether the samples are a part of those to learn from: what is measured is then of all
        calls.
    n_steps : int or None
        The steps of all such calls, where these are known.
    classes : ndarray or None
        The class labels, where they are not those of ``y``.
    X_val, y_val, sample_weight_val : object
        Samples, targets and weights for early stopping.
    """

    X: Any
    y: Any
    sample_weight: Any
    resume: bool
    partial: bool = False
    n_steps: int | None = None
    classes: np.ndarray | None = None
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: Any = None
