"""Callbacks that write down what happens in a training, estimators, outputs of networks."""

import pytest
import torch
from skorch.callbacks import Callback


class Rates(Callback):
    """Write down the learning rate of every step."""

    def on_train_begin(self, net, **kwargs):
        self.rates_ = []

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.rates_.append(net.optimizer_.param_groups[0]["lr"])


@pytest.fixture
def rates():
    """A callback that writes down the learning rate of every step."""
    return Rates()


class Weights(Callback):
    """Keep the weights of every epoch."""

    def on_train_begin(self, net, **kwargs):
        self.weights_ = []

    def on_epoch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self.weights_.append({name: value.clone() for name, value in state.items()})


@pytest.fixture
def weights():
    """A callback that keeps the weights of every epoch."""
    return Weights()


@pytest.fixture
def all_kept(small):
    """Parameters with which nothing that was learned is taken back at the end of a fit."""
    return {"shrinkage": 0.0} if hasattr(small(), "shrinkage") else {}


@pytest.fixture(params=["autoencoder", "variational", "classifier", "regressor", "cnn_classifier"])
def any_task(request):
    """A factory of an estimator of each task in turn; all take ``fit(X, y)``."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def stream():
    """A stream of random numbers."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def times():
    """How often each of six rows is repeated, or its weight: one in the mean."""
    return torch.tensor([2, 1, 0, 1, 2, 0])


@pytest.fixture
def repeat(times):
    """A function that repeats each of six rows as often as that."""
    return lambda rows: rows.repeat_interleave(times, 0)


@pytest.fixture
def pair(stream):
    """Outputs and targets, the latter in [0, 1]."""
    return {
        "output": torch.randn(6, 3, 2, generator=stream),
        "target": torch.rand(6, 3, 2, generator=stream),
    }


@pytest.fixture
def logits(stream):
    """Predictions of three classes for six rows."""
    return 3 * torch.randn(6, 3, generator=stream)


@pytest.fixture
def normal(stream):
    """Means and deviations of six codes of four units."""
    return {
        "mean": torch.randn(6, 4, generator=stream),
        "deviation": torch.rand(6, 4, generator=stream) + 0.1,
    }
