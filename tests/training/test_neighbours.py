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
from sk_aecnn.training import _neighbours
from sk_aecnn.training._neighbours import HeldOut, choose_kernel

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
    assert (alone.n_samples_fit_, recalling.n_samples_fit_) == (0, 400)
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
    net = model.net_
    if continues == "partial_fit":
        model.partial_fit(X, y)
    else:
        model.set_params(warm_start=True).fit(X, y)
    assert neighbours_of(model) is None
    assert net.module_.neighbours is not None


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


@pytest.mark.parametrize("name", ["_MOST_ROWS", "_MOST_VALUES"])
def test_there_are_none_of_many_rows_or_values(repeated, monkeypatch, name):
    most = {"_MOST_ROWS": 400, "_MOST_VALUES": 1_600}[name]
    monkeypatch.setattr(_neighbours, name, most)
    assert neighbours_of(AECNNClassifier(**FAST).fit(*repeated[:2])) is not None
    monkeypatch.setattr(_neighbours, name, most - 1)
    assert neighbours_of(AECNNClassifier(**FAST).fit(*repeated[:2])) is None


@pytest.fixture
def compared(repeated, monkeypatch):
    """What neighbours are chosen by, of a model, and its validation scores."""
    seen = []
    monkeypatch.setattr(_neighbours, "choose_kernel", lambda *given: seen.append(given))
    model = AECNNClassifier(**FAST).fit(*repeated[:2])
    return *seen[0], model.validation_scores_


def test_rows_are_predicted_as_in_training(compared):
    """By members that have not seen them, at the temperature that is kept with the weights."""
    held_out, _, scores = compared
    losses = -held_out.probability[np.arange(400), held_out.y].log()
    assert np.isclose(scores, -float(losses @ held_out.share), rtol=1e-4).any()


def test_fewer_rows_are_compared_of_many(repeated, monkeypatch):
    seen = []
    monkeypatch.setattr(_neighbours, "choose_kernel", lambda *given: seen.append(given))
    monkeypatch.setattr(_neighbours, "_MOST_PAIRS", 400 * 50)
    AECNNClassifier(**FAST).fit(*repeated[:2])
    assert seen[0][0].distance.shape == (50, 400)
    assert float(seen[0][0].share.sum()) == pytest.approx(1)


def held_out_rows(right):
    """100 rows in two places, the class of which is that of the place where they are right.

    Members predict both classes alike.
    """
    place = torch.arange(100) % 2
    y = torch.where(torch.from_numpy(right), place, 1 - place)
    distance = (place[:, None] - place).abs() + torch.diag(torch.full((100,), torch.inf))
    predicted = torch.full((100, 2), 0.5).double()
    share = torch.full((100,), 0.01).double()
    return HeldOut(distance, predicted, y, share), torch.eye(2)[y]


@pytest.mark.parametrize(("n_right", "help_"), [(50, False), (54, False), (80, True)])
def test_neighbours_help_clearly_or_not_at_all(n_right, help_):
    """54 of 100 are more than half by chance alone."""
    right = np.random.default_rng(0).permutation(100) < n_right
    assert (choose_kernel(*held_out_rows(right)) is not None) == help_


@pytest.mark.parametrize("name", ["_ERRORS", "_BETTER"])
def test_neighbours_help_by_errors_and_by_a_share(name, monkeypatch):
    """Either bound alone keeps out what the other lets in."""
    right = np.random.default_rng(0).permutation(100) < 75
    given = held_out_rows(right)
    assert choose_kernel(*given) is not None
    monkeypatch.setattr(_neighbours, name, {"_ERRORS": 50.0, "_BETTER": 0.9}[name])
    assert choose_kernel(*given) is None


def test_rows_count_as_much_as_they_weigh():
    """Where neighbours mislead, they help if these rows weigh next to nothing."""
    right = np.arange(100) < 50
    held_out, classes = held_out_rows(right)
    assert choose_kernel(held_out, classes) is None
    weight = torch.where(torch.from_numpy(right), 1.0, 1e-6)
    weighted = held_out._replace(share=(weight / weight.sum()).double())
    assert choose_kernel(weighted, classes * weight[:, None]) is not None


def test_a_far_row_does_not_set_the_reach():
    """Nor do rows at the same place, which all others have here."""
    held_out, classes = held_out_rows(np.ones(100, dtype=bool))
    found = choose_kernel(held_out, classes)
    far = held_out.distance.clone()
    far[0, 1:] = far[1:, 0] = 1e6
    assert found[0] == choose_kernel(held_out._replace(distance=far), classes)[0]
