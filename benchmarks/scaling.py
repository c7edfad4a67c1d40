"""What whole calls cost besides their steps: starting, many fits, many rows, rows on disk.

python benchmarks/scaling.py startup            imports and the first fit of a process
python benchmarks/scaling.py rows               time of a fit against the number of rows
python benchmarks/scaling.py grid               GridSearchCV with one and with two workers
python benchmarks/scaling.py memmap [--gigabytes 4]     a file larger than is to be held
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from statistics import median
from timeit import timeit

import numpy as np

N_FEATURES = 784
SIZES = {"hidden_layer_sizes": (64, 32), "batch_size": 256, "random_state": 0, "device": "cpu"}


def timed(function):
    return timeit(function, number=1)


# -- startup ----------------------------------------------------------------------------------

MODULES = (
    "import numpy, scipy.sparse, sklearn.base, sklearn.utils.validation, sklearn.model_selection, "
    "sklearn.frozen, sklearn.mixture"
)
FIRST_FIT = """
import time, numpy as np
X = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
start = time.perf_counter()
from sk_aecnn import AutoencoderTransformer
AutoencoderTransformer(2, max_epochs=1).fit(X)
print(time.perf_counter() - start)
"""
STARTS = {
    "python": "",
    "import sklearn.base": "import sklearn.base",
    "import sk_aecnn": "import sk_aecnn",
    "import torch, skorch": f"{MODULES}; import torch, skorch",
    "import torch, skorch, first fit": FIRST_FIT,
}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def startup(args):
    """Time imports and a first fit, each in a fresh process, in turn."""
    times, after = {name: [] for name in STARTS}, []
    for _ in range(args.rounds):
        for name, code in STARTS.items():
            times[name].append(timed(lambda code=code: output_of(sys.executable, "-c", code)))
        warm = f"{MODULES}, torch, skorch\n{FIRST_FIT}"
        after.append(float(output_of(sys.executable, "-c", warm)))
    for name, values in (times | {"first fit, all of these imported": after}).items():
        print(f"{name:34s} {median(values):6.3f} s")
    ratios = np.divide(times["import sk_aecnn"], times["import sklearn.base"])
    print(f"import sk_aecnn over import sklearn.base: median {median(ratios):.2f}")


# -- rows -------------------------------------------------------------------------------------


def rows(args):
    """Time fits of growing numbers of rows with a fixed number of epochs."""
    from sk_aecnn import AutoencoderTransformer

    X = np.random.default_rng(0).normal(size=(1_000_000, 50)).astype(np.float32)
    counts = [10_000, 100_000, 1_000_000]
    ae = AutoencoderTransformer(10, max_epochs=2, **SIZES).fit(X[:1000])
    times = np.array(
        [[timed(lambda n=n: ae.fit(X[:n])) for n in counts] for _ in range(args.rounds)]
    )
    per_row = times / counts
    ratios = np.median(per_row / per_row[:, -1:], axis=0)
    for count, taken, ratio in zip(counts, np.median(times, axis=0), ratios, strict=True):
        print(
            f"{count:9,} rows {taken:6.2f} s, {taken / count * 1e6:5.2f} µs a row,"
            f" ratio to the longest {ratio:.2f}"
        )


# -- grid search ------------------------------------------------------------------------------


def grid(args):
    """Time a grid search of twelve fits with one and with two workers, both warm."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline

    from sk_aecnn import AutoencoderTransformer

    X = np.random.default_rng(0).normal(size=(5000, 64)).astype(np.float32)
    y = (X[:, :8].sum(1) > 0).astype(int)
    pipe = Pipeline([("ae", AutoencoderTransformer(random_state=0)), ("clf", LogisticRegression())])
    values = {"ae__encoding_dim": [4, 8, 16, 32]}
    searches = [GridSearchCV(pipe, values, cv=3, n_jobs=n, refit=False) for n in (1, 2)]
    for search in searches:
        search.fit(X[:500], y[:500])
    ratios = []
    for _ in range(args.rounds):
        one, two = (timed(lambda search=search: search.fit(X, y)) for search in searches)
        ratios.append(one / two)
        print(f"n_jobs=1 {one:6.2f} s   n_jobs=2 {two:6.2f} s   ratio {one / two:.2f}", flush=True)
    print(f"median {median(ratios):.2f}")


# -- memory-mapped file -----------------------------------------------------------------------


def write_rows(path, n_rows):
    """Write random rows in chunks."""
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, N_FEATURES))
    rng = np.random.default_rng(0)
    for start in range(0, n_rows, 50_000):
        chunk = mapped[start : start + 50_000]
        chunk[:] = rng.standard_normal(chunk.shape, dtype=np.float32)
    mapped.flush()


def raw_torch(X):
    """Train one epoch over the mapped rows and encode them, as plain torch does."""
    import torch
    from plain import dense, outputs, reconstruction, train

    network = dense(N_FEATURES, 64, 32, 32, 32, 64, N_FEATURES)
    rows = [torch.from_numpy(X)]
    fit = timed(lambda: train(network, reconstruction, rows, epochs=1, batch_size=256))
    return fit, timed(lambda: outputs(network[:5], X))


def package(X):
    """Do the same with the estimator."""
    from sk_aecnn import AutoencoderTransformer

    training = {"lr": 1e-3, "optimizer": "adam", "lr_schedule": "constant", "max_epochs": 1}
    ae = AutoencoderTransformer(32, **training, **SIZES)
    return timed(lambda: ae.fit(X)), timed(lambda: ae.transform(X))


PARTS = {"raw torch": raw_torch, "sk_aecnn": package}


def private_bytes():
    """Return the resident memory that is not a mapped file, as Linux counts it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


def memmap_part(path, name):
    """Run one of the two on the file and print fit, transform and growth of memory."""
    X = np.load(path, mmap_mode="r+")
    PARTS[name](np.array(X[:5000]))
    before, peak, done = private_bytes(), [0], threading.Event()

    def watch():
        while not done.wait(0.05):
            peak[0] = max(peak[0], private_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    fit, transform = PARTS[name](X)
    done.set()
    watcher.join()
    print(fit, transform, peak[0] - before)


def memmap(args):
    """Time fit and transform of a mapped file against raw torch, in processes of their own."""
    if args.part:
        memmap_part(args.path, args.part)
        return
    n_rows = int(args.gigabytes * 2**30 / (4 * N_FEATURES))
    print(f"{args.gigabytes} GiB, {n_rows:,} rows; the codes: {n_rows * 32 * 4 / 2**20:.0f} MiB")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = str(Path(folder, "rows.npy"))
        write_rows(path, n_rows)
        for name in [*PARTS] * args.rounds:
            command = [sys.executable, __file__, "memmap", "--part", name, "--path", path]
            fit, transform, grown = map(float, output_of(*command).split())
            print(
                f"{name:10s} fit {fit:6.1f} s  transform {transform:5.1f} s  "
                f"memory grown by {grown / 2**20:5.0f} MiB",
                flush=True,
            )


COMMANDS = {"startup": startup, "rows": rows, "grid": grid, "memmap": memmap}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--folder", help="where the file is written")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    args = parser.parse_args()
    COMMANDS[args.what](args)


if __name__ == "__main__":
    main()
