"""Estimators that do by other means what those of this package do."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from torch.nn import functional as F

LR = 1e-3


@dataclass(eq=False, repr=False)
class Loop(BaseEstimator):
    """A network of plain torch and a loop as a textbook has it: shuffle, slice, step."""

    network: Callable
    epochs: int = 1
    batch_size: int = 256

    def fit(self, X, y):
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        self._start()
        for _ in range(self.epochs):
            batches = torch.randperm(len(X)).split(self.batch_size)
            total = sum(len(rows) * self._step(X[rows], y[rows]) for rows in batches)
        self.loss_curve_ = [total / len(X)]
        return self

    def partial_fit(self, X, y):
        if not hasattr(self, "network_"):
            self._start()
        self._step(torch.from_numpy(X), torch.from_numpy(y))

    def _start(self):
        self.network_ = self.network()
        self.optimizer_ = torch.optim.Adam(self.network_.parameters(), lr=LR)

    def _step(self, x, y):
        self.optimizer_.zero_grad()
        outputs = self.network_(x)
        output, *rebuilt = outputs if isinstance(outputs, tuple) else [outputs]
        loss = F.mse_loss(output, y) if y.ndim > 1 else F.cross_entropy(output, y)
        loss = loss + sum(F.mse_loss(one, x) for one in rebuilt)
        loss.backward()
        self.optimizer_.step()
        return loss.item()

    @torch.inference_mode()
    def predict(self, X):
        return torch.cat([self.network_(rows) for rows in torch.from_numpy(X).split(1024)]).numpy()


@dataclass(eq=False, repr=False)
class Keras(BaseEstimator):
    """Layers of Keras: stages of convolution, if any, and dense ones."""

    backend: str
    channels: tuple
    sizes: tuple
    epochs: int
    batch_size: int

    def fit(self, X, y):
        os.environ |= {"KERAS_BACKEND": self.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        from keras import Sequential, layers, losses, optimizers

        network = [layers.Reshape((*X.shape[1:], 1))] if self.channels else []
        for channels in self.channels:
            network.append(layers.Conv2D(channels, 3, padding="same", activation="relu"))
            network.append(layers.MaxPooling2D())
        *hidden, last = self.sizes
        dense = [layers.Dense(size, activation="relu") for size in hidden]
        self.model_ = Sequential([*network, layers.Flatten(), *dense, layers.Dense(last)])
        loss = "mse" if y.ndim > 1 else losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model_.compile(optimizers.Adam(LR), loss)
        history = self.model_.fit(X, y, self.batch_size, self.epochs, verbose=0).history
        self.loss_curve_ = history["loss"]
        return self

    def predict(self, X):
        return self.model_.predict(X, batch_size=1024, verbose=0)


@dataclass(eq=False, repr=False)
class InParts(BaseEstimator):
    """An estimator to which rows are passed in parts."""

    model: BaseEstimator
    n_rows: int = 20_000

    def fit(self, X, y):
        parts = [X[start : start + self.n_rows] for start in range(0, len(X), self.n_rows)]
        n_steps = sum(-(-len(part) // self.model.batch_size) for part in parts)
        model = clone(self.model)
        for part in parts:
            model.partial_fit(part, n_steps=n_steps)
        return model


@dataclass(eq=False, repr=False)
class Together(BaseEstimator):
    """Processes that torchrun starts, which fit together."""

    n_processes: int
    n_epochs: int

    def fit(self, X, y):
        script = str(Path(__file__).with_name("together.py"))
        options = ["--standalone", "--nproc-per-node", str(self.n_processes)]
        run = [sys.executable, "-m", "torch.distributed.run", *options, script, str(self.n_epochs)]
        subprocess.run(run, check=True)
        self.loss_curve_ = [np.nan]
        return self
