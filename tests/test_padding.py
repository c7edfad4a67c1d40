"""Series of unequal length and images of unequal size, padded with NaN to one shape."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from torch import nn

from sk_aecnn import AutoencoderImputer, CNNClassifier

METHODS = ("predict_proba", "predict", "transform", "score_samples", "reconstruct")
LENGTHS = 4 + np.arange(40) % 9


def padded(n_steps, n_channels=2):
    """Return 40 series of two kinds and 4 to 12 steps, ending in NaN."""
    rng = np.random.default_rng(0)
    X = np.full((40, n_steps, n_channels), np.nan, dtype=np.float32)
    for kind, (sample, length) in enumerate(zip(X, LENGTHS, strict=True)):
        sample[:length] = rng.normal(5 + kind % 2, 1, size=(length, n_channels))
    return X


@pytest.fixture
def series():
    """Forty series of two channels, padded to twelve steps."""
    return padded(12)


@pytest.fixture
def bordered(images):
    """Images of unequal height and width, in the upper left corner."""
    X = images.astype(np.float32)
    for place, image in enumerate(X):
        image[3 + place % 4 :] = image[:, 3 + place % 3 :] = np.nan
    return X


def results(estimator, X):
    """Return what the methods of an estimator say of samples."""
    return [getattr(estimator, name)(X) for name in METHODS if hasattr(estimator, name)]


@pytest.mark.parametrize("seen", ["padded", "complete"])
@pytest.mark.parametrize("kind", ["series", "bordered"])
def test_a_sample_alone_is_as_among_others(every, kind, seen, labels, assert_rows_alike, request):
    """Padded and complete ones, whether or not the estimator met padding in fit."""
    X = request.getfixturevalue(kind)
    parameters = {"channel_axis": -1} if kind == "series" else {}
    fitted = every(**parameters).fit(np.nan_to_num(X) if seen == "complete" else X, labels)
    complete = ~np.isnan(X).reshape(40, -1).any(axis=1)
    assert 0 < complete.sum() < 20
    whole = results(fitted, X)
    for rows in (slice(0, 1), slice(7, 9), complete):
        for part, expected in zip(results(fitted, X[rows]), whole, strict=True):
            assert np.isfinite(np.asarray(expected, dtype=float)).all()
            assert_rows_alike(part, expected[rows])


@pytest.mark.parametrize("n_steps", [13, 20])
def test_longer_padding_changes_no_fit(n_steps, labels):
    """Scaling, statistics, gradients and predictions of series padded to 12 steps and to more."""
    shapes = {"conv_channels": (6, 8), "kernel_size": 3, "augmentation": None}
    found = []
    for size in (12, n_steps):
        estimator = CNNClassifier(
            **shapes, channel_axis=-1, precision="float64", max_epochs=5, random_state=0
        )
        found.append(estimator.fit(padded(size), labels).predict_proba(padded(size)))
    assert np.ptp(found[0][:, 0]) > 0.1
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_a_level_is_found_at_any_length():
    """The mean of a short series is that of its steps, not drawn to what stands for padding."""
    rng = np.random.default_rng(0)
    lengths, level = rng.integers(3, 25, size=200), rng.integers(0, 2, size=200)
    X = rng.normal(size=(200, 24, 1)) + 2 * level[:, None, None]
    X[np.arange(24) >= lengths[:, None]] = np.nan
    fitted = CNNClassifier(channel_axis=-1, max_epochs=20, random_state=0)
    assert fitted.fit(X[:100], level[:100]).score(X[100:], level[100:]) > 0.9


def test_a_stream_meets_padding_late(classifier, series, labels):
    """Parts without missing values come first, then padded ones, then a sample of nothing."""
    fitted = classifier(channel_axis=-1).partial_fit(np.nan_to_num(series), labels, classes=[0, 1])
    fitted.partial_fit(series, labels)
    series[0] = np.nan
    fitted.partial_fit(series, labels)
    for result in results(fitted, series):
        assert np.isfinite(result).all()


def test_padding_survives_a_file(every, bordered, labels):
    """A model that was pickled masks as before."""
    fitted = every().fit(bordered, labels)
    copy = pickle.loads(pickle.dumps(fitted))
    for result, expected in zip(results(copy, bordered), results(fitted, bordered), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_threads_predict_with_masks_of_their_own(cnn_classifier, labels):
    """Two threads share a network, one with padded series, one with complete ones."""
    X = padded(12)
    fitted = cnn_classifier(channel_axis=-1).fit(X, labels)
    kinds = [X, np.nan_to_num(X, nan=5.0)] * 10
    expected = [fitted.predict_proba(kind) for kind in kinds]
    with ThreadPoolExecutor(2) as pool:
        for result, alone in zip(pool.map(fitted.predict_proba, kinds), expected, strict=True):
            np.testing.assert_array_equal(result, alone)


def test_nothing_is_seen_in_the_padding(cnn_classifier, classifier, labels):
    """An activation map is zero there, but for what interpolation carries over the edge."""
    X = padded(24)
    for estimator in (cnn_classifier, classifier):
        fitted = estimator(channel_axis=-1, conv_channels=(4,)).fit(X, labels)
        activation = fitted.activation_map(X)
        assert activation.shape == (40, 24)
        assert not activation[:, 16:].any()
        assert activation[:, :12].any()


class Encoder(nn.Sequential):
    """A user's encoder."""

    def __init__(self, in_shape, encoding_dim):
        super().__init__(nn.Flatten(), nn.Linear(int(np.prod(in_shape)), encoding_dim))


class Backend(nn.Sequential):
    """A user's back end."""

    def __init__(self, in_shape, n_outputs):
        super().__init__(nn.Flatten(), nn.Linear(int(np.prod(in_shape)), n_outputs))


@pytest.mark.parametrize(
    "networks",
    [{"encoder": Encoder}, {"backend": Backend}, {"encoder": Encoder, "backend": Backend}],
)
def test_networks_of_the_users_get_no_mask(classifier, networks, series, labels):
    """They are called with samples alone, filled with the mean, and a channel of what is known."""
    fitted = classifier(channel_axis=-1, **networks).fit(series, labels)
    for result in results(fitted, series):
        assert np.isfinite(result).all()


def test_a_back_end_of_the_users_by_itself(cnn_classifier, series, labels):
    """Without an encoder before it."""
    fitted = cnn_classifier(channel_axis=-1, backend=Backend).fit(series, labels)
    assert np.isfinite(fitted.predict_proba(series)).all()


def test_the_imputer_fills_padding_and_single_cells(series):
    """What is known stays, everything else is a number."""
    series[::3, 1, 0] = np.nan
    small = {"conv_channels": (4,), "max_epochs": 2, "random_state": 0}
    imputer = AutoencoderImputer(3, channel_axis=-1, **small).fit(series)
    assert not imputer.net_.module_.layout.masks  # what is masked is asked for
    filled = imputer.transform(series)
    known = ~np.isnan(series)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[known], series[known])
