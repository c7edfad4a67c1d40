"""The methods on codes, the same for every estimator with an autoencoder inside."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from sk_aecnn import AECNNClassifier


def test_codes_have_one_row_a_sample(small, images, labels):
    """transform returns a table, whatever the shape of a sample."""
    assert small(encoding_dim=7).fit(images, labels).transform(images).shape == (40, 7)


@pytest.mark.parametrize("form", [list, np.float16, np.asfortranarray])
def test_codes_may_come_in_any_form(small, images, labels, form):
    """inverse_transform takes lists and arrays of any type, and returns samples."""
    estimator = small().fit(images, labels)
    codes = estimator.transform(images).round(1)
    given = codes.astype(form) if form is np.float16 else form(codes)
    np.testing.assert_allclose(
        estimator.inverse_transform(given), estimator.inverse_transform(codes), atol=1.0
    )
    assert estimator.inverse_transform(given).shape == (40, 6, 5)


def test_samples_come_back_in_their_units(autoencoder, images):
    """Reconstructions of pixels are pixels: near the mean of the data from the first epoch on."""
    rebuilt = autoencoder().fit(images).reconstruct(images)
    assert abs(rebuilt.mean() - images.mean()) < images.std()


def test_parts_map_standardised_samples_to_codes_and_back(small, table, labels):
    """encoder_ and decoder_ are torch modules that users can call."""
    import torch

    estimator = small().fit(table, labels)
    layout = estimator.net_.module_.layout
    with torch.no_grad():
        codes = estimator.encoder_(layout(torch.from_numpy(table)))
        rows = layout.restore(layout.flatten(estimator.decoder_(codes)))
    np.testing.assert_allclose(codes.numpy(), estimator.transform(table), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows.numpy(), estimator.reconstruct(table), rtol=1e-5, atol=1e-5)


def test_tags_say_what_the_estimator_can_do(coder):
    """Images, sparse and raw tables are input, the type of the output is the precision's."""
    tags = get_tags(coder(precision="float64"))
    assert tags.input_tags.three_d_array
    assert tags.input_tags.sparse
    assert tags.input_tags.allow_nan
    assert tags.input_tags.categorical
    assert tags.input_tags.string
    assert tags.transformer_tags.preserves_dtype == ["float64"]


# -- new samples ------------------------------------------------------------------------------

SAMPLERS = ["autoencoder", "variational", "classifier", "regressor"]


@pytest.fixture(params=SAMPLERS)
def sampler(request):
    """A factory of each small estimator that generates samples."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("kind", ["table", "images"])
def test_samples_have_the_layout_of_the_data(sampler, request, labels, kind):
    """sample returns rows or images, as fit was given, in the chosen precision."""
    X = request.getfixturevalue(kind)
    estimator = sampler(precision="float64").fit(X, labels)
    assert estimator.sample().shape == (1, *X.shape[1:])
    samples = estimator.sample(7, random_state=0)
    assert samples.shape == (7, *X.shape[1:])
    assert samples.dtype == np.float64
    assert np.isfinite(samples).all()


def test_samples_of_flat_rows_are_flat(sampler, images, labels):
    """Where fit was given flat rows, sample returns flat rows."""
    estimator = sampler(sample_shape=(6, 5)).fit(images.reshape(40, -1), labels)
    assert estimator.sample(3, random_state=0).shape == (3, 30)


def test_a_seed_repeats_the_samples(sampler, table, labels):
    """The same random_state draws the same samples, another or none others."""
    estimator = sampler().fit(table, labels)
    first = estimator.sample(5, random_state=0)
    np.testing.assert_array_equal(estimator.sample(5, random_state=0), first)
    np.testing.assert_array_equal(estimator.sample(5, random_state=np.random.RandomState(0)), first)
    assert not np.array_equal(estimator.sample(5, random_state=1), first)
    assert not np.array_equal(estimator.sample(5), estimator.sample(5))


def test_drawing_leaves_global_state_alone(sampler, table, labels):
    """sample neither reads nor moves a global stream, and does not change the estimator's draws."""
    estimator = sampler().fit(table, labels)
    before = str(np.random.get_state(legacy=False))  # noqa: NPY002
    estimator.sample(5)
    assert str(np.random.get_state(legacy=False)) == before  # noqa: NPY002
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(
        copied.sample(3, random_state=0), estimator.sample(3, random_state=0)
    )


@pytest.mark.parametrize("kind", ["autoencoder", "classifier", "regressor"])
def test_samples_are_like_the_training_rows(request, table, labels, kind):
    """Samples have about the mean and the spread of what the autoencoder reconstructs."""
    estimator = request.getfixturevalue(kind)(max_epochs=60, lr=0.01).fit(table, labels)
    samples, rebuilt = estimator.sample(2000, random_state=0), estimator.reconstruct(table)
    np.testing.assert_allclose(samples.mean(axis=0), rebuilt.mean(axis=0), atol=0.5)
    np.testing.assert_allclose(samples.std(axis=0), rebuilt.std(axis=0), rtol=0.4)


@pytest.mark.parametrize("names", [np.array([0, 1]), np.array(["no", "yes"])], ids=["int", "str"])
def test_samples_of_a_class_are_of_that_class(classifier, table, labels, names):
    """y asks for one class, or for one for each sample; the classifier agrees."""
    estimator = classifier(max_epochs=60, lr=0.01, normalization="batch", label_smoothing=0)
    estimator.fit(table, names[labels])
    for name in names:
        drawn = estimator.sample(50, y=name, random_state=0)
        assert (estimator.predict(drawn) == name).mean() > 0.9
    y = names[np.arange(50) % 2]
    drawn = estimator.sample(50, y=y, random_state=0)
    assert (estimator.predict(drawn) == y).mean() > 0.9


def test_samples_that_are_not_of_their_class_are_drawn_anew(monkeypatch):
    """Where a mixture does not know what tells a class, the classifier does."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.choice(["a", "b"], size=(300, 3)), columns=["first", "second", "third"])
    y = X["first"] == X["second"]
    model = AECNNClassifier(1, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.99
    drawn = model.sample(300, y=y, random_state=0)
    assert ((drawn["first"] == drawn["second"]) == y).mean() > 0.97
    asked = []

    def refuse(X):
        asked.append(len(X))
        return np.zeros((len(X), 2))

    monkeypatch.setattr(model, "predict_proba", refuse)
    unchecked = model.sample(300, y=y, random_state=0)
    assert asked == [300] * 9
    assert ((unchecked["first"] == unchecked["second"]) == y).mean() < 0.9


def test_a_label_for_all_is_a_label_for_each(classifier, table, labels):
    """One label, a list of it and an array of it draw the same samples."""
    estimator = classifier().fit(table, labels)
    expected = estimator.sample(4, y=1, random_state=0)
    for y in ([1], [1] * 4, np.ones(4, dtype=int)):
        np.testing.assert_array_equal(estimator.sample(4, y=y, random_state=0), expected)


def test_weights_count_for_samples(autoencoder, table, labels):
    """Rows of next to no weight are not what samples are like."""
    weight = np.where(labels == 1, 1.0, 1e-9)
    estimator = autoencoder(max_epochs=60, lr=0.01).fit(table, sample_weight=weight)
    drawn = estimator.sample(200, random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), table[labels == 1].mean(axis=0), atol=0.7)


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "3", None, True])
def test_no_number_of_samples_is_refused(sampler, table, labels, n_samples):
    """n_samples is an integer of 1 or more."""
    estimator = sampler().fit(table, labels)
    with pytest.raises(ValueError, match=f"n_samples={n_samples!r} must be an integer of at least"):
        estimator.sample(n_samples)


def test_classes_that_cannot_be_drawn_are_refused(classifier, table, labels):
    """An unknown class, one without rows, and another number of labels are each named."""
    estimator = classifier().fit(table, labels)
    with pytest.raises(ValueError, match=r"y=\[7\] are none of the classes \[0, 1\]"):
        estimator.sample(2, y=7)
    with pytest.raises(ValueError, match=r"y has shape \(3,\), but n_samples=2.*as many labels"):
        estimator.sample(2, y=[0, 1, 0])
    part = classifier().partial_fit(table, labels, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"y=.*2.* had no sample in fit"):
        part.sample(2, y=2)


def test_an_unfitted_estimator_draws_nothing(sampler):
    """sample of an unfitted estimator raises NotFittedError."""
    with pytest.raises(NotFittedError, match="instance is not fitted"):
        sampler().sample()


def test_without_a_decoder_nothing_is_drawn(joint, table, labels):
    """reconstruction_weight=0 leaves no decoder to draw with, and hasattr says so."""
    assert not hasattr(joint(reconstruction_weight=0).fit(table, labels), "sample")
