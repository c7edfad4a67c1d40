"""The works that are timed: what data, what network, how long, by which variants."""

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import variants


@dataclass(frozen=True)
class Work:
    """What is done: training for ``epochs``, or, where there are none, inference or a call."""

    title: str
    variants: dict  # functions of the work and the data that return what is timed; first the unit
    data: Callable = lambda n_rows: ()  # arrays, the same in every process
    n_rows: int = 0
    network: str = "dense"  # of plain, as are its loss and the sizes of its layers
    loss: str = "reconstruction"
    sizes: tuple = ()
    estimator: tuple = ()  # this package's class and parameters for the same network
    epochs: int = 0
    batch_size: int = 0
    at_once: int | None = None  # rows of a call of inference
    repeats: int = 1  # for what is over too soon to be timed


# -- data -------------------------------------------------------------------------------------


def low_rank_rows(n_rows, n_features=784):
    """Return rows of low rank with some noise: times do not depend on what the numbers mean."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 10)) @ rng.normal(size=(10, n_features))
    rows = rows + 0.1 * rng.normal(size=rows.shape)
    return ((rows / rows.std()).astype(np.float32),)


def mapped_rows(n_rows, n_features=784):
    """Return random rows of a file, which lies in TMPDIR and is gone with the process."""
    file = tempfile.TemporaryFile()  # noqa: SIM115, it is open as long as the rows are there
    X = np.memmap(file, np.float32, "w+", shape=(n_rows, n_features))
    rng = np.random.default_rng(0)
    for chunk in np.array_split(X, max(1, n_rows // 50_000)):
        chunk[:] = rng.standard_normal(chunk.shape, dtype=np.float32)
    X.flush()
    return (X,)


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


# -- works ------------------------------------------------------------------------------------

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
CHUNKS = {"torch, chunks of 1024": variants.plain_inference}
TORCH = {"torch": variants.plain_inference}

CODER = {"encoding_dim": 32, "hidden_layer_sizes": (64, 32), "code_activation": "relu"}
# in the estimators, nothing that a plain loop does not do to rows and labels
SAME_IMAGES = {"normalization": None, "augmentation": None, "label_smoothing": 0}
SAME_TABLE = {  # one hidden layer as features, a linear back end, no decoder
    "encoding_dim": 2,
    "encoder": "dense",
    "hidden_layer_sizes": (100,),
    "reconstruction_weight": 0.0,
    "backend": variants.linear,
    "label_smoothing": 0,
}
AUTOENCODER = {
    "sizes": (784, 64, 32, 32, 32, 64, 784),
    "estimator": ("AutoencoderTransformer", CODER),
    "batch_size": 256,
}
ENCODER = {"sizes": (784, 64, 32, 32), "estimator": ("AutoencoderTransformer", CODER)}
CLASSIFIER = {
    "data": table,
    "loss": "classification",
    "sizes": (50, 100, 4),
    "estimator": ("AECNNClassifier", SAME_TABLE),
}
IMAGES = {"data": blob_images, "n_rows": 12_800, "epochs": 1, "batch_size": 128}
ONE = {"n_rows": 2_000, "at_once": 1, "repeats": 1_000}
MAPPED = {"data": mapped_rows, "n_rows": 2**32 // (4 * 784)}

WORKS = {
    "autoencoder": Work(
        "dense autoencoder 784-64-32-32-32-64-784",
        LOOP | OWN | SKORCH | MLP | KERAS | {"PyOD": variants.pyod},
        low_rank_rows,
        60_000,
        epochs=2,
        **AUTOENCODER,
    ),
    "cnn": Work(
        "CNN conv32-pool-conv64-pool-dense128",
        LOOP | OWN | OWN_16 | SKORCH | KERAS,
        network="cnn",
        loss="classification",
        estimator=("CNNClassifier", {"conv_channels": (32, 64), **SAME_IMAGES}),
        **IMAGES,
    ),
    "joint": Work(
        "joint autoencoder and CNN",
        LOOP | OWN | OWN_16,
        network="Joint",
        loss="both",
        estimator=("AECNNClassifier", {"encoding_dim": 32, **SAME_IMAGES}),
        **IMAGES,
    ),
    "table": Work(
        "classifier 50-100-4, 200 000 rows",
        LOOP | OWN | SKORCH | MLP,
        n_rows=200_000,
        epochs=2,
        batch_size=1024,
        **CLASSIFIER,
    ),
    "digits": Work(
        "autoencoder 64-32-16-32-64, digits",
        LOOP | OWN | MLP,
        digits,
        1_797,
        sizes=(64, 32, 16, 32, 64),
        estimator=(
            "AutoencoderTransformer",
            {"encoding_dim": 16, "hidden_layer_sizes": (32,), "code_activation": "relu"},
        ),
        epochs=5,
        batch_size=256,
        repeats=5,
    ),
    "encode": Work(
        "encode 60 000 rows", CHUNKS | OWN | MLP | KERAS | ONNX, low_rank_rows, 60_000, **ENCODER
    ),
    "encode-one": Work("encode one row", TORCH | OWN | MLP | ONNX, low_rank_rows, **ENCODER, **ONE),
    "predict-one": Work("classify one row, 50-100-4", TORCH | OWN | MLP, **CLASSIFIER, **ONE),
    "mapped": Work(
        "one epoch over a mapped file of 4 GiB", LOOP | OWN, epochs=1, **AUTOENCODER, **MAPPED
    ),
    "mapped-encode": Work("encode a mapped file of 4 GiB", CHUNKS | OWN, **ENCODER, **MAPPED),
    "rows": Work(
        "fits of 1 000 000 rows together",
        {
            "1 fit": partial(variants.fits, n_fits=1),
            "10 fits": partial(variants.fits, n_fits=10),
            "100 fits": partial(variants.fits, n_fits=100),
        },
        partial(low_rank_rows, n_features=50),
        1_000_000,
        estimator=("AutoencoderTransformer", {**CODER, "encoding_dim": 10}),
        epochs=2,
        batch_size=256,
    ),
    "grid": Work(
        "GridSearchCV, 12 fits",
        {
            "one worker": partial(variants.grid, n_jobs=1),
            "two workers": partial(variants.grid, n_jobs=2),
        },
        partial(low_rank_rows, n_features=64),
        5_000,
    ),
    "startup": Work(
        "a process of Python",
        {code: partial(variants.process, code=code) for code in variants.STARTS},
    ),
    "limits": Work(
        "what this machine can do",
        {
            "matrix products of a step of the dense autoencoder, 138 MFLOP": variants.products,
            "convolution, 14 x 14, 32 to 64 channels, 925 MFLOP": variants.convolution,
            "the same in bfloat16": partial(variants.convolution, dtype="bfloat16"),
            "convolution, 28 x 28, 1 to 32 channels, 58 MFLOP": partial(
                variants.convolution, sizes=(1, 32, 28), keep=False
            ),
            "the same with freed memory kept": partial(variants.convolution, sizes=(1, 32, 28)),
            "copying 256 MiB": variants.copy,
        },
        sizes=AUTOENCODER["sizes"],
        repeats=50,
    ),
}

# -- in the process of a variant ----------------------------------------------------------------

PREPARED = []


def prepare(name, variant, scale):
    """Make the data and run once what will be timed."""
    work = WORKS[name]
    data = work.data(max(work.batch_size, int(work.n_rows * scale)))
    PREPARED.append(work.variants[variant](work, *data))
    PREPARED[0]()


def timed(name):
    """Return the seconds and the loss of a run, and the most memory that it took, in MiB."""
    peaks, done = [private_memory()], threading.Event()

    def watch():
        while not done.wait(0.05):
            peaks.append(private_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    work, start = WORKS[name], time.perf_counter()
    for _ in range(work.repeats):
        result = PREPARED[0]()
    seconds = (time.perf_counter() - start) / work.repeats
    done.set()
    watcher.join()
    return seconds, float(result) if work.epochs else None, max(peaks)


def private_memory():
    """Return the MiB of this process that are not a mapped file, as Linux counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))
