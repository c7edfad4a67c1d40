"""Members of an ensemble: encoders with one code, back ends with linear models beside them."""

import pytest
import torch
from torch import nn

from sk_aecnn.nn import (
    BackendMembers,
    DenseEncoder,
    EncoderMembers,
    LinearMembers,
    MeanPrediction,
    MeanProbability,
)
from sk_aecnn.nn._prediction import of_members


@pytest.fixture
def encoders():
    return [DenseEncoder(6, (4,), 2).eval() for _ in range(3)]


@pytest.fixture
def rows():
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


def test_the_code_is_the_mean_of_the_members(encoders, rows):
    """Each member contributes its own code."""
    expected = torch.stack([encoder(rows) for encoder in encoders]).mean(0)
    torch.testing.assert_close(EncoderMembers(nn.Identity(), 6, encoders).eval()(rows), expected)


def test_a_back_end_sees_the_features_of_its_encoder(encoders, rows):
    """Another member's features change nothing."""
    backends = [nn.Linear(4, 2) for _ in range(3)]
    members = BackendMembers(nn.Identity(), backends)
    features = EncoderMembers(nn.Identity(), 6, encoders).eval().features(rows)
    before = members(features)
    for member in range(3):
        torch.testing.assert_close(
            before[:, member], backends[member](encoders[member].features(rows))
        )
    features.own[0] += 1
    after = members(features)
    assert not after[:, 0].equal(before[:, 0])
    assert after[:, 1:].equal(before[:, 1:])


def test_linear_models_are_added(rows):
    """With back ends that say nothing, the prediction is that of the linear models."""
    backends = [nn.Linear(6, 2) for _ in range(3)]
    for backend in backends:
        nn.init.zeros_(backend.weight)
        nn.init.zeros_(backend.bias)
    linear = LinearMembers([nn.Linear(6, 2) for _ in range(3)])
    members = BackendMembers(nn.Identity(), backends, linear)
    coefficients, intercepts = torch.randn(3, 2, 6), torch.randn(3, 2)
    members.start_from(coefficients, intercepts)
    expected = torch.einsum("bf,mof->bmo", rows, coefficients) + intercepts
    torch.testing.assert_close(members(rows), expected)


def test_members_predict_rows_of_their_own(encoders, rows):
    """For each of them, what it says of its rows among the predictions of all for all rows."""
    encoders = EncoderMembers(nn.Identity(), 6, encoders).eval()
    linear = LinearMembers([nn.Linear(6, 2) for _ in range(3)])
    backends = [nn.Linear(4, 2) for _ in range(3)]
    members = BackendMembers(nn.Identity(), backends, linear).eval()
    own = torch.stack([rows, rows.flip(0), rows + 1])
    predicted = members.predict_separately(encoders.separate_features(own))
    for member in range(3):
        of_all = members(encoders.features(own[member]))
        torch.testing.assert_close(predicted[member], of_all[:, member])


def test_probabilities_are_averaged():
    """The mean is of probabilities, not of logits; the temperature comes before it."""
    logits = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))
    expected = (2 * logits).softmax(2).mean(1)
    torch.testing.assert_close(MeanProbability(2.0)(logits).exp(), expected)


def test_mean_probabilities_of_double_precision_sum_to_one():
    """No constant is of single precision, whatever the number of members."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3, 4, dtype=torch.float64, generator=generator)
    total = MeanProbability(1.5).double()(logits).exp().sum(1)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-14)


def test_a_member_learns_nothing_from_its_own_fold():
    """What rows weigh in the loss of a member is zero for those held out, and sums up alike."""
    fold = torch.arange(12) % 4
    weight = of_members(torch.zeros(12, 4, 1), MeanPrediction(), fold)["member_weight"]
    assert (weight[torch.arange(12), fold] == 0).all()
    torch.testing.assert_close(weight.sum(0), torch.full((4,), 12.0))
