"""The works that are timed: what data, what is called, and estimators that do the same."""

import os
import re
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from timeit import Timer

import numpy as np
import torch
from core import Fitted, Table
from networks import LR, TRAINING, Joint, cnn, dense
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import gen_batches
from skorch import NeuralNet
from torch import nn
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.nn.functional import cross_entropy, mse_loss

from sk_aecnn import (
    AECNNClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    distributed,
)


@dataclass(frozen=True)
class Work:
    """A call of estimators. It is a task of a table, and the one split of itself."""

    name: str
    models: dict  # the estimators, by the names of rows
    n_rows: int = 2_000
    shape: tuple = (20,)  # of a row
    n_outputs: int = 2  # classes, or features to be told
    mapped: bool = False  # whether the rows are in a file
    call: str = "fit"  # partial_fit, transform, predict
    at_once: int | None = None  # rows of a call that is not fit

    def load(self, folder, rows):
        return replace(self, n_rows=min(rows or self.n_rows, self.n_rows))

    def split(self, data, seed):
        yield data

    def data(self):
        """Return rows of low rank with some noise, and some of their features or classes."""
        rng, n_rows = np.random.default_rng(0), 20_000 if self.mapped else self.n_rows
        factors = rng.normal(size=(n_rows, 10))
        X = factors @ rng.normal(size=(10, np.prod(self.shape)))
        X = X + 0.1 * rng.normal(size=X.shape)
        X = (X / X.std()).astype(np.float32).reshape(-1, *self.shape)
        if self.mapped:
            part, file = X, tempfile.TemporaryFile()  # noqa: SIM115, open as long as the rows
            X = np.memmap(file, np.float32, "w+", shape=(self.n_rows, *self.shape))
            for rows in gen_batches(len(X), len(part)):
                X[rows] = part[: len(X[rows])]
        if any(is_classifier(getattr(one, "model", one)) for one in self.models.values()):
            return X, factors[:, : self.n_outputs].argmax(axis=1)
        return X, X[:, : self.n_outputs]


# -- estimators that do the same ----------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Loop(BaseEstimator):
    """A network of plain torch and a loop as a textbook has it: shuffle, slice, step."""

    network: Callable
    max_epochs: int = 1
    batch_size: int = 256

    def fit(self, X, y):
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        for _ in range(self.max_epochs):
            batches = torch.randperm(len(X)).split(self.batch_size)
            total = sum(len(rows) * self._step(X[rows], y[rows]) for rows in batches)
        self.loss_curve_ = [total / len(X)]
        return self

    def partial_fit(self, X, y):
        self._step(torch.from_numpy(X), torch.from_numpy(y))

    def _step(self, x, y):
        if not hasattr(self, "network_"):
            self.network_ = self.network()
            self.optimizer_ = torch.torch.optim.Adam(self.network_.parameters(), lr=LR)
        self.optimizer_.zero_grad()
        outputs = self.network_(x)
        output, *rebuilt = outputs if isinstance(outputs, tuple) else [outputs]
        loss = mse_loss(output, y) if y.ndim > 1 else cross_entropy(output, y)
        loss = loss + sum(mse_loss(one, x) for one in rebuilt)
        loss.backward()
        self.optimizer_.step()
        return loss.item()

    @torch.inference_mode()
    def predict(self, X):
        return torch.cat([self.network_(rows) for rows in torch.from_numpy(X).split(1024)]).numpy()


@dataclass(eq=False, repr=False)
class Steps(BaseEstimator):
    """The steps of an estimator, its network, objective and optimizer, in a plain loop."""

    model: BaseEstimator

    def partial_fit(self, X, y):
        if not hasattr(self, "net_"):
            classes = {"classes": np.unique(y)} if is_classifier(self.model) else {}
            self.net_ = clone(self.model).partial_fit(X, y, **classes).net_
            self.net_.module_.train()
        rows = torch.from_numpy(X)
        self.net_.optimizer_.zero_grad()
        outputs = self.net_.module_(rows)
        target = torch.from_numpy(y) if is_classifier(self.model) else rows
        loss = self.net_.criterion_(outputs, target)["loss"]
        loss.backward()
        self.net_.optimizer_.step()
        return loss.item()


@dataclass(eq=False, repr=False)
class Keras(BaseEstimator):
    """Layers of Keras: stages of convolution, if any, and dense ones."""

    backend: str
    channels: tuple
    sizes: tuple
    max_epochs: int
    batch_size: int

    def fit(self, X, y):
        os.environ |= {"KERAS_BACKEND": self.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        from keras import Sequential, layers, losses, optimizers

        network = [layers.Reshape((*X.shape[1:], 1))] if self.channels else []
        for n_channels in self.channels:
            network.append(layers.Conv2D(n_channels, 3, padding="same", activation="relu"))
            network.append(layers.MaxPooling2D())
        dense = [layers.Dense(size, activation="relu") for size in self.sizes[:-1]]
        dense.append(layers.Dense(self.sizes[-1]))
        self.model_ = Sequential([*network, layers.Flatten(), *dense])
        loss = "mse" if y.ndim > 1 else losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model_.compile(optimizers.Adam(LR), loss)
        history = self.model_.fit(X, y, self.batch_size, self.max_epochs, verbose=0)
        self.loss_curve_ = history.history["loss"]
        return self

    def predict(self, X):
        return self.model_.predict(X, batch_size=1024, verbose=0)


def in_parts(model, X, *_):
    """Fit a model to parts of the rows, one after another."""
    parts = list(gen_batches(len(X), 20_000))
    n_steps = sum(-(-len(X[part]) // model.batch_size) for part in parts)
    for part in parts:
        model.partial_fit(X[part], n_steps=n_steps)
    return model


def together(n_processes, n_epochs, model, X, y, seed):
    """Fit a model in processes as torchrun starts them."""
    options = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "max_restarts": 0}
    config = LaunchConfig(1, 1, n_processes, run_id="fit", **options)
    return elastic_launch(config, distributed.fit)(model.set_params(max_epochs=n_epochs), X, y)[0]


OWN, KERAS = ("plain torch", "sk_aecnn"), ("Keras on JAX", "Keras on TensorFlow")
MLP, OWN_16 = (*OWN, "scikit-learn MLP"), (*OWN, "sk_aecnn, bfloat16")
ALL, CNNS = (*MLP, "skorch", *KERAS), (*OWN_16, "skorch", *KERAS)
IN_PARTS = (*OWN, "sk_aecnn, partial_fit")
OF_OWN = {"optimizer": "adam", "lr": LR, "lr_schedule": "constant", "weight_decay": 0.0}
OF_OWN |= {"random_state": 0, "device": "cpu"}


def alike(name, names, own, sizes, network=None, channels=(), epochs=1, batch_size=256, **work):
    """Return the work of estimators of one network, its dense layers of ``sizes``, and training."""
    training = {"max_epochs": epochs, "batch_size": batch_size}
    of_mlp = {"max_iter": epochs, "batch_size": batch_size, "learning_rate_init": LR}
    of_mlp |= {"hidden_layer_sizes": sizes[1:-1], "alpha": 0.0, "tol": 0.0}
    own = clone(own).set_params(**OF_OWN, **training)
    mlp, loss = MLPRegressor, nn.MSELoss
    if is_classifier(own):
        mlp, loss = MLPClassifier, nn.CrossEntropyLoss
    network = network or partial(dense, *sizes)
    models = {
        "plain torch": Loop(network, **training),
        "sk_aecnn": own,
        "sk_aecnn, bfloat16": clone(own).set_params(precision="bfloat16"),
        "sk_aecnn, partial_fit": Fitted(own, in_parts),
        "scikit-learn MLP": mlp(**of_mlp),
        "skorch": NeuralNet(network, loss, **training, **TRAINING),
        "Keras on JAX": Keras("jax", channels, sizes[1:], **training),
        "Keras on TensorFlow": Keras("tensorflow", channels, sizes[1:], **training),
    }
    work = {"shape": sizes[:1], "n_outputs": sizes[-1]} | work
    return Work(name, {name: models[name] for name in names}, **work)


def linear(in_shape, n_outputs):
    return nn.Linear(in_shape[0], n_outputs)


# nothing that a plain loop does not do to rows and labels
SAME_IMAGES = {"normalization": None, "augmentation": None, "label_smoothing": 0}
CNN = CNNClassifier(conv_channels=(32, 64), **SAME_IMAGES)
JOINT = AECNNClassifier(32, **SAME_IMAGES)
CODER = AutoencoderTransformer(32, hidden_layer_sizes=(64, 32), code_activation="relu")
SMALL_CODER = AutoencoderTransformer(16, hidden_layer_sizes=(32,), code_activation="relu")
OF_FILE = AutoencoderTransformer(8, hidden_layer_sizes=(32,))
# one hidden layer as features, a linear back end, no decoder
OF_TABLE = {"encoder": "dense", "hidden_layer_sizes": (100,), "backend": linear}
OF_TABLE = AECNNClassifier(2, **OF_TABLE, reconstruction_weight=0.0, label_smoothing=0)
OF_PICTURES = AECNNClassifier(32, batch_size=256, augmentation=None, random_state=0)
STREAMED = [
    AutoencoderOutlierDetector(batch_size=128, random_state=0),
    CNNClassifier(batch_size=128, random_state=0),
    AutoencoderTransformer(batch_size=128, random_state=0),
    AECNNClassifier(batch_size=128, random_state=0),
]
STREAMS = {
    "plain torch": Loop(partial(dense, 20, 100, 2)),
    "MLPClassifier": MLPClassifier(batch_size=128),
}
for model in STREAMED:
    name = type(model).__name__
    STREAMS |= {name: model, f"{name}, its steps in a plain loop": Steps(model)}
PROCESSES = {
    f"{n} processes, {n_epochs} epochs": Fitted(OF_PICTURES, partial(together, n, n_epochs))
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
    model = getattr(model, "result_", model)
    if isinstance(model, NeuralNet):
        return model.history[-1]["train_loss"]
    return model.loss_curve_[-1] * (2 if isinstance(model, MLPRegressor) else 1)


def clocks():
    """Return the time, and the processor time of this process and those that it started."""
    of_children = sum(os.times()[2:4])  # in hundredths of a second
    return np.array([time.perf_counter(), time.process_time() + of_children])


def memory():
    """Return the MiB of this process that are not pages of files, as Linux counts them."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


def table(title, *works):
    names = dict.fromkeys(name for work in works for name in work.models)
    return Table(title, list(works), names, apart=apart)


BOTH, HALF, SMALL = (784, 64, 32, 32, 32, 64, 784), (784, 64, 32, 32), (64, 32, 16, 32, 64)
IMAGES = {"n_rows": 12_800, "shape": (28, 28), "batch_size": 128, "channels": (32, 64)}
LARGE, DIGITS = {"n_rows": 200_000, "batch_size": 1024, "epochs": 2}, {"n_rows": 1_797, "epochs": 5}
FILE = {"n_rows": 2**32 // (4 * 512), "mapped": True, "batch_size": 1024}  # 4 GiB
PEERS = [
    alike("dense autoencoder 784-64-32-32-32-64-784", ALL, CODER, BOTH, n_rows=60_000, epochs=2),
    alike("CNN conv32-pool-conv64-pool-dense128", CNNS, CNN, (784, 128, 10), cnn, **IMAGES),
    alike("joint autoencoder and CNN", OWN_16, JOINT, (784, 10), Joint, **IMAGES),
    alike("classifier 50-100-4, 200 000 rows", (*MLP, "skorch"), OF_TABLE, (50, 100, 4), **LARGE),
    alike("autoencoder 64-32-16-32-64, 1 797 rows", MLP, SMALL_CODER, SMALL, **DIGITS),
    alike("encode 60 000 rows", (*MLP, *KERAS), CODER, HALF, n_rows=60_000, call="transform"),
    alike("encode one row", (*MLP, *KERAS), CODER, HALF, call="transform", at_once=1),
    alike("classify one row, 50-100-4", MLP, OF_TABLE, (50, 100, 4), call="predict", at_once=1),
]
FROM_FILE = [
    alike("one epoch", IN_PARTS, OF_FILE, (512, 32, 8, 32, 512), **FILE),
    alike("transform", OWN, OF_FILE, (512, 32, 8), **FILE, call="transform"),
]
PICTURES = Work("a fit", PROCESSES, 2_048, (32, 32, 3), 10)
STREAM = Work("a call of partial_fit", STREAMS, 128, call="partial_fit")
TABLES = {
    "peers": table("The same work in other packages.", *PEERS),
    "file": table("A mapped file of 4 GiB, rows of 512 numbers.", *FROM_FILE),
    "stream": table("Streams of 128 rows of 20 numbers.", STREAM),
    "processes": table("Processes that torchrun starts.", PICTURES),
}
