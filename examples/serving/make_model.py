"""Fit a classifier of handwritten digits and write its graph, for the service and the page.

    python examples/serving/make_model.py [digits.onnx]

One graph has the class, the probabilities, the code and the reconstruction of a digit.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from sk_aecnn import AECNNClassifier
from sk_aecnn.onnx import to_onnx

METHODS = ["predict", "predict_proba", "transform", "reconstruct"]


def main(path="digits.onnx", n_samples=None, max_epochs="auto"):
    digits = load_digits()
    images, classes = digits.images[:n_samples], digits.target[:n_samples]
    classifier = AECNNClassifier(8, max_epochs=max_epochs, random_state=0).fit(images, classes)
    to_onnx(classifier, path, method=METHODS, dtype=np.float32)
    print(f"wrote {path}, {Path(path).stat().st_size / 1024:.0f} KiB")
    return classifier


if __name__ == "__main__":
    main(*sys.argv[1:2])
