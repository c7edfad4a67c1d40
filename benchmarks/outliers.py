"""Outlier detection on the sets of ADBench: AUROC beside other detectors.

    python benchmarks/outliers.py FOLDER [--seeds 0 1 2] [--rows 10000] [--params '{...}']

FOLDER holds the npz files with ``X`` and ``y``, 1 for anomalies. Every detector is fitted to all
rows, anomalies included, and scores the same rows; sets of more rows than ``--rows`` are sampled.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from _data import print_table
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from sk_aecnn import AutoencoderOutlierDetector


def isolation_forest(X, seed, params):
    return -IsolationForest(random_state=seed).fit(X).score_samples(X)


def pca(X, seed, params):
    """Error of reconstruction from the components that keep 80 % of the variance."""
    scaled = StandardScaler().fit_transform(X)
    model = PCA(0.8, random_state=seed).fit(scaled)
    return np.square(scaled - model.inverse_transform(model.transform(scaled))).sum(axis=1)


def neighbours(X, seed, params):
    """Distance to the fifth neighbour."""
    scaled = StandardScaler().fit_transform(X)
    return NearestNeighbors(n_neighbors=6).fit(scaled).kneighbors(scaled)[0][:, -1]


def autoencoder(X, seed, params):
    return -AutoencoderOutlierDetector(random_state=seed, **params).fit(X).score_samples(X)


DETECTORS = {
    "IsolationForest": isolation_forest,
    "PCA": pca,
    "5-NN distance": neighbours,
    "AutoencoderOutlierDetector": autoencoder,
}


def load(path, n_rows):
    file = np.load(path)
    X, y = file["X"].astype(float), file["y"].astype(int)
    if len(X) > n_rows:
        index = np.random.default_rng(0).permutation(len(X))[:n_rows]
        X, y = X[index], y[index]
    return X, y


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=list(DETECTORS))
    parser.add_argument("--params", type=json.loads, default={}, help="JSON of parameters to set")
    args = parser.parse_args()
    rows = {name: {} for name in args.detectors}
    columns = []
    for path in sorted(args.folder.glob("*.npz")):
        X, y = load(path, args.rows)
        name = path.stem.split("_", 1)[1]
        columns.append(name)
        for detector, results in rows.items():
            start = time.perf_counter()
            scores = [DETECTORS[detector](X, seed, args.params) for seed in args.seeds]
            results[name] = [100 * roc_auc_score(y, score) for score in scores]
            results.setdefault("fit, s", []).append((time.perf_counter() - start) / len(args.seeds))
    for results in rows.values():
        results["mean"] = np.mean([results[name] for name in columns], axis=0)
        results["fit, s"] = [np.sum(results["fit, s"])]
    print_table("AUROC, %", [*columns, "mean", "fit, s"], rows.items())


if __name__ == "__main__":
    main()
