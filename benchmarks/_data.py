"""Readers of the files that the benchmarks take, and the table that they print."""

import gzip
from pathlib import Path

import numpy as np

MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def read_idx(path):
    """Read an idx file: two zero bytes, the type, the number of axes, the sizes, the values."""
    packed = path.with_name(path.name + ".gz")
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    n_axes = data[3]
    shape = np.frombuffer(data, dtype=">i4", count=n_axes, offset=4)
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def load_mnist(folder, part):
    """Return images (n, 28, 28) uint8 and labels of ``part``, "train" or "test"."""
    images, labels = MNIST_FILES[part]
    return read_idx(Path(folder, images)), read_idx(Path(folder, labels))


def load_pmlb(folder, name):
    """Read a table of PMLB: tab-separated, a header, the target in the last column."""
    with gzip.open(Path(folder, f"{name}.tsv.gz"), "rt") as lines:
        header = next(lines).rstrip().split("\t")
        table = np.loadtxt(lines, delimiter="\t")
    assert header[-1] == "target"
    return table[:, :-1], table[:, -1]


def print_table(title, columns, rows):
    """Print rows of (name, {column: values of the seeds}) as a Markdown table, mean ± std."""
    print(f"\n{title}\n")
    print("| | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, results in rows:
        print(f"| {name} | " + " | ".join(_cell(results[column]) for column in columns) + " |")


def _cell(values):
    values = np.asarray(values, dtype=float)
    digits = 1 if values.mean() >= 10 else 3
    spread = f" ± {values.std(ddof=1):.{digits + (digits == 1)}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits + (digits == 1)}f}{spread}"
