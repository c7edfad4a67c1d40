"""The learning rate of every step."""

import numpy as np
import pytest
from skorch.callbacks import Callback

from sk_aecnn.recipes.defaults import chunk_lr_factor
from sk_aecnn.training._schedules import LR_SCHEDULES


@pytest.mark.parametrize("name", LR_SCHEDULES)
def test_a_schedule_stays_within_its_rate(name):
    """The factor is positive, at most one, and one somewhere."""
    factors = [LR_SCHEDULES[name](step / 400) for step in range(400)]
    assert min(factors) > 0
    assert max(factors) == 1


def test_one_cycle_rises_and_falls():
    """The rate rises for a quarter of the steps and falls to almost nothing."""
    factors = np.array([LR_SCHEDULES["one_cycle"](step / 100) for step in range(100)])
    assert factors.argmax() == 25
    assert (np.diff(factors[:26]) > 0).all()
    assert (np.diff(factors[25:]) < 0).all()
    assert factors[-1] < 0.01


@pytest.mark.parametrize("name", LR_SCHEDULES)
def test_a_fit_follows_its_schedule(small, table, labels, name, rates):
    """The optimizer has the rate of the schedule at every step of fit."""
    small(lr_schedule=name, lr=0.1, batch_size=10, callbacks=[rates]).fit(table, labels)
    np.testing.assert_allclose(
        rates.rates_, [0.1 * LR_SCHEDULES[name](step / 8) for step in range(8)]
    )


def test_partial_fit_runs_at_the_full_rate(small, table, labels, rates):
    """However the schedule of an earlier fit ended, partial_fit trains at the rate of its chunk."""
    estimator = small(lr=0.1, callbacks=[rates]).fit(table, labels)
    estimator.partial_fit(table, labels)
    n_samples, batch_size = len(table), estimator.net_.batch_size
    assert rates.rates_ == [0.1 * chunk_lr_factor(n_samples, batch_size)]


def test_a_constant_rate_may_be_changed_by_a_callback(small, table, labels, rates):
    """lr_schedule='constant' leaves the rate to the user's callbacks."""

    class Halve(Callback):
        def on_epoch_end(self, net, **kwargs):
            for group in net.optimizer_.param_groups:
                group["lr"] /= 2

    small(lr_schedule="constant", lr=0.1, max_epochs=3, callbacks=[Halve(), rates]).fit(
        table, labels
    )
    assert rates.rates_ == [0.1, 0.05, 0.025]
