"""Time the estimators against plain torch loops and against other packages, in one run.

    python benchmarks/speed [WORK ...] [--rounds 7] [--scale 1.0] [--without VARIANT ...]

Every variant lives in a process of its own and they take turns, so that noise meets all alike;
ratios are formed within a round, the median over the rounds is shown. The final losses show that
the work is equal. Variants whose packages are missing are left out and named. Peak memory is that
of the whole process, data and libraries included.
"""

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from math import isnan
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1]))

from works import WORKS, prepare, timed


def start(name, variants, scale):
    """Return the processes of variants, or why there is none."""
    spawn = multiprocessing.get_context("spawn")
    processes = {variant: ProcessPoolExecutor(1, spawn) for variant in variants}
    ready = {
        variant: process.submit(prepare, name, variant, scale)
        for variant, process in processes.items()
    }
    for variant, process in processes.items():
        try:
            ready[variant].result()
        except (ImportError, BrokenProcessPool) as error:
            process.shutdown()
            processes[variant] = str(error).splitlines()[0]
    return processes


def measure(name, rounds, scale, without):
    """Run all variants of a work in turn and print their part of the table."""
    variants = [variant for variant in WORKS[name].variants if variant not in without]
    processes = start(name, variants, scale)
    results = {variant: [] for variant, found in processes.items() if not isinstance(found, str)}
    for _ in range(rounds):
        for variant, runs in results.items():
            runs.append(processes[variant].submit(timed, name).result())
    units = [seconds for seconds, _, _ in next(iter(results.values()))]
    for variant, process in processes.items():
        if isinstance(process, str):
            print(f"| | {variant} | left out: {process} | | | |")
            continue
        process.shutdown()
        seconds, losses, peaks = zip(*results[variant], strict=True)
        ratios = [one / other for one, other in zip(units, seconds, strict=True)]
        middle = median(seconds)
        print(
            f"| {WORKS[name].title} | {variant} "
            f"| {f'{middle:.2f} s' if middle > 0.01 else f'{middle * 1e6:.0f} µs'} "
            f"| {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"| {'' if isnan(losses[-1]) else f'{losses[-1]:.4f}'} | {max(peaks) / 2**20:.0f} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", default=list(WORKS), help=", ".join(WORKS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the number of rows")
    parser.add_argument("--without", nargs="*", default=[], metavar="VARIANT")
    args = parser.parse_args()
    print("| work | variant | time | speed: median (least to most) | loss | peak memory, MiB |")
    print("|---|---|---|---|---|---|")
    for name in args.works:
        measure(name, args.rounds, args.scale, args.without)


if __name__ == "__main__":
    main()
