"""Which inputs an output comes from."""

import torch

from sk_aecnn.nn import find_minimum, integrated_gradients


def test_contributions_sum_to_the_difference():
    """Of a curved function, they add up to its change from the reference on."""
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    reference = torch.tensor([0.5, -1.0, 0.0], dtype=torch.float64)

    def function(x):
        return (x[:, 0] * x[:, 1]).sin() + x[:, 2].exp()

    found = integrated_gradients(function, x, reference, n_steps=200)
    change = function(x) - function(reference[None])
    torch.testing.assert_close(found.sum(1), change, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found[:, 2], x[:, 2].exp() - 1, rtol=1e-3, atol=1e-4)


def test_a_quadratic_form_needs_one_step():
    """The midpoint is exact where the gradient is linear."""
    x = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    found = integrated_gradients(lambda x: x.square().sum(1), x, torch.zeros(2).double(), 1)
    torch.testing.assert_close(found, torch.tensor([[9.0, 16.0]], dtype=torch.float64))


def test_it_works_in_inference_mode():
    """Gradients are computed wherever it is called, and nothing that requires them is returned."""
    with torch.inference_mode():
        x = torch.tensor([[3.0, 4.0]])
        found = integrated_gradients(lambda x: x[:, 0] * 2, x, torch.zeros(2))
    assert found.tolist() == [[6.0, 0.0]]
    assert not found.requires_grad


def test_a_minimum_is_found_near_the_start():
    """Of a function of one direction, the others stay as they are."""
    with torch.inference_mode():
        start = torch.tensor([5.0, 1.0])
        found = find_minimum(lambda x: (x[:, 0] - 2).square(), start)
    torch.testing.assert_close(found, torch.tensor([2.0, 1.0]))
