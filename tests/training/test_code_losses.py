"""What codes are charged for."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from sk_aecnn.training._code_losses import DivergenceLoss, SparsityPenalty


@pytest.mark.parametrize("weighted", [False, True])
def test_the_sparsity_penalty_is_the_formula_of_hoyer(logits, weighted, times):
    """The penalty is one minus the sparseness of Hoyer, averaged over the rows."""
    ratio = logits.abs().sum(1) / logits.square().sum(1).sqrt()
    sparseness = (math.sqrt(3) - ratio) / (math.sqrt(3) - 1)
    weight = times.float() if weighted else None
    expected = (1 - sparseness) * (times if weighted else 1)
    torch.testing.assert_close(SparsityPenalty()({"code": logits}, None, weight), expected.mean())


@pytest.mark.parametrize("factor", [1e-6, 0.1, -1, 1e6])
def test_the_sparsity_penalty_has_no_scale(logits, factor):
    """Multiplying codes by a constant, even each by its own, leaves the penalty alone."""
    penalty = SparsityPenalty()
    torch.testing.assert_close(penalty({"code": factor * logits}), penalty({"code": logits}))
    each = factor * torch.arange(1.0, 7)[:, None]
    torch.testing.assert_close(penalty({"code": each * logits}), penalty({"code": logits}))


@pytest.mark.parametrize("dim", [2, 3, 32])
def test_the_sparsity_penalty_lies_between_zero_and_one(stream, dim):
    """One active unit costs nothing, units that are all alike cost one, others lie between."""
    penalty = SparsityPenalty()
    codes = torch.randn(20, dim, generator=stream)
    assert 0 < float(penalty({"code": codes})) < 1
    torch.testing.assert_close(penalty({"code": torch.eye(dim) * -3}), torch.tensor(0.0))
    torch.testing.assert_close(penalty({"code": torch.full((2, dim), -5.0)}), torch.tensor(1.0))


@pytest.mark.parametrize("code", [torch.zeros(2, 4), torch.ones(2, 1), torch.zeros(2, 1)])
def test_the_sparsity_penalty_of_any_code_is_finite(code):
    """Codes of zeros, or of one unit, have a penalty within its bounds and a finite gradient."""
    code.requires_grad_()
    penalty = SparsityPenalty()({"code": code})
    penalty.backward()
    assert 0 <= float(penalty.detach()) <= 1
    assert bool(code.grad.isfinite().all())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_divergence_is_per_feature(normal, weighted, times, repeat):
    """The loss is torch's divergence from the prior, summed over units, over the features."""
    weight = times.float() if weighted else None
    loss = DivergenceLoss(10, warm_up=0.0)(normal, None, weight)
    parts = [repeat(part) if weighted else part for part in normal.values()]
    divergence = kl_divergence(Normal(*parts), Normal(0.0, 1.0))
    torch.testing.assert_close(loss, divergence.sum(1).mean() / 10)


@pytest.mark.parametrize(
    ("progress", "share"), [(0.0, 0.0), (0.1, 0.25), (0.2, 0.5), (0.4, 1.0), (0.9, 1.0), (1.0, 1.0)]
)
def test_the_divergence_warms_up_in_training(normal, progress, share):
    """The loss rises with the progress of training to its full size; validation has that size."""
    loss = DivergenceLoss(10, warm_up=0.4)
    full = loss(normal)
    loss.progress = progress
    torch.testing.assert_close(loss(normal), share * full)
    torch.testing.assert_close(loss.eval()(normal), full)


def test_without_a_warm_up_the_divergence_is_whole_at_once(normal):
    """At warm_up=0 the first step has the full loss."""
    loss = DivergenceLoss(10, warm_up=0.0)
    full = loss(normal)
    loss.progress = 0.0
    torch.testing.assert_close(loss(normal), full)
