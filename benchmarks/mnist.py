"""Accuracy, reconstruction and fitting time on MNIST, with default parameters.

    python benchmarks/mnist.py DATA_HOME [--task classify|encode|encode-flat] [--seeds 0 1 2]

DATA_HOME holds the four original idx files, gzipped or not.
"""

import argparse
import json
import time

import numpy as np
from _data import load_mnist

from sk_aecnn import AECNNClassifier, AutoencoderTransformer


def classify(data_home, seed, params):
    (X, y), (X_test, y_test) = load_mnist(data_home, "train"), load_mnist(data_home, "test")
    start = time.perf_counter()
    clf = AECNNClassifier(random_state=seed, **params).fit(X, y)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "epochs": clf.n_iter_,
        "test_accuracy": clf.score(X_test, y_test),
        "test_mse": clf.reconstruction_error(X_test).mean() / 255**2,
    }


def encode(data_home, seed, params, flat=False):
    (X, _), (X_test, _) = load_mnist(data_home, "train"), load_mnist(data_home, "test")
    if flat:
        X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    start = time.perf_counter()
    ae = AutoencoderTransformer(32, random_state=seed, **params).fit(X)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "epochs": ae.n_iter_,
        "test_mse": ae.reconstruction_error(X_test).mean() / 255**2,
        "test_r2": ae.score(X_test),
    }


def encode_flat(data_home, seed, params):
    return encode(data_home, seed, params, flat=True)


TASKS = {"classify": classify, "encode": encode, "encode-flat": encode_flat}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_home")
    parser.add_argument("--task", choices=sorted(TASKS), nargs="+", default=sorted(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--params", type=json.loads, default={}, help="JSON of parameters to set")
    args = parser.parse_args()
    for task in args.task:
        rows = [TASKS[task](args.data_home, seed, args.params) for seed in args.seeds]
        print(task, args.params or "defaults", f"seeds={args.seeds}")
        for name in rows[0]:
            values = np.array([row[name] for row in rows], dtype=float)
            spread = f" ± {values.std(ddof=1):.5f}" if len(values) > 1 else ""
            print(f"  {name:14s} {values.mean():.5f}{spread}", flush=True)


if __name__ == "__main__":
    main()
