"""A fitted network as nodes: from rows as the user has them to what the network makes of them.

What several results have in common is added once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from sk_aecnn._torch import torch_to_numpy
from sk_aecnn.nn import (
    BackendMembers,
    InputLayout,
    MeanPrediction,
    MeanProbability,
    PCAEncoder,
    RandomFlip,
    VariationalAutoencoder,
)
from sk_aecnn.onnx._conditional_mean import add_conditional_mean
from sk_aecnn.onnx._graph import Graph, compact, integers, to_array
from sk_aecnn.onnx._neighbours import add_neighbour_classes
from sk_aecnn.onnx._parts import (
    EncoderGraph,
    Features,
    add_backend,
    add_backend_members,
    add_decoder,
    build_encoder_graph,
    mean_of_members,
)
from sk_aecnn.onnx._random_convolutions import add_random_convolution_model

_DOUBLE = np.dtype("float64")
_WIDE = ("int64", "uint64")
# types with more digits than single precision
_NEED_DOUBLE = ("float64", "int32", "uint32")
# the values of 32 bits
_HALF = 2**32


class NetworkGraph:
    """The network of a fitted estimator as nodes.

    Parameters
    ----------
    network : nn.Module
        The network, which has a layout of its input.
    given : str
        Name of the input.
    shape : sequence of int
        Shape of one sample of it.
    dtype : dtype
        Its type.
    branches : bool
        As for `Graph`.
    """

    def __init__(
        self,
        network: Any,
        given: str,
        shape: Sequence[int],
        dtype: np.dtype,
        branches: bool = True,
    ) -> None:
        self.network = network
        self.layout: InputLayout = network.layout
        self.graph = Graph(torch_to_numpy(self.layout.dtype), branches)
        self.dtype = dtype
        self.shape = tuple(shape)
        self.given = given

    @cached_property
    def rows(self) -> str:
        """The input in the shape that the layout is for, (batch, *layout.shape)."""
        return self._reshape(self.given, self.shape, self.layout.shape)

    @cached_property
    def flat_rows(self) -> str:
        """The input as flat rows, (batch, n_features)."""
        return self._reshape(self.given, self.shape, (prod(self.shape),))

    def as_given(self, x: str) -> str:
        """Return samples, (batch, *layout.shape), in the shape of the input."""
        return self._reshape(x, self.layout.shape, self.shape)

    def _reshape(self, x: str, before: tuple[int, ...], after: tuple[int, ...]) -> str:
        return x if before == after else self.graph.reshape(x, -1, *after)

    # -- as in `InputLayout` --------------------------------------------------------------------

    @cached_property
    def standardised(self) -> str:
        """The input, centred without loss of digits and scaled, (batch, *layout.shape)."""
        return self._standardise(self.rows, self.dtype)

    def _standardise(self, rows: str, dtype: np.dtype) -> str:
        layout, wide = self.layout, dtype.name in _WIDE
        if not (wide or layout.needs_double or dtype.name in _NEED_DOUBLE):
            rows = self._cast(rows, dtype, self.graph.dtype)
            return self._scale(self._subtract(rows, layout.shift), "Mul", layout.gain)
        if wide and layout.has_origin:
            centred = self._subtract(self._subtract_origin(rows), layout.offset)
        else:
            centred = self._centre(self._cast(rows, dtype, _DOUBLE))
        return self._cast(self._scale(centred, "Div", layout.scale), _DOUBLE, self.graph.dtype)

    def _scale(self, x: str, op_type: str, by: Any) -> str:
        by = self.constant(by)
        return x if (by == 1).all() else self.graph.add(op_type, x, by)

    def _centre(self, rows: str) -> str:
        if not self.layout.has_origin:
            return self._subtract(rows, self.layout.mean)
        return self._subtract(self._subtract(rows, self.layout.origin), self.layout.offset)

    def _subtract_origin(self, given: str) -> str:
        """Take whole numbers off 64-bit integers by halves, which double precision holds."""
        graph, origin = self.graph, self.constant(self.layout.origin)
        half = np.array(_HALF, dtype=self.dtype)
        lower = graph.add("Mod", given, half)
        if self.dtype.kind == "u":
            upper = graph.add("BitShift", given, np.array(32, self.dtype), direction="RIGHT")
        else:
            upper = graph.add("Div", graph.add("Sub", given, lower), half)
        origin_upper = np.floor(origin / _HALF)
        origin_lower = origin - origin_upper * _HALF
        lower = graph.add("Sub", graph.cast(lower, _DOUBLE), origin_lower)
        upper = graph.add("Sub", graph.cast(upper, _DOUBLE), origin_upper)
        return graph.add("Add", graph.add("Mul", upper, np.array(float(_HALF))), lower)

    def _subtract(self, x: str, constant: Any) -> str:
        constant = self.constant(constant)
        return self.graph.add("Sub", x, constant) if constant.any() else x

    def _cast(self, x: str, before: np.dtype, after: np.dtype) -> str:
        return x if before == after else self.graph.cast(x, after)

    def constant(self, values: Any) -> np.ndarray:
        """Return constants of the features in the shape of a batch of one sample."""
        return compact(to_array(values).reshape(1, *self.layout.shape))

    @property
    def _order(self) -> list[int]:
        """The axes of a batch of samples, channels first."""
        axes, channel = list(range(len(self.layout.shape) + 1)), self.layout.channel_axis or 0
        return [0, axes.pop(channel + 1), *axes[1:]]

    @cached_property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of one output of a decoder, channels first."""
        shape = self.layout.shape
        if self.layout.is_flat:
            return shape
        if self.layout.channel_axis is None:
            return (1, *shape)
        return tuple(shape[axis - 1] for axis in self._order[1:])

    @cached_property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of one input of the first layer, with what tells where values are missing."""
        channels, *spatial = self.out_shape
        return (channels + self.layout.n_indicators, *spatial)

    @cached_property
    def completed(self) -> str:
        """Standardised rows, (batch, *layout.shape), filled in where values are missing."""
        graph, x = self.graph, self.standardised
        if self.dtype.kind != "f" and self.layout.n_indicators == 0:
            return x
        missing = graph.add("IsNaN", x)
        if self.layout.expectation is not None:
            return add_conditional_mean(graph, self.layout.expectation, x, missing)
        return graph.add("Where", missing, graph.number(0), x)

    @cached_property
    def inputs(self) -> str:
        """What the first layer sees, (batch, *in_shape)."""
        graph, layout, filled = self.graph, self.layout, self._arrange(self.completed)
        if layout.n_indicators == 0:
            return filled
        if layout.is_flat:
            seen = graph.add("Gather", self._are_missing, layout.indicated, axis=1)
        else:
            known = self._unless_missing("ReduceMax")
            count = graph.add("ReduceSum", known, np.arange(1, len(self.out_shape) + 1), keepdims=1)
            seen = graph.add("Mul", known, graph.add("Div", count, graph.number(layout.n_known)))
        return graph.add("Concat", filled, seen, axis=1)

    @cached_property
    def mask(self) -> str:
        """The mask of positions that are known, (batch, 1, *spatial); empty where all count."""
        is_masked = self.layout.masks and self.dtype.kind == "f"
        return self._unless_missing("ReduceMin") if is_masked else ""

    @cached_property
    def _are_missing(self) -> str:
        """Numbers, (batch, *out_shape), 1 where a value is missing and 0 where none is."""
        missing = self.graph.add("IsNaN", self._arrange(self.standardised))
        return self.graph.cast(missing, self.graph.dtype)

    def _unless_missing(self, op_type: str) -> str:
        """Return 0 where a value of any channel, or of all, is missing, and 1 elsewhere."""
        missing = self.graph.add(op_type, self._are_missing, integers(1), keepdims=1)
        return self.graph.add("Sub", self.graph.number(1), missing)

    def _arrange(self, x: str) -> str:
        if self.layout.is_flat:
            return x
        if self.layout.channel_axis is None:
            return self.graph.add("Unsqueeze", x, integers(1))
        return self._transpose(x, self._order)

    def _arrange_back(self, x: str) -> str:
        """Undo the order of axes, to (batch, *layout.shape)."""
        if self.layout.is_flat:
            return x
        if self.layout.channel_axis is None:
            return self.graph.add("Squeeze", x, integers(1))
        return self._transpose(x, np.argsort(self._order).tolist())

    def _transpose(self, x: str, order: list[int]) -> str:
        return x if order == sorted(order) else self.graph.add("Transpose", x, perm=order)

    # -- as in `BaseAutoencoder` ----------------------------------------------------------------

    @cached_property
    def _encoder(self) -> EncoderGraph:
        return build_encoder_graph(self.graph, self.network.encoder, self.in_shape)

    @cached_property
    def _features(self) -> Features:
        return self._encoder.features(self.inputs, self.mask)

    @cached_property
    def distribution(self) -> tuple[str, str]:
        """The means of codes, and what their deviations are the softplus of."""
        mean, raw = self.graph.add_many(
            "Split", [self._encoder.code(self._features)], 2, axis=1, num_outputs=2
        )
        return mean, raw

    @cached_property
    def code(self) -> str:
        """The codes, (batch, encoding_dim)."""
        if isinstance(self.network, VariationalAutoencoder):
            return self.distribution[0]
        return self._encoder.code(self._features)

    def decode(self, code: str) -> str:
        """Add the decoder, whose output is (batch, *layout.shape)."""
        network = self.network
        dim = network.encoding_dim
        output = add_decoder(self.graph, network.decoder, code, dim, self.out_shape)
        return self._arrange_back(output)

    @cached_property
    def _output(self) -> str:
        return self.decode(self.code)

    @cached_property
    def reconstruction(self) -> str:
        """The reconstruction in the units of the input, (batch, *layout.shape)."""
        graph, network = self.graph, self.network
        if network.probabilities:
            restored = graph.add("Sigmoid", self._output)
        else:
            restored = self._restore(self._output)
        if network.low is None:
            return restored
        return self.clip(restored, self.constant(network.low), self.constant(network.high))

    def _restore(self, output: str) -> str:
        graph, layout = self.graph, self.layout
        scale, mean = self.constant(layout.scale), self.constant(layout.mean)
        if (scale == 1).all() and not mean.any():
            return output
        scaled = graph.add("Mul", self._cast(output, graph.dtype, _DOUBLE), scale)
        return self._cast(graph.add("Add", scaled, mean), _DOUBLE, graph.dtype)

    def clip(self, x: str, low: np.ndarray, high: np.ndarray) -> str:
        """Limit values to a range, one for all or one for each feature."""
        if low.size == high.size == 1:
            return self.graph.add("Clip", x, low.reshape(()), high.reshape(()))
        return self.graph.add("Min", self.graph.add("Max", x, low), high)

    def residuals_of(self, output: str, standardised: str) -> str:
        """Return what a decoder's output differs by from rows, standardised, in double precision.

        Parameters
        ----------
        output : str
            Output of the decoder, (..., *layout.shape).
        standardised : str
            Rows that go with it.
        """
        network, layout = self.network, self.layout
        if network.probabilities:
            output = self._standardise(self.graph.add("Sigmoid", output), self.graph.dtype)
        if network.low is not None:
            ends = (layout.standardise(end[None]) for end in (network.low, network.high))
            output = self.clip(output, *(self.constant(end) for end in ends))
        return self._cast(self.graph.add("Sub", standardised, output), self.graph.dtype, _DOUBLE)

    @cached_property
    def residuals(self) -> str:
        """The rows minus their reconstructions, standardised, in double precision."""
        return self.residuals_of(self._output, self.standardised)

    @cached_property
    def missing(self) -> str:
        """Which values are missing, (batch, *layout.shape); empty where none can be."""
        return self.graph.add("IsNaN", self.rows) if self.dtype.kind == "f" else ""

    def where_known(self, errors: str) -> str:
        """Return errors of features in double precision, zero for those that are missing."""
        if not self.missing:
            return errors
        return self.graph.add("Where", self.missing, np.array(0.0), errors)

    def sum_of_known(self, values: np.ndarray) -> str | np.ndarray:
        """Return the sum over what is known of a number for each feature, (batch,) or one."""
        if not self.missing:
            return np.array(values.sum())
        values = values.reshape(1, *self.layout.shape)
        known = self.graph.add("Where", self.missing, np.array(0.0), values)
        return self.over_features("ReduceSum", known)

    @cached_property
    def n_known(self) -> str | np.ndarray:
        """The number of values that are known, (batch,) or one."""
        return self.sum_of_known(np.ones(self.layout.shape))

    def over_features(self, op_type: str, x: str) -> str:
        """Reduce values of every feature, (..., *layout.shape), to one of every row."""
        axes = np.arange(-len(self.layout.shape), 0)
        return self.graph.add(op_type, x, axes, keepdims=0)

    # -- as in `JointNetwork` and `ConvolutionalNetwork` ----------------------------------------

    @cached_property
    def _seen(self) -> tuple[Features, tuple[int, ...]]:
        """What the back end sees, and the shape of one."""
        network = self.network
        if not hasattr(network, "encoder"):
            return Features(self.inputs, mask=self.mask), self.in_shape
        if network.backend_input == "code":
            return Features(self.code), (network.encoding_dim,)
        if isinstance(network.backend, BackendMembers):
            encoder = network.encoder
            members = encoder.residual if isinstance(encoder, PCAEncoder) else encoder
            return self._features, members.hidden_shape[1:]
        joined, shape = self._encoder.join(self._features), tuple(network.encoder.feature_shape)
        return Features(joined, mask=self._features.mask), shape

    @cached_property
    def members(self) -> str:
        """The predictions of the members of an ensemble, (members, batch, n_outputs)."""
        return add_backend_members(self.graph, self.network.backend, *self._seen)

    @cached_property
    def prediction(self) -> str:
        """What the back end predicts, (batch, n_outputs), the mean over mirror images."""
        averaging = self.network.averaging
        if averaging is not None:
            mean = self._mean_of_members(self.members)
            if not isinstance(averaging, MeanPrediction) or (averaging.slope == 1).all():
                return mean
            return self.graph.add("Mul", mean, to_array(averaging.slope).astype(self.graph.dtype))
        images = [self]
        for flip in self.network.augmentation.flips:
            images += [image._mirrored(flip) for image in images]
        predicted = [image._predicted_as_it_is for image in images]
        return predicted[0] if len(images) == 1 else self.graph.add("Mean", *predicted)

    @cached_property
    def _predicted_as_it_is(self) -> str:
        features, shape = self._seen
        ends = self.network.backend, features.own, shape, features.mask
        predicted, model = add_backend(self.graph, *ends), self.network.linear_model
        if model is None:
            return predicted
        own = add_random_convolution_model(self.graph, model, self.inputs, self.mask)
        return self.graph.add("Add", self.graph.add("Mul", predicted, model.shares[0]), own)

    def _mean_of_members(self, stack: str) -> str:
        return mean_of_members(self.graph, stack, self.network.backend.n_members)

    def _mirrored(self, flip: RandomFlip) -> NetworkGraph:
        """Return the same network on mirrored samples, in the same graph."""
        backwards = integers(*reversed(range(flip.shape[flip.axis])))
        samples = self._reshape(self.given, self.shape, flip.shape)
        mirrored = self.graph.add("Gather", samples, backwards, axis=flip.axis + 1)
        image = NetworkGraph(self.network, mirrored, flip.shape, self.dtype)
        image.graph = self.graph
        return image

    def probabilities(self, inverse_temperature: float) -> str:
        """Return the probabilities of classes, (batch, n_classes)."""
        averaging = self.network.averaging
        if isinstance(averaging, MeanProbability):
            softmax = self._softmax(self.members, float(averaging.inverse_temperature))
            mean, neighbours = self._mean_of_members(softmax), self.network.neighbours
            if neighbours is None:
                return mean
            return add_neighbour_classes(self.graph, neighbours, mean, self.inputs)
        return self._softmax(self.prediction, inverse_temperature)

    def _softmax(self, logits: str, inverse_temperature: float) -> str:
        if inverse_temperature != 1:
            logits = self.graph.add("Mul", logits, self.graph.number(inverse_temperature))
        return self.graph.add("Softmax", logits, axis=-1)
