"""Numbers of every type and size give the right result, or an error that says what to do."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.nn import Moments
from sk_aecnn.recipes.defaults import auto_scaling

FEW = {"max_epochs": 2, "random_state": 0}
# weights that stay as they began: results differ by the rounding of the input alone
UNTRAINED = {"max_epochs": 1, "lr": 1e-12, "optimizer": "sgd", "random_state": 0}


def outputs(estimator, X):
    """Everything that can be asked about samples and does not depend on a draw."""
    names = (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "transform",
        "reconstruct",
        "reconstruction_error",
        "score_samples",
        "decision_function",
    )
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}


def assert_same(estimator, X, other, Z, **tolerance):
    """Two estimators say the same about their samples."""
    expected = outputs(estimator, X)
    for name, output in outputs(other, Z).items():
        np.testing.assert_allclose(
            output, expected[name], err_msg=name, **(tolerance or {"rtol": 0})
        )


def unless_refused(call):
    """The result of a call, or None where an error says that the precision cannot hold it."""
    try:
        return call()
    except ValueError as error:
        if "precision" not in str(error):
            raise
    return None


def assert_finite_or_refused(estimator, X):
    """All outputs about samples are finite, or an error names the precision."""
    for name in outputs(estimator, np.zeros_like(X)):
        output = unless_refused(partial(getattr(estimator, name), X))
        assert output is None or np.isfinite(output).all(), name


# -- large integers ---------------------------------------------------------------------------


@pytest.fixture
def times():
    """Seconds since 1970 with two small counts beside, and classes that the last digits tell."""
    rng = np.random.default_rng(0)
    t = 1_700_000_000 + rng.integers(0, 300, size=300)
    X = np.column_stack([t, rng.integers(0, 5, size=(300, 2))])
    return X, (t % 300 < 150).astype(int)


def without_clip(factory, **parameters):
    """An estimator that does not clip, as it would to the range of integers alone."""
    estimator = factory(**parameters)
    return estimator.set_params(clip=False) if "clip" in estimator.get_params() else estimator


CONTAINERS = {
    "int32": lambda X: X.astype(np.int32),
    "int64": lambda X: X.astype(np.int64),
    "uint32": lambda X: X.astype(np.uint32),
    "uint64": lambda X: X.astype(np.uint64),
    "big-endian": lambda X: X.astype(">i8"),
    "object": lambda X: X.astype(object),
    "list": lambda X: X.tolist(),
    "csr of int64": lambda X: sparse.csr_array(X.astype(np.int64)),
    "csc of int32": lambda X: sparse.csc_array(X.astype(np.int32)),
    "csr of float64": lambda X: sparse.csr_array(X.astype(np.float64)),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_large_integers_keep_their_digits(autoencoder, times, kind):
    """Integers above 2**24 are learned and transformed as the same numbers in float64 are."""
    X, Z = times[0].astype(np.float64), CONTAINERS[kind](times[0])
    expected = autoencoder(max_epochs=1, clip=False).fit(X)
    assert_same(expected, X, autoencoder(max_epochs=1, clip=False).fit(Z), Z)
    assert_same(expected, X, expected, Z)


@pytest.mark.parametrize("kind", ["int64", "csr of int64"])
def test_large_integers_keep_their_digits_in_every_estimator(every, times, kind):
    """All estimators answer the same for integers as for the same numbers in float64."""
    X, y = times
    Z = CONTAINERS[kind](X)
    expected = without_clip(every, max_epochs=1).fit(X.astype(np.float64), y)
    estimator = without_clip(every, max_epochs=1).fit(Z, y)
    assert_same(expected, X.astype(np.float64), estimator, Z)


@pytest.mark.parametrize("kind", ["int32", "int64", "uint32", "uint64"])
def test_large_integers_of_images_keep_their_digits(cnn_classifier, kind):
    """Pixels above 2**24 are seen as the same numbers in float64 are."""
    X = 2**30 + np.random.default_rng(0).integers(0, 200, size=(40, 6, 5))
    y = np.arange(40) % 2
    expected = cnn_classifier().fit(X.astype(np.float64), y)
    Z = X.astype(kind)
    assert_same(expected, X.astype(np.float64), cnn_classifier().fit(Z, y), Z)


@pytest.mark.parametrize(
    ("scaling", "loss"), [("feature", "mse"), ("shared", "mae"), ("auto", "huber")]
)
def test_large_integers_keep_their_digits_in_every_loss(autoencoder, times, scaling, loss):
    """The error of the constant, by which losses are divided, is that of the numbers as well."""
    X, _ = times
    parameters = {"reconstruction_loss": loss, "scaling": scaling, "clip": False}
    expected = autoencoder(**parameters).fit(X.astype(np.float64))
    estimator = autoencoder(**parameters).fit(X)
    assert estimator.loss_curve_ == expected.loss_curve_
    assert_same(expected, X.astype(np.float64), estimator, X)


def test_large_integers_do_not_make_outliers(times):
    """The detector names the same outliers whatever the type of the numbers."""
    X, _ = times
    expected = AutoencoderOutlierDetector(2, **FEW).fit_predict(X.astype(np.float64))
    for dtype in (np.int32, np.int64, np.uint32, np.uint64):
        found = AutoencoderOutlierDetector(2, **FEW).fit_predict(X.astype(dtype))
        np.testing.assert_array_equal(found, expected)


OFFSETS = {
    "int8": 100,
    "uint8": 220,
    "int16": 32_000,
    "uint16": 65_000,
    "int32": 2**30,
    "uint32": 2**32 - 100,
    "int64": 1_700_000_000_000_000_000,
    "uint64": 2**64 - 100,
    "float16": 1024,
    "float32": 2**23,
    "float64": 2**52,
}


@pytest.mark.parametrize("kind", OFFSETS)
def test_an_offset_changes_nothing(kind):
    """Numbers far from zero are centred exactly in every type: codes are those without the offset.

    Nanoseconds since 1970, too, of which double precision keeps no more than every 256th.
    """
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 20, size=(60, 3)), np.arange(60) % 2
    Z = X.astype(kind) + np.array(OFFSETS[kind], dtype=kind)
    assert Z.dtype == kind
    expected = AECNNClassifier(8, backend_input="code", **UNTRAINED).fit(X, y)
    estimator = clone(expected).fit(Z, y)
    for method in ("transform", "predict_proba"):
        actual, right = getattr(estimator, method)(Z), getattr(expected, method)(X)
        np.testing.assert_allclose(actual, right, rtol=0, atol=1e-5, err_msg=method)


@pytest.mark.parametrize("offset", [1e12, 1e14])
def test_many_rows_do_not_make_a_column_constant(offset):
    """A column that varies far from zero is scaled by its deviation however many rows there are."""
    X = np.random.default_rng(0).integers(0, 100, size=(20_000, 2)).astype(float)
    model = AutoencoderTransformer(
        2, scaling="feature", hidden_layer_sizes=4, encoder="dense", batch_size=2000, **UNTRAINED
    )
    expected = clone(model).fit(X).transform(X[:20])
    codes = model.fit(X + offset).transform(X[:20] + offset)
    np.testing.assert_allclose(codes, expected, atol=1e-4)


@pytest.mark.parametrize("offset", [0, 1e15])
def test_many_rows_do_not_make_a_target_constant(offset):
    """A target that varies far from zero is scaled by its deviation however many rows there are."""
    X = np.random.default_rng(0).normal(size=(10_000, 1))
    y = (1000 * X[:, 0]).round()
    model = CNNRegressor(dense_units=8, n_bins=None, batch_size=500, max_epochs=1, random_state=0)
    predicted = model.fit(X, y + offset).predict(X[:200]) - offset
    assert np.corrcoef(predicted, y[:200])[0, 1] > 0.9


# -- what a precision cannot hold -------------------------------------------------------------

FAR = [1e12, 1e25, 3.4e38, -3.4e38, 1e39, 1e60, 1e200, 1.7e308]


@pytest.fixture
def units():
    """Rows of columns in different units."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4)) * [1, 2, 100, 1]
    X[:, 3] += X[:, 0]
    return X, (X[:, 0] > 0).astype(int)


def with_value(X, value):
    """One row of X with another value in its second column."""
    row = X[:1].copy()
    row[0, 1] = value
    return row


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_far_values_are_answered_with_numbers_or_refused(every, units, precision):
    """Every answer about far values is finite, or an error names the precision."""
    X, y = units
    estimator = every(precision=precision).fit(X, y)
    for value in FAR:
        assert_finite_or_refused(estimator, with_value(X, value))


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_values_are_outliers_or_refused(detector, units, precision, dtype):
    """No value is so far that it is an inlier again."""
    X, _ = units
    estimator = detector(precision=precision).fit(X)
    for value in FAR:
        if abs(value) > float(np.finfo(dtype).max):
            continue
        row = with_value(X, value).astype(dtype)
        label = unless_refused(partial(estimator.predict, row))
        assert label is None or label == -1, value


SCORERS = {
    "detector": AutoencoderOutlierDetector(3, **FEW),
    "with PCA": AutoencoderTransformer(3, **FEW),
    "without PCA": AutoencoderTransformer(3, linear_path=False, **FEW),
    "variational": VariationalAutoencoderTransformer(3, **FEW),
}


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_scores_fall_with_the_distance_all_the_way(units, name, precision):
    """A value a million times as far is less usual, until it is refused."""
    X, _ = units
    estimator = clone(SCORERS[name]).set_params(precision=precision).fit(X)
    last = estimator.score_samples(X).min()
    for exponent in range(3, 308, 6):
        row = with_value(X, 10.0**exponent)
        score = unless_refused(partial(estimator.score_samples, row))
        if score is None:
            assert exponent > 15
            return
        assert score < last, exponent
        last = score


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_codes_grow_with_the_distance_all_the_way(units, precision):
    """A value a million times as far has a code further from zero, until it is refused."""
    X, _ = units
    estimator = AutoencoderTransformer(3, precision=precision, **FEW).fit(X)
    last = np.abs(estimator.transform(X)).max()
    for exponent in range(4, 308, 6):
        codes = unless_refused(partial(estimator.transform, with_value(X, 10.0**exponent)))
        if codes is None:
            return
        largest = np.abs(codes).max()
        assert largest > last, exponent
        last = largest


def test_small_units_overflow_no_sooner(every, units):
    """What counts is the distance in deviations: 1e10 in a column of size 1e-30 is far as well."""
    X, y = units
    X = X * [1, 1e-30, 1, 1]
    assert_finite_or_refused(every().fit(X, y), with_value(X, 1e10))


@pytest.mark.parametrize("size", [1e39, 1e100])
def test_a_fit_on_values_beyond_the_precision_is_finite_or_refused(every, units, size):
    """Numbers that the precision cannot return are refused in ``fit``, or come back finite."""
    X, y = units
    found = unless_refused(lambda: outputs(every().fit(X * size, y), X * size))
    assert found is None or all(np.isfinite(output).all() for output in found.values())


@pytest.mark.parametrize("size", [1e-320, 1e-45])
def test_a_fit_on_tiny_values_is_finite(every, units, size):
    """Numbers near zero are scaled up as others are; answers are finite."""
    X, y = units
    found = outputs(every().fit(X * size, y), X * size)
    assert all(np.isfinite(output).all() for output in found.values())


@pytest.mark.parametrize("size", [1e39, 1e200])
def test_codes_beyond_the_precision_are_refused(units, size):
    """``inverse_transform`` returns finite samples, or an error names the precision."""
    X, _ = units
    estimator = AutoencoderTransformer(3, **FEW).fit(X)
    with pytest.raises(ValueError, match="precision"):
        estimator.inverse_transform(np.full((1, 3), size))


@pytest.mark.parametrize("size", [1e39, 1e100])
def test_targets_beyond_single_precision_come_back(units, size):
    """Targets are double precision whatever the network's: 1e100 is predicted as 1 is."""
    X, _ = units
    y = X @ [1.0, 0.5, 0.01, 0.0]
    expected = CNNRegressor(**FEW).fit(X, y).predict(X)
    np.testing.assert_allclose(CNNRegressor(**FEW).fit(X, y * size).predict(X) / size, expected)


# -- constant columns -------------------------------------------------------------------------


@pytest.fixture
def with_constant():
    """Rows whose second column never changes."""
    X = np.random.default_rng(0).normal(size=(100, 4))
    X[:, 1] = 0
    return X


@pytest.mark.parametrize("scaling", ["auto", "feature", "shared", None])
def test_any_change_of_a_constant_is_unusual(with_constant, scaling):
    """What never changed in ``fit`` makes an outlier by any change, in whatever unit."""
    X = with_constant
    estimator = AutoencoderOutlierDetector(2, scaling=scaling, **FEW).fit(X)
    changed = X[estimator.predict(X) == 1][:5]
    for change in (1e-12, 1e-3, 1.0, -1.0, 1e6):
        changed[:, 1] = change
        np.testing.assert_array_equal(estimator.predict(changed), -1)


@pytest.mark.parametrize("constant", [7.0, -1e-9, 1e9])
def test_any_change_of_a_constant_beside_zero_is_unusual(with_constant, constant):
    """A constant need not be zero."""
    X = with_constant
    X[:, 1] = constant
    estimator = AutoencoderOutlierDetector(2, **FEW).fit(X)
    changed = X[estimator.predict(X) == 1][:5]
    changed[:, 1] *= 1 + 1e-6
    np.testing.assert_array_equal(estimator.predict(changed), -1)


@pytest.mark.parametrize("kind", ["int64", "csr", "images"])
def test_any_change_of_a_constant_is_unusual_in_every_kind_of_input(kind):
    """Constants of integers, of sparse tables and of images are constants as well."""
    X = np.random.default_rng(0).integers(1, 100, size=(100, 4, 4))
    X[:, 0, 0] = 0
    changed = X.copy()
    changed[:, 0, 0] = 1
    if kind != "images":
        X, changed = X.reshape(100, 16), changed.reshape(100, 16)
    if kind == "csr":
        X, changed = sparse.csr_array(X), sparse.csr_array(changed)
    estimator = AutoencoderOutlierDetector(2, **FEW).fit(X)
    usual = estimator.predict(X) == 1
    np.testing.assert_array_equal(estimator.predict(changed)[usual], -1)


def test_a_constant_that_is_rounded_is_not_changed(with_constant):
    """0.1 in double precision is 0.1 in single precision, too."""
    X = with_constant
    X[:, 1] = 0.1
    estimator = AutoencoderOutlierDetector(2, **FEW).fit(X)
    clear = X[np.abs(estimator.decision_function(X)) > 1e-3]
    found = estimator.predict(clear.astype(np.float32))
    np.testing.assert_array_equal(found, estimator.predict(clear))


# -- bounds -----------------------------------------------------------------------------------

BOUNDED = {
    "uint8 images": lambda rng: rng.choice(np.array([0, 255], dtype=np.uint8), size=(60, 8, 8)),
    "counts": lambda rng: rng.poisson(0.5, size=(60, 12)),
    "bool": lambda rng: rng.random((60, 12)) < 0.2,
    "shares": lambda rng: rng.choice([0.0, 0.25, 1.0], size=(60, 12)),
    "sparse counts": lambda rng: sparse.csr_array(rng.poisson(0.3, size=(60, 12))),
}


def decoded(estimator, X):
    """Reconstructions of X, and samples of codes far from those of X and of draws."""
    yield estimator.reconstruct(X)
    yield estimator.inverse_transform(30 * estimator.transform(X))
    if hasattr(estimator, "sample"):
        yield estimator.sample(50, random_state=0)


@pytest.mark.parametrize("kind", BOUNDED)
def test_what_comes_back_keeps_the_bounds_of_what_went_in(coder, kind):
    """Reconstructions, samples and decoded codes of bounded data lie within its range."""
    X = BOUNDED[kind](np.random.default_rng(0))
    estimator = coder().fit(X, np.arange(60) % 2)
    assert estimator.resolved_params_["clip"] is True
    for samples in decoded(estimator, X):
        assert samples.min() >= float(X.min())
        assert samples.max() <= float(X.max())


def test_unbounded_numbers_are_not_clipped():
    """A row three times as far as any in ``fit`` may come back as far: its range was no bound."""
    X = np.random.default_rng(0).normal(size=(100, 1)) * [1.0, 2.0, 3.0]
    row = 3 * X[[np.abs(X[:, 0]).argmax()]]
    estimator = AutoencoderTransformer(1, **FEW).fit(X)
    assert np.abs(estimator.reconstruct(row)).max() > np.abs(X).max()
    estimator.set_params(clip=True).fit(X)
    assert np.abs(estimator.reconstruct(row)).max() <= np.abs(X.astype(np.float32)).max()


def test_errors_are_of_what_is_not_clipped(autoencoder):
    """``clip`` changes what comes back, and neither losses, codes nor errors."""
    X = np.random.default_rng(0).poisson(0.5, size=(60, 12))
    clipped, other = (autoencoder(clip=clip, shrinkage=0).fit(X) for clip in (True, False))
    assert clipped.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(clipped.transform(X), other.transform(X))
    assert (clipped.reconstruct(X) == other.reconstruct(X).clip(X.min(0), X.max(0))).all()


# -- types of images --------------------------------------------------------------------------

TYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "longdouble",
]
# with augmentation, where it is on by default
OF_IMAGES = {
    "autoencoder": AutoencoderTransformer(2, conv_channels=4, clip=True, **FEW),
    "variational": VariationalAutoencoderTransformer(2, conv_channels=4, clip=True, **FEW),
    "detector": AutoencoderOutlierDetector(2, conv_channels=4, clip=True, **FEW),
    "classifier": AECNNClassifier(2, conv_channels=4, dense_units=4, clip=True, **FEW),
    "regressor": AECNNRegressor(2, conv_channels=4, dense_units=4, clip=True, **FEW),
    "cnn_classifier": CNNClassifier(4, dense_units=4, **FEW),
    "cnn_regressor": CNNRegressor(4, dense_units=4, **FEW),
}
TYPES_AND_ESTIMATORS = [(dtype, "cnn_classifier") for dtype in TYPES] + [
    (dtype, name) for name in OF_IMAGES if name != "cnn_classifier" for dtype in ("uint16",)
]


def black_and_white(dtype):
    """12 images large enough to be moved, and their classes."""
    return np.random.default_rng(0).integers(0, 2, size=(12, 14, 14)).astype(dtype), np.arange(
        12
    ) % 2


@pytest.mark.parametrize(("dtype", "name"), TYPES_AND_ESTIMATORS)
def test_images_of_every_type_are_learned_alike(dtype, name):
    """With default augmentation, images large enough to be moved give the same in every type."""
    X, y = black_and_white("float64")
    Z, _ = black_and_white(dtype)
    expected = clone(OF_IMAGES[name]).fit(X, y)
    assert_same(expected, X, clone(OF_IMAGES[name]).fit(Z, y), Z, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("precision", ["bfloat16", "float64"])
@pytest.mark.parametrize("dtype", ["float16", "uint16", "bool"])
@pytest.mark.parametrize("name", ["variational", "cnn_classifier"])
def test_images_of_every_type_are_learned_in_every_precision(name, dtype, precision):
    """The type of the images and the precision of the network do not depend on each other."""
    X, y = black_and_white(dtype)
    estimator = clone(OF_IMAGES[name]).set_params(precision=precision).fit(X, y)
    assert all(np.isfinite(output).all() for output in outputs(estimator, X).values())


@pytest.mark.parametrize("dtype", TYPES)
def test_cross_entropy_takes_every_type(dtype):
    """``reconstruction_loss="bce"`` compares zeros and ones of every type."""
    X, _ = black_and_white(dtype)
    estimator = clone(OF_IMAGES["autoencoder"]).set_params(reconstruction_loss="bce").fit(X)
    assert np.isfinite(estimator.reconstruct(X)).all()
    assert np.isfinite(estimator.reconstruction_error(X)).all()


@pytest.mark.parametrize("noise", ["gaussian", "masking", "swap"])
@pytest.mark.parametrize("dtype", ["bool", "uint16", "float16"])
def test_noise_takes_every_type(noise, dtype):
    """Noise is added to images of every type."""
    estimator = clone(OF_IMAGES["autoencoder"]).set_params(noise=noise)
    assert np.isfinite(estimator.fit(black_and_white(dtype)[0]).loss_curve_).all()


# -- how arrays lie in memory -----------------------------------------------------------------


def of_records(X):
    """A view of the numbers of a record array with one field beside them."""
    records = np.zeros(len(X), dtype=[("label", "i4"), ("values", "f8", X.shape[1:])])
    records["values"] = X
    return records["values"]


def shifted(X):
    """The same numbers at addresses that are no multiples of their size."""
    memory = np.zeros(X.nbytes + 1, dtype=np.uint8)
    view = memory[1:].view(X.dtype).reshape(X.shape)
    view[...] = X
    return view


def read_only(X):
    """A copy that cannot be written."""
    X = X.copy()
    X.flags.writeable = False
    return X


VIEWS = {
    "rows reversed": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "columns reversed": lambda X: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
    "all reversed": lambda X: np.ascontiguousarray(np.flip(X))[(slice(None, None, -1),) * X.ndim],
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "Fortran order": np.asfortranarray,
    "big-endian reversed": lambda X: X[::-1].astype(">f8")[::-1],
    "record field": of_records,
    "recarray field": lambda X: of_records(X).view(np.recarray),
    "offset by a byte": shifted,
    "read-only reversed": lambda X: read_only(X[::-1])[::-1],
}


def samples_of(kind):
    shape = (20, 5) if kind == "table" else (20, 6, 5)
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("view", VIEWS)
def test_arrays_are_read_however_they_lie_in_memory(autoencoder, view, assert_rows_alike):
    """Fit and answers are those of a plain copy, also about a row alone."""
    X = samples_of("images")
    Z = VIEWS[view](X)
    estimator = autoencoder(max_epochs=1).fit(X)
    expected = outputs(estimator, X)
    assert_same(estimator, X, autoencoder(max_epochs=1).fit(Z), Z)
    np.testing.assert_array_equal(Z, X)
    rows = {0: Z[:1], 19: Z[-1:], 3: Z[3:4], 4: Z[4:5][::-1], 5: Z[5:3:-2]}
    for index, row in rows.items():
        for name, output in outputs(estimator, row).items():
            assert_rows_alike(output, expected[name][index : index + 1])


def test_reversed_rows_are_predicted_from(every):
    """All estimators take views with negative strides where ``fit`` takes them."""
    X = samples_of("table")
    estimator = every(max_epochs=1).fit(X[::-1], np.arange(20) % 2)
    assert_same(estimator, X.copy(), estimator, X[::-1].copy()[::-1])


def test_codes_are_decoded_however_they_lie_in_memory(coder):
    """``inverse_transform`` takes reversed and big-endian codes."""
    X = samples_of("table")
    estimator = coder(max_epochs=1).fit(X, np.arange(20) % 2)
    codes = estimator.transform(X)
    expected = estimator.inverse_transform(codes)
    for view in (codes[::-1].copy()[::-1], codes.astype(">f4"), shifted(codes)):
        np.testing.assert_array_equal(estimator.inverse_transform(view), expected)
        row = estimator.inverse_transform(view[:1][::-1])
        np.testing.assert_allclose(row, expected[:1], rtol=1e-5)


@pytest.mark.parametrize(
    "view",
    [
        lambda values: values[::-1].copy()[::-1],
        lambda values: values.astype(">f8"),
        read_only,
        lambda values: np.repeat(values, 2)[::2],
    ],
    ids=["reversed", "big-endian", "read-only", "every other value"],
)
def test_targets_and_weights_are_read_however_they_lie_in_memory(joint, view):
    """Labels, targets and weights may be views as well."""
    X = samples_of("table")
    y, weight = np.arange(20.0) % 2, np.linspace(1, 2, 20)
    expected = joint(max_epochs=1).fit(X, y, sample_weight=weight)
    assert_same(expected, X, joint(max_epochs=1).fit(X, view(y), sample_weight=view(weight)), X)


def test_structured_rows_are_refused_with_the_remedy(every):
    """A structured array is no matrix; the error says how to make one of it."""
    records = np.zeros(20, dtype=[("a", "f8"), ("b", "f8")])
    with pytest.raises((ValueError, TypeError), match="structured"):
        every().fit(records, np.arange(20) % 2)


# -- other limits -----------------------------------------------------------------------------


def test_the_scaling_of_more_features_than_torch_finds_quantiles_of():
    """The default scaling goes by the ranges of more than 2**24 features."""
    n_features = 2**24 + 1  # where torch.quantile ends
    geometry = SampleGeometry((n_features,), 0)
    extent = torch.ones(n_features)
    zeros = extent.new_zeros(1).expand(n_features)
    moments = Moments(zeros, extent, zeros, extent, zeros, zeros, extent, known=zeros + 1)
    assert auto_scaling(geometry, moments) == "shared"
    extent[::2] = 1000
    assert auto_scaling(geometry, moments) == "feature"
