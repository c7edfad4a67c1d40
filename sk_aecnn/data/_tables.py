"""Tables with columns of several kinds: to a matrix of numbers, and back to what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

import narwhals as nw
import numpy as np
from scipy.sparse import issparse

from sk_aecnn.data._arrays import describe_column

_CATEGORICAL = (nw.String, nw.Categorical, nw.Enum)
_NUMBERS = (bool, int, float, Decimal, np.bool_, np.integer, np.floating)
_TRUE_FROM = 0.5
# values of a single row each, and their share of all values, from which on they share a code
_FEWEST_SINGLE = 10
_SHARE_OF_SINGLE = 2 / 3
_MISSING = frozenset({"NoneType", "NAType", "NaTType"})


@dataclass(frozen=True)
class Column:
    """A column as it was in ``fit``.

    Attributes
    ----------
    name : object
        Its name, or its place in an array.
    dtype : str
        Its dtype, as the library of the table spells it.
    categories : tuple
        The values of a category in the order of their codes; empty for numbers.
    has_rare : bool
        Whether the last code stands for all other values, the last category being the most frequent
        of these.
    vocabulary : tuple or None
        All values that the dtype admits, in order, where it lists them.
    is_ordered : bool
        Whether the dtype says that they are in order.
    is_empty : bool
        Whether all values were missing.
    is_boolean : bool
        Whether numbers stand for true and false.
    """

    name: Any
    dtype: str
    categories: tuple[Any, ...] = ()
    has_rare: bool = False
    vocabulary: tuple[Any, ...] | None = None
    is_ordered: bool = False
    is_empty: bool = False
    is_boolean: bool = False

    @property
    def codes(self) -> dict[Any, int]:
        """The code of every value that has one of its own, and of the last category."""
        return {value: code for code, value in enumerate(self.categories)}

    @property
    def code_of_others(self) -> float:
        """The code of all other values, rare or never seen; NaN where there are no rare ones."""
        return len(self.categories) - 1 if self.has_rare else np.nan


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table, learned in ``fit``.

    Attributes
    ----------
    columns : tuple of Column
        The columns in order.
    library : str or None
        The library of a data frame; None for an array.
    dtype : str
        The dtype of an array.
    holds_objects : bool
        Whether numbers are held as Python's objects.

    Examples
    --------
    >>> X = np.array([["red", 1.5], ["blue", None], ["red", 2.0]], dtype=object)
    >>> schema = learn_schema(X, "from_dtype", 100)
    >>> matrix = schema.encode(X)
    >>> matrix
    array([[1. , 1.5],
           [0. , nan],
           [1. , 2. ]])
    >>> schema.decode(matrix)
    array([['red', 1.5],
           ['blue', None],
           ['red', 2.0]], dtype=object)
    """

    columns: tuple[Column, ...]
    library: str | None = None
    dtype: str = "object"
    holds_objects: bool = False

    @property
    def n_categories(self) -> tuple[int, ...]:
        """The number of categories of each column, 0 for numbers; empty without categories."""
        counts = tuple(len(column.categories) for column in self.columns)
        return counts if any(counts) else ()

    @property
    def is_numeric(self) -> bool:
        """Whether all columns are numbers that scikit-learn reads."""
        return not self.n_categories and not self.holds_objects

    def encode(self, X: Any) -> np.ndarray:
        """Return numbers and the codes of categories, NaN for what is missing.

        What was never seen has the code of rare values, and is missing where there are none.

        Parameters
        ----------
        X : data frame or array of shape (n_samples, n_columns)
            Rows with as many columns as in ``fit``.

        Returns
        -------
        matrix : ndarray of shape (n_samples, n_columns), float64
        """
        parts = zip(self.columns, _read(X), strict=True)
        return np.stack([_encode(column, values) for column, values in parts], axis=1)

    def fill(self, X: Any, matrix: np.ndarray) -> Any:
        """Return X with what is missing taken from a matrix, as `encode` returns it."""
        listed = []
        for column, values, part in zip(self.columns, _read(X), matrix.T, strict=True):
            filled = zip(values.to_list(), _decode(column, part), strict=True)
            listed.append([new if _is_missing(value) else value for value, new in filled])
        return self._build(listed, X)

    def decode(self, matrix: np.ndarray, like: Any = None) -> Any:
        """Return a table of the kind, names, dtypes and categories that were given to ``fit``.

        Parameters
        ----------
        matrix : ndarray of shape (n_samples, n_columns)
            As `encode` returns it.
        like : object
            Whose index the table gets, where it has one.
        """
        if self.library is None and not self.n_categories:
            return matrix
        parts = zip(self.columns, matrix.T, strict=True)
        return self._build([_decode(column, part) for column, part in parts], like)

    def _build(self, values: list[list[Any]], like: Any) -> Any:
        """Return a table of Python's values, those of each column in a list."""
        if self.library is None:
            return _to_array(values, np.dtype(self.dtype))
        if self.library == "pandas":
            return _to_pandas(self.columns, values, getattr(like, "index", None))
        return _to_frame(self.columns, values, self.library)


def learn_schema(
    X: Any, categorical_features: Any, max_categories: int, *, groups_names: bool = True
) -> TableSchema | None:
    """Return the columns of a table; None for arrays of numbers, and for what is no table.

    Parameters
    ----------
    X : object
        What ``fit`` was given.
    categorical_features : "from_dtype", array-like or None
        The estimator's parameter.
    max_categories : int
        The most codes of a column.
    groups_names : bool
        Whether values of a single row each share a code where most are: not in a stream, of which X
        is a small part.
    """
    from_dtype = isinstance(categorical_features, str) and categorical_features == "from_dtype"
    if not _is_table(X, by_dtype=from_dtype or categorical_features is None):
        return None
    read = list(_read(X))
    if from_dtype:
        chosen = [values.is_category for values in read]
    else:
        chosen = _resolve_chosen(categorical_features, [values.name for values in read])
    columns = [
        _learn_column(values, is_category, max_categories, groups_names)
        for values, is_category in zip(read, chosen, strict=True)
    ]
    holds_objects = any(
        values.is_object and not column.categories
        for values, column in zip(read, columns, strict=True)
    )
    library = None if isinstance(X, np.ndarray) else nw.from_native(X).implementation.value
    dtype = str(X.dtype) if isinstance(X, np.ndarray) else ""
    return TableSchema(tuple(columns), library, dtype, holds_objects)


def _resolve_chosen(categorical_features: Any, names: list[Any]) -> list[bool]:
    """Return which columns are named, or pointed at, or masked; or raise."""
    chosen = np.asarray([] if categorical_features is None else categorical_features)
    if chosen.dtype.kind == "b" and len(chosen) == len(names):
        return [bool(value) for value in chosen]
    entries = chosen.tolist()
    if chosen.ndim != 1 or chosen.dtype.kind == "b":
        raise ValueError(
            f"categorical_features has the shape {chosen.shape}, but X has {len(names)} columns. "
            "Pass one True or False for each column, or names or numbers of columns in a list."
        )
    known = names if chosen.dtype.kind in "UO" else range(len(names))
    unknown = [entry for entry in entries if entry not in known]
    if unknown:
        raise ValueError(
            f"categorical_features has an entry {unknown[0]!r}, but X has the columns "
            f"{str(list(known))[:200]}. Pass names of columns, or their numbers from 0 on."
        )
    return [entry in entries for entry in known]


def _is_table(X: Any, *, by_dtype: bool) -> bool:
    """Tell whether X is a data frame, or an array in which there may be categories."""
    if isinstance(X, np.ndarray):
        return X.ndim == 2 and X.size > 0 and (X.dtype.kind in "OU" or not by_dtype)
    if issparse(X) or not nw.dependencies.is_into_dataframe(X):
        return False
    try:
        return bool(min(nw.from_native(X, eager_only=True).shape) > 0)
    except nw.exceptions.DuplicateError:
        names = [name for name, count in Counter(X.columns).items() if count > 1]
        raise ValueError(
            f"X has several columns of the name {names[0]!r}. Rename them, so that each name is "
            "that of one column."
        ) from None


@dataclass(frozen=True)
class _Values:
    """The values of a column: a series of narwhals, or the column of an array."""

    name: Any
    data: Any

    @property
    def is_series(self) -> bool:
        return isinstance(self.data, nw.Series)

    @property
    def dtype(self) -> str:
        if self.is_series and self.data.implementation.is_pandas():
            return str(self.data.to_native().dtype)
        return str(self.data.dtype)

    @property
    def is_object(self) -> bool:
        """Whether the dtype does not tell of what kind the values are."""
        if self.is_series:
            return not (self.data.dtype.is_numeric() or self.data.dtype == nw.Boolean)
        return bool(self.data.dtype.kind not in "biuf")

    @property
    def is_category(self) -> bool:
        """Whether the values are text, or the dtype is that of categories."""
        if self.is_series and self.data.dtype in _CATEGORICAL:
            return True
        return self.is_object and {str} == {*self.kinds()}

    @property
    def is_boolean(self) -> bool:
        """Whether the values are true and false."""
        if self.dtype.lower() in {"bool", "boolean"}:
            return True
        known = [value for value in self.to_list() if not _is_missing(value)]
        return self.is_object and bool(known) and {bool} == {*map(type, known)}

    @property
    def vocabulary(self) -> tuple[tuple[Any, ...] | None, bool]:
        """The values that the dtype lists, and whether they are in order."""
        native = self.data.to_native().dtype if self.is_series else None
        listed = getattr(native, "categories", None)
        return None if listed is None else tuple(listed), bool(getattr(native, "ordered", False))

    def to_list(self) -> list[Any]:
        listed: list[Any] = self.data.to_list() if self.is_series else self.data.tolist()
        return listed

    def to_numbers(self) -> np.ndarray:
        """Return float64, NaN for what is missing."""
        if not self.is_object:
            data = self.data.cast(nw.Float64).to_numpy() if self.is_series else self.data
            return np.asarray(data, dtype=np.float64)
        values = [np.nan if _is_missing(value) else float(value) for value in self.to_list()]
        return np.array(values, dtype=np.float64)

    def kinds(self) -> dict[type, Any]:
        """Return the types of the values that are not missing, text and numbers as one type each.

        With each its first value.
        """
        found: dict[type, Any] = {}
        for value in self.to_list():
            if not _is_missing(value):
                found.setdefault(_kind_of(value), value)
        return found


def _is_missing(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return bool(value != value)
    return type(value).__name__ in _MISSING


def _kind_of(value: Any) -> type:
    if isinstance(value, str):
        return str
    return float if isinstance(value, _NUMBERS) else type(value)


def _read(X: Any) -> Iterator[_Values]:
    """Yield the columns of a data frame or of an array."""
    if isinstance(X, np.ndarray):
        for index, column in enumerate(X.T):
            yield _Values(index, column)
    else:
        for series in nw.from_native(X, eager_only=True).iter_columns():
            yield _Values(series.name, series)


# -- from the table ---------------------------------------------------------------------------


def _learn_column(
    values: _Values, is_category: bool, max_categories: int, groups_names: bool
) -> Column:
    if not is_category:
        kinds = values.kinds() if values.is_object else {}
        _check_kinds(values, kinds, {float}, "numbers are needed")
        return Column(
            values.name,
            values.dtype,
            is_empty=values.is_object and not kinds,
            is_boolean=values.is_boolean,
        )
    kinds = values.kinds()
    _check_kinds(values, kinds, {float, str}, "categories are needed")
    counts = Counter(values.to_list())
    for value in [value for value in counts if _is_missing(value)]:
        del counts[value]
    vocabulary, is_ordered = values.vocabulary
    present = [value for value in vocabulary or sorted(counts) if value in counts]
    by_count = sorted(present, key=lambda value: -counts[value])
    n_kept = _count_kept([counts[value] for value in by_count], max_categories, groups_names)
    kept, rare = set(by_count[:n_kept]), by_count[n_kept:]
    return Column(
        values.name,
        values.dtype,
        (*(value for value in present if value in kept), *rare[:1]),
        bool(rare),
        vocabulary,
        is_ordered,
        is_empty=not counts,
    )


def _count_kept(counts: list[int], max_categories: int, groups_names: bool = True) -> int:
    """Return how many values have a code of their own, the most frequent ones.

    Those of a single row each share one where most are, if names are grouped: as names of rows or
    days, they say no more than values that were never seen.

    Examples
    --------
    >>> _count_kept([5, 4, 3, 2], 3), _count_kept([5, 4, 1, 1], 9)
    (2, 4)
    >>> _count_kept([1] * 9, 50), _count_kept([1] * 10, 50)
    (9, 0)
    >>> _count_kept([2] * 5 + [1] * 10, 50), _count_kept([2] * 6 + [1] * 10, 50)
    (5, 16)
    """
    n_single, n_kept = counts.count(1), len(counts)
    if groups_names and n_single >= max(_FEWEST_SINGLE, _SHARE_OF_SINGLE * n_kept):
        n_kept -= n_single
    has_rare = n_kept < len(counts) or len(counts) > max_categories
    return min(n_kept, max_categories - 1) if has_rare else n_kept


def _check_kinds(values: _Values, kinds: dict[type, Any], known: set[type], needed: str) -> None:
    """Raise where a column holds what is no number or category, or both."""
    if {*kinds} == {str, float}:
        raise ValueError(
            f"Column {values.name!r} of X holds text such as {kinds[str]!r} and numbers such as "
            f"{kinds[float]!r} side by side (dtype {values.dtype}). Make all of it text, as by "
            f"X[{values.name!r}].astype(str), or numbers, as by pandas.to_numeric."
        )
    for kind, value in kinds.items():
        if kind not in known:
            name = "str" if kind is str else type(value).__name__
            found = f"{name} values such as {str(value)[:40]!r}"
            raise ValueError(describe_column(values.name, found, values.dtype, needed))


def _encode(column: Column, values: _Values) -> np.ndarray:
    if column.is_empty:
        return np.full(len(values.data), np.nan)
    if not column.categories:
        if values.is_object:
            _check_kinds(values, values.kinds(), {float}, "fit has seen numbers")
        numbers = values.to_numbers()
        if np.isinf(numbers).any():
            raise ValueError(
                f"Column {column.name!r} of X contains infinity. Replace it by a number, or by NaN "
                "where it stands for a missing value."
            )
        return numbers
    codes, listed = column.codes, values.to_list()
    encoded = np.array([codes.get(value, np.nan) for value in listed], dtype=np.float64)
    unknown = np.flatnonzero(np.isnan(encoded))
    others = [index for index in unknown if not _is_missing(listed[index])]
    kind = _kind_of(column.categories[0])
    odd = [listed[index] for index in others if _kind_of(listed[index]) is not kind]
    if odd:
        raise ValueError(
            f"Column {column.name!r} of X holds {type(odd[0]).__name__} values such as "
            f"{str(odd[0])[:40]!r} (dtype {values.dtype}), but fit has seen categories such as "
            f"{column.categories[0]!r} (dtype {column.dtype}). Pass values of that type."
        )
    encoded[others] = column.code_of_others
    return encoded


# -- and back ---------------------------------------------------------------------------------


def _decode(column: Column, part: np.ndarray) -> list[Any]:
    """Return Python's values, None for what is missing."""
    if column.is_empty:
        return [None] * len(part)
    if column.categories:
        categories = [*column.categories, None]
        return [categories[code] for code in np.nan_to_num(part, nan=-1).astype(int).tolist()]
    if column.is_boolean:
        return [None if value != value else value > _TRUE_FROM for value in part.tolist()]
    ends = _integer_range(column.dtype)
    if ends is not None:
        part = np.clip(np.rint(part.astype(np.float64)), *ends)
        return [None if value != value else int(value) for value in part.tolist()]
    return [None if value != value else value for value in part.tolist()]


def _integer_range(dtype: str) -> tuple[int, int] | None:
    """Return the least and the largest number of a dtype of whole numbers, else None."""
    name = dtype.lower().split("[")[0]
    if name.rstrip("0123456789") not in {"int", "uint"}:
        return None
    info = np.iinfo(name)
    return int(info.min), int(info.max)


def _to_array(values: list[list[Any]], dtype: np.dtype) -> np.ndarray:
    result = np.empty((len(values[0]), len(values)), dtype=object)
    for index, column in enumerate(values):
        result[:, index] = column
    return result if dtype.kind == "O" else result.astype(dtype)


def _to_pandas(columns: tuple[Column, ...], values: list[list[Any]], index: Any) -> Any:
    pandas: Any = import_module("pandas")
    series = []
    for column, listed in zip(columns, values, strict=True):
        data = listed
        if column.dtype == "category":
            known = column.vocabulary, column.is_ordered
            data = pandas.Categorical(listed, *known)
        series.append(pandas.Series(data, index=index, dtype=column.dtype))
    frame = pandas.concat(series, axis=1)
    frame.columns = [column.name for column in columns]
    return frame


def _to_frame(columns: tuple[Column, ...], values: list[list[Any]], library: str) -> Any:
    series = []
    for column, listed in zip(columns, values, strict=True):
        kind = getattr(nw, column.dtype.split("(")[0])
        dtype = nw.Enum(column.vocabulary or ()) if kind is nw.Enum else kind
        backend: Any = library
        series.append(nw.new_series(column.name, listed, dtype, backend=backend))
    return nw.from_dict({one.name: one for one in series}).to_native()
