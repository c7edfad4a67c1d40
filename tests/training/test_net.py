"""The net: its history, and how a training ends."""

import signal

import numpy as np
import pytest
from skorch.callbacks import Callback


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


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_rows_of_batches_are_forgotten(any_task, table, labels, early_stopping):
    """The net's history holds rows of batches while an epoch lasts, and none after fit."""

    class Rows(Callback):
        def on_train_begin(self, net, **kwargs):
            self.numbers_ = []

        def on_epoch_end(self, net, **kwargs):
            self.numbers_.append([len(epoch["batches"]) for epoch in net.history])

    rows = Rows()
    estimator = any_task(
        callbacks=[rows], early_stopping=early_stopping, batch_size=10, validation_fraction=0.5
    ).fit(table, labels)
    assert rows.numbers_ == [[4], [0, 4]]  # of training and validation
    assert [epoch["batches"] for epoch in estimator.net_.history] == [[], []]
    assert all("batches" not in row for row in estimator.history_)


def test_every_loss_has_a_name_in_the_history(classifier, table, labels):
    """The terms of the objective are reported apart; their weighted sum is the loss."""
    estimator = classifier(reconstruction_weight=0.3, early_stopping=True).fit(table, labels)
    for row in estimator.history_:
        for prefix in ("train", "valid"):
            expected = (
                row[f"{prefix}_classification_loss"] + 0.3 * row[f"{prefix}_reconstruction_loss"]
            )
            assert row[f"{prefix}_loss"] == pytest.approx(expected, rel=1e-5)


def test_a_callback_may_end_the_training(small, table, labels):
    """A callback that raises KeyboardInterrupt, skorch's way to stop, ends fit in good order."""

    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    estimator = small(callbacks=[Stop()], max_epochs=9).fit(table, labels)
    assert estimator.n_iter_ == 2
    assert not estimator.net_.module_.training


def test_an_interrupt_of_the_user_is_not_swallowed(small, table, labels):
    """Ctrl-C leaves fit, and the estimator as it was before."""

    class Interrupted(Callback):
        def on_epoch_end(self, net, **kwargs):
            signal.raise_signal(signal.SIGINT)

    estimator = small(callbacks=[Interrupted()])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(table, labels)
    assert not hasattr(estimator, "net_")
