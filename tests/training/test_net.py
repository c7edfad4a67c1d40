"""The training loop: schedules, histories, early stopping, callbacks, continuation."""

import json
import math
import signal

import numpy as np
import pytest
import torch
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
)
from torch.optim.lr_scheduler import ExponentialLR, StepLR

from sk_aecnn.data._rows import RowSubset
from sk_aecnn.recipes._defaults import chunk_lr_factor
from sk_aecnn.training._losses import DivergenceLoss
from sk_aecnn.training._net import OPTIMIZERS, infer, snapshot
from sk_aecnn.training._schedules import LR_SCHEDULES


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
    """However the schedule of an earlier fit ended, partial_fit trains at the rate of its chunk."""
    rates = Rates()
    estimator = small(lr=0.1, callbacks=[rates]).fit(table, labels)
    estimator.partial_fit(table, labels)
    n_samples, batch_size = len(table), estimator.net_.batch_size
    assert rates.rates_ == [0.1 * chunk_lr_factor(n_samples, batch_size)]


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


def all_kept(small):
    """Nothing that was learned is taken back at the end of a fit."""
    return {"shrinkage": 0.0} if hasattr(small(), "shrinkage") else {}


def test_warm_start_goes_on(small, table, labels):
    """Two warm fits of one epoch at a constant rate are one fit of two epochs."""
    parameters = {"lr_schedule": "constant", "batch_size": 7} | all_kept(small)
    warm = small(max_epochs=1, warm_start=True, **parameters).fit(table, labels)
    warm.fit(table, labels)
    once = small(max_epochs=2, **parameters).fit(table, labels)
    np.testing.assert_array_equal(warm.transform(table), once.transform(table))
    assert warm.loss_curve_ == once.loss_curve_
    assert warm.n_iter_ == 2


def test_partial_fit_is_an_epoch(small, table, labels):
    """n calls of partial_fit are a fit of n epochs at a constant rate."""
    same = all_kept(small)
    if hasattr(small(), "backend"):
        same |= {"n_estimators": 1, "linear_path": False}
    estimator = small(batch_size=7, **same)
    classes = {} if not hasattr(estimator, "class_weight") else {"classes": [0, 1]}
    estimator.partial_fit(table, labels, **classes)
    estimator.partial_fit(table, labels).partial_fit(table, labels, **classes)
    once = small(max_epochs=3, lr_schedule="constant", batch_size=7, **same).fit(table, labels)
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
    """The weights after fit are those of the epoch with the lowest validation loss of the task."""
    X = request.getfixturevalue(kind)
    kept = Weights()
    estimator = small(
        early_stopping=True, max_epochs=40, lr=0.1, n_iter_no_change=3, callbacks=[kept]
    ).fit(X, labels)
    task = "valid_classification_loss" if hasattr(estimator, "classes_") else "valid_loss"
    losses = [row[task] for row in estimator.history_]
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


# -- skorch's own callbacks -------------------------------------------------------------------


@pytest.fixture(params=["autoencoder", "variational", "classifier", "regressor", "cnn_classifier"])
def any_task(request):
    """A factory of an estimator of each task in turn; all take ``fit(X, y)``."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["classifier", "cnn_classifier"])
def any_classifier(request):
    """A factory of each small classifier in turn."""
    return request.getfixturevalue(request.param)


class Modes(Callback):
    """Keep the mode of the network at the end of every batch."""

    def on_train_begin(self, net, **kwargs):
        self.modes_ = []

    def on_batch_end(self, net, training=False, **kwargs):
        self.modes_.append((training, net.module_.training))


def named(y):
    return np.array(["no", "yes"])[y]


@pytest.mark.parametrize("kind", ["table", "images"])
def test_accuracy_is_scored_while_training(any_classifier, request, labels, kind):
    """EpochScoring reports an accuracy for each epoch, whatever the labels are."""
    X = request.getfixturevalue(kind)
    scoring = EpochScoring("accuracy", lower_is_better=False, on_train=True, name="hits")
    training = {"max_epochs": 8, "lr": 0.05, "normalization": "batch"}
    estimator = any_classifier(callbacks=[scoring], **training)
    estimator.fit(X, named(labels))
    scores = [row["hits"] for row in estimator.history_]
    assert len(scores) == 8
    assert all(0 <= score <= 1 for score in scores)
    assert scores[-1] == 1
    assert estimator.score(X, named(labels)) == 1


def test_accuracy_is_scored_on_the_rows_held_out(any_classifier, table, labels):
    """With early stopping EpochScoring sees the validation rows, and what predict says of them."""
    seen = []

    def accuracy(net, X, y):
        predicted = net.predict(X)
        seen.append((len(X), y, predicted))
        return float(np.mean(predicted == y))

    callbacks = [
        EpochScoring("accuracy", lower_is_better=False, name="cached"),
        EpochScoring(accuracy, lower_is_better=False, name="direct"),
        EpochScoring("neg_log_loss", lower_is_better=False, name="likelihood"),
    ]
    estimator = any_classifier(
        callbacks=callbacks, early_stopping=True, validation_fraction=0.25, max_epochs=4
    )
    estimator.fit(table, named(labels))
    assert len(seen) == 4
    for row, (n_rows, y, predicted) in zip(estimator.history_, seen, strict=True):
        assert n_rows == 10
        assert row["cached"] == row["direct"] == np.mean(np.equal(y, predicted))
        assert math.isfinite(row["likelihood"])


def test_the_log_loss_is_that_of_the_network(any_classifier, table, labels):
    """neg_log_loss is minus the classification loss on the validation rows of an epoch."""
    scoring = EpochScoring("neg_log_loss", lower_is_better=False, name="likelihood")
    settings = {"label_smoothing": 0, "early_stopping": True, "max_epochs": 3}
    estimator = any_classifier(callbacks=[scoring], **settings)
    for row in estimator.fit(table, labels).history_:
        assert row["likelihood"] == pytest.approx(-row["valid_classification_loss"], rel=1e-5)


def test_scores_of_numbers_are_in_standardised_units(regressor, table, targets):
    """A regressor's net is scored on its standardised targets, as any function of skorch."""

    def error(net, X, y):
        return float(np.mean((net.predict(X) - np.asarray(y)) ** 2))

    scoring = EpochScoring(error, name="error")
    estimator = regressor(callbacks=[scoring], early_stopping=True, max_epochs=3)
    for row in estimator.fit(table, targets).history_:
        assert row["error"] == pytest.approx(row["valid_regression_loss"], rel=1e-5)


def test_a_score_does_not_change_the_training(any_classifier, table, labels):
    """Scoring switches to prediction and back: the fit is the one without it."""

    def confidence(net, X, y):
        return float(net.predict_proba(X).max(axis=1).mean())

    modes, scoring = Modes(), EpochScoring(confidence, on_train=True, use_caching=False)
    scored = any_classifier(callbacks=[scoring, modes], dropout=0.5, max_epochs=3)
    scored.fit(table, labels)
    plain = any_classifier(dropout=0.5, max_epochs=3).fit(table, labels)
    assert scored.loss_curve_ == plain.loss_curve_
    assert modes.modes_ == [(True, True)] * 3
    assert all(0.5 <= row["confidence"] <= 1 for row in scored.history_)


@pytest.mark.parametrize("step_every", ["epoch", "batch"])
def test_a_scheduler_of_skorch_sets_the_rate(any_task, table, labels, step_every):
    """With lr_schedule='constant', LRScheduler lowers the rate by epoch or by batch."""
    rates = Rates()
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


def test_a_checkpoint_has_the_weights_of_the_best_epoch(autoencoder, table, tmp_path):
    """monitor='train_loss_best' keeps the epoch of the lowest training loss."""
    kept, checkpoint = Weights(), Checkpoint(dirname=str(tmp_path), monitor="train_loss_best")
    estimator = autoencoder(callbacks=[kept, checkpoint], max_epochs=12, lr=0.3)
    best = int(np.argmin(estimator.fit(table).loss_curve_))
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    torch.testing.assert_close(saved, kept.weights_[best], rtol=0, atol=0)


def test_batches_are_scored(any_task, table, labels):
    """BatchScoring averages a score over the batches of an epoch."""

    def size(net, X, y):
        return len(y)

    callbacks = [
        BatchScoring(size, name="rows", on_train=True),
        BatchScoring(size, name="validation_rows"),
    ]
    estimator = any_task(
        callbacks=callbacks, batch_size=10, early_stopping=True, validation_fraction=0.25
    ).fit(table, labels)
    assert [row["rows"] for row in estimator.history_] == [10, 10]
    assert [row["validation_rows"] for row in estimator.history_] == [10, 10]


def test_batches_are_scored_for_accuracy(any_classifier, table, labels):
    """BatchScoring takes scikit-learn's names where the targets are classes."""
    scoring = BatchScoring("accuracy", lower_is_better=False, name="hits", on_train=True)
    estimator = any_classifier(callbacks=[scoring], batch_size=10, max_epochs=8, lr=0.05)
    scores = [row["hits"] for row in estimator.fit(table, labels).history_]
    assert 0 <= min(scores) <= max(scores) == 1


@pytest.mark.parametrize("n_labeled", [2, 20, 39, 40])
def test_rows_without_a_class_are_trained_on_under_callbacks(classifier, table, labels, n_labeled):
    """Callbacks see semi-supervised training as any other."""
    rates = Rates()
    callbacks = [rates, GradientNormClipping(1.0), LRScheduler(StepLR, step_size=1, gamma=0.5)]
    estimator = classifier(callbacks=callbacks, unlabeled=-1, lr_schedule="constant", lr=0.1)
    estimator.fit(table, np.where(np.arange(40) < n_labeled, labels, -1))
    assert rates.rates_ == [0.1, 0.05]
    assert math.isfinite(estimator.loss_curve_[-1])


# -- what a training leaves behind ------------------------------------------------------------


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


# -- stopping ---------------------------------------------------------------------------------


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


# -- the trained net --------------------------------------------------------------------------


def test_a_snapshot_keeps_what_a_net_has_learned(small, table, labels):
    """A snapshot taken while training predicts as the net did then, and changes nothing."""

    class Snapshots(Callback):
        def on_train_begin(self, net, **kwargs):
            self.taken_ = []

        def on_epoch_end(self, net, **kwargs):
            self.taken_.append(snapshot(net))

    snapshots, rows = Snapshots(), torch.from_numpy(table)
    estimator = small(callbacks=[snapshots], **all_kept(small)).fit(table, labels)
    first, last = (infer(net, "encode", rows) for net in snapshots.taken_)
    assert not np.array_equal(first, last)
    again = small(**all_kept(small)).fit(table, labels)
    assert estimator.loss_curve_ == again.loss_curve_
    chosen = RowSubset(rows, torch.tensor([3, 1]))
    np.testing.assert_array_equal(infer(snapshots.taken_[0], "encode", chosen), first[[3, 1]])


# -- phases -----------------------------------------------------------------------------------


class Epochs(Callback):
    """Count the epochs of all trainings."""

    def __init__(self):
        self.n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1


@pytest.mark.parametrize("factory", ["classifier", "regressor"])
def test_pretraining_does_not_call_the_callbacks(request, table, labels, factory):
    """Epochs of the autoencoder alone come before those that callbacks and histories are of."""
    epochs, rates = Epochs(), Rates()
    estimator = request.getfixturevalue(factory)(
        pretrain_epochs=3, callbacks=[epochs, rates], lr_schedule="constant", lr=0.01
    ).fit(table, labels)
    assert epochs.n_epochs == len(rates.rates_) == estimator.n_iter_ == 2
    assert len(estimator.pretrain_loss_curve_) == 3
    assert len(estimator.history_) == 2


def test_pretraining_trains_the_autoencoder(classifier, autoencoder, table, labels):
    """Its losses are those of the same autoencoder by itself, whatever becomes of the joint net."""
    alone = autoencoder(linear_path=False, max_epochs=5).fit(table)
    same = {"n_estimators": 1, "n_bins": None, "linear_path": False}
    joint = classifier(pretrain_epochs=5, max_epochs=1, **same).fit(table, labels)
    assert joint.pretrain_loss_curve_ == alone.loss_curve_
    frozen = classifier(pretrain_epochs=5, freeze_encoder=True, **same).fit(table, labels)
    np.testing.assert_array_equal(frozen.transform(table), alone.transform(table))


# -- warm-up of losses ------------------------------------------------------------------------


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
