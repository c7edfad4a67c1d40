"""How far samples deviate from usual ones: by errors and codes, neighbours, and constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sk_aecnn._torch import as_tensor, undisturbed
from sk_aecnn.data._rows import Rows, RowSubset
from sk_aecnn.lifecycle._constant_features import ConstantFeatures
from sk_aecnn.lifecycle._usual import ErrorsAndCodes, UsualSamples
from sk_aecnn.statistics._neighbours import Neighbours, choose_neighbours
from sk_aecnn.statistics._quantiles import weighted_quantile
from sk_aecnn.statistics._robust import choose_rows_for_covariance
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet


@dataclass(frozen=True, eq=False)
class Deviations:
    """What the squared deviations of samples are measured by.

    A sample has the larger one of two: the mean square of its errors and its code, and what its
    distance from its neighbours stands for. A feature that never changed has no unit; another value
    of it adds the largest deviation of all training samples.

    Attributes
    ----------
    usual : UsualSamples
        Usual errors and codes.
    neighbours : Neighbours
        Usual samples.
    constants : ConstantFeatures
        Features that never changed.
    largest : float
        The largest deviation of a training sample.
    """

    usual: UsualSamples
    neighbours: Neighbours
    constants: ConstantFeatures
    largest: float = 0.0

    @classmethod
    def fit(
        cls,
        net: TrainingNet,
        rows: Rows,
        weight: np.ndarray,
        support_fraction: float,
        constants: ConstantFeatures,
    ) -> Deviations:
        """Measure training samples, but for the largest deviation.

        Parameters
        ----------
        net : TrainingNet
            The trained net.
        rows : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
            The samples.
        weight : ndarray of shape (n_samples,)
            Weights of the samples.
        support_fraction : float
            The share of them that are usual.
        constants : ConstantFeatures
            The features that have one value in all of them.
        """
        usual = _measure_usual(net, rows, weight)
        neighbours = _choose_neighbours(net, rows, weight, usual, support_fraction)
        return cls(usual, neighbours, constants)

    def measure(self, net: TrainingNet, rows: Rows) -> np.ndarray:
        """Return the squared deviation of each row."""
        squares = infer(net, "neighbour_distance", rows, **_as_arguments(self.neighbours))
        deviation = infer(net, "deviation", rows, **self.usual.arguments())
        np.maximum(deviation, self.neighbours.deviations(squares), out=deviation)
        # whatever the unit, the change of what never changed is less usual than all that was seen
        deviation += self.constants.find_changes(rows).sum(1) * self.largest
        return deviation

    def measure_by_column(self, net: TrainingNet, rows: Rows) -> np.ndarray:
        """Distribute the squared deviation of each row over its columns."""
        network, usual = net.module_, self.usual.arguments()
        with undisturbed(torch.device(net.device)):
            reference = network.find_usual_input(usual["mean"], usual["whitening"])
        deviation = infer(net, "deviation_by_column", rows, **usual, reference=reference)
        arguments = _as_arguments(self.neighbours)
        squares = infer(net, "neighbour_distance_by_column", rows, **arguments)
        total = squares.sum(1)
        distance = self.neighbours.deviations(total)
        is_farther = (distance > deviation.sum(1)) & (total > 0)
        factor = distance[is_farther] / total[is_farther]
        deviation[is_farther] = squares[is_farther] * factor[:, None]
        changes = np.zeros(rows.shape)
        changes[:, self.constants.is_constant] = self.constants.find_changes(rows)
        changes = network.add_up(as_tensor(changes).to(net.device)).cpu().numpy()
        result: np.ndarray = deviation + changes * self.largest
        return result


def _measure_usual(net: TrainingNet, rows: Rows, weight: np.ndarray) -> UsualSamples:
    """Measure the variances of residuals and the covariance of codes of training rows."""
    index = choose_rows_for_covariance(*rows.shape)
    chosen, weight = RowSubset(rows, as_tensor(index)), weight[index]
    measured = ErrorsAndCodes.infer(net, chosen)
    return UsualSamples.of(measured.squares, measured.codes, weight / weight.mean())


def _choose_neighbours(
    net: TrainingNet,
    rows: Rows,
    weight: np.ndarray,
    usual: UsualSamples,
    support_fraction: float,
) -> Neighbours:
    """Keep usual ones of the training rows, and measure how far they are from each other."""
    index, weight = choose_neighbours(weight, rows.shape[1])
    chosen = RowSubset(rows, as_tensor(index))
    deviation = infer(net, "deviation", chosen, **usual.arguments())
    is_usual = deviation <= weighted_quantile(deviation, weight, support_fraction)
    standardised = infer(net, "standardised", chosen)
    neighbours = Neighbours(standardised[is_usual], weight[is_usual])
    squares = infer(net, "neighbour_distance", chosen, **_as_arguments(neighbours))
    return neighbours.calibrate(squares, deviation, weight)


def _as_arguments(neighbours: Neighbours) -> dict[str, Any]:
    """Return what a network measures distances to neighbours by."""
    most, least = neighbours.count_nearest()
    return {
        "neighbours": as_tensor(neighbours.rows),
        "weight": as_tensor(neighbours.weight),
        "most": most,
        "least": least,
    }
