"""Fit pictures in all processes that torchrun starts, for as many epochs as the argument says."""

import sys

import numpy as np

from sk_aecnn import AECNNClassifier, distributed

X = np.random.default_rng(0).normal(size=(2_048, 32, 32, 3)).astype(np.float32)
training = {"max_epochs": int(sys.argv[1]), "batch_size": 256, "augmentation": None}
distributed.fit(AECNNClassifier(32, **training, random_state=0), X, np.arange(2_048) % 10)
