"""Graphs with an input for each column of a table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from sk_aecnn import (
    AECNNRegressor,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
)
from sk_aecnn.onnx import register_converters, to_onnx

onnxruntime = pytest.importorskip("onnxruntime")


def frame(n_samples=60):
    """Columns of every kind, with values missing in two of them."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", "blue", "violet"], n_samples),
            "size": rng.normal(1e9, 1.0, n_samples),
            "grade": pd.Categorical(rng.choice(["a", "b"], n_samples)),
            "count": rng.integers(0, 5, n_samples),
            "flag": rng.random(n_samples) < 0.5,
            "empty": np.array([None] * n_samples, dtype=object),
        }
    )
    X.loc[::7, "colour"] = None
    X.loc[::5, "size"] = np.nan
    return X


def answer(model, X):
    """What a graph makes of a frame."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    columns = {}
    for one in session.get_inputs():
        values = X[[one.name]].astype(object)
        if one.type == "tensor(string)":
            columns[one.name] = values.where(values.notna(), "").to_numpy(object)
        else:
            columns[one.name] = values.to_numpy(np.float64)
    return session.run(None, columns)


PREDICTORS = ["classifier", "regressor", "cnn_classifier", "cnn_regressor"]


@pytest.mark.parametrize("name", [*PREDICTORS, "autoencoder", "variational"])
def test_results_are_those_of_the_estimator(request, assert_same, name):
    """Predictions and codes of text, numbers and categories, seen in `fit` or not."""
    X = frame()
    y = ((X["colour"] == "red") | (X["grade"] == "a")).to_numpy(int)
    estimator = request.getfixturevalue(name)().fit(X, y)
    new = X.copy()
    new.loc[1, "colour"] = "yellow"
    new.loc[2:4, ["size", "grade"]] = None
    methods = [m for m in ("predict_proba", "predict", "transform") if hasattr(estimator, m)]
    model = to_onnx(estimator, method=methods)
    assert [one.name for one in model.graph.input] == list(X)
    for rows in (new, new[1:2]):
        for method, found in zip(methods, answer(model, rows), strict=True):
            assert_same(found, getattr(estimator, method)(rows))


def test_numbers_that_are_names(assert_same):
    """Each has an input of its own; one that `fit` has not seen, or that is missing, has none."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"shop": rng.integers(20, size=200), "size": rng.normal(size=200)})
    y = rng.normal(size=20)[X["shop"]] + 0.1 * X["size"]
    estimator = AECNNRegressor(random_state=0, max_epochs=2).fit(X, y)
    assert estimator.net_.module_.encoder.residual.columns.are_names.any()
    new = X.astype(float)[:20]
    new.loc[:4, "shop"] = 99.0
    new.loc[5:9, "shop"] = np.nan
    model = to_onnx(estimator, method="predict")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (name,) = [one.name for one in session.get_inputs()]
    (found,) = session.run(None, {name: new.to_numpy()})
    assert_same(found, estimator.predict(new))


def test_categories_that_are_rare_or_numbers(classifier, assert_same):
    """Rare values share one feature with unseen ones, and numbers may be named as categories."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "word": rng.choice(
                list("abcdefgh"), 80, p=[0.3, 0.3, 0.2, 0.04, 0.04, 0.04, 0.04, 0.04]
            ),
            "code": rng.choice([10, 20, 30, 40, 50], 80),
        }
    )
    given = {"categorical_features": ["word", "code"], "max_categories": 4}
    estimator = classifier(**given).fit(X, X["code"] > 20)
    new = pd.concat([X, pd.DataFrame({"word": ["z", "a", None], "code": [10, 60, np.nan]})])
    (found,) = answer(to_onnx(estimator), new)
    assert_same(found, estimator.predict_proba(new))


def test_an_array_of_objects_has_numbered_inputs(classifier, assert_same):
    """The columns of an array are called by their numbers."""
    X = frame()[["colour", "count"]].to_numpy(object)
    estimator = classifier().fit(X, X[:, 1] > 2)
    model = to_onnx(estimator)
    assert [one.name for one in model.graph.input] == ["0", "1"]
    (found,) = answer(model, pd.DataFrame(X, columns=["0", "1"]))
    assert_same(found, estimator.predict_proba(X))


def test_numbers_held_as_objects_are_one_input(classifier, table, labels, run, assert_same):
    """Without categories there is one input for all columns."""
    estimator = classifier().fit(table.astype(object), labels)
    (found,) = run(to_onnx(estimator), table)
    assert_same(found, estimator.predict_proba(table))


@pytest.mark.parametrize(
    ("estimator", "method"),
    [
        (AutoencoderTransformer(2), "reconstruct"),
        (AutoencoderTransformer(2, output="reconstruction"), "transform"),
        (AutoencoderImputer(2), "transform"),
        (AutoencoderOutlierDetector(2), "predict"),
        (AutoencoderOutlierDetector(2), "score_samples"),
    ],
)
def test_other_methods_are_refused(estimator, method):
    """Tables of several kinds and errors of categories are no result of a graph."""
    estimator.set_params(max_epochs=1).fit(frame())
    with pytest.raises(ValueError, match=f"method='{method}' of .* text or of categories. Encode"):
        to_onnx(estimator, method=method)


def test_a_pipeline_has_one_input(classifier):
    """The converter of skl2onnx says that categories are to be encoded before."""
    skl2onnx = pytest.importorskip("skl2onnx")
    types = pytest.importorskip("skl2onnx.common.data_types")
    X = frame()[["colour", "grade"]].fillna("none").to_numpy(object)
    pipeline = make_pipeline(classifier()).fit(X, np.arange(60) % 2)
    register_converters()
    with pytest.raises(ValueError, match=r"one input of numbers.* OneHotEncoder"):
        skl2onnx.to_onnx(pipeline, initial_types=[("X", types.StringTensorType([None, 2]))])
