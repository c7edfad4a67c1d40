"""A fitted estimator as an ONNX model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from sklearn.base import is_outlier_detector
from sklearn.utils.validation import check_is_fitted

from sk_aecnn.estimators._imputer import AutoencoderImputer
from sk_aecnn.lifecycle._base import NetworkEstimator
from sk_aecnn.onnx._columns import Inputs, add_columns
from sk_aecnn.onnx._methods import METHODS, check_methods
from sk_aecnn.onnx._networks import NetworkGraph

_INPUT = "X"


def to_onnx(
    estimator: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    method: str | Sequence[str] | None = None,
    dtype: Any = np.float64,
) -> Any:
    r"""Convert a fitted estimator to an ONNX model, from samples as they are to results.

    Scaling, encoding of columns, the order of axes, the members of an ensemble, the temperature of
    probabilities and the labels are part of the graph. Its results are those of the estimator but
    for rounding, about 1e-6 of what they are. It takes any number of samples at a time.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this package. For a `~sklearn.pipeline.Pipeline` with one inside, see
        `register_converters`.
    path : str or path-like, default=None
        File to write the model to; it is replaced in whole, or not at all.
    method : str, sequence of str or None, default=None
        Which method of the estimator the graph computes: ``"predict_proba"``, ``"predict"``,
        ``"transform"``, ``"reconstruct"``, ``"score_samples"`` or ``"decision_function"``, as far
        as the estimator has it. Several make a graph of as many outputs, in this order, that
        compute what they share once. ``None`` takes the first one that the estimator has of
        ``"predict_proba"``, ``"predict"`` and ``"transform"``.
    dtype : dtype, default=float64
        Type of the samples that the graph takes: a float of 32 or 64 bits, an integer or a boolean.
        As in the estimator, float64 and integers of 32 and 64 bits are centred before they become
        single precision, so that large ones, as timestamps, keep their digits.

    Returns
    -------
    model : onnx.ModelProto
        A graph with the input ``"X"`` of shape (batch, n_features) or (batch, \*sample_shape), as
        the samples were in ``fit``; where columns of text or of categories were among them, with an
        input (batch, 1) for each column, by its name, of text or float64. It has an output for each
        method: ``"probabilities"``,
        ``"label"`` (int64, float64 or text, of a classifier or an outlier detector),
        ``"prediction"`` (of a regressor), ``"code"`` (``"transformed"`` where ``transform`` returns
        reconstructions), ``"reconstruction"``, ``"score"``, ``"decision"``. Probabilities, codes
        and reconstructions are in the precision of the network, targets and scores in double
        precision.

    Raises
    ------
    ImportError
        If the package onnx is missing.
    AttributeError
        If the estimator has no such method.
    ValueError
        If a parameter cannot be used, or a part of the network has no counterpart in ONNX.

    Notes
    -----
    NaN is a missing value, as in the estimator. Input is not checked otherwise: where the estimator
    raises, as of infinite values, results have no meaning. A custom encoder, decoder, back end or
    activation is exported by `torch.onnx.export`, which needs the package onnxscript and takes
    seconds. A sample whose score is the threshold of a detector itself, as one of the training
    samples is, may end on either side of it.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import AECNNClassifier
    >>> from sk_aecnn.onnx import to_onnx
    >>> digits = load_digits()
    >>> clf = AECNNClassifier(8, max_epochs=1, random_state=0).fit(
    ...     digits.images, digits.target
    ... )
    >>> model = to_onnx(clf, method=["predict", "transform"])
    >>> [output.name for output in model.graph.output]
    ['label', 'code']
    """
    if not isinstance(estimator, NetworkEstimator):
        raise ValueError(
            f"estimator={estimator!r} is none of this package's. For a pipeline with one inside, "
            "call sk_aecnn.onnx.register_converters() and skl2onnx.to_onnx(pipeline, X[:1])."
        )
    check_is_fitted(estimator)
    methods = check_methods(estimator, method)
    model = build_model(estimator, methods, check_dtype(dtype), given_shape(estimator))
    if path is not None:
        write_whole(Path(path), model.SerializeToString())
    return model


def given_shape(estimator: Any) -> tuple[int, ...]:
    """Return the shape of one sample as it was given to ``fit``."""
    geometry = estimator._geometry
    return (geometry.n_features,) if geometry.given_flat else geometry.shape


def check_dtype(dtype: Any) -> np.dtype:
    """Return the type of a graph's input, or raise."""
    try:
        checked: np.dtype = np.dtype(dtype)
    except TypeError:
        checked = np.dtype(object)
    if checked.kind not in "biu" and checked not in (np.float32, np.float64):
        raise ValueError(
            f"dtype={dtype!r} must be float32, float64, bool or an integer type, that of the "
            "samples which the graph is to take."
        )
    return checked


def build_model(
    estimator: Any,
    methods: Sequence[str],
    dtype: np.dtype,
    shape: tuple[int, ...],
    result_dtype: np.dtype | None = None,
    as_columns: bool = False,
    branches: bool = True,
) -> Any:
    """Return the graph of some methods of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this package.
    methods : sequence of str
        Names of its methods.
    dtype : dtype
        Type of its input, where that is one for all columns.
    shape : tuple of int
        Shape of one sample.
    result_dtype : dtype or None
        Type of floating results; ``None`` leaves them as they are.
    as_columns : bool
        Whether results of one number are of shape (batch, 1) instead of (batch,).
    branches : bool
        As for `Graph`.
    """
    inputs: Inputs = {_INPUT: (dtype, shape)}
    if has_categories(estimator):
        _check_methods_of_table(estimator, methods)
        dtype = np.dtype("float64")
    network = NetworkGraph(estimator.net_.module_, _INPUT, shape, dtype, branches)
    if has_categories(estimator):
        inputs, network.given = add_columns(network.graph, estimator._schema)
    graph, outputs = network.graph, {}
    for output in (METHODS[method](network, estimator) for method in methods):
        value, kind, sizes = output.value, output.dtype, output.shape
        if result_dtype is not None and kind.kind == "f" and kind != result_dtype:
            value, kind = graph.cast(value, result_dtype), result_dtype
        if as_columns and not sizes:
            value, sizes = graph.reshape(value, -1, 1), (1,)
        outputs[output.name] = value, kind, sizes
    return graph.to_model(inputs, outputs)


def has_categories(estimator: Any) -> bool:
    """Tell whether columns of text or of categories were among the samples in ``fit``."""
    return estimator._schema is not None and bool(estimator._schema.n_categories)


def _check_methods_of_table(estimator: Any, methods: Sequence[str]) -> None:
    """Raise where a result would be a table of several kinds, or an error of categories."""
    refused = {"reconstruct", "score_samples", "decision_function"}
    if is_outlier_detector(estimator):
        refused.add("predict")
    if (
        isinstance(estimator, AutoencoderImputer)
        or getattr(estimator, "output", "code") == "reconstruction"
    ):
        refused.add("transform")
    for method in methods:
        if method in refused:
            raise ValueError(
                f"method={method!r} of {type(estimator).__name__} cannot be exported, because it "
                "was fitted on columns of text or of categories. Encode them in front of it, for "
                "example by a OneHotEncoder in a Pipeline, which skl2onnx converts as a whole."
            )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name first: an interrupt leaves the old one as it was."""
    with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            file.write(content)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
