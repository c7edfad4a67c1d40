"""One fit in several processes: this file is what they run, too."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    distributed,
)

# in double precision, rounding is all that may differ; and the last batch has fewer rows
TRAINING = {"batch_size": 16, "max_epochs": 3, "random_state": 0, "precision": "float64"}
IMAGES = {"sample_shape": (6, 6), "conv_channels": (4, 6), "augmentation": None} | TRAINING
BACKEND = {"backend_channels": (4,), "dense_units": 8, "dropout": 0.0}


def data(n_samples=53, n_features=36):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    return X, (X[:, 0] > 0).astype(int), rng.uniform(0.2, 2.0, n_samples)


def with_holes(X):
    holes = np.random.default_rng(1).random(X.shape) < 0.1
    return np.where(holes, np.nan, X)


def fit_dense(fit):
    X, _, weight = data()
    model = AutoencoderTransformer(4, encoder="dense", **TRAINING)
    return fit(model, with_holes(X), sample_weight=weight).transform(X)


def fit_images(fit):
    X, y, weight = data()
    model = AECNNClassifier(4, early_stopping=True, **IMAGES, **BACKEND)
    return fit(model, X, y, sample_weight=weight).predict_proba(X)


def fit_without_decoder(fit):
    X, y, _ = data()
    model = AECNNClassifier(4, reconstruction_weight=0, scoring="accuracy", **IMAGES, **BACKEND)
    return fit(model, X, y).predict_proba(X)


def fit_ensemble(fit):
    X, y, _ = data()
    model = AECNNRegressor(4, n_estimators=3, early_stopping="cv", dropout=0.0, **TRAINING)
    return fit(model, X, X[:, 0] + y).predict(X)


def fit_phases(fit):
    X, y, _ = data()
    model = AECNNClassifier(4, pretrain_epochs=1, freeze_encoder=True, **IMAGES, **BACKEND)
    return fit(model, X, y).predict_proba(X)


def fit_trimmed(fit):
    X, _, _ = data()
    model = AutoencoderOutlierDetector(2, contamination=0.2, noise=None, **TRAINING)
    return fit(model, X).score_samples(X)


def fit_pipeline(fit):
    X, y, _ = data()
    model = CNNClassifier(**IMAGES, dense_units=8, dropout=0.0)
    return fit(make_pipeline(StandardScaler(), model), X, y).predict_proba(X)


EXACT = {
    function.__name__: function
    for function in (
        fit_dense,
        fit_images,
        fit_without_decoder,
        fit_ensemble,
        fit_phases,
        fit_trimmed,
        fit_pipeline,
    )
}


def fit_random(fit):
    """Noise, dropout and unlabeled samples, whose draws differ from those of one process."""
    X, y, _ = data()
    y = np.where(np.arange(len(y)) < 20, y, -1)
    model = AECNNClassifier(4, unlabeled=-1, **(IMAGES | {"random_state": None}))
    return fit(model, X, y).predict_proba(X)


class EndOf(Callback):
    """Ends a process in the second epoch, as a machine that goes down would."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2 and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)


def lose_a_process(fit):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun would end the others before they tell
    X, y, _ = data()
    return fit(AECNNClassifier(4, callbacks=[EndOf()], **IMAGES, **BACKEND), X, y)


def pass_other_samples(fit):
    """Fit to samples of one's own, and return the error."""
    X, _, _ = data()
    own = slice(int(os.environ["RANK"]), None, 2)
    try:
        return fit(AutoencoderTransformer(4, **IMAGES), X[own])
    except ValueError as error:
        return str(error)


def run(names, folder):
    """Let torchrun start two processes that fit; return its exit code and their errors."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "error::UserWarning,error::FutureWarning:sk_aecnn",
    }
    command = [sys.executable, *torchrun, __file__, str(folder), *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    code, errors = run([*EXACT, "fit_random", "pass_other_samples"], folder)
    assert code == 0, errors
    return folder


def results(folder, name):
    return [pickle.loads((folder / f"{name}_{rank}").read_bytes()) for rank in (0, 1)]


@pytest.mark.parametrize("name", EXACT)
def test_two_processes_learn_what_one_does(folder, name):
    """Predictions and losses are those of a fit in one process, but for rounding."""
    first, second = results(folder, name)
    losses = []

    def fit(estimator, X, y=None, **fit_params):
        estimator.fit(X, y, **fit_params)
        losses.append(losses_of(estimator))
        return estimator

    expected = EXACT[name](fit)
    np.testing.assert_allclose(first["result"], expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(first["result"], second["result"])
    np.testing.assert_allclose(first["losses"], losses, rtol=1e-9)


def losses_of(estimator):
    return getattr(estimator, "loss_curve_", None) or estimator[-1].loss_curve_


def test_what_is_random_is_shared(folder):
    """With random layers and no seed of one's own, all processes still hold the same network."""
    first, second = results(folder, "fit_random")
    np.testing.assert_array_equal(first["result"], second["result"])
    assert first["losses"] == second["losses"]
    assert np.isfinite(first["losses"]).all()


def test_a_dead_process_ends_all(tmp_path):
    """When a process is killed, the others end with an error that says so."""
    code, errors = run(["lose_a_process"], tmp_path)
    assert code == 1
    assert "Signal 9 (SIGKILL)" in errors
    assert "ConnectionError: Another process of this fit has ended" in errors


def test_different_samples_are_refused(folder):
    """Processes that were given parts of the samples say so, instead of learning from a mixture."""
    for process in results(folder, "pass_other_samples"):
        assert "not given the same samples" in process["result"]
        assert "(27, 26) samples of (36, 36) features" in process["result"]


@pytest.mark.skipif("RANK" in os.environ, reason="the environment is that of a process group")
def test_a_lone_process_is_told_what_to_do():
    """Without torchrun the error says how to start."""
    with pytest.raises(RuntimeError, match=r"RANK, WORLD_SIZE.* missing.*torchrun"):
        distributed.fit(AutoencoderTransformer(2), np.zeros((4, 3)))
    assert not torch.distributed.is_initialized()


def main(folder, *names):
    """Fit in this process, together with others."""
    for name in names:
        losses = []

        def fit(estimator, X, y=None, losses=losses, **fit_params):
            distributed.fit(estimator, X, y, **fit_params)
            losses.append(losses_of(estimator))
            return estimator

        result = globals()[name](fit)
        told = pickle.dumps({"result": result, "losses": losses})
        Path(folder, f"{name}_{os.environ['RANK']}").write_bytes(told)


if __name__ == "__main__":
    main(*sys.argv[1:])
