"""
Export a model to ONNX and serve it without PyTorch
===================================================

:func:`~sk_aecnn.onnx.to_onnx` writes a fitted estimator as a graph that takes samples in their
original form and returns what its methods return. onnxruntime computes it without torch and
scikit-learn, on a server, on a phone or in a browser. A single prediction is also faster, because
nothing has to be validated.

The folder ``examples/serving`` of the repository has a web service with FastAPI that answers with
such a graph, and ``examples/browser`` a page on which you draw digits that it classifies.
"""

import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier
from sk_aecnn.onnx import to_onnx

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)
model = AECNNClassifier(8, max_epochs=10, random_state=0).fit(X_train, y_train)

# %%
# Several methods in one graph
# ----------------------------
# ``dtype="uint8"`` is for clients that send pixels as bytes.

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.onnx"
to_onnx(model, path, method=["predict", "predict_proba", "reconstruct"], dtype="uint8")
print(f"{path.stat().st_size / 1024:.0f} KiB")

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options)
pixels = X_test.astype(np.uint8)
labels, probabilities, reconstructions = session.run(None, {"X": pixels})
print(
    f"accuracy {np.mean(labels == y_test):.3f}, of the estimator {model.score(X_test, y_test):.3f}"
)
print(f"largest difference {np.abs(probabilities - model.predict_proba(X_test)).max():.1e}")

# %%
# How long does one prediction take?
# ----------------------------------
# The mean processor time of 200 calls, with one thread.


def mean_time(predict, n_calls=200):
    start = time.process_time()
    for k in range(n_calls):
        predict(pixels[k : k + 1])
    return (time.process_time() - start) / n_calls * 1e6


times = {
    "estimator": mean_time(model.predict_proba),
    "onnxruntime": mean_time(lambda X: session.run(["probabilities"], {"X": X})),
}
for name, microseconds in times.items():
    print(f"{name:<12} {microseconds:6.0f} µs")

# %%

fig, (left, right) = plt.subplots(
    1, 2, figsize=(8, 2.6), layout="constrained", width_ratios=[2, 1.2]
)
pictures = np.concatenate([np.hstack(pixels[:8]), np.hstack(reconstructions[:8])])
left.imshow(pictures, cmap="gray_r")
left.set(title="digits, and the reconstructions of the graph", xticks=[], yticks=[])
right.barh(list(times), list(times.values()))
right.set(title="time of one prediction", xlabel="µs")
plt.show()
folder.cleanup()
