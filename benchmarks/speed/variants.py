"""The same work by this package, plain torch and other packages, as their users write it.

Each takes a work, its rows and, for classifiers, classes, and returns what is timed. What is
needed is imported inside, so that a process holds no package but its own.
"""

import os
import warnings

LR = 1e-3
JOINT = "joint autoencoder and CNN"


# -- plain torch ------------------------------------------------------------------------------


def network_of(work):
    """Return the network of plain torch."""
    import plain

    if work.sizes:
        return plain.dense(*work.sizes)
    return plain.Joint() if work.title == JOINT else plain.cnn()


def plain_loop(work, X, y=None):
    import plain
    import torch

    tensors = [
        torch.from_numpy(one) for one in (X if work.sizes else X[:, None], y) if one is not None
    ]
    loss = plain.reconstruction if y is None else plain.classification
    loss = plain.both if work.title == JOINT else loss
    return lambda: plain.train(network_of(work), loss, tensors, work.epochs, work.batch_size)


def plain_inference(work, X, y=None):
    import plain

    network = network_of(work)
    return lambda: plain.outputs(network, X[: work.at_once])


# -- this package -----------------------------------------------------------------------------


def package(work, X, y=None, precision="float32"):
    estimator = _estimator(work, y)
    if precision != "float32":
        estimator.set_params(precision=precision)
    if work.epochs:
        return lambda: estimator.fit(X, y).loss_curve_[-1]
    estimator.fit(X[:2000], None if y is None else y[:2000])
    infer = estimator.transform if y is None else estimator.predict
    return lambda: infer(X[: work.at_once])


def _estimator(work, y):
    """Return the estimator, without what a plain loop does not do to rows and labels."""
    from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier

    training = {
        "lr": LR,
        "optimizer": "adam",
        "weight_decay": 0.0,
        "lr_schedule": "constant",
        "max_epochs": work.epochs or 1,
        "batch_size": work.batch_size or "auto",
        "random_state": 0,
        "device": "cpu",
    }
    if y is None:
        *hidden, code = _encoder_sizes(work)
        return AutoencoderTransformer(
            code, hidden_layer_sizes=tuple(hidden), code_activation="relu", **training
        )
    training["label_smoothing"] = 0
    if work.sizes:  # one hidden layer as features, a linear back end, no decoder
        return AECNNClassifier(
            2,
            encoder="dense",
            hidden_layer_sizes=work.sizes[1:-1],
            reconstruction_weight=0.0,
            backend=_linear,
            **training,
        )
    training |= {"normalization": None, "augmentation": None}
    if work.title == JOINT:
        return AECNNClassifier(32, **training)
    return CNNClassifier(conv_channels=(32, 64), **training)


def _encoder_sizes(work):
    """Return the sizes of hidden layers and code."""
    return work.sizes[1 : len(work.sizes) // 2 + 1] if work.epochs else work.sizes[1:]


def _linear(in_shape, n_outputs):
    from torch import nn

    return nn.Linear(in_shape[0], n_outputs)


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
            hidden_neuron_list=list(_encoder_sizes(work)),
            batch_norm=False,
            dropout_rate=0.0,
            verbose=0,
        )
        detector.fit(X)
        return float("nan")  # it does not tell

    return run


def onnx(work, X):
    import io

    import numpy as np
    import onnxruntime
    import torch

    file, names = io.BytesIO(), ("rows", "code")
    torch.onnx.export(
        network_of(work),
        (torch.zeros(2, work.sizes[0]),),
        file,
        input_names=names[:1],
        output_names=names[1:],
        dynamic_axes={name: {0: "n"} for name in names},
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])

    def run():
        rows = X[: work.at_once]
        chunks = [rows[start : start + 1024] for start in range(0, len(rows), 1024)]
        return np.concatenate([session.run(None, {"rows": chunk})[0] for chunk in chunks])

    return run
