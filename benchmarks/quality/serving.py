"""Fitted estimators beside their ONNX graphs, in single precision and with 8 bits."""

import time
import timeit
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import data
import numpy as np
import scores
from core import ACCURACY, Table, Task
from graphs import call, session_of
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier


def clusters(source):
    """Return rows of four clusters on 20 axes and of noise on 30."""
    sizes = {"n_samples": 4_000, "n_features": 50, "n_informative": 20, "n_redundant": 0}
    return source.cut(*make_classification(**sizes, n_classes=4, class_sep=2, random_state=0))


TEN_THOUSAND = partial(data.some, n_rows=10_000)
ENCODER = AutoencoderTransformer(32, encoder="dense", max_epochs=1)
TABLE_CNN = CNNClassifier(dense_units=100, n_estimators=1, max_epochs=20)
# by the name of the task, its data, an estimator and its method
SERVED = {
    "images, AECNNClassifier": (
        (data.mnist, TEN_THOUSAND),
        (AECNNClassifier(max_epochs=3), "predict_proba"),
    ),
    "images as rows, AutoencoderTransformer": (
        (data.mnist_rows, TEN_THOUSAND),
        (ENCODER, "transform"),
    ),
    "table, CNNClassifier(n_estimators=1)": (
        (clusters, data.half),
        (TABLE_CNN, "predict_proba"),
    ),
    "table, AECNNClassifier, five members": (
        (clusters, data.half),
        (AECNNClassifier(8, max_epochs=20), "predict_proba"),
    ),
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
            graph = graph_of(self, X)
            self.call_, self.n_bytes_ = partial(call, session_of(graph)), len(graph)
        return self


def served(run, **params):
    """Return the row of the estimator that a task names."""
    return Served(*SERVED[run.task][1], **params)


def graph_of(model, X):
    """Return the bytes of a graph; of 8 bits are its weights and, with convolutions, the rest."""
    from onnxruntime.quantization import quantize_dynamic, quantize_static

    from sk_aecnn.onnx import to_onnx

    with TemporaryDirectory() as folder:
        path, quantized = Path(folder, "graph.onnx"), Path(folder, "quantized.onnx")
        to_onnx(model.estimator, path, method=model.method, dtype=X.dtype)
        if model.bits == 32:
            return path.read_bytes()
        if X.ndim > 2:
            layers = ["Conv", "Gemm"]
            quantize_static(path, quantized, Calibration(X), op_types_to_quantize=layers)
        else:
            quantize_dynamic(path, quantized, op_types_to_quantize=["Gemm", "MatMul"])
        return quantized.read_bytes()


class Calibration:
    """Training rows, from which the ranges of activations are taken."""

    def __init__(self, X, n_rows=1000, step=100):
        self.parts = iter([{"X": X[i : i + step]} for i in range(0, min(len(X), n_rows), step)])

    def get_next(self):
        return next(self.parts, None)


def judge(model, run, n_rows=60_000):
    """Judge a served estimator by the least processor time of calls, and by its accuracy."""
    X, y = run.split.X_test, run.split.y_test
    many = np.resize(X, (100 if run.plan.quick else n_rows, *X.shape[1:]))
    timed, number = partial(timeit.repeat, timer=time.process_time), 1 if run.plan.quick else 200
    one = min(timed(lambda: model.call_(X[:1]), number=number, repeat=5)) / number
    hits = model.call_(X).argmax(axis=1) == y if model.method == "predict_proba" else np.nan
    return {
        scores.ONE_ROW.name: 1e6 * one,
        scores.MANY_ROWS.name: min(timed(lambda: model.call_(many), number=1, repeat=2)),
        ACCURACY.name: 100 * np.mean(hits),
        scores.FILE.name: model.n_bytes_ / 1024,
    }


SERVING = {
    "serving": Table(
        title="Fitted estimators and their ONNX graphs: processor time.",
        tasks=[Task(name, *loading) for name, (loading, _) in SERVED.items()],
        models={
            "estimator": served,
            "onnxruntime": partial(served, bits=32),
            "onnxruntime, int8": partial(served, bits=8),
        },
        metrics=(scores.ONE_ROW, scores.MANY_ROWS, ACCURACY, scores.FILE),
        judge=judge,
        seeds=(0,),
        layout="metrics",
        notes=("One row is called again and again; of many, a graph gets a thousand at a time.",),
    )
}
