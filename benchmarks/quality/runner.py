"""Seeds by tasks by splits by models: every run that a table wants and does not have yet."""

import json
import sys
import time
import traceback
import warnings
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, product

import numpy as np
import pandas as pd
import torch
from core import EPOCHS, SECONDS, Run, Source, Table, own_parts
from origin import digest, machine, sources
from scores import scored
from sklearn.exceptions import ConvergenceWarning

from sk_aecnn import AECNNClassifier
from sk_aecnn.exceptions import DivergenceError

INDEX = ["model", "task", "seed", "fold"]
DIVERGED = "diverged"


@dataclass
class Results:
    """What was found, by (model, task, seed, fold), and what went wrong."""

    tasks: list
    found: dict = field(default_factory=dict)
    troubles: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)

    @property
    def failed(self):
        """Whether anything but a divergence went wrong."""
        return any(trouble != DIVERGED for trouble in self.troubles.values())

    def frame(self):
        """Return a frame of the metrics, indexed by model, task, seed and fold."""
        keys = [list(level) for level in zip(*self.found, strict=True)] or [[]] * len(INDEX)
        return pd.DataFrame(list(self.found.values()), pd.MultiIndex.from_arrays(keys, names=INDEX))


@dataclass(frozen=True)
class Runner:
    """Makes the runs of a table: those of the chosen rows; the others come from the records."""

    table: Table
    source: Source
    params: dict
    chosen: list
    path: object = None  # of the records, a result a line

    def run(self, tasks, seeds):
        """Return all results."""
        warm_up()
        results, records = Results([task.name for task in tasks]), read_records(self.path)
        folder = self.path and self.path.parent
        for seed, task in product(seeds, tasks):
            splits = task.split(task.load(self.source), seed)
            for fold, split in enumerate(islice(splits, 1 if self.source.quick else None)):
                first = None
                for name in self.table.models:
                    run = Run(seed, split, self.params, self.source.quick, folder, first)
                    metrics = self._metrics((name, task.name, seed, fold), run, records, results)
                    first = first or metrics
        return results

    def _metrics(self, key, run, records, results):
        """Return the metrics of a run, or None: what fails is told and leaves the others alone."""
        name, task = key[:2]
        known, metrics = records.get(key, (None, None))
        if name in results.missing or (known is None and name not in self.chosen):
            return None
        try:
            model = run.build(self.table.models[name])
            own = [sources()[0], sorted(self.params.items())] if own_parts(model) else []
            stamp = digest(machine(), self.source.quick, self.source.rows, own)
            if known != stamp and name not in self.chosen:
                return None
            if known != stamp:
                metrics = measure(model, run, self.table)
                self._record(key, stamp, metrics)
            results.found[key] = metrics
            return metrics
        except ImportError as error:
            outcome = results.missing[name] = str(error).splitlines()[0]
        except DivergenceError:
            outcome = results.troubles[name, task] = DIVERGED
        except Exception:
            traceback.print_exc()
            outcome = results.troubles[name, task] = "failed"
        tell(key, outcome)
        return None

    def _record(self, key, stamp, metrics):
        tell(key, ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "stamp": stamp, "metrics": metrics}) + "\n")


def read_records(path):
    """Return by key the last stamp, of what a result depends on besides, and the metrics."""
    records = {}
    for line in path.read_text().splitlines() if path is not None and path.exists() else []:
        try:
            record = json.loads(line)
            records[tuple(record["key"])] = record["stamp"], record["metrics"]
        except (ValueError, KeyError):  # the last line of a stopped run may be cut
            continue
    return records


def measure(model, run, table):
    """Fit a model and return its metrics, the time of the fit and the epochs of this package's."""
    judge = table.judge or partial(scored, metrics=table.metrics)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        torch.manual_seed(run.seed)
        start = time.perf_counter()
        model.fit(run.split.X, run.split.y)
        seconds = time.perf_counter() - start
        metrics = judge(model, run) | {SECONDS: seconds}
    for part in own_parts(model):
        if hasattr(part, "resolved_params_"):  # what a meta-estimator cloned is not fitted itself
            metrics[EPOCHS] = part.resolved_params_["max_epochs"]
    return {name: float(value) for name, value in metrics.items()}


def warm_up():
    """Load what the first fit of a process loads, so that no row pays for it."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    X = np.random.default_rng(0).normal(size=(20, 3))
    AECNNClassifier(2, max_epochs=1).fit(X, np.arange(20) % 2)


def tell(key, outcome):
    """Show progress."""
    model, task, seed, fold = key
    print(f"seed {seed}, {task}, split {fold}, {model}: {outcome}", file=sys.stderr, flush=True)
