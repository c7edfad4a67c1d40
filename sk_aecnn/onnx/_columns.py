"""Columns of text, categories and numbers as inputs of a graph, and the rows made of them."""

from __future__ import annotations

import numpy as np

from sk_aecnn.data._tables import Column, TableSchema
from sk_aecnn.onnx._graph import Graph, integers

_DOUBLE = np.dtype("float64")
_TEXT = np.dtype(object)

# type and shape of one sample of an input, by name
Inputs = dict[str, tuple[np.dtype, tuple[int, ...]]]


def add_columns(graph: Graph, schema: TableSchema) -> tuple[Inputs, str]:
    """Add an input for each column, and return these and the rows (batch, n_features).

    As `TableRows` has them: a number is one feature, a category one for each of its values, of
    which all are NaN where the value was not seen in ``fit`` and none of these are rare.
    """
    inputs: Inputs = {
        str(column.name): (_TEXT if _is_text(column) else _DOUBLE, (1,))
        for column in schema.columns
    }
    features = [_add_column(graph, column, str(column.name)) for column in schema.columns]
    return inputs, graph.add("Concat", *features, axis=1)


def _is_text(column: Column) -> bool:
    return bool(column.categories) and isinstance(column.categories[0], str)


def _add_column(graph: Graph, column: Column, given: str) -> str:
    """Return the features of a column, (batch, n_features_of_it)."""
    if column.is_empty:
        return graph.add("Where", graph.add("IsNaN", given), given, np.array(np.nan))
    if not column.categories:
        return given
    codes, n_categories = column.codes, len(column.categories)
    if _is_text(column):
        keys = codes if "" in codes else codes | {"": -1}  # an empty text is missing
        code = graph.add(
            "LabelEncoder",
            given,
            domain="ai.onnx.ml",
            keys_strings=list(keys),
            values_int64s=list(keys.values()),
            default_int64=n_categories - 1 if column.has_rare else -1,
        )
        is_value = graph.add("Equal", code, np.arange(n_categories)[None])
    else:
        is_value = graph.add("Equal", given, np.array([[float(value) for value in codes]]))
    one_hot = graph.cast(is_value, _DOUBLE)
    is_known = graph.cast(graph.add("ReduceMax", one_hot, integers(1), keepdims=1), bool)
    other: str | np.ndarray = np.array(np.nan)
    if column.has_rare and not _is_text(column):
        missing = graph.add("IsNaN", given)
        other = graph.add("Where", missing, other, np.eye(n_categories)[-1:])
    return graph.add("Where", is_known, one_hot, other)
