"""Which values are missing together, as in training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sk_aecnn.statistics._mixture import choose_both


@dataclass(frozen=True)
class MissingPatterns:
    """Draws patterns of missing values as often as training rows have them.

    Attributes
    ----------
    missing : ndarray of shape (n_rows, n_columns), bool
        Which values of training rows are missing.
    classes : ndarray of shape (n_rows,) or None
        The class codes of these rows.
    n_seen : int
        The rows that these stand for.

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
    n_seen: int = 0

    def merge(self, other: MissingPatterns) -> MissingPatterns:
        """Return the patterns of both, each in proportion to the rows it stands for."""
        mine, n_mine = np.arange(len(self.missing)), len(self.missing)
        theirs = n_mine + np.arange(len(other.missing))
        kept = choose_both(mine, self.n_seen, theirs, other.n_seen)
        missing, classes = np.concatenate([self.missing, other.missing])[kept], None
        if self.classes is not None and other.classes is not None:
            classes = np.concatenate([self.classes, other.classes])[kept]
        return MissingPatterns(missing, classes, self.n_seen + other.n_seen)

    def draw(
        self, n_samples: int, rng: np.random.RandomState, classes: np.ndarray | None = None
    ) -> np.ndarray:
        """Return patterns, shape (n_samples, n_columns), of given classes or of any."""
        if classes is None or self.classes is None:
            return self.missing[rng.randint(len(self.missing), size=n_samples)]
        drawn = np.zeros((n_samples, self.missing.shape[1]), dtype=bool)
        for code_class in np.unique(classes):
            rows = np.flatnonzero(self.classes == code_class)
            if len(rows) == 0:  # none of those that are kept
                rows = np.arange(len(self.missing))
            at = np.flatnonzero(classes == code_class)
            drawn[at] = self.missing[rng.choice(rows, size=len(at))]
        return drawn
