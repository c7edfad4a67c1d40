"""What a table is made of: tasks are its columns, models its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer
from sklearn.utils import shuffle


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
    digits: int | None  # decimals in a table; None: by the size of the number
    scorer: str | Callable = ""  # one of scikit-learn, or a function of a model and a Split
    sign: int = 1  # -1 where less is better

    def __call__(self, model, split):
        if callable(self.scorer):
            value = self.scorer(model, split)
        else:
            value = get_scorer(self.scorer)(model, split.X_test, split.y_test)
        return float(100 * value if self.name.endswith("%") else value)

    def text(self, value):
        digits = sum((value < 10, value < 1)) if self.digits is None else self.digits
        return f"{value:.{digits}f}"


ACCURACY = Metric("accuracy, %", 2, "accuracy")
SECONDS = Metric("fit, s", None)


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
    models: dict  # by the name of the row, an estimator or a function of the task that makes one
    metrics: tuple = (ACCURACY,)
    apart: Callable | None = None  # instead of metrics: measures a named row and a split
    part_of: Callable | None = None  # the part that a task is in by its name, where there are many
    rows: int | None = None  # the most rows of a data set


@dataclass(eq=False, repr=False)
class Fitted(BaseEstimator):
    """What a function makes of a model, of rows, of a target and of a seed."""

    model: object
    function: Callable
    random_state: int | None = None

    def fit(self, X, y=None):
        self.result_ = self.function(self.model, X, y, self.random_state)
        return self

    def predict(self, X):
        return self.result_.predict(X)

    def decision_function(self, X):
        """Return the scores of the rows, which are those that it was fitted to."""
        return self.result_
