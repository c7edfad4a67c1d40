"""Fitted estimators beside their ONNX graphs, in single precision and with 8 bits."""

import time
import timeit
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.base import BaseEstimator

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier

N_ROWS = 60_000
ENCODER = AutoencoderTransformer(32, encoder="dense", max_epochs=1)
# by the name of the task, an estimator and its method
SERVED = {
    "images, AECNNClassifier": (AECNNClassifier(max_epochs=3), "predict_proba"),
    "images as rows, AutoencoderTransformer": (ENCODER, "transform"),
    "table, CNNClassifier(n_estimators=1)": (
        CNNClassifier(dense_units=100, n_estimators=1, max_epochs=20),
        "predict_proba",
    ),
    "table, AECNNClassifier, five members": (AECNNClassifier(8, max_epochs=20), "predict_proba"),
}


class Served(BaseEstimator):
    """An estimator whose results are computed by itself or by its graph, of ``bits`` bits."""

    def __init__(self, estimator, method, bits=None):
        self.estimator = estimator
        self.method = method
        self.bits = bits

    def fit(self, X, y):
        self.estimator.fit(X, y)
        self.call_, self.n_bytes_ = getattr(self.estimator, self.method), np.nan
        if self.bits:
            from graphs import call, session_of

            graph = graph_of(self, X)
            self.call_, self.n_bytes_ = partial(call, session_of(graph)), len(graph)
        return self


def served(run, **params):
    """Return the row of the estimator that a task names."""
    return Served(*SERVED[run.task], **params)


def graph_of(model, X):
    """Return the bytes of a graph; of 8 bits are its weights and, with convolutions, the rest."""
    from onnxruntime.quantization import quantize_dynamic, quantize_static

    from sk_aecnn.onnx import to_onnx

    with TemporaryDirectory() as folder:
        path, quantized = Path(folder, "graph.onnx"), Path(folder, "quantized.onnx")
        to_onnx(model.estimator, path, method=model.method, dtype=X.dtype)
        if model.bits == 8 and X.ndim > 2:
            layers = ["Conv", "Gemm"]
            quantize_static(path, quantized, Calibration(X), op_types_to_quantize=layers)
        elif model.bits == 8:
            quantize_dynamic(path, quantized, op_types_to_quantize=["Gemm", "MatMul"])
        return (quantized if model.bits == 8 else path).read_bytes()


class Calibration:
    """Training rows, from which the ranges of activations are taken."""

    def __init__(self, X, n_rows=1000, step=100):
        self.parts = iter([{"X": X[i : i + step]} for i in range(0, min(len(X), n_rows), step)])

    def get_next(self):
        return next(self.parts, None)


def judge(model, run):
    """Judge a served estimator by the least processor time of calls, and by its accuracy."""
    X, y = run.split.X_test, run.split.y_test
    n_rows, number = (100, 1) if run.plan.quick else (N_ROWS, 200)
    many, timed = (
        np.resize(X, (n_rows, *X.shape[1:])),
        partial(timeit.repeat, timer=time.process_time),
    )
    one = min(timed(lambda: model.call_(X[:1]), number=number, repeat=5)) / number
    chances = model.method == "predict_proba"
    return {
        "one row, µs": 1e6 * one,
        "60 000 rows, s": min(timed(lambda: model.call_(many), number=1, repeat=2)),
        "accuracy, %": 100 * np.mean(model.call_(X).argmax(axis=1) == y) if chances else np.nan,
        "file, KiB": model.n_bytes_ / 1024,
    }
