"""Seeds by tasks by splits by models: every run that a table wants, kept for the next time."""

import hashlib
import platform
import re
import subprocess
import sys
import time
import traceback
import warnings
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import distributions
from itertools import islice, product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch
from core import EPOCHS, SECONDS, Run, own_parts
from scores import scored
from sklearn.exceptions import ConvergenceWarning

import sk_aecnn
from sk_aecnn.exceptions import DivergenceError

DIVERGED = "diverged"
PACKAGES = "numpy pandas scikit-learn torch skorch pyod isotree catboost lightgbm pytabkit aeon"


@dataclass
class Results:
    """What was found, by (model, task, seed, fold), and what went wrong."""

    found: dict = field(default_factory=dict)
    troubles: dict = field(default_factory=dict)  # by model and task
    missing: dict = field(default_factory=dict)  # packages, by model

    def frame(self):
        """Return a frame of the metrics, indexed by model, task, seed and fold."""
        names = ["model", "task", "seed", "fold"]
        keys = pd.DataFrame(list(self.found), columns=names)
        return pd.DataFrame(list(self.found.values()), pd.MultiIndex.from_frame(keys))


def run(plan):
    """Return the results of a plan: what fails is told and leaves the others alone."""
    warm_up()
    results = Results()
    folder = plan.out and plan.out.parent / ".results"
    kept = joblib.Memory(folder, verbose=0).cache(outcome, ignore=["work"])
    for seed, task in product(plan.seeds, plan.tasks):
        splits = task.split(task.load(plan.source), seed)
        for fold, split in enumerate(islice(splits, 1 if plan.quick else None)):
            first = None
            for name in plan.table.models:
                if name not in results.missing:
                    key = name, task.name, seed, fold
                    metrics = _metrics(key, Run(task.name, seed, split, plan, first), kept, results)
                    first = first or metrics
    return results


def _metrics(key, run, kept, results):
    """Return the metrics of a run, made now or earlier; None if there are none."""
    name, plan = key[0], run.plan
    try:
        model = run.build(plan.table.models[name])
        own = [sources()[0], sorted(plan.params.items())] if own_parts(model) else []
        stamp = plan.name, machine(), plan.quick, plan.source.rows, own
        if name in plan.models or kept.check_call_in_cache(key, stamp, None):
            results.found[key] = kept(key, stamp, partial(measure, model, run))
        return results.found.get(key)
    except ImportError as error:
        trouble = results.missing[name] = str(error).splitlines()[0]
    except DivergenceError:
        trouble = results.troubles[key[:2]] = DIVERGED
    except Exception:
        traceback.print_exc()
        trouble = results.troubles[key[:2]] = "failed"
    print(*key, trouble, sep=", ", file=sys.stderr, flush=True)
    return None


def outcome(key, stamp, work):
    """Do the work that ``key`` names; ``stamp`` is what its outcome depends on besides."""
    metrics = work()
    print(*key, metrics, sep=", ", file=sys.stderr, flush=True)
    return metrics


def measure(model, run):
    """Fit a model and return its metrics, the time of the fit and the epochs of this package's."""
    table = run.plan.table
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
    sk_aecnn.AECNNClassifier(2, max_epochs=1).fit(X, np.arange(20) % 2)


# -- where figures come from ------------------------------------------------------------------


@cache
def machine():
    """Return processor, as Linux has it, cores in reach, threads and versions, in words."""
    info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.*)", info.read_text() if info.exists() else "")
    # of several on the path, the first is imported
    installed = {one.name: one.version for one in reversed(list(distributions()))}
    versions = [f"{name} {installed[name]}" for name in PACKAGES.split() if name in installed]
    return (
        f"{named[1] if named else platform.processor()}, cores: {joblib.cpu_count()}, threads of "
        f"torch: {torch.get_num_threads()}; Python {platform.python_version()}, "
        f"{', '.join(versions)}"
    )


@cache
def sources():
    """Return a digest of this package's sources, and its commit where git knows it."""
    folder = Path(sk_aecnn.__file__).parent
    git = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    parts = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    return hashlib.sha256(parts).hexdigest()[:12], commit or "not known"
