"""The classes of training rows nearby, as nodes."""

from __future__ import annotations

import numpy as np

from sk_aecnn.nn import NeighbourClasses
from sk_aecnn.onnx._graph import Graph, integers, to_array

_DOUBLE = np.dtype(np.float64)


def add_neighbour_classes(
    graph: Graph, neighbours: NeighbourClasses, probability: str, x: str
) -> str:
    """Join probabilities with the classes of rows nearby, (batch, n_classes).

    Squares of distances are computed from those of rows and samples, in double precision and around
    the mean of the rows, so that those of equal ones are hardly more than zero.

    Parameters
    ----------
    graph : Graph
        The graph.
    neighbours : NeighbourClasses
        The rows.
    probability : str
        Probabilities of the network, (batch, n_classes).
    x : str
        What the network sees of samples, (batch, n_features).
    """
    rows = to_array(neighbours.rows).astype(_DOUBLE)
    mean = rows.mean(0)
    rows -= mean
    x = graph.add("Sub", graph.cast(x, _DOUBLE), mean)
    products = graph.add("MatMul", x, -2 * rows.T)
    own = graph.add("ReduceSum", graph.add("Mul", x, x), integers(1), keepdims=1)
    squares = graph.add("Add", graph.add("Add", products, own), np.square(rows).sum(1))
    distance = graph.add("Sqrt", graph.add("Max", squares, np.array(0.0)))
    similarity = graph.add("Exp", graph.add("Div", distance, np.array(-neighbours.length_scale)))
    near = graph.add("MatMul", similarity, to_array(neighbours.classes).astype(_DOUBLE))
    prior = graph.add("Mul", graph.cast(probability, _DOUBLE), np.array(neighbours.prior))
    joined = graph.add("Add", prior, near)
    total = graph.add("ReduceSum", joined, integers(1), keepdims=1)
    return graph.cast(graph.add("Div", joined, total), graph.dtype)
