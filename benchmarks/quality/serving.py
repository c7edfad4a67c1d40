"""Fitted estimators beside their ONNX graphs, in single precision and with 8 bits."""

import time
import timeit
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import data
import numpy as np
from core import Metric, Table, Task
from sklearn.base import BaseEstimator
from torch import get_num_threads

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier

TEN_THOUSAND = partial(data.some, n_rows=10_000)
MNIST_ROWS = partial(data.mnist, shape=(784,))
CODER = AutoencoderTransformer(32, encoder="dense", max_epochs=1)
ONE_NETWORK = CNNClassifier(dense_units=100, n_estimators=1, max_epochs=20)
FIVE_MEMBERS = AECNNClassifier(8, max_epochs=20)
SERVED = {
    "images, AECNNClassifier": (data.mnist, TEN_THOUSAND, AECNNClassifier(max_epochs=3)),
    "images as rows, AutoencoderTransformer": (MNIST_ROWS, TEN_THOUSAND, CODER),
    "table, CNNClassifier(n_estimators=1)": (data.clusters, data.half, ONE_NETWORK),
    "table, AECNNClassifier, five members": (data.clusters, data.half, FIVE_MEMBERS),
}


@dataclass(eq=False, repr=False)
class Served(BaseEstimator):
    """An estimator whose results are computed by itself or by its graph, of ``bits`` bits."""

    estimator: BaseEstimator
    bits: int | None = None

    def fit(self, X, y):
        self.method_ = "predict_proba" if hasattr(self.estimator, "predict_proba") else "transform"
        self.call_, self.n_bytes_ = getattr(self.estimator.fit(X, y), self.method_), np.nan
        if self.bits:
            graph = graph_of(self, X)
            self.call_, self.n_bytes_ = call_of(graph), len(graph)
        return self


def served(run, **params):
    """Return the row of the estimator of a task."""
    return Served(SERVED[run.task.name][-1], **params)


def graph_of(model, X):
    """Return the bytes of a graph; of 8 bits are its weights and, with convolutions, the rest."""
    from onnxruntime.quantization import quantize_dynamic, quantize_static

    from sk_aecnn.onnx import to_onnx

    with TemporaryDirectory() as folder:
        path, small = Path(folder, "graph.onnx"), Path(folder, "quantized.onnx")
        to_onnx(model.estimator, path, method=model.method_, dtype=X.dtype)
        if model.bits == 32:
            return path.read_bytes()
        if X.ndim > 2:  # ranges of activations are taken from training rows
            parts = iter([{"X": part} for part in np.array_split(X[:1000], 10)])
            reader = SimpleNamespace(get_next=lambda: next(parts, None))
            quantize_static(path, small, reader, op_types_to_quantize=["Conv", "Gemm"])
        else:
            quantize_dynamic(path, small, op_types_to_quantize=["Gemm", "MatMul"])
        return small.read_bytes()


def call_of(graph):
    """Return what computes a graph, a thousand rows at a time, with as many threads as torch."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = get_num_threads()
    session = InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def call(X):
        chunks = [X[start : start + 1000] for start in range(0, len(X), 1000)]
        return np.concatenate([session.run(None, {"X": chunk})[0] for chunk in chunks])

    return call


def seconds(model, X, number=1, repeat=2):
    """Return the least processor time of a call."""
    timer = timeit.Timer(lambda: model.call_(X), timer=time.process_time)
    return min(timer.repeat(repeat, number)) / number


def one_row(model, split):
    return 1e6 * seconds(model, split.X_test[:1], number=20, repeat=10)


def many_rows(model, split):
    return 60_000 * seconds(model, split.X_test) / len(split.X_test)


def accuracy(model, split):
    if model.method_ == "transform":
        return np.nan
    return np.mean(model.call_(split.X_test).argmax(axis=1) == split.y_test)


SERVING = Table(
    title="Fitted estimators and their ONNX graphs: processor time.",
    tasks=[Task(name, read, split) for name, (read, split, _) in SERVED.items()],
    models={
        "estimator": served,
        "onnxruntime": partial(served, bits=32),
        "onnxruntime, int8": partial(served, bits=8),
    },
    metrics=(
        Metric("one row, µs", 0, one_row),
        Metric("60 000 rows, s", 2, many_rows),
        Metric("accuracy, %", 2, accuracy),
        Metric("file, KiB", 0, lambda model, split: model.n_bytes_ / 1024),
    ),
    notes=(
        "One row is called again and again; of many, a graph gets a thousand at a time, and the "
        "time is that of the test rows, in proportion.",
    ),
)
