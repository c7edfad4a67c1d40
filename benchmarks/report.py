"""Results as Markdown tables, with where they come from."""

import datetime
import platform
import re
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch
from core import SECONDS

import sk_aecnn

PACKAGES = "numpy pandas scikit-learn torch skorch onnxruntime pyod isotree catboost lightgbm "
PACKAGES += "pytabkit aeon ctgan keras jax tensorflow-cpu"
# a call or an assignment at the start of a row's name, which is set as code
CODE = re.compile(r"^\w+(\([^)]*\)|=.*)")


def markdown(plan, frame, missing, command):
    """Return the text of a table: origin, command, rows, notes."""
    (digest, commit), today = sources(), datetime.datetime.now(datetime.UTC).date()
    origin = f"{today}; {machine()}; sk_aecnn at {commit}, sources {digest}."
    lines = [f"<!-- Written by: {command}\n     {origin} -->", "", plan.table.title, ""]
    lines += [f"    {command}", ""]
    layout = _speeds if plan.table.apart else _parts if plan.table.part_of else _tasks
    for heading, part in layout(plan, frame) if len(frame) else ():
        models = [name for name in plan.table.models if name in part.index]
        part = part.loc[models or part.index]  # the rows of the last one of many are tasks
        part = part.rename(lambda name: CODE.sub(r"`\g<0>`", name)).rename_axis(None).fillna("")
        lines += [f"**{heading}**", ""] if heading else []
        lines += [part.to_markdown(disable_numparse=True), ""]
    counts = sorted({*frame.groupby(level=["model", "task"]).size()}) or [0]
    several = f"{counts[0]} to " if len(counts) > 1 else ""
    shown = "Median" if plan.table.apart else "Mean ± standard deviation"
    notes = [f"{shown} over {several}{counts[-1]} run{'s' * (counts[-1] != 1)} (seeds × splits)."]
    notes += [f"Left out: {name} ({reason})." for name, reason in missing.items()]
    return "\n".join([*lines, " ".join(notes), ""])


# -- layouts: each yields headings and frames of cells, whose rows are models -------------------


def _tasks(plan, frame):
    """Columns are metrics or, for each metric, tasks and the mean of those that all models have."""

    def cell(runs, metric):
        """Return mean and standard deviation, for times the mean alone."""
        with_spread = len(runs) > 1 and metric is not SECONDS
        return metric.text(runs.mean()) + f" ± {metric.text(runs.std())}" * with_spread

    names = [task.name for task in plan.tasks]
    of_all = [task.name for task in plan.tasks if task.models is None]
    parts = {}
    for metric in (*plan.table.metrics, SECONDS):
        runs = frame[metric.name].unstack("task").reindex(columns=names)
        known = runs[of_all].dropna(axis=1, how="all")
        runs = runs.assign(mean=known.mean(axis=1, skipna=False))
        cells = runs.groupby(level="model").agg(lambda one, by=metric: cell(one.dropna(), by))
        parts[metric.name] = cells.replace("nan", "")
    if len(names) == 1:
        yield None, pd.DataFrame({name: cells[names[0]] for name, cells in parts.items()})
    else:
        yield from parts.items()


def _speeds(plan, frame):
    """For each task medians, and ratios to the first row, which are formed within a round."""
    for task, part in frame.groupby(level="task", sort=False):
        medians, seconds = part.groupby(level="model").median(), part["time"].unstack("model")
        first = next(name for name in plan.table.models if name in seconds)
        ratios = seconds.rdiv(seconds[first], axis=0).agg(["median", "min", "max"])
        columns = {
            **{
                name: medians[name].map(lambda s: f"{s:.2f} s" if s > 0.1 else f"{s * 1e3:.3g} ms")
                for name in ("time", "processor time")
            },
            "speed: median (least to most)": ratios.agg(
                lambda one: "{:.2f} ({:.2f} to {:.2f})".format(*one)
            ),
            "loss": medians["loss"].dropna().map("{:.4f}".format),
            "memory, MiB": part["memory, MiB"].groupby(level="model").max().map("{:.0f}".format),
        }
        yield task, pd.DataFrame(columns, dtype=object)


def _parts(plan, frame):
    """For each part what it says of each model, then the first metric of each set."""
    metric = plan.table.metrics[0]
    by_set = frame.groupby(level=["task", "model"], sort=False).mean()
    sets = by_set[metric.name].unstack("model")
    sets = sets[[name for name in plan.table.models if name in sets]]
    first = sets.columns[0]
    for heading, part in sets.dropna().groupby(plan.table.part_of):
        means, good = by_set.loc[part.index].groupby(level="model").mean(), metric.sign * part
        signs = np.sign(good.sub(good[first], axis=0).round(metric.digits))
        columns = {
            **{one.name: means[one.name].map(one.text) for one in plan.table.metrics},
            "mean rank": good.rank(axis=1, ascending=False).mean().map("{:.2f}".format),
            f"win/tie/loss to `{first}`": signs.apply(
                lambda one: "/".join(str(sum(one == way)) for way in (1, 0, -1))
            ),
            "largest loss to the best": good.rsub(good.max(axis=1), axis=0).max().map(metric.text),
            SECONDS.name: means[SECONDS.name].map(SECONDS.text),
        }
        yield f"{heading}: {len(part)} sets", pd.DataFrame(columns)
    yield f"{metric.name} of each set", sets.map(metric.text, "ignore")


# -- where figures come from ------------------------------------------------------------------


@cache
def machine():
    """Return processor, as Linux has it, cores in reach, threads and versions, in words."""
    info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.*)", info.read_text() if info.exists() else "")
    name, versions = named[1] if named else platform.processor(), [platform.python_version()]
    for package in PACKAGES.split():
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    cores = f"cores: {joblib.cpu_count()}, threads of torch: {torch.get_num_threads()}"
    return f"{name}, {cores}; Python {', '.join(versions)}"


@cache
def sources():
    """Return a digest of this package's sources, and its commit where git knows it."""
    folder = Path(sk_aecnn.__file__).parent
    git = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    digest = joblib.hash([path.read_bytes() for path in sorted(folder.rglob("*.py"))])
    return digest[:12], commit or "not known"
