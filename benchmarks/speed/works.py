"""The works that are timed: what data, what network, how long, by which variants."""

import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import variants
from core import Table

# -- data -------------------------------------------------------------------------------------


def low_rank_rows(n_rows, n_features=784):
    """Return rows of low rank with some noise: times do not depend on what the numbers mean."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 10)) @ rng.normal(size=(10, n_features))
    rows = rows + 0.1 * rng.normal(size=rows.shape)
    return ((rows / rows.std()).astype(np.float32),) * 2


def mapped_rows(n_rows, n_features=512):
    """Return rows of a file, which lies in TMPDIR and is gone with the process."""
    file = tempfile.TemporaryFile()  # noqa: SIM115, it is open as long as the rows are there
    X = np.memmap(file, np.float32, "w+", shape=(n_rows, n_features))
    block, _ = low_rank_rows(min(n_rows, 20_000), n_features)
    for start in range(0, n_rows, len(block)):
        X[start : start + len(block)] = block[: n_rows - start]
    X.flush()
    return X, X


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
    return (((X - X.mean()) / X.std()).astype(np.float32),) * 2


# -- works ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """What is done: training for ``epochs``, or, where there are none, inference or a call.

    It is a task of a table, and the one split of itself.
    """

    name: str
    models: tuple | None = None  # names of the variants that do it
    data: Callable | None = None  # of the number of rows: these and a target, always the same
    n_rows: int = 0
    network: str = "dense"  # of plain, as are its loss and the sizes of its layers
    loss: str = "reconstruction"
    sizes: tuple = ()
    estimator: str = "AutoencoderTransformer"
    params: dict = field(default_factory=dict)  # of the estimator, for the same network
    epochs: int = 0
    batch_size: int = 0
    at_once: int | None = None  # rows of a call of inference
    repeats: int = 1  # for what is over too soon to be timed

    def load(self, source):
        return self.of_rows(source.rows or self.n_rows)

    def split(self, data, seed):
        yield data

    def of_rows(self, n_rows):
        """Return the work on no more rows than these."""
        return replace(self, n_rows=max(self.batch_size, min(n_rows, self.n_rows)))


# in the estimators, nothing that a plain loop does not do to rows and labels
CODER = {"encoding_dim": 32, "hidden_layer_sizes": (64, 32), "code_activation": "relu"}
SMALL_CODER = {"encoding_dim": 16, "hidden_layer_sizes": (32,), "code_activation": "relu"}
SAME_IMAGES = {"normalization": None, "augmentation": None, "label_smoothing": 0}
SAME_TABLE = {  # one hidden layer as features, a linear back end, no decoder
    "encoding_dim": 2,
    "encoder": "dense",
    "hidden_layer_sizes": (100,),
    "reconstruction_weight": 0.0,
    "backend": variants.linear,
    "label_smoothing": 0,
}
ROWS = {"data": low_rank_rows, "n_rows": 60_000, "params": CODER}
ENCODE = ROWS | {"sizes": (784, 64, 32, 32)}
IMAGES = {"data": blob_images, "n_rows": 12_800, "epochs": 1, "batch_size": 128}
CLASSIFY = {"loss": "classification", "estimator": "AECNNClassifier", "params": SAME_TABLE}
CLASSIFY |= {"data": table, "n_rows": 200_000, "sizes": (50, 100, 4)}
FILE = {"data": mapped_rows, "n_rows": 2**32 // (4 * 512)}  # 4 GiB
FILE |= {"params": {"encoding_dim": 8, "hidden_layer_sizes": (32,)}}
ONE = {"n_rows": 2_000, "at_once": 1, "repeats": 1_000}

OWN, MLP = ("plain torch", "sk_aecnn"), ("plain torch", "sk_aecnn", "scikit-learn MLP")
OWN_16 = (*OWN, "sk_aecnn, bfloat16")
KERAS = ("Keras on JAX", "Keras on TensorFlow")
PEERS = [
    Work(
        "dense autoencoder 784-64-32-32-32-64-784",
        (*MLP, "skorch", *KERAS),
        sizes=(784, 64, 32, 32, 32, 64, 784),
        epochs=2,
        batch_size=256,
        **ROWS,
    ),
    Work(
        "CNN conv32-pool-conv64-pool-dense128",
        (*OWN_16, "skorch", *KERAS),
        network="cnn",
        loss="classification",
        estimator="CNNClassifier",
        params={"conv_channels": (32, 64), **SAME_IMAGES},
        **IMAGES,
    ),
    Work(
        "joint autoencoder and CNN",
        OWN_16,
        network="Joint",
        loss="both",
        estimator="AECNNClassifier",
        params={"encoding_dim": 32, **SAME_IMAGES},
        **IMAGES,
    ),
    Work(
        "classifier 50-100-4, 200 000 rows",
        (*MLP, "skorch"),
        epochs=2,
        batch_size=1024,
        **CLASSIFY,
    ),
    Work(
        "autoencoder 64-32-16-32-64, digits",
        MLP,
        digits,
        1_797,
        sizes=(64, 32, 16, 32, 64),
        params=SMALL_CODER,
        epochs=5,
        batch_size=256,
        repeats=5,
    ),
    Work("encode 60 000 rows", (*MLP, *KERAS), **ENCODE),
    Work("encode one row", MLP, **ENCODE | ONE),
    Work("classify one row, 50-100-4", MLP, **CLASSIFY | ONE),
]
FROM_FILE = [
    Work(
        "one epoch",
        (*OWN, "sk_aecnn, partial_fit"),
        sizes=(512, 32, 8, 32, 512),
        epochs=1,
        batch_size=1024,
        **FILE,
    ),
    Work("transform", OWN, sizes=(512, 32, 8), **FILE),
]
STREAM = Work(
    "a call of partial_fit",
    data=partial(table, n_features=20, n_classes=2),
    n_rows=12_800,
    loss="classification",
    sizes=(20, 100, 2),
    batch_size=128,
    repeats=200,
)

# -- in the process of a variant ----------------------------------------------------------------

CALLS = {}  # by the name of the work, what is timed, and the memory before


def timed(variant, work):
    """Return what a call takes; before the first one, make the data and call once."""
    if work.name not in CALLS:
        if work.data:  # load what is needed
            small = work.of_rows(2_000)
            variant(small, *small.data(small.n_rows))()
        call = variant(work, *work.data(work.n_rows) if work.data else ())
        CALLS[work.name] = call, memory()
        call()
    call, before = CALLS[work.name]
    with watched_memory() as peaks:
        start, processor = time.perf_counter(), sum(os.times()[:4])
        results = [call() for _ in range(work.repeats)]
        processor, seconds = sum(os.times()[:4]) - processor, time.perf_counter() - start
    return {
        "time": seconds / work.repeats,
        "processor time": processor / work.repeats,
        "loss": float(results[-1]) if work.epochs else np.nan,
        "memory, MiB": max(peaks) - before,
    }


@contextmanager
def watched_memory():
    """Yield a list to which the memory of this process is added again and again."""
    peaks, done = [memory()], threading.Event()

    def watch():
        while not done.wait(0.02):
            peaks.append(memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def memory():
    """Return the MiB of this process that are not pages of files, as Linux counts them."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


# -- tables -----------------------------------------------------------------------------------

VARIANTS = {
    "plain torch": variants.plain_torch,
    "sk_aecnn": variants.package,
    "sk_aecnn, bfloat16": partial(variants.package, precision="bfloat16"),
    "sk_aecnn, partial_fit": variants.package_in_parts,
    "scikit-learn MLP": variants.mlp,
    "skorch": variants.skorch,
    "Keras on JAX": partial(variants.keras, backend="jax"),
    "Keras on TensorFlow": partial(variants.keras, backend="tensorflow"),
}
STREAMS = {"plain torch": variants.plain_stream} | {
    path.rpartition(".")[2]: partial(variants.stream, path)
    for path in (
        "sklearn.neural_network.MLPClassifier",
        "sk_aecnn.CNNClassifier",
        "sk_aecnn.AutoencoderTransformer",
        "sk_aecnn.AECNNClassifier",
    )
}
PROCESSES = {
    f"{n} processes, {n_epochs} epochs": partial(
        variants.torchrun, n_processes=n, n_epochs=n_epochs
    )
    for n in (1, 2)
    for n_epochs in (1, 4)
}
TABLES = {
    name: Table(title, tasks, models, apart=timed, seeds=range(n_rounds), layout="speeds")
    for name, title, tasks, models, n_rounds in (
        ("peers", "The same work in other packages.", PEERS, VARIANTS, 7),
        ("file", "A mapped file of 4 GiB, rows of 512 numbers.", FROM_FILE, VARIANTS, 1),
        ("stream", "Streams of 128 rows of 20 numbers.", [STREAM], STREAMS, 3),
        ("processes", "Processes that torchrun starts.", [Work("a fit")], PROCESSES, 1),
    )
}
