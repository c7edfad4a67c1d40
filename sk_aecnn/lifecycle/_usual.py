"""How usual samples are, by their reconstruction and their code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sk_aecnn._torch import as_tensor
from sk_aecnn.data._rows import Rows, RowSubset
from sk_aecnn.statistics._robust import (
    robust_mean_and_covariance,
    robust_variances,
    sigma_points,
    whitening,
)
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet


@dataclass(frozen=True)
class UsualSamples:
    """Usual errors of columns, and usual codes.

    Attributes
    ----------
    variances : ndarray of shape (n_columns,)
        Usual squared errors, standardised.
    mean : ndarray of shape (encoding_dim,)
        Of usual codes.
    covariance : ndarray of shape (encoding_dim, encoding_dim)
        Of usual codes.
    n_rows : float
        The rows that were looked at.
    """

    variances: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    n_rows: float = 0.0

    @classmethod
    def of(
        cls,
        squares: np.ndarray,
        codes: np.ndarray,
        weight: np.ndarray,
        before: UsualSamples | None = None,
    ) -> UsualSamples:
        """Measure rows, and what was measured in earlier calls, which counts as rows that have it.

        Parameters
        ----------
        squares : ndarray of shape (n_rows, n_columns)
            Squared errors, standardised.
        codes : ndarray of shape (n_rows, encoding_dim)
            Codes.
        weight : ndarray of shape (n_rows,)
            Weights of the rows, one in the mean.
        before : UsualSamples or None
            What was measured before.
        """
        code_weight, n_rows = weight, float(len(weight))
        if before is not None:
            points = sigma_points(before.mean, before.covariance)
            squares = np.concatenate([squares, before.variances[None]])
            codes = np.concatenate([codes, points])
            weight = np.append(weight, before.n_rows)
            code_weight = np.append(code_weight, np.full(len(points), before.n_rows / len(points)))
            n_rows += before.n_rows
        variances = robust_variances(squares, weight)
        return cls(variances, *robust_mean_and_covariance(codes, code_weight), n_rows)

    def arguments(self) -> dict[str, Tensor]:
        """Return what a network measures deviations by."""
        return {
            "variances": as_tensor(self.variances),
            "mean": as_tensor(self.mean),
            "whitening": as_tensor(whitening(self.covariance)),
        }

    def score(self, net: TrainingNet, rows: Rows) -> np.ndarray:
        """Return minus the mean squared deviation of each row."""
        return -infer(net, "deviation", rows, **self.arguments())


@dataclass(frozen=True)
class ErrorsAndCodes:
    """What usual samples are told from.

    Attributes
    ----------
    squares : ndarray of shape (n_rows, n_columns)
        Squared errors, standardised.
    codes : ndarray of shape (n_rows, encoding_dim)
        Codes.
    """

    squares: np.ndarray
    codes: np.ndarray

    @classmethod
    def infer(cls, net: TrainingNet, rows: Rows | RowSubset) -> ErrorsAndCodes:
        """Return what a net makes of rows."""
        both = infer(net, "error_and_code", rows)
        return cls(*np.split(both, [-net.module_.encoding_dim], axis=1))
