"""Which values are missing together, as in training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MissingPatterns:
    """Draws patterns of missing values as often as training rows have them.

    Attributes
    ----------
    missing : ndarray of shape (n_rows, n_columns), bool
        Which values of training rows are missing.
    classes : ndarray of shape (n_rows,) or None
        The class codes of these rows.

    Examples
    --------
    >>> patterns = MissingPatterns(np.array([[True, False], [True, False]]))
    >>> patterns.draw(3, np.random.RandomState(0))
    array([[ True, False],
           [ True, False],
           [ True, False]])
    """

    missing: np.ndarray
    classes: np.ndarray | None = None

    def draw(
        self, n_samples: int, rng: np.random.RandomState, classes: np.ndarray | None = None
    ) -> np.ndarray:
        """Return patterns, shape (n_samples, n_columns), of given classes or of any."""
        if classes is None or self.classes is None:
            return self.missing[rng.randint(len(self.missing), size=n_samples)]
        drawn = np.zeros((n_samples, self.missing.shape[1]), dtype=bool)
        for code_class in np.unique(classes):
            rows = np.flatnonzero(self.classes == code_class)
            at = np.flatnonzero(classes == code_class)
            drawn[at] = self.missing[rng.choice(rows, size=len(at))]
        return drawn
