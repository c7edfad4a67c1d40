"""The encoding of the columns of a table as nodes."""

from __future__ import annotations

import numpy as np
from torch import nn

from sk_aecnn.nn import ColumnEncoding
from sk_aecnn.nn._columns import BULK
from sk_aecnn.onnx._graph import Graph, Source, integers, to_array

# whose square single precision holds
_LARGEST = 1e18


def add_encoding(graph: Graph, encoding: nn.Module, x: str) -> str:
    """Add the encoding of the features of a table, or nothing where there is none.

    All of it is divided by the bulk of clipped features, which layers after it multiply by: parts
    of one scale lose least where weights become integers of 8 bits.
    """
    if isinstance(encoding, nn.Identity):
        return x
    assert isinstance(encoding, ColumnEncoding), "features are encoded by what they hold"
    unit = BULK if encoding.clipped.any() else 1.0
    n_features = len(encoding.gain)
    scaled = _add_scores(graph, encoding, _add_scaled(graph, encoding, x, unit), x, unit)
    parts, index = [scaled], [np.arange(n_features)]
    width = n_features
    if len(encoding.slope):
        places, n_steps = _places_of_steps(to_array(encoding.bin_column))
        parts.append(_add_steps(graph, encoding, x, places, n_steps, unit))
        index.append(width + places)
        width += n_steps
    if len(encoding.category):
        parts.append(_add_categories(graph, encoding, x, unit))
        index.append(width + np.arange(len(encoding.category)))
        width += len(encoding.category)
    places = np.concatenate(index)
    mean = np.zeros(width, graph.dtype)
    mean[places] = to_array(encoding.mean) / unit
    joined = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
    return graph.columns_of(Source(graph.add("Sub", joined, mean), width, places, unit))


def _add_scaled(graph: Graph, encoding: ColumnEncoding, x: str, unit: float) -> str:
    """Add the features in units of what some of them are clipped smoothly to.

    The sine of the arctangent of a number is that over the root of one more than its square.
    """
    scaled = graph.add("Mul", x, to_array(encoding.gain / unit))
    scaled = graph.add("Add", scaled, to_array(encoding.shift / unit))
    is_clipped = to_array(encoding.clipped)
    if not is_clipped.any():
        return scaled
    if graph.dtype == np.float32:
        clipped = graph.add("Sin", graph.add("Atan", scaled))
    else:  # onnxruntime has no kernel for the arctangent in double precision
        far = graph.add("Clip", scaled, graph.number(-_LARGEST), graph.number(_LARGEST))
        squares = graph.add("Add", graph.add("Mul", far, far), graph.number(1))
        clipped = graph.add("Div", scaled, graph.add("Sqrt", squares))
    return clipped if is_clipped.all() else graph.add("Where", is_clipped, clipped, scaled)


def _add_scores(graph: Graph, encoding: ColumnEncoding, scaled: str, x: str, unit: float) -> str:
    """Add normal scores in the place of some of the scaled features."""
    scores = encoding.scores
    if scores is None:
        return scaled
    column, value, score = map(to_array, (scores.column, scores.value, scores.score))
    low, rise = value[:, :-1], np.diff(score) / unit
    width = np.maximum(np.diff(value), np.finfo(graph.dtype).tiny)
    given = graph.add("Unsqueeze", graph.add("Gather", x, column, axis=1), integers(2))
    share = graph.add("Div", graph.add("Sub", given, low), width)
    share = graph.add("Clip", share, graph.number(0), graph.number(1))
    found = graph.add("ReduceSum", graph.add("Mul", share, rise), integers(2), keepdims=0)
    found = graph.add("Add", found, score[:, 0] / unit)
    n_features = len(encoding.gain)
    place = np.arange(n_features)
    place[column] = n_features + np.arange(len(column))
    return graph.add("Gather", graph.add("Concat", scaled, found, axis=1), place, axis=1)


def _places_of_steps(column: np.ndarray) -> tuple[np.ndarray, int]:
    """Return where steps are if the first ones of all features come first, and how many there are.

    Features with fewer steps than others have further ones, which are always zero.

    Examples
    --------
    >>> _places_of_steps(np.array([3, 3, 3, 5, 5]))
    (array([0, 2, 4, 1, 3]), 6)
    """
    features, first, place, count = np.unique(
        column, return_index=True, return_inverse=True, return_counts=True
    )
    places = (np.arange(len(column)) - first[place]) * len(features) + place
    return places, len(features) * int(count.max())


def _add_steps(
    graph: Graph, encoding: ColumnEncoding, x: str, places: np.ndarray, n_steps: int, unit: float
) -> str:
    """Add the share of each interval of a feature that lies below its value.

    Rows are repeated in whole, which takes a fraction of the time of single values.
    """
    slope, offset = np.zeros((2, n_steps), graph.dtype)
    slope[places], offset[places] = to_array(encoding.slope), to_array(encoding.offset)
    features = np.unique(to_array(encoding.bin_column))
    if len(features) < len(encoding.gain):
        x = graph.add("Gather", x, features, axis=1)
    steps = graph.add("Tile", x, integers(1, n_steps // len(features)))
    steps = graph.add("Add", graph.add("Mul", steps, slope / unit), offset / unit)
    return graph.add("Clip", steps, graph.number(0), graph.number(1 / unit))


def _add_categories(graph: Graph, encoding: ColumnEncoding, x: str, unit: float) -> str:
    """Tell whether features have each of their values."""
    values = graph.add("Gather", x, encoding.category_column, axis=1)
    distance = graph.add("Abs", graph.add("Sub", values, encoding.category))
    is_value = graph.add("Less", distance, encoding.tolerance)
    return graph.add("Where", is_value, graph.number(1 / unit), graph.number(0))
