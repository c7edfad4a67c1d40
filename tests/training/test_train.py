"""One call after the other, early stopping, optimizers."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sk_aecnn.training._optimizers import OPTIMIZERS


def test_warm_start_goes_on(small, table, labels, all_kept):
    """Two warm fits of one epoch at a constant rate are one fit of two epochs."""
    parameters = {"lr_schedule": "constant", "batch_size": 7} | all_kept
    warm = small(max_epochs=1, warm_start=True, **parameters).fit(table, labels)
    warm.fit(table, labels)
    once = small(max_epochs=2, **parameters).fit(table, labels)
    np.testing.assert_array_equal(warm.transform(table), once.transform(table))
    assert warm.loss_curve_ == once.loss_curve_
    assert warm.n_iter_ == 2


def test_partial_fit_is_an_epoch(small, table, labels, all_kept):
    """n calls of partial_fit are a fit of n epochs at a constant rate."""
    same = dict(all_kept)
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
def test_warm_start_takes_changed_parameters(small, table, labels, changed, rates):
    """Parameters of training that are set between two warm fits count in the second."""
    estimator = small(warm_start=True, lr_schedule="constant", lr=0.1, callbacks=[rates])
    estimator.fit(table, labels)
    assert rates.rates_ == [0.1, 0.1]
    estimator.set_params(**changed).fit(table, labels)
    steps = {"lr": [0.5] * 2, "batch_size": [0.1] * 8, "max_epochs": [0.1] * 5}
    assert rates.rates_ == steps[next(iter(changed))]


@pytest.mark.parametrize("kind", ["table", "images"])
def test_early_stopping_keeps_the_best_weights(small, request, labels, weights, kind):
    """The weights after fit are those of the epoch with the lowest validation loss of the task."""
    X = request.getfixturevalue(kind)
    estimator = small(
        early_stopping=True, max_epochs=40, lr=0.1, n_iter_no_change=3, callbacks=[weights]
    ).fit(X, labels)
    task = "valid_classification_loss" if hasattr(estimator, "classes_") else "valid_loss"
    losses = [row[task] for row in estimator.history_]
    best = weights.weights_[int(np.argmin(losses))]
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
