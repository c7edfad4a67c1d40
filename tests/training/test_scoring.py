"""Scores of samples while a network is trained."""

import math

import numpy as np
import pytest
from skorch.callbacks import BatchScoring, Callback, EpochScoring


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
