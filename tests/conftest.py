"""Small estimators and small data, the same in every file."""

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits
from torch.nn import functional as F

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)
from sk_aecnn.recipes import _training

SMALL = {"conv_channels": (4, 6), "max_epochs": 2, "lr": 3e-3, "random_state": 0}
SMALL_CODER = SMALL | {"encoding_dim": 3, "hidden_layer_sizes": (8,)}
# without augmentation, which differs between equal images
SMALL_BACKEND = {"backend_channels": (4,), "dense_units": 8, "augmentation": None}


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Results and times that do not depend on how busy the machine is, of torch and of BLAS."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def few_epochs(monkeypatch):
    """``max_epochs="auto"`` makes ten epochs, not 100 or 500 as of little data."""
    for name in ("auto_epochs", "auto_epochs_of_members", "auto_epochs_of_imputers"):
        monkeypatch.setattr(_training, name, lambda *args: 10)


def sums_alike(n_inputs, n_outputs):
    """Tell whether this machine multiplies sixteen rows just as it does among others."""
    stream = torch.Generator().manual_seed(0)
    rows = torch.randn(304, n_inputs, generator=stream)
    weight = torch.randn(n_outputs, n_inputs, generator=stream)
    expected = F.linear(rows, weight)
    blocks = (slice(start, start + n) for n in (16, 48, 128, 144) for start in (0, 304 - n))
    return all(F.linear(rows[block], weight).equal(expected[block]) for block in blocks)


@pytest.fixture(scope="session")
def assert_rows_alike(one_thread):
    """A comparison of rows alone with rows among others: to the last bit, where machines allow it.

    Some kernels take rows in blocks that are not part of sixteen, as those for AVX2 by Intel do.
    """
    exact = all(sums_alike(*sizes) for sizes in product((8, 12, 64, 300), (4, 8, 32)))
    rtol = 0 if exact else 1e-5

    def compare(actual, expected):
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * np.abs(expected).max())

    return compare


@pytest.fixture
def autoencoder():
    """A factory of small autoencoders."""
    return partial(AutoencoderTransformer, **SMALL_CODER)


@pytest.fixture
def classifier():
    """A factory of small classifiers."""
    return partial(AECNNClassifier, **SMALL_CODER, **SMALL_BACKEND)


@pytest.fixture
def regressor():
    """A factory of small regressors."""
    return partial(AECNNRegressor, **SMALL_CODER, **SMALL_BACKEND)


@pytest.fixture
def variational():
    """A factory of small variational autoencoders."""
    return partial(VariationalAutoencoderTransformer, **SMALL_CODER)


@pytest.fixture
def detector():
    """A factory of small outlier detectors, without noise: it differs between equal rows."""
    return partial(AutoencoderOutlierDetector, **SMALL_CODER, noise=None)


@pytest.fixture
def cnn_classifier():
    """A factory of small convolutional classifiers."""
    return partial(CNNClassifier, **SMALL, dense_units=8, augmentation=None)


@pytest.fixture
def cnn_regressor():
    """A factory of small convolutional regressors."""
    return partial(CNNRegressor, **SMALL, dense_units=8)


@pytest.fixture(params=["autoencoder", "classifier"])
def small(request):
    """A factory of each small estimator in turn; all take ``fit(X, y)``."""
    return request.getfixturevalue(request.param)


CODERS = ["autoencoder", "variational", "detector", "classifier", "regressor"]


@pytest.fixture(params=CODERS)
def coder(request):
    """A factory of each small estimator with an autoencoder inside."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["classifier", "regressor"])
def joint(request):
    """A factory of each small estimator that predicts from an autoencoder's features."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=[*CODERS, "cnn_classifier", "cnn_regressor"])
def every(request):
    """A factory of each of the seven small estimators; all take ``fit(X, y)``."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def targets(table):
    """One number for each row of `table`."""
    return table @ np.array([1.0, -2.0, 0.5, 0.0, 1.0]) + 10


@pytest.fixture
def table():
    """40 rows of 5 features around two centres."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 5)) + 3 * (np.arange(40) % 2)[:, None]


@pytest.fixture
def images():
    """40 grey images of 6 x 5 uint8 pixels, of two kinds."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 100, size=(40, 6, 5), dtype=np.uint8)
    images[1::2, :3] += 150
    return images


@pytest.fixture
def labels():
    """The classes of `table` and of `images`."""
    return np.arange(40) % 2
