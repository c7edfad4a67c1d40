"""Generated digits: a picture of 64, and how near they are to training images.

    python benchmarks/samples.py DATA_HOME [--seed 0] [--epochs 6] [--out FOLDER]

DATA_HOME holds the idx files. The distance of a sample to its nearest training image is set beside
that of a test image: samples that were copies would be much nearer.
"""

import argparse
from pathlib import Path

import numpy as np
from _data import load_mnist
from matplotlib.figure import Figure
from sklearn.neighbors import NearestNeighbors

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, VariationalAutoencoderTransformer


def draw(path, images):
    figure = Figure(figsize=(6, 6))
    for place, image in enumerate(images):
        axes = figure.add_subplot(8, 8, place + 1)
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        axes.set_axis_off()
    figure.savefig(path, dpi=80)


def quartiles(neighbours, images):
    distance = neighbours.kneighbors(images.reshape(len(images), -1).astype(np.float32))[0]
    return np.round(np.quantile(distance, [0, 0.25, 0.5, 0.75]), 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_home")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("."))
    args = parser.parse_args()
    X, y = load_mnist(args.data_home, "train")
    X_test, _ = load_mnist(args.data_home, "test")
    shared = {"max_epochs": args.epochs, "random_state": args.seed}
    plain = AutoencoderTransformer(16, **shared).fit(X)
    variational = VariationalAutoencoderTransformer(16, **shared).fit(X)
    judge = AECNNClassifier(reconstruction_weight=0, max_epochs=1, random_state=1).fit(X, y)
    rows = X.reshape(len(X), -1).astype(np.float32)
    neighbours = NearestNeighbors(n_neighbors=1).fit(rows)
    print("distance to the nearest training image, minimum and quartiles, in grey levels")
    print("test images ", quartiles(neighbours, X_test[:500]))
    for name, model in {"plain": plain, "variational": variational}.items():
        samples = model.sample(500, random_state=args.seed).clip(0, 255)
        draw(args.out / f"samples_{name}.png", samples[:64])
        sure = judge.predict_proba(samples).max(axis=1)
        print(f"{name:12s}", quartiles(neighbours, samples), end=" ")
        print(f"a classifier is surer than 0.9 of {100 * np.mean(sure > 0.9):.0f} %")
    sure = judge.predict_proba(X_test[:500]).max(axis=1)
    print(f"test images: surer than 0.9 of {100 * np.mean(sure > 0.9):.0f} %")


if __name__ == "__main__":
    main()
