"""MNIST with few labels: what the unlabelled images bring.

    python benchmarks/semi_supervised.py DATA_HOME [--labels 100] [--draws 0 1 2 3 4] [--epochs 1]

DATA_HOME holds the idx files. Each draw takes as many labels of every class, at random; all other
training images are passed without.
"""

import argparse
import time

import numpy as np
from _data import load_mnist, print_table

from sk_aecnn import AECNNClassifier

VARIANTS = {
    "labels alone": None,
    "+ reconstruction": {"agreement_weight": 0},
    "+ agreement": {"reconstruction_weight": 0},
    "+ both": {},
}


def draw_labels(y, n_labels, seed):
    """Return the labels with all but ``n_labels`` of them replaced by -1."""
    rng = np.random.default_rng(seed)
    kept = [rng.permutation(np.flatnonzero(y == label))[: n_labels // 10] for label in range(10)]
    drawn = np.full(len(y), -1)
    kept = np.concatenate(kept)
    drawn[kept] = y[kept]
    return drawn


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_home")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--draws", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    args = parser.parse_args()
    (X, y), (X_test, y_test) = (load_mnist(args.data_home, part) for part in ("train", "test"))
    rows = {}
    for draw in args.draws:
        labels = draw_labels(y, args.labels, draw)
        for name in args.variants:
            if VARIANTS[name] is None:
                known = labels >= 0
                model = AECNNClassifier(reconstruction_weight=0, random_state=draw)
                data = X[known], labels[known]
            else:
                model = AECNNClassifier(
                    unlabeled=-1, max_epochs=args.epochs, random_state=draw, **VARIANTS[name]
                )
                data = X, labels
            start = time.perf_counter()
            model.fit(*data)
            seconds = time.perf_counter() - start
            accuracy = 100 * model.score(X_test, y_test)
            print(f"# draw={draw} {name}: {accuracy:.2f} % {seconds:.0f} s", flush=True)
            results = rows.setdefault(name, {"accuracy, %": [], "fit, s": []})
            results["accuracy, %"].append(accuracy)
            results["fit, s"].append(seconds)
    print_table(f"MNIST, {args.labels} labels", ["accuracy, %", "fit, s"], rows.items())


if __name__ == "__main__":
    main()
