"""Quality of the estimators beside their peers: one command for each table of the documentation.

    python benchmarks/quality TABLE DATA [--seeds 0 1 2] [--variants NAME ...] [--tasks NAME ...]
        [--params JSON] [--rows N] [--quick] [--out FILE]

DATA is a folder with ``mnist`` (the idx files), ``detection``, ``fsdd``, ``text``, ``timeseries``,
``tabular/pmlb``, ``tabular/mixed``, ``tabular/rdatasets`` (its folder ``csv``), ``tabular/adult``
and ``tabular/adbench``, of which a table takes what it needs. The table is written to
``docs/guide/quality/TABLE.md``, or, with ``--params``, ``--rows``, ``--tasks`` or ``--quick``,
printed; ``--out`` names another file. Results are kept in the folder ``.results`` beside it: a
stopped run goes on where it was, and ``--variants`` makes some rows and takes the others from
there. A result is made anew when the machine, a version or (for this package's rows) the package's
sources have changed; delete the folder to make all anew.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))
    from runner import main
    from tables import TABLES

    sys.exit(main("python benchmarks/quality", TABLES))
