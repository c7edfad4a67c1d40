"""Data augmentation that moves the targets with the samples: boxes, points, angles."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sk_aecnn._torch import seeded_global_generator
from sk_aecnn.nn._custom_transform import CustomTransform
from sk_aecnn.nn._random import RandomLayer


def has_parameter(function: Callable[..., Any], name: str) -> bool:
    """Tell whether a function, or the ``forward`` of a module, has a parameter of a name.

    Examples
    --------
    >>> has_parameter(lambda X, y: (X, y), "y"), has_parameter(lambda X: X, "y")
    (True, False)
    """
    called = function.forward if isinstance(function, nn.Module) else function
    try:
        return name in inspect.signature(called).parameters
    except (TypeError, ValueError):  # a builtin without a signature
        return False


class TargetTransform(RandomLayer):
    """A user's transform of a batch of samples and of their targets, in the units of both.

    Parameters
    ----------
    function : callable
        Takes a tensor of shape (batch, channels, *spatial), ``y`` of shape (batch, n_targets),
        float64, and a `torch.Generator` where it has a parameter ``generator``; returns both.
    shape, channel_axis, dtype
        As for `CustomTransform`.
    mean, scale : Tensor of shape (n_targets,), float64
        What the targets are standardised by.

    Shape
    -----
    rows : (batch, n_features); target : (batch, n_targets), standardised

    Examples
    --------
    >>> def flip(X, y):
    ...     return X.flip(-1), 2 - y
    >>> zero, one = torch.zeros(1).double(), torch.ones(1).double()
    >>> transform = TargetTransform(flip, (3,), None, torch.float32, zero, one)
    >>> transform.transform.generator = torch.Generator().manual_seed(0)
    >>> transform(torch.tensor([[5.0, 6.0, 7.0]]), torch.tensor([[0.0]]))
    (tensor([[7., 6., 5.]]), tensor([[2.]]))
    """

    def __init__(
        self,
        function: Callable[..., Any],
        shape: Sequence[int],
        channel_axis: int | None,
        dtype: torch.dtype,
        mean: Tensor,
        scale: Tensor,
    ) -> None:
        super().__init__()
        self.called = _CalledWithTargets(function)
        self.transform = CustomTransform(self.called, shape, channel_axis, dtype)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.mean: Tensor
        self.scale: Tensor

    def forward(self, rows: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        self.called.y = target * self.scale + self.mean
        moved = self.transform(rows)
        y, self.called.y = self.called.y, None
        return moved, ((y - self.mean) / self.scale).to(target.dtype)


class _CalledWithTargets:
    """A function of samples and targets as one of samples: it keeps the targets."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.y: Any = None
        self.takes_generator = has_parameter(function, "generator")

    def __repr__(self) -> str:
        return repr(self.function)

    def __call__(self, samples: Tensor, generator: torch.Generator) -> Tensor:
        if self.takes_generator:
            result = self.function(samples, y=self.y, generator=generator)
        else:
            with seeded_global_generator(generator):
                result = self.function(samples, y=self.y)
        is_pair = isinstance(result, tuple) and len(result) == 2
        if not is_pair or getattr(result[1], "shape", None) != self.y.shape:
            raise ValueError(
                f"augmentation={self.function!r} has a parameter y, for targets of shape "
                f"{tuple(self.y.shape)}. It must return two tensors, the samples and targets of "
                "that shape."
            )
        moved: Tensor
        moved, self.y = result
        return moved
