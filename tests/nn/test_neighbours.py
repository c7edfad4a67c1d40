"""The kernel estimate of classes."""

import numpy as np
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
    rows = 1e3 + torch.arange(12.0).reshape(4, 3) / 7
    assert (distances(rows, rows).diagonal() == 0).all()
