"""Time whole calls against plain torch loops and against other packages, in one run.

python benchmarks/speed TABLE [--tasks NAME ...] [--variants NAME ...] [--seeds 0 1 2]
    [--rows N] [--quick] [--out FILE]
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

if __name__ == "__main__":  # not in the process of a variant, which imports nothing but its own
    from runner import main
    from works import TABLES

    sys.exit(main("python benchmarks/speed", TABLES))
