"""Results as a Markdown table: mean ± standard deviation over runs, with where it comes from."""

import datetime
import re

import numpy as np
from core import SECONDS
from records import machine, sources

FEW_TASKS = 3
# a call or an assignment at the start of a row's name, which is set as code
CODE = re.compile(r"^\w+(\([^)]*\)|=.*)")


def markdown(table, results, command):
    """Return the text of a table: origin, command, rows, notes."""
    header, rows = _layout(table, results)
    lines = [_origin(command), "", table.title, "", f"    {command}", ""]
    lines += [_line(["", *header]), "|---" * (len(header) + 1) + "|"]
    lines += [_line([CODE.sub(r"`\g<0>`", name), *cells]) for name, cells in rows]
    return "\n".join([*lines, "", " ".join(_notes(table, results)), ""])


def _origin(command):
    digest, commit = sources()
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"<!-- Written by: {command}\n"
        f"     {today}; {machine()}; sk_aecnn at {commit}, sources {digest}. -->"
    )


def _line(cells):
    return "| " + " | ".join(cells) + " |"


def _layout(table, results):
    """Return the names of the columns, and (name, cells) for each row."""
    names = [variant.name for variant in table.variants if _has_any(results, variant.name)]
    if table.paired:
        return _paired(table, results, names)
    if len(results.tasks) == 1:
        return _by_metric(table, results, names)
    return _by_task(table, results, names)


def _has_any(results, name):
    return name in results.values or any(place[0] == name for place in results.troubles)


# -- columns are metrics ----------------------------------------------------------------------


def _by_metric(table, results, names):
    task = results.tasks[0]
    rows = []
    for name in names:
        runs = results.runs(name, task)
        cells = [_cell(_column(runs, metric), digits) for metric, digits in table.metrics.items()]
        cells.append(_seconds(_column(runs, SECONDS)))
        trouble = results.troubles.get((name, task))
        rows.append((name, [trouble, *cells[1:]] if trouble else cells))
    return [*table.metrics, SECONDS], rows


# -- columns are tasks ------------------------------------------------------------------------


def _by_task(table, results, names):
    metric, digits = next(iter(table.metrics.items()))
    beside = len(results.tasks) <= FEW_TASKS
    header = [
        column for task in results.tasks for column in ([task, SECONDS] if beside else [task])
    ]
    if not beside:
        header += ["mean", SECONDS]
    rows = [(name, _task_cells(results, name, metric, digits, beside)) for name in names]
    for name, values in table.on_record.items():
        cells = [f"{values[task]:.{digits}f}" if task in values else "" for task in results.tasks]
        rows.append((name, cells + [""] * (len(header) - len(cells))))
    return header, rows


def _task_cells(results, name, metric, digits, beside):
    cells = []
    for task in results.tasks:
        runs = results.runs(name, task)
        trouble = results.troubles.get((name, task))
        cells.append(trouble or _cell(_column(runs, metric), digits))
        if beside:
            cells.append(_seconds(_column(runs, SECONDS)))
    if not beside:
        cells.append(_cell(_over_tasks(results, name, metric), digits))
        cells.append(_seconds(_over_tasks(results, name, SECONDS)))
    return cells


def _over_tasks(results, name, metric):
    """Return the mean over all tasks, run by run; nothing where a run lacks one of them."""
    values = [results.by_run(name, task, metric) for task in results.tasks]
    runs = [run for run in values[0] if all(run in one for one in values)]
    return [np.mean([one[run] for one in values]) for run in runs]


# -- differences to the first row -------------------------------------------------------------


def _paired(table, results, names):
    """Return differences to the first row within a run, their mean, and the ratio of times."""
    first = table.variants[0].name
    metric, digits = next(iter(table.metrics.items()))
    means = [f"mean, {name}" for name in table.metrics]
    rows = []
    for name in names:
        cells = [
            results.troubles.get((name, task))
            or _cell(list(_differences(results, first, name, task, metric).values()), digits, "+")
            for task in results.tasks
        ]
        for one, decimals in table.metrics.items():
            cells.append(_cell(_mean_differences(results, first, name, one), decimals, "+"))
        rows.append((name, [*cells, _ratio(results, first, name)]))
    return [*results.tasks, *means, "time"], rows


def _differences(results, first, name, task, metric):
    before, after = (results.by_run(one, task, metric) for one in (first, name))
    return {run: after[run] - before[run] for run in after if run in before}


def _mean_differences(results, first, name, metric):
    tasks = [_differences(results, first, name, task, metric) for task in results.tasks]
    runs = [run for run in tasks[0] if all(run in one for one in tasks)]
    return [np.mean([one[run] for one in tasks]) for run in runs]


def _ratio(results, first, name):
    """Return the geometric mean of the tasks' ratios of time."""
    logs = []
    for task in results.tasks:
        before, after = (results.by_run(one, task, SECONDS) for one in (first, name))
        logs += [np.log(after[run] / before[run]) for run in after if run in before]
    return f"{np.exp(np.mean(logs)):.2f}" if logs else ""


# -- cells ------------------------------------------------------------------------------------


def _column(runs, metric):
    return [metrics[metric] for metrics in runs.values() if metric in metrics]


def _cell(values, digits, sign=""):
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):{sign}.{digits}f}{spread}"


def _seconds(values):
    if not values:
        return ""
    mean = np.mean(values)
    return f"{mean:.{0 if mean >= 10 else 1 if mean >= 1 else 2}f}"


def _notes(table, results):
    """Return the sentences below the table: how many runs, what is missing."""
    counts = {len(runs) for tasks in results.values.values() for runs in tasks.values()} or {0}
    fewest, most = min(counts), max(counts)
    runs = f"{most}" if fewest == most else f"{fewest} to {most}"
    yield f"Mean ± standard deviation over {runs} run{'s' if most != 1 else ''} (seeds × splits)."
    yield from table.notes
    for name, reason in results.missing.items():
        yield f"Left out: {name} ({reason})."
