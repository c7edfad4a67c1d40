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
    layout = _speeds if plan.table.apart else _tasks if plan.table.halves is None else _halves
    for heading, part in layout(plan, results.frame()) if results.found else ():
        models = [name for name in plan.table.models if name in part.index]
        part = part.loc[models or part.index]  # the rows of the last part of halves are tasks
        part = part.rename(lambda name: CODE.sub(r"`\g<0>`", name)).rename_axis(None).fillna("")
        lines += [f"**{heading}**", ""] if heading else []
        lines += [part.to_markdown(disable_numparse=True), ""]
    return "\n".join([*lines, " ".join(_notes(plan.table, results)), ""])


def _notes(table, results):
    """Return the sentences below the table: how many runs, what is missing."""
    counts = sorted({*results.frame().groupby(level=["model", "task"]).size()}) or [0]
    runs = f"{counts[-1]} run{'s' * (counts[-1] != 1)} (seeds × splits)"
    shown = "Median" if table.apart else "Mean ± standard deviation"
    yield f"{shown} over {'' if len(counts) < 2 else f'{counts[0]} to '}{runs}."
    yield from table.notes
    for name, reason in results.missing.items():
        yield f"Left out: {name} ({reason})."


def _cell(runs, metric):
    """Return mean and standard deviation, for times the mean alone."""
    if metric is SECONDS:
        return _seconds(runs.mean())
    spread = f" ± {runs.std():.{metric.digits}f}" if len(runs) > 1 else ""
    return f"{runs.mean():.{metric.digits}f}{spread}"


def _seconds(number):
    return f"{number:.{0 if number >= 10 else 1 if number >= 1 else 2}f}"


# -- layouts: each yields headings and frames of cells, whose rows are models -------------------


def _tasks(plan, frame):
    """Columns are metrics or, for each metric, tasks and the mean of those that all models have."""
    names = [task.name for task in plan.tasks]
    of_all = [task.name for task in plan.tasks if task.models is None]
    parts = {}
    for metric in (*plan.table.metrics, SECONDS):
        runs = frame[metric.name].unstack("task").reindex(columns=names)
        known = runs[of_all].dropna(axis=1, how="all")
        runs = runs.assign(mean=known.mean(axis=1, skipna=False))
        cells = runs.groupby(level="model").agg(lambda one, by=metric: _cell(one.dropna(), by))
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
            **{name: medians[name].map(_duration) for name in ("time", "processor time")},
            "speed: median (least to most)": {
                name: "{:.2f} ({:.2f} to {:.2f})".format(*ratios[name]) for name in ratios
            },
            "loss": medians["loss"].dropna().map("{:.4f}".format),
            "memory, MiB": part["memory, MiB"].groupby(level="model").max().map("{:.0f}".format),
        }
        yield task, pd.DataFrame(columns, dtype=object)


def _duration(seconds):
    return f"{seconds:.2f} s" if seconds > 0.1 else f"{seconds * 1e3:.3g} ms"


def _halves(plan, frame):
    """For each half what it says of each model, then the first metric of each set."""
    metric, table = plan.table.metrics[0], plan.table
    by_set = frame.groupby(level=["task", "model"], sort=False).mean()
    means = by_set[metric.name].unstack("model")
    means = means[[name for name in table.models if name in means]]
    for half, sets in means.dropna().groupby(lambda name: half_of(name, table.halves)):
        yield f"{half}: {len(sets)} sets", _half(sets, by_set.loc[sets.index], table.metrics)
    cells = means.map(f"{{:.{metric.digits}f}}".format, "ignore")
    yield f"{metric.name} of each set", cells


def _half(sets, by_set, metrics):
    """Return the cells of a half; ``sets`` are the first metric, sets by models."""
    first, metric, means = sets.columns[0], metrics[0], by_set.groupby(level="model").mean()
    good = metric.sign * sets
    margins = good.sub(good[first], axis=0).round(metric.digits)
    behind = good.rsub(good.max(axis=1), axis=0).max()
    signs = np.sign(margins).apply(lambda one: "/".join(str(sum(one == way)) for way in (1, 0, -1)))
    columns = {
        **{one.name: means[one.name].map(f"{{:.{one.digits}f}}".format) for one in metrics},
        "mean rank": good.rank(axis=1, ascending=False).mean().map("{:.2f}".format),
        f"win/tie/loss to `{first}`": signs,
        "largest loss to the best": behind.map(f"{{:.{metric.digits}f}}".format),
        SECONDS.name: means[SECONDS.name].map(_seconds),
    }
    return pd.DataFrame(columns)
