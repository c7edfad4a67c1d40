"""Odd but legal input gives the right result, and a finite one."""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from sk_aecnn import AutoencoderTransformer


def outputs(estimator, X):
    """Everything that can be asked about rows."""
    names = ["transform", "reconstruct", "reconstruction_error", "predict_proba", "score_samples"]
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}


def assert_finite(estimator, X):
    """All outputs are finite numbers, one per row of X."""
    for name, output in outputs(estimator, X).items():
        assert len(output) == len(X), name
        assert np.isfinite(output).all(), name
    assert np.isfinite(estimator.loss_curve_).all()


def assert_same(estimator, X, other, Z):
    """Two estimators say the same about their rows, to the last bit."""
    expected = outputs(estimator, X)
    for name, output in outputs(other, Z).items():
        np.testing.assert_array_equal(
            np.reshape(output, (len(Z), -1)), np.reshape(expected[name], (len(X), -1)), err_msg=name
        )


# -- few rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (1, 1), (4, 4), (6, 5, 3), (3, 4, 5, 2)])
def test_one_row_is_enough(shape):
    """An autoencoder of a single row reconstructs it: there is nothing else to learn."""
    X = np.random.default_rng(0).normal(size=(1, *shape))
    estimator = AutoencoderTransformer(random_state=0).fit(X)
    assert_finite(estimator, X)
    np.testing.assert_allclose(estimator.reconstruct(X), X, atol=0.25)


def test_two_rows_are_enough_for_a_classifier(classifier, images):
    """One row of each class can be learnt."""
    estimator = classifier(max_epochs=40).fit(images[:2], [0, 1])
    assert_finite(estimator, images[:2])
    np.testing.assert_array_equal(estimator.predict(images[:2]), [0, 1])


def test_fewer_rows_than_a_batch_are_one_batch(small, table, labels):
    """A batch larger than the data is the data."""
    X, y = table[:12], labels[:12]
    assert_same(small(batch_size=12).fit(X, y), X, small(batch_size=1000).fit(X, y), X)


@pytest.mark.parametrize("batch_size", [1, 3, 13])
def test_a_last_batch_of_one_row_is_no_trouble(small, table, images, labels, batch_size):
    """Rows that leave one over, or batches of one row, train all the same."""
    assert_finite(small(batch_size=batch_size).fit(table, labels), table)
    assert_finite(small(batch_size=batch_size).fit(images, labels), images)


def test_a_class_of_one_row_is_no_trouble_for_early_stopping(classifier, table):
    """The only row of a class is trained on, not held out."""
    y = np.r_[np.zeros(20), np.ones(19), 7].astype(int)
    estimator = classifier(early_stopping=True).fit(table, y)
    np.testing.assert_array_equal(estimator.classes_, [0, 1, 7])
    assert_finite(estimator, table)


def test_more_classes_than_held_out_rows_are_no_trouble_for_early_stopping(classifier, table):
    """Where the held-out rows cannot hold every class, they are drawn without regard to class."""
    estimator = classifier(early_stopping=True).fit(table, np.arange(40) % 20)
    assert estimator.predict_proba(table).shape == (40, 20)


# -- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["auto", "feature", "shared"])
def test_constant_features_come_back(autoencoder, table, scaling):
    """A feature that does not vary is reconstructed, and costs the others nothing."""
    X = table.copy()
    X[:, 2] = 1e3
    X[:, 3] = 0
    estimator = autoencoder(max_epochs=200, lr=0.01, scaling=scaling).fit(X)
    assert_finite(estimator, X)
    np.testing.assert_allclose(estimator.reconstruct(X)[:, 2:4], X[:, 2:4], atol=0.2)
    assert estimator.score(X) > 0.8


@pytest.mark.parametrize(
    ("loss", "value", "shape"),
    [
        *product(["mse"], [0.0, 3.7, 0.1, 1e-20, -1e20], [(5,), (4, 4)]),
        *product(["mae", "huber"], [0.0, -1e20], [(5,)]),
    ],
)
def test_data_that_do_not_vary_come_back(autoencoder, shape, value, loss):
    """Rows that are all the same number are reconstructed: the mean is all there is."""
    X = np.full((9, *shape), value)
    estimator = autoencoder(max_epochs=100, lr=0.01, reconstruction_loss=loss).fit(X)
    assert_finite(estimator, X)
    np.testing.assert_allclose(estimator.reconstruct(X), X, rtol=1e-6, atol=0.25)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_data_that_do_not_vary_come_back_as_probabilities(autoencoder, value):
    """The binary cross-entropy of constant inputs is finite, and they are reconstructed."""
    X = np.full((9, 5), value)
    estimator = autoencoder(max_epochs=100, lr=0.01, reconstruction_loss="bce").fit(X)
    assert_finite(estimator, X)
    np.testing.assert_allclose(estimator.reconstruct(X), X, atol=0.05)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_the_score_of_data_that_do_not_vary_is_zero_or_one(autoencoder, table, score):
    """Without variance, R² is 1 for a perfect reconstruction and 0 otherwise."""
    estimator = autoencoder().fit(table)
    if score == 1.0:
        perfect = estimator.net_.module_
        perfect.standardised_mean_squared_error = lambda rows: torch.zeros(len(rows)).double()
    assert estimator.score(np.ones((4, 5))) == score


@pytest.mark.parametrize("scale", [1e20, 1e-20, 2.0**40])
@pytest.mark.parametrize("kind", ["table", "images"])
def test_the_unit_does_not_matter(small, request, labels, kind, scale):
    """Data in another unit have the same codes, and reconstructions in their own unit."""
    X = request.getfixturevalue(kind).astype(np.float64)
    plain, scaled = small(clip=False).fit(X, labels), small(clip=False).fit(X * scale, labels)
    assert_finite(scaled, X * scale)
    np.testing.assert_allclose(scaled.transform(X * scale), plain.transform(X), atol=1e-4)
    np.testing.assert_allclose(
        scaled.reconstruct(X * scale) / scale, plain.reconstruct(X), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("kind", ["table", "images"])
def test_an_offset_does_not_matter(small, request, labels, kind):
    """Data around one million have the codes and the losses of the same data around zero."""
    X = request.getfixturevalue(kind).astype(np.float64)
    plain, moved = small().fit(X, labels), small().fit(X + 1e6, labels)
    np.testing.assert_allclose(moved.transform(X + 1e6), plain.transform(X), atol=1e-4)
    np.testing.assert_allclose(moved.loss_curve_, plain.loss_curve_, rtol=1e-4)
    np.testing.assert_allclose(
        moved.reconstruction_error(X + 1e6), plain.reconstruction_error(X), rtol=1e-3
    )


def test_an_offset_does_not_change_the_score(autoencoder, table):
    """R² is about the variation of the data, wherever they are."""
    plain, moved = autoencoder().fit(table), autoencoder().fit(table + 1e6)
    assert moved.score(table + 1e6) == pytest.approx(plain.score(table), abs=1e-4)


def test_features_in_different_units_count_alike(autoencoder, table):
    """A feature in units a billion times smaller is standardised by itself."""
    factors = np.array([1, 1e9, 1, 1e-9, 1])
    plain = autoencoder(scaling="feature").fit(table)
    mixed = autoencoder().fit(table * factors)
    np.testing.assert_allclose(mixed.transform(table * factors), plain.transform(table), atol=1e-4)


# -- shapes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 7), (7, 1), (3, 2, 2, 2), (2, 1, 1, 1)])
def test_tiny_samples_are_samples(small, shape):
    """Images and volumes of one pixel, or one pixel wide, train and come back in their shape."""
    X = np.random.default_rng(0).normal(size=(10, *shape))
    axis = None if len(shape) == 2 else -1
    estimator = small(conv_channels="auto", channel_axis=axis).fit(X, np.arange(10) % 2)
    assert_finite(estimator, X)
    assert estimator.reconstruct(X).shape == X.shape


def test_one_feature_is_a_table(small, labels):
    """A table of one column trains."""
    X = np.arange(40.0)[:, None]
    assert_finite(small().fit(X, labels), X)


@pytest.mark.parametrize("encoding_dim", [5, 6, 50])
def test_a_code_may_be_wider_than_the_sample(small, table, labels, encoding_dim):
    """encoding_dim may exceed the number of features."""
    estimator = small(encoding_dim=encoding_dim).fit(table, labels)
    assert estimator.transform(table).shape == (40, encoding_dim)
    assert_finite(estimator, table)


@pytest.mark.parametrize("sizes", [[7], np.array([7]), (np.int64(7),), 7])
def test_layer_sizes_come_in_many_forms(small, table, labels, sizes):
    """A list, an array or a single integer says the same as a tuple."""
    expected = small(hidden_layer_sizes=(7,)).fit(table, labels)
    assert_same(expected, table, small(hidden_layer_sizes=sizes).fit(table, labels), table)


def test_there_may_be_no_hidden_layer(small, table, labels):
    """hidden_layer_sizes=() goes from the sample to the code in one linear step."""
    assert_finite(small(hidden_layer_sizes=()).fit(table, labels), table)


# -- containers and types ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "uint16", "int64", "float16", "float32", "longdouble"]
)
@pytest.mark.parametrize("kind", ["table", "images"])
def test_types_of_number_do_not_matter(small, request, labels, kind, dtype):
    """The same small integers in any type of number give the same result in double precision."""
    X = request.getfixturevalue(kind)
    X = np.clip(X - X.min(), 0, 100).round()
    X = np.median(X) < X if dtype == "bool" else X
    expected = outputs(small(precision="float64").fit(X.astype(float), labels), X.astype(float))
    typed = X.astype(dtype)
    for name, output in outputs(small(precision="float64").fit(typed, labels), typed).items():
        np.testing.assert_allclose(output, expected[name], rtol=1e-7, atol=1e-7, err_msg=name)


def memory_map(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


MEMORY = {
    "big endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "Fortran": np.asfortranarray,
    "negative strides": lambda X: X[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "read-only": read_only,
    "unaligned": lambda X: (
        np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(X.dtype).reshape(X.shape)
    ),
    "nested lists": lambda X: X.tolist(),
    "tensor": lambda X: torch.from_numpy(X.copy()),
    "tensor with gradient": lambda X: torch.from_numpy(X.copy()).requires_grad_(),
    "transposed tensor": lambda X: torch.from_numpy(X.T.copy()).mT if X.ndim == 2 else X,
}


@pytest.mark.parametrize("form", MEMORY)
@pytest.mark.parametrize("kind", ["table", "images"])
def test_memory_layout_does_not_matter(small, request, labels, kind, form):
    """However the numbers lie in memory, results are the same bit for bit."""
    X = request.getfixturevalue(kind).astype(np.float64)
    Z = MEMORY[form](X)
    assert_same(small().fit(X, labels), X, small().fit(Z, labels), Z)


@pytest.mark.parametrize("kind", ["table", "images"])
def test_a_memory_map_is_an_array(small, request, labels, tmp_path, kind):
    """A file mapped for reading only is used as it is, and is not written to."""
    X = request.getfixturevalue(kind)
    Z = memory_map(X, tmp_path)
    assert_same(small().fit(X, labels), X, small().fit(Z, labels), Z)
    np.testing.assert_array_equal(np.load(tmp_path / "X.npy"), X)


def test_bfloat16_tensors_are_read(small, images, labels):
    """Tensors of a type that numpy does not have are read as float32."""
    Z = torch.from_numpy(images).to(torch.bfloat16)
    X = Z.float().numpy()
    assert_same(small().fit(X, labels), X, small().fit(Z, labels), Z)


def test_a_sum_beyond_the_type_is_no_infinity(small):
    """Finite numbers are read, also where their sum is too large for their type."""
    X = 255 * np.random.default_rng(0).integers(100, 255, size=(40, 10)).astype(np.float16)
    estimator = small().fit(X.astype(np.float32), np.arange(40) % 2)
    assert_same(estimator, X.astype(np.float32), estimator, X)


def test_labels_and_weights_may_be_tensors(classifier, table, labels):
    """y and sample_weight may be torch tensors as X may."""
    weight = np.linspace(1, 2, 40)
    expected = classifier().fit(table, labels, weight)
    estimator = classifier().fit(
        torch.from_numpy(table), torch.from_numpy(labels), torch.from_numpy(weight)
    )
    assert_same(expected, table, estimator, table)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_data_frames_are_tables(small, table, labels, frame):
    """A data frame gives the results of its values, and its column names."""
    names = ["a", "b", "c", "d", "e"]
    X = frame({name: table[:, i] for i, name in enumerate(names)})
    estimator = small().fit(X, labels)
    assert_same(small().fit(table, labels), table, estimator, X)
    np.testing.assert_array_equal(estimator.feature_names_in_, names)


def test_a_data_frame_of_pixels_is_images(small, images, labels):
    """Columns are pixels where sample_shape says so; integers and booleans may be mixed."""
    flat = images.reshape(40, 30)
    X = pd.DataFrame(flat, columns=[f"pixel{i}" for i in range(30)])
    estimator = small(sample_shape=(6, 5)).fit(X, labels)
    expected = small().fit(images, labels)
    np.testing.assert_array_equal(estimator.transform(X), expected.transform(images))
    rounded = expected.reconstruct(images).reshape(flat.shape).round()
    np.testing.assert_array_equal(estimator.reconstruct(X), rounded)


def test_columns_of_different_types_are_numbers(small, table, labels):
    """A frame of float, integer and boolean columns is a table of numbers."""
    X = pd.DataFrame({"a": table[:, 0], "b": np.arange(40), "c": table[:, 1] > 0})
    Z = X.to_numpy(dtype=np.float64)
    of_frame, of_array = small().fit(X, labels), small().fit(Z, labels)
    np.testing.assert_array_equal(of_frame.transform(X), of_array.transform(Z))
    reconstructed = of_frame.reconstruct(X)
    assert (reconstructed.dtypes == X.dtypes).all()
    np.testing.assert_array_equal(reconstructed["a"], of_array.reconstruct(Z)[:, 0])
    np.testing.assert_array_equal(reconstructed["b"], of_array.reconstruct(Z)[:, 1].round())


def test_y_of_a_transformer_may_be_anything(autoencoder, table):
    """The autoencoder ignores y, whatever it is."""
    expected = autoencoder().fit(table).transform(table)
    for y in (None, "nothing", [1, 2], np.full(40, np.nan), object()):
        np.testing.assert_array_equal(autoencoder().fit(table, y).transform(table), expected)
        np.testing.assert_array_equal(autoencoder().fit_transform(table, y), expected)


# -- labels and weights -----------------------------------------------------------------------

LABELS = {
    "minus one and one": np.array([-1, 1]),
    "strings": np.array(["no", "yes"]),
    "objects": np.array(["no", "yes"], dtype=object),
    "booleans": np.array([False, True]),
    "gaps": np.array([3, 1000]),
    "whole floats": np.array([0.0, 2.0]),
    "uint8": np.array([0, 255], dtype=np.uint8),
}


@pytest.mark.parametrize("classes", LABELS.values(), ids=LABELS)
def test_labels_of_any_kind(classifier, table, labels, classes):
    """The names of the classes do not change what is learnt, and predict returns them."""
    expected = classifier(max_epochs=30).fit(table, labels)
    estimator = classifier(max_epochs=30).fit(table, classes[labels])
    assert_same(expected, table, estimator, table)
    np.testing.assert_array_equal(estimator.classes_, classes)
    predicted = estimator.predict(table)
    assert predicted.dtype == classes.dtype
    np.testing.assert_array_equal(predicted, classes[expected.predict(table)])


@pytest.mark.parametrize("container", [list, pd.Series, pl.Series, pd.Categorical])
def test_labels_in_any_container(classifier, table, labels, container):
    """Lists, series and categories are labels."""
    names = np.array(["no", "yes"])[labels]
    assert_same(
        classifier().fit(table, names), table, classifier().fit(table, container(names)), table
    )


def test_labels_in_a_column_are_labels_with_a_warning(classifier, table, labels):
    """A column of labels is taken for labels, with scikit-learn's warning."""
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning, match="column-vector"):
        estimator = classifier().fit(table, labels[:, None])
    assert_same(classifier().fit(table, labels), table, estimator, table)


@pytest.mark.parametrize("kind", ["table", "images"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_rows_of_zero_weight_are_no_rows(small, request, labels, kind, early_stopping):
    """Rows of zero weight and rows taken out give the same fit bit for bit."""
    X = request.getfixturevalue(kind)
    weight = np.where(np.arange(40) % 3 == 0, 0, 1 + np.arange(40) % 2)
    kept = weight > 0
    with_rows = small(early_stopping=early_stopping).fit(X, labels, sample_weight=weight)
    without = small(early_stopping=early_stopping).fit(
        X[kept], labels[kept], sample_weight=weight[kept]
    )
    assert_same(without, X, with_rows, X)


def test_a_class_of_zero_weight_is_no_class(classifier, table):
    """A label that only rows of zero weight have is not among the classes."""
    y = np.arange(40) % 3
    estimator = classifier().fit(table, y, sample_weight=(y < 2).astype(float))
    np.testing.assert_array_equal(estimator.classes_, [0, 1])


@pytest.mark.parametrize("factor", [1.0, 1e-30, 1e30])
def test_the_unit_of_the_weights_does_not_matter(small, table, labels, factor):
    """Weights count relative to each other; equal weights are none."""
    weight = 1 + np.arange(40) % 2
    plain = small().fit(table, labels, sample_weight=weight.astype(float))
    scaled = small().fit(table, labels, sample_weight=weight * factor)
    np.testing.assert_allclose(scaled.transform(table), plain.transform(table), atol=1e-5)
    equal = small().fit(table, labels, sample_weight=np.full(40, factor))
    assert_same(small().fit(table, labels), table, equal, table)


def test_random_state_may_be_an_instance(small, table, labels):
    """A RandomState is drawn from, so that a second fit differs from the first."""
    stream = np.random.RandomState(0)
    first, second = (small(random_state=stream).fit(table, labels) for _ in range(2))
    assert first.loss_curve_ != second.loss_curve_
    again = small(random_state=np.random.RandomState(0)).fit(table, labels)
    assert_same(again, table, first, table)


def test_callbacks_may_be_an_empty_list(small, table, labels):
    """No callbacks is None or an empty list."""
    assert_same(small().fit(table, labels), table, small(callbacks=[]).fit(table, labels), table)


def test_a_default_autoencoder_learns_blobs(table):
    """With default parameters most of the variation of a small table is kept."""
    assert AutoencoderTransformer(random_state=0).fit(table).score(table) > 0.8
