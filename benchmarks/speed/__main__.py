"""Time the estimators against plain torch loops and against other packages, in one run.

    python benchmarks/speed [WORK ...] [--rounds 7] [--scale 1.0] [--without VARIANT ...]

Every variant lives in a process of its own and they take turns, so that noise meets all alike;
ratios are formed within a round, the median over the rounds is shown. The final losses show that
the work is equal. Variants whose packages are missing are left out and named. Peak memory is that
of the whole process, data and libraries included.
"""

import argparse
from collections import defaultdict
from statistics import median

from workers import Worker, variants_of
from works import WORKS


def measure(name, rounds, scale, without):
    """Run all variants of a work in turn and print their part of the table."""
    variants = variants_of(name)
    unit = next(iter(variants))
    workers = {
        variant: Worker(name, module, variant, scale)
        for variant, module in variants.items()
        if variant not in without
    }
    results = defaultdict(list)
    for _ in range(rounds):
        for variant, worker in workers.items():
            if worker.missing is None:
                results[variant].append(worker.run())
    for worker in workers.values():
        worker.end()
    units = [seconds for seconds, _, _ in results[unit]]
    for variant, worker in workers.items():
        if worker.missing is not None:
            print(f"| | {variant} | left out: {worker.missing.splitlines()[0]} | | | |")
            continue
        seconds, losses, peaks = zip(*results[variant], strict=True)
        ratios = [one / other for one, other in zip(units, seconds, strict=True)]
        loss = f"{losses[-1]:.4f}" if WORKS[name].epochs else ""
        print(
            f"| {WORKS[name].title} | {variant} | {_time(median(seconds))} "
            f"| {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"| {loss} | {max(peaks) / 2**20:.0f} |",
            flush=True,
        )


def _time(seconds):
    return f"{seconds:.2f} s" if seconds > 0.01 else f"{seconds * 1e6:.0f} µs"


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
