"""Measures of the rows of many calls, of which those of the latest calls wait to be merged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Protocol, Self, TypeVar

Measure = TypeVar("Measure")

_MOST_WAITING_BYTES = 2**19


class Part(Protocol):
    """What a measure is taken of: that of a call."""

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""


@dataclass(frozen=True)
class Accumulated(ABC, Generic[Measure]):
    """A measure of the rows of many calls. Abstract: subclasses say how it is taken.

    The parts of some calls wait until the measure is asked for, or until they are large enough:
    to merge many at a time takes a small part of the time of one after the other. The measure does
    not depend on whether, and when, somebody asks.

    Attributes
    ----------
    before : object or None
        The measure of earlier calls.
    waiting : tuple
        The parts of later ones.
    """

    before: Measure | None = None
    waiting: tuple[Any, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is measured already and what is not."""
        return {"before": self.before, "waiting": self.waiting}

    def add(self, part: Part, *, waits: bool) -> Self:
        """Return the measure with the part of another call, which may wait or is merged at once."""
        waiting = (*self.waiting, part)
        if waits and sum(each.nbytes for each in waiting) <= _MOST_WAITING_BYTES:
            return replace(self, waiting=waiting)
        return replace(self, before=self._merge(waiting), waiting=())

    @cached_property
    def present(self) -> Measure:
        """The measure of all calls."""
        return self._merge(self.waiting)

    @abstractmethod
    def _merge(self, parts: tuple[Any, ...]) -> Measure:
        """Return the measure of earlier calls with that of parts, which may be none."""
