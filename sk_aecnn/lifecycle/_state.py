"""What was fitted as text and arrays, for whichever format an estimator is saved in.

`to_plain` writes what objects are made of, and how they refer to each other, as JSON text, with the
values of tensors and arrays beside it; `from_plain` makes the same objects of that. The text may
name classes of this package and of `torch.nn`, and functions of `sk_aecnn.nn` and of
`torch.nn.functional`, so that none can have anything else imported or called. A user's own classes
and functions are left to the format as they are: pickle and skops store them by their import path,
cloudpickle by their code where they have none, and skops asks before it imports one.
"""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import InconsistentVersionWarning
from torch import nn
from torch.nn import functional

from sk_aecnn._torch import as_tensor, undisturbed
from sk_aecnn._version import __version__

Plain = dict[str, Any]

_PACKAGE = __name__.partition(".")[0]
_ATOMS = frozenset({type(None), bool, int, float, str})
# items from which on a list takes less room otherwise
_LONG = 16
# of the types that JSON does not have: a name, and what is written of a value
_WRITERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    tuple: ("tuple", list),
    torch.Size: ("size", list),
    set: ("set", list),
    frozenset: ("frozenset", list),
    dict: ("items", lambda value: [list(item) for item in value.items()]),
    OrderedDict: ("ordered_items", lambda value: [list(item) for item in value.items()]),
    slice: ("slice", lambda value: [value.start, value.stop, value.step]),
    torch.dtype: ("dtype", lambda value: _name_dtype(value)),
    torch.device: ("device", str),
    torch.Generator: ("generator", lambda value: None),
}
# by the name: what makes the value again
_READERS: dict[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "size": torch.Size,
    "set": set,
    "frozenset": frozenset,
    "items": dict,
    "ordered_items": OrderedDict,
    "slice": lambda value: slice(*value),
    "dtype": lambda name: _find_dtype(name),
    "device": torch.device,
    "generator": lambda value: None,  # whoever had one makes one of its own
}


def to_plain(value: Any) -> Plain:
    """Return a value as text and arrays, and what is left as it is.

    Parameters
    ----------
    value : object
        Containers, numbers, text, arrays, tensors, modules, and objects of this package, which may
        refer to one another. Objects say by ``__getstate__`` what they are made of.

    Returns
    -------
    plain : dict
        ``"structure"``, a JSON text; ``"arrays"``, a list of ndarrays, which share the memory of
        the value; and ``"objects"``, a list of whatever else the value holds.

    Examples
    --------
    >>> plain = to_plain({"size": (2, 3), "weight": torch.ones(2)})
    >>> plain["structure"]
    '{"dict": {"size": {"tuple": [2, 3]}, "weight": {"tensor": 0}}}'
    >>> plain["arrays"], plain["objects"]
    ([array([1., 1.], dtype=float32)], [])
    """
    writer = _Writer()
    structure = json.dumps(writer.write(value))
    return {"structure": structure, "arrays": writer.arrays, "objects": writer.objects}


def from_plain(plain: Plain) -> Any:
    """Return the value that `to_plain` was given, its tensors on the CPU.

    Tensors, and arrays that were mapped from a file, get memory of their own.

    Raises
    ------
    ValueError
        If the text names what this version of the package, or of torch, does not have, or what no
        text may name.

    Examples
    --------
    >>> from_plain(to_plain({"layer": nn.ReLU(), "shape": torch.Size([2])}))
    {'layer': ReLU(), 'shape': torch.Size([2])}
    """
    with undisturbed(torch.device("cpu")):
        return _Reader(plain["arrays"], plain["objects"]).read(json.loads(plain["structure"]))


class _Writer:
    """Writes values as lists, and as dicts whose first key says what they stand for."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.objects: list[Any] = []
        self._places: dict[int, int] = {}
        self._met: list[Any] = []  # kept, or others could be given their ids

    def write(self, value: Any) -> Any:
        kind = type(value)
        if kind in _ATOMS:
            return value
        if kind is list:
            return self._write_list(value)
        if kind is dict and all(type(key) is str for key in value):
            return {"dict": {key: self.write(item) for key, item in value.items()}}
        if kind in _WRITERS:
            name, write = _WRITERS[kind]
            return {name: self.write(write(value))}
        if isinstance(value, type | FunctionType):
            return {"named": self._write_name(value)}
        if isinstance(value, np.generic):
            return {"scalar": _add(self.arrays, np.asarray(value))}
        return self._write_once(value)

    def _write_list(self, values: list[Any]) -> Any:
        """Write a list; a longer one of floats as an array, one of equal dicts by columns."""
        if len(values) >= _LONG and all(type(item) is float for item in values):
            return {"floats": _add(self.arrays, np.array(values))}
        if len(values) >= _LONG and _are_records(values):
            columns = {key: [record[key] for record in values] for key in values[0]}
            return {"records": {key: self._write_list(column) for key, column in columns.items()}}
        return [self.write(item) for item in values]

    def _write_once(self, value: Any) -> dict[str, Any]:
        """Write what several may refer to, or which of those written before it is."""
        if id(value) in self._places:
            return {"same": self._places[id(value)]}
        self._places[id(value)] = _add(self._met, value)
        kind = type(value)
        if kind in (np.ndarray, np.memmap):
            return {"array": _add(self.arrays, value)}
        if kind in (torch.Tensor, nn.Parameter):
            return self._write_tensor(value)
        if isinstance(value, nn.Module) or _is_of_package(kind):
            return {"object": self._write_name(kind), "state": self.write(_state_of(value))}
        return {"left": _add(self.objects, value)}

    def _write_tensor(self, tensor: torch.Tensor) -> dict[str, Any]:
        values = tensor.detach().cpu()
        options: dict[str, Any] = {}
        if isinstance(tensor, nn.Parameter):
            options["parameter"] = tensor.requires_grad
        if _is_permuted(values):
            options["stride"] = list(values.stride())
        try:
            array = values.numpy()
        except TypeError:  # of a type that numpy does not have
            options |= {"dtype": _name_dtype(values.dtype), "shape": list(values.shape)}
            array = values.flatten().view(torch.uint8).numpy()
        return {"tensor": _add(self.arrays, array), **options}

    def _write_name(self, named: Any) -> str | int:
        """Return the name of a class or function, or its place among what is left as it is."""
        name = getattr(named, "__qualname__", "")
        for candidate in (f"{named.__module__}.{name}", f"torch.nn.{name}"):
            if _find(candidate) is named:
                return candidate
        return _add(self.objects, named)


class _Reader:
    """Makes values of what `_Writer` wrote."""

    def __init__(self, arrays: list[np.ndarray], objects: list[Any]) -> None:
        self._arrays = arrays
        self._objects = objects
        self._met: list[Any] = []

    def read(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.read(item) for item in node]
        if not isinstance(node, dict):
            return node
        kind, content = next(iter(node.items()))
        if kind in _READERS:
            return _READERS[kind](self.read(content))
        read: Any = getattr(self, f"_read_{kind}", None)
        if read is None:
            raise ValueError(f"The state holds {kind!r}, which this version does not know.")
        return read(node, content)

    def _read_dict(self, node: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        return {key: self.read(item) for key, item in content.items()}

    def _read_floats(self, node: dict[str, Any], place: int) -> list[float]:
        floats: list[float] = self._arrays[place].tolist()
        return floats

    def _read_records(self, node: dict[str, Any], content: dict[str, Any]) -> list[dict[str, Any]]:
        columns = [self.read(column) for column in content.values()]
        return [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]

    def _read_scalar(self, node: dict[str, Any], place: int) -> Any:
        return self._arrays[place][()]

    def _read_named(self, node: dict[str, Any], name: str | int) -> Any:
        if isinstance(name, int):
            return self._objects[name]
        found = _find(name)
        if found is None:
            raise ValueError(
                f"The state names {name}, which is no class or function of this version of "
                f"{_PACKAGE}, torch.nn or torch.nn.functional. It was saved by another version, or "
                "somebody has changed it."
            )
        return found

    def _read_same(self, node: dict[str, Any], place: int) -> Any:
        return self._met[place]

    def _read_array(self, node: dict[str, Any], place: int) -> np.ndarray:
        array = self._arrays[place]
        if isinstance(array, np.memmap):  # of a file that may be written anew, or removed
            array = np.array(array)
        self._met.append(array)
        return array

    def _read_left(self, node: dict[str, Any], place: int) -> Any:
        self._met.append(self._objects[place])
        return self._objects[place]

    def _read_tensor(self, node: dict[str, Any], place: int) -> torch.Tensor:
        array = np.asarray(self._arrays[place])
        values = as_tensor(array).reshape(array.shape)
        if "dtype" in node:
            values = values.view(_find_dtype(node["dtype"])).reshape(node["shape"])
        # aligned as torch does it, which the order of sums depends on
        tensor = torch.empty(values.shape, dtype=values.dtype)
        if "stride" in node:
            tensor = tensor.as_strided(values.shape, node["stride"])
        tensor.copy_(values)
        if "parameter" in node:
            tensor = nn.Parameter(tensor, requires_grad=node["parameter"])
        self._met.append(tensor)
        return tensor

    def _read_object(self, node: dict[str, Any], name: str | int) -> Any:
        cls = self._read_named(node, name)
        if not (isinstance(cls, type) and (_is_of_package(cls) or issubclass(cls, nn.Module))):
            raise ValueError(
                f"The state holds an object of {cls!r}, which is no torch.nn.Module class. The "
                "name stands for something else now, or somebody has changed the state."
            )
        made: Any = object.__new__(cls)
        self._met.append(made)
        if isinstance(made, nn.Module):
            made.__dict__.update(vars(nn.Module()))
        state = self.read(node["state"])
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)
        return made


def _add(values: list[Any], value: Any) -> int:
    """Append a value, and return its place."""
    values.append(value)
    return len(values) - 1


def _are_records(values: list[Any]) -> bool:
    """Tell whether all values are dicts of the same keys, which are text."""
    first = values[0]
    if type(first) is not dict or not first or any(type(key) is not str for key in first):
        return False
    return all(type(item) is dict and list(item) == list(first) for item in values)


def _is_of_package(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == _PACKAGE


def _find(name: str) -> Any:
    """Return the class or function that a text may name, or None where there is none.

    Examples
    --------
    >>> (
    ...     _find("torch.nn.ReLU"),
    ...     _find("os.system"),
    ...     _find("sk_aecnn.lifecycle._state.json"),
    ... )
    (<class 'torch.nn.modules.activation.ReLU'>, None, None)
    """
    home, _, attribute = name.rpartition(".")
    if home == "torch.nn":
        found = getattr(nn, attribute, None)
        return found if isinstance(found, type) and issubclass(found, nn.Module) else None
    if home != functional.__name__ and home.partition(".")[0] != _PACKAGE:
        return None
    try:
        found = getattr(import_module(home), attribute, None)
    except ImportError:
        return None
    kinds: Any = FunctionType if home == functional.__name__ else type
    if home.startswith(f"{_PACKAGE}.nn."):  # whose functions compute with tensors, nothing else
        kinds = type | FunctionType
    return found if isinstance(found, kinds) and found.__module__ == home else None


def _state_of(value: Any) -> Any:
    """Return what an object is made of; of a module, without what every module begins with."""
    state = value.__getstate__()
    if not isinstance(value, nn.Module) or not isinstance(state, dict):
        return state
    blank = vars(nn.Module())
    return {
        name: item
        for name, item in state.items()
        if not (name in blank and type(item) is type(blank[name]) and item == blank[name])
    }


def _is_permuted(tensor: torch.Tensor) -> bool:
    """Tell whether the values of a tensor lie side by side, but in another order than its axes."""
    if tensor.stride() == torch.empty(tensor.shape, device="meta").stride():
        return False
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def _name_dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _find_dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"The state holds numbers of type {name}, which this torch does not have.")
    return dtype


@contextmanager
def version_explained(name: str, version: str) -> Iterator[None]:
    """Say what to do where the state of an estimator was saved by another version of this package.

    Versions that differ in the third number alone read each other's states.

    Parameters
    ----------
    name : str
        The class of the estimator.
    version : str
        The version that saved it.

    Raises
    ------
    ValueError
        If another version saved it, and it cannot be read.
    """
    same = version.split(".")[:2] == __version__.split(".")[:2]
    try:
        yield
    except Exception as error:
        if same:
            raise
        series = ".".join(version.split(".")[:2])
        raise ValueError(
            f"This {name} was saved by sk_aecnn {version}, and sk_aecnn {__version__} cannot read "
            f"it: {error} Read it where sk-aecnn=={series}.* is installed, or fit it anew."
        ) from error
    if not same:
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name=name,
                current_sklearn_version=__version__,
                original_sklearn_version=version,
            ),
            stacklevel=3,
        )
