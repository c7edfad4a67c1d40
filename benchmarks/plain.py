"""Loops and networks of plain torch, written by hand as a textbook has them."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


def dense(*sizes, last=None):
    """Return linear layers with ReLU between them, and a last activation, if any."""
    layers = [layer for ends in pairwise(sizes) for layer in (nn.Linear(*ends), nn.ReLU())]
    return nn.Sequential(*layers[:-1], *[last] * (last is not None))


def stages(*channels):
    """Return convolutions, each with ReLU and pooling."""
    layers = []
    for n_in, n_out in pairwise(channels):
        layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def cnn(height=28, width=28):
    """Return the source article's network, for images of one channel and ten classes."""
    n_features = 64 * (height // 4) * (width // 4)
    return nn.Sequential(stages(1, 32, 64), nn.Flatten(), dense(n_features, 128, 10))


class Joint(nn.Module):
    """Two stages of convolution, a code of 32 and its decoder, and a CNN on the feature map."""

    def __init__(self):
        super().__init__()
        up = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
        self.encoder = stages(1, 16, 64)
        self.bottleneck = nn.Linear(64 * 7 * 7, 32)
        self.decoder = nn.Sequential(
            nn.Linear(32, 64 * 7 * 7),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 16, **up),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, **up),
        )
        convolution = [nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
        self.backend = nn.Sequential(*convolution, nn.Flatten(), dense(64 * 4 * 4, 128, 10))

    def forward(self, x):
        features = self.encoder(x)
        return self.backend(features), self.decoder(self.bottleneck(features.flatten(1)))


def reconstruction(output, x, y):
    return F.mse_loss(output, y)


def classification(output, x, y):
    return F.cross_entropy(output, y)


def both(outputs, x, y):
    return classification(outputs[0], x, y) + reconstruction(outputs[1], x, x)


def step_of(network, loss_function):
    """Return what takes a step of Adam on a batch, and returns its loss."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step(*batch):
        optimizer.zero_grad()
        loss = loss_function(network(batch[0]), *batch)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def train(network, loss_function, tensors, epochs, batch_size):
    """Shuffle, slice, step; return the mean loss of the last epoch."""
    step = step_of(network, loss_function)
    for _ in range(epochs):
        batches = torch.randperm(len(tensors[0])).split(batch_size)
        total = sum(len(rows) * step(*(tensor[rows] for tensor in tensors)) for rows in batches)
    return total / len(tensors[0])


@torch.inference_mode()
def outputs(network, X):
    """Return what a network makes of rows, in chunks of 1024."""
    network.eval()
    return torch.cat([network(rows) for rows in torch.from_numpy(X).split(1024)]).numpy()
