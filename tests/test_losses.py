"""What the networks are trained to make small."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sk_aecnn.losses import (
    RECONSTRUCTION_LOSSES,
    JointObjective,
    ReconstructionLoss,
    ReconstructionObjective,
    constant_error,
)


@pytest.fixture
def pair():
    """Outputs and targets, the latter in [0, 1]."""
    stream = torch.Generator().manual_seed(0)
    return torch.randn(6, 3, 2, generator=stream), torch.rand(6, 3, 2, generator=stream)


@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_weights_of_one_change_nothing(pair, name):
    """A loss with equal weights is the loss without."""
    loss = ReconstructionLoss(name, 2.0)
    torch.testing.assert_close(loss(*pair, torch.ones(6)), loss(*pair))


@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_a_weight_is_a_number_of_rows(pair, name):
    """Weights of mean one weigh rows as often as they say."""
    output, target = pair
    times = torch.tensor([2, 1, 0, 1, 2, 0])
    weighted = ReconstructionLoss(name)(output, target, times.float())
    repeated = ReconstructionLoss(name)(
        output.repeat_interleave(times, 0), target.repeat_interleave(times, 0)
    )
    torch.testing.assert_close(weighted, repeated)


@pytest.mark.parametrize(
    ("name", "loss"), [("mse", nn.MSELoss), ("mae", nn.L1Loss), ("huber", nn.HuberLoss)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_class_and_a_function_are_as_good_as_a_name(pair, name, loss, weighted):
    """A loss by name, by class and by function is the same loss."""
    weight = torch.arange(6) / 2.5 if weighted else None
    expected = ReconstructionLoss(name)(*pair, weight)
    torch.testing.assert_close(ReconstructionLoss(loss)(*pair, weight), expected)
    function = loss(reduction="none")
    torch.testing.assert_close(ReconstructionLoss(function)(*pair, weight), expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_error_of_the_mean_is_the_variance(weighted):
    """For squared errors the baseline is the weighted variance over all features."""
    rows = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.arange(50.0, dtype=torch.float64) if weighted else torch.ones(50).double()
    share = (weight / weight.sum())[:, None]
    mean = (share * rows).sum(0)
    expected = (share * (rows - mean).square()).sum(0).mean()
    error = constant_error("mse", mean, rows, None, weight if weighted else None)
    assert error == pytest.approx(float(expected))


def test_the_baseline_of_bce_is_the_entropy_of_the_mean():
    """A constant probability costs its binary entropy; 0 and 1 cost next to nothing."""
    rows = torch.tensor([[0.0, 0, 1], [1, 0, 1]])
    error = constant_error("bce", rows.mean(0).double(), rows, None)
    assert error == pytest.approx(float(torch.tensor(2.0).log()) / 3, rel=1e-5)


def test_the_mean_has_a_loss_of_one():
    """Predicting the training mean costs exactly one, whatever the loss."""
    rows = torch.randn(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean = rows.mean(0)
    for name in ("mse", "mae", "huber"):
        loss = ReconstructionLoss(name, constant_error(name, mean, rows, None))
        assert float(loss(mean.expand_as(rows), rows)) == pytest.approx(1)


def test_the_joint_loss_is_the_sum_of_its_parts(pair):
    """J = cross-entropy + weight x R, and the parts are reported apart."""
    logits, y = torch.tensor([[2.0, 0], [0, 1]] * 3), torch.tensor([0, 1, 1, 0, 0, 1])
    losses = JointObjective(ReconstructionLoss("mse"), 0.3)((logits, *pair), y)
    torch.testing.assert_close(losses["classification_loss"], F.cross_entropy(logits, y))
    torch.testing.assert_close(losses["reconstruction_loss"], F.mse_loss(*pair))
    total = losses["classification_loss"] + 0.3 * losses["reconstruction_loss"]
    torch.testing.assert_close(losses["loss"], total)


def test_weights_count_in_both_losses(pair):
    """Row weights repeat rows in the cross-entropy and in the reconstruction."""
    logits, y = torch.tensor([[2.0, 0], [0, 1]] * 3), torch.tensor([0, 1, 1, 0, 0, 1])
    times = torch.tensor([2, 1, 0, 1, 2, 0])
    objective = JointObjective(ReconstructionLoss("mae"), 2.0)
    weighted = objective((logits, *pair), y, times.float())
    rows = [part.repeat_interleave(times, 0) for part in (logits, *pair, y)]
    repeated = objective(tuple(rows[:3]), rows[3])
    for name in repeated:
        torch.testing.assert_close(weighted[name], repeated[name])


def test_without_a_reconstruction_the_loss_is_the_cross_entropy():
    """A network that reconstructs nothing reports no reconstruction loss."""
    losses = JointObjective(ReconstructionLoss("mse"), 0)(
        (torch.zeros(2, 2),), torch.tensor([0, 1])
    )
    assert sorted(losses) == ["classification_loss", "loss"]


def test_an_autoencoder_has_one_loss(pair):
    """The objective of the autoencoder is its reconstruction loss."""
    losses = ReconstructionObjective(ReconstructionLoss("mse"))(pair, None)
    assert list(losses) == ["loss"]
    torch.testing.assert_close(losses["loss"], F.mse_loss(*pair))
