"""The command line of a folder of tables."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from core import Plan, Source
from report import markdown
from runner import run


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


def plan_of(argv, tables, about, pages=None):
    """Return what the arguments ask for; whole tables are written into the folder ``pages``."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("table", choices=tables)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DATA", default=Path())
    parser.add_argument("--seeds", type=int, nargs="+", help="default: the table's own")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="rows to run, default all")
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help="columns, default all")
    parser.add_argument("--params", type=json.loads, default={}, help="JSON, for this package's")
    parser.add_argument("--rows", type=int, help="the most rows of a data set")
    parser.add_argument("--quick", action="store_true", help="100 rows, two columns, one epoch")
    parser.add_argument("--out", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    table = tables[args.table]
    if pages and not (args.out or args.params or args.rows or args.tasks or args.quick):
        args.out = pages / f"{args.table}.md"
    named = pick([task.name for task in table.tasks], args.tasks, "tasks")
    tasks = [task for task in table.tasks if task.name in named]
    return Plan(
        args.table,
        table,
        tasks[-2:] if args.quick and not args.tasks else tasks,
        pick(list(table.models), args.variants, "variants"),
        args.seeds or (table.seeds[:1] if args.quick else table.seeds),
        Source(args.folder, args.rows or (100 if args.quick else None)),
        args.params,
        args.quick,
        args.out,
    )


def command_of(program, plan, argv):
    """Return the command that repeats a table, whatever the folders are called here."""
    names = {str(plan.source.folder): "DATA", str(plan.out): "FILE"}
    return " ".join([program, shlex.join(names.get(one, one) for one in argv)])


def main(program, plan_of, argv=None):
    """Make a table; return whether something failed, as an exit status."""
    argv = argv or sys.argv[1:]
    plan = plan_of(argv)
    results = run(plan)
    text = markdown(plan, results, command_of(program, plan, argv))
    if plan.out:
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        plan.out.write_text(text)
    print(text)
    return int(results.failed)
