"""Data augmentation: random transforms of samples while a network trains.

Two kinds. Geometric transforms move what a sample shows: a network that also reconstructs has to
reconstruct the moved sample. Photometric ones change the values that a network sees, after
standardisation: the reconstruction is that of the unchanged sample.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from sk_aecnn._torch import seeded_global_generator
from sk_aecnn.nn._random import RandomLayer

_SIGNED = {
    torch.uint16: torch.int16,
    torch.uint32: torch.int32,
    torch.uint64: torch.int64,
}
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
        return x.masked_fill_(erased, 0.0)


def _draw_for_each(x: Tensor, strength: float, generator: torch.Generator | None) -> Tensor:
    """Return a number between minus and plus ``strength`` for each sample of a batch."""
    draws = x.new_empty(len(x), *(1 for _ in x.shape[1:]))
    return draws.uniform_(-strength, strength, generator=generator)


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


class Augmentation(nn.Module):
    """The transforms of a network's samples while it trains.

    In prediction there are none, but for what `mirror_images` returns.

    Parameters
    ----------
    geometric : sequence of nn.Module
        Transforms of rows, (batch, n_features).
    photometric : sequence of nn.Module
        Transforms of standardised inputs, (batch, channels, *spatial).
    fade : bool
        Whether all samples are transformed at the beginning of training alone, fewer later and none
        in the end: an autoencoder has to reconstruct what it sees.
    paired : sequence of nn.Module
        Transforms of rows with their targets, which whoever trains calls before all others.

    Attributes
    ----------
    progress : float
        Share of training that is done; set by whoever trains.

    Examples
    --------
    >>> augmentation = Augmentation(
    ...     [RandomHorizontalFlip((3,), None, 1.0)], [], fade=True
    ... )
    >>> augmentation.progress = 0.2
    >>> augmentation.move(torch.arange(3.0).repeat(2, 1))
    tensor([[2., 1., 0.],
            [0., 1., 2.]])
    """

    ALL_UNTIL, NONE_FROM = 0.1, 0.3

    def __init__(
        self,
        geometric: Sequence[nn.Module],
        photometric: Sequence[nn.Module],
        fade: bool = False,
        paired: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.paired = nn.ModuleList(paired)
        self.geometric = nn.ModuleList(geometric)
        self.photometric = nn.ModuleList(photometric)
        self.fade = fade
        self.progress = 1.0

    @property
    def share(self) -> float:
        """The share of the samples to transform."""
        if not self.fade:
            return 1.0
        left = (self.NONE_FROM - self.progress) / (self.NONE_FROM - self.ALL_UNTIL)
        return min(1.0, max(0.0, left))

    @property
    def flips(self) -> list[RandomFlip]:
        """Those of the transforms that mirror samples."""
        return [transform for transform in self.geometric if isinstance(transform, RandomFlip)]

    def mirror_images(self, rows: Tensor) -> list[Tensor]:
        """Return rows, (batch, n_features), and all that flips can make of them.

        A network that has been trained on mirrored samples predicts them about as well, and their
        mean better (Krizhevsky et al. 2012, "ImageNet classification with deep convolutional
        neural networks", section 4.1).
        """
        images = [rows]
        for flip in self.flips:
            images += [_through_signed(flip.mirror, image) for image in images]
        return images

    def move_with_targets(self, rows: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the transforms of rows and targets."""
        for transform in self.paired:
            rows, target = transform(rows, target)
        return rows, target

    def move(self, rows: Tensor) -> Tensor:
        """Apply the geometric transforms to rows, (batch, n_features)."""
        return self._transform(self.geometric, rows)

    def perturb(self, x: Tensor) -> Tensor:
        """Apply the photometric transforms to standardised inputs."""
        return self._transform(self.photometric, x)

    def _transform(self, transforms: nn.ModuleList, batch: Tensor) -> Tensor:
        n_transformed = round(self.share * len(batch))
        if not self.training or len(transforms) == 0 or n_transformed == 0:
            return batch
        transformed = batch[:n_transformed]
        if transforms is self.photometric:
            transformed = transformed.clone()  # keeps the order of axes in memory
        for transform in transforms:
            transformed = _apply(transform, transformed)
        if n_transformed == len(batch):
            return transformed
        return torch.cat([transformed, batch[n_transformed:].to(transformed.dtype)])


def _apply(transform: nn.Module, batch: Tensor) -> Tensor:
    """Apply a transform."""
    if isinstance(transform, CustomTransform):
        transformed: Tensor = transform(batch)
        return transformed
    return _through_signed(transform, batch)


def _through_signed(function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """Apply a function; torch moves no unsigned integers, but the same bits as signed ones."""
    signed = _SIGNED.get(batch.dtype)
    return function(batch) if signed is None else function(batch.view(signed)).view(batch.dtype)
