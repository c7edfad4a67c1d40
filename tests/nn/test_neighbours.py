"""The kernel estimate of classes."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sk_aecnn.nn import NeighbourClasses, distances


def test_probabilities_are_those_of_the_formula():
    generator = torch.Generator().manual_seed(0)
    rows, x = (torch.randn(n, 3, generator=generator) for n in (20, 7))
    classes = torch.rand(20, 4, generator=generator)
    p = torch.rand(7, 4, generator=generator).softmax(1)
    joined = NeighbourClasses(rows, classes, 0.7, 1.5)(p.log(), x).exp()
    kernel = np.exp(-np.linalg.norm(x.numpy()[:, None] - rows.numpy(), axis=2) / 0.7)
    sums = 1.5 * p.numpy() + kernel @ classes.numpy()
    assert_allclose(joined, sums / sums.sum(1, keepdims=True), rtol=1e-5)


def test_what_nothing_is_near_stays_as_it_is():
    """However sure the network is, and however small the numbers become."""
    log_probability = torch.tensor([[-500.0, 0.0]])
    neighbours = NeighbourClasses(torch.zeros(1, 1), torch.tensor([[1.0, 0.0]]), 0.01, 1e-9)
    assert_allclose(neighbours(log_probability, torch.full((1, 1), 99.0)), log_probability)


def test_equal_rows_are_at_no_distance():
    rows = 1e3 + torch.arange(300.0).reshape(100, 3) / 7
    assert (distances(rows, rows).diagonal() == 0).all()


@pytest.mark.parametrize("n_classes", [2, 3, 10, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_predicted_as_among_others(dtype, n_classes):
    """To the last bit, in any number of the blocks of 16 that rows are predicted in."""
    generator = torch.Generator().manual_seed(0)
    rows, x = (torch.randn(n, 6, generator=generator, dtype=dtype) for n in (3000, 896))
    classes = torch.eye(n_classes, dtype=dtype)[torch.arange(3000) % n_classes]
    neighbours = NeighbourClasses(rows, classes, 0.7, 1.5)
    p = torch.rand(896, n_classes, generator=generator, dtype=dtype).log_softmax(1)
    blocks = zip(p.split(16), x.split(16), strict=True)
    assert torch.equal(neighbours(p, x), torch.cat([neighbours(*block) for block in blocks]))


def test_gradients_are_finite_at_a_row_and_far_from_all():
    rows = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    x = torch.cat([rows[:2], rows[:2] + 1e4]).requires_grad_()
    p = torch.full((4, 2), 0.5).log()
    NeighbourClasses(rows, torch.eye(2)[[0, 1, 0, 1, 0]], 0.1, 1.0)(p, x)[:, 0].sum().backward()
    assert x.grad.isfinite().all()
