"""What a table is made of: tasks are its columns, variants its rows, and both meet in a run."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = "fit, s"
QUICK_ROWS = 240


@dataclass(frozen=True)
class Source:
    """Where data come from and how much of them is taken.

    Attributes
    ----------
    folder : Path or None
        The data; None takes small stand-ins of the same shape.
    quick : bool
        Whether the run only shows that everything works.
    rows : int or None
        The most rows of a data set that are taken, drawn at random; None takes all.
    """

    folder: Path | None
    quick: bool = False
    rows: int | None = None

    def cut(self, *arrays, most=None):
        """Return as many rows of aligned arrays as are wanted, the same in every process."""
        limits = [limit for limit in (most, self.rows, QUICK_ROWS if self.quick else None) if limit]
        n_rows = len(arrays[0])
        if not limits or min(limits) >= n_rows:
            return arrays
        index = np.random.default_rng(0).permutation(n_rows)[: min(limits)]
        return tuple(array[index] for array in arrays)


@dataclass(frozen=True)
class Split:
    """Rows to fit and rows to judge by; without a target, ``y`` is None.

    ``params`` are what an estimator of this package has to be told of such rows.
    """

    X: Any
    y: Any
    X_test: Any
    y_test: Any
    params: dict = field(default_factory=dict)

    @property
    def n_features(self):
        return int(np.prod(self.X.shape[1:]))


@dataclass(frozen=True)
class Task:
    """A column: ``splits`` takes a seed and yields its splits, more than one where it folds."""

    name: str
    splits: Callable


@dataclass(frozen=True)
class Run:
    """What the maker of a model is told."""

    seed: int
    split: Split
    params: dict = field(default_factory=dict)
    quick: bool = False
    folder: Path | None = None

    def epochs(self, wanted):
        """Return the passes over the data that a peer makes."""
        return 1 if self.quick else wanted

    def own(self, estimator, *args, **fixed):
        """Return an estimator of this package; what a row fixes, the command line leaves alone."""
        quick = {"max_epochs": 1} if self.quick else {}
        params = self.split.params | self.params | fixed | quick
        return estimator(*args, random_state=self.seed, **params)


@dataclass(frozen=True)
class Variant:
    """A row: ``make`` takes a `Run` and returns a model; ``own`` where it is of this package."""

    name: str
    make: Callable
    own: bool = False


def own(name, estimator, *args, **fixed):
    """Return the row of an estimator of this package with some parameters fixed."""
    return Variant(name, lambda run: run.own(estimator, *args, **fixed), own=True)


@dataclass(frozen=True)
class Table:
    """A table of the documentation.

    Attributes
    ----------
    title : str
        What is measured, in a sentence, with the unit.
    tasks : callable
        Takes a `Source` and returns the tasks.
    variants : list of Variant
        The rows, in order.
    measure : callable
        Takes a model and a `Run`, fits the model and returns a number by the name of each metric.
    metrics : dict
        Number of decimals by the name of each metric; the first is the one that is shown where the
        columns are tasks.
    seeds : tuple of int
        The seeds where the command line names none.
    needs_data : bool
        Whether it takes a folder of data.
    paired : bool
        Whether differences to the first row are shown instead of values.
    on_record : dict
        Published figures: value by task by the name of the row.
    notes : tuple of str
        Sentences below the table.
    """

    title: str
    tasks: Callable
    variants: list
    measure: Callable
    metrics: dict
    seeds: tuple = (0, 1, 2)
    needs_data: bool = True
    paired: bool = False
    on_record: dict = field(default_factory=dict)
    notes: tuple = ()


def fit_seconds(model, *data):
    """Fit a model and return the time it took."""
    start = time.perf_counter()
    model.fit(*data)
    return time.perf_counter() - start


def accuracy(model, run):
    """Fit a classifier and judge it on the test rows, in percent."""
    split = run.split
    seconds = fit_seconds(model, split.X, split.y)
    hits = np.mean(model.predict(split.X_test) == split.y_test)
    return {"accuracy, %": 100 * hits, SECONDS: seconds}


ACCURACY = {"accuracy, %": 2}


def folds(X, y, seed, source, n_folds=5):
    """Yield the splits of a stratified cross-validation whose shuffle is the seed's."""
    from sklearn.model_selection import StratifiedKFold

    cut = StratifiedKFold(2 if source.quick else n_folds, shuffle=True, random_state=seed)
    for train, test in cut.split(np.zeros(len(y)), y):
        yield Split(X[train], y[train], X[test], y[test])
