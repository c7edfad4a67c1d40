r"""The objective: what the networks are trained to make small.

.. math:: J = L_\text{classification} + \lambda \, R, \qquad
          R = \frac{\text{reconstruction error}}{\text{error of the training mean}}

Dividing by the error of the constant prediction makes :math:`R` unit-free: 0 is perfect, 1 is as
bad as the mean of the training data, whatever their scale, so that one weight :math:`\lambda`
serves images and tables alike. For the squared error the divisor is the variance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn._batches import chunks

__all__ = [
    "RECONSTRUCTION_LOSSES",
    "JointObjective",
    "ReconstructionLoss",
    "ReconstructionObjective",
]

_LEAST_PROBABILITY = 1e-7

RECONSTRUCTION_LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": F.mse_loss,
    "bce": F.binary_cross_entropy_with_logits,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
}


def resolve_elementwise(
    loss: str | type[nn.Module] | Callable[..., Tensor],
) -> Callable[..., Tensor]:
    """Turn the name, class or function of a loss into a function of (output, target)."""
    if isinstance(loss, str):
        return RECONSTRUCTION_LOSSES[loss]
    if isinstance(loss, type):
        built: Callable[..., Tensor] = loss(reduction="none")
        return _ByReduction(built)
    return _ByReduction(loss)


class _ByReduction:
    """Give a user's elementwise loss the ``reduction`` argument of torch's functions."""

    def __init__(self, elementwise: Callable[..., Tensor]) -> None:
        self.elementwise = elementwise

    def __call__(self, output: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        losses = self.elementwise(output, target)
        if losses.shape != target.shape:
            raise ValueError(
                f"reconstruction_loss={self.elementwise!r} returned a tensor of shape "
                f"{tuple(losses.shape)} for inputs of shape {tuple(target.shape)}. It must return "
                "one loss per element, of the shape of its inputs (no reduction)."
            )
        return losses.mean() if reduction == "mean" else losses


def constant_error(
    loss: str | type[nn.Module] | Callable[..., Tensor],
    constant: Tensor,
    rows: Tensor,
    target: Callable[[Tensor], Tensor] | None,
    row_weight: Tensor | None = None,
) -> float:
    """Return the mean error of predicting the same constants for every row.

    Parameters
    ----------
    loss : str, nn.Module class or callable
        As for `ReconstructionLoss`.
    constant : Tensor of shape (n_features,)
        The mean of the targets; probabilities for ``"bce"``.
    rows : Tensor of shape (n_samples, n_features)
        Training rows.
    target : callable or None
        Rows to targets.
    row_weight : Tensor of shape (n_samples,) or None
        Weights.
    """
    elementwise = resolve_elementwise(loss)
    if loss == "bce":
        constant = constant.logit(eps=_LEAST_PROBABILITY)
    total = weights = 0.0
    for chunk in chunks(rows):
        x = (rows[chunk] if target is None else target(rows[chunk])).flatten(1).double()
        w = x.new_ones(len(x)) if row_weight is None else row_weight[chunk].double()
        losses = elementwise(constant.expand_as(x), x, reduction="none")
        total += float(w @ losses.mean(1))
        weights += float(w.sum())
    return total / weights


def weighted_mean(losses: Tensor, row_weight: Tensor) -> Tensor:
    """Average one loss per row with weights whose mean over the training rows is one."""
    return (losses * row_weight).sum() / len(losses)


class ReconstructionLoss(nn.Module):
    """The reconstruction error over that of the training mean, a weighted mean over rows.

    Parameters
    ----------
    loss : str, nn.Module class or callable
        A name among ``RECONSTRUCTION_LOSSES``; a class that takes ``reduction="none"``; or a
        function of (output, target) that returns one loss per element.
    baseline : float
        The error of the constant prediction, by which every error is divided.

    Shape
    -----
    output, target : (batch, ...), the same; row_weight : (batch,) or None; result : ()

    Examples
    --------
    >>> import torch
    >>> loss = ReconstructionLoss("mse", baseline=4.0)
    >>> loss(torch.zeros(2, 3), torch.full((2, 3), 2.0))
    tensor(1.)
    """

    def __init__(
        self, loss: str | type[nn.Module] | Callable[..., Tensor], baseline: float = 1.0
    ) -> None:
        super().__init__()
        self.elementwise = resolve_elementwise(loss)
        self.baseline = baseline

    def forward(self, output: Tensor, target: Tensor, row_weight: Tensor | None = None) -> Tensor:
        """Return the relative error of a batch."""
        if row_weight is None:
            return self.elementwise(output, target) / self.baseline
        losses = self.elementwise(output, target, reduction="none")
        return weighted_mean(losses.flatten(1).mean(1), row_weight) / self.baseline


class ReconstructionObjective(nn.Module):
    r"""The objective of an autoencoder: its reconstruction loss alone.

    Shape
    -----
    outputs : (output, target), both (batch, ...); y : ignored; row_weight : (batch,) or None
    """

    def __init__(self, reconstruction_loss: ReconstructionLoss) -> None:
        super().__init__()
        self.reconstruction_loss = reconstruction_loss

    def forward(
        self, outputs: tuple[Tensor, Tensor], y: Any, row_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the loss of a batch by name."""
        return {"loss": self.reconstruction_loss(*outputs, row_weight)}


class JointObjective(nn.Module):
    """Cross-entropy plus the weighted reconstruction loss; each is reported apart.

    Parameters
    ----------
    reconstruction_loss : ReconstructionLoss
        The loss of the autoencoder.
    reconstruction_weight : float
        Its weight; at 0 the network computes no reconstruction and there is nothing to add.

    Shape
    -----
    outputs : (logits, output, target), logits (batch, classes), the others (batch, ...);
    y : (batch,), int64; row_weight : (batch,) or None
    """

    def __init__(
        self, reconstruction_loss: ReconstructionLoss, reconstruction_weight: float
    ) -> None:
        super().__init__()
        self.reconstruction_loss = reconstruction_loss
        self.reconstruction_weight = reconstruction_weight

    def forward(
        self, outputs: tuple[Tensor, ...], y: Tensor, row_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the losses of a batch by name."""
        logits, *reconstruction = outputs
        classification = _cross_entropy(logits, y, row_weight)
        if not reconstruction:
            return {"loss": classification, "classification_loss": classification}
        error = self.reconstruction_loss(*reconstruction, row_weight)
        return {
            "loss": classification + self.reconstruction_weight * error,
            "classification_loss": classification,
            "reconstruction_loss": error,
        }


def _cross_entropy(logits: Tensor, y: Tensor, row_weight: Tensor | None) -> Tensor:
    if row_weight is None:
        return F.cross_entropy(logits, y)
    return weighted_mean(F.cross_entropy(logits, y, reduction="none"), row_weight)
