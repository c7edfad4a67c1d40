"""Streams whose number of steps is known: ``partial_fit`` with a schedule of the learning rate."""

import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch.utils.data import DataLoader, TensorDataset

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNRegressor
from sk_aecnn.training._schedules import LR_SCHEDULES

RATES = []


class Rates(Callback):
    """Takes note of the learning rate of every step."""

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            RATES.append(net.optimizer_.param_groups[0]["lr"])


def data(n_samples=64):
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(n_samples, 2))
    return (hidden @ rng.normal(size=(2, 6))).astype(np.float32), (hidden[:, 0] > 0).astype(int)


def coder(**parameters):
    RATES.clear()
    chosen = {"batch_size": 8, "lr": 0.01, "random_state": 0, "callbacks": [Rates()]}
    return AutoencoderTransformer(2, encoder="dense", **(chosen | parameters))


def parts(X, size=16):
    return [X[start : start + size] for start in range(0, len(X), size)]


@pytest.mark.parametrize("schedule", ["auto", "one_cycle", "cosine", "constant"])
def test_rates_follow_the_schedule_over_all_calls(schedule):
    """The rate of each step is the schedule's, of the share of the steps of all calls."""
    model = coder(lr_schedule=schedule)
    for part in parts(data()[0]):
        model.partial_fit(part, n_steps=8)
    factor = LR_SCHEDULES["one_cycle" if schedule == "auto" else schedule]
    expected = [0.01 * factor(step / 8) for step in range(8)]
    np.testing.assert_allclose(RATES, expected, rtol=1e-12)


def test_without_it_the_rate_is_constant():
    """Where nobody knows how many calls there will be, the rate does not fall."""
    model = coder()
    for part in parts(data()[0]):
        model.partial_fit(part)
    assert RATES == [0.01] * 8


def test_further_calls_stay_at_the_end():
    """A stream that is longer than was said goes on at the lowest rate."""
    model = coder(lr_schedule="cosine")
    for part in parts(data()[0]):
        model.partial_fit(part, n_steps=4)
    np.testing.assert_allclose(RATES[4:], [0.01 * LR_SCHEDULES["cosine"](1.0)] * 4, rtol=1e-12)


def test_a_call_without_it_ends_the_stream():
    """What comes after is another stream, whose schedule begins anew."""
    model = coder(lr_schedule="cosine")
    first, *others = parts(data()[0])
    model.partial_fit(first, n_steps=8).partial_fit(others[0])
    RATES.clear()
    model.partial_fit(others[1], n_steps=8)
    expected = [0.01 * LR_SCHEDULES["cosine"](step / 8) for step in range(2)]
    np.testing.assert_allclose(RATES, expected, rtol=1e-12)


def test_a_file_goes_on_where_the_stream_was():
    """A pickle knows how many steps are done, and what comes next is what would have come."""
    first, *others = parts(data()[0])
    model = coder().set_saving(include_optimizer=True).partial_fit(first, n_steps=8)
    loaded = pickle.loads(pickle.dumps(model))
    for estimator in (model, loaded):
        for part in others:
            estimator.partial_fit(part, n_steps=8)
    X = data()[0]
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))


def test_one_call_is_one_epoch_of_fit():
    """The whole stream in one call trains as ``fit`` with one epoch does."""
    X, _ = data()
    settings = {"batch_size": 8, "lr": 0.01, "random_state": 0, "augmentation": None}
    stream = CNNRegressor(n_estimators=1, linear_path=False, **settings)
    fitted = CNNRegressor(n_estimators=1, linear_path=False, max_epochs=1, **settings)
    stream.partial_fit(X, X[:, 0], n_steps=8)
    fitted.fit(X, X[:, 0])
    np.testing.assert_array_equal(stream.predict(X), fitted.predict(X))


def test_a_torch_dataset_streams_through_its_loader():
    """Batches of torch's DataLoader are samples of a call as they are."""
    X, y = data()
    dataset = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    loader = DataLoader(dataset, 16, generator=torch.Generator().manual_seed(0))
    model = AECNNClassifier(2, batch_size=16, random_state=0)
    for _ in range(10):
        for rows, labels in loader:
            model.partial_fit(rows, labels, classes=[0, 1], n_steps=40)
    assert model.n_iter_ == 40
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize(("n_steps", "kind"), [(0, ValueError), (2.5, TypeError)])
def test_only_counts_of_steps_are_taken(n_steps, kind):
    """What is no number of steps is refused by name."""
    with pytest.raises(kind, match="n_steps"):
        coder().partial_fit(data()[0], n_steps=n_steps)
