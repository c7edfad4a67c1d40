"""The layers of the networks as nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
from torch import nn

from sk_aecnn.nn import BatchNorm, ConvStage, Dropout, Linear, SoftOrdering, UpsamplingStage
from sk_aecnn.nn._conv import FAR, pooled
from sk_aecnn.nn._late import CONV, CONV_TRANSPOSE
from sk_aecnn.nn._pca import LinearPath
from sk_aecnn.nn._side_by_side import LinearMembers
from sk_aecnn.onnx._graph import Graph, to_array

Emit = Callable[[Graph, Any, str], str]


def _node(op_type: str, **attributes: str) -> Emit:
    """Return what adds one node, whose attributes are those of the layer of these names."""

    def emit(graph: Graph, layer: nn.Module, x: str) -> str:
        named = {name: getattr(layer, its) for name, its in attributes.items()}
        return graph.add(op_type, x, **named)

    return emit


def _nothing(graph: Graph, layer: nn.Module, x: str) -> str:
    return x


def _silu(graph: Graph, layer: nn.Module, x: str) -> str:
    if graph.dtype == np.float32:
        return graph.add("Mul", x, graph.add("Sigmoid", x))
    # onnxruntime 1.20 has a kernel for the product, but none of double precision
    exponential = graph.add("Exp", graph.add("Neg", x))
    return graph.add("Div", x, graph.add("Add", exponential, graph.number(1.0)))


def _gelu(graph: Graph, layer: nn.Module, x: str) -> str:
    erf = graph.add("Erf", graph.add("Mul", x, graph.number(sqrt(0.5))))
    doubled = graph.add("Mul", x, graph.add("Add", erf, graph.number(1.0)))
    return graph.add("Mul", doubled, graph.number(0.5))


def _batch_norm(graph: Graph, layer: BatchNorm, x: str) -> str:
    statistics = layer.weight, layer.bias, layer.running_mean, layer.running_var
    return graph.add("BatchNormalization", x, *statistics, epsilon=layer.eps)


def _max_pool(graph: Graph, layer: Any, x: str) -> str:
    window = list(layer.kernel_size)
    if max(window) == 1:
        return x
    return graph.add("MaxPool", x, kernel_shape=window, strides=window, ceil_mode=1)


def _conv(graph: Graph, layer: Any, x: str) -> str:
    return graph.add("Conv", x, *_parameters(graph, layer), **_geometry(layer))


def _conv_transpose(graph: Graph, layer: Any, x: str) -> str:
    geometry = {**_geometry(layer), "output_padding": list(layer.output_padding)}
    return graph.add("ConvTranspose", x, *_parameters(graph, layer), **geometry)


def _geometry(layer: Any) -> dict[str, list[int]]:
    return {
        "kernel_shape": list(layer.kernel_size),
        "strides": list(layer.stride),
        "pads": [*layer.padding, *layer.padding],
    }


def _parameters(graph: Graph, layer: Any) -> list[Any]:
    if graph.dtype != np.float32:
        raise ValueError(
            "precision='float64': onnxruntime convolves in single precision alone. Fit with "
            "precision='float32'."
        )
    return [layer.weight] if layer.bias is None else [layer.weight, layer.bias]


def _conv_stage(graph: Graph, layer: ConvStage, x: str) -> str:
    x, parts = _convolve(graph, layer, x)
    for part in (layer.pool, *parts):
        x = add_layer(graph, part, x)
    return x


def _masked_stage(graph: Graph, stage: Any, x: str, mask: str, pooled_mask: str) -> str:
    """Add a stage some positions of whose input, and of whose output, are masked.

    A rectifier makes zeros of what is far below zero.
    """
    x, parts = _convolve(graph, stage, x)
    x = graph.add("Where", graph.cast(mask, bool), x, graph.number(-FAR))
    x = add_layer(graph, stage.pool, x)
    if [type(part) for part in parts] == [nn.ReLU]:
        return add_layer(graph, parts[0], x)
    x = graph.add("Where", graph.cast(pooled_mask, bool), x, graph.number(0))
    for part in parts:
        x = add_layer(graph, part, x)
    return graph.add("Mul", x, pooled_mask)


def _convolve(graph: Graph, stage: Any, x: str) -> tuple[str, list[nn.Module]]:
    """Add the convolution of a stage, and return it with what follows after pooling.

    Factors of the normalisation that are not negative may come before the maximum of a window,
    instead of after it: then the convolution normalises as well.
    """
    if not isinstance(stage.norm, BatchNorm):
        return add_layer(graph, stage.conv, x), [stage.activation]
    if bool((stage.norm.weight < 0).any()):
        return add_layer(graph, stage.conv, x), [stage.norm, stage.activation]
    x = graph.add("Conv", x, *_normalised(graph, stage), **_geometry(stage.conv))
    return x, [stage.activation]


def _normalised(graph: Graph, stage: Any) -> list[np.ndarray]:
    """Return the kernel and the bias of a convolution that normalises as well."""
    norm = stage.norm
    kernel, *_ = (to_array(parameter) for parameter in _parameters(graph, stage.conv))
    factor = to_array(norm.weight) / np.sqrt(to_array(norm.running_var) + norm.eps)
    bias = to_array(norm.bias) - to_array(norm.running_mean) * factor
    return [kernel * factor.reshape(-1, *(1,) * (kernel.ndim - 1)), bias.astype(graph.dtype)]


def _upsampling(graph: Graph, layer: UpsamplingStage, x: str) -> str:
    return add_layer(graph, layer.conv, x)


def _soft_ordering(graph: Graph, layer: SoftOrdering, x: str) -> str:
    for part in (layer.linear, layer.norm, layer.activation):
        x = add_layer(graph, part, x)
    return graph.reshape(x, -1, *layer.shape)


def _linear_members(graph: Graph, layer: LinearMembers, x: str) -> str:
    """Add (batch, n) or (members, batch, n) to (members, batch, m), of one member (batch, m).

    One product of stacks of matrices takes a fraction of the time of as many single ones.
    """
    weight, bias = to_array(layer.input_weight), to_array(layer.bias)
    if len(weight) == 1:
        return _gemm(graph, x, weight[0], bias[0])
    return graph.add("Add", _products(graph, x, weight), bias[:, None])


def _products(graph: Graph, x: str, weight: np.ndarray) -> str:
    x, weight = graph.without_columns(x, weight)
    return graph.add("MatMul", x, np.ascontiguousarray(weight.swapaxes(1, 2)))


def add_sum_of_members(
    graph: Graph, own: LinearMembers, hidden: str, common: LinearMembers, x: str
) -> str:
    """Add the sum of layers on what each member has for itself and on what all of them see.

    Of what all see, one product is enough, and one bias of the sum.

    Parameters
    ----------
    graph : Graph
        Where they are added.
    own, common : LinearMembers
        The layers on one and on the other.
    hidden : str
        What each has for itself, (members, batch, n), of one member (batch, n).
    x : str
        What all see, (batch, n).
    """
    weight, bias = to_array(common.input_weight), to_array(common.bias) + to_array(own.bias)
    seen = _gemm(graph, x, weight.reshape(-1, weight.shape[2]), bias.ravel())
    if len(weight) == 1:
        return _gemm(graph, hidden, to_array(own.input_weight)[0], seen)
    seen = graph.add("Transpose", graph.reshape(seen, -1, *bias.shape), perm=[1, 0, 2])
    return graph.add("Add", _products(graph, hidden, to_array(own.input_weight)), seen)


def _linear(graph: Graph, layer: Any, x: str) -> str:
    return _gemm(graph, x, *_weight_and_bias(layer))


def _sequential(graph: Graph, layer: nn.Sequential, x: str) -> str:
    for part in layer:
        x = add_layer(graph, part, x)
    return x


_ACTIVATIONS: dict[type[nn.Module], Emit] = {
    nn.ELU: _node("Elu", alpha="alpha"),
    nn.GELU: _gelu,
    nn.Identity: _nothing,
    nn.LeakyReLU: _node("LeakyRelu", alpha="negative_slope"),
    nn.ReLU: _node("Relu"),
    nn.SiLU: _silu,
    nn.Sigmoid: _node("Sigmoid"),
    nn.Tanh: _node("Tanh"),
}
LAYERS: dict[type[nn.Module], Emit] = {
    **_ACTIVATIONS,
    **dict.fromkeys(CONV.values(), _conv),
    **dict.fromkeys(CONV_TRANSPOSE.values(), _conv_transpose),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), _max_pool),
    BatchNorm: _batch_norm,
    ConvStage: _conv_stage,
    Dropout: _nothing,
    Linear: _linear,
    LinearMembers: _linear_members,
    LinearPath: _linear,
    SoftOrdering: _soft_ordering,
    UpsamplingStage: _upsampling,
    nn.Sequential: _sequential,
}


def add_layer(graph: Graph, layer: nn.Module, x: str) -> str:
    """Add a layer of one of the types in `LAYERS`."""
    return LAYERS[type(layer)](graph, layer, x)


def add_stages(graph: Graph, stages: nn.Sequential, x: str, mask: str) -> str:
    """Add convolutional stages, the positions of whose input a mask is of, empty for none."""
    if not mask:
        return add_layer(graph, stages, x)
    for stage, pooled_mask in zip(stages, pool_masks(graph, stages, mask), strict=True):
        x, mask = _masked_stage(graph, stage, x, mask, pooled_mask), pooled_mask
    return x


def pool_masks(graph: Graph, stages: nn.Sequential, mask: str) -> list[str]:
    """Add the masks of the outputs of convolutional stages."""
    masks = []
    for stage in stages:
        assert isinstance(stage, ConvStage)
        mask = add_layer(graph, stage.pool, mask)
        masks.append(mask)
    return masks


def _weight_and_bias(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    weight = to_array(layer.weight)
    bias = np.zeros(len(weight), weight.dtype) if layer.bias is None else to_array(layer.bias)
    return weight, bias


def _gemm(graph: Graph, x: str, weight: np.ndarray, bias: np.ndarray | str) -> str:
    return graph.add("Gemm", *graph.without_columns(x, weight), bias, transB=1)


def add_linear_of_maps(
    graph: Graph, layer: Any, x: str, shape: Sequence[int], n_outputs: int | None = None
) -> str:
    """Add a linear layer on the vectors of feature maps, (batch, *shape).

    Its weight is put in the order of the maps, in place of the other way round. Outputs after the
    last one, up to ``n_outputs``, are zeros.
    """
    weight, bias = _weight_and_bias(layer)
    if len(shape) == 3:
        channels, *spatial = shape
        weight = np.moveaxis(weight.reshape(-1, *spatial, channels), -1, 1).reshape(weight.shape)
    missing = 0 if n_outputs is None else n_outputs - len(weight)
    weight, bias = np.pad(weight, ((0, missing), (0, 0))), np.pad(bias, (0, missing))
    vectors = x if len(shape) == 1 else graph.add("Flatten", x)
    return _gemm(graph, vectors, weight, bias)


def add_linear_to_maps(graph: Graph, layer: Any, x: str, shape: Sequence[int]) -> str:
    """Add a linear layer whose output is taken as feature maps, (batch, *shape)."""
    weight, bias = _weight_and_bias(layer)
    if len(shape) == 3:
        channels, *spatial = shape
        order = np.arange(prod(shape)).reshape(*spatial, channels)
        order = np.moveaxis(order, -1, 0).ravel()
        weight, bias = weight[order], bias[order]
    output = _gemm(graph, x, weight, bias)
    return output if len(shape) == 1 else graph.reshape(output, -1, *shape)


def shape_after(stages: nn.Sequential, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of the feature maps that convolutional stages make of some of a shape."""
    for stage in stages:
        if isinstance(stage, SoftOrdering):
            shape = stage.shape
        else:
            assert isinstance(stage, ConvStage)
            shape = (stage.conv.out_channels, *pooled(shape[1:]))
    return tuple(shape)
