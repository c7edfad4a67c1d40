"""What lies past one machine: files larger than memory, streams, several processes.

    python benchmarks/scale.py file [--gib 4] [--folder /tmp]
    python benchmarks/scale.py calls [--calls 1000]
    python benchmarks/scale.py schedule [--seeds 5] [--passes 10]
    python benchmarks/scale.py processes

Each prints the rows of a table in docs/guide/scale.md. Seconds are those of the processor, of one
thread, but for those of several processes, which wait for each other.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from torch.nn import functional as F

from sk_aecnn import (
    AECNNClassifier,
    AutoencoderTransformer,
    CNNClassifier,
    distributed,
)

N_FEATURES, CHUNK = 512, 20_000


# -- a file larger than memory ----------------------------------------------------------------


def write(path, gib):
    """Write a file of single-precision rows that lie near six dimensions."""
    n_rows = int(gib * 2**30 / (4 * N_FEATURES))
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, N_FEATURES))
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, N_FEATURES)).astype(np.float32)
    for start in range(0, n_rows, CHUNK):
        hidden = rng.normal(size=(len(X[start : start + CHUNK]), 6))
        X[start : start + CHUNK] = hidden.astype(np.float32) @ mixing


class MostMemory(threading.Thread):
    """The most memory of this process, but for pages of files."""

    def __init__(self):
        super().__init__(daemon=True)
        self.before = self.most = self.now()

    def now(self):
        return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024

    def run(self):
        while True:
            self.most = max(self.most, self.now())
            time.sleep(0.003)

    @property
    def extra(self):
        return max(self.most, self.now()) - self.before


def file(args):
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / "X.npy"
        write(path, args.gib)
        for way in ("fit", "partial_fit", "transform"):
            subprocess.run([sys.executable, __file__, "_file", str(path), way], check=True)


def _file(path, way):
    X = np.load(path, mmap_mode="r")
    settings = {"encoder": "dense", "hidden_layer_sizes": (32,), "batch_size": 1024}
    model = AutoencoderTransformer(8, max_epochs=1, random_state=0, **settings)
    AutoencoderTransformer(8, max_epochs=1, random_state=0, **settings).fit(X[:2048])
    if way == "transform":
        model.fit(X[:CHUNK])
    watch = MostMemory()
    watch.start()
    start = time.process_time()
    if way == "fit":
        model.fit(X)
    elif way == "transform":
        model.transform(X)
    else:
        starts = range(0, len(X), CHUNK)
        for part in starts:
            model.partial_fit(X[part : part + CHUNK], n_steps=len(starts) * -(-CHUNK // 1024))
    seconds = time.process_time() - start
    gib = X.nbytes / 2**30
    print(
        f"| `{way}` | {gib:.1f} GiB | {watch.extra:.0f} MiB | {seconds:.0f} s | "
        f"{1024 * gib / seconds:.0f} MiB/s |",
        flush=True,
    )


# -- streams of small calls -------------------------------------------------------------------


def raw_loop():
    """A plain loop around MLPClassifier's network."""
    net = torch.nn.Sequential(torch.nn.Linear(20, 100), torch.nn.ReLU(), torch.nn.Linear(100, 2))
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)

    def step(X, y):
        optimizer.zero_grad()
        F.cross_entropy(net(torch.from_numpy(X)), torch.from_numpy(y)).backward()
        optimizer.step()

    return step


def with_classes(model):
    return lambda X, y: model.partial_fit(X, y, classes=[0, 1])


STREAMS = {
    "plain torch loop": raw_loop,
    "`MLPClassifier`": lambda: with_classes(MLPClassifier(batch_size=128)),
    "`CNNClassifier`": lambda: with_classes(CNNClassifier(batch_size=128)),
    "`AutoencoderTransformer`": lambda: AutoencoderTransformer(8, batch_size=128).partial_fit,
    "`AECNNClassifier`": lambda: with_classes(AECNNClassifier(8, batch_size=128)),
}


def calls(args):
    X, y = make_classification(128 * 100, 20, random_state=0)
    X = X.astype(np.float32)
    seconds = {name: [] for name in STREAMS}
    for _ in range(3):  # in turn, so that noise meets all alike
        for name, build in STREAMS.items():
            call = build()
            call(X[:128], y[:128])
            start = time.process_time()
            for index in range(args.calls):
                part = slice(128 * (index % 100), 128 * (index % 100 + 1))
                call(X[part], y[part])
            seconds[name].append(1000 * (time.process_time() - start) / args.calls)
    for name, measured in seconds.items():
        print(f"| {name} | {median(measured):.2f} ms |", flush=True)


def schedule(args):
    """Accuracy and R² on new digits after passes in parts, with and without a schedule."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8).astype(np.float32)
    for name in ("`AECNNClassifier`", "`CNNClassifier`", "`AutoencoderTransformer`"):
        scores = {True: [], False: []}
        for seed in range(args.seeds):
            parts = train_test_split(X, y, random_state=seed)
            for known in scores:
                scores[known].append(stream_score(name, seed, args.passes, known, *parts))
        shown = " | ".join(f"{np.mean(scores[known]):.4f}" for known in (False, True))
        wins = sum(a > b for a, b in zip(scores[True], scores[False], strict=True))
        print(f"| {name} | {shown} | {wins} of {args.seeds} |", flush=True)


def stream_score(name, seed, passes, known, X_train, X_test, y_train, y_test):
    kind = {"`AECNNClassifier`": AECNNClassifier, "`CNNClassifier`": CNNClassifier}.get(name)
    supervised = kind is not None
    model = (kind or AutoencoderTransformer)(batch_size=64, random_state=seed)
    rng, parts = np.random.default_rng(seed), -(-len(X_train) // 128)
    sizes = [len(part) for part in np.array_split(np.arange(len(X_train)), parts)]
    n_steps = passes * sum(-(-size // 64) for size in sizes) if known else None
    for _ in range(passes):
        for part in np.array_split(rng.permutation(len(X_train)), parts):
            given = {"y": y_train[part], "classes": np.unique(y_train)} if supervised else {}
            model.partial_fit(X_train[part], **given, n_steps=n_steps)
    return model.score(X_test, y_test)


# -- several processes ------------------------------------------------------------------------


def processes(args):
    for n_processes in (1, 2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        everywhere = os.environ | {
            "WORLD_SIZE": str(n_processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
        }
        started = [
            subprocess.Popen(
                [sys.executable, __file__, "_process"], env=everywhere | {"RANK": str(rank)}
            )
            for rank in range(n_processes)
        ]
        if any(process.wait() for process in started):
            sys.exit("a process failed")


def _process():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2048, 32, 32, 3)).astype(np.float32), np.arange(2048) % 10
    model = AECNNClassifier(32, max_epochs=4, batch_size=256, augmentation=None, random_state=0)
    distributed.fit(model, X[:512], y[:512])  # libraries are loaded
    wall, start = time.perf_counter(), time.process_time()
    distributed.fit(model, X, y)
    seconds = time.process_time() - start
    told = f"{seconds:.1f} s of each processor, {time.perf_counter() - wall:.1f} s in all"
    if os.environ["RANK"] == "0":
        print(f"| {os.environ['WORLD_SIZE']} | {told} |", flush=True)


def main():
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["_file"]:
        return _file(*sys.argv[2:])
    if sys.argv[1:2] == ["_process"]:
        return _process()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    works = {work.__name__: work for work in (file, calls, schedule, processes)}
    parser.add_argument("work", choices=works)
    parser.add_argument("--gib", type=float, default=4.0)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=10)
    args = parser.parse_args()
    return works[args.work](args)


if __name__ == "__main__":
    main()
