"""The losses of reconstructions, and what constants have as such."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn._processes import gather_rows, is_shared
from sk_aecnn.data._rows import Rows, chunks
from sk_aecnn.training._objective import Outputs, mean_of_rows, weighted_mean

_LEAST_PROBABILITY = 1e-7
_LEAST_VARIANCE = 1e-6

RECONSTRUCTION_LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": F.mse_loss,
    "bce": F.binary_cross_entropy_with_logits,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
}
# what the parameter ``reconstruction_loss`` may be: a name, a class or a function
Elementwise = str | type[nn.Module] | Callable[..., Tensor]


class ReconstructionLoss(nn.Module):
    """The reconstruction error over that of the training mean, a weighted mean over rows.

    Parameters
    ----------
    loss : str, nn.Module class or callable
        A name among ``RECONSTRUCTION_LOSSES``; a class that takes ``reduction="none"``; or a
        function of (output, target) that returns one loss per element.
    baseline : float
        The error of the constant prediction, by which every error is divided.
    trimmed : float
        Share of every batch, that of the rows with the largest errors, which is left out: least
        trimmed squares (Rousseeuw 1984, "Least median of squares regression", sec. 4), where
        outliers are among the rows.
    masked : bool
        Whether values may be missing, NaN in the target: they count nowhere.

    Shape
    -----
    output, target : (batch, ...), the same; category_error, category_known : (batch, n_groups),
    where there are categories; feature_weight : (n_features,), where some features stand for
    others; row_weight : (batch,) or None; result : ()

    Examples
    --------
    >>> loss = ReconstructionLoss("mse", baseline=4.0)
    >>> loss({"output": torch.zeros(2, 3), "target": torch.full((2, 3), 2.0)})
    tensor(1.)
    """

    def __init__(
        self,
        loss: Elementwise,
        baseline: float = 1.0,
        trimmed: float = 0.0,
        masked: bool = False,
    ) -> None:
        super().__init__()
        self.elementwise = resolve_elementwise(loss)
        self.baseline = baseline
        self.trimmed = trimmed
        self.masked = masked

    def forward(self, outputs: Outputs, y: Any = None, row_weight: Tensor | None = None) -> Tensor:
        """Return the relative error of a batch."""
        if self.masked or "category_error" in outputs:
            return self._of_known(outputs, row_weight)
        output, target = outputs["output"], outputs["target"]
        feature_weight = outputs.get("feature_weight")
        is_plain = row_weight is None and feature_weight is None
        if is_plain and self.trimmed == 0 and not is_shared():
            return self.elementwise(output, target) / self.baseline
        losses = self.elementwise(output, target, reduction="none")
        if feature_weight is not None:
            losses = losses * feature_weight
        losses = losses.flatten(1).mean(1)
        weight = torch.ones_like(losses) if row_weight is None else row_weight
        losses, weight = gather_rows(losses, weight)
        if self.trimmed > 0:
            weight = trimmed_weights(losses.detach(), weight, 1 - self.trimmed)
        return weighted_mean(losses, weight) / self.baseline

    def _of_known(self, outputs: Outputs, row_weight: Tensor | None) -> Tensor:
        """Return the relative error of what is known in a batch."""
        losses, counted = known_losses(self.elementwise, outputs["output"], outputs["target"])
        if "category_error" in outputs:
            losses = losses + outputs["category_error"].sum(1)
            counted = counted + outputs["category_known"].sum(1)
        weight = torch.ones_like(losses) if row_weight is None else row_weight
        losses, counted, weight = gather_rows(losses, counted, weight)
        if self.trimmed > 0:
            means = losses.detach() / counted.clamp_min(1)
            weight = trimmed_weights(means, weight, 1 - self.trimmed)
        return (losses * weight).sum() / counted.sum().clamp_min(1) / self.baseline


def trimmed_weights(losses: Tensor, row_weight: Tensor, share: float) -> Tensor:
    """Move the weight of all rows to those with the least losses, a share of the weight.

    Examples
    --------
    >>> trimmed_weights(torch.tensor([3.0, 1.0, 9.0, 2.0]), torch.ones(4), 0.5)
    tensor([0., 2., 0., 2.])
    """
    order = losses.argsort(stable=True)
    ordered = row_weight[order]
    left = share * ordered.sum() - (ordered.cumsum(0) - ordered)
    kept = left.clamp_min(0).minimum(ordered)
    return torch.empty_like(kept).index_copy_(0, order, kept / share)


class LikelihoodLoss(nn.Module):
    r"""Minus the log-likelihood of the decoded draws, in nats per feature.

    Probabilities are compared by cross-entropy. Other outputs are the means of a normal
    distribution with one variance, the best one for the batch, its mean squared error :math:`m`,
    so that the loss is :math:`\tfrac12 \ln(2 \pi e m)` (Rybkin, Daniilidis & Levine 2021, "Simple
    and effective VAE training with calibrated decoders", eq. 7).

    Parameters
    ----------
    probabilities : bool
        Whether outputs are the logits of probabilities.
    masked : bool
        Whether values may be missing, NaN in the target: they count nowhere.

    Shape
    -----
    output, target : (batch, ...), the same; category_nats, category_known : (batch, n_groups),
    where there are categories; row_weight : (batch,) or None; result : ()
    """

    def __init__(self, probabilities: bool, masked: bool = False) -> None:
        super().__init__()
        self.masked = masked
        self.elementwise = F.binary_cross_entropy_with_logits if probabilities else F.mse_loss
        self.probabilities = probabilities

    def forward(self, outputs: Outputs, y: Any = None, row_weight: Tensor | None = None) -> Tensor:
        """Return minus the log-likelihood of a batch."""
        if self.masked or "category_nats" in outputs:
            return self._of_known(outputs, row_weight)
        losses = self.elementwise(outputs["output"], outputs["target"], reduction="none")
        mean = mean_of_rows(losses.flatten(1).mean(1), row_weight)
        return mean if self.probabilities else _normal_entropy(mean)

    def _of_known(self, outputs: Outputs, row_weight: Tensor | None) -> Tensor:
        """Return minus the log-likelihood of what is known in a batch, numbers and categories."""
        losses, counted = known_losses(self.elementwise, outputs["output"], outputs["target"])
        weight = torch.ones_like(losses) if row_weight is None else row_weight
        losses, counted = gather_rows(losses * weight, counted)
        n_numbers = n_known = counted.sum()
        total = losses.sum()
        if not self.probabilities:
            total = n_numbers * _normal_entropy(total / n_numbers.clamp_min(1))
        if "category_nats" in outputs:
            nats = outputs["category_nats"].sum(1) * weight
            nats, counted = gather_rows(nats, outputs["category_known"].sum(1))
            total = total + nats.sum()
            n_known = n_known + counted.sum()
        return total / n_known.clamp_min(1)


def _normal_entropy(variance: Tensor) -> Tensor:
    return (2 * torch.pi * torch.e * variance.clamp_min(_LEAST_VARIANCE)).log() / 2


def known_losses(
    elementwise: Callable[..., Tensor], output: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the sum of losses of each row and their number, of targets that are not NaN.

    Examples
    --------
    >>> target = torch.tensor([[2.0, torch.nan]])
    >>> known_losses(F.mse_loss, torch.zeros(1, 2), target)
    (tensor([4.]), tensor([1.]))
    """
    missing = target.isnan()
    losses = elementwise(output, target.masked_fill(missing, 0), reduction="none")
    losses = losses.masked_fill(missing, 0).flatten(1).sum(1)
    return losses, (~missing).flatten(1).sum(1).to(losses.dtype)


def constant_error(
    loss: Elementwise,
    constant: Tensor,
    rows: Rows,
    target: Callable[[Tensor], Tensor] | None,
    row_weight: Tensor | None = None,
    features: Tensor | None = None,
) -> float:
    """Return the mean error of predicting the same constants for every row.

    Parameters
    ----------
    loss : str, nn.Module class or callable
        As for `ReconstructionLoss`.
    constant : Tensor of shape (n_features,)
        The mean of the targets; probabilities for ``"bce"``.
    rows : Tensor of shape (n_samples, n_features)
        Training rows; NaN counts nowhere.
    target : callable or None
        Rows to targets.
    row_weight : Tensor of shape (n_samples,) or None
        Weights.
    features : Tensor of shape (n_counted,), int64, or None
        The features that count; all for ``None``.
    """
    elementwise = resolve_elementwise(loss)
    if loss == "bce":
        constant = constant.logit(eps=_LEAST_PROBABILITY)
    total = weights = 0.0
    for chunk in chunks(rows):
        x = (rows[chunk] if target is None else target(rows[chunk])).flatten(1).double()
        w = x.new_ones(len(x)) if row_weight is None else row_weight[chunk].double()
        expected = constant.expand_as(x)
        if features is not None:
            x, expected = x.index_select(1, features), expected.index_select(1, features)
        known = ~x.isnan()
        if known.all():
            losses = elementwise(expected, x, reduction="none")
            total += float(w @ losses.mean(1))
            weights += float(w.sum())
        else:
            losses, counted = known_losses(elementwise, expected, x)
            total += float(w @ losses) / x.shape[1]
            weights += float(w @ counted) / x.shape[1]
    return total / weights if weights > 0 else 0.0


def resolve_elementwise(
    loss: Elementwise,
) -> Callable[..., Tensor]:
    """Turn the name, class or function of a loss into a function of (output, target)."""
    if isinstance(loss, str):
        return RECONSTRUCTION_LOSSES[loss]
    if isinstance(loss, type):
        try:
            built: Callable[..., Tensor] = loss(reduction="none")
        except TypeError as error:
            raise ValueError(
                f"reconstruction_loss={loss!r} cannot be called with reduction='none' ({error}). "
                "Pass a loss class of torch.nn, or a function of (output, target)."
            ) from error
        return _ByReduction(built)
    return _ByReduction(loss)


class _ByReduction:
    """Give a user's elementwise loss the ``reduction`` argument of torch's functions."""

    def __init__(self, elementwise: Callable[..., Tensor]) -> None:
        self.elementwise = elementwise

    def __call__(self, output: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        try:
            losses = self.elementwise(output, target)
        except TypeError as error:
            raise ValueError(
                f"reconstruction_loss={self.elementwise!r} cannot be called with (output, target): "
                f"{error}."
            ) from error
        if getattr(losses, "shape", None) != target.shape:
            raise ValueError(
                f"reconstruction_loss={self.elementwise!r} returned a tensor of shape "
                f"{tuple(getattr(losses, 'shape', ()))} for inputs of shape "
                f"{tuple(target.shape)}. It must return one loss per element, of the shape of its "
                "inputs (no reduction)."
            )
        return losses.mean() if reduction == "mean" else losses
