"""Peers in plain torch, as a tutorial writes them, behind the calls that the tables make."""

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn
from torch.nn import functional as F


def shuffled(n_rows, batch_size):
    """Yield the rows of each batch of an epoch."""
    yield from torch.randperm(n_rows).split(batch_size)


def scaled(X):
    """Return pixels from 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32) / 255)


@torch.inference_mode()
def in_chunks(network, X, size=1024):
    network.eval()
    return torch.cat([network(rows) for rows in X.split(size)]).numpy()


class ArticleCNN:
    """The source article's network: conv 32, pool, conv 64, pool, dense 128, by Adam.

    Takes images (n, h, w) of pixels from 0 to 255.
    """

    def __init__(self, epochs=10, batch_size=128, lr=1e-3, seed=0):
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.seed = seed

    def _build(self, height, width, n_classes):
        return nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * (height // 4) * (width // 4), 128),
            nn.ReLU(),
            nn.Linear(128, n_classes),
        )

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        images, targets = scaled(X)[:, None], torch.from_numpy(codes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network_ = self._build(*X.shape[1:], len(self.classes_))
            optimizer = torch.optim.Adam(self.network_.parameters(), lr=self.lr)
            for _ in range(self.epochs):
                for rows in shuffled(len(images), self.batch_size):
                    optimizer.zero_grad()
                    F.cross_entropy(self.network_(images[rows]), targets[rows]).backward()
                    optimizer.step()
        return self

    def predict(self, X):
        return self.classes_[in_chunks(self.network_, scaled(X)[:, None]).argmax(axis=1)]


class SkorchCNN:
    """The network of skorch's MNIST notebook, with its training, on all rows.

    Takes images (n, 28, 28) of pixels from 0 to 255.
    """

    def __init__(self, epochs=10, seed=0):
        self.epochs = epochs
        self.seed = seed

    def _build(self):
        return nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.Dropout2d(0.5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1600, 100),
            nn.Dropout(0.5),
            nn.ReLU(),
            nn.Linear(100, 10),
            nn.Softmax(dim=-1),
        )

    def fit(self, X, y):
        from skorch import NeuralNetClassifier

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.net_ = NeuralNetClassifier(
                self._build(),
                max_epochs=self.epochs,
                lr=0.002,
                optimizer=torch.optim.Adam,
                iterator_train__shuffle=True,
                train_split=None,
                verbose=0,
            )
            self.net_.fit(scaled(X)[:, None], y.astype(np.int64))
        return self

    def predict(self, X):
        with torch.random.fork_rng(devices=[]):
            return self.net_.predict(scaled(X)[:, None])


class DeepAutoencoder(BaseEstimator):
    """The deep autoencoder of Keras's blog: 784-128-64-32 and back, cross-entropy, Adam.

    Takes rows of numbers from 0 to 1.
    """

    def __init__(self, epochs=100, batch_size=256, lr=1e-3, seed=0):
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.seed = seed

    def _build(self, n_features):
        self.encoder_ = nn.Sequential(
            nn.Linear(n_features, 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, 32),
            nn.ReLU(),
        )
        self.decoder_ = nn.Sequential(
            nn.Linear(32, 64),
            nn.ReLU(),
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Linear(128, n_features),
            nn.Sigmoid(),
        )
        return nn.Sequential(self.encoder_, self.decoder_)

    def fit(self, X, y=None):
        images = torch.from_numpy(X)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self._build(X.shape[1])
            optimizer = torch.optim.Adam(network.parameters(), lr=self.lr)
            for _ in range(self.epochs):
                for rows in shuffled(len(images), self.batch_size):
                    optimizer.zero_grad()
                    F.binary_cross_entropy(network(images[rows]), images[rows]).backward()
                    optimizer.step()
        return self

    def transform(self, X):
        return in_chunks(self.encoder_, torch.from_numpy(X))

    def inverse_transform(self, codes):
        return in_chunks(self.decoder_, torch.from_numpy(codes))
