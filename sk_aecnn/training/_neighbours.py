"""Training rows nearby that probabilities of classes are joined with, where that serves."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from sk_aecnn._processes import agree
from sk_aecnn._torch import new_generator
from sk_aecnn.data._batches import RowDataset
from sk_aecnn.data._rows import SparseRows, chunks
from sk_aecnn.nn import InputLayout, MeanProbability, NeighbourClasses, distances
from sk_aecnn.statistics._quantiles import weighted_quantile
from sk_aecnn.training._held_out import Folds
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import FitPlan

# length scales that are compared, in median distances of a row to the nearest one that differs
_REACHES = (0.1, 0.2, 0.4)
# and priors, in medians of what neighbours count for
_MULTIPLES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
# by which the prior is larger in the end: the mean of members is surer than one of them
_OF_MEAN = 3.0
_LEAST_PRIOR = 1e-30
# share of the loss, and standard errors, that neighbours have to lower it by
_BETTER = 0.02
_ERRORS = 2.0
# of fewer rows, the loss says little; of more rows or values, predictions would take long
_FEWEST_ROWS = 200
_MOST_ROWS = 20_000
_MOST_VALUES = 2**22
# rows whose loss is compared at the most, and pairs of these and of all rows
_MOST_COMPARED = 2_000
_MOST_PAIRS = 2**24


class HeldOut(NamedTuple):
    """Rows that are predicted as if they were not among those that were trained on.

    Attributes
    ----------
    distance : Tensor of shape (n_held_out, n_rows)
        To all rows, infinite from a row to itself.
    probability : Tensor of shape (n_held_out, n_classes)
        By the members that have not seen the row.
    y : Tensor of shape (n_held_out,)
        The class.
    share : Tensor of shape (n_held_out,)
        In their weight.
    """

    distance: Tensor
    probability: Tensor
    y: Tensor
    share: Tensor

    def median(self, values: Tensor) -> float:
        """Return the weighted median of a number for each row."""
        return weighted_quantile(values.numpy(), self.share.numpy(), 0.5)


class _Candidate(NamedTuple):
    """What neighbours change with a length scale and a prior."""

    length_scale: float
    prior: float
    mean: float
    error: float


@torch.no_grad()
def join_neighbours(net: TrainingNet, plan: FitPlan) -> None:
    """Join classes of training rows nearby with what is predicted, if held-out rows say so.

    Each of these was held out from a member of the ensemble. How far neighbours reach, and how much
    they count beside that member, is what predicts their classes best; beside the mean of members
    they count for less. Nothing is done if they do not clearly help a member, or where no rows were
    held out.

    Parameters
    ----------
    net : TrainingNet
        A trained one.
    plan : FitPlan
        What it was trained on.
    """
    if not _can_join(net, plan):
        return
    folds = Folds.of(plan.training)
    rows = _standardised(net.module_.layout, folds.rows, net.device)
    classes = _weigh_classes(folds.rows, net.module_.n_outputs).to(rows)
    found = agree(choose_kernel(_predict_held_out(net, folds, rows), classes.cpu()))
    if found is not None:
        net.module_.neighbours = NeighbourClasses(rows, classes, *found)


def leave_neighbours(net: TrainingNet) -> None:
    """Predict without neighbours: they were chosen beside a network that learns further now."""
    if getattr(net.module_, "neighbours", None) is not None:
        net.module_.neighbours = None


def _can_join(net: TrainingNet, plan: FitPlan) -> bool:
    """Tell whether classes are predicted of rows, neither few nor many, that were held out."""
    options, n_rows = plan.options, len(plan.training)
    if not (options.neighbors and options.n_folds) or isinstance(plan.data.rows, SparseRows):
        return False
    is_classifier = isinstance(net.module_.averaging, MeanProbability)
    n_values = n_rows * plan.geometry.n_features
    return is_classifier and _FEWEST_ROWS <= n_rows <= _MOST_ROWS and n_values <= _MOST_VALUES


def _standardised(layout: InputLayout, dataset: RowDataset, device: str) -> Tensor:
    """Return what a network sees of rows, (n_rows, n_inputs)."""
    return torch.cat([layout.filled(dataset.X[chunk].to(device)) for chunk in chunks(dataset.X)])


def _weigh_classes(dataset: RowDataset, n_classes: int) -> Tensor:
    """Return the weight of each row, at its class, (n_rows, n_classes)."""
    assert dataset.y is not None, "classes are predicted"
    weight = torch.ones(len(dataset)) if dataset.row_weight is None else dataset.row_weight
    classes = torch.zeros(len(dataset), n_classes, dtype=weight.dtype)
    return classes.scatter_(1, dataset.y[:, None], weight[:, None])


def _predict_held_out(net: TrainingNet, folds: Folds, rows: Tensor) -> HeldOut:
    """Return some of the rows, drawn at random, with what the members predict."""
    n_compared = min(_MOST_COMPARED, max(1, _MOST_PAIRS // len(rows)))
    compared = torch.randperm(len(rows), generator=new_generator(0))[:n_compared]
    index = torch.cat(folds.parts)[compared]
    distance = distances(rows[index], rows).cpu()
    distance[torch.arange(len(index)), index] = inf
    inverse_temperature = float(net.module_.averaging.inverse_temperature)
    probability = (inverse_temperature * folds.predict(net)[compared]).softmax(1)
    share = folds.share[compared]
    return HeldOut(distance, probability, folds.targets[compared], share / share.sum())


def choose_kernel(held_out: HeldOut, classes: Tensor) -> tuple[float, float] | None:
    """Return the length scale and the prior of neighbours; None if these do not clearly help.

    Parameters
    ----------
    held_out : HeldOut
        Rows, and how a member that has not seen them predicts them.
    classes : Tensor of shape (n_rows, n_classes)
        The weight of each of all rows, at its class.

    Examples
    --------
    Two places, at each of which rows have one class, and members that cannot tell:

    >>> place = torch.arange(40) % 2
    >>> distance = (place[:, None] - place).abs() + torch.diag(torch.full((40,), inf))
    >>> share, guessed = (
    ...     torch.full((40,), 1 / 40).double(),
    ...     torch.full((40, 2), 0.5).double(),
    ... )
    >>> classes = torch.eye(2)[place]
    >>> choose_kernel(HeldOut(distance, guessed, place, share), classes) is None
    False
    >>> choose_kernel(
    ...     HeldOut(distance, classes.double(), place, share), classes
    ... ) is None
    True
    """
    distance, share = held_out.distance, held_out.share
    nearest = distance.where(distance > 0, inf).amin(1)
    typical = held_out.median(nearest)
    if not typical < inf:
        return None
    at_class = torch.arange(len(held_out.y)), held_out.y
    probability = held_out.probability[at_class].clamp_min(torch.finfo(torch.float64).tiny)
    loss = -probability.log()
    candidates = []
    for reach in _REACHES:
        near = (torch.exp(distance / -(reach * typical)) @ classes).double()
        total, of_class = near.sum(1), near[at_class]
        usual = held_out.median(total)
        for multiple in _MULTIPLES:
            prior = max(_LEAST_PRIOR, multiple * usual)
            change = -((prior * probability + of_class) / (prior + total)).log() - loss
            mean = float(change @ share)
            error = float(((change - mean) * share).norm())
            candidates.append(_Candidate(reach * typical, prior, mean, error))
    best = min(candidates, key=lambda candidate: candidate.mean)
    if best.mean >= -max(_ERRORS * best.error, _BETTER * float(loss @ share)):
        return None
    return best.length_scale, _OF_MEAN * best.prior
