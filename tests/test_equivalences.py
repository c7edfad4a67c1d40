"""Two ways to say the same give the same result, to the last bit unless a test says how far."""

import copy
import pickle
import random
import warnings

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback

from sk_aecnn.training._prediction_losses import TemperatureSoftmax


def outputs(estimator, X):
    """Everything that can be asked about rows, as flat rows."""
    names = ["transform", "reconstruct", "reconstruction_error", "predict_proba"]
    answers = {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}
    return {name: answer.reshape(len(X), -1) for name, answer in answers.items()}


def assert_same(estimator, X, other, Z):
    """Two estimators say the same about their rows, to the last bit."""
    expected = outputs(estimator, X)
    for name, output in outputs(other, Z).items():
        np.testing.assert_array_equal(
            output.reshape(len(Z), -1), expected[name].reshape(len(X), -1), err_msg=name
        )


GEOMETRIES = {
    "grey": ((6, 5), "auto"),
    "colour": ((6, 5, 3), "auto"),
    "colour, channels first": ((3, 6, 5), 0),
    "sequence": ((9, 2), -1),
    "sequence, channels first": ((2, 9), 0),
    "sequence of single values": ((9,), None),
    "volume": ((3, 4, 5, 2), "auto"),
    "volume without channels": ((3, 4, 5), None),
}


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES)
def geometry(request):
    return request.param


# -- the shape of a sample --------------------------------------------------------------------


def test_flat_rows_and_samples_are_the_same(small, labels, geometry):
    """Rows with sample_shape and n-dimensional samples fit and predict alike, either way round."""
    shape, channel_axis = geometry
    X = np.random.default_rng(0).normal(size=(40, *shape))
    flat = X.reshape(40, -1)
    on_samples = small(channel_axis=channel_axis).fit(X, labels)
    on_rows = small(channel_axis=channel_axis, sample_shape=shape).fit(flat, labels)
    assert_same(on_samples, X, on_rows, flat)
    assert_same(on_samples, X, on_samples, flat)
    assert_same(on_samples, X, on_rows, X)
    assert on_samples.n_features_in_ == on_rows.n_features_in_ == np.prod(shape)
    assert on_samples.sample_shape_ == on_rows.sample_shape_ == shape
    codes = on_samples.transform(X)
    assert codes.shape == (40, 3)
    assert on_samples.inverse_transform(codes).shape == X.shape
    assert on_rows.inverse_transform(codes).shape == flat.shape


@pytest.mark.parametrize(
    ("shape", "last"), [((6, 5, 3), -1), ((9, 2), -1), ((3, 4, 5, 2), -1), ((6, 5, 3), 1)]
)
def test_the_place_of_the_channels_does_not_matter(small, labels, shape, last):
    """Channels first or elsewhere give the same codes, and reconstructions in their own layout."""
    X = np.random.default_rng(0).normal(size=(40, *shape))
    axis = last % len(shape) + 1
    first = np.moveaxis(X, axis, 1)
    here = small(channel_axis=last, precision="float64").fit(X, labels)
    there = small(channel_axis=0, precision="float64").fit(first, labels)
    np.testing.assert_allclose(there.transform(first), here.transform(X), atol=1e-9)
    np.testing.assert_allclose(
        there.reconstruct(first), np.moveaxis(here.reconstruct(X), axis, 1), atol=1e-9
    )


def test_an_axis_of_one_channel_changes_nothing(small, images, labels):
    """Grey images with and without an axis for the one channel are the same images."""
    without = small(precision="float64").fit(images, labels)
    with_axis = small(precision="float64").fit(images[..., None], labels)
    for name, output in outputs(with_axis, images[..., None]).items():
        np.testing.assert_allclose(output, outputs(without, images)[name], rtol=1e-9, atol=1e-9)


def test_a_dense_network_on_images_is_one_on_rows(small, images, labels):
    """encoder='dense' sees an image as a row, but for what is chosen by the kind of sample."""
    parameters = {"encoder": "dense", "scaling": "feature", "normalization": "batch"}
    if hasattr(small(), "n_estimators"):
        parameters |= {"n_estimators": 1, "linear_path": False, "n_bins": None, "dropout": 0.0}
        parameters |= {"label_smoothing": 0.1}
    on_images = small(**parameters).fit(images, labels)
    on_rows = small(**parameters).fit(images.reshape(40, -1), labels)
    expected = outputs(on_images, images)
    for name, output in outputs(on_rows, images.reshape(40, -1)).items():
        output = output.reshape(expected[name].shape)
        np.testing.assert_allclose(output, expected[name], rtol=1e-4, atol=1e-5)
    assert on_images.reconstruct(images).shape == images.shape
    assert on_rows.reconstruct(images.reshape(40, -1)).shape == (40, 30)


# -- types of number --------------------------------------------------------------------------


def test_double_input_is_single_input_to_rounding(small, table, labels):
    """float64 and float32 arrays of the same numbers agree to single precision.

    The steps are small: where a gradient is zero, the optimizer makes a step of rounding error.
    """
    X = table.astype(np.float32)
    expected = outputs(small(lr=1e-5).fit(X, labels), X)
    Z = X.astype(np.float64)
    for name, output in outputs(small(lr=1e-5).fit(Z, labels), Z).items():
        np.testing.assert_allclose(output, expected[name], rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("kind", ["table", "images"])
def test_double_input_is_single_input_in_double_precision(small, request, labels, kind):
    """A network in double precision does not care in which type exact numbers come."""
    X = request.getfixturevalue(kind).astype(np.float32)
    expected = outputs(small(precision="float64").fit(X, labels), X)
    Z = X.astype(np.float64)
    for name, output in outputs(small(precision="float64").fit(Z, labels), Z).items():
        np.testing.assert_allclose(output, expected[name], rtol=1e-8, atol=1e-8, err_msg=name)


def test_pixels_may_be_bytes(small, images, labels):
    """uint8 images and the same as float32 give the same result bit for bit."""
    floats = images.astype(np.float32)
    assert_same(small().fit(floats, labels), floats, small().fit(images, labels), images)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_precision_is_the_type_of_the_results(small, images, labels, precision, dtype):
    """Codes and samples come in the chosen precision, whatever goes in; errors in double."""
    X = images.astype(dtype)
    estimator = small(precision=precision).fit(X, labels)
    codes = estimator.transform(X)
    assert codes.dtype == estimator.reconstruct(X).dtype == np.dtype(precision)
    assert estimator.inverse_transform(codes.astype(np.float64)).dtype == np.dtype(precision)
    assert estimator.reconstruction_error(X).dtype == np.float64


# -- seeds and copies -------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{}, {"batch_size": 7}, {"early_stopping": True}])
def test_a_seed_repeats_a_fit(small, images, labels, parameters):
    """The same random_state gives the same fit, another one another."""
    first = small(**parameters).fit(images, labels)
    second = small(**parameters).fit(images, labels)
    assert_same(first, images, second, images)
    assert first.loss_curve_ == second.loss_curve_
    other = small(**parameters | {"random_state": 1}).fit(images, labels)
    assert first.loss_curve_ != other.loss_curve_


def test_a_seed_repeats_dropout(classifier, table, labels):
    """Dropout draws from the fit's own stream: it repeats, and it does something."""
    labels[:4] = labels[1:5].copy()  # or the linear start leaves nothing to learn
    first = classifier(dropout=0.5).fit(table, labels)
    assert_same(first, table, classifier(dropout=0.5).fit(table, labels), table)
    assert first.loss_curve_ != classifier().fit(table, labels).loss_curve_


def test_without_a_seed_fits_differ(small, table, labels):
    """random_state=None gives another network in each fit, with early stopping as well."""
    first = small(random_state=None, early_stopping=True).fit(table, labels).transform(table)
    second = small(random_state=None, early_stopping=True).fit(table, labels).transform(table)
    assert not np.array_equal(first, second)


def test_a_second_fit_forgets_the_first(small, table, images, labels):
    """fit starts anew, whatever the estimator was fitted on before."""
    used = small().fit(images, labels).fit(table, labels)
    assert_same(small().fit(table, labels), table, used, table)
    assert used.n_iter_ == len(used.history_) == len(used.loss_curve_) == 2


def test_a_clone_is_unfitted_and_fits_alike(small, table, labels):
    """clone copies parameters only, and a clone's fit is the original's."""
    fitted = small().fit(table, labels)
    copy_ = clone(fitted)
    assert not hasattr(copy_, "net_")
    assert_same(fitted, table, copy_.fit(table, labels), table)


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize("kind", ["table", "images"])
def test_a_copy_is_the_same_and_learns_the_same(small, request, labels, kind, copy_of):
    """A pickle or a deep copy predicts as the original, and goes on learning as it would."""
    X = request.getfixturevalue(kind)
    original = small(batch_size=7).fit(X, labels).set_saving(include_optimizer=True)
    copied = copy_of(original)
    assert_same(original, X, copied, X)
    assert copied.history_ == original.history_
    assert_same(original.partial_fit(X, labels), X, copied.partial_fit(X, labels), X)


def test_a_pickle_carries_dropout_and_callbacks(classifier, table, labels):
    """A pickle made with dropout, a callback and a progress bar goes on as the original would."""
    original = classifier(dropout=0.3, callbacks=[Counter()], verbose=1).fit(table, labels)
    original.set_saving(include_optimizer=True)
    copied = pickle.loads(pickle.dumps(original))
    copied.verbose = original.verbose = 0
    assert_same(
        original.partial_fit(table, labels), table, copied.partial_fit(table, labels), table
    )


class Counter(Callback):
    """Count epochs."""

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ = getattr(self, "n_epochs_", 0) + 1


# -- rows among rows --------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [1, 2, 128, 129, 300])
@pytest.mark.parametrize("shape", [(5,), (6, 5), (9, 7, 2)])
def test_a_row_alone_is_a_row_among_others(small, labels, shape, n_rows, assert_rows_alike):
    """A row's results do not depend on the rows that come with it."""
    X = np.random.default_rng(0).normal(size=(300, *shape))
    estimator = small().fit(X[:40], labels)
    expected = outputs(estimator, X)
    for name, output in outputs(estimator, X[-n_rows:]).items():
        assert_rows_alike(output, expected[name][-n_rows:])
    for name, output in outputs(estimator, X[7:8]).items():
        assert_rows_alike(output, expected[name][7:8])


def test_decoding_a_code_alone_is_decoding_it_among_others(
    small, images, labels, assert_rows_alike
):
    """inverse_transform is as independent of the other rows as transform."""
    estimator = small().fit(images, labels)
    codes = estimator.transform(images)
    expected = estimator.inverse_transform(codes)
    assert_rows_alike(estimator.inverse_transform(codes[3:4]), expected[3:4])


def test_reconstruction_is_encoding_and_decoding(small, table, images, labels):
    """reconstruct is inverse_transform of transform."""
    for X in (table, images):
        estimator = small().fit(X, labels)
        decoded = estimator.inverse_transform(estimator.transform(X))
        np.testing.assert_array_equal(estimator.reconstruct(X), decoded)


def test_fit_transform_is_fit_and_transform(small, table, labels):
    """fit_transform returns the codes that transform returns."""
    codes = small().fit_transform(table, labels)
    np.testing.assert_array_equal(codes, small().fit(table, labels).transform(table))


# -- processes and threads --------------------------------------------------------------------


def test_two_jobs_score_as_one(small, table, labels):
    """n_jobs=2 gives the scores of n_jobs=1."""
    one = cross_val_score(small(), table, labels, cv=2, n_jobs=1)
    np.testing.assert_array_equal(cross_val_score(small(), table, labels, cv=2, n_jobs=2), one)


def test_fits_in_threads_are_fits_in_turn(small, images, labels):
    """Fits that run at the same time in threads of one process do not disturb each other."""
    seeds = range(6)
    in_turn = [small(random_state=seed).fit(images, labels).transform(images) for seed in seeds]
    with parallel_config("threading", n_jobs=3):
        fits = Parallel()(delayed(small(random_state=seed).fit)(images, labels) for seed in seeds)
    for expected, fitted in zip(in_turn, fits, strict=True):
        np.testing.assert_array_equal(fitted.transform(images), expected)


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("kind", ["table", "images"])
def test_global_state_is_left_alone(small, request, labels, kind, random_state):
    """No fit and no prediction reads or moves a global random stream or setting."""

    def state():
        return (
            random.getstate(),
            str(np.random.get_state(legacy=False)),  # noqa: NPY002
            torch.get_rng_state().tolist(),
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.get_float32_matmul_precision(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_grad_enabled(),
            np.geterr(),
            list(warnings.filters),
        )

    X = request.getfixturevalue(kind)
    parameters = {"random_state": random_state, "batch_size": 7, "early_stopping": True}
    before = state()
    estimator = small(**parameters).fit(X, labels)
    outputs(estimator, X)
    estimator.score(X, labels)
    estimator.partial_fit(X, labels)
    assert state() == before


@pytest.mark.parametrize("kind", ["table", "images"])
def test_global_seeds_change_nothing(small, request, labels, kind):
    """Whoever seeds the global streams does not change a fit."""
    X = request.getfixturevalue(kind)
    expected = small().fit(X, labels)
    state = torch.get_rng_state()
    torch.manual_seed(123)
    again = small().fit(X, labels)
    torch.set_rng_state(state)
    assert_same(expected, X, again, X)


# -- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend_input", ["code", "features"])
def test_class_weights_are_sample_weights(classifier, table, labels, backend_input):
    """class_weight gives each row the weight of its class."""
    weight = np.where(labels == 1, 3.0, 1.0)
    by_row = classifier(backend_input=backend_input).fit(table, labels, sample_weight=weight)
    by_class = classifier(backend_input=backend_input, class_weight={0: 1, 1: 3})
    assert_same(by_row, table, by_class.fit(table, labels), table)


def test_class_and_sample_weights_are_multiplied(classifier, table, labels):
    """A row's weight is that of the row times that of its class."""
    weight = 1.0 + np.arange(40) % 3
    expected = classifier().fit(table, labels, sample_weight=weight * np.where(labels, 3.0, 1.0))
    both = classifier(class_weight={0: 1, 1: 3}).fit(table, labels, sample_weight=weight)
    assert_same(expected, table, both, table)


def test_balanced_classes_weigh_the_same(classifier, table):
    """class_weight='balanced' is inversely proportional to the size of the class."""
    y = (np.arange(40) < 10).astype(int)
    balanced = classifier(class_weight="balanced").fit(table, y)
    by_hand = classifier(class_weight={0: 40 / 60, 1: 40 / 20}).fit(table, y)
    assert_same(by_hand, table, balanced, table)


@pytest.mark.parametrize("kind", ["table", "images"])
@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_a_weight_of_two_is_a_row_twice(small, request, labels, kind, loss):
    """In one full batch a row of weight two is two equal rows, scaling and losses included."""
    X = request.getfixturevalue(kind).astype(np.float64)
    times = 1 + np.arange(40) % 3
    parameters = {
        "precision": "float64",
        "batch_size": 1000,
        "reconstruction_loss": loss,
        "normalization": None,
    }
    if hasattr(small(), "n_estimators"):  # what goes by counts of rows, and what is drawn for each
        parameters |= {"linear_path": False, "dropout": 0.0}
    if "shrinkage" in small().get_params():  # which other held-out rows would choose
        parameters["shrinkage"] = 0.0
    weighted = small(**parameters).fit(X, labels, sample_weight=times)
    repeated = small(**parameters).fit(np.repeat(X, times, axis=0), np.repeat(labels, times))
    for name, output in outputs(weighted, X).items():
        np.testing.assert_allclose(
            output, outputs(repeated, X)[name], rtol=1e-6, atol=1e-7, err_msg=name
        )
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


# -- errors and scores ------------------------------------------------------------------------


def test_the_error_is_the_mean_squared_difference(small, table, images, labels):
    """reconstruction_error is ((X - reconstruct(X)) ** 2).mean of each sample."""
    for X in (table, images):
        estimator = small().fit(X, labels)
        squares = (X - estimator.reconstruct(X).astype(np.float64)) ** 2
        per_feature = estimator.reconstruction_error(X, per_feature=True)
        assert per_feature.shape == X.shape
        np.testing.assert_allclose(per_feature, squares, rtol=1e-3, atol=1e-3)
        per_sample = squares.reshape(40, -1).mean(axis=1)
        np.testing.assert_allclose(estimator.reconstruction_error(X), per_sample, rtol=1e-4)


def test_the_mean_over_features_is_the_error_of_the_sample(small, images, labels):
    """per_feature=True splits the error; its mean puts it together again."""
    estimator = small().fit(images, labels)
    split = estimator.reconstruction_error(images, per_feature=True).reshape(40, -1).mean(axis=1)
    np.testing.assert_allclose(estimator.reconstruction_error(images), split, rtol=1e-12)


def test_score_samples_is_minus_the_error(autoencoder, table):
    """Higher is more usual."""
    estimator = autoencoder().fit(table)
    np.testing.assert_array_equal(
        estimator.score_samples(table), -estimator.reconstruction_error(table)
    )


@pytest.mark.parametrize("scaling", ["feature", "shared", None])
def test_the_score_is_the_share_of_the_variance_kept(autoencoder, table, scaling):
    """score is one minus the squared error over the variance, both in standardised units."""
    X, Z = table[:30] * [1, 2, 3, 4, 5], table[30:] * [1, 2, 3, 4, 5]
    estimator = autoencoder(scaling=scaling, precision="float64").fit(X)
    variances = {"feature": X.var(axis=0), "shared": X.var(axis=0).mean(), None: 1.0}
    unit = variances[scaling]
    error = ((Z - estimator.reconstruct(Z)) ** 2 / unit).mean()
    expected = 1 - error / (Z.var(axis=0) / unit).mean()
    assert estimator.score(Z) == pytest.approx(expected, rel=1e-9)


def test_the_score_of_a_classifier_is_its_accuracy(classifier, table, labels):
    """score is the share of right labels, weighted where weights are given."""
    estimator = classifier(max_epochs=5).fit(table, labels)
    predicted, weight = estimator.predict(table), np.arange(40)
    assert estimator.score(table, labels) == accuracy_score(labels, predicted)
    assert estimator.score(table, labels, weight) == accuracy_score(
        labels, predicted, sample_weight=weight
    )


def test_probabilities_agree_with_each_other_and_with_the_label(classifier, table):
    """predict is the class of the highest probability; logarithms are logarithms."""
    y = np.array(["c", "a", "b", "a"] * 10)
    estimator = classifier(max_epochs=5).fit(table, y)
    probability = estimator.predict_proba(table)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.exp(estimator.predict_log_proba(table)), probability, rtol=1e-5)
    np.testing.assert_array_equal(
        estimator.predict(table), estimator.classes_[probability.argmax(axis=1)]
    )


@pytest.mark.parametrize("kind", ["table", "images"])
def test_the_back_end_sees_what_transform_returns(classifier, request, labels, kind):
    """With backend_input='code' the logits are the back end's, applied to the codes."""
    X = np.repeat(request.getfixturevalue(kind), 4, axis=0)[:128]  # one inference batch
    estimator = classifier(backend_input="code", n_estimators=1)
    estimator.fit(X, np.repeat(labels, 4)[:128])
    codes = torch.from_numpy(estimator.transform(X))
    with torch.no_grad():
        logits = estimator.net_.module_.backend(codes).reshape(128, 2)
    smoothing = estimator.resolved_params_["label_smoothing"]
    expected = TemperatureSoftmax(smoothing)(logits).log().numpy()
    np.testing.assert_allclose(estimator.predict_log_proba(X), expected, rtol=1e-5, atol=1e-6)


def test_the_back_end_may_see_the_features(classifier, images, labels):
    """With backend_input='features' the decoder's code hangs beside the back end."""
    estimator = classifier(backend_input="features").fit(images, labels)
    expected = estimator.predict_proba(images)
    estimator.encoder_.bottleneck.weight.data.zero_()
    np.testing.assert_array_equal(estimator.predict_proba(images), expected)
