"""What is measured of rows when somebody first asks for it, not after every call of a stream."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar


class OnDemand:
    """Attributes that are computed with the first one that is read, once, whoever asks.

    Parameters
    ----------
    compute : callable
        Returns the attributes by name. It is let go of afterwards, with whatever rows it holds.

    Examples
    --------
    >>> attributes = OnDemand(lambda: {"offset_": -1.5})
    >>> attributes.get()
    {'offset_': -1.5}
    >>> attributes.get() is attributes.get()
    True
    """

    def __init__(self, compute: Callable[[], dict[str, Any]]) -> None:
        self._compute: Callable[[], dict[str, Any]] | None = compute
        self._attributes: dict[str, Any] = {}
        self._lock = Lock()

    @property
    def is_known(self) -> bool:
        """Whether somebody has asked."""
        return self._compute is None

    def get(self) -> dict[str, Any]:
        """Return the attributes by name; after an error they are computed anew."""
        with self._lock:
            if self._compute is not None:
                self._attributes, self._compute = self._compute(), None
            return self._attributes


class OnDemandMixin:
    """An estimator some of whose attributes may not be measured yet."""

    # their names
    _ON_DEMAND: ClassVar[tuple[str, ...]] = ()
    _on_demand: OnDemand

    def _forget_measures(self) -> None:
        """Take away what is measured on demand, and what would measure it."""
        for name in (*self._ON_DEMAND, "_on_demand"):
            vars(self).pop(name, None)

    def _measured_attributes(self) -> dict[str, Any]:
        """Return all attributes, with those that are measured on demand, and no rows that wait."""
        attributes = vars(self).copy()  # at once, whatever other threads do
        on_demand: OnDemand | None = attributes.pop("_on_demand", None)
        if on_demand is None:
            return attributes
        return on_demand.get() | attributes | {"_waiting": None}

    if not TYPE_CHECKING:  # or every name would count as an attribute

        def __getattr__(self, name: str) -> Any:
            on_demand = vars(self).get("_on_demand") if name in type(self)._ON_DEMAND else None
            if on_demand is not None and name in on_demand.get():
                return on_demand.get()[name]
            return object.__getattribute__(self, name)  # which says what is wrong
