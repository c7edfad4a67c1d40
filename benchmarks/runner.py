"""Tasks by seeds by splits by models: every run that a table wants, kept for the next time."""

import hashlib
import platform
import re
import subprocess
import sys
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch
from core import SECONDS, Run, own_parts
from sklearn.exceptions import ConvergenceWarning

import sk_aecnn

PACKAGES = """
    numpy pandas scikit-learn torch skorch onnxruntime pyod isotree catboost lightgbm pytabkit aeon
    ctgan keras jax tensorflow-cpu
"""


@dataclass
class Results:
    """What was found, by (model, task, seed, fold), and what went wrong."""

    found: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)  # packages, by model
    failed: bool = False

    def frame(self):
        """Return a frame of the metrics, indexed by model, task, seed and fold."""
        keys = pd.DataFrame(list(self.found), columns=["model", "task", "seed", "fold"])
        return pd.DataFrame(list(self.found.values()), pd.MultiIndex.from_frame(keys))


def run(plan):
    """Return the results of a plan: what fails is told and leaves the others alone."""
    results = Results()
    folder = plan.out and plan.out.parent / ".results"
    kept = joblib.Memory(folder, verbose=0).cache(outcome, ignore=["work"])
    for task in plan.tasks:
        data = task.load(plan.folder, plan.rows)
        for seed in plan.seeds:
            splits = islice(task.split(data, seed), 1 if plan.quick else None)
            for fold, split in enumerate(splits):
                for name in task.models or plan.table.models:
                    _add(name, Run(task, seed, fold, split, plan), kept, results)
    return results


def _add(name, run, kept, results):
    """Add the metrics of a run, made now or earlier, to the results, or why there are none."""
    plan, key = run.plan, (name, run.task.name, run.seed, run.fold)
    if name in results.missing:
        return
    try:
        work, own = _work(name, run)
        own = [sources()[0], sorted(plan.params.items())] if own else []
        stamp = plan.name, machine(), plan.quick, plan.rows, own
        if name in plan.variants or kept.check_call_in_cache(key, stamp, None):
            results.found[key] = kept(key, stamp, work)
        return
    except ImportError as error:
        trouble = results.missing[name] = str(error).splitlines()[0]
    except Exception:
        traceback.print_exc()
        trouble, results.failed = "failed", True
    print(*key, trouble, sep=", ", file=sys.stderr, flush=True)


def _work(name, run):
    """Return what measures a row, and whether that depends on this package."""
    table = run.plan.table
    if table.apart:
        return partial(table.apart, name, run.split), True
    model = run.build(table.models[name])
    return partial(measure, model, run), bool(own_parts(model))


def outcome(key, stamp, work):
    """Do the work that ``key`` names; ``stamp`` is what its outcome depends on besides."""
    metrics = work()
    print(*key, metrics, sep=", ", file=sys.stderr, flush=True)
    return metrics


def measure(model, run):
    """Fit a model and return its metrics and the time of the fit."""
    warm_up()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        torch.manual_seed(run.seed)
        start = time.perf_counter()
        model.fit(run.split.X, run.split.y)
        seconds = time.perf_counter() - start
        found = {metric.name: metric(model, run.split) for metric in run.plan.table.metrics}
    return found | {SECONDS.name: seconds}


@cache
def warm_up():
    """Load what the first fit of a process loads, so that no row pays for it."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    sk_aecnn.AECNNClassifier(2, max_epochs=1).fit(X, np.arange(20) % 2)


# -- where figures come from ------------------------------------------------------------------


@cache
def machine():
    """Return processor, as Linux has it, cores in reach, threads and versions, in words."""
    info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.*)", info.read_text() if info.exists() else "")
    versions = [f"Python {platform.python_version()}"]
    for name in PACKAGES.split():
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    return (
        f"{named[1] if named else platform.processor()}, cores: {joblib.cpu_count()}, threads of "
        f"torch: {torch.get_num_threads()}; {', '.join(versions)}"
    )


@cache
def sources():
    """Return a digest of this package's sources, and its commit where git knows it."""
    folder = Path(sk_aecnn.__file__).parent
    git = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    parts = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    return hashlib.sha256(parts).hexdigest()[:12], commit or "not known"
