"""Labels to class codes and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d


def check_labels(y: Any) -> np.ndarray:
    """Return the labels as a 1-d array, or raise where they are no labels."""
    y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    return y


@dataclass(frozen=True)
class ClassLabels:
    """The classes of a problem, sorted; a label's code is its place among them."""

    classes: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray) -> ClassLabels:
        """Collect the classes found in ``y``."""
        labels = cls(np.unique(y))
        if len(labels.classes) < 2:
            raise ValueError(
                f"y holds only 1 class, {labels.classes[0]!r}, among the rows of positive weight; "
                "a classifier needs rows of at least 2 classes."
            )
        return labels

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return the code of each label, int64 of shape (n_samples,)."""
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(
                f"y holds labels that are not among the classes {self.classes.tolist()}: "
                f"{unknown[:5].tolist()}. Name every class the first time, in `classes` or in y."
            )
        return np.searchsorted(self.classes, y).astype(np.int64)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the label of each code."""
        return self.classes[codes]
