"""Images are moved about while a classifier trains, and when an autoencoder begins to."""

import numpy as np
import pytest
from skorch.callbacks import Callback


@pytest.fixture
def wide(images):
    """The images at twice the height and three times the width."""
    return images.repeat(2, axis=1).repeat(3, axis=2)


def fit_both(make, X, y, one, other):
    """Return what two fits that differ in ``max_shift`` predict."""
    fits = [make(max_shift=share, batch_size=16).fit(X, y) for share in (one, other)]
    return [estimator.predict_proba(X) for estimator in fits]


@pytest.fixture(params=["classifier", "cnn_classifier"])
def image_classifier(request):
    """A factory of each small classifier of images."""
    return request.getfixturevalue(request.param)


def test_classifiers_move_images_by_default(image_classifier, wide, labels):
    """By itself, `max_shift` is 0.075 for images: what they show stays what it is."""
    np.testing.assert_array_equal(*fit_both(image_classifier, wide, labels, "auto", 0.075))
    one, other = fit_both(image_classifier, wide, labels, "auto", 0.0)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["table", "sequences", "volumes"])
def test_classifiers_leave_other_samples_where_they_are(image_classifier, request, labels, kind):
    """By itself, `max_shift` is 0 for tables, sequences and volumes."""
    rows = np.random.default_rng(0).normal(size=(40, 32))
    samples = {
        "table": (request.getfixturevalue("table"), {}),
        "sequences": (rows.reshape(40, 16, 2), {"channel_axis": -1}),
        "volumes": (rows.reshape(40, 2, 8, 2, 1), {"channel_axis": -1}),
    }
    X, layout = samples[kind]

    def make(**parameters):
        return image_classifier(**layout, **parameters)

    np.testing.assert_array_equal(*fit_both(make, X, labels, "auto", 0.0))


@pytest.mark.parametrize("name", ["regressor", "cnn_regressor"])
def test_regressors_leave_images_where_they_are(request, wide, labels, name):
    """By itself, `max_shift` is 0 for numbers, which may tell where something is."""
    make = request.getfixturevalue(name)
    fits = {share: make(max_shift=share).fit(wide, labels) for share in ("auto", 0.0, 0.2)}
    auto, still, moved = (fits[share].predict(wide) for share in fits)
    np.testing.assert_array_equal(auto, still)
    assert not np.array_equal(moved, still)


def test_validation_rows_stay_where_they_are(classifier, wide, labels):
    """The validation loss is that of the rows as they were passed."""
    estimator = classifier(max_shift=0.3, label_smoothing=0, early_stopping=True, max_epochs=1)
    estimator.fit(wide, labels, X_val=wide, y_val=labels)
    probability = estimator.predict_proba(wide)[np.arange(40), labels]
    loss = estimator.history_[0]["valid_classification_loss"]
    assert loss == pytest.approx(-np.log(probability).mean(), rel=1e-4)


def test_fits_that_move_images_can_be_repeated(classifier, wide, labels):
    """The moves come from random_state, and flat rows are moved as the images that they are."""
    images = classifier(max_shift=0.3, batch_size=16).fit(wide, labels)
    flat = classifier(max_shift=0.3, batch_size=16, sample_shape=wide.shape[1:])
    flat.fit(wide.reshape(40, -1), labels)
    np.testing.assert_array_equal(images.predict_proba(wide), flat.predict_proba(wide))


class Shares(Callback):
    """Keep the share of the rows that are moved in every step."""

    def on_train_begin(self, net, **kwargs):
        self.shares_ = []

    def on_batch_end(self, net, training, **kwargs):
        self.shares_.append(net.module_.moving.share)


def test_an_autoencoder_moves_images_at_the_beginning(autoencoder, wide):
    """All in the first tenth of the steps, none after three tenths, nor in later calls."""
    shares = Shares()
    estimator = autoencoder(batch_size=10, max_epochs=5, callbacks=[shares]).fit(wide)
    np.testing.assert_allclose(shares.shares_, [1, 1, 1, 0.75, 0.5, 0.25] + [0] * 14, atol=1e-12)
    estimator.partial_fit(wide)
    assert shares.shares_ == [0] * 4


def test_how_far_an_autoencoder_moves_images(autoencoder, table, wide):
    """By itself, `max_shift` is 0.075 for images and 0 for tables."""

    def curve(X, share):
        return autoencoder(max_shift=share, batch_size=10).fit(X).loss_curve_

    assert curve(wide, "auto") == curve(wide, 0.075) != curve(wide, 0.0)
    assert curve(table, "auto") == curve(table, 0.0)
