"""Images are seen in another light while a classifier trains."""

import numpy as np
import pytest


def levels(make, X, y, **parameters):
    """Return the level of the jitter of a fit that leaves it open, and of one that does not."""
    fits = [make(**parameters, jitter=given).fit(X, y) for given in ("auto", 0.25)]
    return [estimator.net_.module_.jitter.level for estimator in fits]


@pytest.mark.parametrize("name", ["classifier", "cnn_classifier"])
def test_classifiers_change_the_light_of_images(request, images, table, labels, name):
    """By itself, `jitter` is 0.5 for images and 0 for tables, sequences and volumes."""
    make = request.getfixturevalue(name)
    rows = np.random.default_rng(0).normal(size=(40, 32))
    assert levels(make, images, labels) == [0.5, 0.25]
    assert levels(make, table, labels) == [0.0, 0.25]
    assert levels(make, rows.reshape(40, 16, 2), labels, channel_axis=-1) == [0.0, 0.25]
    assert levels(make, rows.reshape(40, 2, 8, 2, 1), labels, channel_axis=-1) == [0.0, 0.25]


@pytest.mark.parametrize("name", ["regressor", "cnn_regressor"])
def test_regressors_leave_the_light_as_it_is(request, images, labels, name):
    """By itself, `jitter` is 0 for numbers, which may tell how bright something is."""
    assert levels(request.getfixturevalue(name), images, labels) == [0.0, 0.25]


def test_images_without_a_class_keep_their_light(classifier, images, labels):
    """Where the network's own answers are targets, they are those for images as they are."""
    some = np.where(np.arange(40) < 20, labels, -1)
    assert levels(classifier, images, some, unlabeled=-1) == [0.0, 0.25]


def test_fits_in_changing_light_can_be_repeated(classifier, images, labels):
    """The light comes from random_state alone."""
    one, other = (classifier(jitter=0.3).fit(images, labels) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(images), other.predict_proba(images))


def test_validation_rows_keep_their_light(classifier, images, labels):
    """The validation loss is that of the rows as they were passed."""
    estimator = classifier(jitter=0.9, label_smoothing=0, early_stopping=True, max_epochs=1)
    estimator.fit(images, labels, X_val=images, y_val=labels)
    probability = estimator.predict_proba(images)[np.arange(40), labels]
    loss = estimator.history_[0]["valid_classification_loss"]
    assert loss == pytest.approx(-np.log(probability).mean(), rel=1e-4)
