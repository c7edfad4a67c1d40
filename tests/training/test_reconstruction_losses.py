"""The losses of reconstructions, and their baselines."""

import math

import pytest
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.distributions import Bernoulli, Normal
from torch.nn import functional as F

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.training._reconstruction_losses import (
    RECONSTRUCTION_LOSSES,
    LikelihoodLoss,
    ReconstructionLoss,
    constant_error,
)


@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_weights_of_one_change_nothing(pair, name):
    """A loss with equal weights is the loss without."""
    loss = ReconstructionLoss(name, 2.0)
    torch.testing.assert_close(loss(pair, None, torch.ones(6)), loss(pair))


def test_trimming_leaves_the_largest_errors_out(pair):
    """The loss is the mean over the rows with the least errors, and so are its gradients."""
    pair["output"].requires_grad_(True)
    errors = F.mse_loss(pair["output"], pair["target"], reduction="none").flatten(1).mean(1)
    loss = ReconstructionLoss("mse", trimmed=0.5)(pair)
    torch.testing.assert_close(loss, errors.sort()[0][:3].mean())
    loss.backward()
    worst = errors.argsort()[3:]
    assert (pair["output"].grad[worst] == 0).all()


def test_a_single_row_is_not_trimmed():
    """However much is trimmed, a batch of one row has the row's error."""
    pair = {"output": torch.zeros(1, 2), "target": torch.ones(1, 2)}
    torch.testing.assert_close(ReconstructionLoss("mse", trimmed=0.9)(pair), torch.tensor(1.0))


@pytest.mark.parametrize("trimmed", [0.0, 0.3])
@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_a_weight_is_a_number_of_rows(pair, name, trimmed, times, repeat):
    """Weights of mean one weigh rows as often as they say."""
    loss = ReconstructionLoss(name, trimmed=trimmed)
    repeated = {part: repeat(values) for part, values in pair.items()}
    torch.testing.assert_close(loss(pair, None, times.float()), loss(repeated))


@pytest.mark.parametrize(
    ("name", "loss"), [("mse", nn.MSELoss), ("mae", nn.L1Loss), ("huber", nn.HuberLoss)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_class_and_a_function_are_as_good_as_a_name(pair, name, loss, weighted):
    """A loss by name, by class and by function is the same loss."""
    weight = torch.arange(6) / 2.5 if weighted else None
    expected = ReconstructionLoss(name)(pair, None, weight)
    torch.testing.assert_close(ReconstructionLoss(loss)(pair, None, weight), expected)
    function = loss(reduction="none")
    torch.testing.assert_close(ReconstructionLoss(function)(pair, None, weight), expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_reduced_loss_is_refused(pair, weighted):
    """A function that averages by itself is named, with the shape that it must return."""
    loss = ReconstructionLoss(F.mse_loss)
    with pytest.raises(ValueError, match=r"shape \(\) for inputs of shape \(6, 3, 2\)"):
        loss(pair, None, torch.ones(6) if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_error_of_the_mean_is_the_variance(stream, weighted):
    """For squared errors the baseline is the weighted variance over all features."""
    rows = torch.randn(50, 4, generator=stream, dtype=torch.float64)
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
    assert error == pytest.approx(math.log(2) / 3, rel=1e-5)


@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_the_baseline_of_sparse_rows_is_that_of_dense_ones(stream, name):
    """The error of the mean is the same whether zeros are stored or not."""
    rows = torch.rand(30, 4, generator=stream).double()
    rows[::2, 1:] = 0
    weight = torch.arange(30.0)
    sparse = SparseRows(csr_array(rows.numpy()))
    errors = [constant_error(name, rows.mean(0), x, None, weight) for x in (rows, sparse)]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("chunk_values", [7, 2**22])
def test_the_baseline_is_that_of_the_targets(monkeypatch, stream, chunk_values):
    """Rows are compared as the loss sees them, in one chunk or in many, weighted or not."""
    monkeypatch.setattr("sk_aecnn.data._rows._CHUNK_VALUES", chunk_values)
    rows, constant = torch.rand(30, 4, generator=stream).double(), torch.zeros(4).double()
    weight = torch.arange(30.0).double()
    expected = ((3 * rows).abs().mean(1) * weight).sum() / weight.sum()
    error = constant_error("mae", constant, rows, lambda x: 3 * x, weight)
    assert error == pytest.approx(float(expected))


def test_the_mean_has_a_loss_of_one(stream):
    """Predicting the training mean costs exactly one, whatever the loss."""
    rows = torch.randn(30, 4, generator=stream, dtype=torch.float64)
    mean = rows.mean(0)
    for name in ("mse", "mae", "huber"):
        loss = ReconstructionLoss(name, constant_error(name, mean, rows, None))
        outputs = {"output": mean.expand_as(rows), "target": rows}
        assert float(loss(outputs)) == pytest.approx(1)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_likelihood_is_that_of_a_normal_distribution(pair, weighted, times, repeat):
    """The loss is minus torch's log-density at the variance that suits the batch best."""
    weight = times.float() if weighted else None
    loss = LikelihoodLoss(probabilities=False)(pair, None, weight)
    rows = {name: repeat(part) if weighted else part for name, part in pair.items()}
    error = rows["target"] - rows["output"]
    density = Normal(rows["output"], error.square().mean().sqrt()).log_prob(rows["target"])
    torch.testing.assert_close(loss, -density.mean())


def test_no_other_variance_is_more_likely(pair):
    """The batch's mean squared error is the variance of the greatest likelihood."""
    loss = LikelihoodLoss(probabilities=False)(pair)
    best = F.mse_loss(pair["output"], pair["target"]).sqrt()
    for factor in (0.9, 1.1):
        density = Normal(pair["output"], factor * best).log_prob(pair["target"])
        assert float(loss) < -float(density.mean())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_likelihood_of_probabilities_is_that_of_coins(pair, weighted, times, repeat):
    """For the binary cross-entropy the loss is minus the log-probability of the target."""
    pair["target"] = pair["target"].round()
    weight = times.float() if weighted else None
    loss = LikelihoodLoss(probabilities=True)(pair, None, weight)
    rows = {name: repeat(part) if weighted else part for name, part in pair.items()}
    expected = -Bernoulli(logits=rows["output"]).log_prob(rows["target"]).mean()
    torch.testing.assert_close(loss, expected)


def test_a_perfect_reconstruction_has_a_finite_likelihood(pair):
    """The variance has a least value, so that a batch without an error costs a finite number."""
    pair["output"] = pair["target"].clone().requires_grad_()
    loss = LikelihoodLoss(probabilities=False)(pair)
    loss.backward()
    assert math.isfinite(loss.detach())
    assert bool(pair["output"].grad.isfinite().all())
