"""Time whole calls against plain torch loops and against other packages, in one run.

    python benchmarks/speed TABLE [--tasks NAME ...] [--variants NAME ...] [--seeds 0 1 2]
        [--rows N] [--quick] [--out FILE]

Every variant runs in a process of its own and they take turns, in as many rounds as there are
seeds, so that noise meets all alike; ratios are formed within a round, the median over the rounds
is shown. The final losses show that the work is equal. Variants whose packages are missing are left
out and named. Memory is what a call adds at most to what the process held before, but for pages of
files. Files of data are made in TMPDIR.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

if __name__ == "__main__":  # not in the process of a variant, which imports nothing but its own
    from command import main
    from works import TABLES

    sys.exit(main("python benchmarks/speed", TABLES, __doc__))
