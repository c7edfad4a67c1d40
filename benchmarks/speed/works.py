"""The works that are timed: what data, what network, how long."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Work:
    """One row of the table.

    Attributes
    ----------
    title : str
        What is done, in words.
    data : callable
        Takes the number of rows, returns a tuple of arrays; the same in every process.
    n_rows : int
        Rows of the data.
    epochs : int
        Passes over them in training; 0 where nothing is trained.
    batch_size : int
        Rows in a step.
    repeats : int
        How often a run does it, for what is over too soon to be timed.
    """

    title: str
    data: object
    n_rows: int
    epochs: int = 0
    batch_size: int = 0
    repeats: int = 1


def low_rank_rows(n_rows, n_features=784):
    """Return rows of low rank with some noise: times do not depend on what the numbers mean."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 10)) @ rng.normal(size=(10, n_features))
    rows = rows + 0.1 * rng.normal(size=rows.shape)
    return ((rows / rows.std()).astype(np.float32),)


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
    """Return scikit-learn's digits, standardised, and their classes."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return ((X - X.mean()) / X.std()).astype(np.float32)[:n_rows], y[:n_rows]


WORKS = {
    "autoencoder": Work("dense autoencoder 784-64-32-32-32-64-784", low_rank_rows, 60_000, 2, 256),
    "cnn": Work("CNN conv32-pool-conv64-pool-dense128", blob_images, 12_800, 1, 128),
    "joint": Work("joint autoencoder and CNN", blob_images, 12_800, 1, 128),
    "table": Work("classifier 50-100-4, 200 000 rows", table, 200_000, 2, 1024),
    "digits": Work("autoencoder 64-32-16-32-64, digits", digits, 1_797, 5, 256, repeats=5),
    "encode": Work("encode 60 000 rows", low_rank_rows, 60_000),
    "encode-one": Work("encode one row", low_rank_rows, 2_000, repeats=1_000),
    "predict-one": Work("classify one row, 50-100-4", table, 2_000, repeats=1_000),
}
