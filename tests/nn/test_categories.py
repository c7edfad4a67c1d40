"""Categories: from the outputs of a decoder to codes and cross-entropies."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch.nn import functional as F

from sk_aecnn.data._rows import TableRows
from sk_aecnn.nn import Categories

KINDS = (0, 3, 0, 2)
FREQUENCIES = torch.tensor([5.0, 0.5, 0.25, 0.25, -1.0, 0.9, 0.1]).double()


@pytest.fixture
def categories():
    return Categories(KINDS, FREQUENCIES)


@pytest.fixture
def rows():
    """Two numbers and two categories, of which one is missing in the last row."""
    matrix = torch.tensor([[1.0, 2.0, 4.0, 0.0], [2.0, 0.0, 5.0, 1.0], [3.0, 1.0, 6.0, torch.nan]])
    return TableRows(matrix, KINDS)[:3]


def test_the_cross_entropy_is_that_of_torch(categories, rows):
    """Of each category, zero where it is missing."""
    output = torch.randn(3, 7, generator=torch.Generator().manual_seed(0)) * 30
    found = categories.cross_entropy(output, rows)
    first = F.cross_entropy(output[:, 1:4], torch.tensor([2, 0, 1]), reduction="none")
    second = F.cross_entropy(output[:2, 5:], torch.tensor([0, 1]), reduction="none")
    torch.testing.assert_close(found[:, 0], first)
    torch.testing.assert_close(found[:2, 1], second)
    assert found[2, 1] == 0
    assert categories.known(rows).tolist() == [[True, True], [True, True], [True, False]]


def test_frequencies_have_a_relative_error_of_one(categories):
    """In the mean over rows that have them; a constant number has the error that is set."""
    matrix = torch.zeros(20, 4)
    matrix[:, 1] = torch.tensor([0.0] * 10 + [1.0] * 5 + [2.0] * 5)
    matrix[:, 3] = torch.tensor([0.0] * 18 + [1.0] * 2)
    output = FREQUENCIES.abs().log().expand(20, -1)
    errors = categories.relative_error(output, TableRows(matrix, KINDS)[:20])
    torch.testing.assert_close(errors.mean(0), torch.ones(2).double())
    expected = [entropy([0.5, 0.25, 0.25]), entropy([0.9, 0.1])]
    np.testing.assert_allclose(categories.entropy, expected)
    categories.error_of_numbers.fill_(3.0)
    errors = categories.relative_error(output, TableRows(matrix, KINDS)[:20])
    torch.testing.assert_close(errors.mean(0), 3 * torch.ones(2).double())
    torch.testing.assert_close(
        categories.error_of_frequencies(FREQUENCIES), 3 * torch.ones(2).double()
    )


def test_gradients_are_finite_far_out(categories, rows):
    """Logits of any size, of one category far above those of another."""
    output = torch.full((3, 7), -1e4)
    output[:, :4] = 1e4
    output.requires_grad_()
    categories.cross_entropy(output, rows).sum().backward()
    assert output.grad.isfinite().all()


def test_codes_are_the_most_probable_or_drawn(categories):
    """Drawn as often as their probabilities say."""
    logits = torch.tensor([0.0, 1.0, 3.0, 2.0, 0.0, 5.0, 4.0])
    assert categories.choose(logits[None]).tolist() == [[1, 0]]
    uniform = torch.rand(4000, 2, generator=torch.Generator().manual_seed(0))
    codes = categories.draw(logits.expand(4000, -1), uniform)
    shares = torch.stack([(codes[:, 0] == code).double().mean() for code in range(3)])
    torch.testing.assert_close(shares, logits[1:4].double().softmax(0), atol=0.03, rtol=0)
    assert codes[:, 1].max() == 1


def test_columns_are_put_in_order(categories):
    """Numbers and categories, where the table has them."""
    placed = categories.place(torch.tensor([[7.0, 8.0]]), torch.tensor([[2, 1]]))
    assert placed.tolist() == [[7.0, 2.0, 8.0, 1.0]]
