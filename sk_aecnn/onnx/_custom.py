"""Networks of the user's own, by the exporter of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sk_aecnn._torch import undisturbed
from sk_aecnn.onnx._graph import OPSET, Graph

# rows that a part is tried on, another number than it is exported with
_TRIED = 3
# differences between kernels, relative to the largest value
_TOLERANCE = 1e-3


class _Part(nn.Module):
    """A module, or a method of one, as a module."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.owner = getattr(function, "__self__", function)
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def add_custom(
    graph: Graph,
    name: str,
    function: Callable[..., Tensor],
    x: str,
    in_shape: Sequence[int],
    mask: str = "",
) -> str:
    """Add what `torch.onnx.export` makes of a module, or of a method of one.

    Parameters
    ----------
    graph : Graph
        Where it is added.
    name : str
        The parameter that the module comes from, for messages.
    function : callable
        The module or the method, (batch, *in_shape) to a tensor.
    x : str
        Its input.
    in_shape : sequence of int
        Shape of one input.
    mask : str
        The mask of its positions, which the function takes as well; empty for none.

    Raises
    ------
    ImportError
        If onnxscript is missing, which the exporter needs.
    ValueError
        If the exporter cannot express the module, or makes something else of it.
    """
    if find_spec("onnxscript") is None:
        raise ImportError(
            f"The {name} has custom layers or a custom activation, which torch exports with the "
            "package onnxscript. Install it with pip install onnxscript."
        )
    part = deepcopy(_Part(function)).cpu().eval()
    dtype = getattr(torch, graph.dtype.name)
    stream = torch.Generator().manual_seed(0)
    tried = [torch.randn(_TRIED, *in_shape, dtype=dtype, generator=stream, device="cpu")]
    if mask:
        tried.append((tried[0][:, :1] > 0).to(dtype))
    with undisturbed(torch.device("cpu")), torch.no_grad():
        model = _export(name, part, [values[:-1] for values in tried])
        expected = part(*tried).numpy()
    _check_equal(graph, name, model, [values.numpy() for values in tried], expected)
    return graph.insert(model, x, *([mask] if mask else []))


def _export(name: str, part: nn.Module, examples: list[Tensor]) -> Any:
    sizes = torch.export.Dim("batch"), torch.export.Dim.DYNAMIC  # which turns out to be the same
    try:
        program: Any = torch.onnx.export(
            part,
            tuple(examples),
            dynamo=True,
            dynamic_shapes=(tuple({0: size} for size in sizes[: len(examples)]),),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    except Exception as error:
        raise ValueError(
            f"The {name} cannot be exported to ONNX ({str(error).strip().splitlines()[0]}). Build "
            "it of layers and functions that torch.onnx.export knows, for any size of the batch."
        ) from error
    return program.model_proto


def _check_equal(
    graph: Graph, name: str, model: Any, inputs: list[np.ndarray], expected: np.ndarray
) -> None:
    """Raise unless an exported part does with some rows what the part itself does."""
    evaluate = graph.evaluator(model)
    try:
        names = [given.name for given in model.graph.input]
        (found,) = evaluate.run(None, dict(zip(names, inputs, strict=True)))
        difference = np.abs(found - expected).max()
    except Exception:  # of shapes that do not fit, in whichever node
        difference = np.inf
    if not difference <= _TOLERANCE * max(1.0, np.abs(expected).max()):
        raise ValueError(
            f"torch.onnx.export makes something else of the {name}. Often that is a size of the "
            "batch which became a constant: write x.shape[0], or -1, where it has len(x)."
        )
