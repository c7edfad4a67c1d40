"""Targets that move with their samples."""

import pytest
import torch

from sk_aecnn.nn import TargetTransform


def build(function, shape=(2, 3), channel_axis=None):
    mean = torch.tensor([1.0, 10.0], dtype=torch.float64)
    scale = torch.tensor([2.0, 5.0], dtype=torch.float64)
    transform = TargetTransform(function, shape, channel_axis, torch.float32, mean, scale)
    transform.transform.generator = torch.Generator().manual_seed(0)
    return transform


def test_a_function_sees_both_in_their_units():
    """Samples have the channels first, targets are as they were passed to fit."""
    seen = {}

    def move(X, y):
        seen.update(X=X.clone(), y=y.clone())
        return X + 1, y + 5

    rows = torch.arange(12, dtype=torch.uint8).view(2, 6)
    target = torch.tensor([[0.0, 0.0], [1.0, -1.0]])
    moved, y = build(move, (2, 3), 1)(rows, target)
    assert seen["X"].shape == (2, 3, 2)
    assert seen["X"][0, 1].tolist() == [1, 4]
    assert seen["y"].tolist() == [[1, 10], [3, 5]]
    torch.testing.assert_close(moved, rows.float() + 1)
    torch.testing.assert_close(y, target + torch.tensor([2.5, 1.0]))


def test_draws_come_from_the_generator():
    """A function may take the generator, or draw from torch's, which stays as it was."""

    def with_generator(X, y, generator):
        return X, y + torch.rand(len(y), 1, generator=generator)

    def without(X, y):
        return X, y + torch.rand(len(y), 1)

    rows, target = torch.zeros(4, 6), torch.zeros(4, 2)
    before = torch.get_rng_state()
    for function in (with_generator, without):
        one, other = (build(function)(rows, target)[1] for _ in range(2))
        torch.testing.assert_close(one, other, rtol=0, atol=0)
        assert len(one[:, 0].unique()) == 4
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("result", [lambda X, y: X, lambda X, y: (X, y[:, :1])])
def test_what_it_returns_is_checked(result):
    """Both have to come back, in their shapes."""

    def move(X, y):
        return result(X, y)

    with pytest.raises(ValueError, match=r"has a parameter y, for targets of shape \(4, 2\)"):
        build(move)(torch.zeros(4, 6), torch.zeros(4, 2))
