"""What users pass as samples: refused with the remedy where it is no table and no array."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from scipy.sparse import issparse

_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__", "__dataframe__")
# whose length is that of their iteration
_ENDING = (list, tuple, deque, range, str, bytes, Mapping, Set)
_KINDS = {"M": "dates", "m": "time differences", "U": "text", "S": "bytes"}


def check_is_array_like(X: Any) -> None:
    """Raise where X is neither an array, nor a table, nor a sequence of samples."""
    if X is None or issparse(X) or any(hasattr(X, protocol) for protocol in _PROTOCOLS):
        return
    is_text, is_data_set = isinstance(X, str | bytes | Mapping), _is_of_torch_data(X)
    has_items = hasattr(X, "__len__") and hasattr(X, "__getitem__")
    if not is_text and not is_data_set and (has_items or isinstance(X, Sequence | memoryview)):
        return
    advice = "Stack its samples to one: np.stack([X[i][0] for i in range(len(X))])."
    raise TypeError(
        f"X is a {type(X).__name__}, but an array, a data frame or a sparse matrix was expected."
        f"{' ' + advice if is_data_set else ''}"
    )


def read_by_length(X: Any) -> Any:
    """Return what has a length and items, but is no array and no list, as a list of that length.

    It would be read until an IndexError otherwise, which may never come.
    """
    has_items = hasattr(X, "__len__") and hasattr(X, "__getitem__")
    is_known = isinstance(X, _ENDING) or issparse(X) or hasattr(X, "columns")
    if not has_items or is_known or any(hasattr(X, protocol) for protocol in _PROTOCOLS):
        return X
    try:
        memoryview(X)
    except TypeError:
        pass
    else:
        return X  # numpy reads a buffer as a whole
    try:
        return [X[index] for index in range(len(X))]
    except IndexError as error:
        raise ValueError(
            f"A {type(X).__name__} of the length {len(X)} has fewer items ({error}). Pass an array."
        ) from error


def as_objects(X: Any) -> Any:
    """Return lists of rows with text among their values as an array of objects, others as they are.

    numpy would make text of the numbers beside it.

    Examples
    --------
    >>> as_objects([["a", 1.5], ["b", None]])
    array([['a', 1.5],
           ['b', None]], dtype=object)
    """
    rows = list(X)
    if not rows or not all(isinstance(row, list | tuple) for row in rows):
        return X
    holds_text = any(isinstance(value, str) for row in rows for value in row)
    is_table = len({len(row) for row in rows}) == 1
    if not holds_text or not is_table:
        return X
    array = np.empty((len(rows), len(rows[0])), dtype=object)
    array[:] = rows
    return array


def _is_of_torch_data(X: Any) -> bool:
    """Tell whether X is a data set or a loader of PyTorch, which is not imported for this."""
    return any(base.__module__.startswith("torch.utils.data") for base in type(X).__mro__)


def check_columns(X: Any) -> None:
    """Raise where a column of a data frame holds dates or time differences, by its first value.

    Some libraries hand them over as if they were numbers.
    """
    for name in X.columns:
        column = X[name]
        kind = np.asarray(column[:1]).dtype.kind if np.ndim(column) == 1 else ""
        if kind in "mM" and kind:
            raise ValueError(describe_column(name, _KINDS[kind], getattr(column, "dtype", None)))


def check_sparse_structure(X: Any) -> None:
    """Raise where the indices of a sparse matrix point outside of it, or are in no order."""
    try:
        if X.format in {"csr", "csc", "bsr"}:
            parts = X.data, X.indices, X.indptr
            type(X)(parts, shape=X.shape, copy=False).check_format(full_check=True)
        elif X.format == "coo" and X.nnz:
            outside = any(
                index.min() < 0 or index.max() >= size
                for index, size in zip((X.row, X.col), X.shape, strict=True)
            )
            if outside:
                raise ValueError("an index is out of bounds")
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"X is a sparse matrix whose index arrays are broken ({error}). Build it anew, as by "
            "scipy.sparse.csr_array((data, (row, column)), shape=...)."
        ) from error


def describe_unreadable(X: Any) -> str | None:
    """Return what of X is no number and what to do, or None where all of it is.

    The first column of a data frame, or value of an array, that cannot be read as a number.
    """
    if issparse(X):
        return None
    if hasattr(X, "columns"):
        for name in X.columns:
            found = _describe_values(np.asarray(X[name]))
            if found is not None:
                return describe_column(name, found, getattr(X[name], "dtype", None))
        return None
    try:
        array = np.asarray(X)
    except ValueError:
        return (
            "X holds samples of different shapes. Pad or cut them to one shape, so that they make "
            "one array."
        )
    if array.dtype.names is not None:
        return (
            "X is a structured array. Pass a matrix: "
            "numpy.lib.recfunctions.structured_to_unstructured(X)."
        )
    if array.dtype.kind == "O" and array.size and isinstance(array.ravel()[0], np.ndarray):
        return (
            "X is an array of arrays, one object for each sample. Stack them to one array of "
            "numbers: np.stack(X)."
        )
    found = _describe_values(array)
    if found is None:
        return None
    return f"X holds {found}, where numbers are needed. Encode them first."


def describe_column(name: Any, found: str, dtype: Any, needed: str = "numbers are needed") -> str:
    """Return what is wrong with a column, and what to do."""
    advice = "Leave it out, or make numbers of it first: of dates the days since the first one."
    if found.startswith("str"):
        advice = "Name it in categorical_features, if these are categories."
    if found.startswith("ndarray"):
        advice = "Stack the arrays to one: np.stack(X[column])."
    return f"Column {name!r} of X holds {found} (dtype {dtype}), where {needed}. {advice}"


def _describe_values(values: np.ndarray) -> str | None:
    if values.dtype.kind in "biufc":  # complex numbers are scikit-learn's to refuse
        return None
    if values.dtype.kind in _KINDS:
        return _KINDS[values.dtype.kind]
    for value in values.ravel().tolist():
        try:
            float(value)
        except (TypeError, ValueError):
            if value is None or type(value).__name__ == "NAType":
                continue
            return f"{type(value).__name__} values such as {str(value)[:40]!r}"
    return None
