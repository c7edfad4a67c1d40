"""Readers of the files, each with a small stand-in that scikit-learn bundles or that is made up."""

import gzip
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

IDX_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


# -- images -----------------------------------------------------------------------------------


def read_idx(path):
    """Read an idx file: two zero bytes, the type, the number of axes, the sizes, the values."""
    packed = path.with_name(path.name + ".gz")
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    n_axes = data[3]
    shape = np.frombuffer(data, dtype=">i4", count=n_axes, offset=4)
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def digits_of(height, width):
    """Return scikit-learn's digits, every pixel repeated and the rest filled with zeros."""
    images, y = digits()
    rows, columns = height // 8, width // 8
    larger = np.kron(15 * images, np.ones((1, rows, columns), np.uint8))
    margins = [
        ((size - 8 * times) // 2, (size - 8 * times + 1) // 2)
        for size, times in ((height, rows), (width, columns))
    ]
    return np.pad(larger, [(0, 0), *margins]), y


def digits():
    """Return scikit-learn's digits as images (n, 8, 8) uint8, and their classes."""
    X, y = load_digits(return_X_y=True)
    return X.reshape(-1, 8, 8).astype(np.uint8), y


@cache
def mnist(source):
    """Return images (n, 28, 28) uint8 and labels, to train with and to test with."""
    if source.folder is None:
        X, y = digits_of(28, 28)
        return *source.cut(X[:1200], y[:1200]), *source.cut(X[1200:], y[1200:])
    train, test = (
        [read_idx(Path(source.folder, "mnist", name)) for name in IDX_FILES[part]]
        for part in ("train", "test")
    )
    if source.quick:
        test = source.cut(*test)
    return *source.cut(*train), *test


def speech(source):
    """Return spectrograms (n, 40, 64) uint8, digits, speakers, and which are the test rows."""
    if source.folder is None:
        X, y = digits_of(40, 64)
        numbers = np.arange(len(y))
        return source.cut(X, y, numbers % 6, numbers % 10 == 0)
    file = np.load(Path(source.folder, "fsdd", "fsdd_logmel.npz"))
    return source.cut(*(file[name] for name in ("mel_q", "label", "speaker", "is_test")))


# -- tables -----------------------------------------------------------------------------------

BUNDLED = {"wine": load_wine, "breast_cancer": load_breast_cancer, "diabetes": load_diabetes}


def pmlb(source, name):
    """Read a table of PMLB: tab-separated, a header, the target in the last column."""
    if source.folder is None:
        return source.cut(*BUNDLED[name](return_X_y=True))
    with gzip.open(Path(source.folder, "tabular", "pmlb", f"{name}.tsv.gz"), "rt") as lines:
        header = next(lines).rstrip().split("\t")
        table = np.loadtxt(lines, delimiter="\t")
    assert header[-1] == "target"
    return source.cut(table[:, :-1], table[:, -1])


def adbench(source, most):
    """Return (name, X, y) of every set, 1 for anomalies, at most ``most`` rows of each."""
    if source.folder is None:
        X, y = load_breast_cancer(return_X_y=True)
        rare = np.r_[np.flatnonzero(y == 1)[:200], np.flatnonzero(y == 0)[:20]]
        return [("breast_cancer", X[rare], 1 - y[rare])]
    sets = []
    for path in sorted(Path(source.folder, "tabular", "adbench").glob("*.npz")):
        file = np.load(path)
        X, y = source.cut(file["X"].astype(float), file["y"].astype(int), most=most)
        sets.append((path.stem.split("_", 1)[1], X, y))
    return sets


# -- series and texts -------------------------------------------------------------------------


def series(source, name):
    """Return series (n, time, channels) and labels, to train with and to test with.

    Series of unequal length end in NaN; each is stretched to the length of the longest one that
    there is to train with.
    """
    if source.folder is None:
        X, y = waves(name)
        return X[:40], y[:40], X[40:], y[40:]
    file = np.load(Path(source.folder, "timeseries", f"{name}.npz"))
    n_steps = file["X_train"].shape[2]
    X, X_test = (stretch(file[part], n_steps) for part in ("X_train", "X_test"))
    return X, file["y_train"], X_test, file["y_test"]


def waves(name):
    """Return made-up series of the shape of a set: waves of three frequencies, and noise."""
    rng = np.random.default_rng(0)
    n_channels = 12 if name == "JapaneseVowels" else 1
    y = np.arange(80) % 3
    time = np.linspace(0, 2 * np.pi, 24)[:, None]
    phase = rng.uniform(0, 1, size=(80, 1, n_channels))
    X = np.sin((y[:, None, None] + 1) * time + phase) + 0.2 * rng.normal(size=(80, 24, n_channels))
    return X.astype(np.float32), y


def stretch(X, n_steps):
    """Return series (n, channels, time) as (n, time, channels), without NaN, in equal steps."""
    places = np.linspace(0, 1, n_steps)
    rows = []
    for row in X:
        known = row[:, ~np.isnan(row).any(axis=0)]
        own = np.linspace(0, 1, known.shape[1])
        rows.append(np.stack([np.interp(places, own, channel) for channel in known], axis=1))
    return np.asarray(rows, dtype=np.float32)


def messages(source):
    """Return texts and whether each is spam."""
    if source.folder is None:
        rng = np.random.default_rng(0)
        y = np.arange(120) % 4 == 0
        words = np.array(
            [["see", "you", "home", "later", "ok"], ["free", "win", "call", "now", "ok"]]
        )
        return np.array([" ".join(rng.choice(words[int(spam)], 6)) for spam in y]), y
    path = Path(source.folder, "text", "SMSSpamCollection.gz")
    lines = gzip.decompress(path.read_bytes()).decode().strip("\n").split("\n")
    labels, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    return source.cut(np.array(texts), np.array(labels) == "spam")
