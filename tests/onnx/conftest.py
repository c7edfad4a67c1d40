"""Graphs in onnxruntime, with one thread."""

import numpy as np
import pytest

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def _run(model, X):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = model if isinstance(model, str) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": X})


def _assert_same(found, expected):
    assert found.shape == expected.shape
    if expected.dtype.kind == "f":
        largest = max(1.0, np.abs(expected).max(initial=0))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * largest)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="session")
def run():
    """What returns the outputs of a graph."""
    return _run


@pytest.fixture(scope="session")
def assert_same():
    """A comparison to 1e-5 of the largest value, of labels to the letter."""
    return _assert_same


@pytest.fixture(scope="session")
def assert_exported(assert_same):
    """A comparison of the graph of all methods of an estimator with these, on rows of a type."""
    from sk_aecnn.onnx import to_onnx
    from sk_aecnn.onnx._methods import METHODS

    def compare(estimator, X, dtype=np.float64):
        methods = [name for name in METHODS if hasattr(estimator, name)]
        model = to_onnx(estimator, method=methods, dtype=dtype)
        X = np.asarray(X).astype(dtype)
        for rows in (X[:1], X):
            for method, found in zip(methods, _run(model, rows), strict=True):
                assert_same(found, getattr(estimator, method)(rows))

    return compare
