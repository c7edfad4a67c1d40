"""The linear model of random convolutions as nodes."""

from __future__ import annotations

import numpy as np

from sk_aecnn.nn import RandomConvolutionModel
from sk_aecnn.nn._random_convolutions import Part
from sk_aecnn.onnx._graph import Graph, integers, to_array


def add_random_convolution_model(
    graph: Graph, model: RandomConvolutionModel, x: str, mask: str
) -> str:
    """Add the share of a model in predictions, (batch, n_outputs).

    Parameters
    ----------
    graph : Graph
        The graph.
    model : RandomConvolutionModel
        The model.
    x : str
        Its input, (batch, in_channels or more, length).
    mask : str
        The mask of positions that are known, (batch, 1, length); empty where all are.
    """
    x = graph.add("Slice", x, integers(0), integers(model.n_channels), integers(1))
    parts = model.convolutions.parts()
    features = [_add_part(graph, part, x, mask) for part in parts]
    share = to_array(model.shares)[1]
    weight = share * _by_kernel(to_array(model.coefficients), parts)
    joined = graph.add("Concat", *features, axis=1)
    if mask:
        mean = _by_kernel(to_array(model.mean)[None], parts)
        joined = graph.add("Where", graph.add("IsNaN", joined), mean, joined)
    return graph.add("Gemm", joined, weight, share * to_array(model.intercepts), transB=1)


def _add_part(graph: Graph, part: Part, x: str, mask: str) -> str:
    """Add what kernels of one dilation exceed, (batch, kernels · thresholds)."""
    responses = graph.add(
        "Conv",
        x,
        part.weight,
        dilations=[part.dilation],
        pads=[part.padding, part.padding],
        kernel_shape=[part.weight.shape[2]],
    )
    thresholds = to_array(part.thresholds).T[None, :, :, None]
    apart = graph.add("Unsqueeze", responses, integers(2))
    above = graph.add("Sub", apart, thresholds - graph.number(0.5))
    exceeds = graph.add("Clip", above, graph.number(0), graph.number(1))
    if mask:
        known = graph.add("Unsqueeze", _inside(graph, part, mask), integers(2))
        total = graph.add("ReduceSum", graph.add("Mul", exceeds, known), integers(3), keepdims=0)
        count = graph.add("ReduceSum", known, integers(3), keepdims=0)
        mean = graph.add("Div", total, count)
    else:
        mean = graph.add("ReduceMean", exceeds, integers(3), keepdims=0)
    return graph.add("Flatten", mean)


def _inside(graph: Graph, part: Part, mask: str) -> str:
    """Add the mask of responses, as `Part` has it."""
    if part.padding > 0:
        return mask
    known = [
        graph.add("Slice", mask, integers(start), integers(stop), integers(2))
        for start, stop in (
            (0, -2 * part.margin),
            (part.margin, -part.margin),
            (2 * part.margin, np.iinfo(np.int64).max),
        )
    ]
    return graph.add("Mul", graph.add("Mul", *known[:2]), known[2])


def _by_kernel(coefficients: np.ndarray, parts: list[Part]) -> np.ndarray:
    """Return coefficients, of thresholds with all kernels each, for kernels with all thresholds."""
    first, ordered = 0, []
    for part in parts:
        n_thresholds, n_kernels = part.thresholds.shape
        of_part = coefficients[:, first : first + part.thresholds.numel()]
        by_kernel = of_part.reshape(-1, n_thresholds, n_kernels).swapaxes(1, 2)
        ordered.append(by_kernel.reshape(len(coefficients), -1))
        first += part.thresholds.numel()
    return np.concatenate(ordered, axis=1)
