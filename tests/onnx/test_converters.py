"""Pipelines with an estimator inside become one graph."""

import sys

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from sk_aecnn.onnx import register_converters

skl2onnx = pytest.importorskip("skl2onnx")

WITHOUT_ZIPMAP = {"zipmap": False}


@pytest.fixture(autouse=True)
def registered():
    register_converters()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("names", [[0, 1], ["no", "yes"]], ids=str)
def test_scaler_codes_and_logistic_regression(
    autoencoder, table, labels, run, assert_same, dtype, names
):
    """What skl2onnx knows and what is registered, one after the other."""
    X, y = table.astype(dtype), np.array(names)[labels]
    steps = [("scale", StandardScaler()), ("ae", autoencoder()), ("clf", LogisticRegression())]
    pipeline = Pipeline(steps).fit(X, y)
    found = run(skl2onnx.to_onnx(pipeline, X[:1], options=WITHOUT_ZIPMAP), X)
    assert found[1].dtype == dtype
    assert_same(found[0], pipeline.predict(X))
    assert_same(found[1], pipeline.predict_proba(X).astype(dtype))


def test_missing_values(regressor, table, targets, run, assert_same):
    """Filled in as in the estimator; skl2onnx cannot join branches, so there are none."""
    pipeline = make_pipeline(StandardScaler(), regressor()).fit(table, targets)
    model = skl2onnx.to_onnx(pipeline, table[:1])
    assert not any(node.op_type == "If" for node in model.graph.node)
    X = np.where(np.random.default_rng(0).random(table.shape) < 0.3, np.nan, table)
    assert_same(run(model, X)[0], pipeline.predict(X).reshape(-1, 1))


@pytest.mark.parametrize("kind", ["classifier", "cnn_classifier"])
def test_classifiers_at_the_end(request, kind, table, labels, run, assert_same):
    """Labels, and probabilities as a matrix or as a list of dictionaries."""
    X = table.astype(np.float32)
    make = request.getfixturevalue(kind)
    pipeline = make_pipeline(StandardScaler(), make()).fit(X, labels)
    label, probabilities = run(skl2onnx.to_onnx(pipeline, X[:1], options=WITHOUT_ZIPMAP), X)
    assert_same(label, pipeline.predict(X))
    assert_same(probabilities, pipeline.predict_proba(X).astype(np.float32))
    _, dictionaries = run(skl2onnx.to_onnx(pipeline, X[:1]), X)
    assert dictionaries[3] == pytest.approx(dict(enumerate(probabilities[3])))


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("kind", ["regressor", "cnn_regressor"])
def test_regressors_at_the_end(request, kind, table, targets, run, assert_same, n_targets):
    """Predictions are a column for each target."""
    make = request.getfixturevalue(kind)
    y = targets if n_targets == 1 else np.stack([targets, table[:, 0]], axis=1)
    pipeline = make_pipeline(StandardScaler(), make()).fit(table, y)
    (found,) = run(skl2onnx.to_onnx(pipeline, table[:1]), table)
    assert_same(found, pipeline.predict(table).reshape(-1, n_targets))


def test_a_detector_at_the_end(detector, table, run, assert_same):
    """Labels and the decision function, as those of scikit-learn's detectors."""
    pipeline = make_pipeline(StandardScaler(), detector(contamination=0.2)).fit(table)
    X = table + 0.01  # none of which is the threshold itself
    label, scores = run(skl2onnx.to_onnx(pipeline, X[:1]), X)
    assert_same(label[:, 0], pipeline.predict(X))
    assert_same(scores[:, 0], pipeline.decision_function(X))


def test_images_at_the_beginning(autoencoder, images, labels, run, assert_same):
    """The input of the pipeline has the shape of the samples, or is flat."""
    X = images.astype(np.float64)
    pipeline = make_pipeline(autoencoder(), LogisticRegression()).fit(X, labels)
    for rows in (X, X.reshape(40, -1)):
        model = skl2onnx.to_onnx(pipeline, rows[:1], options=WITHOUT_ZIPMAP)
        assert_same(run(model, rows)[1], pipeline.predict_proba(rows))


def test_behind_columns_that_are_encoded(autoencoder, table, labels, run, assert_same):
    """A transformer of some of the columns before it."""
    X = np.hstack([table, labels[:, None]])
    columns = ColumnTransformer(
        [("scale", StandardScaler(), [0, 1, 2, 3, 4]), ("encode", OrdinalEncoder(), [5])]
    )
    pipeline = make_pipeline(columns, autoencoder()).fit(X)
    (found,) = run(skl2onnx.to_onnx(pipeline, X[:1]), X)
    assert_same(found, pipeline.transform(X).astype(np.float64))


def test_searches_and_stacks(cnn_classifier, table, labels, run, assert_same):
    """The best of a search, and an estimator among others."""
    search = GridSearchCV(cnn_classifier(n_estimators=1), {"lr": [0.01, 0.02]}, cv=2)
    stack = StackingClassifier([("a", cnn_classifier(n_estimators=1))], LogisticRegression(), cv=2)
    for model in (search, stack):
        model.fit(table, labels)
        found = run(skl2onnx.to_onnx(model, table[:1], options=WITHOUT_ZIPMAP), table)
        assert_same(found[1], model.predict_proba(table).astype(np.float64))


def test_samples_of_another_shape_are_refused(autoencoder, images):
    """The error names both shapes."""
    pipeline = make_pipeline(autoencoder()).fit(images)
    types = skl2onnx.common.data_types.FloatTensorType
    with pytest.raises(ValueError, match=r"shape \(6, 6\) .* shape \(6, 5\).*initial_types"):
        skl2onnx.to_onnx(pipeline, initial_types=[("X", types([None, 6, 6]))])


def test_an_older_version_of_the_operators_is_refused(autoencoder, table):
    """The error says which one is needed."""
    pipeline = make_pipeline(autoencoder()).fit(table)
    with pytest.raises(ValueError, match=r"target_opset=15, .* Pass target_opset=18"):
        skl2onnx.to_onnx(pipeline, table[:1], target_opset=15)


def test_the_missing_package_is_named(monkeypatch):
    """The error says which extra to install."""
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"needs skl2onnx.*pip install 'sk-aecnn\[onnx\]'"):
        register_converters()
