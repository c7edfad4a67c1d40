"""The works that are timed: what data, what is called, and estimators that do the same."""

import os
import re
import tempfile
import time
import warnings
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from multiprocessing import get_context
from pathlib import Path
from timeit import Timer

import networks
import numpy as np
from core import Table
from peers import LR, InParts, Keras, Loop, Together
from sklearn.base import clone, is_classifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skorch import NeuralNet
from torch import nn, optim

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier


@dataclass(frozen=True)
class Work:
    """A call of estimators. It is a task of a table, and the one split of itself."""

    name: str
    models: dict  # the estimators, by the names of rows
    n_rows: int = 2_000
    shape: tuple = (20,)  # of a row
    n_outputs: int | None = None  # classes, or features to be told; None: all of them
    mapped: bool = False  # whether the rows are in a file
    call: str = "fit"  # partial_fit, transform, predict
    at_once: int | None = None  # rows of a call that is not fit

    def load(self, folder, rows):
        return replace(self, n_rows=min(rows or self.n_rows, self.n_rows))

    def split(self, data, seed):
        yield data

    def data(self):
        """Return rows, and as a target some of their features or, for a classifier, classes.

        Rows are of low rank with some noise: times do not depend on what the numbers mean.
        """
        rng, n_rows = np.random.default_rng(0), 20_000 if self.mapped else self.n_rows
        factors = rng.normal(size=(n_rows, 10))
        X = factors @ rng.normal(size=(10, prod(self.shape)))
        X = X + 0.1 * rng.normal(size=X.shape)
        X = (X / X.std()).astype(np.float32).reshape(-1, *self.shape)
        if self.mapped:
            X = in_a_file(X, self.n_rows)
        if any(map(is_classifier, self.models.values())):
            return X, factors[:, : self.n_outputs].argmax(axis=1)
        return X, X[:, : self.n_outputs] if self.n_outputs else X


def in_a_file(X, n_rows):
    """Return rows of a file, which lies in TMPDIR and is gone with the process."""
    file = tempfile.TemporaryFile()  # noqa: SIM115, it is open as long as the rows are there
    rows = np.memmap(file, np.float32, "w+", shape=(n_rows, *X.shape[1:]))
    for start in range(0, n_rows, len(X)):
        rows[start : start + len(X)] = X[: n_rows - start]
    return rows


# -- estimators that do the same ----------------------------------------------------------------

TRAINING = {"optimizer": "adam", "lr": LR, "lr_schedule": "constant", "weight_decay": 0.0}
TRAINING |= {"random_state": 0, "device": "cpu"}
OWN, MLP = ("plain torch", "sk_aecnn"), ("plain torch", "sk_aecnn", "scikit-learn MLP")
OWN_16 = (*OWN, "sk_aecnn, bfloat16")
KERAS = ("Keras on JAX", "Keras on TensorFlow")


def alike(names, own, *sizes, network=networks.dense, channels=(), epochs=1, batch_size=256):
    """Return estimators of one network and one training, by the names of rows.

    ``sizes`` are those of all dense layers from the input on, ``channels`` those of a CNN.
    """
    own = clone(own).set_params(**TRAINING, max_epochs=epochs, batch_size=batch_size)
    training = {"epochs": epochs, "batch_size": batch_size}
    of_mlp = {"alpha": 0.0, "tol": 0.0, "learning_rate_init": LR, "batch_size": batch_size}
    of_net = {"optimizer": optim.Adam, "lr": LR, "batch_size": batch_size, "train_split": None}
    kind, loss = MLPRegressor, nn.MSELoss
    if is_classifier(own):
        kind, loss = MLPClassifier, nn.CrossEntropyLoss
    network = network if channels else partial(network, *sizes)
    models = {
        "plain torch": Loop(network, **training),
        "sk_aecnn": own,
        "sk_aecnn, bfloat16": clone(own).set_params(precision="bfloat16"),
        "sk_aecnn, partial_fit": InParts(own),
        "scikit-learn MLP": kind(hidden_layer_sizes=sizes[1:-1], max_iter=epochs, **of_mlp),
        "skorch": NeuralNet(
            network, loss, max_epochs=epochs, iterator_train__shuffle=True, verbose=0, **of_net
        ),
        "Keras on JAX": Keras("jax", channels, sizes[1:], **training),
        "Keras on TensorFlow": Keras("tensorflow", channels, sizes[1:], **training),
    }
    return {name: models[name] for name in names}


def linear(in_shape, n_outputs):
    return nn.Linear(in_shape[0], n_outputs)


# nothing that a plain loop does not do to rows and labels
SAME_IMAGES = {"normalization": None, "augmentation": None, "label_smoothing": 0}
CNN = CNNClassifier(conv_channels=(32, 64), **SAME_IMAGES)
JOINT = AECNNClassifier(32, **SAME_IMAGES)
CODER = AutoencoderTransformer(32, hidden_layer_sizes=(64, 32), code_activation="relu")
SMALL_CODER = AutoencoderTransformer(16, hidden_layer_sizes=(32,), code_activation="relu")
OF_FILE = AutoencoderTransformer(8, hidden_layer_sizes=(32,))
OF_TABLE = AECNNClassifier(  # one hidden layer as features, a linear back end, no decoder
    2,
    encoder="dense",
    hidden_layer_sizes=(100,),
    reconstruction_weight=0.0,
    backend=linear,
    label_smoothing=0,
)
ENCODERS = alike((*MLP, *KERAS), CODER, 784, 64, 32, 32)
OF_TABLES = alike(MLP, OF_TABLE, 50, 100, 4)
IMAGES = {"epochs": 1, "batch_size": 128, "channels": (32, 64)}
PEERS = [
    Work(
        "dense autoencoder 784-64-32-32-32-64-784",
        alike((*MLP, "skorch", *KERAS), CODER, 784, 64, 32, 32, 32, 64, 784, epochs=2),
        60_000,
        (784,),
    ),
    Work(
        "CNN conv32-pool-conv64-pool-dense128",
        alike((*OWN_16, "skorch", *KERAS), CNN, 784, 128, 10, network=networks.cnn, **IMAGES),
        12_800,
        (28, 28),
        n_outputs=10,
    ),
    Work(
        "joint autoencoder and CNN",
        alike(OWN_16, JOINT, network=networks.Joint, **IMAGES),
        12_800,
        (28, 28),
        n_outputs=10,
    ),
    Work(
        "classifier 50-100-4, 200 000 rows",
        alike((*MLP, "skorch"), OF_TABLE, 50, 100, 4, epochs=2, batch_size=1024),
        200_000,
        (50,),
        n_outputs=4,
    ),
    Work(
        "autoencoder 64-32-16-32-64, 1 797 rows",
        alike(MLP, SMALL_CODER, 64, 32, 16, 32, 64, epochs=5),
        1_797,
        (64,),
    ),
    Work("encode 60 000 rows", ENCODERS, 60_000, (784,), 32, call="transform"),
    Work("encode one row", ENCODERS, 2_000, (784,), 32, call="transform", at_once=1),
    Work("classify one row, 50-100-4", OF_TABLES, 2_000, (50,), 4, call="predict", at_once=1),
]
FILE = {"n_rows": 2**32 // (4 * 512), "shape": (512,), "mapped": True}  # 4 GiB
IN_PARTS = (*OWN, "sk_aecnn, partial_fit")
FROM_FILE = [
    Work("one epoch", alike(IN_PARTS, OF_FILE, 512, 32, 8, 32, 512, batch_size=1024), **FILE),
    Work("transform", alike(OWN, OF_FILE, 512, 32, 8), **FILE, n_outputs=8, call="transform"),
]
STREAMS = {"plain torch": Loop(partial(networks.dense, 20, 100, 2))} | {
    type(model).__name__: model.set_params(batch_size=128)
    for model in (MLPClassifier(), CNNClassifier(), AutoencoderTransformer(), AECNNClassifier())
}
STREAM = Work("a call of partial_fit", STREAMS, 128, (20,), 2, call="partial_fit")
PROCESSES = {
    f"{n} processes, {n_epochs} epochs": Together(n, n_epochs)
    for n, n_epochs in ((1, 1), (1, 4), (2, 1), (2, 4))
}

# -- how they are timed -------------------------------------------------------------------------


def apart(name, work):
    """Return what a call of a row takes in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(timed, name, work).result()


def timed(name, work):
    """Return what a call takes, after others that load what is needed."""
    warnings.simplefilter("ignore")  # of training that does not converge
    small, results = replace(work, n_rows=min(work.n_rows, 2_000)), deque(maxlen=1)
    call_of(work.models[name], small)()
    call, before = call_of(work.models[name], work), memory()
    peaks, timer = [before], Timer(lambda: results.append(call()), timer=clocks)
    with ThreadPoolExecutor(1) as thread:
        number, _ = thread.submit(Timer(call).autorange).result()
        running = thread.submit(timer.timeit, number)
        while wait([running], timeout=0.02).not_done:
            peaks.append(memory())
    seconds, processor = (running.result() / number).tolist()
    return {
        "time": seconds,
        "processor time": processor,
        "loss": float(loss_of(results[-1])) if work.call == "fit" else np.nan,
        "memory, MiB": max(peaks) - before,
    }


def call_of(model, work):
    """Return what is timed; what is not fitted by it is fitted to 2 000 rows before."""
    X, y = work.data()
    if work.call == "fit":
        return lambda: clone(model).fit(X, y)
    if work.call == "partial_fit":
        classes = {"classes": np.unique(y)} if is_classifier(model) else {}
        return lambda: model.partial_fit(X, y, **classes)
    model.fit(X[:2_000], y[:2_000])
    infer = getattr(model, work.call, None) or model.predict
    return lambda: infer(X[: work.at_once])


def loss_of(model):
    """Return the loss of the last epoch; that of MLPRegressor is half the squared error."""
    if isinstance(model, NeuralNet):
        return model.history[-1]["train_loss"]
    return model.loss_curve_[-1] * (2 if isinstance(model, MLPRegressor) else 1)


def clocks():
    """Return the time, and the processor time of this process and those that it started."""
    return np.array([time.perf_counter(), sum(os.times()[:4])])


def memory():
    """Return the MiB of this process that are not pages of files, as Linux counts them."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


def table(title, *works):
    names = dict.fromkeys(name for work in works for name in work.models)
    return Table(title, list(works), names, apart=apart)


TABLES = {
    "peers": table("The same work in other packages.", *PEERS),
    "file": table("A mapped file of 4 GiB, rows of 512 numbers.", *FROM_FILE),
    "stream": table("Streams of 128 rows of 20 numbers.", STREAM),
    "processes": table("Processes that torchrun starts.", Work("a fit", PROCESSES)),
}
