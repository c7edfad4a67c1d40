"""The same work by this package, plain torch and other packages, as their users write it.

Each takes a work, its rows and a target, which is the rows themselves where they are rebuilt, and
returns what is timed. What is needed is imported inside, so that a process holds no package but its
own.
"""

import os
import subprocess
import sys
import warnings
from importlib import import_module
from itertools import cycle
from pathlib import Path

LR = 1e-3

# -- plain torch ------------------------------------------------------------------------------


def network_of(work):
    """Return the network of plain torch, and its loss."""
    import plain

    return getattr(plain, work.network)(*work.sizes), getattr(plain, work.loss)


def plain_torch(work, X, y):
    import plain
    import torch

    if not work.epochs:
        network, _ = network_of(work)
        return lambda: plain.outputs(network, X[: work.at_once])
    tensors = [torch.from_numpy(array) for array in (X if work.sizes else X[:, None], y)]
    return lambda: plain.train(*network_of(work), tensors, work.epochs, work.batch_size)


def plain_stream(work, X, y):
    import plain
    import torch

    step, parts = plain.step_of(*network_of(work)), parts_of(work, X, y)
    return lambda: step(*(torch.from_numpy(part) for part in next(parts)))


def parts_of(work, *arrays):
    """Return batches without end."""
    starts = range(0, len(arrays[0]), work.batch_size)
    return cycle([[array[i : i + work.batch_size] for array in arrays] for i in starts])


# -- this package -----------------------------------------------------------------------------


def estimator_of(work, **params):
    """Return the estimator, trained as a plain loop does it."""
    import sk_aecnn

    training = {"optimizer": "adam", "lr": LR, "lr_schedule": "constant", "weight_decay": 0.0}
    training |= {"max_epochs": work.epochs or 1, "batch_size": work.batch_size or "auto"}
    params = training | work.params | {"random_state": 0, "device": "cpu"} | params
    return getattr(sk_aecnn, work.estimator)(**params)


def package(work, X, y, **params):
    estimator = estimator_of(work, **params)
    if work.epochs:
        return lambda: estimator.fit(X, y).loss_curve_[-1]
    estimator.fit(X[:2000], y[:2000])
    infer = getattr(estimator, "predict", estimator.transform)
    return lambda: infer(X[: work.at_once])


def package_in_parts(work, X, y, n_rows=20_000):
    parts = [X[start : start + n_rows] for start in range(0, len(X), n_rows)]
    n_steps = sum(-(-len(part) // work.batch_size) for part in parts)

    def run():
        estimator = estimator_of(work)
        for part in parts:
            estimator.partial_fit(part, n_steps=n_steps)
        return estimator.loss_curve_[-1]

    return run


def linear(in_shape, n_outputs):
    from torch import nn

    return nn.Linear(in_shape[0], n_outputs)


def stream(path, work, X, y):
    """Pass one batch after the other to the partial_fit of a class."""
    module, _, name = path.rpartition(".")
    model = getattr(import_module(module), name)(batch_size=work.batch_size)
    parts, classes = parts_of(work, X, y), {"classes": [0, 1]} if hasattr(model, "predict") else {}
    return lambda: model.partial_fit(*next(parts), **classes)


def torchrun(work, n_processes, n_epochs):
    """Let processes fit together."""
    script, run = Path(__file__).with_name("together.py"), ["-m", "torch.distributed.run"]
    options = ["--standalone", "--nproc-per-node", str(n_processes), str(script), str(n_epochs)]
    return lambda: subprocess.run([sys.executable, *run, *options], check=True)


# -- other packages ---------------------------------------------------------------------------


def mlp(work, X, y):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore")  # of training that does not converge
    rebuilds = y.ndim > 1
    network = (MLPRegressor if rebuilds else MLPClassifier)(
        hidden_layer_sizes=work.sizes[1:-1],
        max_iter=work.epochs or 1,
        batch_size=work.batch_size or 256,
        alpha=0.0,
        learning_rate_init=LR,
        tol=0.0,
    )
    if work.epochs:  # its loss is half the squared error
        return lambda: network.fit(X, y).loss_curve_[-1] * (1 + rebuilds)
    # the prediction of an MLP of the encoder's layers stands for the code
    network.fit(X[:2000], y[:2000, : work.sizes[-1]] if rebuilds else y[:2000])
    return lambda: network.predict(X[: work.at_once])


def skorch(work, X, y):
    import torch
    from skorch import NeuralNetClassifier, NeuralNetRegressor

    def run():
        net = (NeuralNetRegressor if y.ndim > 1 else NeuralNetClassifier)(
            network_of(work)[0],
            criterion=torch.nn.MSELoss if y.ndim > 1 else torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=LR,
            batch_size=work.batch_size,
            max_epochs=work.epochs,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        )
        return net.fit(X if work.sizes else X[:, None], y).history[-1]["train_loss"]

    return run


def keras(work, X, y, backend):
    os.environ |= {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    from keras import Sequential, layers, losses, optimizers

    X = X if work.sizes else X[..., None]

    def network():
        stages = []
        for channels in () if work.sizes else (32, 64):
            stages.append(layers.Conv2D(channels, 3, padding="same", activation="relu"))
            stages.append(layers.MaxPooling2D())
        sizes = work.sizes[1:] or (128, 10)
        dense = [layers.Dense(size, activation="relu") for size in sizes[:-1]]
        return Sequential([*stages, layers.Flatten(), *dense, layers.Dense(sizes[-1])])

    def run():
        model = network()
        loss = "mse" if y.ndim > 1 else losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizers.Adam(LR), loss)
        history = model.fit(X, y, work.batch_size, work.epochs, verbose=0)
        return history.history["loss"][-1]

    trained = network()
    return run if work.epochs else lambda: trained.predict(X, batch_size=1024, verbose=0)
