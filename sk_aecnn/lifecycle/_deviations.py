"""How far samples deviate from usual ones, in several ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sk_aecnn._torch import as_tensor, undisturbed
from sk_aecnn.data._rows import Rows, RowSubset
from sk_aecnn.lifecycle._constant_features import ConstantFeatures
from sk_aecnn.lifecycle._usual import ErrorsAndCodes, UsualSamples
from sk_aecnn.statistics._calibration import Calibration
from sk_aecnn.statistics._histograms import Histograms
from sk_aecnn.statistics._neighbours import Neighbours, choose_neighbours
from sk_aecnn.statistics._quantiles import weighted_quantile
from sk_aecnn.statistics._robust import choose_rows_for_covariance
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet


@dataclass(frozen=True, eq=False)
class Deviations:
    """What the squared deviations of samples are measured by.

    A sample has the largest one of three: the mean square of its errors and its code, and what its
    distance from its neighbours and the rarity of its values stand for. A feature that never
    changed has no unit; another value of it adds the largest deviation of all training samples.

    Attributes
    ----------
    usual : UsualSamples
        Usual errors and codes.
    neighbours : Neighbours
        Usual samples.
    of_distances : Calibration
        What squared distances from neighbours stand for.
    histograms : Histograms
        Usual values of each feature.
    of_surprisals : Calibration
        What the rarity of values stands for.
    constants : ConstantFeatures
        Features that never changed.
    largest : float
        The largest deviation of a training sample.
    """

    usual: UsualSamples
    neighbours: Neighbours
    of_distances: Calibration
    histograms: Histograms
    of_surprisals: Calibration
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
        index, weight = choose_neighbours(weight, rows.shape[1])
        chosen = RowSubset(rows, as_tensor(index))
        deviation = infer(net, "deviation", chosen, **usual.arguments())
        is_usual = deviation <= weighted_quantile(deviation, weight, support_fraction)
        standardised, known = (
            infer(net, method, chosen)[is_usual] for method in ("standardised", "known_features")
        )
        neighbours = Neighbours(standardised, weight[is_usual])
        histograms = Histograms.of(standardised, known, weight[is_usual])
        of_distances, of_surprisals = (
            Calibration.of(infer(net, method, chosen, **arguments), deviation, weight)
            for method, arguments in _other_measures(neighbours, histograms)
        )
        return cls(usual, neighbours, of_distances, histograms, of_surprisals, constants)

    def measure(self, net: TrainingNet, rows: Rows) -> np.ndarray:
        """Return the squared deviation of each row."""
        deviation = infer(net, "deviation", rows, **self.usual.arguments())
        for method, arguments, calibration in self._others():
            values = infer(net, method, rows, **arguments)
            np.maximum(deviation, calibration.deviations(values), out=deviation)
        # whatever the unit, the change of what never changed is less usual than all that was seen
        deviation += self.constants.find_changes(rows).sum(1) * self.largest
        return deviation

    def measure_by_column(self, net: TrainingNet, rows: Rows) -> np.ndarray:
        """Distribute the squared deviation of each row over its columns."""
        network, usual = net.module_, self.usual.arguments()
        with undisturbed(torch.device(net.device)):
            reference = network.find_usual_input(usual["mean"], usual["whitening"])
        deviation = infer(net, "deviation_by_column", rows, **usual, reference=reference)
        for method, arguments, calibration in self._others():
            values = infer(net, f"{method}_by_column", rows, **arguments)
            total = values.sum(1)
            other = calibration.deviations(total)
            is_larger = (other > deviation.sum(1)) & (total > 0)
            factor = other[is_larger] / total[is_larger]
            deviation[is_larger] = values[is_larger] * factor[:, None]
        changes = np.zeros(rows.shape)
        changes[:, self.constants.is_constant] = self.constants.find_changes(rows)
        changes = network.add_up(as_tensor(changes).to(net.device)).cpu().numpy()
        result: np.ndarray = deviation + changes * self.largest
        return result

    def _others(self) -> list[tuple[str, dict[str, Any], Calibration]]:
        """Return other measures, as `_other_measures`, and what they stand for."""
        measures = _other_measures(self.neighbours, self.histograms)
        calibrations = self.of_distances, self.of_surprisals
        return [
            (*one, calibration) for one, calibration in zip(measures, calibrations, strict=True)
        ]


def _measure_usual(net: TrainingNet, rows: Rows, weight: np.ndarray) -> UsualSamples:
    """Measure the variances of residuals and the covariance of codes of training rows."""
    index = choose_rows_for_covariance(*rows.shape)
    chosen, weight = RowSubset(rows, as_tensor(index)), weight[index]
    measured = ErrorsAndCodes.infer(net, chosen)
    return UsualSamples.of(measured.squares, measured.codes, weight / weight.mean())


def _other_measures(
    neighbours: Neighbours, histograms: Histograms
) -> list[tuple[str, dict[str, Any]]]:
    """Return what else measures rows: a method of networks, and what it takes beside rows.

    A method of that name and ``_by_column`` distributes what it returns.
    """
    most, least = neighbours.count_nearest()
    of_neighbours = {
        "neighbours": as_tensor(neighbours.rows),
        "weight": as_tensor(neighbours.weight),
        "most": most,
        "least": least,
    }
    of_histograms = {name: as_tensor(values) for name, values in vars(histograms).items()}
    return [("neighbour_distance", of_neighbours), ("surprisal", of_histograms)]
