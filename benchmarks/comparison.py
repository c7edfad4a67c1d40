"""Joint training beside staged training, the CNN alone, and an encoder ahead of a linear model.

    python benchmarks/comparison.py DATA [--data mnist letter satimage] [--seeds 0 1 2]
        [--params '{"max_epochs": 3}']

DATA holds the folders ``mnist`` (the idx files) and ``tabular/pmlb``. Tables are split in halves by
the seed; MNIST has its own test set.
"""

import argparse
import json
import time
from pathlib import Path

from _data import load_mnist, load_pmlb, print_table
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier
from sk_aecnn._sizes import auto_epochs


def variants(seed, params, n_epochs):
    """Return the models by name; all have the same number of passes over the data, or more."""
    shared = {"random_state": seed} | params
    code = {"backend_input": "code"} | shared
    return {
        "joint, back end on the features": AECNNClassifier(**shared),
        "joint, back end on the code": AECNNClassifier(**code),
        "staged: pretrained, then joint": AECNNClassifier(pretrain_epochs=n_epochs, **shared),
        "staged: pretrained, then frozen, on the code": AECNNClassifier(
            pretrain_epochs=n_epochs, freeze_encoder=True, **code
        ),
        "no reconstruction": AECNNClassifier(reconstruction_weight=0, **shared),
        "CNN alone": CNNClassifier(**shared),
        "autoencoder + logistic regression": make_pipeline(
            AutoencoderTransformer(**shared), StandardScaler(), LogisticRegression(max_iter=2000)
        ),
    }


def load(folder, name, seed):
    """Return X, X_test, y, y_test."""
    if name == "mnist":
        (X, y), (X_test, y_test) = (
            load_mnist(Path(folder, "mnist"), part) for part in ("train", "test")
        )
        return X, X_test, y, y_test
    X, y = load_pmlb(Path(folder, "tabular", "pmlb"), name)
    return train_test_split(X, y, test_size=0.5, random_state=seed, stratify=y)


def compare(folder, name, seeds, params, chosen):
    rows = {}
    for seed in seeds:
        X, X_test, y, y_test = load(folder, name, seed)
        n_epochs = params.get("max_epochs") or auto_epochs(len(X))
        for number, (variant, model) in enumerate(variants(seed, params, n_epochs).items()):
            if chosen and number not in chosen:
                continue
            start = time.perf_counter()
            model.fit(X, y)
            seconds = time.perf_counter() - start
            accuracy = 100 * model.score(X_test, y_test)
            print(f"# {name} seed={seed} {variant}: {accuracy:.2f} % {seconds:.0f} s", flush=True)
            results = rows.setdefault(variant, {"accuracy, %": [], "fit, s": []})
            results["accuracy, %"].append(accuracy)
            results["fit, s"].append(seconds)
    print_table(name, ["accuracy, %", "fit, s"], rows.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--data", nargs="+", default=["mnist", "letter", "satimage"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", type=int, nargs="+", help="numbers, from 0; default: all")
    parser.add_argument("--params", type=json.loads, default={}, help="JSON of parameters to set")
    args = parser.parse_args()
    for name in args.data:
        compare(args.folder, name, args.seeds, args.params, args.variants)


if __name__ == "__main__":
    main()
