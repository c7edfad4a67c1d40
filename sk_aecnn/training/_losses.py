r"""The objective: what the networks are trained to make small.

.. math:: J = L_\text{task} + \lambda \, R + \text{penalties}, \qquad
          R = \frac{\text{reconstruction error}}{\text{error of the training mean}}

Dividing by the error of the constant prediction makes :math:`R` unit-free: 0 is perfect, 1 is as
bad as the mean of the training data, whatever their scale, so that one weight :math:`\lambda`
serves images and tables alike. For the squared error the divisor is the variance.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn._processes import gather_rows, is_shared
from sk_aecnn.data._rows import Rows, chunks
from sk_aecnn.nn import divergence_from_normal

__all__ = [
    "RECONSTRUCTION_LOSSES",
    "UNLABELED_CODE",
    "ClassificationLoss",
    "ConsistencyLoss",
    "DivergenceLoss",
    "LikelihoodLoss",
    "Objective",
    "ReconstructionLoss",
    "RegressionLoss",
    "SparsityPenalty",
    "TemperatureSoftmax",
]

# the class code of unlabeled rows
UNLABELED_CODE = -1

Outputs = dict[str, Tensor]

_LEAST_PROBABILITY = 1e-7
_LEAST_VARIANCE = 1e-6

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


def constant_error(
    loss: str | type[nn.Module] | Callable[..., Tensor],
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


def weighted_mean(losses: Tensor, row_weight: Tensor) -> Tensor:
    """Average one loss per row with weights whose mean over the training rows is one."""
    return (losses * row_weight).sum() / len(losses)


def mean_of_rows(losses: Tensor, row_weight: Tensor | None) -> Tensor:
    """Average one loss per row of a batch, of all of it where processes share it."""
    if row_weight is None:
        (losses,) = gather_rows(losses)
        return losses.mean()
    return weighted_mean(*gather_rows(losses, row_weight))


class Objective(nn.Module):
    """A weighted sum of losses; each is reported apart, by name.

    Parameters
    ----------
    terms : dict of str to nn.Module
        Losses by name, each a function of (outputs of the network, targets, row weights).
    weights : dict of str to float
        Their weights; 1 where none is given.

    Shape
    -----
    outputs : dict of (batch, ...); y : (batch, ...); row_weight : (batch,) or None; results : ()
    """

    def __init__(self, terms: dict[str, nn.Module], weights: dict[str, float]) -> None:
        super().__init__()
        self.terms = nn.ModuleDict(terms)
        self.weights = weights

    def forward(
        self, outputs: Outputs, y: Tensor, row_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the losses of a batch, ``"loss"``, their sum, first."""
        losses = {name: term(outputs, y, row_weight) for name, term in self.terms.items()}
        first, *others = (self._weigh(name, loss) for name, loss in losses.items())
        return {"loss": sum(others, start=first), **losses}

    def _weigh(self, name: str, loss: Tensor) -> Tensor:
        weight = self.weights.get(name, 1.0)
        return loss if weight == 1 else weight * loss


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
    where there are categories; row_weight : (batch,) or None; result : ()

    Examples
    --------
    >>> loss = ReconstructionLoss("mse", baseline=4.0)
    >>> loss({"output": torch.zeros(2, 3), "target": torch.full((2, 3), 2.0)})
    tensor(1.)
    """

    def __init__(
        self,
        loss: str | type[nn.Module] | Callable[..., Tensor],
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
        if row_weight is None and self.trimmed == 0 and not is_shared():
            return self.elementwise(output, target) / self.baseline
        losses = self.elementwise(output, target, reduction="none").flatten(1).mean(1)
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


class TemperatureSoftmax:
    """From logits to probabilities, for networks that were trained on smoothed labels.

    Such a network is right more often, but less sure than it is right. How much less is a matter of
    experience: with this factor, the log-loss on new rows is mostly lower than without smoothing.

    Parameters
    ----------
    label_smoothing : float
        That of `ClassificationLoss`.

    Examples
    --------
    >>> TemperatureSoftmax(0.1).inverse_temperature
    1.5
    >>> TemperatureSoftmax(0.0)(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    def __init__(self, label_smoothing: float) -> None:
        self.inverse_temperature = 1 + 5 * label_smoothing

    def __call__(self, logits: Tensor) -> Tensor:
        """Return the probabilities of logits, (batch, classes)."""
        return (self.inverse_temperature * logits).softmax(1)


def mean_of_members(
    losses: Tensor, counted: Tensor, outputs: Outputs, row_weight: Tensor | None
) -> Tensor:
    """Average the losses of members over those and over the rows that count.

    Shape
    -----
    losses, counted : (batch, members); row_weight : (batch,) or None; result : ()
    """
    if "member_weight" in outputs:
        losses = losses * outputs["member_weight"]
    if row_weight is not None:
        losses = losses * row_weight[:, None]
    losses, counted = gather_rows(losses, counted)
    return losses.sum() / counted.sum().clamp_min(1)


class ClassificationLoss(nn.Module):
    """Cross-entropy of the labeled rows: in training, the mean over the members of an ensemble.

    Parameters
    ----------
    all_labeled : bool
        Whether there are labeled rows in every batch; otherwise every batch is checked.
    label_smoothing : float
        Share of a label that goes to all classes in equal parts (Szegedy et al. 2016, "Rethinking
        the Inception architecture for computer vision", section 7).

    Shape
    -----
    prediction : (batch, classes), logits; y : (batch,), int64; row_weight : (batch,) or None;
    result : ()

    Examples
    --------
    >>> logits = torch.tensor([[0.0, 0.0], [9.0, 0.0]])
    >>> ClassificationLoss()({"prediction": logits}, torch.tensor([1, UNLABELED_CODE]))
    tensor(0.6931)
    """

    def __init__(self, all_labeled: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.all_labeled = all_labeled
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Outputs, y: Tensor, row_weight: Tensor | None = None) -> Tensor:
        """Return the cross-entropy of a batch, 0 where no row is labeled."""
        if self.training and "members" in outputs:
            losses = self.measure(outputs["members"], y, self.label_smoothing)
            counted = (y != UNLABELED_CODE)[:, None].expand_as(losses)
            return mean_of_members(losses, counted, outputs, row_weight)
        measure = partial(
            F.cross_entropy,
            outputs["prediction"],
            y,
            ignore_index=UNLABELED_CODE,
            label_smoothing=self.label_smoothing,
        )
        is_plain = row_weight is None and not is_shared()
        if is_plain and (self.all_labeled or (y != UNLABELED_CODE).any()):
            return measure()
        losses = measure(reduction="none")
        if row_weight is not None:
            losses = losses * row_weight
        losses, labeled = gather_rows(losses, y != UNLABELED_CODE)
        return losses.sum() / labeled.sum().clamp_min(1)

    @staticmethod
    def measure(logits: Tensor, y: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Return the cross-entropy of every member, (batch, members), 0 of unlabeled rows."""
        losses: Tensor = F.cross_entropy(
            logits.transpose(1, 2),
            y[:, None].expand(logits.shape[:2]),
            ignore_index=UNLABELED_CODE,
            reduction="none",
            label_smoothing=label_smoothing,
        )
        return losses


class RegressionLoss(nn.Module):
    """Squared error of the targets that are known, those that are not NaN.

    In training, it is the mean over the members of an ensemble.

    Shape
    -----
    prediction, y : (batch, targets); row_weight : (batch,) or None; result : ()

    Examples
    --------
    >>> y = torch.tensor([[2.0], [torch.nan]])
    >>> RegressionLoss()({"prediction": torch.zeros(2, 1)}, y)
    tensor(4.)
    """

    def forward(self, outputs: Outputs, y: Tensor, row_weight: Tensor | None = None) -> Tensor:
        """Return the squared error of a batch, 0 where no target is known."""
        known = ~y.isnan()
        if self.training and "members" in outputs:
            losses = self.measure(outputs["members"], y)
            counted = known.sum(1, keepdim=True).expand_as(losses)
            return mean_of_members(losses, counted, outputs, row_weight)
        losses = (outputs["prediction"] - y.where(known, 0)).square().where(known, 0)
        if row_weight is not None:
            losses = losses * row_weight[:, None]
        losses, known = gather_rows(losses, known)
        return losses.sum() / known.sum().clamp_min(1)

    @staticmethod
    def measure(predictions: Tensor, y: Tensor) -> Tensor:
        """Return the squared error of every member over targets, (batch, members)."""
        known = ~y.isnan()
        errors = (predictions - y.where(known, 0)[:, None]).square()
        return errors.where(known[:, None], 0).sum(2)


class ConsistencyLoss(nn.Module):
    """Cross-entropy of corrupted rows against the network's own confident answer on the clean ones.

    Only rows without a class count, and of these only the ones whose class has a probability above
    ``confidence`` when the row is clean (Sohn et al. 2020, "FixMatch", eq. 4, with noise in place
    of augmentation).

    Parameters
    ----------
    confidence : float
        The least probability of an answer that is taken for a class.
    label_smoothing : float
        As in `ClassificationLoss`; the probability is the one that is predicted with it.

    Shape
    -----
    prediction : (batch, classes), of the clean rows; corrupted : (unlabelled, classes), of the
    corrupted ones in the same order; y : (batch,), int64; row_weight : (batch,) or None; result :
    ()
    """

    def __init__(self, confidence: float = 0.95, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.confidence = confidence
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Outputs, y: Tensor, row_weight: Tensor | None = None) -> Tensor:
        """Return the disagreement of a batch, 0 where nothing was corrupted."""
        if "corrupted" not in outputs:
            return outputs["prediction"].new_zeros(())
        unlabeled = y == UNLABELED_CODE
        clean = outputs["prediction"].detach()[unlabeled]
        probability, answer = TemperatureSoftmax(self.label_smoothing)(clean).max(1)
        losses = F.cross_entropy(
            outputs["corrupted"], answer, reduction="none", label_smoothing=self.label_smoothing
        )
        losses = losses * (probability > self.confidence)
        if row_weight is not None:
            losses = losses * row_weight[unlabeled]
        of_rows = losses.new_zeros(len(y)).masked_scatter(unlabeled, losses)
        of_rows, counted = gather_rows(of_rows, unlabeled)
        return of_rows.sum() / counted.sum().clamp_min(1)


class SparsityPenalty(nn.Module):
    r"""The sparseness of codes, from 0 (one unit alone is active) to 1 (all are alike).

    :math:`(\lVert z \rVert_1 / \lVert z \rVert_2 - 1) / (\sqrt k - 1)` for a code :math:`z` of
    :math:`k` numbers, one minus the sparseness of Hoyer (2004, "Non-negative matrix factorization
    with sparseness constraints", sec. 3.1). It does not change when a code is multiplied by a
    constant, so it cannot be made small by shrinking the code.

    Shape
    -----
    code : (batch, encoding_dim); row_weight : (batch,) or None; result : ()

    Examples
    --------
    >>> penalty = SparsityPenalty()
    >>> penalty({"code": torch.eye(4)}), penalty({"code": torch.ones(3, 4)})
    (tensor(0.), tensor(1.))
    """

    def forward(self, outputs: Outputs, y: Any = None, row_weight: Tensor | None = None) -> Tensor:
        """Return the mean over the rows of a batch."""
        code = outputs["code"]
        norm = (code.square().sum(1) + torch.finfo(code.dtype).tiny).sqrt()
        most = (code.shape[1] ** 0.5 - 1) or 1.0
        losses = ((code.abs().sum(1) / norm).clamp_min(1) - 1) / most
        return mean_of_rows(losses, row_weight)


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


class DivergenceLoss(nn.Module):
    """The divergence of the codes from the prior, in nats per feature.

    Parameters
    ----------
    n_features : int
        Number of values in a sample.
    warm_up : float
        Share of training over which the loss rises to its full size, linearly.

    Attributes
    ----------
    progress : float
        Share of training that is done; set by whoever trains.

    Shape
    -----
    mean, deviation : (batch, encoding_dim); row_weight : (batch,) or None; result : ()
    """

    def __init__(self, n_features: int, warm_up: float) -> None:
        super().__init__()
        self.n_features = n_features
        self.warm_up = warm_up
        self.progress = 1.0

    def forward(self, outputs: Outputs, y: Any = None, row_weight: Tensor | None = None) -> Tensor:
        """Return the divergence of a batch, times the share that warm-up has reached."""
        losses = divergence_from_normal(outputs["mean"], outputs["deviation"]).sum(1)
        mean = mean_of_rows(losses, row_weight)
        share = 1.0
        if self.training and self.warm_up > 0:
            share = min(1.0, self.progress / self.warm_up)
        return share * mean / self.n_features
