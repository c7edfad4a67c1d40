"""Samples seen in another light while a network trains."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Jitter(nn.Module):
    """Change the contrast and the brightness of samples while training.

    Each sample is multiplied by a number about one, then a number about zero is added to all its
    values; both are drawn for each sample apart.

    Parameters
    ----------
    level : float
        The farthest way of either number, brightness being in units of the standardised values.

    Shape
    -----
    input, output : (batch, channels, *spatial), standardised

    Examples
    --------
    >>> jitter = Jitter(0.5)
    >>> jitter.generator = torch.Generator().manual_seed(0)
    >>> jitter(torch.zeros(3, 1, 2)).squeeze(1)
    tensor([[-0.3680, -0.3680],
            [-0.1926, -0.1926],
            [ 0.1341,  0.1341]])
    """

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.level == 0:
            return x
        draws = x.new_empty(2, len(x), *(1 for _ in x.shape[1:]))
        contrast, brightness = draws.uniform_(-self.level, self.level, generator=self.generator)
        # a clone keeps the order of axes in memory
        return x.clone().mul_(1 + contrast).add_(brightness)
