"""Time fitted estimators against their ONNX graphs, in single precision and with 8 bits.

    python benchmarks/serving.py [--data FOLDER] [--rows 60000] [--rounds 5]

Processor time of one thread, the least of the rounds: of one row, whose call is repeated, and of
many, which onnxruntime gets a thousand at a time. Images are MNIST where FOLDER has it, else the
digits of scikit-learn. Needs the extra `onnx`.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static
from sklearn.datasets import make_classification

sys.path.append(str(Path(__file__).parent / "quality"))

from core import Source
from data import mnist

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier
from sk_aecnn.onnx import to_onnx

COLUMNS = ("model", "variant", "one row, µs", "rows, s", "accuracy, %", "file, KiB")
CALL_ROWS = 1000


@dataclass
class Work:
    """A fitted estimator and rows it has not seen."""

    title: str
    estimator: Any
    X: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    method: str = "predict_proba"


class Calibration(CalibrationDataReader):
    """Training rows, from which the ranges of activations are taken."""

    def __init__(self, X, n_rows=1000, step=100):
        self.parts = iter([{"X": X[i : i + step]} for i in range(0, min(len(X), n_rows), step)])

    def get_next(self):
        return next(self.parts, None)


def works(source, n_train):
    """Yield fitted estimators."""
    X, y, X_test, y_test = mnist(source)
    X, y = X[:n_train], y[:n_train]
    classifier = AECNNClassifier(max_epochs=3, random_state=0).fit(X, y)
    yield Work("images, AECNNClassifier", classifier, X, X_test, y_test)
    rows, test = (images.reshape(len(images), -1) for images in (X, X_test))
    encoder = AutoencoderTransformer(32, encoder="dense", max_epochs=1, random_state=0).fit(rows)
    yield Work("images as rows, AutoencoderTransformer", encoder, rows, test, y_test, "transform")
    X, y = make_classification(4000, 50, n_informative=20, n_classes=4, class_sep=2, random_state=0)
    halves = X[::2], X[1::2], y[1::2]
    one = CNNClassifier(dense_units=100, n_estimators=1, max_epochs=20, random_state=0)
    yield Work("table, CNNClassifier(n_estimators=1)", one.fit(X[::2], y[::2]), *halves)
    five = AECNNClassifier(8, max_epochs=20, random_state=0)
    yield Work("table, AECNNClassifier, five members", five.fit(X[::2], y[::2]), *halves)


def quantize(path, work):
    """Write the graph with weights of 8 bits, and activations where there are convolutions."""
    target = path.with_suffix(".int8.onnx")
    if work.X.ndim > 2:
        layers = ["Conv", "Gemm"]
        quantize_static(path, target, Calibration(work.X), op_types_to_quantize=layers)
    else:
        quantize_dynamic(path, target, op_types_to_quantize=["Gemm", "MatMul"])
    return target


def session_of(path):
    """Return what computes a graph with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def caller(session):
    """Return a function of rows like the method of an estimator."""

    def call(X):
        starts = range(0, len(X), CALL_ROWS)
        return np.concatenate([session.run(None, {"X": X[i : i + CALL_ROWS]})[0] for i in starts])

    return call


def seconds(call, X, repeats, rounds):
    """Return the least processor time of a call."""
    times = []
    for _ in range(rounds):
        start = process_time()
        for _ in range(repeats):
            call(X)
        times.append((process_time() - start) / repeats)
    return min(times)


def measure(work, n_rows, rounds):
    """Yield the cells of every variant of a work."""
    many = np.resize(work.X_test, (n_rows, *work.X_test.shape[1:]))
    with TemporaryDirectory() as folder:
        path = Path(folder, "graph.onnx")
        to_onnx(work.estimator, path, method=work.method, dtype=work.X.dtype)
        paths = {"onnxruntime": path, "onnxruntime, int8": quantize(path, work)}
        variants = {"estimator": getattr(work.estimator, work.method)}
        variants |= {name: caller(session_of(str(file))) for name, file in paths.items()}
        for name, call in variants.items():
            accuracy = ""
            if work.method == "predict_proba":
                accuracy = f"{100 * np.mean(call(work.X_test).argmax(1) == work.y_test):.2f}"
            one = seconds(call, work.X_test[:1], 200, rounds)
            yield (
                name,
                f"{one * 1e6:.0f}",
                f"{seconds(call, many, 1, 2):.2f}",
                accuracy,
                f"{paths[name].stat().st_size / 1024:.0f}" if name in paths else "",
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with mnist/, as benchmarks/quality reads")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--train", type=int, default=10_000, help="images to fit")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("|", " | ".join(COLUMNS).replace("rows, s", f"{args.rows} rows, s"), "|")
    print("|---" * len(COLUMNS) + "|")
    for work in works(Source(args.data), args.train):
        for cells in measure(work, args.rows, args.rounds):
            print("|", work.title, "|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
