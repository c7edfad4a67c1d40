"""Beside a network that classifies sequences is a linear model of random convolutions."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor
from sk_aecnn.lifecycle import _base, _planning
from sk_aecnn.recipes import _random_convolutions
from sk_aecnn.training._train import train
from sk_aecnn.training._weighing import choose_shares

CLASSIFIERS = [AECNNClassifier, CNNClassifier]
SHORT = {"max_epochs": 2, "random_state": 0, "channel_axis": None}


def noisy_sequences(n_samples, seed=0):
    """Return sequences of two frequencies, of any phase, in noise, and which of them it is."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % 2
    phase = rng.uniform(0, 2 * np.pi, (n_samples, 1))
    frequency = np.where(y, 0.55, 0.4)[:, None]
    X = np.sin(frequency * np.arange(60) + phase) + rng.normal(size=(n_samples, 60))
    return X, y


def linear_model(fitted):
    return fitted.net_.module_.linear_model


def waves(n_samples, seed=0):
    """Return noisy mixtures of two of three triangles (Breiman et al. 1984, section 2.6.2)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % 3
    triangles = np.maximum(6 - np.abs(np.arange(1, 22) - np.array([[7], [15], [11]])), 0)
    first, second = triangles[[0, 0, 1]][y], triangles[[1, 2, 2]][y]
    share = rng.uniform(size=(n_samples, 1))
    return share * first + (1 - share) * second + rng.normal(size=(n_samples, 21)), y


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_few_noisy_sequences_are_told_apart(cls):
    """A network by itself recalls the noise: three draws of training samples."""
    X_test, y_test = waves(1500)
    with_it, without = [], []
    for seed in (1, 2, 3):
        X, y = waves(90, seed)
        model = cls(channel_axis=None, random_state=0)
        with_it.append(model.fit(X, y).score(X_test, y_test))
        model = clone(model).set_params(linear_path=False)
        without.append(model.fit(X, y).score(X_test, y_test))
    assert np.mean(with_it) > np.mean(without) + 0.01
    assert np.mean(with_it) > 0.78


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_both_count_the_same_where_samples_are_few(cls):
    X, y = noisy_sequences(60)
    fitted = cls(**SHORT).fit(X, y)
    assert fitted.resolved_params_["linear_path"]
    assert linear_model(fitted).shares.tolist() == [0.5, 0.5]
    # as geometric means of probabilities
    module = fitted.net_.module_
    together = fitted.predict_log_proba(X)
    alone = []
    for shares in torch.eye(2):
        linear_model(fitted).shares.copy_(shares)
        alone.append(fitted.predict_log_proba(X))
    mean = np.mean(alone, axis=0)
    expected = mean - np.logaddexp.reduce(mean, axis=1)[:, None]
    np.testing.assert_allclose(together, expected, atol=1e-5)
    assert module.linear_model.coefficients.abs().sum() > 0


def test_held_out_samples_weigh_them():
    """A network that was hardly trained counts less than a linear model that tells classes."""
    X, y = noisy_sequences(1000)
    fitted = CNNClassifier(channel_axis=None, max_epochs=1, lr=1e-9, random_state=0).fit(X, y)
    assert linear_model(fitted).shares[1] > 0.7
    assert fitted.best_validation_score_ is None
    assert not fitted.resolved_params_["early_stopping"]
    fewer = CNNClassifier(channel_axis=None, max_epochs=1, lr=1e-9, random_state=0)
    assert linear_model(fewer.fit(X[:-1], y[:-1])).shares.tolist() == [0.5, 0.5]


def test_what_is_held_out_weighs_them_and_is_not_learned(monkeypatch):
    """Labels of samples for validation change nothing but the shares."""
    X, y = noisy_sequences(200)
    parts = np.split(np.arange(200), [120])
    monkeypatch.setattr(_planning, "hold_out", lambda *_: parts)
    model = CNNClassifier(**SHORT, early_stopping=True)
    first = clone(model).fit(X, y)
    second = clone(model).fit(X, np.r_[y[:120], 1 - y[120:]])
    for name in ("coefficients", "intercepts"):
        assert torch.equal(*(getattr(linear_model(one), name) for one in (first, second)))
    right, wrong = (linear_model(one).shares[1] for one in (first, second))
    assert right > 0.5 > wrong


@pytest.mark.parametrize("n_samples", [60, 1200])
def test_labels_that_nothing_tells_leave_the_network_alone(n_samples):
    """Whether strengths of regularisation are compared on all folds or on some."""
    X, _ = noisy_sequences(n_samples)
    y = np.random.default_rng(0).integers(0, 2, n_samples)
    assert linear_model(CNNClassifier(**SHORT).fit(X, y)) is None


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_it_is_left_out(cls):
    """Where it is not asked for, of unlabeled samples, and in a stream."""
    X, y = noisy_sequences(60)
    assert linear_model(cls(**SHORT, linear_path=False).fit(X, y)) is None
    assert linear_model(cls(**SHORT).partial_fit(X, y, classes=[0, 1])) is None
    assert linear_model(cls(**SHORT).fit(X[:5], y[:5])) is None
    images = X.reshape(60, 6, 10)
    assert linear_model(cls(max_epochs=1, random_state=0).fit(images, y)) is None


def test_it_is_left_out_of_samples_without_labels():
    X, y = noisy_sequences(60)
    some = np.where(np.arange(60) < 20, y, -1)
    fitted = AECNNClassifier(**SHORT, unlabeled=-1).fit(X, some)
    assert linear_model(fitted) is None
    assert not fitted.resolved_params_["linear_path"]


@pytest.mark.parametrize("cls", [AECNNRegressor, CNNRegressor])
def test_numbers_are_predicted_without_it(cls):
    X, _ = noisy_sequences(60)
    fitted = cls(**SHORT).fit(X, X[:, 0])
    assert linear_model(fitted) is None
    with pytest.raises(ValueError, match=r"linear_path=True .* classifies sequences"):
        cls(**SHORT, linear_path=True).fit(X, X[:, 0])


def test_a_code_alone_may_be_what_is_predicted_from():
    X, y = noisy_sequences(60)
    assert linear_model(AECNNClassifier(**SHORT, backend_input="code").fit(X, y)) is None
    with pytest.raises(ValueError, match="backend_input='code'"):
        AECNNClassifier(**SHORT, backend_input="code", linear_path=True).fit(X, y)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_it_stays_as_it_is_in_further_training(early_stopping):
    X, y = noisy_sequences(60)
    fitted = CNNClassifier(**SHORT, early_stopping=early_stopping).fit(X, y)
    before = deepcopy(linear_model(fitted))
    after = linear_model(fitted.partial_fit(X[:20], y[:20]))
    for name in ("coefficients", "intercepts", "shares"):
        assert torch.equal(getattr(after, name), getattr(before, name))


def test_weights_are_those_of_samples():
    """Samples of next to no weight tell nothing."""
    X, y = noisy_sequences(120)
    wrong = np.r_[y[:60], 1 - y[60:]]
    weight = np.r_[np.ones(60), np.full(60, 1e-6)]
    fitted = CNNClassifier(**SHORT).fit(X, wrong, sample_weight=weight)
    linear_model(fitted).shares.copy_(torch.tensor([0.0, 1.0]))
    assert fitted.score(X[60:], y[60:]) > 0.7


def test_the_more_is_held_out_the_farther_shares_are_from_equal():
    good, y = np.eye(2)[[0, 1] * 500] - 0.5, np.array([0, 1] * 500)
    shares = [
        choose_shares(np.stack([good[:n], -good[:n]]), y[:n], np.ones(n)) for n in (2, 20, 1000)
    ]
    of_good, of_bad = np.transpose(shares)
    assert 0.5 < of_good[0] < of_good[1] < of_good[2] <= 2
    assert 0.5 > of_bad[0] > of_bad[1] >= of_bad[2] >= 0


def test_nothing_is_held_out_of_what_is_not_weighed(monkeypatch):
    """Where a model tells nothing, and where classes are many, all samples are trained on."""
    trained_on = []

    def count(net, options, data, *rest):
        trained_on.append(len(data))
        return train(net, options, data, *rest)

    monkeypatch.setattr(_base, "train", count)
    X, y = noisy_sequences(1000)
    rng = np.random.default_rng(0)
    model = CNNClassifier(**SHORT)
    assert linear_model(model.fit(X, y)) is not None
    assert linear_model(model.fit(X, rng.integers(0, 2, 1000))) is None
    many = np.arange(1000) % 40
    fitted = model.fit(X + 5 * rng.normal(size=(40, 60))[many], many)
    assert linear_model(fitted).shares.tolist() == [0.5, 0.5]
    assert trained_on == [900, 1000, 1000]


def test_too_many_classes_or_steps_are_left_to_the_network(monkeypatch):
    X, y = noisy_sequences(60)
    monkeypatch.setattr(_random_convolutions, "_MOST_WORK", 60 * 2 * 924 - 1)
    assert linear_model(CNNClassifier(**SHORT).fit(X, y)) is None
    monkeypatch.undo()
    monkeypatch.setattr(_random_convolutions, "_MOST_VALUES", 60 * 60 - 1)
    assert linear_model(CNNClassifier(**SHORT).fit(X, y)) is None
    monkeypatch.undo()
    assert linear_model(CNNClassifier(**SHORT).fit(X, y)) is not None


def test_of_many_classes_fewer_samples_are_learned_from(monkeypatch):
    """As long as others are held out, which tell what that is worth."""
    X, y = noisy_sequences(1000)
    full = linear_model(CNNClassifier(**SHORT).fit(X, y))
    monkeypatch.setattr(_random_convolutions, "_MOST_WORK", 600 * 2 * 924)
    some = linear_model(CNNClassifier(**SHORT).fit(X, y))
    assert not torch.equal(some.coefficients, full.coefficients)
    assert some.shares.tolist() != [0.5, 0.5]
    monkeypatch.setattr(_random_convolutions, "_MOST_WORK", 400 * 2 * 924)
    assert linear_model(CNNClassifier(**SHORT).fit(X, y)) is None


def test_nothing_known_is_nothing_sure():
    """A sequence that is all missing is predicted by the network alone, and the frequencies."""
    X, y = noisy_sequences(80)
    X[::3, 40:] = np.nan
    fitted = CNNClassifier(**SHORT).fit(X, y)
    assert 0.2 < fitted.predict_proba(np.full((1, 60), np.nan))[0, 0] < 0.8
