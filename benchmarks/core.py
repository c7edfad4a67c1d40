"""What a table is made of: tasks are its columns, models its rows."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.metrics import get_scorer
from sklearn.utils import shuffle

# parameters that say how long something is trained
LENGTHS = ("max_epochs", "epochs", "n_epochs", "max_iter", "n_iter", "n_estimators")


@dataclass(frozen=True)
class Split:
    """Rows to fit and rows to test with; without a target, ``y`` is None."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any


@dataclass(frozen=True)
class Metric:
    """A number that tells how good a model is."""

    name: str  # where it ends in %, results are shown in percent
    digits: int  # decimals in a table
    scorer: str | Callable = ""  # one of scikit-learn, or a function of a model and a Split
    sign: int = 1  # -1 where less is better

    def __call__(self, model, split):
        if callable(self.scorer):
            value = self.scorer(model, split)
        else:
            value = get_scorer(self.scorer)(model, split.X_test, split.y_test)
        return float(100 * value if self.name.endswith("%") else value)


ACCURACY = Metric("accuracy, %", 2, "accuracy")
SECONDS = Metric("fit, s", 2)


@dataclass(frozen=True)
class Task:
    """A column of a table."""

    name: str
    read: Callable  # of the folder of data: arrays
    split: Callable  # takes these and a seed and yields splits
    models: tuple | None = None  # names of the rows that it has, if not all of them

    def load(self, folder, rows):
        """Return the arrays, of those to train with no more rows than these, always the same."""
        arrays = self.read(folder)
        aligned = [array for array in arrays if len(array) == len(arrays[0])]
        if rows is None or rows >= len(arrays[0]):
            return arrays
        return *shuffle(*aligned, n_samples=rows, random_state=0), *arrays[len(aligned) :]


def tasks_of(names, read, split):
    """Return the tasks of data that are read by name."""
    return [Task(name, partial(read, name=name), split) for name in names.split()]


@dataclass(frozen=True)
class Table:
    """A table of the documentation."""

    title: str
    tasks: list
    models: dict  # by the name of the row, an estimator or a function of the Run that makes one
    metrics: tuple = (ACCURACY,)
    apart: Callable | None = None  # instead of metrics: measures a named row and a split
    halves: int | None = None  # the seed of `report.half_of`, where the tasks are in two halves
    rows: int | None = None  # the most rows of a data set
    notes: tuple = ()


@dataclass(frozen=True)
class Run:
    """One split of a task for a seed, and the command line, parsed, that it is part of."""

    task: Task
    seed: int
    fold: int  # the number of the split
    split: Any
    plan: Namespace

    def build(self, entry):
        """Return the model of a row, set up for this run."""
        model = clone(entry) if isinstance(entry, BaseEstimator) else entry(self)
        for part in own_parts(model):
            part.set_params(**self.plan.params)
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
