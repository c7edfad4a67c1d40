"""Callbacks: the user's, skorch's own, and those that every training has."""

import json
import math

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, GradientNormClipping, LRScheduler
from torch.optim.lr_scheduler import ExponentialLR, StepLR

from sk_aecnn.training._code_losses import DivergenceLoss


def test_callbacks_of_the_user_see_the_training(small, table, labels, rates):
    """skorch's events reach the callbacks, in any number, named or not."""
    first, second = rates, type(rates)()
    small(callbacks=[first, ("named", second)]).fit(table, labels)
    assert len(first.rates_) == len(second.rates_) == 2


def test_callbacks_change_nothing(small, table, labels, rates):
    """A callback that only looks on does not change the fit."""
    plain = small().fit(table, labels)
    watched = small(callbacks=[rates]).fit(table, labels)
    np.testing.assert_array_equal(watched.transform(table), plain.transform(table))


@pytest.mark.parametrize("step_every", ["epoch", "batch"])
def test_a_scheduler_of_skorch_sets_the_rate(any_task, table, labels, step_every, rates):
    """With lr_schedule='constant', LRScheduler lowers the rate by epoch or by batch."""
    scheduler = LRScheduler(ExponentialLR, gamma=0.5, step_every=step_every)
    any_task(
        lr_schedule="constant", lr=0.1, batch_size=20, max_epochs=3, callbacks=[rates, scheduler]
    ).fit(table, labels)
    by_epoch, by_batch = [1, 1, 0.5, 0.5, 0.25, 0.25], [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]
    expected = by_epoch if step_every == "epoch" else by_batch
    np.testing.assert_allclose(rates.rates_, 0.1 * np.array(expected))


def test_gradients_are_clipped(any_task, table, labels):
    """GradientNormClipping bounds the gradient of every step."""
    norms = []

    class Norms(Callback):
        def on_grad_computed(self, net, named_parameters=None, **kwargs):
            squares = [p.grad.square().sum() for _, p in named_parameters if p.grad is not None]
            norms.append(float(torch.stack(squares).sum().sqrt()))

    clipped = any_task(callbacks=[GradientNormClipping(1e-3), ("after", Norms())], batch_size=10)
    clipped.fit(table, labels)
    assert len(norms) == 8
    assert max(norms) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("monitor", ["train_loss_best", "valid_loss_best", None])
def test_checkpoints_are_written(any_task, table, labels, tmp_path, monitor):
    """Checkpoint saves weights, optimizer and history, to be read by torch and by json."""
    checkpoint = Checkpoint(dirname=str(tmp_path), monitor=monitor)
    estimator = any_task(
        callbacks=[checkpoint],
        early_stopping=monitor == "valid_loss_best",
        lr_schedule="constant",
        max_epochs=3,
    ).fit(table, labels)
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    assert saved.keys() == estimator.net_.module_.state_dict().keys()
    assert (tmp_path / "optimizer.pt").exists()
    history = json.loads((tmp_path / "history.json").read_text())
    assert [row["train_loss"] for row in history] == estimator.loss_curve_[: len(history)]


def test_a_checkpoint_has_the_weights_of_the_best_epoch(autoencoder, table, weights, tmp_path):
    """monitor='train_loss_best' keeps the epoch of the lowest training loss."""
    checkpoint = Checkpoint(dirname=str(tmp_path), monitor="train_loss_best")
    estimator = autoencoder(callbacks=[weights, checkpoint], max_epochs=12, lr=0.3)
    best = int(np.argmin(estimator.fit(table).loss_curve_))
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    torch.testing.assert_close(saved, weights.weights_[best], rtol=0, atol=0)


@pytest.mark.parametrize("n_labeled", [2, 20, 39, 40])
def test_rows_without_a_class_are_trained_on_under_callbacks(
    classifier, table, labels, n_labeled, rates
):
    """Callbacks see semi-supervised training as any other."""
    callbacks = [rates, GradientNormClipping(1.0), LRScheduler(StepLR, step_size=1, gamma=0.5)]
    estimator = classifier(callbacks=callbacks, unlabeled=-1, lr_schedule="constant", lr=0.1)
    estimator.fit(table, np.where(np.arange(40) < n_labeled, labels, -1))
    assert rates.rates_ == [0.1, 0.05]
    assert math.isfinite(estimator.loss_curve_[-1])


class Progress(Callback):
    """Write down the progress that the divergence has at each step."""

    def on_train_begin(self, net, **kwargs):
        (self.loss_,) = (m for m in net.criterion_.modules() if isinstance(m, DivergenceLoss))
        self.progress_ = []

    def on_batch_end(self, net, training=False, **kwargs):
        self.progress_.append((training, self.loss_.training, self.loss_.progress))


def test_the_divergence_is_told_of_the_progress(variational, table):
    """At every step of the first fit the loss knows the share of the steps that are done."""
    progress = Progress()
    variational(batch_size=10, callbacks=[progress]).fit(table)
    assert progress.progress_ == [(True, True, step / 8) for step in range(8)]


def test_the_divergence_is_whole_in_validation(variational, table):
    """In validation the loss does not depend on the progress of training."""
    progress = Progress()
    variational(
        batch_size=10, callbacks=[progress], early_stopping=True, validation_fraction=0.5
    ).fit(table)
    modes = [(training, mode) for training, mode, _ in progress.progress_]
    assert modes == [(True, True), (True, True), (False, False), (False, False)] * 2


def test_the_divergence_stays_whole_in_later_calls(variational, table):
    """What has warmed up once does not start from nothing again."""
    progress = Progress()
    estimator = variational(batch_size=10, callbacks=[progress], warm_start=True).fit(table)
    estimator.fit(table)
    assert {share for *_, share in progress.progress_} == {1.0}


def test_the_divergence_grows_with_the_warm_up(variational, table):
    """The loss reported for a first epoch in warm-up is smaller than without one."""
    slow = variational(warm_up=1.0, batch_size=10).fit(table).history_[0]
    whole = variational(warm_up=0.0, batch_size=10).fit(table).history_[0]
    assert slow["train_divergence_loss"] < whole["train_divergence_loss"] / 2
