"""Results of a network from samples as a user has them, for whoever works with torch."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Tensor, nn


class SampleModule(nn.Module):
    r"""A method of a network as a module, from samples as they are to a result.

    Scaling and the order of axes are inside. Results are differentiable with respect to samples
    and weights, and in evaluation mode those of a sample do not depend on the others.

    Parameters
    ----------
    network : nn.Module
        The network.
    method : str
        Its method, a function of rows.
    result : nn.Module
        From what the method returns to the result.
    as_samples : bool
        Whether the result has the shape of the samples.

    Shape
    -----
    input : (batch, n_features) or (batch, \*sample_shape), of any dtype; output : (batch, ...)
    """

    def __init__(
        self, network: nn.Module, method: str, result: nn.Module, as_samples: bool = False
    ) -> None:
        super().__init__()
        self.network: Any = network
        self.method = method
        self.result: Any = result
        self.as_samples = as_samples

    def forward(self, X: Tensor) -> Tensor:
        n_features = len(self.network.layout.mean)
        if X.ndim < 2 or prod(X.shape[1:]) != n_features:
            raise ValueError(
                f"A batch of shape {tuple(X.shape)} was passed where samples of {n_features} "
                "values each are expected. Pass samples as they were passed to fit, the first axis "
                "that of the samples."
            )
        result: Tensor = self.result(getattr(self.network, self.method)(X.flatten(1)))
        return result.view(X.shape) if self.as_samples else result


class Probabilities(nn.Module):
    """From logits to probabilities, or their logarithms.

    Parameters
    ----------
    inverse_temperature : float
        What logits are multiplied by.
    log : bool
        Whether logarithms are returned.

    Shape
    -----
    input, output : (batch, classes)
    """

    def __init__(self, inverse_temperature: float, log: bool = False) -> None:
        super().__init__()
        self.inverse_temperature = inverse_temperature
        self.log = log

    def forward(self, logits: Tensor) -> Tensor:
        scaled = self.inverse_temperature * logits
        return scaled.log_softmax(1) if self.log else scaled.softmax(1)


class Units(nn.Module):
    """From standardised targets to targets in their units and limits, in double precision.

    Parameters
    ----------
    mean, scale : Tensor of shape (n_targets,), float64
        What they were standardised with.
    low, high : Tensor of shape (n_targets,), float64
        Their limits.
    flat : bool
        Whether there is one target, without an axis of its own.

    Shape
    -----
    input : (batch, n_targets); output : (batch, n_targets), or (batch,) where flat

    Examples
    --------
    >>> import torch
    >>> mean, scale, low, high = torch.tensor([[10.0], [2.0], [8.0], [20.0]]).double()
    >>> units = Units(mean, scale, low, high, flat=True)
    >>> units(torch.tensor([[0.5], [-3.0]]))
    tensor([11.,  8.], dtype=torch.float64)
    """

    def __init__(self, mean: Tensor, scale: Tensor, low: Tensor, high: Tensor, flat: bool) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.mean: Tensor
        self.scale: Tensor
        self.low: Tensor
        self.high: Tensor
        self.flat = flat

    def forward(self, prediction: Tensor) -> Tensor:
        targets = prediction.double() * self.scale + self.mean
        targets = targets.clamp(self.low, self.high)
        return targets[:, 0] if self.flat else targets
