"""Time of ``fit`` against a plain hand-written torch loop, paired in one run.

    python benchmarks/training_speed.py [--rows 60000] [--epochs 3] [--rounds 5]

Dense autoencoder 784-64-32-32-32-64-784, batch 256, Adam: the same layers, rows, batches and
optimizer on both sides; the final losses are printed, so that equal work can be seen. The rows are
random numbers of low rank: the time does not depend on what they mean.
"""

import argparse
import time
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from sk_aecnn import AutoencoderTransformer

N_FEATURES, BATCH_SIZE, LR = 784, 256, 1e-3


def make_rows(n_rows):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 10)) @ rng.normal(size=(10, N_FEATURES))
    rows = rows + 0.1 * rng.normal(size=rows.shape)
    return (rows / rows.std()).astype(np.float32)


def plain_loop(X, epochs):
    """Train as a textbook does: shuffle, slice, zero_grad, backward, step."""
    rows = torch.from_numpy(X)
    sizes = [784, 64, 32, 32, 32, 64, 784]
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    loss_function = nn.MSELoss()
    for _ in range(epochs):
        total = 0.0
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), BATCH_SIZE):
            batch = rows[order[start : start + BATCH_SIZE]]
            optimizer.zero_grad()
            loss = loss_function(network(batch), batch)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
    return total / len(rows)


def package_fit(X, epochs):
    """Train the same layers with the estimator: 784-64-32-(32)-32-64-784, every layer rectified."""
    ae = AutoencoderTransformer(
        32,
        hidden_layer_sizes=(64, 32),
        code_activation="relu",
        max_epochs=epochs,
        batch_size=BATCH_SIZE,
        lr=LR,
        optimizer="adam",
        weight_decay=0.0,
        lr_schedule="constant",
        random_state=0,
        device="cpu",
    )
    return ae.fit(X).loss_curve_[-1]


def timed(function, *args):
    start = time.perf_counter()
    loss = function(*args)
    return time.perf_counter() - start, loss


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    X = make_rows(args.rows)
    for function in (plain_loop, package_fit):
        function(X[:2000], 1)
    ratios = []
    for _ in range(args.rounds):
        plain, plain_loss = timed(plain_loop, X, args.epochs)
        fit, fit_loss = timed(package_fit, X, args.epochs)
        ratios.append(plain / fit)
        print(
            f"plain loop {plain:6.2f} s (loss {plain_loss:.4f})   "
            f"fit {fit:6.2f} s (loss {fit_loss:.4f})   ratio {ratios[-1]:.2f}",
            flush=True,
        )
    low, median, high = np.quantile(ratios, [0, 0.5, 1])
    print(f"speed of fit, plain loop = 1: median {median:.2f}, from {low:.2f} to {high:.2f}")
    print(f"rows per second of fit, last round: {args.rows * args.epochs / fit:,.0f}")


if __name__ == "__main__":
    main()
