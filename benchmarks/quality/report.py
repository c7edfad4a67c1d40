"""Results as a Markdown table: mean ± standard deviation over runs, with where it comes from."""

import datetime
import re

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
    layout = LAYOUTS[plan.table.layout if len(plan.tasks) > 1 else "metrics"]
    for heading, header, rows in layout(plan, results):
        lines += [f"**{heading}**", ""] if heading else []
        lines += [_line(["", *header]), "|---" * (len(header) + 1) + "|"]
        lines += [_line([CODE.sub(r"`\g<0>`", name), *cells]) for name, cells in rows]
        lines.append("")
    return "\n".join([*lines, " ".join(_notes(plan.table, results)), ""])


def _line(cells):
    return "| " + " | ".join(cells) + " |"


def _notes(table, results):
    """Return the sentences below the table: how many runs, what is missing."""
    counts = sorted({*results.frame().groupby(level=["model", "task"]).size()}) or [0]
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


def _part(plan, results, columns, first=None, heading=None):
    """Return a part whose columns are (head, metric, tasks): means over the tasks, by run.

    They are differences to the model called ``first``, if any, or ratios of times.
    """
    runs, rows = results.frame().unstack("task"), []
    for name in plan.table.models:
        its, cells = runs[runs.index.get_level_values("model") == name].droplevel("model"), []
        for _, metric, tasks in columns:
            values = its.reindex(columns=[(metric, task) for task in tasks])
            if first:
                unit = runs.loc[first].reindex(columns=values.columns)
                values = values / unit if metric == SECONDS else values - unit
            trouble = metric != SECONDS and results.troubles.get((name, tasks[0]))
            mean = values.mean(axis=1, skipna=False)
            cells.append(trouble or _cell(mean, metric, "+" if first else ""))
        if any(cells):
            rows.append((name, cells))
    return heading, [head for head, *_ in columns], rows


def _metrics(plan, results):
    """For each task the metrics."""
    for task in plan.tasks:
        columns = [(one, one, [task.name]) for one in [*plan.table.metrics, SECONDS]]
        heading = task.name if len(plan.tasks) > 1 else None
        yield _part(plan, results, columns, heading=heading)


def _tasks(plan, results, first=None):
    """Columns are tasks with the first metric, and the mean over all of them of each metric."""
    metrics, tasks = plan.table.metrics, [task.name for task in plan.tasks]
    columns = [(task, metrics[0], [task]) for task in tasks]
    columns += [(f"mean, {one}" if len(metrics) > 1 else "mean", one, tasks) for one in metrics]
    yield _part(plan, results, [*columns, ("time" if first else SECONDS, SECONDS, tasks)], first)


def _differences(plan, results):
    """Columns are differences to the first row within a run, and the ratio of the times."""
    return _tasks(plan, results, next(iter(plan.table.models)))


def _suite(plan, results):
    """For each half what it says of each model, then the first metric of each set."""
    table, by_set = plan.table, results.frame().groupby(level=["task", "model"]).mean()
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
