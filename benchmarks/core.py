"""What a table is made of: tasks are its columns, models its rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import shuffle

# parameters that say how long something is trained
LENGTHS = ("max_epochs", "epochs", "epoch_num", "n_epochs", "max_iter", "n_iter", "n_estimators")


@dataclass(frozen=True)
class Metric:
    """A number that tells how good a model is."""

    name: str
    digits: int  # decimals in a table
    scorer: Callable | None = None  # of a model, rows and target; None where a table's judge tells
    sign: int = 1  # -1 where less is better


def accuracy(model, X, y):
    return 100 * np.mean(model.predict(X) == y)


ACCURACY = Metric("accuracy, %", 2, accuracy)
SECONDS = Metric("fit, s", 2)


@dataclass(frozen=True)
class Source:
    """Where data come from, and how many rows of them are taken at most."""

    folder: Path
    rows: int | None = None

    def cut(self, *arrays, most=None):
        """Return as many rows of aligned arrays as are wanted, the same in every process."""
        limit = min(most or len(arrays[0]), self.rows or len(arrays[0]))
        if limit == len(arrays[0]):
            return arrays
        return tuple(shuffle(*arrays, n_samples=limit, random_state=0))


@dataclass(frozen=True)
class Split:
    """Rows to fit and rows to test with; without a target, ``y`` is None."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any
    params: dict = field(default_factory=dict)  # what this package is told of such rows


@dataclass(frozen=True)
class Task:
    """A column of a table."""

    name: str
    load: Callable  # takes a Source and returns data
    split: Callable  # takes these and a seed and yields splits
    models: tuple | None = None  # names of the rows that it has, if not all of them


def tasks_of(names, load, split, **params):
    """Return the tasks of data that are read by name."""
    return [Task(name, partial(load, name=name, **params), split) for name in names.split()]


@dataclass(frozen=True)
class Table:
    """A table of the documentation."""

    title: str
    tasks: list
    models: dict  # by the name of the row, an estimator or a function of the Run that makes one
    metrics: tuple = (ACCURACY,)  # columns of tasks show the first
    judge: Callable | None = None  # gives them for a fitted model and a Run; None: by scorers
    apart: Callable | None = None  # instead, of a row and a split, in a process of the row's own
    seeds: tuple = (0, 1, 2)
    layout: str = "tasks"  # of report.LAYOUTS
    halves_seed: int = 34  # of `report.half_of`
    notes: tuple = ()


@dataclass(frozen=True)
class Plan:
    """What the command line asks for."""

    name: str
    table: Table
    tasks: list
    models: list  # names of those to fit; of the others, earlier results are taken
    seeds: list
    source: Source
    params: dict  # of this package's estimators
    quick: bool = False  # whether the run only shows that everything works
    out: Path | None = None


@dataclass(frozen=True)
class Run:
    """One split of a task for a seed, and the plan that it is part of."""

    task: Task
    seed: int
    fold: int  # the number of the split
    split: Any
    plan: Plan

    def build(self, entry):
        """Return the model of a row, set up for this run."""
        model = clone(entry) if isinstance(entry, BaseEstimator) else entry(self)
        for part in own_parts(model):
            part.set_params(**self.split.params | self.plan.params)
        for name, value in model.get_params().items():
            last = name.rpartition("__")[2]
            if last == "random_state":
                model.set_params(**{name: self.seed})
            elif self.plan.quick and last in LENGTHS and (value == "auto" or (value or 0) > 1):
                model.set_params(**{name: 1})
        return model


def own_parts(model):
    """Return the estimators of this package in a model."""
    parts = [model, *model.get_params().values()]
    return [part for part in parts if type(part).__module__.startswith("sk_aecnn.")]
