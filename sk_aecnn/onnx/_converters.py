"""Converters for skl2onnx, for pipelines with an estimator of this package inside."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, is_classifier, is_outlier_detector, is_regressor

from sk_aecnn.estimators._aecnn_classifier import AECNNClassifier
from sk_aecnn.estimators._aecnn_regressor import AECNNRegressor
from sk_aecnn.estimators._autoencoder import AutoencoderTransformer
from sk_aecnn.estimators._cnn_classifier import CNNClassifier
from sk_aecnn.estimators._cnn_regressor import CNNRegressor
from sk_aecnn.estimators._imputer import AutoencoderImputer
from sk_aecnn.estimators._outlier import AutoencoderOutlierDetector
from sk_aecnn.estimators._variational import VariationalAutoencoderTransformer
from sk_aecnn.onnx._export import build_model, check_dtype, given_shape, has_categories
from sk_aecnn.onnx._graph import OPSET, import_extra

_ESTIMATORS = (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)
_CLASSIFIER_OPTIONS = {
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "zipmap": [True, False, "columns"],
}


def register_converters() -> None:
    """Teach skl2onnx the estimators of this package.

    A `~sklearn.pipeline.Pipeline` with some of them inside, a search or a stack of models, then
    becomes one graph by ``skl2onnx.to_onnx(pipeline, X[:1])``. As with scikit-learn's own
    estimators, results have the type of the input where that is a float, and labels come with
    probabilities, or with scores. May be called any number of times.

    Raises
    ------
    ImportError
        If the package skl2onnx is missing.

    Examples
    --------
    >>> from skl2onnx import to_onnx
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_aecnn import AutoencoderTransformer
    >>> from sk_aecnn.onnx import register_converters
    >>> X, y = load_iris(return_X_y=True)
    >>> pipeline = make_pipeline(
    ...     AutoencoderTransformer(2, max_epochs=1, random_state=0),
    ...     LogisticRegression(),
    ... ).fit(X, y)
    >>> register_converters()
    >>> model = to_onnx(pipeline, X[:1], options={"zipmap": False})
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    skl2onnx = import_extra("skl2onnx")
    for cls in _ESTIMATORS:
        skl2onnx.update_registered_converter(
            cls,
            f"SkAecnn{cls.__name__}",
            _set_types,
            _convert,
            options=_CLASSIFIER_OPTIONS if issubclass(cls, ClassifierMixin) else None,
        )


def _methods_of(estimator: Any) -> list[str]:
    """Return the methods whose results stand for an estimator in a pipeline."""
    if is_classifier(estimator):
        return ["predict", "predict_proba"]
    if is_outlier_detector(estimator):
        return ["predict", "decision_function"]
    return ["predict"] if is_regressor(estimator) else ["transform"]


def _build(operator: Any) -> Any:
    """Return the graph of an estimator in a pipeline."""
    estimator = operator.raw_operator
    if len(operator.inputs) != 1:
        raise ValueError(
            f"{type(estimator).__name__} takes one table, but there are {len(operator.inputs)} "
            "inputs. Convert with one input of all columns, or put a ColumnTransformer before it."
        )
    if has_categories(estimator):
        raise ValueError(
            f"{type(estimator).__name__} was fitted on columns of text or of categories, but in a "
            "pipeline of skl2onnx it has one input of numbers. Encode them in front of it, for "
            "example by a OneHotEncoder, or export it alone by sk_aecnn.onnx.to_onnx."
        )
    given = operator.inputs[0].type
    helper = import_extra("onnx").helper
    kind = given.to_onnx_type().tensor_type.elem_type
    dtype = check_dtype(helper.tensor_dtype_to_np_dtype(kind))
    return build_model(
        estimator,
        _methods_of(estimator),
        dtype,
        _check_shape(estimator, given.shape[1:]),
        result_dtype=dtype if dtype == np.float64 else np.dtype(np.float32),
        as_columns=not is_classifier(estimator),
        branches=False,
    )


def _check_shape(estimator: Any, shape: Any) -> tuple[int, ...]:
    """Return the shape of a sample that a pipeline passes, or raise."""
    if not shape or not all(isinstance(size, int) for size in shape):
        return given_shape(estimator)
    if prod(shape) != estimator.n_features_in_:
        raise ValueError(
            f"Samples of shape {tuple(shape)} come to {type(estimator).__name__}, which was fitted "
            f"on samples of shape {given_shape(estimator)}. Pass initial_types of that shape."
        )
    return tuple(shape)


def _set_types(operator: Any) -> None:
    """Say which types and shapes an estimator's results have."""
    types = import_extra("skl2onnx.common.data_types")
    elements = import_extra("onnx").TensorProto
    kinds = {
        elements.DOUBLE: types.DoubleTensorType,
        elements.FLOAT: types.FloatTensorType,
        elements.INT64: types.Int64TensorType,
        elements.STRING: types.StringTensorType,
    }
    n_samples = operator.inputs[0].get_first_dimension()
    for output, made in zip(operator.outputs, _build(operator).graph.output, strict=True):
        tensor = made.type.tensor_type
        sizes = [size.dim_value for size in tensor.shape.dim[1:]]
        output.type = kinds[tensor.elem_type]([n_samples, *sizes])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of an estimator to that of a pipeline."""
    if container.target_opset < OPSET:
        raise ValueError(
            f"target_opset={container.target_opset}, but {type(operator.raw_operator).__name__} is "
            f"converted to operators of version {OPSET}. Pass target_opset={OPSET} or a later one."
        )
    helpers = import_extra("skl2onnx.helpers")
    helpers.add_onnx_graph(scope, operator, container, _build(operator))
