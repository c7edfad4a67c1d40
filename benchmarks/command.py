"""The command line of a folder of tables."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from report import markdown
from runner import run


def plan_of(argv, tables, about, pages=None):
    """Return what the arguments ask for; whole tables are written into the folder ``pages``."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    commands = parser.add_subparsers(dest="name", metavar="TABLE", required=True)
    for name, table in tables.items():
        one = commands.add_parser(name, help=table.title.replace("%", "%%"))
        tasks = [task.name for task in table.tasks]
        one.set_defaults(table=table)
        one.add_argument("folder", nargs="?", type=Path, metavar="DATA", default=Path())
        one.add_argument("--seeds", type=int, nargs="+", default=[0])
        one.add_argument("--variants", nargs="+", choices=table.models, default=table.models)
        one.add_argument("--tasks", nargs="+", choices=tasks, default=tasks)
        one.add_argument("--params", type=json.loads, default={}, help="JSON, for this package's")
        one.add_argument("--rows", type=int, help="the most rows of a data set")
        one.add_argument("--quick", action="store_true", help="100 rows, two columns, one epoch")
        one.add_argument("--out", type=Path, metavar="FILE")
    plan = parser.parse_args(argv)
    plan.tasks = [task for task in plan.table.tasks if task.name in plan.tasks]
    in_part = plan.params or plan.rows or plan.quick or plan.tasks != plan.table.tasks
    if pages and not in_part:
        plan.out = plan.out or pages / f"{plan.name}.md"
    if plan.quick:
        plan.tasks, plan.rows = plan.tasks[-2:], 100
    plan.rows = plan.rows or plan.table.rows
    return plan


def main(program, tables, about, pages=None, argv=None):
    """Make a table; return whether something failed, as an exit status."""
    argv = argv or sys.argv[1:]
    plan = plan_of(argv, tables, about, pages)
    names = {str(plan.folder): "DATA", str(plan.out): "FILE"}  # whatever they are called here
    command = " ".join([program, shlex.join(names.get(one, one) for one in argv)])
    results = run(plan)
    text = markdown(plan, results, command)
    if plan.out:
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        plan.out.write_text(text)
    print(text)
    return int(results.failed)
