"""The encoders, the decoders and the back ends as nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from torch import nn

from sk_aecnn.nn import (
    BackendMembers,
    CNNBackend,
    ConvDecoder,
    ConvEncoder,
    CustomEncoder,
    DenseBackend,
    DenseDecoder,
    DenseEncoder,
    EncoderMembers,
    PCADecoder,
    PCAEncoder,
)
from sk_aecnn.nn._conv import global_mean_max_pool
from sk_aecnn.nn._side_by_side import SeparateMembers
from sk_aecnn.onnx._custom import add_custom
from sk_aecnn.onnx._encoding import add_encoding
from sk_aecnn.onnx._graph import Graph, integers
from sk_aecnn.onnx._layers import (
    LAYERS,
    add_layer,
    add_linear_of_maps,
    add_linear_to_maps,
    add_stages,
    add_sum_of_members,
    pool_masks,
    shape_after,
)


@dataclass(frozen=True)
class Features:
    """What an encoder makes before its code.

    Attributes
    ----------
    own : str
        What its hidden layers or stages put out, (batch, *shape); those of members are stacked,
        (members, batch, hidden).
    inputs : str
        What every member sees, (batch, n); empty where there are no members.
    path : str
        The linear path, (batch, n); empty where there is none.
    mask : str
        Of the positions of feature maps, (batch, 1, *spatial); empty where all count.
    """

    own: str
    inputs: str = ""
    path: str = ""
    mask: str = ""


@dataclass(frozen=True)
class EncoderGraph(ABC):
    """An encoder as nodes. Abstract: subclasses are for one kind each.

    Attributes
    ----------
    graph : Graph
        Where the nodes are added.
    encoder : nn.Module
        The encoder.
    in_shape : tuple of int
        Shape of one of its inputs.
    """

    graph: Graph
    encoder: Any
    in_shape: tuple[int, ...]

    @abstractmethod
    def features(self, x: str, mask: str = "") -> Features:
        """Add what comes before the code, for inputs and the mask of their positions."""

    @abstractmethod
    def code(self, features: Features) -> str:
        """Go on from there to the code, (batch, encoding_dim)."""

    def join(self, features: Features) -> str:
        """Return all of the features in one, (batch, *feature_shape)."""
        return features.own


class LayeredEncoder(EncoderGraph):
    """A `DenseEncoder` or a `ConvEncoder`."""

    def features(self, x: str, mask: str = "") -> Features:
        own = add_stages(self.graph, self.encoder.body, x, mask)
        return Features(own, mask=_mask_after(self.graph, self.encoder.body, mask))

    def code(self, features: Features) -> str:
        shape, layer = self.encoder.feature_shape, self.encoder.bottleneck
        code = add_linear_of_maps(self.graph, layer, features.own, shape)
        return add_layer(self.graph, self.encoder.code_activation, code)


class LinearPathEncoder(EncoderGraph):
    """A `PCAEncoder`."""

    @property
    def _residual(self) -> EncoderGraph:
        return build_encoder_graph(self.graph, self.encoder.residual, self.in_shape)

    def features(self, x: str, mask: str = "") -> Features:
        last = self.encoder.last
        first: Any = last[0] if isinstance(last, nn.ModuleList) else last
        n_outputs = first.bias.shape[-1]
        path = add_linear_of_maps(self.graph, self.encoder.linear, x, self.in_shape, n_outputs)
        return replace(self._residual.features(x, mask), path=path, mask="")

    def code(self, features: Features) -> str:
        return self.graph.add("Add", self._residual.code(features), features.path)

    def join(self, features: Features) -> str:
        _, *spatial = self.encoder.feature_shape
        room = self.encoder.n_channels * prod(spatial)
        path = _fit_width(self.graph, features.path, self.encoder.encoding_dim, room)
        path = self.graph.reshape(path, -1, self.encoder.n_channels, *spatial)
        return self.graph.add("Concat", self._residual.join(features), path, axis=1)


class MemberEncoders(EncoderGraph):
    """The `EncoderMembers` of an ensemble."""

    @property
    def _separate(self) -> list[EncoderGraph]:
        """The encoders that are called one after another; none where they are one network."""
        n_inputs, encoders = (self.encoder.n_inputs,), self.encoder.encoders
        if not isinstance(encoders, SeparateMembers):
            return []
        return [build_encoder_graph(self.graph, one, n_inputs) for one in encoders.networks]

    def features(self, x: str, mask: str = "") -> Features:
        inputs = add_encoding(self.graph, self.encoder.columns, x)
        if self._separate:
            own = _stack(self.graph, [one.features(inputs).own for one in self._separate])
        else:
            own = add_layer(self.graph, self.encoder.encoders.body, inputs)
        return Features(own, inputs)

    def code(self, features: Features) -> str:
        if self._separate:
            parts = _unstack(self.graph, features.own, len(self._separate))
            both = zip(self._separate, parts, strict=True)
            codes = _stack(self.graph, [one.code(Features(part)) for one, part in both])
        else:
            encoders = self.encoder.encoders
            codes = add_layer(self.graph, encoders.bottleneck, features.own)
            codes = add_layer(self.graph, encoders.code_activation, codes)
        return mean_of_members(self.graph, codes, self.encoder.hidden_shape[0])

    def join(self, features: Features) -> str:
        parts = _unstack(self.graph, features.own, self.encoder.hidden_shape[0])
        return self.graph.add("Concat", *parts, features.inputs, axis=1)


class CustomEncoderGraph(EncoderGraph):
    """An encoder of the user's, or with an activation of the user's."""

    def features(self, x: str, mask: str = "") -> Features:
        features = self.encoder.features
        own = add_custom(self.graph, "encoder", features, x, self.in_shape, mask)
        return Features(own, mask=mask and _mask_after(self.graph, self.encoder.body, mask))

    def code(self, features: Features) -> str:
        encoder = self.encoder
        if isinstance(encoder, CustomEncoder) and not encoder.has_features:
            return features.own
        if type(getattr(encoder, "code_activation", None)) in LAYERS:
            return LayeredEncoder(self.graph, encoder, self.in_shape).code(features)
        code, shape = encoder.code, encoder.feature_shape
        return add_custom(self.graph, "encoder", code, features.own, shape)


_ENCODERS: dict[type[nn.Module], type[EncoderGraph]] = {
    ConvEncoder: LayeredEncoder,
    DenseEncoder: LayeredEncoder,
    EncoderMembers: MemberEncoders,
    PCAEncoder: LinearPathEncoder,
}


def build_encoder_graph(graph: Graph, encoder: Any, in_shape: Sequence[int]) -> EncoderGraph:
    """Return what adds an encoder."""
    kind = _ENCODERS.get(type(encoder), CustomEncoderGraph)
    if kind is LayeredEncoder and not _is_known(encoder):
        kind = CustomEncoderGraph
    return kind(graph, encoder, tuple(in_shape))


def _mask_after(graph: Graph, stages: nn.Sequential, mask: str) -> str:
    """Add the mask of the feature maps that convolutional stages make; empty for none."""
    return pool_masks(graph, stages, mask)[-1] if mask else ""


def _is_known(module: nn.Module) -> bool:
    """Tell whether all layers of a module are of those that are added one by one."""
    _, *layers = module.modules()
    return all(type(layer) in LAYERS for layer in layers)


def _fit_width(graph: Graph, x: str, width: int, wanted: int) -> str:
    """Return the first ``width`` columns, with as many of zeros as are wanted."""
    x = _first_columns(graph, x, width)
    if wanted == width:
        return x
    return graph.add("Pad", x, integers(0, 0, 0, wanted - width))


def _first_columns(graph: Graph, x: str, width: int) -> str:
    start, stop, axis = (integers(n) for n in (0, width, 1))
    return graph.add("Slice", x, start, stop, axis)


def _stack(graph: Graph, values: Sequence[str]) -> str:
    """Stack what members make, (members, batch, ...); that of one is its own stack."""
    if len(values) == 1:
        return values[0]
    first = integers(0)
    return graph.add("Concat", *(graph.add("Unsqueeze", v, first) for v in values), axis=0)


def _unstack(graph: Graph, stack: str, n_members: int) -> list[str]:
    if n_members == 1:
        return [stack]
    return [
        graph.add("Gather", stack, np.array(i, dtype=np.int64), axis=0) for i in range(n_members)
    ]


def mean_of_members(graph: Graph, stack: str, n_members: int) -> str:
    """Average what members make, (members, batch, n), of one member (batch, n)."""
    if n_members == 1:
        return stack
    return graph.add("ReduceMean", stack, integers(0), keepdims=0)


# -- decoders -----------------------------------------------------------------------------------


def add_decoder(
    graph: Graph, decoder: Any, code: str, encoding_dim: int, out_shape: Sequence[int]
) -> str:
    """Add a decoder, (batch, encoding_dim) to (batch, *out_shape)."""
    if isinstance(decoder, PCADecoder):
        residual = add_decoder(graph, decoder.residual, code, encoding_dim, out_shape)
        path = add_linear_to_maps(graph, decoder.linear, code, out_shape)
        return graph.add("Add", residual, path)
    if type(decoder) in (ConvDecoder, DenseDecoder) and _is_known(decoder):
        if isinstance(decoder, DenseDecoder):
            return add_layer(graph, decoder.output, add_layer(graph, decoder.body, code))
        maps = add_linear_to_maps(graph, decoder.expand, code, decoder.feature_shape)
        return add_layer(graph, decoder.body, maps)
    return add_custom(graph, "decoder", decoder, code, (encoding_dim,))


# -- back ends ----------------------------------------------------------------------------------


def add_backend(graph: Graph, backend: Any, x: str, in_shape: Sequence[int], mask: str = "") -> str:
    """Add a back end, (batch, *in_shape) to (batch, n_outputs).

    A mask of the positions of its input is for those of this package alone; it is empty for none.
    """
    convolves = type(backend) is CNNBackend
    mask = mask if convolves else ""
    if not ((convolves or type(backend) is DenseBackend) and _is_known(backend)):
        return add_custom(graph, "backend", backend, x, in_shape, mask)
    if convolves:
        return _cnn_backend(graph, backend, x, in_shape, mask)
    return add_layer(graph, backend.output, _hidden_of(graph, backend, x))


def _hidden_of(graph: Graph, backend: DenseBackend, x: str) -> str:
    return add_layer(graph, backend.activation, add_layer(graph, backend.dense, x))


def _cnn_backend(
    graph: Graph, backend: CNNBackend, x: str, in_shape: Sequence[int], mask: str
) -> str:
    maps = add_stages(graph, backend.stages, x, mask)
    shape = shape_after(backend.stages, in_shape)
    if backend.flatten is global_mean_max_pool:
        maps = _mean_and_max(graph, maps, shape, _mask_after(graph, backend.stages, mask))
        shape = (2 * shape[0],)
    hidden = add_linear_of_maps(graph, backend.dense, maps, shape)
    return add_layer(graph, backend.output, add_layer(graph, backend.activation, hidden))


def _mean_and_max(graph: Graph, maps: str, shape: Sequence[int], mask: str) -> str:
    """Add the mean and the maximum over the positions that count, (batch, 2 · channels)."""
    mean = graph.add("GlobalAveragePool", maps)
    if mask:
        known = graph.add("GlobalAveragePool", mask)
        least = graph.number(1 / prod(shape[1:]))
        mean = graph.add("Div", mean, graph.add("Max", known, least))
        maps = graph.add("Where", graph.cast(mask, bool), maps, graph.number(-np.inf))
    largest = graph.add("GlobalMaxPool", maps)
    if mask:
        largest = graph.add("Where", graph.cast(known, bool), largest, graph.number(0))
    return graph.add("Flatten", graph.add("Concat", mean, largest, axis=1))


def add_backend_members(
    graph: Graph, members: BackendMembers, features: Features, in_shape: Sequence[int]
) -> str:
    """Add the back ends of an ensemble, to (members, batch, n_outputs).

    Parameters
    ----------
    graph : Graph
        Where they are added.
    members : BackendMembers
        The back ends.
    features : Features
        Those of `MemberEncoders`, or what all back ends see, without inputs beside it.
    in_shape : sequence of int
        Shape of what one of them sees.
    """
    inputs = features.inputs or add_encoding(graph, members.columns, features.own)
    seen = features.own if features.inputs else inputs
    backends, linear = members.backends, members.linear
    if not isinstance(backends, SeparateMembers):
        if linear is None:
            return add_backend(graph, backends, seen, in_shape)
        hidden = _hidden_of(graph, backends, seen)
        return add_sum_of_members(graph, backends.output, hidden, linear, inputs)
    networks = backends.networks
    parts = _unstack(graph, seen, len(networks)) if features.inputs else [seen] * len(networks)
    both = zip(networks, parts, strict=True)
    outputs = _stack(graph, [add_backend(graph, one, part, in_shape) for one, part in both])
    return (
        outputs if linear is None else graph.add("Add", outputs, add_layer(graph, linear, inputs))
    )
