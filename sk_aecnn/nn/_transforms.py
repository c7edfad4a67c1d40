"""Random transforms of samples, by name.

Two kinds. Geometric transforms move what a sample shows: a network that also reconstructs has to
reconstruct the moved sample. Photometric ones change the values that a network sees, after
standardisation: the reconstruction is that of the unchanged sample.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from sk_aecnn.nn._random import RandomLayer

# of a share times a size that should be whole
_ROUNDING = 1e-9


class RandomTransform(RandomLayer, ABC):
    """A random transform of a batch. Abstract: subclasses say which.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample.
    channel_axis : int or None
        The axis of ``shape`` that holds the channels.
    strength : float
        How strong it is.
    """

    least_spatial_axes: ClassVar[int] = 0

    def __init__(self, shape: Sequence[int], channel_axis: int | None, strength: float) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channel_axis = channel_axis
        self.strength = strength

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Transform a batch."""


class RandomTranslation(RandomTransform):
    """Move every sample by some positions along its spatial axes.

    What comes in over an edge repeats the edge. Each sample has a draw of its own, and all its
    channels move together.

    Parameters
    ----------
    shape, channel_axis
        As for `RandomTransform`.
    strength : float
        The longest way, as a share of the size of the axis, rounded down to whole positions.

    Shape
    -----
    input, output : (batch, n_features), any dtype

    Examples
    --------
    >>> translate = RandomTranslation((4,), None, 0.25)
    >>> translate.generator = torch.Generator().manual_seed(0)
    >>> translate(torch.arange(4).repeat(3, 1))
    tensor([[1, 2, 3, 3],
            [0, 0, 1, 2],
            [1, 2, 3, 3]])
    """

    least_spatial_axes = 1

    def __init__(self, shape: Sequence[int], channel_axis: int | None, strength: float) -> None:
        super().__init__(shape, channel_axis, strength)
        self.reach = tuple(
            0 if axis == channel_axis else int(strength * size + _ROUNDING)
            for axis, size in enumerate(shape)
        )

    def forward(self, x: Tensor) -> Tensor:
        if not any(self.reach):
            return x
        return x.gather(1, self._sources(len(x), x.device))

    def _sources(self, n_rows: int, device: torch.device) -> Tensor:
        """Return the feature that each value is taken from, (batch, n_features)."""
        sources = torch.zeros(n_rows, 1, dtype=torch.int64, device=device)
        for size, reach in zip(self.shape, self.reach, strict=True):
            way = torch.randint(
                -reach,
                reach + 1,
                (n_rows, 1),
                generator=self.generator,
                device=device,
                dtype=torch.int64,
            )
            position = (torch.arange(size, device=device) + way).clamp_(0, size - 1)
            sources = (sources[:, :, None] * size + position[:, None]).flatten(1)
        return sources


class RandomFlip(RandomTransform, ABC):
    """Mirror samples along a spatial axis. Abstract: subclasses say which.

    Parameters
    ----------
    shape, channel_axis
        As for `RandomTransform`.
    strength : float
        The probability that a sample is mirrored.

    Shape
    -----
    input, output : (batch, n_features), any dtype
    """

    axis_from_last: ClassVar[int]

    def __init__(self, shape: Sequence[int], channel_axis: int | None, strength: float) -> None:
        super().__init__(shape, channel_axis, strength)
        spatial = [axis for axis in range(len(shape)) if axis != channel_axis]
        self.axis = spatial[-self.axis_from_last]

    def forward(self, x: Tensor) -> Tensor:
        draws = torch.rand(
            len(x), 1, generator=self.generator, device=x.device, dtype=torch.float32
        )
        return torch.where(draws < self.strength, self.mirror(x), x)

    def mirror(self, x: Tensor) -> Tensor:
        """Mirror all samples."""
        return x.view(len(x), *self.shape).flip(self.axis + 1).reshape(len(x), -1)


class RandomHorizontalFlip(RandomFlip):
    """Mirror samples along their last spatial axis; see `RandomFlip`.

    Examples
    --------
    >>> RandomHorizontalFlip((2, 3), None, 1.0)(torch.arange(6)[None])
    tensor([[2, 1, 0, 5, 4, 3]])
    """

    least_spatial_axes = axis_from_last = 1


class RandomVerticalFlip(RandomFlip):
    """Mirror samples along their last spatial axis but one; see `RandomFlip`.

    Examples
    --------
    >>> RandomVerticalFlip((2, 3), None, 1.0)(torch.arange(6)[None])
    tensor([[3, 4, 5, 0, 1, 2]])
    """

    least_spatial_axes = axis_from_last = 2


class RandomContrast(RandomTransform):
    """Multiply each standardised sample by a number about one.

    Parameters
    ----------
    shape, channel_axis
        As for `RandomTransform`.
    strength : float
        The farthest that the number is from one.

    Shape
    -----
    input, output : (batch, channels, *spatial), standardised; changed in place

    Examples
    --------
    >>> contrast = RandomContrast((2,), None, 0.5)
    >>> contrast.generator = torch.Generator().manual_seed(0)
    >>> contrast(torch.ones(2, 1, 2)).squeeze(1)
    tensor([[0.9963, 0.9963],
            [1.2682, 1.2682]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(1 + _draw_for_each(x, self.strength, self.generator))


class RandomBrightness(RandomTransform):
    """Add a number to all values of each standardised sample.

    Parameters
    ----------
    shape, channel_axis
        As for `RandomTransform`.
    strength : float
        The farthest that the number is from zero, in standard deviations.

    Shape
    -----
    input, output : (batch, channels, *spatial), standardised; changed in place

    Examples
    --------
    >>> brightness = RandomBrightness((2,), None, 0.5)
    >>> brightness.generator = torch.Generator().manual_seed(0)
    >>> brightness(torch.zeros(2, 1, 2)).squeeze(1)
    tensor([[-0.0037, -0.0037],
            [ 0.2682,  0.2682]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.add_(_draw_for_each(x, self.strength, self.generator))


class RandomErasing(RandomTransform):
    """Put the mean in place of a box of each standardised sample.

    Zhong et al. (2020, "Random erasing data augmentation"), with boxes that may be of any size and
    reach over the edges.

    Parameters
    ----------
    shape, channel_axis
        As for `RandomTransform`.
    strength : float
        The longest side of a box, as a share of the size of each spatial axis.

    Shape
    -----
    input, output : (batch, channels, *spatial), standardised; changed in place

    Examples
    --------
    >>> erase = RandomErasing((8,), None, 1.0)
    >>> erase.generator = torch.Generator().manual_seed(0)
    >>> erase(torch.ones(2, 1, 8)).squeeze(1)
    tensor([[1., 1., 1., 1., 1., 1., 1., 1.],
            [1., 1., 1., 1., 1., 1., 0., 1.]])
    """

    least_spatial_axes = 1

    def forward(self, x: Tensor) -> Tensor:
        erased = torch.ones(len(x), *(1 for _ in x.shape[1:]), dtype=torch.bool, device=x.device)
        for axis in range(2, x.ndim):
            size = x.shape[axis]
            centre, side = torch.rand(
                2, len(x), 1, generator=self.generator, device=x.device, dtype=torch.float32
            )
            position = torch.arange(size, device=x.device) + 0.5
            inside = (position - centre * size).abs() <= side * self.strength * size / 2
            erased = erased & inside.view(
                len(x), *(size if a == axis else 1 for a in range(1, x.ndim))
            )
        return x.mul_(~erased)  # what is missing stays missing


def _draw_for_each(x: Tensor, strength: float, generator: torch.Generator | None) -> Tensor:
    """Return a number between minus and plus ``strength`` for each sample of a batch."""
    draws = x.new_empty(len(x), *(1 for _ in x.shape[1:]))
    return draws.uniform_(-strength, strength, generator=generator)


# name in `augmentation` -> class, called with the shape of a sample, its channel axis, a strength
GEOMETRIC: dict[str, type[RandomTransform]] = {
    "translate": RandomTranslation,
    "horizontal_flip": RandomHorizontalFlip,
    "vertical_flip": RandomVerticalFlip,
}
PHOTOMETRIC: dict[str, type[RandomTransform]] = {
    "contrast": RandomContrast,
    "brightness": RandomBrightness,
    "erase": RandomErasing,
}
