"""The nodes and constants of an ONNX graph, one added after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from torch import Tensor

# the operators are those of this version of ONNX, which onnxruntime knows from 1.14 on
OPSET = 18
# of the operators for machine learning
_ML_OPSET = 3

# the name of what a node puts out, or a constant
Value = str | np.ndarray | Tensor


def import_extra(name: str) -> Any:
    """Import one of the packages that this room needs, or say how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"sk_aecnn.onnx needs {name}, which cannot be imported ({error}). Install it with "
            "pip install 'sk-aecnn[onnx]'."
        ) from error


@dataclass(frozen=True)
class Source:
    """What columns are, in another order and on another scale, where that takes fewer nodes.

    Attributes
    ----------
    value : str
        The name of it, (batch, width).
    width : int
        Its size.
    index : ndarray of shape (n_columns,), int64
        Where each column is in it.
    factor : float
        What it is multiplied by.

    Examples
    --------
    >>> Source("x", 3, np.array([2, 0]), 10.0).weight(np.array([[1.0, 2.0]]))
    array([[20.,  0., 10.]])
    """

    value: str
    width: int
    index: np.ndarray
    factor: float

    def weight(self, of_columns: np.ndarray) -> np.ndarray:
        """Return the weights of it that do what weights of the columns do, (..., width)."""
        weight = np.zeros((*of_columns.shape[:-1], self.width), of_columns.dtype)
        weight[..., self.index] = of_columns * self.factor
        return weight


class Graph:
    """A graph under construction.

    Constants are passed among the inputs of a node; equal ones are kept once.

    Parameters
    ----------
    dtype : dtype
        That of the network whose graph it becomes.
    branches : bool
        Whether nodes may be left out in a run; skl2onnx cannot join graphs in which they are.

    Examples
    --------
    >>> graph = Graph(np.dtype("float32"))
    >>> graph.add("Add", "x", graph.number(1.0))
    'add_0'
    """

    def __init__(self, dtype: np.dtype, branches: bool = True) -> None:
        self.dtype = dtype
        self.branches = branches
        self.nodes: list[Any] = []
        self._constants: dict[tuple[Any, ...], Any] = {}
        self._sources: dict[str, Source] = {}
        self._n_nodes = 0
        self._onnx = import_extra("onnx")

    def add(self, op_type: str, *inputs: Value, **attributes: Any) -> str:
        """Add a node with one output, and return the name of that."""
        return self.add_many(op_type, inputs, 1, **attributes)[0]

    def add_many(
        self, op_type: str, inputs: Sequence[Value], n_outputs: int, **attributes: Any
    ) -> list[str]:
        """Add a node, and return the names of its outputs."""
        name = f"{op_type.lower()}_{self._n_nodes}"
        self._n_nodes += 1
        outputs = [name if i == 0 else f"{name}_{i}" for i in range(n_outputs)]
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        node = self._onnx.helper.make_node(op_type, names, outputs, name=name, **attributes)
        self.nodes.append(node)
        return outputs

    def add_unless(self, needless: str, fallback: str, add: Callable[[], str], dtype: Any) -> str:
        """Return what ``add`` adds nodes for, or, where that is needless in a run, another value.

        The nodes are not computed then. They must lead to the same values: without branches, they
        always are.
        """
        if not self.branches:
            return add()
        outside, self.nodes = self.nodes, []
        value = add()
        inside, self.nodes = self.nodes, outside
        branches = {
            "then_branch": self._branch([], fallback, dtype),
            "else_branch": self._branch(inside, value, dtype),
        }
        return self.add("If", needless, **branches)

    def _branch(self, nodes: list[Any], value: str, dtype: Any) -> Any:
        """Return nodes as a graph of their own, that takes what it needs from around it."""
        helper, name = self._onnx.helper, f"branch_{self._n_nodes}"
        self._n_nodes += 1
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        nodes = [*nodes, helper.make_node("Identity", [value], [name], name=name)]
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(name, kind, None)])

    def insert(self, model: Any, *inputs: str) -> str:
        """Add the nodes of another model with some inputs and one output; return that."""
        if model.functions:
            model = import_extra("onnx.inliner").inline_local_functions(model)
        prefix = f"part_{self._n_nodes}_"
        self._n_nodes += 1
        graph = self._onnx.compose.add_prefix_graph(model.graph, prefix)
        for place, (x, given) in enumerate(zip(inputs, graph.input, strict=True)):
            name = f"{prefix}{place}"
            self.nodes.append(self._onnx.helper.make_node("Identity", [x], [given.name], name=name))
        self.nodes += graph.node
        self._constants |= {(tensor.name,): tensor for tensor in graph.initializer}
        return str(graph.output[0].name)

    def evaluator(self, model: Any) -> Any:
        """Return what evaluates a model, slowly, with NumPy."""
        return import_extra("onnx.reference").ReferenceEvaluator(model)

    def number(self, value: float) -> np.ndarray:
        """Return a number in the precision of the network."""
        return np.array(value, dtype=self.dtype)

    def cast(self, x: str, dtype: Any) -> str:
        """Convert values to another type."""
        to = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", x, to=to)

    def reshape(self, x: str, *shape: int) -> str:
        """Change the shape, in which -1 stands for whatever is left."""
        return self.add("Reshape", x, integers(*shape))

    def columns_of(self, source: Source) -> str:
        """Add columns; linear layers on them need but their source."""
        columns = self.add("Gather", source.value, source.index, axis=1)
        columns = self.add("Mul", columns, self.number(source.factor))
        self._sources[columns] = source
        return columns

    def without_columns(self, x: str, weight: np.ndarray) -> tuple[str, np.ndarray]:
        """Return the source of columns, and the weights of it, or both as they are."""
        source = self._sources.get(x)
        return (x, weight) if source is None else (source.value, source.weight(weight))

    def to_model(
        self,
        inputs: Mapping[str, tuple[np.dtype, Sequence[int]]],
        outputs: Mapping[str, tuple[str, np.dtype, Sequence[int]]],
    ) -> Any:
        """Return the graph as a checked ``onnx.ModelProto``.

        Parameters
        ----------
        inputs : mapping of str to (dtype, shape)
            Type, and shape of one sample, of what goes in, by name.
        outputs : mapping of str to (str, dtype, shape)
            What `add` returned, type, and shape of one sample, of what comes out, by name.
        """
        helper = self._onnx.helper
        given = [self._describe(name, dtype, size) for name, (dtype, size) in inputs.items()]
        made = [self._describe(name, dtype, size) for name, (_, dtype, size) in outputs.items()]
        named = [
            helper.make_node("Identity", [value], [name], name=name)
            for name, (value, *_) in outputs.items()
        ]
        nodes, used = self._needed_for(named)
        constants = [tensor for tensor in self._constants.values() if tensor.name in used]
        graph = helper.make_graph(nodes, "sk_aecnn", given, made, initializer=constants)
        versions = {"": OPSET, "ai.onnx.ml": _ML_OPSET}
        domains = {"", *(node.domain for node in nodes)}
        opsets = [helper.make_opsetid(name, versions[name]) for name in sorted(domains)]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=helper.find_min_ir_version_for(opsets),
            producer_name="sk_aecnn",
        )
        self._onnx.checker.check_model(model, full_check=True)
        return model

    def _needed_for(self, last: Sequence[Any]) -> tuple[list[Any], set[str]]:
        """Return the nodes that the last ones need, with these, and the names that they use."""
        nodes = list(last)
        used = {name for node in last for name in node.input}
        for node in reversed(self.nodes):
            if used.intersection(node.output):
                nodes.append(node)
                used.update(_inputs_of(node))
        return nodes[::-1], used

    def _constant(self, value: np.ndarray | Tensor) -> str:
        array = to_array(value)
        key = (array.dtype.str, array.shape, _content(array))
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key] = self._onnx.numpy_helper.from_array(array, name)
        return str(self._constants[key].name)

    def _describe(self, name: str, dtype: np.dtype, shape: Sequence[int]) -> Any:
        helper = self._onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(dtype)
        return helper.make_tensor_value_info(name, kind, ["batch", *shape])


def _inputs_of(node: Any) -> set[str]:
    """Return what a node takes, with what the nodes of its branches take."""
    inside = [inner for attribute in node.attribute for inner in attribute.g.node]
    return set(node.input).union(*map(_inputs_of, inside))


def _content(array: np.ndarray) -> Any:
    return tuple(array) if array.dtype == object else array.tobytes()


def integers(*values: int) -> np.ndarray:
    """Return sizes, or the numbers of axes, as ONNX wants them."""
    return np.array(values, dtype=np.int64)


def to_array(value: np.ndarray | Tensor) -> np.ndarray:
    """Return the values of a tensor, or an array as it is."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


def compact(array: np.ndarray) -> np.ndarray:
    """Shorten the axes along which values do not change: broadcasting brings them back.

    Examples
    --------
    >>> compact(np.array([[1.0, 2.0], [1.0, 2.0]]))
    array([[1., 2.]])
    """
    for axis in range(array.ndim):
        first = array.take([0], axis)
        if np.array_equal(array, np.broadcast_to(first, array.shape)):
            array = first
    return array
