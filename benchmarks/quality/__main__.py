"""Quality of the estimators beside their peers': one command for each table of the documentation.

    python benchmarks/quality TABLE DATA [--seeds 0 1 2] [--variants NAME ...] [--tasks NAME ...]
        [--params JSON] [--rows N] [--quick] [--out FILE]

DATA is a folder with ``mnist`` (the idx files), ``images``, ``fsdd``, ``text``, ``timeseries``,
``tabular/pmlb``, ``tabular/mixed``, ``tabular/adult`` and ``tabular/adbench``, of which a table
takes what it needs. Peers run in the same process on the same splits. The table is written to
``docs/guide/quality/TABLE.md``, or, with ``--params``, ``--rows``, ``--tasks`` or ``--quick``,
printed; ``--out`` names another file. Each result is kept in a file of JSON lines beside it: a
stopped run goes on where it was, and ``--variants`` renews some rows and keeps the others. A
result is made anew when the machine, a version or (for this package's rows) the package's sources
have changed; delete the file to make all anew.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from core import Source
from report import markdown
from runner import Runner
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


def command_of(args, seeds):
    """Return the command that repeats a table, whatever the folders are called here."""
    options = {"seeds": seeds, "variants": args.variants, "tasks": args.tasks, "rows": args.rows}
    options |= {"params": json.dumps(args.params) if args.params else None}
    parts = ["python", "benchmarks/quality", args.table, *["DATA"] * bool(args.folder)]
    for name, value in options.items():
        values = value if isinstance(value, list | tuple) else [value]
        parts += [f"--{name}", *map(str, values)] if value else []
    return shlex.join([*parts, *["--quick"] * args.quick])


def read_arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DATA")
    parser.add_argument("--seeds", type=int, nargs="+", help="default: the table's own")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="rows to run, default all")
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help="columns, default all")
    parser.add_argument("--params", type=json.loads, default={}, help="JSON, for this package's")
    parser.add_argument("--rows", type=int, help="the most rows of a data set")
    parser.add_argument(
        "--quick", action="store_true", help="little data, two columns, one epoch, printed"
    )
    parser.add_argument("--out", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    if args.folder is None and TABLES[args.table].needs_data and not args.quick:
        parser.error(f"{args.table} needs DATA, the folder of the data, or --quick")
    special = args.params or args.rows or args.tasks or args.quick
    if args.out is None and not special:
        args.out = PAGES / f"{args.table}.md"
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    return args


def main(argv=None):
    """Make a table; return whether something failed, as an exit status."""
    args = read_arguments(argv)
    table = TABLES[args.table]
    seeds = args.seeds or (table.seeds[:1] if args.quick else table.seeds)
    source = Source(args.folder, args.quick, args.rows)
    chosen = pick(list(table.models), args.variants, "variants")
    if table.layout == "differences":  # to the first row
        chosen = [*dict.fromkeys([next(iter(table.models)), *chosen])]
    named = pick([task.name for task in table.tasks], args.tasks, "tasks")
    tasks = [task for task in table.tasks if task.name in named]
    if args.quick and not args.tasks:
        tasks = tasks[-2:]
    records = args.out and args.out.with_suffix(".jsonl")
    results = Runner(table, source, args.params, chosen, records).run(tasks, seeds)
    if {key[0] for key in results.found} - set(chosen):
        args.variants = None  # the other rows are there too
    text = markdown(table, results, command_of(args, seeds))
    if args.out:
        args.out.write_text(text)
    print(text)
    return int(results.failed)


if __name__ == "__main__":
    sys.exit(main())
