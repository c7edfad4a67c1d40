"""What is measured of a stream is measured when it is asked for."""

import copy
import pickle
import threading
import time

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sk_aecnn import AECNNClassifier, AutoencoderOutlierDetector
from sk_aecnn.lifecycle._on_demand import OnDemand


def rows_like(n, seed):
    """Rows on a plane of two numbers, with a little noise; the last number never changes."""
    plane = np.random.default_rng(99).normal(size=(2, 6))
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)) @ plane + 0.1 * rng.normal(size=(n, 6))
    return np.concatenate([X, np.full((n, 1), 3.0)], axis=1)


def stream(n_calls=3, read=lambda detector: None, **parameters):
    """A detector of some calls, of which each is followed by ``read``."""
    parameters = {"hidden_layer_sizes": (8,), "random_state": 0} | parameters
    detector = AutoencoderOutlierDetector(2, **parameters)
    for call in range(n_calls):
        read(detector.partial_fit(rows_like(40, call)))
    return detector


@pytest.mark.parametrize("read", [lambda each: each.offset_, copy.deepcopy, pickle.dumps])
def test_it_does_not_matter_when_it_is_asked_for(read):
    """A stream that is looked at after every call ends as one that never was, to the last bit."""
    watched, X = stream(read=read), rows_like(50, 9)
    alone = stream()
    assert alone.offset_ == watched.offset_
    np.testing.assert_array_equal(alone.decision_function(X), watched.decision_function(X))
    np.testing.assert_array_equal(
        alone.sample(5, random_state=0), watched.sample(5, random_state=0)
    )


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))]
)
def test_copies_have_what_was_not_measured_yet(copied):
    """Their threshold is that of the original, which goes on training by itself."""
    detector = stream()
    other = copied(detector)
    detector.partial_fit(rows_like(40, 7))
    assert other.offset_ == stream().offset_ != detector.offset_


def test_a_parameter_that_is_set_afterwards_changes_nothing():
    """The threshold is that of the parameters of the call."""
    detector = stream(contamination=0.1).set_params(contamination=0.4)
    assert detector.offset_ == stream(contamination=0.1).offset_
    assert detector.offset_ < detector.partial_fit(rows_like(40, 2)).offset_


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_a_threshold_of_ones_own_stays(copied):
    """Who sets ``offset_`` after a call finds it in copies, until the next call."""
    detector = stream()
    detector.offset_ = -7.0
    assert copied(detector).offset_ == detector.offset_ == -7
    assert detector.partial_fit(rows_like(40, 3)).offset_ == stream(4).offset_


def test_fit_measures_at_once():
    """After ``fit`` there is nothing left to do; nothing of a stream before it is left either."""
    detector = stream(max_epochs=3).fit(rows_like(60, 0))
    expected = clone(detector).fit(rows_like(60, 0))
    assert vars(detector)["offset_"] == expected.offset_


def test_constants_are_those_of_calls_that_nobody_looked_at():
    """A feature that changed in one call of many is none that never changed."""
    detector = AutoencoderOutlierDetector(2, random_state=0)
    for call in range(3):
        X = rows_like(40, call)
        X[0, 6] += call == 1
        detector.partial_fit(X)
    assert not detector._deviations.constants.is_constant.any()
    assert stream()._deviations.constants.is_constant.tolist() == [False] * 6 + [True]


# -- what cannot be measured ------------------------------------------------------------------


def answers(detector, X):
    """What is read of a detector, and what a file of it holds."""
    return detector.offset_, detector.score_samples(X).tolist(), pickle.dumps(detector)


def with_far_values(rng):
    """Rows as above, some of whose values are far from the others in most cases."""
    X = rows_like(int(rng.choice([1, 3, 60])), rng.integers(1000))
    for _ in range(rng.integers(3)):
        X[rng.integers(len(X)), rng.integers(6)] = 10.0 ** rng.uniform(3, 300) * rng.choice([-1, 1])
    return X


@pytest.mark.parametrize("loss", ["mse", "mae"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("lr", [0.01, 1e4])
def test_what_is_accepted_can_be_read(loss, precision, lr):
    """A call ends in answers, or in an error that leaves all as it was."""
    rng, X, n_accepted = np.random.default_rng(0), rows_like(20, 9), 0
    detector = stream(1, precision=precision, reconstruction_loss=loss).set_params(lr=lr)
    before = answers(detector, X)
    for _ in range(12):
        try:
            detector.partial_fit(with_far_values(rng))
            refusal = ""
        except ValueError as error:
            refusal = str(error)
        after = answers(detector, X)
        if refusal:
            assert after == before
            assert "lower lr" in refusal or "standard deviations from the mean" in refusal
        before, n_accepted = after, n_accepted + (refusal == "")
        assert np.isfinite(before[0])
    assert 0 < n_accepted < 12


def test_what_is_too_far_is_named_in_the_call():
    """Where the loss is finite nevertheless, the error names the row of the call."""
    detector, X = stream(2, reconstruction_loss="mae"), rows_like(30, 5)
    X[7, 2] = -1e30
    with pytest.raises(ValueError, match=r"-1e\+30 in row 7, feature 2, .* precision='float64'"):
        detector.partial_fit(X)
    assert detector.offset_ == stream(2, reconstruction_loss="mae").offset_


def test_rows_that_a_later_network_cannot_compute_are_left_out():
    """They do not stand in the way of later calls, nor of their threshold."""
    detector, far = stream(2), rows_like(1, 5)
    far[0, 2] = 1e15
    detector.partial_fit(far)
    assert detector._deviations.usual.n_rows == 81
    with torch.no_grad():
        for weight in detector.net_.module_.encoder.parameters():
            weight.mul_(1e3)
    detector.partial_fit(rows_like(40, 6))
    assert len(detector._stream.rows) == 121
    assert detector._deviations.usual.n_rows == 120
    assert np.isfinite(detector.score_samples(rows_like(20, 9))).all()


def test_names_that_are_missing_are_told_as_ever():
    """Before a fit, and where a property says itself what is wrong."""
    with pytest.raises(AttributeError, match="'offset_'"):
        AutoencoderOutlierDetector().offset_  # noqa: B018
    model = AECNNClassifier(2, reconstruction_weight=0.0, max_epochs=1, random_state=0)
    model.fit(rows_like(20, 0), np.arange(20) % 2)
    with pytest.raises(AttributeError, match="reconstruction_weight=0 trains no decoder"):
        model.decoder_  # noqa: B018


def test_an_error_is_raised_again():
    """What fails is computed anew for the next one who asks."""
    outcomes = iter([ValueError("no"), {"x": 1}])

    def compute():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    attributes = OnDemand(compute)
    with pytest.raises(ValueError, match="no"):
        attributes.get()
    assert attributes.get() == {"x": 1}


def test_threads_that_ask_at_once_get_the_same():
    """It is computed once."""
    computed, found = [], []

    def compute():
        time.sleep(0.05)
        computed.append(1)
        return {"x": object()}

    attributes = OnDemand(compute)
    threads = [threading.Thread(target=lambda: found.append(attributes.get())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1
    assert all(each is found[0] for each in found)
