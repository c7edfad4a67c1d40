"""The same work by this package, plain torch and other packages, as their users write it.

Each takes a work, its rows and, for classifiers, classes, and returns what is timed. What is
needed is imported inside, so that a process holds no package but its own.
"""

import os
import subprocess
import sys
import warnings
from itertools import pairwise

LR = 1e-3

# -- plain torch ------------------------------------------------------------------------------


def network_of(work):
    """Return the network of plain torch."""
    import plain

    return getattr(plain, work.network)(*work.sizes)


def plain_loop(work, X, y=None):
    import plain
    import torch

    arrays = [X if work.sizes else X[:, None], *[y] * (y is not None)]
    tensors, loss = [torch.from_numpy(array) for array in arrays], getattr(plain, work.loss)
    return lambda: plain.train(network_of(work), loss, tensors, work.epochs, work.batch_size)


def plain_inference(work, X, y=None):
    import plain

    network = network_of(work)
    return lambda: plain.outputs(network, X[: work.at_once])


# -- this package -----------------------------------------------------------------------------


def estimator_of(work, **params):
    """Return the estimator, trained as a plain loop does it."""
    import sk_aecnn

    name, its_own = work.estimator
    training = {"optimizer": "adam", "lr": LR, "lr_schedule": "constant", "weight_decay": 0.0}
    training |= {"max_epochs": work.epochs or 1, "batch_size": work.batch_size or "auto"}
    return getattr(sk_aecnn, name)(**training, **its_own, random_state=0, device="cpu", **params)


def package(work, X, y=None, **params):
    estimator = estimator_of(work, **params)
    if work.epochs:
        return lambda: estimator.fit(X, y).loss_curve_[-1]
    estimator.fit(X[:2000], None if y is None else y[:2000])
    infer = estimator.transform if y is None else estimator.predict
    return lambda: infer(X[: work.at_once])


def linear(in_shape, n_outputs):
    from torch import nn

    return nn.Linear(in_shape[0], n_outputs)


# -- calls ------------------------------------------------------------------------------------

STARTS = (
    "import sklearn.base",
    "import sk_aecnn",
    "import sklearn.model_selection, sklearn.mixture, skorch",
    "from sk_aecnn import AutoencoderTransformer as AE; AE(2, max_epochs=1).fit([[0, 1], [1, 2]])",
)


def process(work, code):
    """Start Python and run code in it."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def fits(work, X, n_fits):
    """Fit as many equal parts of the rows one after the other."""
    estimator, n_rows = estimator_of(work), len(X) // n_fits
    return lambda: [estimator.fit(X[:n_rows]).loss_curve_[-1] for _ in range(n_fits)][-1]


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


def pyod(work, X):
    from pyod.models.auto_encoder import AutoEncoder

    def run():
        detector = AutoEncoder(
            preprocessing=False,
            lr=LR,
            epoch_num=work.epochs,
            batch_size=work.batch_size,
            hidden_neuron_list=list(work.sizes[1 : len(work.sizes) // 2 + 1]),
            batch_norm=False,
            dropout_rate=0.0,
            verbose=0,
        )
        detector.fit(X)
        return float("nan")  # it does not tell

    return run


def onnx(work, X):
    from graphs import call, session_of

    from sk_aecnn.onnx import to_onnx

    estimator = estimator_of(work).fit(X[:2000])
    graph = to_onnx(estimator, method="transform", dtype=X.dtype).SerializeToString()
    session = session_of(graph)
    return lambda: call(session, X[: work.at_once])
