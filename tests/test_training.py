"""The training loop: schedules, histories, early stopping, callbacks, continuation."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sk_aecnn._training import LR_SCHEDULES, OPTIMIZERS


class Rates(Callback):
    """Write down the learning rate of every step."""

    def on_train_begin(self, net, **kwargs):
        self.rates_ = []

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.rates_.append(net.optimizer_.param_groups[0]["lr"])


class Weights(Callback):
    """Keep the weights of every epoch."""

    def on_train_begin(self, net, **kwargs):
        self.weights_ = []

    def on_epoch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self.weights_.append({name: value.clone() for name, value in state.items()})


# -- schedules --------------------------------------------------------------------------------


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
def test_a_fit_follows_its_schedule(small, table, labels, name):
    """The optimizer has the rate of the schedule at every step of fit."""
    rates = Rates()
    small(lr_schedule=name, lr=0.1, batch_size=10, callbacks=[rates]).fit(table, labels)
    np.testing.assert_allclose(
        rates.rates_, [0.1 * LR_SCHEDULES[name](step / 8) for step in range(8)]
    )


def test_partial_fit_runs_at_the_full_rate(small, table, labels):
    """However the schedule of an earlier fit ended, partial_fit trains at lr."""
    rates = Rates()
    estimator = small(lr=0.1, callbacks=[rates]).fit(table, labels)
    estimator.partial_fit(table, labels)
    assert rates.rates_ == [0.1]


def test_a_constant_rate_may_be_changed_by_a_callback(small, table, labels):
    """lr_schedule='constant' leaves the rate to the user's callbacks."""

    class Halve(Callback):
        def on_epoch_end(self, net, **kwargs):
            for group in net.optimizer_.param_groups:
                group["lr"] /= 2

    rates = Rates()
    small(lr_schedule="constant", lr=0.1, max_epochs=3, callbacks=[Halve(), rates]).fit(
        table, labels
    )
    assert rates.rates_ == [0.1, 0.05, 0.025]


# -- continuation -----------------------------------------------------------------------------


def test_warm_start_goes_on(small, table, labels):
    """Two warm fits of one epoch at a constant rate are one fit of two epochs."""
    parameters = {"lr_schedule": "constant", "batch_size": 7}
    warm = small(max_epochs=1, warm_start=True, **parameters).fit(table, labels)
    warm.fit(table, labels)
    once = small(max_epochs=2, **parameters).fit(table, labels)
    np.testing.assert_array_equal(warm.transform(table), once.transform(table))
    assert warm.loss_curve_ == once.loss_curve_
    assert warm.n_iter_ == 2


def test_partial_fit_is_an_epoch(small, table, labels):
    """n calls of partial_fit are a fit of n epochs at a constant rate."""
    estimator = small(batch_size=7)
    classes = {} if not hasattr(estimator, "class_weight") else {"classes": [0, 1]}
    estimator.partial_fit(table, labels, **classes)
    estimator.partial_fit(table, labels).partial_fit(table, labels, **classes)
    once = small(max_epochs=3, lr_schedule="constant", batch_size=7).fit(table, labels)
    np.testing.assert_array_equal(estimator.transform(table), once.transform(table))
    assert estimator.loss_curve_ == once.loss_curve_


def test_partial_fit_does_not_move_the_scaling(small, table, labels):
    """The first call fixes what standardises the inputs."""
    estimator = small().fit(table, labels)
    before = estimator.net_.module_.layout.mean.clone()
    estimator.partial_fit(100 + table, labels)
    torch.testing.assert_close(estimator.net_.module_.layout.mean, before, rtol=0, atol=0)


@pytest.mark.parametrize("changed", [{"lr": 0.5}, {"batch_size": 10}, {"max_epochs": 5}])
def test_warm_start_takes_changed_parameters(small, table, labels, changed):
    """Parameters of training that are set between two warm fits count in the second."""
    rates = Rates()
    estimator = small(warm_start=True, lr_schedule="constant", lr=0.1, callbacks=[rates])
    estimator.fit(table, labels)
    assert rates.rates_ == [0.1, 0.1]
    estimator.set_params(**changed).fit(table, labels)
    steps = {"lr": [0.5] * 2, "batch_size": [0.1] * 8, "max_epochs": [0.1] * 5}
    assert rates.rates_ == steps[next(iter(changed))]


# -- history ----------------------------------------------------------------------------------


def test_the_history_is_one_row_an_epoch(small, table, labels):
    """history_, loss_curve_ and n_iter_ agree, and hold numbers only."""
    estimator = small(max_epochs=3).fit(table, labels)
    assert [row["epoch"] for row in estimator.history_] == [1, 2, 3]
    assert estimator.loss_curve_ == [row["train_loss"] for row in estimator.history_]
    assert estimator.n_iter_ == 3
    assert all(
        isinstance(value, (int, float)) for row in estimator.history_ for value in row.values()
    )


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(autoencoder, table):
    """Batches of different sizes count by their rows."""

    class Steps(Callback):
        def on_train_begin(self, net, **kwargs):
            self.steps_ = []

        def on_batch_end(self, net, batch=None, loss=None, **kwargs):
            self.steps_.append((float(loss.detach()), len(batch[1])))

    steps = Steps()
    estimator = autoencoder(batch_size=11, max_epochs=1, callbacks=[steps]).fit(table)
    losses, sizes = np.transpose(steps.steps_)
    assert sizes.tolist() == [11, 11, 11, 7]
    assert estimator.loss_curve_[0] == pytest.approx(np.average(losses, weights=sizes), rel=1e-6)


# -- early stopping ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "images"])
def test_early_stopping_keeps_the_best_weights(small, request, labels, kind):
    """The weights after fit are those of the epoch with the lowest validation loss."""
    X = request.getfixturevalue(kind)
    kept = Weights()
    estimator = small(
        early_stopping=True, max_epochs=40, lr=0.1, n_iter_no_change=3, callbacks=[kept]
    ).fit(X, labels)
    losses = [row["valid_loss"] for row in estimator.history_]
    best = kept.weights_[int(np.argmin(losses))]
    state = estimator.net_.module_.state_dict()
    for name, value in best.items():
        torch.testing.assert_close(state[name], value, rtol=0, atol=0)
    assert len(losses) < 40
    assert len(losses) - 1 - int(np.argmin(losses)) == 3


@pytest.mark.parametrize(("fraction", "n_rows"), [(0.1, 4), (0.5, 20), (0.001, 1), (0.999, 39)])
def test_a_fraction_of_the_rows_is_held_out(small, table, labels, fraction, n_rows):
    """validation_fraction of the rows is set aside, one at least, and one at least is left."""

    class Sizes(Callback):
        def on_train_begin(self, net, X=None, **kwargs):
            self.n_training_ = len(X)

    sizes = Sizes()
    small(early_stopping=True, validation_fraction=fraction, callbacks=[sizes]).fit(table, labels)
    assert sizes.n_training_ == 40 - n_rows


def test_without_early_stopping_every_row_is_trained_on(small, table, labels):
    """No rows are held out unless it is asked for."""
    estimator = small().fit(table, labels)
    assert not any(name.startswith("valid") for name in estimator.history_[-1])


# -- optimizers, callbacks, progress ----------------------------------------------------------


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, torch.optim.RMSprop])
def test_an_optimizer_by_name_or_class(small, table, labels, optimizer):
    """Every named optimizer trains, and so does a class of torch's."""
    estimator = small(optimizer=optimizer, lr=0.01, max_epochs=15).fit(table, labels)
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]


def test_weight_decay_shrinks_weights(small, table, labels):
    """A strong weight decay leaves smaller weights."""

    def size(estimator):
        return sum(float(p.detach().square().sum()) for p in estimator.net_.module_.parameters())

    parameters = {"lr": 0.05, "max_epochs": 20, "lr_schedule": "constant"}
    free = small(weight_decay=0, **parameters).fit(table, labels)
    decayed = small(weight_decay=5.0, **parameters).fit(table, labels)
    assert size(decayed) < size(free) / 2


def test_callbacks_of_the_user_see_the_training(small, table, labels):
    """skorch's events reach the callbacks, in any number, named or not."""
    first, second = Rates(), Rates()
    small(callbacks=[first, ("named", second)]).fit(table, labels)
    assert len(first.rates_) == len(second.rates_) == 2


def test_callbacks_change_nothing(small, table, labels):
    """A callback that only looks on does not change the fit."""
    plain = small().fit(table, labels)
    watched = small(callbacks=[Rates()]).fit(table, labels)
    np.testing.assert_array_equal(watched.transform(table), plain.transform(table))


def test_progress_is_shown_when_asked_for(small, table, labels, capsys):
    """verbose=1 shows a bar with the losses on the error stream, verbose=0 nothing."""
    small(verbose=0).fit(table, labels)
    assert capsys.readouterr() == ("", "")
    small(verbose=1).fit(table, labels)
    output = capsys.readouterr()
    assert output.out == ""
    assert "train_loss" in output.err
    assert "2/2" in output.err
