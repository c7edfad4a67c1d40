"""Classify digits over HTTP with onnxruntime, where there is no torch and no scikit-learn.

    python -m pip install fastapi onnxruntime uvicorn
    python examples/serving/make_model.py digits.onnx
    MODEL=digits.onnx uvicorn --app-dir examples/serving --factory service:create_app

    curl -d '{"images": [[[0, 1, ...], ...]]}' -H 'Content-Type: application/json' \
        http://127.0.0.1:8000/predict

The graph takes the pixels as they are. A session may be called from several threads at a time, as
FastAPI does; one thread for each call serves many small requests best.
"""

import os
from typing import Any

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Images(BaseModel):
    """A request: images of numbers."""

    images: list[Any]


class Predictions(BaseModel):
    """An answer: a class and probabilities for each image."""

    labels: list[int]
    probabilities: list[list[float]]


def create_app(path=None):
    """Return the application for a graph, that of the variable MODEL by default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = path or os.environ["MODEL"]
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    shape = tuple(given.shape[1:])
    app = FastAPI(title="Digits")

    @app.post("/predict")
    def predict(request: Images) -> Predictions:
        X = as_batch(request.images, shape)
        labels, probabilities = session.run(["label", "probabilities"], {given.name: X})
        return Predictions(labels=labels.tolist(), probabilities=probabilities.tolist())

    return app


def as_batch(images, shape):
    """Return images as an array, or answer what is wrong with them: the graph does not check."""
    try:
        with np.errstate(over="ignore"):  # of what is found below
            X = np.asarray(images, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise HTTPException(422, f"images must be of numbers, {shape} each: {error}") from error
    if X.shape[1:] != shape or len(X) == 0:
        raise HTTPException(422, f"images of shape {X.shape[1:]} given, {shape} expected")
    if not np.isfinite(X).all():
        raise HTTPException(422, "images hold values that are not finite in single precision")
    return X
