"""The unit of the table: loops over torch, written by hand as a textbook has them."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

LR = 1e-3


def dense(*sizes):
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


class Joint(nn.Module):
    """Two stages of convolution, a code of 32 and its decoder, and a CNN on the feature map."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.bottleneck = nn.Linear(64 * 7 * 7, 32)
        self.decoder = nn.Sequential(
            nn.Linear(32, 64 * 7 * 7),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 16, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1),
        )
        self.backend = nn.Sequential(
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )

    def forward(self, x):
        features = self.encoder(x)
        return self.backend(features), self.decoder(self.bottleneck(features.flatten(1)))


def train(network, loss_function, tensors, work):
    """Shuffle, slice, zero_grad, backward, step; return the mean loss of the last epoch."""
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    n_rows = len(tensors[0])
    for _ in range(work.epochs):
        total = 0.0
        order = torch.randperm(n_rows)
        for start in range(0, n_rows, work.batch_size):
            batch = [tensor[order[start : start + work.batch_size]] for tensor in tensors]
            optimizer.zero_grad()
            loss = loss_function(network(batch[0]), *batch)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch[0])
    return total / n_rows


def reconstruction(output, x):
    return F.mse_loss(output, x)


def classification(output, x, y):
    return F.cross_entropy(output, y)


def both(outputs, x, y):
    return F.cross_entropy(outputs[0], y) + F.mse_loss(outputs[1], x)


def autoencoder(work, X):
    rows = torch.from_numpy(X)
    return lambda: train(dense(784, 64, 32, 32, 32, 64, 784), reconstruction, [rows], work)


def classify_images(work, X, y):
    tensors = [torch.from_numpy(X)[:, None], torch.from_numpy(y)]
    return lambda: train(cnn(), classification, tensors, work)


def classify_and_reconstruct(work, X, y):
    tensors = [torch.from_numpy(X)[:, None], torch.from_numpy(y)]
    return lambda: train(Joint(), both, tensors, work)


def classify_rows(work, X, y):
    tensors = [torch.from_numpy(X), torch.from_numpy(y)]
    return lambda: train(dense(50, 100, 4), classification, tensors, work)


def digits(work, X, y):
    rows = torch.from_numpy(X)
    return lambda: train(dense(64, 32, 16, 32, 64), reconstruction, [rows], work)


def encode(work, X):
    network = dense(784, 64, 32, 32)

    @torch.inference_mode()
    def run():
        rows = torch.from_numpy(X)
        chunks = [network(rows[start : start + 1024]) for start in range(0, len(rows), 1024)]
        return torch.cat(chunks).numpy()

    return run


def encode_one(work, X):
    network = dense(784, 64, 32, 32)

    @torch.inference_mode()
    def run():
        return network(torch.from_numpy(X[:1])).numpy()

    return run


def predict_one(work, X, y):
    network = dense(50, 100, 4)

    @torch.inference_mode()
    def run():
        return network(torch.from_numpy(X[:1])).argmax(1).numpy()

    return run


VARIANTS = {
    "autoencoder": {"plain loop": autoencoder},
    "cnn": {"plain loop": classify_images},
    "joint": {"plain loop": classify_and_reconstruct},
    "table": {"plain loop": classify_rows},
    "digits": {"plain loop": digits},
    "encode": {"torch, chunks of 1024": encode},
    "encode-one": {"torch": encode_one},
    "predict-one": {"torch": predict_one},
}
