"""
An autoencoder, then a CNN on its codes; and both at once
=========================================================

The recipe of an article, step by step. A dense autoencoder with layers of 64 and 32 units and a
sigmoid code is trained on images that are flat rows with values in [0, 1]; a convolutional
network then learns to classify its codes. First in two phases, each an estimator of its own:

    autoencoder: 50 epochs, batches of 256        CNN: 10 epochs, batches of 128, Adam

then the same two phases in one estimator: :class:`~sk_aecnn.AECNNClassifier` with
``pretrain_epochs=50`` and ``freeze_encoder=True``, where both have the batch size of the CNN; and
then jointly: the same encoder, decoder and CNN, trained on the sum of both losses. A table compares
the results.

Run it as ``python examples/article_recipe.py`` on scikit-learn's digits (8 x 8 pixels), or with
``--data-home DIR`` on MNIST (28 x 28), where DIR holds the four original idx files, gzipped or not.
The digits are few, so they are trained with smaller batches, and for 15 epochs instead of 50, which
takes some seconds. Other options, such as ``--epochs``, are listed by ``--help``.
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier

PARTS = ("train", "t10k")
UNSIGNED_BYTES = 8
CHANNELS = (32, 64)  # of the CNN
EPOCHS = {"MNIST": 50, "digits": 15}
BATCH_SIZES = {"MNIST": (256, 128), "digits": (32, 32)}  # of the autoencoder, of the CNN


def main():
    options = parse_options()
    load = {"digits": load_small_digits, "MNIST": load_mnist}[options.data_name]
    X_train, X_test, y_train, y_test = load(options)
    n_pixels = X_train.shape[1]
    print(
        f"{options.data_name}: {len(X_train)} training and {len(X_test)} test images of {n_pixels} "
        f"pixels\nEncoder: {n_pixels}-64-32-{options.encoding_dim}, sigmoid code; "
        f"loss {options.loss}\n"
    )
    recipes = {"phases": phases(options), "frozen": frozen(options), "joint": joint(options)}

    print(f"{'':<8}{'epochs':>10}{'fit time':>12}{'accuracy':>12}{'R²':>10}{'MSE':>10}")
    for title, model in recipes.items():
        start = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        accuracy = model.score(X_test, y_test)
        reconstructed = reconstruct(model, X_test)
        r2 = r2_score(X_test, reconstructed, multioutput="variance_weighted")
        mse = np.square(X_test - reconstructed).mean()
        time_taken = f"{seconds:.1f} s"
        print(
            f"{title:<8}{epochs(model):>10}{time_taken:>12}{accuracy:>12.4f}{r2:>10.3f}{mse:>10.4f}"
        )
    print("\nOn the test images. R²: 1 is perfect, 0 is the mean image. MSE: pixels in [0, 1].")


def phases(options):
    """Return the two phases: the autoencoder, which sees no label, then a CNN on its codes."""
    return Pipeline(
        [
            (
                "autoencoder",
                AutoencoderTransformer(
                    max_epochs=options.epochs,
                    batch_size=options.batch_size,
                    **encoder(options),
                    **optimizer(options),
                ),
            ),
            (
                "cnn",
                # A linear layer maps a code to channels x positions, over which it convolves.
                CNNClassifier(
                    CHANNELS,
                    max_epochs=options.cnn_epochs,
                    batch_size=options.cnn_batch_size,
                    **cnn(),
                    **optimizer(options),
                ),
            ),
        ]
    )


def frozen(options):
    """Return the same networks as one estimator, which trains them in two phases."""
    return AECNNClassifier(
        pretrain_epochs=options.epochs,
        freeze_encoder=True,
        backend_input="code",
        backend_channels=CHANNELS,
        max_epochs=options.cnn_epochs,
        batch_size=options.cnn_batch_size,
        **encoder(options),
        **cnn(),
        **optimizer(options),
    )


def joint(options):
    """Return the same networks as one estimator, which trains them on the sum of both losses."""
    return AECNNClassifier(
        reconstruction_weight=options.reconstruction_weight,
        backend_input="code",
        backend_channels=CHANNELS,
        max_epochs=options.epochs,
        batch_size=options.cnn_batch_size,
        **encoder(options),
        **cnn(),
        **optimizer(options),
    )


def encoder(options):
    return {
        "encoder": "dense",
        "encoding_dim": options.encoding_dim,
        "hidden_layer_sizes": (64, 32),
        "code_activation": "sigmoid",
        "reconstruction_loss": options.loss,
    }


def cnn():
    return {"dense_units": 128, "label_smoothing": 0.0, "augmentation": None}


def optimizer(options):
    return {
        "optimizer": "adam",
        "lr": 1e-3,
        "lr_schedule": "constant",
        "weight_decay": 0.0,
        "verbose": options.verbose,
        "random_state": options.random_state,
    }


def reconstruct(model, X):
    if isinstance(model, Pipeline):
        return model["autoencoder"].reconstruct(X)
    return model.reconstruct(X)


def epochs(model):
    if isinstance(model, Pipeline):
        n_epochs = [step.n_iter_ for step in model.named_steps.values()]
    else:
        n_epochs = [len(model.pretrain_loss_curve_), model.n_iter_]
    return " + ".join(str(n) for n in n_epochs if n)


def load_small_digits(options):
    digits = load_digits()
    rows = digits.data.astype(np.float32) / 16
    return train_test_split(
        rows, digits.target, test_size=450, stratify=digits.target, random_state=0
    )


def load_mnist(options):
    images = [read_idx(options.data_home, f"{part}-images-idx3-ubyte") for part in PARTS]
    labels = [read_idx(options.data_home, f"{part}-labels-idx1-ubyte") for part in PARTS]
    rows = [array.reshape(len(array), -1) / np.float32(255) for array in images]
    return *rows, *labels


def read_idx(data_home, name):
    """Read an idx file of unsigned bytes, gzipped or not.

    The format: two zero bytes, the type of the values, the number of axes; the size of each axis as
    a big-endian 32-bit integer; the values.
    """
    for path in (Path(data_home, name), Path(data_home, f"{name}.gz")):
        if path.is_file():
            data = path.read_bytes()
            break
    else:
        raise SystemExit(f"--data-home: neither {name} nor {name}.gz is in {data_home}")
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    zero, kind, n_axes = int.from_bytes(data[:2], "big"), data[2], data[3]
    if zero != 0 or kind != UNSIGNED_BYTES:
        raise SystemExit(f"{path} is no idx file of unsigned bytes")
    shape = np.frombuffer(data, dtype=">i4", count=n_axes, offset=4)
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    add = parser.add_argument
    add("--data-home", type=Path, help="folder of MNIST's idx files (without it: digits)")
    add("--epochs", type=int, help="of the autoencoder and of the joint training (50; digits: 15)")
    add("--cnn-epochs", type=int, default=10, help="of the CNN on fixed codes (10)")
    add("--batch-size", type=int, help="of the autoencoder (256; digits: 32)")
    add("--cnn-batch-size", type=int, help="of the CNN, frozen and joint (128; digits: 32)")
    add("--encoding-dim", type=int, default=32, help="size of the code (32)")
    add("--loss", choices=("mse", "bce"), default="mse", help="of the reconstruction (mse)")
    add("--reconstruction-weight", type=float, default=1.0, help="in the joint training (1)")
    add("--random-state", type=int, default=0, help="seed of weights and batches (0)")
    add("--verbose", type=int, choices=(0, 1), default=0, help="1 shows a progress bar (0)")
    options = parser.parse_args()
    options.data_name = "digits" if options.data_home is None else "MNIST"
    options.epochs = options.epochs or EPOCHS[options.data_name]
    batch_size, cnn_batch_size = BATCH_SIZES[options.data_name]
    options.batch_size = options.batch_size or batch_size
    options.cnn_batch_size = options.cnn_batch_size or cnn_batch_size
    return options


if __name__ == "__main__":
    # Dense layers this small gain little from a second thread, and are much slower on busy cores.
    with threadpool_limits(limits=1):
        main()
