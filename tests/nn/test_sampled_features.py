"""Training on sparse rows by some of their features at a time."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.datasets import make_classification

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier
from sk_aecnn.data._batches import RowDataset
from sk_aecnn.data._rows import SparseRows
from sk_aecnn.nn import SampledFeatures
from sk_aecnn.nn import _sampled_features as module
from sk_aecnn.training._held_out import Folds

N_FEATURES = 40


@pytest.fixture(autouse=True)
def few_features_are_many(monkeypatch):
    """Forty features are as many as a thousand."""
    monkeypatch.setattr(module, "_FEWEST_FEATURES", N_FEATURES)
    monkeypatch.setattr(module, "_FEWEST_DRAWN", 1)
    monkeypatch.setattr(module, "_DRAWN", 0.0)
    monkeypatch.setattr(module, "_MOST", 1.0)


@pytest.fixture
def table():
    """Sparse rows of small whole numbers, and two classes."""
    rng = np.random.default_rng(0)
    X = csr_array(rng.integers(1, 4, (60, N_FEATURES)) * rng.binomial(1, 0.1, (60, N_FEATURES)))
    return X.astype(float), (X[:, [0]].toarray()[:, 0] > 0).astype(int)


def few_rows(X):
    """Return some rows that lack eleven of the features, or more."""
    rows = torch.from_numpy(X[:6].toarray())
    rows[:, ::4] = 0
    rows[:, 1] = 1
    return rows


# more features than here have no bins
of_wide_tables = partial(AECNNClassifier, random_state=0, precision="float64", n_bins=None)
ESTIMATORS = {
    "members": of_wide_tables(n_estimators=2),
    "one network": of_wide_tables(max_epochs=2),
    "on the code": of_wide_tables(n_estimators=2, backend_input="code"),
    "one network on the code": of_wide_tables(max_epochs=2, backend_input="code"),
    "cross-entropy": of_wide_tables(max_epochs=2, reconstruction_loss="bce"),
    "members without a linear path": of_wide_tables(n_estimators=2, linear_path=False),
    "scales": of_wide_tables(max_epochs=2, early_stopping="cv"),
    "no linear path": AutoencoderTransformer(
        3, random_state=0, precision="float64", max_epochs=2, linear_path=False
    ),
    "transformer": AutoencoderTransformer(3, random_state=0, precision="float64", max_epochs=2),
}


def trained(name, table):
    """Return the net of a fitted estimator, in training again, and what samples its features."""
    X, y = table
    if name == "cross-entropy":
        X = (X > 0).astype(float)
    net = ESTIMATORS[name].fit(X, y).net_
    net.module_.train()
    for layer in net.module_.modules():
        if "Dropout" in type(layer).__name__:
            layer.eval()
    return net, SampledFeatures.of(net.module_, torch.Generator().manual_seed(0))


def loss_and_gradients(net, outputs):
    loss = net.criterion_.terms["reconstruction_loss"](outputs)
    return [loss, *gradients_of(net, loss)]


def gradients_of(net, loss):
    parameters = [each for each in net.module_.parameters() if each.requires_grad]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    zeros = map(torch.zeros_like, parameters)
    pairs = zip(gradients, zeros, strict=True)
    return [zero if one is None else one for one, zero in pairs]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_error_is_unbiased(name, table):
    """Its mean over all draws, and that of its gradients, are those of all features."""
    net, sampled = trained(name, table)
    rows = few_rows(table[0]).clamp(max=1)
    n_lacking = int((rows == 0).all(0).sum())
    found = {}
    while len(found) < n_lacking:  # one feature is drawn
        outputs = sampled.forward(rows)
        assert outputs["output"].shape[1] == N_FEATURES - n_lacking + 1
        drawn = loss_and_gradients(net, outputs)
        found[drawn[0].item()] = drawn
    expected = loss_and_gradients(net, net.module_(rows))
    for parts, whole in zip(zip(*found.values(), strict=True), expected, strict=True):
        torch.testing.assert_close(torch.stack(parts).mean(0), whole, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_codes_and_predictions_are_those_of_all_features(name, table):
    """Features that all rows lack add a constant to the first layers."""
    net, sampled = trained(name, table)
    rows = few_rows(table[0]).clamp(max=1)
    outputs, expected = sampled.forward(rows), net.module_(rows)
    for part in expected.keys() - {"output", "target"}:
        torch.testing.assert_close(outputs[part], expected[part], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["members", "scales"])
def test_gradients_of_predictions_are_those_of_all_features(name, table):
    """Those of scales as well, and of weights of features that no row has."""
    net, sampled = trained(name, table)
    rows = few_rows(table[0]).clamp(max=1)
    for number in net.module_.parameters():  # scales and linear models begin at zero
        number.data += 0.1 * torch.rand_like(number)
    both = [
        part["prediction"].square().sum() for part in (sampled.forward(rows), net.module_(rows))
    ]
    some, whole = (gradients_of(net, loss) for loss in both)
    layer = net.module_.encoder.residual.encoders.body[0]
    assert (layer.scale is not None) == (name == "scales")
    for part, expected in zip(some, whole, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("members", [(), (3,)], ids=["one", "members"])
@pytest.mark.parametrize("of_all", [True, False], ids=["one row", "a row for each"])
def test_parted_inputs_have_the_gradients_of_their_formula(members, of_all):
    """Of weights, and of the row."""
    generator = torch.Generator().manual_seed(0)
    features = torch.tensor([4, 1])
    weight = torch.randn(*members, 2, 6, dtype=torch.float64, generator=generator)
    row = torch.randn(*(() if of_all else members), 6, dtype=torch.float64, generator=generator)
    row = row.index_fill(-1, features, 0)
    chosen, total = module._PartedInputs.apply(weight, row, features)
    assert chosen.equal(weight[..., features])
    torch.testing.assert_close(total, torch.einsum("...oi,...i->...o", weight, row))
    inputs = weight.requires_grad_(), row.requires_grad_(not of_all), features
    assert torch.autograd.gradcheck(module._PartedInputs.apply, inputs)


@pytest.mark.parametrize("name", ["members", "members without a linear path", "scales"])
def test_rows_that_are_held_out_are_predicted_alike(name, table):
    """Without being made dense."""
    net, sampled = trained(name, table)
    for number in net.module_.parameters():  # scales and linear models begin at zero
        number.data += 0.1 * torch.rand_like(number)
    net.module_.eval()
    n_members = net.module_.backend.n_members
    index = torch.arange(3 * n_members).reshape(n_members, 3)
    expected = net.module_.predict_separately(torch.from_numpy(table[0].toarray()[index]))
    actual = sampled.predict_separately(SparseRows(table[0]), index)
    assert expected.std(1).min() > 1e-3
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("offset", [0, 10**9])
def test_held_out_rows_far_from_zero_lose_no_digits(offset, table):
    """In single precision, in which products of a sparse matrix would."""
    X = csr_array(table[0].toarray() + offset * (np.arange(N_FEATURES) == 3))
    net = AECNNClassifier(n_estimators=2, n_bins=None, max_epochs=2, random_state=0)
    net = net.fit(X, table[1]).net_
    net.module_.eval()
    folds = Folds(RowDataset(SparseRows(X)), [torch.arange(20), torch.arange(20, 60)])
    expected = folds.predict(net)
    net.sampled = SampledFeatures.of(net.module_, torch.Generator())
    actual = folds.predict(net)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def test_rows_that_have_most_features_are_taken_whole(table, monkeypatch):
    """Nothing would be saved."""
    _, sampled = trained("transformer", table)
    monkeypatch.setattr(module, "_MOST", 0.5)
    rows = few_rows(table[0])
    rows[0, :20] = 1
    assert "feature_weight" not in sampled.forward(rows)
    rows[:, 5:] = 0
    assert "feature_weight" in sampled.forward(rows)


@pytest.mark.parametrize(
    "estimator",
    [
        AutoencoderTransformer(3, max_epochs=1, noise="gaussian", noise_level=0.1),
        AutoencoderTransformer(3, max_epochs=1, hidden_layer_sizes=()),
        AutoencoderTransformer(
            3, max_epochs=1, encoder=lambda shape, size: torch.nn.Linear(*shape, size)
        ),
        CNNClassifier(max_epochs=1),
    ],
    ids=["noise", "no hidden layer", "custom encoder", "no autoencoder"],
)
def test_other_networks_see_all_features(estimator, table):
    """Where something else than a layer depends on the features."""
    X, y = table
    net = estimator.set_params(random_state=0).fit(X, y).net_
    assert SampledFeatures.of(net.module_, torch.Generator()) is None


@pytest.mark.parametrize("warm", [False, True], ids=["fit", "partial_fit"])
def test_a_fit_learns_as_from_all_features(warm, monkeypatch):
    """A sparse table is told apart and reconstructed about as well as a dense one."""
    X, y = make_classification(600, N_FEATURES, n_informative=8, random_state=0)
    X[np.abs(X) < 1.2] = 0
    monkeypatch.setattr(module, "_FEWEST_DRAWN", 4)
    calls = []
    draw = SampledFeatures.forward
    monkeypatch.setattr(
        SampledFeatures, "forward", lambda *args, **kw: calls.append(0) or draw(*args, **kw)
    )
    scores = []
    for table in (csr_array(X), X):
        model = AECNNClassifier(random_state=0, batch_size=8, max_epochs=5, n_bins=None)
        train = model.partial_fit if warm else model.fit
        train(table[:400], y[:400], **({"classes": [0, 1]} if warm else {}))
        scores.append([model.score(table[400:], y[400:]), model.reconstruction_error(X).mean()])
        assert model.net_.sampled is None
    assert calls
    np.testing.assert_allclose(*scores, rtol=0.1)
