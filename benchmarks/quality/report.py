"""Results as a Markdown table: mean ± standard deviation over runs, with where it comes from."""

import datetime
import re

import numpy as np
from core import SECONDS
from runner import machine, sources
from scores import METRICS
from suite import HALVES, half_of

# a call or an assignment at the start of a row's name, which is set as code
CODE = re.compile(r"^\w+(\([^)]*\)|=.*)")


def markdown(plan, results, command):
    """Return the text of a table: origin, command, rows, notes."""
    (digest, commit), today = sources(), datetime.datetime.now(datetime.UTC).date()
    origin = f"{today}; {machine()}; sk_aecnn at {commit}, sources {digest}."
    lines = [f"<!-- Written by: {command}\n     {origin} -->", "", plan.table.title, ""]
    lines += [f"    {command}", ""]
    frame = results.frame()
    layout = LAYOUTS[plan.table.layout if len(plan.tasks) > 1 else "metrics"]
    for heading, header, rows in layout(plan, results, frame):
        lines += [f"**{heading}**", ""] if heading else []
        lines += [_line(["", *header]), "|---" * (len(header) + 1) + "|"]
        lines += [_line([CODE.sub(r"`\g<0>`", name), *cells]) for name, cells in rows]
        lines.append("")
    return "\n".join([*lines, " ".join(_notes(plan.table, results, frame)), ""])


def _line(cells):
    return "| " + " | ".join(cells) + " |"


def _notes(table, results, frame):
    """Return the sentences below the table: how many runs, what is missing."""
    counts = sorted({*frame.groupby(level=["model", "task"]).size()})
    runs = f"{counts[-1]} run{'s' * (counts[-1] != 1)} (seeds × splits)"
    yield f"Mean ± standard deviation over {'' if len(counts) < 2 else f'{counts[0]} to '}{runs}."
    yield from table.notes
    for name, reason in results.missing.items():
        yield f"Left out: {name} ({reason})."


def _cell(values, metric, sign=""):
    """Return mean and standard deviation, for times the mean alone."""
    values = values.dropna()
    if values.empty:
        return ""
    mean = values.mean()
    if metric == SECONDS:
        return f"{mean:.{0 if mean >= 10 else 1 if mean >= 1 else 2}f}"
    digits = METRICS[metric].digits
    spread = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
    return f"{mean:{sign}.{digits}f}{spread}"


# -- layouts: each yields (heading, columns, rows) of its parts -------------------------------


def _metrics(plan, results, frame):
    """For each task the metrics."""
    for task in plan.tasks:
        columns = [(one, task.name, one) for one in [*plan.table.metrics, SECONDS]]
        rows = [(one, _cells(one, columns, plan, results, frame)) for one in _names(plan, results)]
        yield task.name if len(plan.tasks) > 1 else None, [head for head, *_ in columns], rows


def _tasks(plan, results, frame):
    """Columns are tasks with the first metric."""
    metric = plan.table.metrics[0]
    columns = [(task.name, task.name, metric) for task in plan.tasks]
    columns += [("mean", None, metric), (SECONDS, None, SECONDS)]
    rows = [(one, _cells(one, columns, plan, results, frame)) for one in _names(plan, results)]
    yield None, [head for head, *_ in columns], rows


def _differences(plan, results, frame):
    """Columns are differences to the first row within a run, and the ratio of the times."""
    first, metrics = next(iter(plan.table.models)), plan.table.metrics
    columns = [(task.name, task.name, metrics[0]) for task in plan.tasks]
    columns += [(f"mean, {metric}", None, metric) for metric in metrics]
    rows = []
    for name in _names(plan, results):
        ratios = np.log(_runs(frame, name, SECONDS) / _runs(frame, first, SECONDS)).stack()
        ratio = "" if ratios.empty else f"{np.exp(ratios.mean()):.2f}"
        rows.append((name, [*_cells(name, columns, plan, results, frame, first), ratio]))
    yield None, [*(head for head, *_ in columns), "time"], rows


def _names(plan, results):
    known = {key[0] for key in [*results.found, *results.troubles]}
    return [name for name in plan.table.models if name in known]


def _runs(frame, name, metric):
    """Return a metric of a model: runs by tasks."""
    its = frame[frame.index.get_level_values("model") == name].droplevel("model")
    return its.reindex(columns=[metric])[metric].unstack("task")


def _cells(name, columns, plan, results, frame, first=None):
    """Return the cells of (head, task, metric), where no task means the mean over all, by run."""
    cells = []
    for _, task, metric in columns:
        values = _runs(frame, name, metric)
        if first is not None:
            values = values - _runs(frame, first, metric)
        values = values.reindex(columns=[task] if task else [one.name for one in plan.tasks])
        trouble = metric != SECONDS and results.troubles.get((name, task))
        text = _cell(values.mean(axis=1, skipna=False), metric, "+" if first else "")
        cells.append(trouble or text)
    return cells


def _suite(plan, results, frame):
    """For each half what it says of each model, then the first metric of each set."""
    table, by_set = plan.table, frame.groupby(level=["task", "model"]).mean()
    metric = table.metrics[0]
    means = by_set[metric].unstack("model").reindex([task.name for task in plan.tasks])
    means = means[[name for name in table.models if name in means]]
    for half in HALVES:
        sets = means[[half_of(task, table.halves_seed) == half for task in means.index]].dropna()
        if not sets.empty:
            header, rows = _half(sets, by_set, table)
            yield f"{half}: {len(sets)} sets", header, rows
    rows = [
        (task, [_cell(row[[name]], metric) for name in means]) for task, row in means.iterrows()
    ]
    yield f"{metric} of each set", list(means), rows


def _half(sets, by_set, table):
    """Return the head and the rows of a half; ``sets`` are the first metric, sets by models."""
    first, metric = sets.columns[0], table.metrics[0]
    good, digits = METRICS[metric].sign * sets, METRICS[metric].digits
    ranks, behind = good.rank(axis=1, ascending=False).mean(), good.rsub(good.max(axis=1), axis=0)
    margins = good.sub(good[first], axis=0).round(digits)
    rows = []
    for name in sets:
        of = by_set.xs(name, level="model").loc[sets.index]
        cells = [f"{of[one].mean():.{METRICS[one].digits}f}" for one in table.metrics]
        wins, losses = (margins[name] > 0).sum(), (margins[name] < 0).sum()
        cells += [f"{ranks[name]:.2f}", f"{wins}/{len(of) - wins - losses}/{losses}"]
        rows.append(
            (name, [*cells, f"{behind[name].max():.{digits}f}", _cell(of[SECONDS], SECONDS)])
        )
    against = f"win/tie/loss to `{first}`"
    return [*table.metrics, "mean rank", against, "largest loss to the best", SECONDS], rows


LAYOUTS = {"metrics": _metrics, "tasks": _tasks, "differences": _differences, "suite": _suite}
