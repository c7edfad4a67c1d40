"""Tables as they are, and imputation, beside peers: one command each, printed.

    python benchmarks/raw_tables.py adult DATA [--rows 6000] [--seeds 0 1]
    python benchmarks/raw_tables.py imputation DATA [--tables vehicle phoneme]

DATA is a folder with ``tabular/adult`` and ``tabular/pmlb``.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sk_aecnn import AECNNClassifier, AutoencoderImputer

NAMES = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
]
TABLES = ("vehicle", "phoneme", "227_cpu_small", "218_house_8L")
MISSING = 0.3
MOST_ROWS = 1500


def read_adult(path, **options):
    frame = pd.read_csv(path, names=NAMES, skipinitialspace=True, na_values="?", **options)
    frame = frame.dropna(subset=["income"]).astype({"age": int})
    return frame.drop(columns="income"), frame["income"].str.rstrip(".")


def behind_encoder(estimator):
    text = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = text, make_column_selector(dtype_exclude="number")
    return make_pipeline(make_column_transformer(columns, remainder=SimpleImputer()), estimator)


def compare_adult(data, rows, seeds):
    folder = data / "tabular" / "adult"
    X, y = read_adult(folder / "adult.data.gz")
    X_test, y_test = read_adult(folder / "adult.test.gz", skiprows=1)
    text = X.select_dtypes(exclude="number").columns
    kinds = {name: pd.CategoricalDtype(sorted(X[name].dropna().unique())) for name in text}
    for seed in seeds:
        part = X.sample(min(rows, len(X)), random_state=seed).index
        models = {
            "HistGradientBoostingClassifier": HistGradientBoostingClassifier(random_state=seed),
            "AECNNClassifier": AECNNClassifier(random_state=seed),
            "AECNNClassifier, encoder": behind_encoder(AECNNClassifier(random_state=seed)),
        }
        for name, model in models.items():
            dtypes = kinds if name.startswith("Hist") else {}
            start = time.process_time()
            model.fit(X.loc[part].astype(dtypes), y.loc[part])
            seconds = time.process_time() - start
            odds = model.predict_proba(X_test.astype(dtypes))
            accuracy = accuracy_score(y_test, model.classes_[odds.argmax(axis=1)])
            loss = log_loss(y_test, odds)
            print(f"{len(part)} {seed} {name}: {accuracy:.4f} {loss:.4f} {seconds:.1f} s")


def compare_imputers(data, tables):
    for table in tables:
        frame = pd.read_csv(data / "tabular" / "pmlb" / f"{table}.tsv.gz", sep="\t")
        X = frame.drop(columns="target").sample(frac=1, random_state=0).to_numpy(float)[:MOST_ROWS]
        X = X[:, X.std(axis=0) > 0]
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        missing = np.random.default_rng(0).random(X.shape) < MISSING
        imputers = (
            SimpleImputer(),
            KNNImputer(),
            IterativeImputer(random_state=0),
            AutoencoderImputer(random_state=0),
        )
        for imputer in imputers:
            start = time.process_time()
            filled = imputer.fit_transform(np.where(missing, np.nan, X))
            seconds = time.process_time() - start
            error = np.sqrt(np.square(filled - X)[missing].mean())
            print(f"{table} {type(imputer).__name__}: {error:.3f} {seconds:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["adult", "imputation"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=10**6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--tables", nargs="+", default=TABLES)
    arguments = parser.parse_args()
    if arguments.task == "adult":
        compare_adult(arguments.data, arguments.rows, arguments.seeds)
    else:
        compare_imputers(arguments.data, arguments.tables)
