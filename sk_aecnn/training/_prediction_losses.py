"""The losses of classes and of numbers, and of the agreement of predictions."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn._processes import gather_rows, is_shared
from sk_aecnn.training._objective import Outputs

# the class code of unlabeled rows
UNLABELED_CODE = -1


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
    >>> import torch
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
    >>> import torch
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
    >>> import torch
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
