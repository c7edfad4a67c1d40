"""The command line, and every run that a table wants, kept for the next time."""

import argparse
import json
import shlex
import sys
import time
import traceback
import warnings
from functools import partial
from itertools import islice
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch
from core import SECONDS
from report import machine, markdown, sources
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning

import sk_aecnn

PAGES = Path(__file__).parents[1] / "docs" / "guide" / "quality"
# parameters that say how long something is trained, and with how many threads
LENGTHS = ("max_epochs", "epochs", "n_epochs", "max_iter", "n_iter", "n_estimators")
THREADS = ("n_jobs", "n_threads", "thread_count")


def plan_of(argv, tables):
    """Return what the arguments ask for; whole tables of quality are written into the guide."""
    parser = argparse.ArgumentParser(description="Make a table of the documentation.")
    commands = parser.add_subparsers(dest="name", metavar="TABLE", required=True)
    for name, table in tables.items():
        one = commands.add_parser(name, help=table.title.replace("%", "%%"))
        tasks = [task.name for task in table.tasks]
        one.set_defaults(table=table)
        one.add_argument("folder", nargs="?", type=Path, metavar="DATA", default=Path())
        one.add_argument("--seeds", type=int, nargs="+", default=[0])
        one.add_argument("--variants", nargs="+", choices=table.models, default=table.models)
        one.add_argument("--tasks", nargs="+", choices=tasks, default=tasks)
        one.add_argument("--params", type=json.loads, default={}, help="JSON, for this package's")
        one.add_argument("--rows", type=int, help="the most rows of a data set")
        one.add_argument("--quick", action="store_true", help="100 rows, two columns, one epoch")
        one.add_argument("--out", type=Path, metavar="FILE")
    plan = parser.parse_args(argv)
    plan.tasks = [task for task in plan.table.tasks if task.name in plan.tasks]
    in_part = plan.params or plan.rows or plan.quick or plan.tasks != plan.table.tasks
    if not (in_part or plan.table.apart):
        plan.out = plan.out or PAGES / f"{plan.name}.md"
    if plan.quick:
        plan.tasks, plan.rows = plan.tasks[-2:], 100
    plan.rows = plan.rows or plan.table.rows
    return plan


def main(program, tables, argv=None):
    """Make a table; return whether something failed, as an exit status."""
    argv = argv or sys.argv[1:]
    plan = plan_of(argv, tables)
    names = {str(plan.folder): "DATA", str(plan.out): "FILE"}  # whatever they are called here
    command = f"{program} {shlex.join(names.get(one, one) for one in argv)}"
    frame, missing, failed = run(plan)
    text = markdown(plan, frame, missing, command)
    if plan.out:
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        plan.out.write_text(text)
    print(text)
    return int(failed)


def run(plan):
    """Return a frame of metrics, models whose packages are missing and why, and if some failed."""
    found, missing, failed = {}, {}, False
    # loads what the first fit of a process loads, so that no row pays for it
    sk_aecnn.AECNNClassifier(2, max_epochs=1).fit(np.eye(20), np.arange(20) % 2)
    memory = joblib.Memory(plan.out and plan.out.parent / ".results", verbose=0)
    kept = memory.cache(outcome, ignore=["measure"])
    for name, task, seed, fold, split in runs(plan):
        key = name, task.name, seed, fold
        if name in missing:
            continue
        try:
            measure, own = measure_of(name, task, seed, split, plan)
            own = [sources()[0], sorted(plan.params.items())] if own else []
            stamp = plan.name, machine(), plan.quick, plan.rows, own
            if name in plan.variants or kept.check_call_in_cache(key, stamp, None):
                found[key] = kept(key, stamp, measure)
        except ImportError as error:
            missing[name] = str(error).splitlines()[0]
        except Exception:  # is told, and leaves the others alone
            print(*key, traceback.format_exc(), sep=", ", file=sys.stderr)
            failed = True
    index = pd.MultiIndex.from_tuples(list(found), names=["model", "task", "seed", "fold"])
    return pd.DataFrame(list(found.values()), index), missing, failed


def runs(plan):
    """Yield the name of a model, a task, a seed, the number of a split, and the split."""
    for task in plan.tasks:
        data = task.load(plan.folder, plan.rows)
        for seed in plan.seeds:
            splits = islice(task.split(data, seed), 1 if plan.quick else None)
            for fold, split in enumerate(splits):
                for name in task.models or plan.table.models:
                    yield name, task, seed, fold, split


def outcome(key, stamp, measure):
    """Measure what ``key`` names; ``stamp`` is what its outcome depends on besides."""
    metrics = measure()
    print(*key, metrics, sep=", ", file=sys.stderr, flush=True)
    return metrics


def measure_of(name, task, seed, split, plan):
    """Return what measures a row, and whether that depends on this package."""
    if plan.table.apart:
        return partial(plan.table.apart, name, split), True
    entry = plan.table.models[name]
    model = clone(entry) if isinstance(entry, BaseEstimator) else entry(task)
    parts = [model, *model.get_params().values()]
    own = [part for part in parts if type(part).__module__.startswith("sk_aecnn.")]
    for part in own:
        part.set_params(**plan.params)
    for name, value in model.get_params().items():
        last = name.rpartition("__")[2]
        if last == "random_state":
            model.set_params(**{name: seed})
        elif last in THREADS and value:
            model.set_params(**{name: torch.get_num_threads()})
        elif plan.quick and last in LENGTHS and (value == "auto" or (value or 0) > 1):
            model.set_params(**{name: 1})
    return partial(fit_and_score, model, split, seed, plan.table.metrics), bool(own)


def fit_and_score(model, split, seed, metrics):
    """Return the metrics of a model and the time of its fit."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        torch.manual_seed(seed)
        start = time.perf_counter()
        model.fit(split.X, split.y)
        seconds = time.perf_counter() - start
        found = {metric.name: metric(model, split) for metric in metrics}
    return found | {SECONDS.name: seconds}
