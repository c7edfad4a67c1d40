"""Warnings where a network has learned nothing."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from sklearn.exceptions import ConvergenceWarning

from sk_aecnn.data._rows import Rows, chunks
from sk_aecnn.nn import column_moments
from sk_aecnn.training._options import TrainingOptions

# optimizer steps and epochs after which something should be learned
_STEPS_TO_LEARN = 50
_EPOCHS_TO_LEARN = 10
# to see whether there is anything to learn in them
_ROWS_TO_VARY = 1000


def had_time_to_learn(options: TrainingOptions, n_rows: int) -> bool:
    """Tell whether a training on some rows was long enough for something to be learned."""
    n_steps = options.max_epochs * -(-n_rows // options.batch_size)
    return n_steps >= _STEPS_TO_LEARN and options.max_epochs >= _EPOCHS_TO_LEARN


def vary(rows: Rows) -> bool:
    """Tell whether the first rows differ, so that there is something to learn in them."""
    some = rows[next(chunks(rows))][:_ROWS_TO_VARY]
    return bool((column_moments(some).extent > 0).any())


def warn_of_constants(
    name: str, losses: Mapping[str, float], constant_losses: Mapping[str, float]
) -> None:
    """Warn of losses that are no better than those of the best constants.

    Parameters
    ----------
    name : str
        The class of the estimator.
    losses, constant_losses : dict of str to float
        Losses by name; those that constants have none of are not compared.
    """
    for loss, constant in constant_losses.items():
        if loss in losses and losses[loss] >= constant > 0:
            warnings.warn(
                f"{name} ended with a {loss} of {losses[loss]:.3g} on training samples, no better "
                f"than that of a constant, {constant:.3g}. Try a lower lr, more epochs, or another "
                "activation; or there is nothing to learn in X.",
                ConvergenceWarning,
                stacklevel=2,
            )
