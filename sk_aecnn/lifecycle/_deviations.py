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
from sk_aecnn.statistics._histograms import LEAST_SURPRISAL, MOST_COUNTED, Histograms
from sk_aecnn.statistics._neighbours import MOST_STORED, Neighbours, choose_compared
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
        stored, counted = (
            _Compared.choose(net, rows, weight, usual, support_fraction, most_values)
            for most_values in (MOST_STORED, MOST_COUNTED)
        )
        neighbours = Neighbours(stored.infer_usual(net, "standardised"), stored.usual_weight)
        histograms = Histograms.of(
            counted.infer_usual(net, "standardised"),
            counted.infer_usual(net, "known_features"),
            counted.usual_weight,
        )
        of_distances = stored.calibrate(net, *_measure_of_neighbours(neighbours))
        of_surprisals = counted.calibrate(net, *_measure_of_values(histograms), LEAST_SURPRISAL)
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
            total = values.sum(1, keepdims=True)
            other = calibration.deviations(total)
            parts = np.where(total > 0, values / np.where(total > 0, total, 1), 1 / values.shape[1])
            is_larger = other > deviation.sum(1, keepdims=True)
            deviation = np.where(is_larger, parts * other, deviation)
        changes = np.zeros(rows.shape)
        changes[:, self.constants.is_constant] = self.constants.find_changes(rows)
        changes = network.add_up(as_tensor(changes).to(net.device)).cpu().numpy()
        result: np.ndarray = deviation + changes * self.largest
        return result

    def _others(self) -> list[tuple[str, dict[str, Any], Calibration]]:
        """Return other measures: a method of networks, what it takes, and what it stands for.

        A method of that name and ``_by_column`` distributes what it returns.
        """
        return [
            (*_measure_of_neighbours(self.neighbours), self.of_distances),
            (*_measure_of_values(self.histograms), self.of_surprisals),
        ]


@dataclass(frozen=True, eq=False)
class _Compared:
    """Some of the training rows, and which of them are usual."""

    rows: RowSubset
    weight: np.ndarray
    deviation: np.ndarray
    is_usual: np.ndarray

    @classmethod
    def choose(
        cls,
        net: TrainingNet,
        rows: Rows,
        weight: np.ndarray,
        usual: UsualSamples,
        support_fraction: float,
        most_values: int,
    ) -> _Compared:
        """Choose rows, of which a share is usual: those with the smallest deviations."""
        index, weight = choose_compared(weight, rows.shape[1], most_values)
        chosen = RowSubset(rows, as_tensor(index))
        deviation = infer(net, "deviation", chosen, **usual.arguments())
        is_usual = deviation <= weighted_quantile(deviation, weight, support_fraction)
        return cls(chosen, weight, deviation, is_usual)

    @property
    def usual_weight(self) -> np.ndarray:
        """The weights of the usual rows."""
        result: np.ndarray = self.weight[self.is_usual]
        return result

    def infer_usual(self, net: TrainingNet, method: str) -> np.ndarray:
        """Return what a method of the network makes of the usual rows."""
        result: np.ndarray = infer(net, method, self.rows)[self.is_usual]
        return result

    def calibrate(
        self, net: TrainingNet, method: str, arguments: dict[str, Any], floor: float = 0.0
    ) -> Calibration:
        """Compare what another method makes of all the rows with their deviations."""
        values = infer(net, method, self.rows, **arguments)
        return Calibration.of(values, self.deviation, self.weight, floor)


def _measure_usual(net: TrainingNet, rows: Rows, weight: np.ndarray) -> UsualSamples:
    """Measure the variances of residuals and the covariance of codes of training rows."""
    index = choose_rows_for_covariance(*rows.shape)
    chosen, weight = RowSubset(rows, as_tensor(index)), weight[index]
    measured = ErrorsAndCodes.infer(net, chosen)
    return UsualSamples.of(measured.squares, measured.codes, weight / weight.mean())


def _measure_of_neighbours(neighbours: Neighbours) -> tuple[str, dict[str, Any]]:
    """Return the method that measures distances, and what it takes beside rows."""
    most, least = neighbours.count_nearest()
    return "neighbour_distance", {
        "neighbours": as_tensor(neighbours.rows),
        "weight": as_tensor(neighbours.weight),
        "most": most,
        "least": least,
    }


def _measure_of_values(histograms: Histograms) -> tuple[str, dict[str, Any]]:
    """Return the method that measures values, and what it takes beside rows."""
    return "surprisal", {
        "low": as_tensor(histograms.low),
        "step": as_tensor(histograms.step),
        "share": as_tensor(histograms.share),
    }
