"""Searches on a cluster of Dask and on loky, and Dask arrays by blocks."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline

from sk_aecnn import AECNNClassifier, AutoencoderTransformer

pytest.importorskip("distributed")

GRID = {"autoencodertransformer__encoding_dim": [1, 2, 3]}


def data(n_samples=120):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 3)) @ rng.normal(size=(3, 8))
    return X.astype(np.float32), np.where(X[:, 0] > 0, "yes", "no")


def search(kind=GridSearchCV, **parameters):
    coder = AutoencoderTransformer(max_epochs=2, batch_size=32, random_state=0)
    chosen = {"cv": 2, "error_score": "raise"} | parameters
    return kind(make_pipeline(coder, LogisticRegression()), GRID, **chosen)


def scores(fitted):
    return fitted.cv_results_["mean_test_score"]


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes, and a client that joblib finds."""
    from distributed import Client, LocalCluster

    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(processes=True, **settings) as cluster, Client(cluster) as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "parameters"), [(GridSearchCV, {}), (HalvingGridSearchCV, {"random_state": 0})]
)
def test_a_search_on_a_cluster_has_the_scores_of_one_process(cluster, kind, parameters):
    """What workers of Dask compute is to the last bit what this process computes."""
    expected = search(kind, **parameters).fit(*data())
    with parallel_config("dask"):
        spread = search(kind, **parameters).fit(*data())
    np.testing.assert_array_equal(scores(spread), scores(expected))
    assert spread.best_params_ == expected.best_params_


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(cluster, tmp_path):
    """What a worker was at is done by another one."""
    flag = str(tmp_path / "killed")

    def killing_score(estimator, X, y):
        if not Path(flag).exists():
            Path(flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return estimator.score(X, y)

    expected = search().fit(*data())
    with parallel_config("dask"):
        spread = search(scoring=killing_score).fit(*data())
    assert Path(flag).exists()
    np.testing.assert_array_equal(scores(spread), scores(expected))


@pytest.mark.slow
def test_a_search_on_loky_has_the_scores_of_one_process():
    """The same on processes of joblib's own."""
    expected = search().fit(*data())
    with parallel_config("loky", n_jobs=2):
        spread = search().fit(*data())
    np.testing.assert_array_equal(scores(spread), scores(expected))


def test_results_of_a_dask_array_come_block_by_block():
    """``map_blocks`` applies a fitted estimator to each block of rows, when it is asked for."""
    import dask.array as da

    X, y = data()
    model = AECNNClassifier(3, max_epochs=2, n_estimators=1, random_state=0).fit(X, y)
    blocks = da.from_array(X, chunks=(50, 8))
    codes = blocks.map_blocks(model.transform, dtype=np.float32, chunks=(blocks.chunks[0], (3,)))
    labels = blocks.map_blocks(model.predict, dtype=y.dtype, drop_axis=1)
    assert codes.shape == (120, 3)
    assert labels.chunks == ((50, 50, 20),)
    np.testing.assert_array_equal(codes.compute(), model.transform(X))
    np.testing.assert_array_equal(labels.compute(), model.predict(X))


def test_blocks_of_a_dask_array_are_a_stream():
    """``partial_fit`` learns from one block after the other."""
    import dask.array as da

    X, _ = data()
    model = AutoencoderTransformer(3, batch_size=10, random_state=0)
    blocks = da.from_array(X, chunks=(40, 8)).blocks
    for _ in range(5):
        for block in blocks:
            model.partial_fit(block.compute(), n_steps=60)
    assert model.n_iter_ == 15
    assert model.score(X) > 0.9
