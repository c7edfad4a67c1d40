"""Batch normalisation that honours row weights and masks of positions."""

import pytest
import torch
from torch import nn

from sk_aecnn.nn import BatchNorm

SHAPES = [(10, 3), (10, 3, 7), (10, 3, 4, 5), (10, 3, 2, 3, 4)]
TORCH = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def data(shape, dtype=torch.float64):
    return 3 + 2 * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def filled(norm):
    """Give a layer parameters that are not those of the identity."""
    norm.weight.data.copy_(torch.tensor([0.5, 1.0, 2.0]))
    norm.bias.data.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    return norm.double()


@pytest.mark.parametrize("shape", SHAPES)
def test_without_weights_it_is_that_of_torch(shape):
    """Output and gradient in training, and the running mean, are torch's."""
    x, ours, theirs = data(shape), filled(BatchNorm(3)), filled(TORCH[len(shape)](3))
    gradients = []
    for norm in (ours, theirs):
        leaf = x.clone().requires_grad_()
        (norm(leaf) * torch.linspace(0, 1, x.numel()).view(shape)).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_running_variance_is_that_of_the_batch(shape):
    """The running variance is the biased one: what training divided by."""
    norm, x = filled(BatchNorm(3)), data(shape)
    norm.momentum = 1.0
    norm(x)
    axes = (0, *range(2, x.ndim))
    torch.testing.assert_close(norm.running_mean, x.mean(axes))
    torch.testing.assert_close(norm.running_var, x.var(axes, correction=0))
    trained = norm(x)
    torch.testing.assert_close(norm.eval()(x), trained)


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_repeat_rows(shape):
    """A row of weight two is two equal rows: output, gradient and running statistics agree."""
    x, times = data(shape), torch.tensor([1, 2, 3, 1, 2, 1, 1, 4, 1, 1])
    weighted, repeated = filled(BatchNorm(3)), filled(BatchNorm(3))
    weighted.row_weight = times.double() * 0.7  # weights count relative to each other
    expected = repeated(x.repeat_interleave(times, 0))
    torch.testing.assert_close(weighted(x).repeat_interleave(times, 0), expected)
    torch.testing.assert_close(weighted.running_mean, repeated.running_mean)
    torch.testing.assert_close(weighted.running_var, repeated.running_var)


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_weights_are_none(shape):
    """Weights of one give the output of no weights."""
    x, weighted, plain = data(shape), filled(BatchNorm(3)), filled(BatchNorm(3))
    weighted.row_weight = torch.ones(10).double()
    torch.testing.assert_close(weighted(x), plain(x))


def test_prediction_does_not_look_at_the_batch():
    """In evaluation a row's output does not depend on the others, and nothing is recorded."""
    norm = filled(BatchNorm(3)).eval()
    x = data((10, 3, 4, 4))
    before = norm.running_mean.clone()
    torch.testing.assert_close(norm(x)[2:3], norm(x[2:3]), rtol=0, atol=0)
    torch.testing.assert_close(norm.running_mean, before, rtol=0, atol=0)


def test_a_single_row_is_no_error():
    """One row of flat features is normalised to zero."""
    norm = BatchNorm(3)
    torch.testing.assert_close(norm(torch.ones(1, 3)), torch.zeros(1, 3))


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_masked_positions_do_not_count(shape):
    """Output, gradients and running statistics are those of the other positions, one a row."""
    x, masked, plain = data(shape), filled(BatchNorm(3)), filled(BatchNorm(3))
    mask = (data((10, 1, *shape[2:])) > 3).double()
    known = mask[:, 0] == 1
    x.movedim(1, -1)[~known] = 1e6
    leaf, weight = x.clone().requires_grad_(), torch.linspace(0, 1, x.numel()).view(shape)
    output = masked(leaf, mask)
    (output * weight * mask).sum().backward()
    rows = x.movedim(1, -1)[known].requires_grad_()
    expected = plain(rows)
    (expected * weight.movedim(1, -1)[known]).sum().backward()
    torch.testing.assert_close(output.movedim(1, -1)[known], expected)
    torch.testing.assert_close(leaf.grad.movedim(1, -1)[known], rows.grad)
    assert not leaf.grad.movedim(1, -1)[~known].any()
    torch.testing.assert_close(masked.weight.grad, plain.weight.grad)
    torch.testing.assert_close(masked.running_mean, plain.running_mean)
    torch.testing.assert_close(masked.running_var, plain.running_var)


def test_weights_and_masks_count_together():
    """A row of weight two is two equal rows, each with the mask of its own."""
    x, times = data((4, 3, 5)), torch.tensor([1, 2, 3, 1])
    mask = (torch.arange(5) < torch.tensor([[5], [1], [3], [0]])).double()[:, None]
    weighted, repeated = filled(BatchNorm(3)), filled(BatchNorm(3))
    weighted.row_weight = times.double()
    expected = repeated(x.repeat_interleave(times, 0), mask.repeat_interleave(times, 0))
    torch.testing.assert_close(weighted(x, mask).repeat_interleave(times, 0), expected)
    torch.testing.assert_close(weighted.running_var, repeated.running_var)


def test_nothing_but_masked_positions_is_no_error():
    """Where no position counts, what is normalised is finite, and so are the statistics."""
    norm = BatchNorm(3)
    assert norm(torch.zeros(2, 3, 4), torch.zeros(2, 1, 4)).isfinite().all()
    assert norm.running_mean.isfinite().all()
    assert norm.running_var.isfinite().all()
