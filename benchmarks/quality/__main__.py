"""Quality of the estimators beside their peers': one command for each table of the documentation.

    python benchmarks/quality TABLE DATA [--seeds 0 1 2] [--variants NAME ...] [--tasks NAME ...]
        [--params JSON] [--rows N] [--quick] [--out FILE]

DATA is a folder with ``mnist`` (the idx files), ``images``, ``detection``, ``fsdd``, ``text``,
``timeseries``, ``tabular/pmlb``, ``tabular/mixed``, ``tabular/adult`` and ``tabular/adbench``, of
which a table takes what it needs. Peers run in the same process on the same splits. The table is
written to ``docs/guide/quality/TABLE.md``, or, with ``--params``, ``--rows``, ``--tasks`` or
``--quick``, printed; ``--out`` names another file. Results are kept in the folder ``.results``
beside it: a stopped run goes on where it was, and ``--variants`` makes some rows and takes the
others from there. A result is made anew when the machine, a version or (for this package's rows)
the package's sources have changed; delete the folder to make all anew.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from core import Plan, Source
from report import markdown
from runner import DIVERGED, run
from tables import TABLES

PAGES = Path(__file__).parents[2] / "docs" / "guide" / "quality"


def pick(known, names, what):
    """Return the names that are meant, in full or, where none is, in part."""
    picked = []
    for name in names or known:
        found = [name] if name in known else [one for one in known if name.lower() in one.lower()]
        if not found:
            expected = ", ".join(map(repr, known))
            raise SystemExit(f"--{what} {name!r}: expected (a part of) one of {expected}.")
        picked += found
    return picked


def plan_of(argv):
    """Return what the arguments ask for, and the command that repeats it elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DATA", default=Path())
    parser.add_argument("--seeds", type=int, nargs="+", help="default: the table's own")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="rows to run, default all")
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help="columns, default all")
    parser.add_argument("--params", type=json.loads, default={}, help="JSON, for this package's")
    parser.add_argument("--rows", type=int, help="the most rows of a data set")
    parser.add_argument("--quick", action="store_true", help="100 rows, two columns, one epoch")
    parser.add_argument("--out", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    table = TABLES[args.table]
    if not (args.out or args.params or args.rows or args.tasks or args.quick):
        args.out = PAGES / f"{args.table}.md"
    models = pick(list(table.models), args.variants, "variants")
    if table.layout == "differences":  # to the first row
        models = [*dict.fromkeys([next(iter(table.models)), *models])]
    named = pick([task.name for task in table.tasks], args.tasks, "tasks")
    tasks = [task for task in table.tasks if task.name in named]
    source = Source(args.folder, args.rows or (100 if args.quick else None))
    return Plan(
        args.table,
        table,
        tasks[-2:] if args.quick and not args.tasks else tasks,
        models,
        args.seeds or (table.seeds[:1] if args.quick else table.seeds),
        source,
        args.params,
        args.quick,
        args.out,
    )


def command_of(plan, argv):
    """Return the command that repeats a table, whatever the folders are called here."""
    names = {str(plan.source.folder): "DATA", str(plan.out): "FILE"}
    return shlex.join(["python", "benchmarks/quality", *(names.get(one, one) for one in argv)])


def main(argv=None):
    """Make a table; return whether something failed, as an exit status."""
    argv = argv or sys.argv[1:]
    plan = plan_of(argv)
    results = run(plan)
    text = markdown(plan, results, command_of(plan, argv))
    if plan.out:
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        plan.out.write_text(text)
    print(text)
    return int(bool({*results.troubles.values()} - {DIVERGED}))


if __name__ == "__main__":
    sys.exit(main())
