"""Time whole calls against plain torch loops and against other packages, in one run.

    python benchmarks/speed [WORK ...] [--rounds 7] [--scale 1.0] [--without VARIANT ...]

Every variant lives in a process of its own and they take turns, so that noise meets all alike;
ratios are formed within a round, the median over the rounds is shown. The final losses show that
the work is equal. Variants whose packages are missing are left out and named. Peak memory is that
of the process while it runs, data and libraries included, files that are mapped into it not.
"""

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1]))

from works import WORKS, prepare, timed

COLUMNS = ("work", "variant", "time", "speed: median (least to most)", "loss", "peak memory, MiB")


def measure(name, rounds, scale, without):
    """Yield the rows of a work, whose variants run in turn."""
    spawn = multiprocessing.get_context("spawn")
    wanted = [variant for variant in WORKS[name].variants if variant not in without]
    processes = {variant: ProcessPoolExecutor(1, spawn) for variant in wanted}
    ready = {one: processes[one].submit(prepare, name, one, scale) for one in wanted}
    missing = {}
    for variant, outcome in ready.items():
        try:
            outcome.result()
        except (ImportError, BrokenProcessPool) as error:
            missing[variant] = str(error).splitlines()[0]
            processes.pop(variant).shutdown()
    runs = [
        {variant: process.submit(timed, name).result() for variant, process in processes.items()}
        for _ in range(rounds)
    ]
    unit = next(iter(processes))
    for variant, process in processes.items():
        process.shutdown()
        seconds, losses, peaks = zip(*(run[variant] for run in runs), strict=True)
        ratios = [run[unit][0] / run[variant][0] for run in runs]
        middle = median(seconds)
        yield (
            variant,
            f"{middle:.2f} s" if middle > 0.01 else f"{middle * 1e6:.0f} µs",
            f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            "" if losses[-1] is None else f"{losses[-1]:.4f}",
            f"{max(peaks):.0f}",
        )
    for variant, reason in missing.items():
        yield variant, f"left out: {reason}", "", "", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", default=list(WORKS), help=", ".join(WORKS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the number of rows")
    parser.add_argument("--without", nargs="*", default=[], metavar="VARIANT")
    args = parser.parse_args()
    print("|", " | ".join(COLUMNS), "|")
    print("|---" * len(COLUMNS) + "|")
    for name in args.works:
        for cells in measure(name, args.rounds, args.scale, args.without):
            print("|", WORKS[name].title, "|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
