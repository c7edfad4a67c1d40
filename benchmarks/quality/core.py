"""What a table is made of: tasks are its columns, models its rows; a run is one of each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.utils import shuffle

SECONDS = "fit, s"
EPOCHS = "epochs"
QUICK_ROWS = 100
# by which the sets of a suite are parted, see `suite.half_of`
HALVES_SEED = 34
# parameters that say how long something is trained
LENGTHS = ("max_epochs", "epochs", "epoch_num", "n_epochs", "max_iter", "n_iter", "n_estimators")


@dataclass(frozen=True)
class Source:
    """Where data come from and how much of them is taken."""

    folder: Path | None  # None takes small stand-ins of the same kind
    quick: bool = False  # whether the run only shows that everything works
    rows: int | None = None  # the most rows of a data set

    def cut(self, *arrays, most=None):
        """Return as many rows of aligned arrays as are wanted, the same in every process."""
        limits = [limit for limit in (most, self.rows, QUICK_ROWS if self.quick else None) if limit]
        if not limits or min(limits) >= len(arrays[0]):
            return arrays
        return tuple(shuffle(*arrays, n_samples=min(limits), random_state=0))


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
    load: Callable  # takes a Source and returns a tuple of data
    split: Callable  # takes these and a seed and yields splits


@dataclass(frozen=True)
class Table:
    """A table of the documentation."""

    title: str
    tasks: list
    models: dict  # by the name of the row, an estimator or a function of the Run that makes one
    metrics: tuple = ("accuracy, %",)  # in scores.METRICS; columns of tasks show the first
    judge: Callable | None = None  # of a fitted model and a Run; None calls the metrics' scorers
    seeds: tuple = (0, 1, 2)
    needs_data: bool = True
    layout: str = "values"  # of report.LAYOUTS
    halves_seed: int = HALVES_SEED
    notes: tuple = ()


@dataclass(frozen=True)
class Run:
    """One fit: its seed and split, what the command line says, and what the first row found."""

    seed: int
    split: Split
    params: dict = field(default_factory=dict)
    quick: bool = False
    folder: Path | None = None
    first: dict | None = None

    def default_epochs(self, factor=1):
        """Return a multiple of the epochs that the first row was trained for."""
        if self.first is None:
            raise ValueError("the number of epochs is the first row's: run that row too")
        return max(1, round(factor * self.first[EPOCHS]))

    def build(self, entry):
        """Return the model of a row, set up for this run."""
        model = clone(entry) if isinstance(entry, BaseEstimator) else entry(self)
        for part in own_parts(model):
            part.set_params(**_unless_fixed(part, self.split.params | self.params))
        for name, value in model.get_params().items():
            last = name.rpartition("__")[2]
            if last == "random_state":
                model.set_params(**{name: self.seed})
            elif self.quick and last in LENGTHS and (value == "auto" or (value or 0) > 1):
                model.set_params(**{name: 1})
        return model


def own_parts(model):
    """Return the estimators of this package in a model."""
    parts = [model, *model.get_params().values()]
    return [part for part in parts if type(part).__module__.startswith("sk_aecnn.")]


def _unless_fixed(estimator, params):
    """Return the parameters that the row leaves at their defaults."""
    defaults, now = type(estimator)().get_params(), estimator.get_params()
    return {name: value for name, value in params.items() if now[name] == defaults[name]}
