"""Results as Markdown tables, with where they come from."""

import datetime
import re
import zlib

import numpy as np
import pandas as pd
from core import SECONDS
from runner import machine, sources

# a call or an assignment at the start of a row's name, which is set as code
CODE = re.compile(r"^\w+(\([^)]*\)|=.*)")
# Defaults are chosen on one half and confirmed on the other. A set's half depends on its name
# alone, so that it stays where it is when others come.
HALVES = ("Chosen on", "Confirmed on")


def half_of(name, seed):
    """Return the half that a data set belongs to, the same for all its sizes."""
    base = name.split(",")[0]
    return HALVES[zlib.crc32(f"{seed} {base}".encode()) % 2]


def markdown(plan, results, command):
    """Return the text of a table: origin, command, rows, notes."""
    (digest, commit), today = sources(), datetime.datetime.now(datetime.UTC).date()
    origin = f"{today}; {machine()}; sk_aecnn at {commit}, sources {digest}."
    lines = [f"<!-- Written by: {command}\n     {origin} -->", "", plan.table.title, ""]
    lines += [f"    {command}", ""]
    parts = LAYOUTS[plan.table.layout](plan, results.frame()) if results.found else ()
    for heading, part in parts:
        part = part.rename(lambda name: CODE.sub(r"`\g<0>`", name)).rename_axis(None)
        lines += [f"**{heading}**", ""] if heading else []
        lines += [part.to_markdown(disable_numparse=True), ""]
    return "\n".join([*lines, " ".join(_notes(plan.table, results)), ""])


def _notes(table, results):
    """Return the sentences below the table: how many runs, what is missing."""
    counts = sorted({*results.frame().groupby(level=["model", "task"]).size()}) or [0]
    runs = f"{counts[-1]} run{'s' * (counts[-1] != 1)} (seeds × splits)"
    shown = "Median" if table.layout == "speeds" else "Mean ± standard deviation"
    yield f"{shown} over {'' if len(counts) < 2 else f'{counts[0]} to '}{runs}."
    yield from table.notes
    for name, reason in results.missing.items():
        yield f"Left out: {name} ({reason})."


def _cells(values, metric):
    """Return mean and standard deviation for each model, for times the mean alone."""
    return values.dropna().groupby(level="model").agg(lambda runs: _cell(runs, metric))


def _cell(runs, metric):
    if metric is SECONDS:
        return _seconds(runs.mean())
    spread = f" ± {runs.std():.{metric.digits}f}" if len(runs) > 1 else ""
    return f"{runs.mean():.{metric.digits}f}{spread}"


def _seconds(number):
    return f"{number:.{0 if number >= 10 else 1 if number >= 1 else 2}f}"


def _part(plan, columns):
    """Return a frame of cells whose rows are the models that have any, in the table's order."""
    part = pd.DataFrame(columns, dtype=object)
    return part.reindex([name for name in plan.table.models if name in part.index]).fillna("")


# -- layouts: each yields headings and frames of cells ----------------------------------------


def _metrics(plan, frame):
    """For each task the metrics."""
    for task, part in frame.groupby(level="task", sort=False):
        columns = {
            metric.name: _cells(part[metric.name], metric)
            for metric in (*plan.table.metrics, SECONDS)
        }
        yield task if len(plan.tasks) > 1 else None, _part(plan, columns)


def _tasks(plan, frame):
    """Columns are tasks with the first metric, and the mean over those that all models have."""
    if len(plan.tasks) == 1:
        yield from _metrics(plan, frame)
        return
    first, *others = plan.table.metrics
    tasks = frame.groupby(level="task", sort=False)
    columns = {task: _cells(part[first.name], first) for task, part in tasks}
    of_all = [task.name for task in plan.tasks if task.models is None]
    runs = frame[frame.index.get_level_values("task").isin(of_all)].unstack("task")
    for metric in (first, *others, SECONDS):
        head = metric.name if metric is SECONDS else f"mean, {metric.name}" if others else "mean"
        columns[head] = _cells(runs[metric.name].mean(axis=1, skipna=False), metric)
    yield None, _part(plan, columns)


def _speeds(plan, frame):
    """For each task medians, and ratios to the first row, which are formed within a round."""
    for task, part in frame.groupby(level="task", sort=False):
        medians, seconds = part.groupby(level="model").median(), part["time"].unstack("model")
        first = next(name for name in plan.table.models if name in seconds)
        ratios = seconds.rdiv(seconds[first], axis=0).agg(["median", "min", "max"])
        columns = {
            **{name: medians[name].map(_duration) for name in ("time", "processor time")},
            "speed: median (least to most)": {
                name: "{:.2f} ({:.2f} to {:.2f})".format(*ratios[name]) for name in ratios
            },
            "loss": medians["loss"].dropna().map("{:.4f}".format),
            "memory, MiB": part["memory, MiB"].groupby(level="model").max().map("{:.0f}".format),
        }
        yield task, _part(plan, columns)


def _duration(seconds):
    return f"{seconds:.2f} s" if seconds > 0.1 else f"{seconds * 1e3:.3g} ms"


def _suite(plan, frame):
    """For each half what it says of each model, then the first metric of each set."""
    metric, by_set = (
        plan.table.metrics[0],
        frame.groupby(level=["task", "model"], sort=False).mean(),
    )
    means = by_set[metric.name].unstack("model")
    means = means[[name for name in plan.table.models if name in means]]
    for half, sets in means.dropna().groupby(lambda name: half_of(name, plan.table.halves_seed)):
        yield f"{half}: {len(sets)} sets", _half(sets, by_set.loc[sets.index], plan)
    yield f"{metric.name} of each set", means.map(f"{{:.{metric.digits}f}}".format, "ignore")


def _half(sets, by_set, plan):
    """Return the cells of a half; ``sets`` are the first metric, sets by models."""
    first, (metric, *_) = sets.columns[0], plan.table.metrics
    good, means = metric.sign * sets, by_set.groupby(level="model").mean()
    margins = good.sub(good[first], axis=0).round(metric.digits)
    behind = good.rsub(good.max(axis=1), axis=0).max()
    signs = np.sign(margins).apply(lambda one: "/".join(str(sum(one == way)) for way in (1, 0, -1)))
    columns = {
        **{
            one.name: means[one.name].map(f"{{:.{one.digits}f}}".format)
            for one in plan.table.metrics
        },
        "mean rank": good.rank(axis=1, ascending=False).mean().map("{:.2f}".format),
        f"win/tie/loss to `{first}`": signs,
        "largest loss to the best": behind.map(f"{{:.{metric.digits}f}}".format),
        SECONDS.name: means[SECONDS.name].map(_seconds),
    }
    return _part(plan, columns)


LAYOUTS = {"metrics": _metrics, "tasks": _tasks, "speeds": _speeds, "suite": _suite}
