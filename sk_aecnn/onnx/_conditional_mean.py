"""What is expected of missing values, as nodes."""

from __future__ import annotations

import numpy as np

from sk_aecnn.nn import MOST_DEVIATIONS, ConditionalMean, DensePrecision, FactorPrecision
from sk_aecnn.onnx._graph import Graph, integers, to_array


def add_conditional_mean(graph: Graph, fill: ConditionalMean, x: str, missing: str) -> str:
    """Fill in missing values as `ConditionalMean` does, at no cost where there are none."""
    some = graph.add("ReduceMax", graph.cast(missing, np.int32), keepdims=0)
    none = graph.add("Equal", some, np.array(0, dtype=np.int32))
    return graph.add_unless(none, x, lambda: _fill(graph, fill, x, missing), graph.dtype)


def _fill(graph: Graph, fill: ConditionalMean, x: str, missing: str) -> str:
    preconditioner, deviation = map(to_array, (fill.preconditioner, fill.deviation))
    ends = graph.number(-MOST_DEVIATIONS), graph.number(MOST_DEVIATIONS)
    gain = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    scaled = graph.add("Clip", graph.add("Mul", x, gain), *ends)
    known = graph.add("Where", missing, graph.number(0), scaled)
    mask = graph.cast(missing, graph.dtype)

    def product_with_precision(vector: str) -> str:
        return graph.add("Mul", _add_product(graph, fill.precision, vector), mask)

    def dot(left: str, right: str) -> str:
        return graph.add("ReduceSum", graph.add("Mul", left, right), integers(1), keepdims=1)

    def ratio(dividend: str, divisor: str) -> str:
        tiny = graph.number(float(np.finfo(graph.dtype).tiny))
        return graph.add("Div", dividend, graph.add("Max", divisor, tiny))

    residual = graph.add("Neg", product_with_precision(known))
    direction = preconditioned = graph.add("Mul", residual, preconditioner)
    solution, size = "", dot(residual, preconditioned)
    for index in range(fill.n_steps):
        product = product_with_precision(direction)
        step = ratio(size, dot(direction, product))
        move = graph.add("Mul", step, direction)
        solution = graph.add("Add", solution, move) if solution else move
        if index < fill.n_steps - 1:
            residual = graph.add("Sub", residual, graph.add("Mul", step, product))
            preconditioned = graph.add("Mul", residual, preconditioner)
            before, size = size, dot(residual, preconditioned)
            turned = graph.add("Mul", ratio(size, before), direction)
            direction = graph.add("Add", preconditioned, turned)
    expected = graph.add("Mul", graph.add("Clip", solution, *ends), deviation)
    return graph.add("Where", missing, expected, x)


def _add_product(graph: Graph, precision: DensePrecision | FactorPrecision, vector: str) -> str:
    """Multiply by a precision matrix, as the module does."""
    if isinstance(precision, DensePrecision):
        return graph.add("MatMul", vector, precision.matrix)
    of_factors = graph.add("MatMul", vector, precision.factors)
    told = graph.add("MatMul", of_factors, precision.factors.T.contiguous())
    return graph.add("Sub", graph.add("Mul", vector, precision.inverse_noise), told)
