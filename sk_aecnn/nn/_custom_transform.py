"""Transforms of samples that are functions of the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sk_aecnn._torch import seeded_global_generator
from sk_aecnn.nn._random import RandomLayer


class CustomTransform(RandomLayer):
    """A user's transform of a batch of samples in the units of the input.

    Parameters
    ----------
    function : callable
        Takes a tensor of shape (batch, channels, *spatial), and a `torch.Generator` where it has a
        second argument without a default, or one of the name ``generator``; returns a tensor of the
        same shape. One that takes no generator may draw from torch's global generator, which is
        seeded for the call and put back after it.
    shape : sequence of int
        Shape of one sample.
    channel_axis : int or None
        The axis of ``shape`` that holds the channels.
    dtype : torch.dtype
        Precision that integers are converted to.

    Shape
    -----
    input, output : (batch, n_features)

    Examples
    --------
    >>> halve = CustomTransform(lambda images: images / 2, (2, 3), None, torch.float32)
    >>> halve.generator = torch.Generator().manual_seed(0)
    >>> halve(torch.ones(1, 6))
    tensor([[0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000]])
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        shape: Sequence[int],
        channel_axis: int | None,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self._function = (function,)  # in a tuple: a module of the user's is not trained
        self.shape = tuple(shape)
        self.channel_axis = channel_axis
        self.dtype = dtype
        self.generator_name = _find_generator_parameter(function)

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone() if x.is_floating_point() else x.to(self.dtype)  # it may work in place
        samples = x.view(len(x), *self.shape)
        samples = (
            samples.unsqueeze(1)
            if self.channel_axis is None
            else samples.movedim(self.channel_axis + 1, 1)
        )
        with torch.no_grad():
            transformed = self._call(samples)
        _check_transformed(transformed, samples, self._function[0])
        if self.channel_axis is not None:
            transformed = transformed.movedim(1, self.channel_axis + 1)
        return transformed.reshape(len(x), -1).to(samples.dtype)

    def _call(self, samples: Tensor) -> Tensor:
        (function,) = self._function
        if self.generator_name is not None:
            return function(samples, **{self.generator_name: self.generator})
        assert self.generator is not None, "the generator is set before training"
        with seeded_global_generator(self.generator):
            return function(samples)


def _check_transformed(transformed: object, samples: Tensor, function: object) -> None:
    """Raise where a transform returned something else than a tensor of the shape of its input."""
    shape = getattr(transformed, "shape", None)
    if isinstance(transformed, Tensor) and shape == samples.shape:
        return
    found = type(transformed).__name__ if shape is None else str(tuple(shape))
    if shape is not None and not isinstance(transformed, Tensor):
        found += f" of type {type(transformed).__name__}"
    raise ValueError(
        f"augmentation={function!r} returned {found} for a batch of shape {tuple(samples.shape)}. "
        "It must return a tensor of the shape of its input."
    )


def _find_generator_parameter(function: Callable[..., Tensor]) -> str | None:
    """Return the name of the parameter that wants a generator, None where there is none.

    One of the name ``generator``, or else a second one without a default.
    """
    called = function.forward if isinstance(function, nn.Module) else function
    try:
        parameters = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return None
    if any(parameter.name == "generator" for parameter in parameters[1:]):
        return "generator"
    required = [
        parameter
        for parameter in parameters
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        and parameter.default is parameter.empty
    ]
    return required[1].name if len(required) > 1 else None
