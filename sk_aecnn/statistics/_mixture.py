"""New codes like those of the training rows."""

from __future__ import annotations

import secrets
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state

from sk_aecnn.statistics._robust import rows_in_memory

RandomState = int | np.random.RandomState | None

MOST_CODES = 4096
_MOST_COMPONENTS = 10
_CODES_PER_DIMENSION = 4


@dataclass
class CodeMixture:
    """Draws codes from a mixture of normal distributions fitted to those of training rows.

    Ex-post density estimation of Ghosh et al. (2020, "From variational to deterministic
    autoencoders", sec. 4). The mixtures are fitted when they are first drawn from, one for all
    codes, or one for each class.

    Attributes
    ----------
    codes : ndarray of shape (n_codes, encoding_dim)
        Codes of training rows.
    classes : ndarray of shape (n_codes,) or None
        Their class codes.
    n_rows : dict of int to int
        The rows that the codes of each class stand for; those of None for all of them together.
    """

    codes: np.ndarray
    classes: np.ndarray | None = None
    n_rows: dict[Any, int] = field(default_factory=dict)
    _mixtures: dict[Any, tuple[Any, ...]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Return the codes without the mixtures, which are fitted to them anew, and alike."""
        return self.__dict__ | {"_mixtures": {}}

    def draw(self, n_samples: int, rng: Any, code_class: Any = None) -> np.ndarray:
        """Return codes, shape (n_samples, encoding_dim), like those of a class or of all."""
        if code_class not in self._mixtures:
            self._mixtures[code_class] = self._fit(code_class)
        mixture, mean, scale = self._mixtures[code_class]
        mixture = copy(mixture)
        mixture.random_state = rng
        codes, _ = mixture.sample(n_samples)
        drawn: np.ndarray = rng.permutation(codes) * scale + mean
        return drawn

    def merge(self, other: CodeMixture) -> CodeMixture:
        """Return a mixture of the codes of both, each in proportion to the rows it stands for."""
        if self.classes is None or other.classes is None:
            kept = choose_both(self.codes, self._count(None), other.codes, other._count(None))
            return CodeMixture(kept, None, {None: self._count(None) + other._count(None)})
        present = np.union1d(self.classes, other.classes)
        most = max(1, MOST_CODES // len(present))
        codes, classes, n_rows = [], [], {}
        for label in present:
            mine, theirs = (each.codes[each.classes == label] for each in (self, other))
            counts = self._count(label), other._count(label)
            kept = choose_both(mine, counts[0], theirs, counts[1], most)
            codes.append(kept)
            classes.append(np.full(len(kept), label))
            n_rows[int(label)] = sum(counts)
        return CodeMixture(np.concatenate(codes), np.concatenate(classes), n_rows)

    def _count(self, label: Any) -> int:
        return self.n_rows.get(label if label is None else int(label), 0)

    def has(self, code_class: int) -> bool:
        """Tell whether there are codes of a class."""
        return self.classes is not None and code_class in self.classes

    def _fit(self, code_class: Any) -> tuple[Any, ...]:
        codes = self.codes if code_class is None else self.codes[self.classes == code_class]
        codes = codes.astype(np.float64)
        mean, scale = codes.mean(axis=0), codes.std(axis=0)
        scale[scale == 0] = 1.0
        n_distinct, dim = np.unique(codes, axis=0).shape
        n_components = np.clip(n_distinct // (_CODES_PER_DIMENSION * dim), 1, _MOST_COMPONENTS)
        if len(codes) == 1:
            codes = np.repeat(codes, 2, axis=0)
        mixture = GaussianMixture(int(n_components), tol=1e-2, random_state=0)
        return mixture.fit((codes - mean) / scale), mean, scale


def choose_both(
    one: np.ndarray, n_one: int, other: np.ndarray, n_other: int, most: int = MOST_CODES
) -> np.ndarray:
    """Choose rows of two samples at random, in proportion to the numbers they stand for."""
    rng = np.random.default_rng(n_one + n_other)
    total = min(most, len(one) + len(other))
    n_of_other = round(total * n_other / max(1, n_one + n_other))
    n_of_other = min(len(other), max(n_of_other, total - len(one), min(1, len(other))))
    n_of_one = min(len(one), total - n_of_other)
    parts = [
        codes[np.sort(rng.choice(len(codes), size=size, replace=False))]
        for codes, size in ((one, n_of_one), (other, n_of_other))
    ]
    return np.concatenate(parts)


def choose_rows(
    n_rows: int,
    weight: np.ndarray | None,
    classes: np.ndarray | None,
    most: int = MOST_CODES,
) -> np.ndarray:
    """Choose the rows of which something is kept: all, or at most so many, as many of each class.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    weight : ndarray of shape (n_rows,) or None
        Weights; rows are drawn in proportion to them.
    classes : ndarray of shape (n_rows,) or None
        Class codes; rows of a negative one are left out where there are others.
    most : int
        The most rows.

    Returns
    -------
    index : ndarray of int
    """
    rng = np.random.default_rng(0)
    groups = [np.arange(n_rows)]
    if classes is not None and classes.max() >= 0:
        groups = [np.flatnonzero(classes == code) for code in np.unique(classes[classes >= 0])]
    share = max(1, most // len(groups))
    chosen = []
    for group in groups:
        if weight is not None and np.ptp(weight[group]) > 0:
            odds = weight[group] / weight[group].sum()
            group = rng.choice(group, size=min(len(group), share), p=odds)
        elif len(group) > share:
            group = rng.choice(group, size=share, replace=False)
        chosen.append(group)
    return np.sort(np.concatenate(chosen))


def choose_whole_rows(n_rows: int, n_features: int, weight: np.ndarray | None) -> np.ndarray:
    """Choose the rows of which every feature is looked at: fewer where there are many features."""
    return choose_rows(n_rows, weight, None, min(MOST_CODES, rows_in_memory(n_features)))


def check_n_samples(n_samples: Any) -> int:
    """Return a number of samples to draw, or raise."""
    if isinstance(n_samples, bool) or not isinstance(n_samples, int | np.integer) or n_samples < 1:
        raise ValueError(f"n_samples={n_samples!r} must be an integer of at least 1.")
    return int(n_samples)


def resolve_rng(random_state: Any) -> np.random.RandomState:
    """Return the generator of a ``random_state``; ``None`` takes the system's entropy."""
    seed = secrets.randbits(32) if random_state is None else random_state
    rng: np.random.RandomState = check_random_state(seed)
    return rng
