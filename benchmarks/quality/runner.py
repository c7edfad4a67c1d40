"""Seeds by tasks by splits by variants: every run that a table wants and does not have yet."""

import sys
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from core import Run, Source, Table
from records import Records, stamp
from sklearn.exceptions import ConvergenceWarning

from sk_aecnn import AECNNClassifier
from sk_aecnn.exceptions import DivergenceError


@dataclass
class Results:
    """What was found: metrics by variant, task and (seed, fold), and what went wrong."""

    tasks: list
    values: dict = field(default_factory=dict)
    troubles: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)

    @property
    def failed(self):
        """Whether anything but a divergence went wrong."""
        return any(trouble != "diverged" for trouble in self.troubles.values())

    def runs(self, variant, task):
        """Return the metrics by run of a cell."""
        return self.values.get(variant, {}).get(task, {})

    def by_run(self, variant, task, metric):
        """Return one metric by run of a cell."""
        runs = self.runs(variant, task)
        return {run: metrics[metric] for run, metrics in runs.items() if metric in metrics}

    def add(self, variant, task, run, metrics):
        self.values.setdefault(variant, {}).setdefault(task, {})[run] = metrics


@dataclass(frozen=True)
class Runner:
    """Makes the runs of a table: those of the chosen rows; the others come from the records."""

    table: Table
    source: Source
    params: dict
    chosen: list
    records: Records
    folder: Path | None = None

    def run(self, tasks, seeds):
        """Return all results."""
        warm_up()
        results = Results([task.name for task in tasks])
        for seed in seeds:
            for task in tasks:
                for fold, split in enumerate(task.splits(seed)):
                    run = Run(seed, split, self.params, self.source.quick, self.folder)
                    for variant in self.table.variants:
                        self._take_or_make(variant, task.name, fold, run, results)
        return results

    def _take_or_make(self, variant, task, fold, run, results):
        key = (variant.name, task, run.seed, fold)
        mark = stamp(variant, self.params, self.source)
        metrics = self.records.get(key, mark)
        if metrics is None and variant in self.chosen and variant.name not in results.missing:
            metrics = self._make(variant, task, run, results)
            place = (variant.name, task)
            outcome = results.missing.get(variant.name) or results.troubles.get(place)
            tell(f"seed {run.seed}, {task}, split {fold}, {variant.name}", metrics, outcome)
            if metrics is not None:
                self.records.add(key, mark, metrics)
        if metrics is not None:
            results.add(variant.name, task, (run.seed, fold), metrics)

    def _make(self, variant, task, run, results):
        """Return the metrics of a run, or None: what fails is told and leaves the others alone."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                metrics = self.table.measure(variant.make(run), run)
            return {name: float(value) for name, value in metrics.items()}
        except ImportError as error:
            results.missing[variant.name] = str(error).splitlines()[0]
        except DivergenceError:
            results.troubles[variant.name, task] = "diverged"
        except Exception:
            traceback.print_exc()
            results.troubles[variant.name, task] = "failed"
        return None


def warm_up():
    """Load what the first fit of a process loads, so that no row pays for it."""
    import torch

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    X = np.random.default_rng(0).normal(size=(20, 3))
    AECNNClassifier(2, max_epochs=1).fit(X, np.arange(20) % 2)


def tell(what, metrics, trouble):
    """Show progress."""
    found = ", ".join(f"{name} {value:.4g}" for name, value in (metrics or {}).items())
    print(f"{what}: {found or trouble}", file=sys.stderr, flush=True)
