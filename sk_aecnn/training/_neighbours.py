"""Training rows nearby that probabilities of classes are joined with, where that serves."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sk_aecnn._processes import agree
from sk_aecnn._torch import new_generator
from sk_aecnn.data._batches import RowDataset, resolve
from sk_aecnn.data._rows import SparseRows
from sk_aecnn.nn import InputLayout, MeanProbability, NeighbourClasses, distances
from sk_aecnn.training._held_out import Folds
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import FitPlan

# of the median distance of rows to the nearest other one
_LENGTH_SCALES = (0.1, 0.2, 0.4)
# of the median of what neighbours count for
_PRIORS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_LEAST_PRIOR = 1e-30
# by which, and by how many standard errors, neighbours have to lower the loss
_BETTER = 0.02
_ERRORS = 2.0
# of fewer rows, the loss says little; of more rows or values, predictions would take long
_FEWEST_ROWS = 200
_MOST_ROWS = 20_000
_MOST_VALUES = 2**22
# of which the loss is told at the most, and pairs of these and of all rows
_MOST_TOLD = 2_000
_MOST_PAIRS = 2**24
_ROWS = 1024


class _Told(NamedTuple):
    """Rows that are predicted as if they were not among those that were trained on.

    Attributes
    ----------
    distance : Tensor of shape (n_told, n_rows)
        To all rows, infinite from a row to itself.
    probability : Tensor of shape (n_told, n_classes)
        By the members that have not seen the row.
    y : Tensor of shape (n_told,)
        The class.
    share : Tensor of shape (n_told,)
        In their weight.
    """

    distance: Tensor
    probability: Tensor
    y: Tensor
    share: Tensor


@torch.no_grad()
def join_neighbours(net: TrainingNet, plan: FitPlan) -> None:
    """Join classes of training rows nearby with what is predicted, if held-out rows say so.

    Each of these was held out from a member of the ensemble. How far neighbours reach, and how much
    they count, is what predicts their classes best. Nothing is done if that is not clearly better
    than the members, or where no rows were held out.

    Parameters
    ----------
    net : TrainingNet
        A trained one.
    plan : FitPlan
        What it was trained on.
    """
    if not _can_join(net, plan):
        return
    dataset, _ = resolve(plan.training)
    rows = _standardised(net.module_.layout, dataset, net.device)
    classes = _weigh_classes(dataset, net.module_.n_outputs).to(rows)
    found = agree(_search(_tell(net, plan, rows), classes))
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
    parts = [
        layout.filled(dataset.X.index_select(0, index).to(device))
        for index in torch.split(torch.arange(len(dataset)), _ROWS)
    ]
    return torch.cat(parts)


def _weigh_classes(dataset: RowDataset, n_classes: int) -> Tensor:
    """Return the weight of each row, at its class, (n_rows, n_classes)."""
    assert dataset.y is not None, "classes are predicted"
    weight = torch.ones(len(dataset)) if dataset.row_weight is None else dataset.row_weight
    classes = torch.zeros(len(dataset), n_classes, dtype=weight.dtype)
    return classes.scatter_(1, dataset.y[:, None], weight[:, None])


def _tell(net: TrainingNet, plan: FitPlan, rows: Tensor) -> _Told:
    """Return some of the rows, with what members that have not seen them predict."""
    folds = Folds.of(plan.training)
    n_told = min(_MOST_TOLD, max(1, _MOST_PAIRS // len(rows)))
    told = torch.randperm(len(rows), generator=new_generator(0))[:n_told]
    index = torch.cat(folds.parts)[told]
    distance = distances(rows[index], rows).cpu()
    distance[torch.arange(len(index)), index] = torch.inf
    inverse_temperature = float(net.module_.averaging.inverse_temperature)
    probability = (inverse_temperature * folds.predict(net)[told]).softmax(1)
    share = folds.share[told]
    return _Told(distance, probability, folds.targets[told], share / share.sum())


def _search(told: _Told, classes: Tensor) -> tuple[float, float] | None:
    """Return the length scale and the prior with the lowest loss; None if it is hardly lower."""
    nearest = told.distance.amin(1)
    typical = float(nearest.median()) or float(nearest.mean())
    if typical == 0:
        return None
    at_class = torch.arange(len(told.y)), told.y
    probability = told.probability[at_class]
    loss_without = -probability.log()
    best, excess = None, torch.zeros_like(loss_without)
    for scale in _LENGTH_SCALES:
        near = (torch.exp(told.distance / -(scale * typical)) @ classes.cpu()).double()
        total, of_class = near.sum(1), near[at_class]
        for share in _PRIORS:
            prior = max(_LEAST_PRIOR, share * float(total.median()))
            joined = (prior * probability + of_class) / (prior + total)
            change = -joined.log() - loss_without
            if change @ told.share < excess @ told.share:
                best, excess = (scale * typical, prior), change
    mean = excess @ told.share
    error = ((excess - mean) * told.share).norm()
    is_better = mean < -max(_ERRORS * error, _BETTER * (loss_without @ told.share))
    return best if is_better else None
