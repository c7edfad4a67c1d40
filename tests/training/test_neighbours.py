"""The classes of similar training samples, in predictions of tables."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.metrics import log_loss

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier

FAST = {"random_state": 0, "dense_units": 16}


@pytest.fixture(scope="module")
def repeated():
    """400 samples, and others, of 300 distinct ones whose classes nothing but memory tells."""
    generator = np.random.default_rng(0)
    distinct, classes = generator.normal(size=(300, 4)), generator.integers(3, size=300)
    index, new = generator.integers(300, size=(2, 400))
    return distinct[index], classes[index], distinct[new], classes[new]


@pytest.fixture(scope="module")
def noise():
    """Samples that tell nothing of their classes."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(400, 4)), generator.integers(2, size=400)


@pytest.fixture(scope="module", params=[AECNNClassifier, CNNClassifier])
def recalling(request, repeated):
    return request.param(**FAST).fit(*repeated[:2])


def neighbours_of(model):
    return model.net_.module_.neighbours


def test_samples_that_occur_again_are_recalled(recalling, repeated):
    """Networks alone, which are stopped before they know single samples by heart, do not."""
    *training, X, y = repeated
    alone = clone(recalling).set_params(neighbors=False).fit(*training)
    assert neighbours_of(alone) is None
    assert recalling.score(X, y) > alone.score(X, y)
    assert log_loss(y, recalling.predict_proba(X)) < log_loss(y, alone.predict_proba(X)) / 1.5


def test_samples_far_from_all_others_are_predicted_by_the_networks(recalling, repeated):
    alone = clone(recalling).set_params(neighbors=False).fit(*repeated[:2])
    far = repeated[2] + 9
    assert_allclose(recalling.predict_proba(far), alone.predict_proba(far), atol=1e-6)


def test_neighbours_have_to_serve(noise):
    assert neighbours_of(AECNNClassifier(**FAST).fit(*noise)) is None


@pytest.mark.parametrize("dataset", ["equal", "linear"])
def test_other_data_without_neighbours(dataset, noise):
    """Equal samples have no distances, and of a linear function networks know all there is."""
    X = np.zeros_like(noise[0]) if dataset == "equal" else noise[0]
    model = AECNNClassifier(**FAST).fit(X, noise[1] if dataset == "equal" else X[:, 0] > 0)
    assert neighbours_of(model) is None


@pytest.mark.parametrize(
    "params", [{"early_stopping": False}, {"early_stopping": True}, {"max_epochs": 5}]
)
def test_without_held_out_samples_of_members_there_are_no_neighbours(repeated, params):
    assert neighbours_of(AECNNClassifier(**FAST | params).fit(*repeated[:2])) is None


def test_few_or_sparse_samples_and_numbers_have_no_neighbours(repeated):
    X, y, *_ = repeated
    few = AECNNClassifier(**FAST).fit(X[:199], y[:199])
    sparse = AECNNClassifier(**FAST).fit(csr_matrix(X), y)
    assert neighbours_of(few) is None is neighbours_of(sparse)
    assert neighbours_of(AECNNRegressor(**FAST).fit(X, y)) is None


@pytest.mark.parametrize("continues", ["partial_fit", "warm_start"])
def test_a_network_that_learns_further_leaves_its_neighbours(recalling, repeated, continues):
    X, y, *_ = repeated
    model = pickle.loads(pickle.dumps(recalling))
    if continues == "partial_fit":
        model.partial_fit(X, y)
    else:
        model.set_params(warm_start=True).fit(X, y)
    assert neighbours_of(model) is None
    assert neighbours_of(recalling) is not None


def test_copies_and_modules_predict_the_same(recalling, repeated):
    X = repeated[2]
    expected = recalling.predict_proba(X)
    assert_array_equal(pickle.loads(pickle.dumps(recalling)).predict_proba(X), expected)
    with torch.no_grad():
        exported = recalling.to_torch("predict_proba")(torch.from_numpy(X))
    assert_allclose(exported.numpy(), expected, atol=1e-6)


def test_a_sample_alone_is_predicted_as_among_others(recalling, repeated):
    X = repeated[2][:20]
    alone = np.concatenate([recalling.predict_proba(x[None]) for x in X])
    assert_array_equal(alone, recalling.predict_proba(X))


def test_samples_of_weight_zero_are_nobodys_neighbours(repeated):
    X, y, *_ = repeated
    generator = np.random.default_rng(1)
    more = np.concatenate([X, generator.normal(size=(50, 4))])
    labels = np.concatenate([y, generator.integers(3, size=50)])
    weighted = AECNNClassifier(**FAST).fit(more, labels, np.arange(450) < 400)
    plain = AECNNClassifier(**FAST).fit(X, y, np.ones(400))
    assert_array_equal(weighted.predict_proba(more), plain.predict_proba(more))
    assert len(neighbours_of(weighted).rows) == 400


def test_neighbours_count_as_much_as_they_weigh(repeated):
    X, y, *_ = repeated
    weight = np.where(y == 1, 3.0, 1.0)
    counted = neighbours_of(AECNNClassifier(**FAST).fit(X, y, weight)).classes.sum(0)
    assert_allclose(counted / counted.sum(), np.bincount(y, weight) / weight.sum(), rtol=1e-5)


def test_frames_with_text_and_missing_values(repeated):
    pd = pytest.importorskip("pandas")
    X, y, new, classes = repeated
    frame, other = (
        pd.DataFrame(x, columns=list("abcd")).assign(
            e=lambda table: np.where(table.a > 0, "high", "low"),
            b=lambda table: table.b.where(table.b < 1),
        )
        for x in (X, new)
    )
    model = AECNNClassifier(**FAST).fit(frame, y)
    assert neighbours_of(model) is not None
    assert model.score(other, classes) > 0.75


def test_importances_of_features_are_finite(recalling, repeated):
    """At a training sample itself, where the distance has no slope."""
    maps = recalling.to_torch("predict_proba")
    X = torch.from_numpy(repeated[0][:5].astype(np.float32)).requires_grad_()
    maps(X)[:, 0].sum().backward()
    assert X.grad.isfinite().all()
