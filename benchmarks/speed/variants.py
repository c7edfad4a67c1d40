"""The same work by this package, plain torch and other packages, as their users write it.

Each takes a work, its rows and, for classifiers, classes, and returns what is timed. What is
needed is imported inside, so that a process holds no package but its own.
"""

import os
import subprocess
import sys
import warnings
from importlib import import_module
from itertools import cycle, pairwise

LR = 1e-3

# -- plain torch ------------------------------------------------------------------------------


def network_of(work):
    """Return the network of plain torch."""
    import plain

    return getattr(plain, work.network)(*work.sizes)


def plain_torch(work, X, y=None):
    import plain
    import torch

    if not work.epochs:
        network = network_of(work)
        return lambda: plain.outputs(network, X[: work.at_once])
    arrays = [X if work.sizes else X[:, None], *[y] * (y is not None)]
    tensors, loss = [torch.from_numpy(array) for array in arrays], getattr(plain, work.loss)
    return lambda: plain.train(network_of(work), loss, tensors, work.epochs, work.batch_size)


def plain_stream(work, X, y):
    import plain
    import torch

    step, parts = plain.step_of(network_of(work), getattr(plain, work.loss)), parts_of(work, X, y)
    return lambda: step(*(torch.from_numpy(part) for part in next(parts)))


def parts_of(work, *arrays):
    """Yield batches without end."""
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


def package(work, X, y=None, **params):
    estimator = estimator_of(work, **params)
    if work.epochs:
        return lambda: estimator.fit(X, y).loss_curve_[-1]
    estimator.fit(X[:2000], None if y is None else y[:2000])
    infer = estimator.transform if y is None else estimator.predict
    return lambda: infer(X[: work.at_once])


def package_in_parts(work, X, n_rows=20_000):
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


# -- calls ------------------------------------------------------------------------------------


def python(*args):
    """Start Python with arguments; the last one is the work, which says nothing more."""
    return lambda: subprocess.run([sys.executable, *args[:-1]], check=True)


def stream(path, work, X, y):
    """Pass one batch after the other to partial_fit."""
    module, _, name = path.rpartition(".")
    model, parts = (
        getattr(import_module(module), name)(batch_size=work.batch_size),
        parts_of(work, X, y),
    )
    classes = {"classes": [0, 1]} if hasattr(model, "predict") else {}
    return lambda: model.partial_fit(*next(parts), **classes)


def grid(work, X, n_jobs):
    """Search a grid of twelve fits."""
    from joblib import parallel_config
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline

    from sk_aecnn import AutoencoderTransformer

    steps = [("ae", AutoencoderTransformer(random_state=0)), ("clf", LogisticRegression())]
    sizes = {"ae__encoding_dim": [4, 8, 16, 32]}
    search = GridSearchCV(Pipeline(steps), sizes, cv=3, n_jobs=n_jobs, refit=False)

    def run():
        with parallel_config("loky", idle_worker_timeout=20):  # this process ends after its workers
            search.fit(X, X[:, 0] > 0)

    return run


# -- what a machine can do --------------------------------------------------------------------


def products(work, n_rows=256):
    """Multiply the matrices of a step, forward and backward, and do nothing else."""
    import torch

    pairs = []
    for n_in, n_out in pairwise(work.sizes):
        shapes = (n_rows, n_in), (n_out, n_in), (n_rows, n_out)
        x, weight, grad = (torch.randn(*shape) for shape in shapes)
        pairs += [(x, weight.t()), (grad.t(), x), (grad, weight)]
    del pairs[2]  # nothing wants the gradient of the rows
    return lambda: [left @ right for left, right in pairs]


def convolution(work, sizes=(32, 64, 14), dtype="float32", keep=True):
    """Convolve 128 images, with freed memory kept, as this package does, or not."""
    import torch

    from sk_aecnn._torch import keep_freed_memory

    if keep:
        keep_freed_memory()
    n_in, n_out, size = sizes
    options = {"dtype": getattr(torch, dtype)}
    x, weight = (
        torch.randn(*shape, **options).contiguous(memory_format=torch.channels_last)
        for shape in ((128, n_in, size, size), (n_out, n_in, 3, 3))
    )
    return lambda: torch.nn.functional.conv2d(x, weight, padding=1)


def copy(work):
    import torch

    source, target = torch.zeros(2**26), torch.zeros(2**26)
    return lambda: target.copy_(source)


# -- other packages ---------------------------------------------------------------------------


def mlp(work, X, y=None):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore", ConvergenceWarning)
    network = (MLPRegressor if y is None else MLPClassifier)(
        hidden_layer_sizes=work.sizes[1:-1],
        max_iter=work.epochs or 1,
        batch_size=work.batch_size or 256,
        alpha=0.0,
        learning_rate_init=LR,
        tol=0.0,
    )
    if work.epochs:  # its loss is half the squared error
        return lambda: (
            (2 if y is None else 1) * network.fit(X, X if y is None else y).loss_curve_[-1]
        )
    # the prediction of an MLP of the encoder's layers stands for the code
    network.fit(X[:2000], X[:2000, : work.sizes[-1]] if y is None else y[:2000])
    return lambda: network.predict(X[: work.at_once])


def skorch(work, X, y=None):
    import torch
    from skorch import NeuralNetClassifier, NeuralNetRegressor

    def run():
        net = (NeuralNetRegressor if y is None else NeuralNetClassifier)(
            network_of(work),
            criterion=torch.nn.MSELoss if y is None else torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=LR,
            batch_size=work.batch_size,
            max_epochs=work.epochs,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        )
        net.fit(X if work.sizes else X[:, None], X if y is None else y)
        return net.history[-1]["train_loss"]

    return run


def keras(work, X, y=None, backend="jax"):
    os.environ["KERAS_BACKEND"] = backend
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from keras import Input, Sequential, layers, losses, optimizers

    def network():
        dense = [layers.Dense(size, activation="relu") for size in work.sizes[1:-1] or (128,)]
        stages = []
        for channels in () if work.sizes else (32, 64):
            stages.append(layers.Conv2D(channels, 3, padding="same", activation="relu"))
            stages.append(layers.MaxPooling2D())
        stages += [] if work.sizes else [layers.Flatten()]
        shape = work.sizes[:1] or (28, 28, 1)
        last = layers.Dense(work.sizes[-1] if work.sizes else 10)
        return Sequential([Input(shape), *stages, *dense, last])

    def run():
        model = network()
        loss = "mse" if y is None else losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizers.Adam(LR), loss)
        rows = X if work.sizes else X[..., None]
        sizes = {"batch_size": work.batch_size, "epochs": work.epochs}
        history = model.fit(rows, X if y is None else y, verbose=0, shuffle=True, **sizes)
        return history.history["loss"][-1]

    if work.epochs:
        return run
    trained = network()
    return lambda: trained.predict(X, batch_size=1024, verbose=0)


def onnx(work, X):
    from graphs import call, session_of

    from sk_aecnn.onnx import to_onnx

    estimator = estimator_of(work).fit(X[:2000])
    graph = to_onnx(estimator, method="transform", dtype=X.dtype).SerializeToString()
    session = session_of(graph)
    return lambda: call(session, X[: work.at_once])
