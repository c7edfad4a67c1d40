"""Data augmentation: random transforms of samples while a network trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sk_aecnn.nn._custom_transform import CustomTransform
from sk_aecnn.nn._transforms import RandomFlip

_SIGNED = {
    torch.uint16: torch.int16,
    torch.uint32: torch.int32,
    torch.uint64: torch.int64,
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
    >>> from sk_aecnn.nn import RandomHorizontalFlip
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
    """Apply a transform; one of the user's makes floats of integers by itself."""
    if isinstance(transform, CustomTransform):
        transformed: Tensor = transform(batch)
        return transformed
    return _through_signed(transform, batch)


def _through_signed(function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """Apply a function; torch moves no unsigned integers, but the same bits as signed ones."""
    signed = _SIGNED.get(batch.dtype)
    return function(batch) if signed is None else function(batch.view(signed)).view(batch.dtype)
