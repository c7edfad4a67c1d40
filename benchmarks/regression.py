"""Regression on two tables of PMLB: R² beside scikit-learn's regressors.

    python benchmarks/regression.py FOLDER [--data 537_houses 503_wind] [--seeds 0 1 2]

FOLDER holds the tables. The seed splits them, three quarters for training.
"""

import argparse
import json
import time

from _data import load_pmlb, print_table
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_aecnn import AECNNRegressor, CNNRegressor


def models(seed, params):
    """Return the models by name; the MLP is given standardised samples and targets."""
    mlp = make_pipeline(StandardScaler(), MLPRegressor(random_state=seed, max_iter=500))
    return {
        "AECNNRegressor": AECNNRegressor(random_state=seed, **params),
        "CNNRegressor": CNNRegressor(random_state=seed, **params),
        "MLPRegressor": TransformedTargetRegressor(mlp, transformer=StandardScaler()),
        "HistGradientBoosting": HistGradientBoostingRegressor(random_state=seed),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--data", nargs="+", default=["537_houses", "503_wind"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--params", type=json.loads, default={}, help="JSON of parameters to set")
    args = parser.parse_args()
    for name in args.data:
        X, y = load_pmlb(args.folder, name)
        rows = {}
        for seed in args.seeds:
            split = train_test_split(X, y, test_size=0.25, random_state=seed)
            X_train, X_test, y_train, y_test = split
            for model_name, model in models(seed, args.params).items():
                start = time.perf_counter()
                model.fit(X_train, y_train)
                seconds = time.perf_counter() - start
                results = rows.setdefault(model_name, {"R²": [], "fit, s": []})
                results["R²"].append(model.score(X_test, y_test))
                results["fit, s"].append(seconds)
        print_table(name, ["R²", "fit, s"], rows.items())


if __name__ == "__main__":
    main()
