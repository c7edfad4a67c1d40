"""The same work with other packages, as their users write it."""

import os
import warnings

import numpy as np

LR = 1e-3


# -- scikit-learn -----------------------------------------------------------------------------


def _mlp(name, hidden, epochs, batch_size):
    from sklearn import neural_network
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)
    return getattr(neural_network, name)(
        hidden_layer_sizes=hidden,
        max_iter=epochs,
        batch_size=batch_size,
        alpha=0.0,
        learning_rate_init=LR,
        tol=0.0,
    )


def mlp_autoencoder(work, X):
    mlp = _mlp("MLPRegressor", (64, 32, 32, 32, 64), work.epochs, work.batch_size)
    return lambda: 2 * mlp.fit(X, X).loss_curve_[-1]  # its loss is half the squared error


def mlp_digits(work, X, y):
    mlp = _mlp("MLPRegressor", (32, 16, 32), work.epochs, work.batch_size)
    return lambda: 2 * mlp.fit(X, X).loss_curve_[-1]


def mlp_table(work, X, y):
    mlp = _mlp("MLPClassifier", (100,), work.epochs, work.batch_size)
    return lambda: mlp.fit(X, y).loss_curve_[-1]


def _mlp_encoder(X):
    """Return an MLP of the encoder's layers: its prediction stands for the code."""
    return _mlp("MLPRegressor", (64, 32), 1, 256).fit(X[:2000], X[:2000, :32])


def mlp_encode(work, X):
    mlp = _mlp_encoder(X)
    return lambda: mlp.predict(X)


def mlp_encode_one(work, X):
    mlp = _mlp_encoder(X)
    return lambda: mlp.predict(X[:1])


def mlp_predict_one(work, X, y):
    mlp = _mlp("MLPClassifier", (100,), 1, 1024).fit(X, y)
    return lambda: mlp.predict(X[:1])


# -- skorch -----------------------------------------------------------------------------------


def _skorch(net_class, module, work, criterion):
    import torch

    return net_class(
        module,
        criterion=criterion,
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=work.batch_size,
        max_epochs=work.epochs,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    )


def skorch_autoencoder(work, X):
    from plain import dense
    from skorch import NeuralNetRegressor
    from torch.nn import MSELoss

    def run():
        network = dense(784, 64, 32, 32, 32, 64, 784)
        net = _skorch(NeuralNetRegressor, network, work, MSELoss).fit(X, X)
        return net.history[-1]["train_loss"]

    return run


def skorch_cnn(work, X, y):
    from plain import cnn
    from skorch import NeuralNetClassifier
    from torch.nn import CrossEntropyLoss

    def run():
        net = _skorch(NeuralNetClassifier, cnn(), work, CrossEntropyLoss).fit(X[:, None], y)
        return net.history[-1]["train_loss"]

    return run


def skorch_table(work, X, y):
    from plain import dense
    from skorch import NeuralNetClassifier
    from torch.nn import CrossEntropyLoss

    def run():
        net = _skorch(NeuralNetClassifier, dense(50, 100, 4), work, CrossEntropyLoss).fit(X, y)
        return net.history[-1]["train_loss"]

    return run


# -- Keras ------------------------------------------------------------------------------------


def _keras(backend):
    os.environ["KERAS_BACKEND"] = backend
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    return keras


def keras_autoencoder(work, X, backend):
    keras = _keras(backend)

    def run():
        sizes = [64, 32, 32, 32, 64]
        layers = [keras.layers.Dense(size, activation="relu") for size in sizes]
        network = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(784)])
        network.compile(keras.optimizers.Adam(LR), "mse")
        history = network.fit(
            X, X, batch_size=work.batch_size, epochs=work.epochs, verbose=0, shuffle=True
        )
        return history.history["loss"][-1]

    return run


def keras_cnn(work, X, y, backend):
    keras = _keras(backend)

    def run():
        conv, pool = keras.layers.Conv2D, keras.layers.MaxPooling2D
        network = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                conv(32, 3, padding="same", activation="relu"),
                pool(),
                conv(64, 3, padding="same", activation="relu"),
                pool(),
                keras.layers.Flatten(),
                keras.layers.Dense(128, activation="relu"),
                keras.layers.Dense(10),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile(keras.optimizers.Adam(LR), loss)
        history = network.fit(
            X[..., None], y, batch_size=work.batch_size, epochs=work.epochs, verbose=0
        )
        return history.history["loss"][-1]

    return run


def keras_encode(work, X, backend):
    keras = _keras(backend)
    layers = [keras.layers.Dense(size, activation="relu") for size in (64, 32)]
    network = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(32)])
    return lambda: network.predict(X, batch_size=1024, verbose=0)


# -- PyOD -------------------------------------------------------------------------------------


def pyod_autoencoder(work, X):
    from pyod.models.auto_encoder import AutoEncoder

    def run():
        detector = AutoEncoder(
            preprocessing=False,
            lr=LR,
            epoch_num=work.epochs,
            batch_size=work.batch_size,
            hidden_neuron_list=[64, 32, 32],
            batch_norm=False,
            dropout_rate=0.0,
            verbose=0,
        )
        detector.fit(X)
        return float("nan")  # it does not tell

    return run


# -- onnxruntime ------------------------------------------------------------------------------


def _session():
    import io

    import onnxruntime
    import torch
    from plain import dense

    file = io.BytesIO()
    network, rows = dense(784, 64, 32, 32), torch.zeros(2, 784)
    torch.onnx.export(
        network,
        (rows,),
        file,
        input_names=["rows"],
        output_names=["code"],
        dynamic_axes={"rows": {0: "n"}, "code": {0: "n"}},
        dynamo=False,
    )
    return onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])


def onnx_encode(work, X):
    session = _session()

    def run():
        chunks = [X[start : start + 1024] for start in range(0, len(X), 1024)]
        return np.concatenate([session.run(None, {"rows": chunk})[0] for chunk in chunks])

    return run


def onnx_encode_one(work, X):
    session = _session()
    return lambda: session.run(None, {"rows": X[:1]})


def _on(function, backend):
    return lambda *args: function(*args, backend=backend)


MLP = "scikit-learn MLP"
JAX, TF = "Keras on JAX", "Keras on TensorFlow"
VARIANTS = {
    "autoencoder": {
        "skorch, default": skorch_autoencoder,
        MLP: mlp_autoencoder,
        JAX: _on(keras_autoencoder, "jax"),
        TF: _on(keras_autoencoder, "tensorflow"),
        "PyOD": pyod_autoencoder,
    },
    "cnn": {
        "skorch, default": skorch_cnn,
        JAX: _on(keras_cnn, "jax"),
        TF: _on(keras_cnn, "tensorflow"),
    },
    "joint": {},
    "table": {"skorch, default": skorch_table, MLP: mlp_table},
    "digits": {MLP: mlp_digits},
    "encode": {
        MLP: mlp_encode,
        JAX: _on(keras_encode, "jax"),
        TF: _on(keras_encode, "tensorflow"),
        "onnxruntime": onnx_encode,
    },
    "encode-one": {MLP: mlp_encode_one, "onnxruntime": onnx_encode_one},
    "predict-one": {MLP: mlp_predict_one},
}
