"""A warning where a network has learned nothing."""

import warnings

import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from sk_aecnn.lifecycle._convergence import had_time_to_learn, vary, warn_of_constants
from sk_aecnn.training._options import TrainingOptions


def options(max_epochs, batch_size):
    return TrainingOptions(max_epochs, batch_size, 0.01, 0.0, "adamw", "constant", None, None)


@pytest.mark.parametrize(
    ("max_epochs", "batch_size", "enough"),
    [(10, 10, True), (10, 25, False), (9, 1, False), (50, 1000, True)],
)
def test_learning_takes_steps_and_epochs(max_epochs, batch_size, enough):
    """Ten epochs and fifty steps at the least, of fifty rows here."""
    assert had_time_to_learn(options(max_epochs, batch_size), 50) is enough


def test_equal_rows_have_nothing_to_learn():
    """One value that differs is something to learn."""
    rows = torch.ones(5, 3)
    assert not vary(rows)
    rows[3, 2] = 2
    assert vary(rows)


def test_losses_are_compared_with_those_of_constants():
    """The name of the estimator, the loss and that of the constant are told."""
    constants = {"regression_loss": 1.0, "reconstruction_loss": 1.0}
    with pytest.warns(
        ConvergenceWarning, match=r"Model ended with a regression_loss of 1\.5 .*, 1\."
    ):
        warn_of_constants("Model", {"regression_loss": 1.5}, constants)


@pytest.mark.parametrize("losses", [{"regression_loss": 0.9}, {"reconstruction_loss": 2.0}, {}])
def test_whatever_is_learned_is_enough(losses):
    """Losses below the constant's, and those that constants have none of, raise no warning."""
    with warnings.catch_warnings(record=True) as caught:
        warn_of_constants("Model", losses, {"regression_loss": 1.0})
    assert caught == []
