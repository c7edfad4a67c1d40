"""What whole calls cost besides their steps: starting, many fits, many rows, rows on disk.

python benchmarks/scaling.py startup            imports and the first fit of a process
python benchmarks/scaling.py rows               time of a fit against the number of rows
python benchmarks/scaling.py grid               GridSearchCV with one and with two workers
python benchmarks/scaling.py memmap [--gigabytes 4]     a file larger than is to be held
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

N_FEATURES = 784
SIZES = {"hidden_layer_sizes": (64, 32), "batch_size": 256, "random_state": 0, "device": "cpu"}


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


# -- startup ----------------------------------------------------------------------------------

FIRST_FIT = """
import numpy as np, time
X = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
{imports}
start = time.perf_counter()
from sk_aecnn import AutoencoderTransformer
AutoencoderTransformer(2, max_epochs=1).fit(X)
print(time.perf_counter() - start)
"""
MODULES = (
    "import numpy, scipy.sparse, sklearn.base, sklearn.utils.validation, sklearn.model_selection, "
    "sklearn.frozen, sklearn.mixture"
)


def startup(args):
    """Time imports and a first fit, each in a fresh process, in turn."""

    def seconds(code):
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return done.stdout

    codes = {
        "python": "",
        "import sklearn.base": "import sklearn.base",
        "import sk_aecnn": "import sk_aecnn",
        "import torch, skorch": MODULES + "; import torch, skorch",
        "import torch, skorch, first fit": FIRST_FIT.format(imports=""),
    }
    times = {name: [] for name in codes}
    after = []
    for _ in range(args.rounds):
        for name, code in codes.items():
            times[name].append(timed(lambda code=code: seconds(code)))
        after.append(float(seconds(FIRST_FIT.format(imports=MODULES + "\nimport torch, skorch"))))
    for name, values in times.items():
        print(f"{name:34s} {median(values):6.3f} s")
    print(f"{'first fit, all of these imported':34s} {median(after):6.3f} s")
    ratios = np.divide(times["import sk_aecnn"], times["import sklearn.base"])
    print(f"import sk_aecnn over import sklearn.base: median {median(ratios):.2f}")


# -- rows -------------------------------------------------------------------------------------


def rows(args):
    """Time fits of growing numbers of rows with a fixed number of epochs."""
    from sk_aecnn import AutoencoderTransformer

    X = np.random.default_rng(0).normal(size=(1_000_000, 50)).astype(np.float32)
    counts = (10_000, 100_000, 1_000_000)
    ae = AutoencoderTransformer(10, max_epochs=2, **SIZES)
    ae.fit(X[:1000])
    times = {count: [] for count in counts}
    for _ in range(args.rounds):
        for count in counts:
            times[count].append(timed(lambda count=count: ae.fit(X[:count])))
    longest = np.array(times[counts[-1]]) / counts[-1]
    for count in counts:
        per_row = np.array(times[count]) / count
        print(
            f"{count:9,} rows {median(times[count]):6.2f} s, {median(per_row) * 1e6:5.2f} µs a row,"
            f" ratio to the longest {median(per_row / longest):.2f}"
        )


# -- grid search ------------------------------------------------------------------------------


def grid(args):
    """Time a grid search of twelve fits with one and with two workers, both warm."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline

    from sk_aecnn import AutoencoderTransformer

    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 64)).astype(np.float32)
    y = (X[:, :8].sum(1) > 0).astype(int)
    pipe = Pipeline([("ae", AutoencoderTransformer(random_state=0)), ("clf", LogisticRegression())])
    values = {"ae__encoding_dim": [4, 8, 16, 32]}
    searches = {n: GridSearchCV(pipe, values, cv=3, n_jobs=n, refit=False) for n in (1, 2)}
    for search in searches.values():
        search.fit(X[:500], y[:500])
    ratios = []
    for _ in range(args.rounds):
        one, two = (timed(lambda n=n: searches[n].fit(X, y)) for n in (1, 2))
        ratios.append(one / two)
        print(f"n_jobs=1 {one:6.2f} s   n_jobs=2 {two:6.2f} s   ratio {one / two:.2f}", flush=True)
    print(f"median {median(ratios):.2f}")


# -- memory-mapped file -----------------------------------------------------------------------


def write_rows(path, gigabytes):
    """Write random rows in pieces and return them mapped."""
    n_rows = int(gigabytes * 2**30 / (4 * N_FEATURES))
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, N_FEATURES))
    rng = np.random.default_rng(0)
    for start in range(0, n_rows, 50_000):
        piece = mapped[start : start + 50_000]
        piece[:] = rng.standard_normal(piece.shape, dtype=np.float32)
    mapped.flush()
    return n_rows


def raw_torch(X):
    """Train one epoch over the mapped rows and encode them, as plain torch does."""
    sys.path.insert(0, str(Path(__file__).parent / "speed"))
    import torch
    from plain import dense, reconstruction, train
    from works import Work

    tensor = torch.from_numpy(X)
    network = dense(784, 64, 32, 32, 32, 64, 784)
    fit = timed(lambda: train(network, reconstruction, [tensor], Work("", None, 0, 1, 256)))

    @torch.inference_mode()
    def encode():
        pieces = [network[:5](tensor[start : start + 1024]) for start in range(0, len(X), 1024)]
        torch.cat(pieces).numpy()

    return fit, timed(encode)


def package(X):
    """Do the same with the estimator."""
    from sk_aecnn import AutoencoderTransformer

    ae = AutoencoderTransformer(
        32, max_epochs=1, lr=1e-3, optimizer="adam", lr_schedule="constant", **SIZES
    )
    return timed(lambda: ae.fit(X)), timed(lambda: ae.transform(X))


def private_bytes():
    """Return the peak resident memory that is not a mapped file, as Linux counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memmap_part(path, name):
    """Run one of the two on the file and print (fit, transform, growth of memory)."""
    import threading

    X = np.load(path, mmap_mode="r+")
    small = np.array(X[:5000])
    function = {"raw torch": raw_torch, "sk_aecnn": package}[name]
    function(small)
    before, peak, done = private_bytes(), [0], threading.Event()

    def watch():
        while not done.wait(0.05):
            peak[0] = max(peak[0], private_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    fit, transform = function(X)
    done.set()
    watcher.join()
    print(fit, transform, peak[0] - before)


def memmap(args):
    """Time fit and transform of a mapped file against raw torch, in processes of their own."""
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder, "rows.npy")
        n_rows = write_rows(path, args.gigabytes)
        print(
            f"{args.gigabytes} GiB, {n_rows:,} rows of {N_FEATURES} float32; the codes: "
            f"{n_rows * 32 * 4 / 2**20:.0f} MiB"
        )
        for _ in range(args.rounds):
            for name in ("raw torch", "sk_aecnn"):
                code = [sys.executable, __file__, "memmap", "--part", name, "--path", str(path)]
                done = subprocess.run(code, check=True, capture_output=True, text=True)
                fit, transform, grown = map(float, done.stdout.split())
                print(
                    f"{name:10s} fit {fit:6.1f} s  transform {transform:5.1f} s  "
                    f"memory grown by {grown / 2**20:5.0f} MiB",
                    flush=True,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["startup", "rows", "grid", "memmap"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--folder", default=None, help="where the file is written")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        memmap_part(args.path, args.part)
    else:
        {"startup": startup, "rows": rows, "grid": grid, "memmap": memmap}[args.what](args)


if __name__ == "__main__":
    main()
