"""The works that are timed: what data, what network, how long, by which variants."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import variants


@dataclass(frozen=True)
class Work:
    """What is done: training for ``epochs``, or, where there are none, inference."""

    title: str
    data: Callable  # takes a number of rows, returns arrays; the same in every process
    n_rows: int
    variants: dict  # takes the work and the data, returns what is timed; the first is the unit
    sizes: tuple = ()  # of dense layers
    epochs: int = 0
    batch_size: int = 0
    at_once: int | None = None  # rows of a call of inference
    repeats: int = 1  # for what is over too soon to be timed


def low_rank_rows(n_rows, n_features=784):
    """Return rows of low rank with some noise: times do not depend on what the numbers mean."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 10)) @ rng.normal(size=(10, n_features))
    rows = rows + 0.1 * rng.normal(size=rows.shape)
    return ((rows / rows.std()).astype(np.float32),)


def blob_images(n_rows, n_classes=10):
    """Return standardised images of 28 by 28 and classes, told by where a blob lies."""
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n_rows)
    angle = 2 * np.pi * y / n_classes
    centre = np.stack([14 + 8 * np.cos(angle), 14 + 8 * np.sin(angle)], axis=1)
    centre += rng.normal(size=centre.shape)
    rows, columns = np.mgrid[:28, :28]
    distance = (rows - centre[:, 0, None, None]) ** 2 + (columns - centre[:, 1, None, None]) ** 2
    images = np.exp(-distance / 20) + 0.1 * rng.normal(size=(n_rows, 28, 28))
    return ((images - images.mean()) / images.std()).astype(np.float32), y


def table(n_rows, n_features=50, n_classes=4):
    """Return standardised features and classes that depend on them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    scores = X @ rng.normal(size=(n_features, n_classes)) + rng.normal(size=(n_rows, n_classes))
    return X, scores.argmax(axis=1)


def digits(n_rows):
    """Return scikit-learn's digits, standardised."""
    from sklearn.datasets import load_digits

    X = load_digits().data[:n_rows]
    return (((X - X.mean()) / X.std()).astype(np.float32),)


LOOP = {"plain loop": variants.plain_loop}
OWN = {"sk_aecnn": variants.package}
OWN_16 = {"sk_aecnn, bfloat16": partial(variants.package, precision="bfloat16")}
SKORCH = {"skorch, default": variants.skorch}
MLP = {"scikit-learn MLP": variants.mlp}
KERAS = {
    "Keras on JAX": partial(variants.keras, backend="jax"),
    "Keras on TensorFlow": partial(variants.keras, backend="tensorflow"),
}
ONNX = {"onnxruntime": variants.onnx}
TORCH = {"torch": variants.plain_inference}
IMAGES = {"data": blob_images, "n_rows": 12_800, "epochs": 1, "batch_size": 128}
ONE = {"n_rows": 2_000, "at_once": 1, "repeats": 1_000}

WORKS = {
    "autoencoder": Work(
        "dense autoencoder 784-64-32-32-32-64-784",
        low_rank_rows,
        60_000,
        LOOP | OWN | SKORCH | MLP | KERAS | {"PyOD": variants.pyod},
        sizes=(784, 64, 32, 32, 32, 64, 784),
        epochs=2,
        batch_size=256,
    ),
    "cnn": Work(
        "CNN conv32-pool-conv64-pool-dense128",
        variants=LOOP | OWN | OWN_16 | SKORCH | KERAS,
        **IMAGES,
    ),
    "joint": Work(variants.JOINT, variants=LOOP | OWN | OWN_16, **IMAGES),
    "table": Work(
        "classifier 50-100-4, 200 000 rows",
        table,
        200_000,
        LOOP | OWN | SKORCH | MLP,
        sizes=(50, 100, 4),
        epochs=2,
        batch_size=1024,
    ),
    "digits": Work(
        "autoencoder 64-32-16-32-64, digits",
        digits,
        1_797,
        LOOP | OWN | MLP,
        sizes=(64, 32, 16, 32, 64),
        epochs=5,
        batch_size=256,
        repeats=5,
    ),
    "encode": Work(
        "encode 60 000 rows",
        low_rank_rows,
        60_000,
        {"torch, chunks of 1024": variants.plain_inference} | OWN | MLP | KERAS | ONNX,
        sizes=(784, 64, 32, 32),
    ),
    "encode-one": Work(
        "encode one row",
        low_rank_rows,
        variants=TORCH | OWN | MLP | ONNX,
        sizes=(784, 64, 32, 32),
        **ONE,
    ),
    "predict-one": Work(
        "classify one row, 50-100-4",
        table,
        variants=TORCH | OWN | MLP,
        sizes=(50, 100, 4),
        **ONE,
    ),
}

PREPARED = []


def prepare(name, variant, scale):
    """Make the data and run once what will be timed; in the variant's process."""
    work = WORKS[name]
    data = work.data(max(work.batch_size, int(work.n_rows * scale)))
    PREPARED.append(work.variants[variant](work, *data))
    PREPARED[0]()


def timed(name):
    """Return seconds, loss and peak bytes of a run; in the variant's process."""
    work, start = WORKS[name], time.perf_counter()
    for _ in range(work.repeats):
        result = PREPARED[0]()
    seconds = (time.perf_counter() - start) / work.repeats
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return seconds, float(result) if work.epochs else float("nan"), peak
