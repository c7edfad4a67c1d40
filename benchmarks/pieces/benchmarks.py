"""The pieces that the time of a fit and of a prediction is made of."""

import numpy as np
import torch

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier
from sk_aecnn.data._rows import BatchIterator, RowDataset
from sk_aecnn.nn import column_moments
from sk_aecnn.training._optimizers import Adam

SMALL = {"max_epochs": 1, "random_state": 0, "device": "cpu"}


def rows(n_rows, n_features=64):
    return np.random.default_rng(0).normal(size=(n_rows, n_features)).astype(np.float32)


class Fit:
    """Whole fits of one epoch."""

    params = ("autoencoder", "classifier", "images", "images, bfloat16")
    param_names = ("what",)

    def setup(self, what):
        X, images = rows(2560), rows(256, 784).reshape(-1, 28, 28)
        y = np.arange(2560) % 4
        self.fit = {
            "autoencoder": lambda: AutoencoderTransformer(8, **SMALL).fit(X),
            "classifier": lambda: AECNNClassifier(8, **SMALL).fit(X, y),
            "images": lambda: CNNClassifier(**SMALL).fit(images, y[:256]),
            "images, bfloat16": lambda: CNNClassifier(precision="bfloat16", **SMALL).fit(
                images, y[:256]
            ),
        }[what]

    def time_fit(self, what):
        self.fit()

    def peakmem_fit(self, what):
        self.fit()


class Infer:
    """Encoding, of many rows and of one."""

    params = (1, 10_000)
    param_names = ("n_rows",)

    def setup(self, n_rows):
        self.X = rows(n_rows)
        self.ae = AutoencoderTransformer(8, **SMALL).fit(rows(500))

    def time_transform(self, n_rows):
        self.ae.transform(self.X)


class Loop:
    """What a step does beside the network."""

    def setup(self):
        self.rows = torch.from_numpy(rows(25_600))
        generator = torch.Generator().manual_seed(0)
        self.batches = BatchIterator(RowDataset(self.rows), 256, generator)
        self.parameters = [torch.zeros(64, 64, requires_grad=True) for _ in range(12)]
        for parameter in self.parameters:
            parameter.grad = torch.ones_like(parameter)
        self.optimizer = Adam(self.parameters)

    def time_batches(self):
        for _ in self.batches:
            pass

    def time_optimizer_step(self):
        self.optimizer.step()

    def time_moments(self):
        column_moments(self.rows)
