"""What a fitted estimator knows is of all samples it has seen, and of the parameters of its fit."""

import copy
import gc
import pickle
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from skorch.callbacks import Callback

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)
from sk_aecnn.data._rows import RowSubset
from sk_aecnn.estimators._autoencoder import _explained_variance_ratio
from sk_aecnn.lifecycle._usual import ErrorsAndCodes, UsualSamples
from sk_aecnn.training import _stream

try:
    from sklearn.callback import ProgressBar
except ImportError:
    ProgressBar = None


def outputs(estimator, X):
    """Everything that can be asked about samples."""
    names = (
        "predict",
        "predict_proba",
        "transform",
        "reconstruct",
        "reconstruction_error",
        "score_samples",
        "decision_function",
    )
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}


def assert_same(actual, expected):
    """Outputs are alike to the last bit, in the same precision."""
    assert actual.keys() == expected.keys()
    for name, output in actual.items():
        assert output.dtype == expected[name].dtype, name
        np.testing.assert_array_equal(output, expected[name], err_msg=name)


# -- what is measured on training samples -----------------------------------------------------


def rows_like(n, seed):
    """Rows on a plane of two numbers, with a little noise."""
    rng = np.random.default_rng(seed)
    plane = np.random.default_rng(99).normal(size=(2, 6))
    return rng.normal(size=(n, 2)) @ plane + 0.1 * rng.normal(size=(n, 6))


def two_kinds(n, kind=None):
    """Rows of two kinds, far from each other, and which is which."""
    y = np.arange(n) % 2 if kind is None else np.full(n, kind)
    return np.random.default_rng(n).normal(size=(n, 5)) + 10 * y[:, None], y


@pytest.fixture(scope="module")
def fitted_detector():
    """A detector of rows on a plane."""
    return AutoencoderOutlierDetector(2, max_epochs=20, random_state=0).fit(rows_like(600, 0))


@pytest.mark.parametrize("n_more", [1, 2, 3, 50])
def test_a_few_more_rows_do_not_make_outliers_of_the_others(fitted_detector, n_more):
    """After ``partial_fit`` of a few rows, about as many new rows are outliers as before."""
    new = rows_like(500, 1)
    before = np.mean(fitted_detector.predict(new) == -1)
    detector = copy.deepcopy(fitted_detector).partial_fit(rows_like(n_more, 2))
    assert np.mean(detector.predict(new) == -1) < before + 0.1


@pytest.mark.parametrize("n_more", [1, 3])
@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_what_the_detector_measures_is_of_all_rows(fitted_detector, contamination, n_more):
    """One row in 601 moves the threshold, the usual errors and the usual codes a little."""
    before = copy.deepcopy(fitted_detector).set_params(contamination=contamination)
    before.partial_fit(rows_like(600, 0))
    detector = copy.deepcopy(before).partial_fit(rows_like(n_more, 2))
    assert detector.offset_ == pytest.approx(before.offset_, rel=0.5)
    np.testing.assert_allclose(detector.residual_variance_, before.residual_variance_, rtol=0.9)
    spread, spread_before = (np.sqrt(np.diag(each.code_covariance_)) for each in (detector, before))
    np.testing.assert_allclose(spread, spread_before, rtol=0.5)


def test_a_stream_of_chunks_is_measured_as_a_whole():
    """Chunks of two kinds in turn: neither kind is made of outliers after a chunk of the other."""
    rng = np.random.default_rng(0)
    chunks = [rng.normal(size=(40, 5)) + 6 * (turn % 2) for turn in range(20)]
    detector = AutoencoderOutlierDetector(2, random_state=0).partial_fit(np.concatenate(chunks[:2]))
    for chunk in chunks[2:]:
        detector.partial_fit(chunk)
    for kind in (0, 6):
        new = rng.normal(size=(200, 5)) + kind
        assert np.mean(detector.predict(new) == -1) < 0.3


def test_one_more_row_does_not_change_the_noise_variance():
    """``noise_variance_`` and ``kl_per_unit_`` are those of all rows, not of the last chunk."""
    before = VariationalAutoencoderTransformer(2, max_epochs=20, random_state=0)
    before.fit(rows_like(600, 0))
    vae = copy.deepcopy(before).partial_fit(rows_like(1, 2))
    assert vae.noise_variance_ == pytest.approx(before.noise_variance_, rel=0.5)
    np.testing.assert_allclose(vae.kl_per_unit_, before.kl_per_unit_, rtol=0.5, atol=0.2)


def test_samples_are_like_all_rows_seen(small):
    """After ``partial_fit`` of rows of one kind, samples of the other are drawn as well."""
    estimator = small(max_epochs=20).fit(*two_kinds(200))
    estimator.partial_fit(*two_kinds(21, kind=0))
    level = estimator.sample(200, random_state=0).mean(axis=1)
    assert 0.2 < np.mean(level > 5) < 0.8


def test_a_class_that_was_seen_once_can_be_drawn_for_ever(classifier):
    """``sample(y=...)`` of a class that the last chunk lacks draws rows like earlier ones."""
    estimator = classifier(max_epochs=20).fit(*two_kinds(200))
    estimator.partial_fit(*two_kinds(21, kind=0)).partial_fit(*two_kinds(20, kind=0))
    assert estimator.sample(20, y=1, random_state=0).mean() > 5
    assert estimator.sample(20, y=0, random_state=0).mean() < 5


@pytest.mark.parametrize("n_more", [1, 30])
@pytest.mark.parametrize(
    ("factory", "kind"), [(AECNNClassifier, "table"), (CNNClassifier, "images")]
)
def test_normalization_is_of_all_rows_seen(factory, kind, n_more):
    """``partial_fit`` of rows of one class does not undo what tells it from the other.

    Where a batch is all of the data, running statistics are set to those of the data.
    """
    X, y = two_kinds(200)
    more = two_kinds(n_more, kind=0)
    if kind == "images":
        X = np.repeat(X, 5, axis=1).reshape(200, 5, 5)
        more = np.repeat(more[0], 5, axis=1).reshape(n_more, 5, 5), more[1]
    parameters = {"normalization": "batch", "max_epochs": 10, "lr": 1e-3, "augmentation": None}
    estimator = factory(**parameters, conv_channels=4, random_state=0).fit(X, y)
    assert estimator.score(X, y) == 1
    estimator.partial_fit(*more)
    assert estimator.score(X, y) > 0.9


def test_the_size_of_chunks_does_not_change_what_is_measured():
    """After one pass in chunks of any size, the threshold is about that of one call."""
    X = rows_like(600, 0)
    whole = AutoencoderOutlierDetector(2, max_epochs=20, lr=1e-3, random_state=0).fit(X)
    offsets = []
    for size in (600, 60):
        detector = copy.deepcopy(whole)
        for start in range(0, 600, size):
            detector.partial_fit(X[start : start + size])
        offsets.append(detector.offset_)
    np.testing.assert_allclose(offsets, offsets[0], rtol=0.35)


def planar_rows(n, rng, shape=(3, 10), noise=0.3):
    """Rows of some features, ten by default, on a few directions, with noise."""
    plane = np.random.default_rng(99).normal(size=shape)
    return rng.normal(size=(n, shape[0])) @ plane + noise * rng.normal(size=(n, shape[1]))


@pytest.mark.parametrize(("contamination", "seed"), [("auto", 0), (0.05, 1)])
def test_the_share_of_outliers_in_a_long_stream_is_that_of_a_fit(contamination, seed):
    """At calls 5, 20 and 40, half to twice as many new rows are outliers as after one fit."""
    rng = np.random.default_rng(seed)
    parameters = {"contamination": contamination, "random_state": seed}
    whole = AutoencoderOutlierDetector(**parameters).fit(planar_rows(2000, rng))
    new = planar_rows(2000, rng)
    expected = np.mean(whole.predict(new) == -1)
    detector, found = AutoencoderOutlierDetector(**parameters), []
    for call in range(1, 41):
        detector.partial_fit(planar_rows(500, rng))
        if call in {5, 20, 40}:
            found.append(np.mean(detector.predict(new) == -1) / expected)
    assert min(found) > 0.5
    assert max(found) < 2


def test_a_stream_that_changes_is_measured_as_a_whole():
    """Of a kind seen in the first third of a stream alone, and of the other, few are outliers."""
    rng = np.random.default_rng(0)
    detector = AutoencoderOutlierDetector(2, random_state=0)
    detector.partial_fit(rng.normal(size=(100, 5)) + 6 * (np.arange(100) % 2)[:, None])
    for call in range(45):
        detector.partial_fit(rng.normal(size=(100, 5)) + 6 * (call >= 15))
    for kind in (0, 6):
        new = rng.normal(size=(500, 5)) + kind
        assert np.mean(detector.predict(new) == -1) < 0.1
    far = rng.normal(size=(500, 5)) + 20
    assert np.mean(detector.predict(far) == -1) == 1


@pytest.mark.parametrize("shape", [(3, 20), (2, 12)])
@pytest.mark.parametrize("contamination", ["auto", 0.05])
def test_the_share_of_outliers_in_a_stream_after_a_fit_is_that_of_the_fit(shape, contamination):
    """The network of the first calls is far from that of the fit; the share of outliers is not."""
    differences, ratios = [], []
    for seed in range(3):
        rows = partial(planar_rows, rng=np.random.default_rng(seed), shape=shape, noise=0.15)
        detector = AutoencoderOutlierDetector(contamination=contamination, random_state=seed)
        detector.fit(rows(2000))
        new, found = rows(2000), []
        expected, error = np.mean(detector.predict(new) == -1), detector.reconstruction_error(new)
        for _ in range(4):
            detector.partial_fit(rows(64)).partial_fit(rows(64))
            found.append(np.mean(detector.predict(new) == -1))
        assert detector.reconstruction_error(new).mean() > 1.4 * error.mean()
        differences.append(found - expected)
        ratios.append(np.mean(found) / expected)
    assert np.abs(differences).max() < 0.05
    assert abs(np.mean(differences)) < 0.03
    assert np.mean(ratios) > 0.7


def test_a_stream_after_a_fit_counts_the_samples_of_the_fit():
    """2 000 rows of ``fit`` and one more are measured as 2 001 rows, of which 512 are kept."""
    rng = np.random.default_rng(0)
    detector = AutoencoderOutlierDetector(max_epochs=1, random_state=0).fit(planar_rows(2000, rng))
    assert detector._stream.rows.shape == (512, 10)
    detector.partial_fit(planar_rows(1, rng))
    assert detector._stream.n_rows == 2001
    assert detector._deviations.usual.n_rows in {512, 513}
    assert len(detector._deviations.neighbours.rows) > 0.7 * 512


def test_a_fit_after_a_stream_is_measured_by_itself(detector):
    """Neither ``fit`` nor a warm start knows of rows of an earlier call."""
    X, far = rows_like(60, 0), 100 + rows_like(60, 1)
    expected = detector().fit(X).offset_
    assert detector().partial_fit(far).fit(X).offset_ == expected
    model = detector(warm_start=True).fit(far).fit(X)
    np.testing.assert_array_equal(model._stream.rows, X)
    assert model._deviations.usual.n_rows == 60


def test_the_noise_variance_in_a_long_stream_is_that_of_the_present_network():
    """``noise_variance_`` falls as the reconstruction gets better."""
    rng = np.random.default_rng(0)
    vae = VariationalAutoencoderTransformer(random_state=0)
    for call in range(1, 61):
        vae.partial_fit(planar_rows(500, rng))
        if call in {5, 20, 60}:
            squares = vae._draw_error(torch.from_numpy(planar_rows(1000, rng)))[:, 0]
            error = squares.mean() / 10
            assert vae.noise_variance_ == pytest.approx(error, rel=0.15)


@pytest.mark.parametrize("far", [1e30, -1e25])
def test_a_cell_beyond_the_precision_is_named(small, far):
    """The error of a call has row and feature, and the estimator stays as it was."""
    X, y = two_kinds(60)
    estimator = small().fit(X, y)
    expected = outputs(estimator, X)
    more = X.copy()
    more[17, 3] = far
    message = rf"X holds {far:.3g} in row 17, feature 3, .* precision='float32'".replace("+", r"\+")
    with pytest.raises(ValueError, match=message):
        estimator.partial_fit(more, y)
    assert_same(outputs(estimator, X), expected)


def test_a_stream_goes_on_from_a_pickle_whoever_has_asked(joint):
    """A pickle has what is measured of the rows that waited, and both go on alike."""
    X, y = two_kinds(90)
    estimator = joint().set_saving(include_optimizer=True)
    classes = {"classes": [0, 1]} if hasattr(estimator, "class_weight") else {}
    estimator.partial_fit(X[:30], y[:30], **classes).partial_fit(X[30:60], y[30:60])
    copied = pickle.loads(pickle.dumps(estimator))
    estimator.score_samples(X)
    estimator.sample(3, random_state=0)
    one, other = (each.partial_fit(X[60:], y[60:]) for each in (estimator, copied))
    assert_same(outputs(one, X), outputs(other, X))
    samples = (each.sample(5, random_state=0) for each in (one, other))
    np.testing.assert_array_equal(*samples)


# -- rows that wait to be measured ------------------------------------------------------------


def streamed(estimator, X, y, size=30):
    """The estimator after calls of a few rows each."""
    classes = {"classes": [0, 1]} if hasattr(estimator, "class_weight") else {}
    for start in range(0, len(X), size):
        estimator.partial_fit(X[start : start + size], y[start : start + size], **classes)
        classes = {}
    return estimator


@pytest.fixture(params=["autoencoder", "classifier", "regressor"])
def waiting(request):
    """A factory of each small estimator whose rows wait in a stream."""
    return request.getfixturevalue(request.param)


def test_rows_of_small_calls_are_measured_by_the_present_network(waiting):
    """The codes to sample from are those that ``transform`` gives the rows of the stream now."""
    X, y = two_kinds(90)
    estimator = streamed(waiting(), X, y)
    np.testing.assert_array_equal(estimator._sampler.codes, estimator.transform(X))
    assert sum(estimator._sampler.n_rows.values()) == 90


def test_a_stream_of_small_calls_scores_as_one_large_one(joint):
    """How usual samples are is told from all rows, as if the last call had passed them."""
    X, y = two_kinds(90)
    estimator = streamed(joint(), X, y)
    measured = ErrorsAndCodes.infer(estimator.net_, torch.from_numpy(X))
    usual = UsualSamples.of(measured.squares, measured.codes, np.ones(90))
    np.testing.assert_array_equal(estimator._usual.variances, usual.variances)
    np.testing.assert_array_equal(estimator._usual.covariance, usual.covariance)


def test_the_callers_memory_may_be_used_again(waiting):
    """A buffer that is overwritten after each call gives what rows of their own give."""
    X, y = two_kinds(90)
    rows, labels = X[:30].copy(), y[:30].copy()
    reused = waiting().set_params(random_state=0)
    classes = {"classes": [0, 1]} if hasattr(reused, "class_weight") else {}
    for start in (0, 30, 60):
        rows[:], labels[:] = X[start : start + 30], y[start : start + 30]
        reused.partial_fit(rows, labels, **classes)
        classes = {}
    rows[:] = 0.0
    assert not np.shares_memory(reused._waiting.latest.numpy(), rows)
    expected = streamed(waiting(), X, y)
    np.testing.assert_array_equal(
        reused.sample(5, random_state=0), expected.sample(5, random_state=0)
    )


def test_what_was_asked_for_is_not_measured_again(waiting):
    """Rows wait until the first question; networks do not depend on who asks when."""
    X, y = two_kinds(90)
    asked, alone = waiting(), streamed(waiting(), X, y)
    for start in (0, 30, 60):
        streamed(asked, X[start : start + 30], y[start : start + 30])
        assert len(asked._waiting.parts) == 1
        asked.sample(2, random_state=0)
        assert sum(asked._sampler.n_rows.values()) == start + 30
    np.testing.assert_array_equal(asked.transform(X), alone.transform(X))


def test_a_threads_question_does_not_disturb_another(waiting):
    """Pickles that several threads make of a stream, while it goes on, can all be sampled from."""
    X, y = two_kinds(90)
    estimator = streamed(waiting(), X, y)

    def dump(_):
        return [pickle.dumps(estimator) for _ in range(5)]

    with ThreadPoolExecutor(3) as threads:
        pending = threads.map(dump, range(3))
        for _ in range(3):
            streamed(estimator, X, y)
        dumped = [each for some in pending for each in some]
    for each in [estimator, *map(pickle.loads, dumped)]:
        assert len(each.sample(3, random_state=0)) == 3
        assert 90 <= sum(each._sampler.n_rows.values()) <= 360
    assert sum(estimator._sampler.n_rows.values()) == 360


def test_shares_of_the_variance_are_those_of_all_rows(autoencoder):
    """What units of a nested code add is measured on all rows that wait."""
    X, y = two_kinds(90)
    model = streamed(autoencoder(nested=True), X, y)
    all_rows = RowSubset(torch.from_numpy(X), torch.arange(90))
    expected = _explained_variance_ratio(model.net_, all_rows)
    np.testing.assert_array_equal(model.explained_variance_ratio_, expected)
    last = _explained_variance_ratio(model.net_, RowSubset(all_rows.rows, torch.arange(60, 90)))
    assert not np.allclose(expected, last, rtol=1e-3)


def test_networks_of_earlier_calls_are_let_go_of(every):
    """At once, by their count of references: no cycle waits for the garbage collector."""
    X, y = two_kinds(60)
    estimator = streamed(every(), X, y)
    gc.collect()
    gc.disable()
    try:
        before = weakref.ref(estimator.net_.module_)
        streamed(estimator, X[:30], y[:30])
        assert before() is None
    finally:
        gc.enable()


def test_patterns_of_missing_values_are_those_of_all_calls(waiting):
    """Each call counts for its rows, in whatever way it was measured."""
    X, y = two_kinds(120)
    X[:60, 1] = np.nan
    for ask in (lambda each: None, lambda each: each.sample(1, random_state=0), pickle.dumps):
        estimator = waiting()
        for start in range(0, 120, 30):
            streamed(estimator, X[start : start + 30], y[start : start + 30])
            ask(estimator)
        share = np.isnan(estimator.sample(1000, random_state=0)[:, 1]).mean()
        assert 0.42 < share < 0.58


def test_what_waits_is_bounded(waiting, monkeypatch):
    """Rows are measured once they are many, and those of a large call at once."""
    X, y = two_kinds(300)
    most = 3 * (X[:30].nbytes + _stream._BYTES_OF_A_CALL)
    monkeypatch.setattr(_stream, "_MOST_WAITING_BYTES", most)
    estimator, n_waiting = waiting(), []
    for _ in range(7):
        streamed(estimator, X[:30], y[:30])
        n_waiting.append(len(estimator._waiting.parts))
    assert n_waiting == [1, 2, 3, 1, 2, 3, 1]
    assert sum(estimator._sampler.n_rows.values()) == 210
    estimator.partial_fit(X, y)
    assert estimator._waiting is None
    assert sum(estimator._sampler.n_rows.values()) == 510


@pytest.mark.parametrize("kinds", [(csr_array, csr_array), (csr_array, np.array)])
def test_calls_of_sparse_rows_wait_for_others_of_their_kind(autoencoder, kinds):
    """Rows of another kind are not made dense, or sparse, for those that wait."""
    X, _ = two_kinds(60)
    model = autoencoder(encoder="dense")
    for rows, kind in zip((X[:30], X[30:]), kinds, strict=True):
        model.partial_fit(kind(rows))
    assert len(model._waiting.parts) == (2 if kinds[0] is kinds[1] else 1)
    n_alike = 30 * len(model._waiting.parts)
    np.testing.assert_array_equal(model._sampler.codes[-n_alike:], model.transform(X)[-n_alike:])
    assert len(model._sampler.codes) == 60


def test_rows_without_values_do_not_wait_for_ever(autoencoder, monkeypatch):
    """Calls count as well, and what a sparse matrix has beside its values."""
    monkeypatch.setattr(_stream, "_MOST_WAITING_BYTES", 4 * _stream._BYTES_OF_A_CALL)
    model = autoencoder(encoder="dense").partial_fit(csr_array(two_kinds(60)[0]))
    n_waiting = []
    for _ in range(6):
        model.partial_fit(csr_array((5, model.n_features_in_)))
        n_waiting.append(len(model._waiting.parts))
    assert max(n_waiting) <= 3


def test_weights_of_calls_decide_which_rows_are_measured(autoencoder):
    """In each call, rows of a larger weight are drawn more often; of the others all are."""
    X, _ = two_kinds(60)
    weight = np.r_[np.full(15, 1e-9), np.ones(15)]
    model = autoencoder().partial_fit(X[:30], sample_weight=weight)
    model.partial_fit(X[30:])
    codes = model.transform(X)
    drawn = [np.isclose(codes, code).all(axis=1).argmax() for code in model._sampler.codes]
    assert not set(drawn) & set(range(15))
    assert set(drawn) & set(range(15, 30))
    assert set(drawn) & set(range(30, 60))


def test_frames_wait_with_their_categories():
    """Rows to sample from have the categories and gaps of all calls, not of the last one alone."""
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(["a", "b", "c"] * 20),
            "size": np.r_[np.full(30, np.nan), np.linspace(0.0, 1.0, 30)],
        }
    )
    labels = np.arange(60) % 2
    model = AECNNClassifier(2, max_epochs=2, random_state=0)
    model.partial_fit(frame[:30], labels[:30], classes=[0, 1])
    model.partial_fit(frame[30:], labels[30:])
    share = model.sample(400, random_state=0)["size"].isna().mean()
    assert 0.4 < share < 0.6


# -- rows that are kept -----------------------------------------------------------------------


def holds_rows(estimator, X):
    """Tell whether any of the rows is in a pickle."""
    pickled = pickle.dumps(estimator)
    return any(row.tobytes() in pickled for row in X)


def test_rows_are_kept_where_the_guide_says_so(every):
    """Detectors keep some, variational autoencoders those of a stream, and all others none."""
    X, y = two_kinds(60)
    is_detector = every.func is AutoencoderOutlierDetector
    estimator = every().fit(X, y)
    assert holds_rows(estimator, X) == is_detector
    estimator.partial_fit(X, y)
    keeps = is_detector or every.func is VariationalAutoencoderTransformer
    assert holds_rows(estimator, X) == keeps
    assert holds_rows(estimator.fit(X, y), X) == is_detector


@pytest.mark.parametrize("name", ["detector", "variational"])
def test_what_is_kept_is_bounded(name, request):
    """Once the rows that are kept are full, pickles grow by a loss a call, and no call by more."""
    estimator = request.getfixturevalue(name)()
    X = rows_like(1500, 0).astype(np.float32)
    sizes = []
    for _ in range(9):
        estimator.partial_fit(X)
        sizes.append(len(pickle.dumps(estimator)))
    assert np.ptp(sizes[-5:]) < 5 * 100  # numbers are text in them, of more or fewer digits
    costs = [count_calls(lambda: estimator.partial_fit(X)) for _ in range(6)]
    assert max(costs) <= 1.02 * min(costs)


@pytest.mark.parametrize("name", ["detector", "variational"])
def test_a_stream_goes_on_from_a_pickle(name, request):
    """A pickle of a stream goes on as the estimator itself, to the last bit."""
    X = rows_like(90, 0)
    estimator = request.getfixturevalue(name)().set_saving(include_optimizer=True)
    estimator.partial_fit(X[:30]).partial_fit(X[30:60])
    copied = pickle.loads(pickle.dumps(estimator))
    assert_same(outputs(copied.partial_fit(X[60:]), X), outputs(estimator.partial_fit(X[60:]), X))


# -- the cost of a call -----------------------------------------------------------------------


def count_calls(function):
    """Return how many Python and C functions a call runs."""
    n_calls = 0

    def count(frame, event, argument):
        nonlocal n_calls
        n_calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return n_calls


def test_a_call_of_partial_fit_costs_the_same_for_ever(classifier):
    """The thirtieth call runs no more functions than the tenth."""
    X, y = two_kinds(16)
    estimator = classifier().fit(X, y)
    costs = [count_calls(lambda: estimator.partial_fit(X, y)) for _ in range(30)]
    assert np.median(costs[-5:]) <= 1.01 * np.median(costs[5:10])


def test_pickles_do_not_grow_with_calls(cnn_classifier):
    """What every call of ``partial_fit`` adds to a pickle is its loss."""
    X, y = two_kinds(16)
    estimator = cnn_classifier().fit(X, y)
    sizes = []
    for _ in range(3):
        for _ in range(10):
            estimator.partial_fit(X, y)
        sizes.append(len(pickle.dumps(estimator)))
    assert max(np.diff(sizes)) < 10 * 20


def test_the_history_after_partial_fit_is_that_of_the_last_call(cnn_classifier):
    """``history_`` is of one call, ``loss_curve_`` and ``n_iter_`` are of all."""
    X, y = two_kinds(16)
    estimator = cnn_classifier().fit(X, y)
    for n_epochs in (3, 4, 5):
        estimator.partial_fit(X, y)
        assert [epoch["epoch"] for epoch in estimator.history_] == [n_epochs]
        assert estimator.history_[0]["train_loss"] == estimator.loss_curve_[-1]
        assert estimator.n_iter_ == len(estimator.loss_curve_) == n_epochs


def test_many_epochs_cost_the_same_each(autoencoder):
    """The last of many epochs runs no more functions than one in the beginning."""
    counts = []

    class Count(Callback):
        def on_epoch_begin(self, net, **kwargs):
            counts.append(0)

    def count(frame, event, argument):
        if counts:
            counts[-1] += event in {"call", "c_call"}

    X, _ = two_kinds(16)
    sys.setprofile(count)
    try:
        autoencoder(max_epochs=150, callbacks=[Count()]).fit(X)
    finally:
        sys.setprofile(None)
    assert np.median(counts[-30:-1]) <= 1.02 * np.median(counts[10:40])


# -- parameters of a fit that goes on ---------------------------------------------------------


class OwnDecoder(torch.nn.Sequential):
    """A decoder of another kind."""

    def __init__(self, encoding_dim, out_shape):
        n_features = int(np.prod(out_shape))
        super().__init__(
            torch.nn.Linear(encoding_dim, n_features), torch.nn.Unflatten(1, tuple(out_shape))
        )


class OwnBackend(torch.nn.Sequential):
    """A back end of another kind."""

    def __init__(self, in_shape, n_outputs):
        n_features = int(np.prod(in_shape))
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(n_features, n_outputs))


# parameter -> its value in a fit and one that would have given another fit, with what else has to
# be so
REFUSED = {
    "activation": ("relu", "tanh", {}),
    "augmentation": (None, {"erase": 0.5}, {}),
    "backend": ("cnn", OwnBackend, {}),
    "backend_channels": (4, 6, {}),
    "backend_input": ("features", "code", {}),
    "beta": (1.0, 9.0, {}),
    "categorical_features": (None, [0], {}),
    "channel_axis": ("auto", 0, {}),
    "clip": (True, False, {}),
    "code_activation": ("identity", "tanh", {}),
    "consistency_weight": (1.0, 0.0, {}),
    "conv_channels": ((4, 6), (5,), {}),
    "decoder": ("auto", OwnDecoder, {}),
    "dense_units": (8, 5, {}),
    "dropout": (0.0, 0.5, {}),
    "encoder": ("auto", "dense", {}),
    "encoding_dim": (3, 2, {}),
    "freeze_encoder": (False, True, {"pretrain_epochs": 1}),
    "hidden_layer_sizes": ((8,), (5,), {"encoder": "dense"}),
    "kernel_size": (3, 5, {}),
    "label_smoothing": (0.1, 0.5, {}),
    "linear_path": (True, False, {}),
    "max_extrapolation": (0.5, None, {}),
    "n_bins": (None, 5, {}),
    "n_estimators": (2, 3, {}),
    "max_categories": (100, 50, {}),
    "nested": (False, True, {}),
    "noise": (None, "gaussian", {}),
    "noise_level": (0.3, 0.9, {"noise": "gaussian"}),
    "normalization": ("batch", None, {}),
    "optimizer": ("adamw", "sgd", {}),
    "precision": ("float32", "float64", {}),
    "pretrain_epochs": (0, 1, {}),
    "random_state": (0, 1, {}),
    "reconstruction_loss": ("mse", "bce", {}),
    "reconstruction_weight": (1.0, 0.25, {}),
    "sample_shape": (None, (5, 6), {}),
    "scaling": ("shared", "feature", {}),
    "shrinkage": (0.0, 0.5, {}),
    "sparsity_weight": (0.0, 0.5, {}),
    "support_fraction": (0.5, 1.0, {}),
    "unlabeled": (None, -1, {}),
    "warm_up": (0.25, 0.5, {}),
}
OF_TABLES = {"categorical_features", "linear_path", "max_categories", "n_estimators"}
# those that a fit which goes on takes
TAKEN = {
    "batch_size": (10, 7, {}),
    "class_weight": (None, {0: 1, 1: 9}, {}),
    "contamination": (0.1, 0.4, {}),
    "early_stopping": (False, True, {}),
    "lr": (1e-3, 1e-2, {}),
    "lr_schedule": ("constant", "one_cycle", {}),
    "max_epochs": (1, 2, {}),
    "output": ("code", "reconstruction", {}),
    "validation_fraction": (0.1, 0.5, {"early_stopping": True}),
    "weight_decay": (0.0, 0.5, {}),
}
# those that do not change what is learned, or that this machine has one value for
WITHOUT_EFFECT = {
    "callbacks",
    "device",
    "n_iter_no_change",
    "neighbors",
    "scoring",
    "verbose",
    "warm_start",
}

FACTORIES = [
    AECNNClassifier,
    AutoencoderTransformer,
    VariationalAutoencoderTransformer,
    AutoencoderOutlierDetector,
    AECNNRegressor,
    CNNClassifier,
    CNNRegressor,
]
SMALL = {
    "encoding_dim": 3,
    "hidden_layer_sizes": (8,),
    "conv_channels": (4, 6),
    "backend_channels": 4,
    "dense_units": 8,
    "max_epochs": 1,
    "batch_size": 10,
    "lr": 1e-3,
    "random_state": 0,
    "augmentation": None,
    "warm_start": True,
}


def small_estimator(name, first, others):
    """The first estimator that has a parameter, with a value for it."""
    factory = next(each for each in FACTORIES if name in each().get_params())
    chosen = SMALL | others | {name: first}
    known = factory().get_params()
    return factory(**{key: value for key, value in chosen.items() if key in known})


def pixels():
    """20 grey images of 6 x 5 pixels in [0, 1], of two kinds."""
    X = np.random.default_rng(0).random((20, 6, 5)) * np.linspace(0.2, 1, 5)
    X[1::2, :3] *= 0.3
    return X, np.arange(20) % 2


def differ(actual, expected):
    """Tell whether anything is answered in another way, or in another shape."""
    return any(not np.array_equal(actual[name], expected[name]) for name in expected)


def test_every_parameter_is_tried():
    """A new parameter has to be put into one of the lists above."""
    names = {name for factory in FACTORIES for name in factory().get_params()}
    assert names == set(REFUSED) | set(TAKEN) | WITHOUT_EFFECT


@pytest.mark.parametrize("name", REFUSED)
def test_a_warm_start_refuses_a_parameter_that_changed(name):
    """Another network or loss needs another fit: the error names the parameter.

    Until then, answers and methods are those of the fit, whatever ``set_params`` said since.
    """
    first, changed, others = REFUSED[name]
    X, y = pixels()
    if name in OF_TABLES:
        X = X.reshape(len(X), -1)
    estimator = small_estimator(name, first, others).fit(X, y)
    expected, methods = outputs(estimator, X), dir(estimator)
    estimator.set_params(**{name: changed})
    assert_same(outputs(estimator, X), expected)
    assert [each for each in dir(estimator) if each in methods] == methods
    for method in (estimator.fit, estimator.partial_fit):
        with pytest.raises(ValueError, match=name):
            method(X, y)
    assert_same(outputs(estimator, X), expected)


@pytest.mark.parametrize("name", TAKEN)
def test_a_warm_start_takes_a_parameter_of_training_that_changed(name):
    """What is about the steps of training counts in the next fit."""
    first, changed, others = TAKEN[name]
    X, y = pixels()
    estimator = small_estimator(name, first, others).fit(X, y)
    expected = copy.deepcopy(estimator).fit(X, y)
    estimator.set_params(**{name: changed}).fit(X, y)
    actual, right = outputs(estimator, X), outputs(expected, X)
    assert differ(actual, right) or estimator.loss_curve_ != expected.loss_curve_


def test_a_warm_start_takes_what_it_was_told_before(every):
    """``set_params`` to the same values, or to those that they became, changes nothing."""
    X, y = pixels()
    estimator = every(warm_start=True).fit(X, y)
    others = [copy.deepcopy(estimator) for _ in range(2)]
    others[0].set_params(**copy.deepcopy(estimator.get_params()))
    others[1].set_params(**estimator.resolved_params_)
    expected = outputs(estimator.fit(X, y), X)
    for other in others:
        assert_same(outputs(other.fit(X, y), X), expected)


def test_a_decoder_that_was_not_trained_is_not_used(joint):
    """``reconstruction_weight`` raised after a fit without it gives no decoder: the fit does."""
    estimator = joint(reconstruction_weight=0).fit(*pixels())
    estimator.set_params(reconstruction_weight=1.0)
    for name in ("reconstruct", "reconstruction_error", "inverse_transform", "sample"):
        assert not hasattr(estimator, name), name
    with pytest.raises(AttributeError, match="reconstruction_weight"):
        _ = estimator.decoder_


def test_a_decoder_that_was_trained_stays(joint):
    """``reconstruction_weight=0`` set after a fit takes nothing away before the next fit."""
    X, y = pixels()
    estimator = joint().fit(X, y)
    expected = estimator.reconstruct(X)
    estimator.set_params(reconstruction_weight=0)
    np.testing.assert_array_equal(estimator.reconstruct(X), expected)


@pytest.mark.parametrize(("precision", "other"), [("float32", "float64"), ("float64", "float32")])
def test_codes_are_decoded_in_the_fitted_precision(coder, precision, other):
    """``inverse_transform`` works in the precision of the fit whatever was set since."""
    X, y = pixels()
    estimator = coder(precision=precision).fit(X, y)
    codes = estimator.transform(X)
    expected = estimator.inverse_transform(codes)
    actual = estimator.set_params(precision=other).inverse_transform(codes)
    assert actual.dtype == expected.dtype == precision
    np.testing.assert_array_equal(actual, expected)


# -- errors and stops in callbacks ------------------------------------------------------------


class FailingCallback:
    """A callback of scikit-learn that fails in one of its methods."""

    def __init__(self, method, task="fit"):
        self.method, self.task = method, task

    def _call(self, method, context):
        if method == self.method and (method == "teardown" or context.task_name == self.task):
            raise RuntimeError("no space left")

    def setup(self, estimator, context):
        self._call("setup", context)

    def teardown(self, estimator, context):
        self._call("teardown", context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self._call("on_fit_task_begin", context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None):
        self._call("on_fit_task_end", context)
        return False


@pytest.mark.skipif(ProgressBar is None, reason="new in scikit-learn 1.9")
@pytest.mark.parametrize("task", ["fit", "epoch"])
@pytest.mark.parametrize("method", ["on_fit_task_begin", "on_fit_task_end", "teardown"])
def test_an_error_in_a_callback_leaves_the_estimator_as_it_was(classifier, method, task):
    """Where ``fit`` raises, in whatever callback, the estimator is not fitted, or as before."""
    X, y = pixels()
    estimator = classifier().set_callbacks(FailingCallback(method, task))
    before = set(vars(estimator))
    with pytest.raises(RuntimeError, match="no space left"):
        estimator.fit(X, y)
    assert set(vars(estimator)) == before
    fitted = classifier().fit(X, y)
    expected = outputs(fitted, X)
    fitted.set_callbacks(FailingCallback(method, task))
    with pytest.raises(RuntimeError, match="no space left"):
        fitted.fit(X[::-1], y)
    assert_same(outputs(fitted, X), expected)


SKORCH_HOOKS = [
    "initialize",
    "on_train_begin",
    "on_epoch_begin",
    "on_batch_begin",
    "on_grad_computed",
    "on_batch_end",
    "on_epoch_end",
    "on_train_end",
]


@pytest.mark.parametrize("hook", SKORCH_HOOKS)
def test_an_error_in_a_hook_of_skorch_leaves_the_estimator_as_it_was(autoencoder, hook):
    """An error in any hook comes out of ``fit``, and nothing is fitted."""

    def fail(self, *args, **kwargs):
        raise RuntimeError("no space left")

    callback = type("Failing", (Callback,), {hook: fail})()
    X, y = pixels()
    estimator = autoencoder(callbacks=[callback])
    with pytest.raises(RuntimeError, match="no space left"):
        estimator.fit(X, y)
    assert not hasattr(estimator, "net_")


def n_epochs_until_stopped(estimator):
    """Fit; a stop that is taken for the user's Ctrl-C would end the tests as well."""
    try:
        return estimator.fit(*pixels()).n_iter_
    except KeyboardInterrupt:
        pytest.fail("the stop was not recognised")


def stop_after_an_epoch():
    raise KeyboardInterrupt


class StopsWithAnotherName(Callback):
    def on_epoch_end(this, net, **kwargs):
        raise KeyboardInterrupt


class StopsInAHelper(Callback):
    def on_epoch_end(self, net, **kwargs):
        stop_after_an_epoch()


class StopsInAStaticMethod(Callback):
    @staticmethod
    def on_epoch_end(net, **kwargs):
        raise KeyboardInterrupt


class StopsInAClosure(Callback):
    def on_epoch_end(self, net, **kwargs):
        def stop():
            raise KeyboardInterrupt

        stop()


class StopsInAGenerator(Callback):
    def on_epoch_end(self, net, **kwargs):
        next(stop_after_an_epoch() for _ in [0])


class StopsInAnotherObject(Callback):
    class Stopper:
        def stop(self):
            raise KeyboardInterrupt("seen enough")

    def on_epoch_end(self, net, **kwargs):
        self.Stopper().stop()


class StopsByReraising(Callback):
    def on_epoch_end(self, net, **kwargs):
        try:
            raise RuntimeError
        except RuntimeError as error:
            raise KeyboardInterrupt from error


STOPS = [
    StopsWithAnotherName,
    StopsInAHelper,
    StopsInAStaticMethod,
    StopsInAClosure,
    StopsInAGenerator,
    StopsInAnotherObject,
    StopsByReraising,
]


@pytest.mark.parametrize("stop", STOPS)
def test_a_callback_may_stop_in_any_way(autoencoder, stop):
    """A callback that raises KeyboardInterrupt, however it is written, ends the training."""
    assert n_epochs_until_stopped(autoencoder(callbacks=[stop()], max_epochs=5)) == 1


def test_a_callback_that_is_no_subclass_may_stop(autoencoder):
    """Callbacks need not be of skorch's class, where they have its methods."""

    class Plain:
        prefixes_ = ()

        def initialize(self):
            return self

        def get_params(self, deep=True):
            return {}

        def set_params(self):
            return self

        def __getattr__(self, name):
            if name.startswith("on_"):
                return lambda net, **kwargs: None
            raise AttributeError(name)

        def on_epoch_end(this, net, **kwargs):
            raise KeyboardInterrupt

    assert n_epochs_until_stopped(autoencoder(callbacks=[Plain()], max_epochs=5)) == 1
