"""Fitted estimators beside their ONNX graphs, in single precision and with 8 bits."""

import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from timeit import Timer
from types import SimpleNamespace

import data
import numpy as np
from core import Fitted, Metric, Table, Task
from torch import get_num_threads

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier
from sk_aecnn.onnx import to_onnx

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


def served(model, X, y, seed, bits=None):
    """Return what computes the results of a model, itself or its graph, and the bytes of that."""
    method = "predict_proba" if hasattr(model, "predict_proba") else "transform"
    call = getattr(model.fit(X, y), method)
    if bits is None:
        return call, np.nan
    graph = to_onnx(model, method=method, dtype=X.dtype)
    graph = quantized(graph, X) if bits == 8 else graph.SerializeToString()
    return call_of(graph), len(graph)


def quantized(graph, X):
    """Return a graph with weights of 8 bits and, with convolutions, the rest of 8 bits as well."""
    from onnxruntime.quantization import quantize_dynamic, quantize_static

    with TemporaryDirectory() as folder:
        path = Path(folder, "quantized.onnx")
        if X.ndim > 2:  # ranges of activations are taken from training rows
            parts = iter([{"X": part} for part in np.array_split(X[:1000], 10)])
            reader = SimpleNamespace(get_next=lambda: next(parts, None))
            quantize_static(graph, path, reader, op_types_to_quantize=["Conv", "Gemm"])
        else:
            quantize_dynamic(graph, path, op_types_to_quantize=["Gemm", "MatMul"])
        return path.read_bytes()


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


def seconds(model, X, repeat=2, number=1):
    """Return the least processor time of a call, divided by the number of rows."""
    timer = Timer(lambda: model.result_[0](X), timer=time.process_time)
    return min(timer.repeat(repeat, number)) / number / len(X)


def accuracy(model, split):
    found = model.result_[0](split.X_test).argmax(axis=1)
    return np.mean(found == split.y_test) if hasattr(model.model, "predict_proba") else np.nan


SERVING = Table(
    title="Fitted estimators and their ONNX graphs: processor time.",
    tasks=[Task(name, read, split) for name, (read, split, _) in SERVED.items()],
    models={
        name: lambda task, bits=bits: Fitted(SERVED[task.name][-1], partial(served, bits=bits))
        for name, bits in (("estimator", None), ("onnxruntime", 32), ("onnxruntime, int8", 8))
    },
    metrics=(
        Metric("one row, µs", 0, lambda one, split: 1e6 * seconds(one, split.X_test[:1], 10, 20)),
        Metric("60 000 rows, s", 2, lambda one, split: 60_000 * seconds(one, split.X_test)),
        Metric("accuracy, %", 2, accuracy),
        Metric("file, KiB", 0, lambda one, split: one.result_[1] / 1024),
    ),
)
