"""A graph under construction."""

import numpy as np
import pytest
import torch

from sk_aecnn.nn import Linear
from sk_aecnn.onnx._graph import Graph, Source, compact, integers
from sk_aecnn.onnx._layers import add_layer


@pytest.fixture
def graph():
    return Graph(np.dtype("float32"))


def sizes(model):
    return len(model.graph.node), len(model.graph.initializer)


def to_model(graph, value):
    kind = np.dtype("float32"), (2,)
    return graph.to_model({"X": kind}, {"result": (value, *kind)})


def test_equal_constants_are_kept_once(graph, run):
    """A tensor and an array of the same values are one constant."""
    value = graph.add("Add", "X", torch.tensor([1.0, 2.0]))
    value = graph.add("Add", value, np.array([1.0, 2.0], dtype=np.float32))
    model = to_model(graph, value)
    assert sizes(model) == (3, 1)
    np.testing.assert_array_equal(run(model, np.zeros((1, 2), np.float32))[0], [[2, 4]])


def test_what_no_result_needs_is_left_out(graph):
    """Nodes that lead nowhere, and their constants, are no part of the model."""
    value = graph.add("Relu", "X")
    graph.add("Add", value, graph.number(3))
    assert sizes(to_model(graph, value)) == (2, 0)


def test_linear_layers_take_the_source_of_columns(graph, run):
    """Other nodes take the columns, which are left out where there are none."""
    layer = Linear(2, 2)
    columns = graph.columns_of(Source(graph.add("Neg", "X"), 3, np.array([2, 0]), 10.0))
    X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    expected = layer(torch.tensor(-10 * X[:, [2, 0]])).detach()

    def model(value):
        kind = np.dtype("float32")
        return graph.to_model({"X": (kind, (3,))}, {"result": (value, kind, (2,))})

    for value, n_nodes in (
        (add_layer(graph, layer, columns), 3),
        (add_layer(graph, layer, graph.add("Identity", columns)), 6),
    ):
        assert len(model(value).graph.node) == n_nodes
        np.testing.assert_allclose(run(model(value), X)[0], expected, rtol=1e-5)


def test_a_wrong_graph_is_no_model(graph):
    """The checker of ONNX finds shapes that do not fit."""
    import onnx

    with pytest.raises(onnx.shape_inference.InferenceError):
        to_model(graph, graph.add("MatMul", "X", np.zeros((3, 2), np.float32)))


def test_the_version_is_known_to_old_runtimes(graph):
    """Of the operators and of the file."""
    model = to_model(graph, graph.add("Relu", "X"))
    assert [opset.version for opset in model.opset_import] == [18]
    assert model.ir_version == 8


@pytest.mark.parametrize("branches", [True, False])
def test_what_is_needless_is_left_out_of_a_run(branches, run):
    """In a branch, with the constants it needs; or computed always, without branches."""
    graph = Graph(np.dtype("float32"), branches)
    none = graph.add("Not", graph.cast(graph.add("ReduceMax", "X", keepdims=0), bool))
    value = graph.add_unless(
        none, "X", lambda: graph.add("Add", "X", graph.add("Abs", "X")), np.float32
    )
    model = to_model(graph, graph.add("Add", value, graph.number(1)))
    assert any(node.op_type == "If" for node in model.graph.node) == branches
    for x, expected in (([[0, 0]], [[1, 1]]), ([[2, -1]], [[5, 1]])):
        np.testing.assert_array_equal(run(model, np.array(x, np.float32))[0], expected)


def test_constants_that_do_not_change_along_an_axis_are_shortened():
    """Broadcasting brings them back."""
    array = np.arange(6).reshape(1, 3, 2, 1) * np.ones((2, 1, 1, 4))
    np.testing.assert_array_equal(compact(array), np.arange(6).reshape(1, 3, 2, 1))
    assert integers(2, 3).dtype == np.int64
