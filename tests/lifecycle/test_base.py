"""A fit works on a copy, whose attributes are taken over in one assignment, or none at all."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback


def answer(estimator, X):
    """What there is to say about rows."""
    methods = ["transform", "predict_proba", "predict", "score_samples"]
    return np.column_stack([getattr(estimator, m)(X) for m in methods if hasattr(estimator, m)])


class Fails(Callback):
    """Raise at some point of training."""

    def __init__(self, point):
        self.point = point

    def fail(self, net, **kwargs):
        if self.point is not None:
            raise RuntimeError("enough")

    def on_train_begin(self, net, **kwargs):
        if self.point == "begin":
            self.fail(net)

    def on_batch_end(self, net, **kwargs):
        if self.point == "batch":
            self.fail(net)

    def on_train_end(self, net, **kwargs):
        if self.point == "end":
            self.fail(net)


@pytest.mark.parametrize("point", ["begin", "batch", "end"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("warm_start", [False, True])
def test_a_fit_that_raises_leaves_the_estimator_as_it_was(
    every, table, labels, point, method, warm_start
):
    """Every attribute is the very object that it was, and predictions stay."""
    fails = Fails(None)
    estimator = every(callbacks=[fails], warm_start=warm_start).fit(table, labels)
    before, expected = dict(vars(estimator)), answer(estimator, table)
    fails.point = point
    with pytest.raises(RuntimeError, match="enough"):
        getattr(estimator, method)(table[:30, :], labels[:30])
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(answer(estimator, table), expected)


@pytest.mark.parametrize("point", ["begin", "batch", "end"])
def test_a_first_fit_that_raises_leaves_an_unfitted_estimator(every, table, labels, point):
    """Nothing but the parameters is there after an error."""
    estimator = every(callbacks=[Fails(point)])
    before = dict(vars(estimator))
    with pytest.raises(RuntimeError, match="enough"):
        estimator.fit(table, labels)
    assert vars(estimator) == before
    assert not estimator.__sklearn_is_fitted__()


def test_data_that_are_refused_leave_a_fitted_estimator_as_it_was(every, table, labels):
    """Neither the number of features nor the classes are those of data that were refused."""
    estimator = every().fit(table, labels)
    before = dict(vars(estimator))
    wide = np.c_[table, np.full(40, np.inf)]
    with pytest.raises(ValueError, match="infinity"):
        estimator.fit(wide, labels)
    assert all(vars(estimator)[name] is value for name, value in before.items())
    assert estimator.n_features_in_ == 5


def test_a_refit_leaves_nothing_of_the_fit_before(every, table, images, labels):
    """Fitted twice, an estimator has the attributes of the second fit alone."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(table, columns=list("abcde"))
    twice = every().fit(frame, labels).fit(images, labels)
    once = every().fit(images, labels)
    assert vars(twice).keys() == vars(once).keys()
    np.testing.assert_array_equal(answer(twice, images), answer(once, images))


class Waits(Callback):
    """Let another thread work in the midst of training."""

    def __init__(self):
        self.is_on = False
        self.training, self.answered = threading.Event(), threading.Event()

    def on_batch_end(self, net, training, **kwargs):
        if self.is_on and not self.training.is_set():
            self.training.set()
            assert self.answered.wait(timeout=60)

    def __deepcopy__(self, memo):
        return self


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_prediction_during_a_refit_is_that_of_the_old_network(every, table, labels, warm_start):
    """Another thread has the answers of the last fit until the new one is done, all in one."""
    waits = Waits()
    estimator = every(callbacks=[waits], warm_start=warm_start).fit(table, labels)
    expected, attributes = answer(estimator, table), dict(vars(estimator))
    waits.is_on = True
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(estimator.fit, table[:30], labels[:30])
        try:
            assert waits.training.wait(timeout=60)
            during, seen = answer(estimator, table), dict(vars(estimator))
        finally:
            waits.answered.set()
        assert fit.result(timeout=60) is estimator
    np.testing.assert_array_equal(during, expected)
    assert all(seen[name] is value for name, value in attributes.items())
    assert not np.array_equal(answer(estimator, table), expected)


def test_a_fit_in_a_thread_is_the_fit(every, table, labels):
    """Where a fit runs does not matter to it."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(every().fit, table, labels).result()
    np.testing.assert_array_equal(answer(other, table), answer(every().fit(table, labels), table))


def test_fits_side_by_side_do_not_mix(every, table, labels):
    """Two estimators fitted in two threads are those fitted one after the other.

    Their transforms draw from torch's global generator, which each fit has for itself by turns.
    """

    def noisy(batch):
        return batch + torch.randn(batch.shape)

    estimators = [every(augmentation=noisy, random_state=seed, batch_size=8) for seed in (0, 1)]
    expected = [answer(clone(e).fit(table, labels), table) for e in estimators]
    with ThreadPoolExecutor(2) as pool:
        fits = list(pool.map(lambda e: e.fit(table, labels), estimators))
    for fitted, alone in zip(fits, expected, strict=True):
        np.testing.assert_array_equal(answer(fitted, table), alone)
