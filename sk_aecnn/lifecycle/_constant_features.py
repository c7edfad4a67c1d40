"""Features that had one value in all training samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sk_aecnn.data._rows import Rows, chunks
from sk_aecnn.nn import column_moments


@dataclass(frozen=True, eq=False)
class ConstantFeatures:
    """Which features never changed, and what they were.

    Attributes
    ----------
    is_constant : ndarray of shape (n_features,), bool
        Which ones.
    value : ndarray of shape (n_features,), float64
        Their values; those of other features mean nothing.
    """

    is_constant: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, rows: Rows) -> ConstantFeatures:
        """Return those of rows.

        Examples
        --------
        >>> import torch
        >>> ConstantFeatures.of(torch.tensor([[1.0, 2.0], [1.0, 3.0]])).is_constant
        array([ True, False])
        """
        moments = column_moments(rows)
        return cls((moments.extent == 0).numpy(), moments.low.numpy())

    def common(self, other: ConstantFeatures) -> ConstantFeatures:
        """Return those that have the same value in further rows."""
        same = self.is_constant & other.is_constant & (self.value == other.value)
        return ConstantFeatures(same, self.value)

    @property
    def index(self) -> np.ndarray:
        """The constant features."""
        return np.flatnonzero(self.is_constant)

    @property
    def rounding(self) -> np.ndarray:
        """How far from its value each of them may be: as far as single precision rounds."""
        result: np.ndarray = np.finfo(np.float32).eps * np.abs(self.value[self.index])
        return result

    def find_changes(self, rows: Rows) -> np.ndarray:
        """Tell which of them have another value in a row, (n_rows, n_constants).

        Examples
        --------
        >>> import torch
        >>> constants = ConstantFeatures.of(torch.tensor([[1.0, 2.0], [1.0, 3.0]]))
        >>> constants.find_changes(torch.tensor([[1.0, 9.0], [1.5, 2.0]]))
        array([[False],
               [ True]])
        """
        index = self.index
        if len(index) == 0:
            return np.zeros((len(rows), 0), dtype=bool)
        changes = [
            np.abs(rows[chunk].numpy()[:, index].astype(np.float64) - self.value[index])
            > self.rounding
            for chunk in chunks(rows)
        ]
        result: np.ndarray = np.concatenate(changes)
        return result
