"""A graph has the results of its estimator, whatever the samples and the network."""

import sys
import warnings
from datetime import date

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sk_aecnn import AECNNClassifier, AutoencoderImputer, CNNClassifier, CNNRegressor
from sk_aecnn.nn import ColumnEncoding
from sk_aecnn.onnx import to_onnx

# shape of one sample, and parameters that say what it is
GEOMETRIES = {
    "table": ((6,), {}),
    "flat grey image": ((30,), {"sample_shape": (6, 5)}),
    "grey image": ((6, 5), {}),
    "colour image": ((6, 5, 3), {}),
    "channels first": ((3, 6, 5), {"channel_axis": 0}),
    "channels between": ((6, 3, 5), {"channel_axis": 1}),
    "flat channels first": ((90,), {"sample_shape": (3, 6, 5), "channel_axis": 0}),
    "single values in time": ((12,), {"channel_axis": None}),
    "sequence": ((12, 2), {"channel_axis": -1}),
    "sequence, channels first": ((2, 13), {"channel_axis": 0}),
    "volume": ((4, 5, 6, 2), {}),
}


@pytest.fixture
def columns():
    """40 rows of numbers, of few whole numbers, of two values and of one."""
    rng = np.random.default_rng(0)
    numbers = [1e3 * rng.normal(size=(40, 2)), rng.exponential(size=(40, 1))]
    return np.hstack([*numbers, rng.integers(0, 4, (40, 2)), rng.integers(0, 2, (40, 1))])


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_the_results_are_those_of_the_estimator(every, geometry, labels, assert_exported):
    """Every method of every estimator, on samples of every kind, one at a time and all at once."""
    shape, parameters = GEOMETRIES[geometry]
    X = np.random.default_rng(0).normal(5, 3, size=(40, *shape))
    X[1::2] += 3
    assert_exported(every(**parameters).fit(X, labels), X)


@pytest.mark.parametrize("geometry", ["flat grey image", "channels first", "volume"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("classifier", {}),
        ("classifier", {"encoder": "dense"}),
        ("classifier", {"backend_input": "code"}),
        ("regressor", {}),
        ("cnn_classifier", {}),
        ("cnn_regressor", {}),
    ],
)
def test_predictions_are_means_over_mirror_images(
    request, geometry, name, parameters, labels, assert_exported
):
    """Where samples were mirrored in training, a graph mirrors them as the estimator does."""
    shape, layout = GEOMETRIES[geometry]
    X = np.random.default_rng(0).normal(5, 3, size=(40, *shape))
    flips = {"horizontal_flip": 0.5, "vertical_flip": 0.5}
    estimator = request.getfixturevalue(name)(augmentation=flips, **layout, **parameters)
    assert_exported(estimator.fit(X, labels), X)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("backend_input", ["features", "code"])
@pytest.mark.parametrize("backend", ["dense", "cnn"])
@pytest.mark.parametrize("linear_path", ["auto", False])
def test_ensembles_of_tables(
    joint, columns, labels, assert_exported, members, backend_input, backend, linear_path
):
    """The encodings of columns, the members and their linear models are part of the graph."""
    estimator = joint(
        n_estimators=members, backend_input=backend_input, backend=backend, linear_path=linear_path
    )
    assert_exported(estimator.fit(columns, labels), columns)


@pytest.mark.parametrize("n_bins", ["auto", None])
def test_ensembles_without_an_encoder(
    cnn_classifier, cnn_regressor, columns, labels, assert_exported, n_bins
):
    """Back ends that see the columns themselves."""
    for make in (cnn_classifier, cnn_regressor):
        assert_exported(make(n_bins=n_bins).fit(columns, labels), columns)


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize(
    ("backend", "precision"), [("dense", "float32"), ("dense", "float64"), ("cnn", "float32")]
)
def test_bins_of_unequal_numbers(
    joint, cnn_classifier, columns, labels, run, assert_same, members, backend, precision
):
    """Some features have few bins, or none, and some are not clipped, whose values may be far."""
    columns[:, 0] = [0.1, 0.2, 0.5, 0.2] * 10
    far = columns * [1e12, 1e12, 1e12, 1, 1, 1]
    for make in (joint, cnn_classifier):
        fitted = make(n_bins=4, n_estimators=members, backend=backend, precision=precision)
        fitted.fit(columns, labels)
        (encoding, *_) = (m for m in fitted.net_.module_.modules() if type(m) is ColumnEncoding)
        assert encoding.bin_column.bincount().tolist() == [2, 4, 4]
        predict = fitted.predict_proba if is_classifier(fitted) else fitted.predict
        for rows in (columns[:1], columns, far):
            assert_same(run(to_onnx(fitted), rows)[0], predict(rows))


def test_one_network_is_no_ensemble(cnn_classifier, columns, labels):
    """Layers of one network are single nodes, and nothing is averaged."""
    fitted = cnn_classifier(n_bins=4, n_estimators=1, backend="dense").fit(columns, labels)
    kinds = [node.op_type for node in to_onnx(fitted).graph.node]
    assert kinds.count("Gemm") == 3
    assert not {"MatMul", "ReduceMean", "Transpose"} & set(kinds)


def test_held_out_samples_set_the_temperature(cnn_classifier, columns, labels, assert_exported):
    """The temperature of an ensemble is fitted by early stopping, and in the graph."""
    fitted = cnn_classifier(n_estimators=2, early_stopping="cv").fit(columns, labels)
    assert float(fitted.net_.module_.averaging.inverse_temperature) != 1
    assert_exported(fitted, columns)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_slope_is_in_the_graph(cnn_regressor, columns, assert_exported, precision):
    """That by which the mean of members is drawn to the mean of numbers."""
    fitted = cnn_regressor(n_estimators=2, precision=precision)
    fitted.fit(columns, columns[:, :2]).net_.module_.averaging.slope.copy_(torch.tensor([0.5, 1.0]))
    assert_exported(fitted, columns)


@pytest.mark.parametrize("far", [[0], [0, 1, 2]])
def test_scores_of_far_values(cnn_regressor, columns, far, assert_exported):
    """In the place of some features, and of all; also for values beyond those of fit."""
    X = np.random.default_rng(0).normal(size=(150, 3))
    X[:, far] = np.exp(3 * X[:, far])
    X[:, 0] = np.ceil(X[:, 0])  # a feature of fewer values
    fitted = cnn_regressor(n_bins=4, backend="dense").fit(X, np.log(np.abs(X) + 1).sum(axis=1))
    (encoding,) = (m for m in fitted.net_.module_.modules() if type(m) is ColumnEncoding)
    assert encoding.scores.column.tolist() == far
    assert_exported(fitted, X)
    assert_exported(fitted, 1e6 * X)


@pytest.mark.parametrize("estimator", [AECNNClassifier, CNNClassifier])
@pytest.mark.parametrize("params", [{}, {"missing": True}, {"scaling": None}])
def test_neighbours(estimator, params, assert_exported):
    """Of samples that occur again, and of new ones; far from zero as well."""
    rng = np.random.default_rng(0)
    distinct, index = rng.normal(size=(300, 4)), rng.integers(300, size=400)
    X, y = 100 + distinct[index], rng.integers(3, size=300)[index]
    if "missing" in params:
        X[::5, 1], params = np.nan, {}
    model = estimator(dense_units=8, random_state=0, **params).fit(X, y)
    assert model.net_.module_.neighbours is not None
    assert_exported(model, np.concatenate([X[:20], 100 + rng.normal(size=(10, 4))]))


def test_several_targets(regressor, cnn_regressor, columns, images, assert_exported):
    """Targets come back in their units and in their layout."""
    for X in (columns, images):
        flat = X.reshape(len(X), -1).astype(float)
        y = 1e6 + flat @ np.random.default_rng(0).normal(size=(flat.shape[1], 2))
        for make in (regressor, cnn_regressor):
            assert_exported(make().fit(X, y), X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"linear_path": False},
        {"nested": True},
        {"encoder": "dense"},
        {"encoder": "dense", "hidden_layer_sizes": (8, 6)},
        {"scaling": None},
        {"scaling": "feature"},
        {"clip": False},
        {"kernel_size": 5, "normalization": None},
        {"output": "reconstruction"},
        {"code_activation": "sigmoid"},
        {"encoding_dim": 40},
    ],
    ids=str,
)
def test_kinds_of_autoencoders(autoencoder, images, assert_exported, parameters):
    """What parameters make of an autoencoder is in the graph."""
    assert_exported(autoencoder(**parameters).fit(images), images)


@pytest.mark.parametrize(
    "activation", ["elu", "gelu", "identity", "leaky_relu", "relu", "sigmoid", "silu", "tanh"]
)
def test_activations(autoencoder, table, assert_exported, activation):
    """Every activation that has a name."""
    assert_exported(autoencoder(activation=activation).fit(table), table)


def test_probabilities_as_input(autoencoder, variational, images, assert_exported):
    """With the cross-entropy, reconstructions are probabilities."""
    X = images / 255
    for make in (autoencoder, variational):
        assert_exported(make(reconstruction_loss="bce").fit(X), X)


def test_global_pooling(cnn_classifier, labels, assert_exported):
    """A back end that sees the mean and the maximum of every channel of long sequences."""
    X = np.random.default_rng(0).normal(size=(40, 300, 2))
    fitted = cnn_classifier(channel_axis=-1).fit(X, labels)
    pooled = fitted.net_.module_.backend.flatten.__name__
    assert pooled == "global_mean_max_pool"
    assert_exported(fitted, X)


def test_an_encoder_to_start_from(autoencoder, classifier, images, table, labels, assert_exported):
    """A back end on the features of a frozen encoder, and of its linear path."""
    for X in (images, table):
        for fitted in (autoencoder().fit(X), classifier().fit(X, labels)):
            frozen = FrozenEstimator(fitted)
            joint = classifier(encoder=frozen, n_estimators=1, freeze_encoder=True)
            assert_exported(joint.fit(X, labels), X)


def test_features_that_never_changed(detector, table, assert_exported):
    """Another value than the one in training counts as the largest deviation."""
    X = np.hstack([table, np.full((40, 1), 7.0)])
    fitted = detector().fit(X)
    X[::3, -1] = 8
    assert len(np.unique(fitted.predict(X))) == 2
    assert_exported(fitted, X)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64", "int64"])
def test_types_of_input(classifier, images, labels, assert_exported, dtype):
    """The graph takes samples of the type that is asked for."""
    assert_exported(classifier().fit(images, labels), images, dtype)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_integers_beyond_double_precision(autoencoder, table, assert_exported, dtype):
    """Identifiers and times in nanoseconds keep all of their digits."""
    X = 2**60 + np.round(100 * table).astype(np.int64)
    fitted = autoencoder(clip=False).fit(X)
    codes = fitted.transform(X)
    assert codes.std() > 0.1
    assert_exported(fitted, X, dtype)


def test_large_offsets_survive(autoencoder, table, assert_exported):
    """Times in seconds are centred before they become single precision."""
    X = table + 1.7e9
    assert_exported(autoencoder(clip=False).fit(X), X)


def test_double_precision(classifier, regressor, table, labels, run):
    """A network of double precision has a graph of double precision."""
    for make, method in ((classifier, "predict_proba"), (regressor, "predict")):
        fitted = make(precision="float64").fit(table, labels)
        (found,) = run(to_onnx(fitted, method=method), table)
        np.testing.assert_allclose(found, getattr(fitted, method)(table), rtol=1e-12)


@pytest.mark.parametrize("kind", ["classifier", "cnn_classifier"])
def test_scales_of_inputs(request, kind, columns, labels, run):
    """What members multiply their inputs with is in their weights."""
    make = request.getfixturevalue(kind)
    fitted = make(n_estimators=3, early_stopping="cv", lr=0.05).fit(columns, labels)
    (found,) = run(to_onnx(fitted), columns)
    np.testing.assert_allclose(found, fitted.predict_proba(columns), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("share", [0, 0.5, None])
@pytest.mark.parametrize("flat", [True, False])
def test_limits_of_predictions(regressor, table, run, share, flat):
    """Samples far from all others have the predictions that the estimator limits."""
    y = table[:, 0] if flat else table[:, :2] * [1, 1000]
    fitted = regressor(max_extrapolation=share).fit(table, y)
    (found,) = run(to_onnx(fitted, method="predict"), 1e4 * table)
    np.testing.assert_allclose(found, fitted.predict(1e4 * table), rtol=1e-5)


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        ([3, 8], np.int64),
        ([False, True], np.int64),
        (["no", "yes"], object),
        (np.array(["no", "yes"], dtype=object), object),
        ([0.0, 2.0], np.float64),
    ],
    ids=str,
)
def test_labels(classifier, table, labels, run, names, dtype):
    """Labels are integers, numbers or text."""
    fitted = classifier().fit(table, np.array(names)[labels])
    (found,) = run(to_onnx(fitted, method="predict"), table)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, fitted.predict(table))


def test_labels_that_onnx_has_no_type_for(classifier, table, labels):
    """Dates are refused, with the remedy; their probabilities are not."""
    days = np.array([date(2020, 1, 1), date(2020, 1, 2)])
    fitted = classifier().fit(table, days[labels])
    to_onnx(fitted)
    with pytest.raises(ValueError, match=r"datetime.date\(2020, 1, 1\).*method='predict_proba'"):
        to_onnx(fitted, method="predict")


def test_any_number_of_rows(classifier, images, labels, run):
    """No row at all is a batch, too."""
    model = to_onnx(classifier().fit(images, labels))
    for n_rows in (0, 1, 7):
        (found,) = run(model, images[:n_rows].astype(float))
        assert found.shape == (n_rows, 2)


def test_several_methods_share_what_they_can(classifier, images, labels):
    """Features and code are computed once."""

    def count(method):
        nodes = to_onnx(fitted, method=method).graph.node
        return sum(node.op_type == "Conv" for node in nodes)

    fitted = classifier().fit(images, labels)
    apart = [count(method) for method in ("predict_proba", "transform", "predict")]
    assert apart == [3, 2, 3]
    assert count(["predict_proba", "transform", "predict"]) == 3


def test_the_first_method_by_default(every, table, labels):
    """Classes have probabilities, targets predictions, samples alone codes."""
    (output,) = to_onnx(every().fit(table, labels)).graph.output
    names = {"Classifier": "probabilities", "Regressor": "prediction", "Detector": "label"}
    kind = next((kind for kind in names if type(every()).__name__.endswith(kind)), None)
    assert output.name == names.get(kind, "code")


def test_input_and_outputs_are_described(classifier, images, labels):
    """Names, types and shapes are in the graph, with an axis for the batch."""
    model = to_onnx(classifier().fit(images, labels), method=["predict", "reconstruct"])
    (given,) = model.graph.input
    label, reconstruction = model.graph.output

    def sizes(value):
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    assert (given.name, sizes(given)) == ("X", ["batch", 6, 5])
    assert (label.name, sizes(label)) == ("label", ["batch"])
    assert (reconstruction.name, sizes(reconstruction)) == ("reconstruction", ["batch", 6, 5])


def test_a_file_is_written_whole(autoencoder, table, run, tmp_path, monkeypatch):
    """After an error, the old file is as it was, and there is no other."""
    fitted, path = autoencoder().fit(table), tmp_path / "model.onnx"
    model = to_onnx(fitted, path)
    assert path.read_bytes() == model.SerializeToString()
    np.testing.assert_allclose(run(str(path), table)[0], fitted.transform(table), atol=1e-5)

    def fail(*names):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space"):
        to_onnx(fitted, path, method="reconstruct")
    assert path.read_bytes() == model.SerializeToString()
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_global_changes(classifier, images, labels):
    """Warning filters, torch's defaults and random numbers are as before."""

    def state():
        modes = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
        return list(warnings.filters), modes, torch.get_rng_state().tolist()

    fitted = classifier().fit(images, labels)
    before = state()
    to_onnx(fitted, method=["predict", "reconstruct"])
    assert state() == before


def test_methods_that_there_are_not(classifier, cnn_classifier, table, labels):
    """A name that no estimator has, one of another estimator, one without a trained decoder."""
    fitted = cnn_classifier().fit(table, labels)
    for method in ("encode", "transform", [], ["predict", "predict"]):
        with pytest.raises((AttributeError, ValueError), match=r"transform|predict, predict_proba"):
            to_onnx(fitted, method=method)
    fitted = classifier(reconstruction_weight=0, backend_input="code").fit(table, labels)
    to_onnx(fitted, method="transform")
    with pytest.raises(AttributeError, match="no attribute 'reconstruct'"):
        to_onnx(fitted, method="reconstruct")


def test_estimators_that_are_refused(autoencoder, table, labels):
    """Unfitted ones, and those of other packages, with the remedy."""
    with pytest.raises(NotFittedError):
        to_onnx(autoencoder())
    pipeline = make_pipeline(autoencoder(), LogisticRegression()).fit(table, labels)
    with pytest.raises(ValueError, match="register_converters"):
        to_onnx(pipeline)


@pytest.mark.parametrize("dtype", ["float16", "complex64", str, "no type"])
def test_types_that_are_refused(autoencoder, table, dtype):
    """The input is of numbers."""
    with pytest.raises(ValueError, match=r"dtype=.* must be float32, float64, bool or an integer"):
        to_onnx(autoencoder().fit(table), dtype=dtype)


def test_convolutions_in_double_precision_are_refused(autoencoder, images):
    """onnxruntime has none."""
    fitted = autoencoder(precision="float64").fit(images)
    with pytest.raises(ValueError, match="precision='float32'"):
        to_onnx(fitted)


def test_the_missing_package_is_named(autoencoder, table, monkeypatch):
    """The error says which extra to install."""
    fitted = autoencoder().fit(table)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'sk-aecnn\[onnx\]'"):
        to_onnx(fitted)


def test_normalisation_is_part_of_the_convolution(cnn_classifier, images, labels, assert_exported):
    """But for a negative factor, which turns a maximum into a minimum."""
    fitted = cnn_classifier().fit(images, labels)
    assert not any(node.op_type == "BatchNormalization" for node in to_onnx(fitted).graph.node)
    with torch.no_grad():
        fitted.net_.module_.backend.stages[0].norm.weight[0] = -1
    assert any(node.op_type == "BatchNormalization" for node in to_onnx(fitted).graph.node)
    assert_exported(fitted, images)


@pytest.mark.parametrize("geometry", ["table", "grey image", "channels first", "sequence"])
def test_missing_values(every, geometry, labels, assert_exported):
    """NaN is filled in, and told of, as in the estimator; it counts in no score."""
    shape, parameters = GEOMETRIES[geometry]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, *shape)) + 3 * (labels % 2).reshape(-1, *(1,) * len(shape))
    X[rng.random(X.shape) < 0.1] = np.nan
    fitted = every(**parameters).fit(X, labels)
    for dtype in (np.float32, np.float64):
        assert_exported(fitted, X, dtype)
    whole = every(**parameters).fit(np.nan_to_num(X), labels)
    assert_exported(whole, X)


@pytest.mark.parametrize("seen", ["with holes", "complete"])
def test_missing_values_of_many_features(cnn_classifier, seen, labels, assert_exported):
    """Filled in by the factors that more than 200 features share."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 210)) + rng.normal(size=(40, 210))
    holes = np.where(rng.random(X.shape) < 0.3, np.nan, X)
    fitted = cnn_classifier().fit(holes if seen == "with holes" else X, labels)
    assert fitted.net_.module_.layout.expectation is not None
    for dtype in (np.float32, np.float64):
        assert_exported(fitted, holes, dtype)
        assert_exported(fitted, X, dtype)


def test_rows_without_missing_values_cost_nothing(cnn_classifier, table, labels):
    """What fills them in is a branch of its own, that is left out."""
    (branch,) = [
        node
        for node in to_onnx(cnn_classifier().fit(table, labels)).graph.node
        if node.op_type == "If"
    ]
    sizes = {attribute.name: len(attribute.g.node) for attribute in branch.attribute}
    assert sizes["then_branch"] == 1
    assert sizes["else_branch"] > 20


def padded(shape, rng):
    """Return samples that end in NaN along their first axis, and one without a value."""
    X = rng.normal(size=(40, *shape))
    for length, sample in enumerate(X):
        sample[3 + length % (len(sample) - 2) :] = np.nan
    X[-1] = np.nan
    return X


@pytest.mark.parametrize("activation", ["relu", "elu"])
@pytest.mark.parametrize("geometry", ["sequence", "single values in time", "colour image"])
def test_padding(every, geometry, activation, labels, assert_exported):
    """Positions at which nothing is known are masked, also of estimators that met none in fit."""
    shape, parameters = GEOMETRIES[geometry]
    rng = np.random.default_rng(0)
    X = padded(shape, rng)
    for seen in (X, rng.normal(size=X.shape)):
        fitted = every(activation=activation, **parameters).fit(seen, labels)
        assert_exported(fitted, X)


def test_padding_of_normalisation_that_turns_signs(cnn_classifier, labels, assert_exported):
    """A factor below zero is applied after the maximum of what is known."""
    X = padded((12, 2), np.random.default_rng(0))
    fitted = cnn_classifier(channel_axis=-1).fit(X, labels)
    with torch.no_grad():
        fitted.net_.module_.backend.stages[0].norm.weight[0] = -1
    assert_exported(fitted, X)


@pytest.mark.parametrize("add_indicator", [False, True])
def test_the_imputer(table, run, assert_same, add_indicator):
    """What is missing is filled in, and the rest is as it was."""
    X = table.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    X[:, 0] = table[:, 0]
    imputer = AutoencoderImputer(
        3, hidden_layer_sizes=(8,), max_epochs=2, add_indicator=add_indicator, random_state=0
    ).fit(X)
    for dtype in (np.float32, np.float64):
        (found,) = run(to_onnx(imputer, method="transform", dtype=dtype), X.astype(dtype))
        assert found.dtype == dtype
        assert_same(found, imputer.transform(X.astype(dtype)))


def test_mirror_images(cnn_classifier, images, labels, assert_exported):
    """Where training flips images, a prediction is the mean over them and what they are flipped."""
    flips = {"horizontal_flip": 0.5, "vertical_flip": 0.5}
    assert_exported(cnn_classifier(augmentation=flips).fit(images, labels), images)


@pytest.mark.parametrize("estimator", [AECNNClassifier(2), CNNRegressor()])
def test_members_that_see_a_part_of_the_inputs(estimator, assert_exported):
    """Every second member of an ensemble goes without the bins of a linear target."""
    X = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)
    y = X[:, 0] - X[:, 1]
    estimator = clone(estimator).set_params(max_epochs=3, random_state=0)
    estimator.fit(X, y > 0 if is_classifier(estimator) else y)
    assert estimator.net_.module_.backend.linear.strength is not None
    assert_exported(estimator, X)
