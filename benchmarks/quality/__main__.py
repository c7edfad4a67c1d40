"""Quality of the estimators beside their peers': one command for each table of the documentation.

    python benchmarks/quality TABLE DATA [--seeds 0 1 2] [--variants NAME ...] [--tasks NAME ...]
        [--params JSON] [--rows N] [--quick] [--out FILE]

DATA is a folder with ``mnist`` (the idx files), ``detection``, ``fsdd``, ``text``, ``timeseries``,
``tabular/pmlb``, ``tabular/mixed``, ``tabular/adult`` and ``tabular/adbench``, of which a table
takes what it needs. Peers run in the same process on the same splits. The table is written to
``docs/guide/quality/TABLE.md``, or, with ``--params``, ``--rows``, ``--tasks`` or ``--quick``,
printed; ``--out`` names another file. Results are kept in the folder ``.results`` beside it: a
stopped run goes on where it was, and ``--variants`` makes some rows and takes the others from
there. A result is made anew when the machine, a version or (for this package's rows) the package's
sources have changed; delete the folder to make all anew.
"""

import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import command
from tables import TABLES

PAGES = Path(__file__).parents[2] / "docs" / "guide" / "quality"
main = partial(command.main, "python benchmarks/quality", TABLES, __doc__, PAGES)

if __name__ == "__main__":
    sys.exit(main())
