"""The methods of fitted estimators as nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log, pi
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from sk_aecnn.estimators._aecnn_classifier import AECNNClassifier
from sk_aecnn.estimators._aecnn_regressor import AECNNRegressor
from sk_aecnn.estimators._autoencoder import AutoencoderTransformer
from sk_aecnn.estimators._imputer import AutoencoderImputer
from sk_aecnn.estimators._outlier import AutoencoderOutlierDetector
from sk_aecnn.estimators._variational import VariationalAutoencoderTransformer, standard_draws
from sk_aecnn.lifecycle._constant_features import ConstantFeatures
from sk_aecnn.lifecycle._usual import UsualSamples
from sk_aecnn.nn._variational import LEAST_DEVIATION
from sk_aecnn.onnx._graph import integers
from sk_aecnn.onnx._networks import NetworkGraph
from sk_aecnn.statistics._calibration import Calibration
from sk_aecnn.statistics._histograms import Histograms
from sk_aecnn.statistics._neighbours import Neighbours
from sk_aecnn.statistics._robust import whitening

_DOUBLE = np.dtype("float64")


@dataclass(frozen=True)
class Output:
    """A result of a graph.

    Attributes
    ----------
    name : str
        What it is called in the graph.
    value : str
        The node's output that it is.
    dtype : dtype
        Its type.
    shape : tuple of int
        Shape of that of one sample.
    """

    name: str
    value: str
    dtype: np.dtype
    shape: tuple[int, ...] = ()


def _predict_proba(network: NetworkGraph, estimator: Any) -> Output:
    temperature = estimator.net_.predict_nonlinearity.inverse_temperature
    value = network.probabilities(temperature)
    return Output("probabilities", value, network.graph.dtype, (len(estimator.classes_),))


def _predict(network: NetworkGraph, estimator: Any) -> Output:
    if is_classifier(estimator):
        return _predict_label(network, estimator)
    if is_regressor(estimator):
        return _predict_target(network, estimator)
    graph, score = network.graph, _decision_function(network, estimator).value
    is_outlier = graph.add("Less", score, np.array(0.0))
    value = graph.add(
        "Where", is_outlier, np.array(-1, dtype=np.int64), np.array(1, dtype=np.int64)
    )
    return Output("label", value, np.dtype("int64"))


def _predict_label(network: NetworkGraph, estimator: Any) -> Output:
    proba = _predict_proba(network, estimator).value
    index = network.graph.add("ArgMax", proba, axis=1, keepdims=0)
    classes = _as_tensor_of_labels(estimator.classes_)
    if np.array_equal(classes, np.arange(len(classes))):
        return Output("label", index, np.dtype("int64"))
    return Output("label", network.graph.add("Gather", classes, index), classes.dtype)


def _as_tensor_of_labels(classes: np.ndarray) -> np.ndarray:
    """Return classes in a type that ONNX has, or raise."""
    kind = classes.dtype.kind
    if kind in "biu" and np.array_equal(classes.astype(np.int64), classes):
        return classes.astype(np.int64)
    if kind == "f":
        return classes.astype(np.float64)
    if kind == "U" or (kind == "O" and all(isinstance(label, str) for label in classes)):
        return classes.astype(object)
    raise ValueError(
        f"Labels such as {classes[0]!r} are of no type that ONNX has; integers, floats and text "
        "are. Pass method='predict_proba', whose columns are in the order of classes_."
    )


def _predict_target(network: NetworkGraph, estimator: Any) -> Output:
    graph, scaler = network.graph, estimator._target_scaler
    value = graph.add("Mul", graph.cast(network.prediction, _DOUBLE), scaler.scale)
    value = graph.add("Add", value, scaler.mean)
    if estimator._max_extrapolation is not None:
        value = network.clip(value, *scaler.limits(estimator._max_extrapolation))
    if scaler.given_flat:
        return Output("prediction", graph.reshape(value, -1), _DOUBLE)
    return Output("prediction", value, _DOUBLE, scaler.mean.shape)


def _transform(network: NetworkGraph, estimator: Any) -> Output:
    if isinstance(estimator, AutoencoderImputer):
        return _fill_in(network, estimator)
    if getattr(estimator, "output", "code") == "reconstruction":
        return replace(_reconstruct(network, estimator), name="transformed")
    return Output("code", network.code, network.graph.dtype, (network.network.encoding_dim,))


def _fill_in(network: NetworkGraph, estimator: AutoencoderImputer) -> Output:
    """Put the reconstruction for what is missing, and columns beside that tell where that was."""
    graph, given, shape = network.graph, network.given, network.shape
    if not network.missing:
        return Output("transformed", given, network.dtype, shape)
    rebuilt = graph.cast(network.as_given(network.reconstruction), network.dtype)
    missing = graph.add("IsNaN", given)
    value = graph.add("Where", missing, rebuilt, given)
    if not estimator.add_indicator:
        return Output("transformed", value, network.dtype, shape)
    index = np.flatnonzero(estimator._is_indicated)
    told = graph.cast(graph.add("Gather", missing, index, axis=1), network.dtype)
    value = graph.add("Concat", value, told, axis=1)
    return Output("transformed", value, network.dtype, (shape[0] + len(index),))


def _reconstruct(network: NetworkGraph, estimator: Any) -> Output:
    value = network.as_given(network.reconstruction)
    return Output("reconstruction", value, network.graph.dtype, network.shape)


def _score_samples(network: NetworkGraph, estimator: Any) -> Output:
    value = _SCORES[type(estimator)](network, estimator)
    return Output("score", value, _DOUBLE)


def _decision_function(network: NetworkGraph, estimator: Any) -> Output:
    score = _score_samples(network, estimator).value
    value = network.graph.add("Sub", score, np.array(estimator.offset_))
    return Output("decision", value, _DOUBLE)


# -- scores of samples --------------------------------------------------------------------------


def _score_by_error(network: NetworkGraph, estimator: AutoencoderTransformer) -> str:
    graph = network.graph
    residuals = graph.add("Mul", network.residuals, network.constant(network.layout.scale))
    squares = network.where_known(graph.add("Mul", residuals, residuals))
    n_known = graph.add("Max", network.n_known, np.array(1.0))
    mean = graph.add("Div", network.over_features("ReduceSum", squares), n_known)
    return graph.add("Neg", mean)


def _score_by_deviation(network: NetworkGraph, estimator: AutoencoderOutlierDetector) -> str:
    graph = network.graph
    deviations = estimator._deviations
    deviation = _add_deviation(network, deviations.usual)
    for value, calibration in (
        (_add_neighbour_distance(network, deviations.neighbours), deviations.of_distances),
        (_add_surprisal(network, deviations.histograms), deviations.of_surprisals),
    ):
        deviation = graph.add("Max", deviation, _calibrated(network, value, calibration))
    if len(deviations.constants.index):
        changes = _count_changes(network, deviations.constants)
        largest = np.array(deviations.largest)
        deviation = graph.add("Add", deviation, graph.add("Mul", changes, largest))
    return graph.add("Neg", deviation)


def _calibrated(network: NetworkGraph, value: str, calibration: Calibration) -> str:
    """Return the deviations that values stand for, (batch,)."""
    graph, floor = network.graph, calibration.floor
    value = graph.add("Add", value, np.array(floor))
    ratio = graph.add("Div", value, np.array(calibration.usual + floor))
    power = graph.add("Pow", ratio, np.array(calibration.power))
    return graph.add("Mul", power, np.array(calibration.deviation))


def _add_surprisal(network: NetworkGraph, histograms: Histograms) -> str:
    """Add what `DeviationMixin.surprisal` returns, (batch,)."""
    graph, share = network.graph, histograms.share
    n_knots, n_features = share.shape
    x = graph.reshape(graph.cast(network.standardised, _DOUBLE), -1, n_features)
    place = graph.add("Div", graph.add("Sub", x, histograms.low), histograms.step)
    place = graph.add("Clip", place, np.array(0.0), np.array(n_knots - 1.0))
    missing = graph.add("IsNaN", place) if network.missing else ""
    if missing:
        place = graph.add("Where", missing, np.array(0.0), place)
    knot = graph.add("Min", graph.cast(place, np.dtype(np.int64)), integers(n_knots - 2))
    below, above = (
        graph.cast(graph.add("GatherElements", share, at, axis=0), _DOUBLE)
        for at in (knot, graph.add("Add", knot, integers(1)))
    )
    part = graph.add("Sub", place, graph.cast(knot, _DOUBLE))
    rise = graph.add("Mul", part, graph.add("Sub", above, below))
    log = graph.add("Log", graph.add("Add", below, rise))
    if not missing:
        return graph.add("Neg", graph.add("ReduceMean", log, integers(1), keepdims=0))
    total = graph.add("Where", missing, np.array(0.0), log)
    total = graph.add("ReduceSum", total, integers(1), keepdims=0)
    known = graph.cast(graph.add("Not", missing), _DOUBLE)
    n_known = graph.add("ReduceSum", known, integers(1), keepdims=0)
    return graph.add("Neg", graph.add("Div", total, graph.add("Max", n_known, np.array(1.0))))


def _add_neighbour_distance(network: NetworkGraph, neighbours: Neighbours) -> str:
    """Add what `DeviationMixin.neighbour_distance` returns, (batch,)."""
    graph, rows = network.graph, neighbours.rows
    x = graph.cast(network.completed, _DOUBLE)
    x = graph.reshape(x, -1, rows.shape[1])
    # up to what all rows have in common
    products = graph.add("MatMul", x, -2 * rows.T)
    squares = graph.add("Add", products, np.square(rows).sum(1))
    most, least = neighbours.count_nearest()
    _, index = graph.add_many("TopK", [squares, integers(most)], 2, axis=1, largest=0)
    weights = graph.add("CumSum", graph.add("Gather", neighbours.weight, index), np.array(1))
    before = graph.cast(graph.add("Less", weights, np.array(least)), np.dtype(np.int64))
    last = graph.add("ReduceSum", before, integers(1), keepdims=1)
    last = graph.add("Min", last, integers(most - 1))
    neighbour = graph.add(
        "Gather", rows, graph.reshape(graph.add("GatherElements", index, last, axis=1), -1)
    )
    difference = graph.add("Sub", x, neighbour)
    squares = graph.add("Mul", difference, difference)
    return graph.add("ReduceMean", squares, integers(1), keepdims=0)


def _score_by_usual(network: NetworkGraph, estimator: AECNNClassifier | AECNNRegressor) -> str:
    return network.graph.add("Neg", _add_deviation(network, estimator._usual))


def _add_deviation(network: NetworkGraph, usual: UsualSamples) -> str:
    """Add what `DeviationMixin.deviation` returns, (batch,)."""
    graph = network.graph
    squares = network.where_known(graph.add("Mul", network.residuals, network.residuals))
    weighted = graph.add("Div", squares, network.constant(usual.variances))
    residuals = network.over_features("ReduceSum", weighted)
    centred = graph.add("Sub", graph.cast(network.code, _DOUBLE), usual.mean)
    codes = graph.add("MatMul", centred, whitening(usual.covariance).T.copy())
    codes = graph.add("ReduceSum", graph.add("Mul", codes, codes), integers(1), keepdims=0)
    n_values = graph.add("Add", network.n_known, np.array(float(len(usual.mean))))
    return graph.add("Div", graph.add("Add", residuals, codes), n_values)


def _count_changes(network: NetworkGraph, constants: ConstantFeatures) -> str:
    """Return how many of the features that never changed in ``fit`` have another value."""
    graph, index = network.graph, constants.index
    given = graph.cast(graph.add("Gather", network.flat_rows, index, axis=1), _DOUBLE)
    distance = graph.add("Abs", graph.add("Sub", given, constants.value[index]))
    changed = graph.cast(graph.add("Greater", distance, constants.rounding), _DOUBLE)
    return graph.add("ReduceSum", changed, integers(1), keepdims=0)


def _score_by_bound(network: NetworkGraph, estimator: VariationalAutoencoderTransformer) -> str:
    graph = network.graph
    error = graph.add("ReduceMean", _errors_of_draws(network), integers(1), keepdims=0)
    if not network.network.probabilities:
        variance, scale = estimator.noise_variance_, network.layout.scale.cpu().numpy()
        constants = network.sum_of_known(log(2 * pi * variance) / 2 + np.log(scale))
        error = graph.add("Add", graph.add("Div", error, np.array(2 * variance)), constants)
    return graph.add("Neg", graph.add("Add", error, _divergence(network)))


def _deviation(network: NetworkGraph) -> str:
    graph = network.graph
    deviation = graph.add("Softplus", network.distribution[1])
    return graph.add("Add", deviation, graph.number(LEAST_DEVIATION))


def _divergence(network: NetworkGraph) -> str:
    """Return the divergence of codes from the prior, as `divergence_from_normal` has it."""
    graph = network.graph
    mean, deviation = (graph.cast(x, _DOUBLE) for x in (network.code, _deviation(network)))
    squares = graph.add("Add", graph.add("Mul", mean, mean), graph.add("Mul", deviation, deviation))
    halves = graph.add("Mul", graph.add("Sub", squares, np.array(1.0)), np.array(0.5))
    units = graph.add("Sub", halves, graph.add("Log", deviation))
    return graph.add("ReduceSum", units, integers(1), keepdims=0)


def _errors_of_draws(network: NetworkGraph) -> str:
    """Return the error of decoded draws from the distribution of every row, (batch, draws)."""
    graph, shape = network.graph, network.layout.shape
    draws = standard_draws(network.network.encoding_dim).astype(graph.dtype)
    axis = integers(1)
    mean, deviation = (graph.add("Unsqueeze", x, axis) for x in (network.code, _deviation(network)))
    codes = graph.add("Add", mean, graph.add("Mul", deviation, draws[None]))
    output = network.decode(graph.reshape(codes, -1, draws.shape[1]))
    output = graph.reshape(output, -1, len(draws), *shape)
    if network.network.probabilities:
        errors = _cross_entropy(network, output)
        return network.over_features("ReduceSum", _where_known_in_all(network, errors))
    residuals = network.residuals_of(output, graph.add("Unsqueeze", network.standardised, axis))
    squares = _where_known_in_all(network, graph.add("Mul", residuals, residuals))
    return network.over_features("ReduceSum", squares)


def _where_known_in_all(network: NetworkGraph, errors: str) -> str:
    """Return errors of all draws, zero for features that are missing."""
    if not network.missing:
        return errors
    missing = network.graph.add("Unsqueeze", network.missing, integers(1))
    return network.graph.add("Where", missing, np.array(0.0), errors)


def _cross_entropy(network: NetworkGraph, logits: str) -> str:
    """Return the binary cross-entropy of logits, (batch, draws, *layout.shape)."""
    graph = network.graph
    rows = graph.add("Unsqueeze", graph.cast(network.rows, _DOUBLE), integers(1))
    logits = graph.cast(logits, _DOUBLE)
    small = graph.add("Exp", graph.add("Neg", graph.add("Abs", logits)))
    softplus = graph.add("Log", graph.add("Add", small, np.array(1.0)))
    linear = graph.add(
        "Sub", graph.add("Max", logits, np.array(0.0)), graph.add("Mul", logits, rows)
    )
    return graph.add("Add", linear, softplus)


_SCORES: dict[type, Callable[[NetworkGraph, Any], str]] = {
    AECNNClassifier: _score_by_usual,
    AECNNRegressor: _score_by_usual,
    AutoencoderOutlierDetector: _score_by_deviation,
    AutoencoderTransformer: _score_by_error,
    VariationalAutoencoderTransformer: _score_by_bound,
}
METHODS: dict[str, Callable[[NetworkGraph, Any], Output]] = {
    "decision_function": _decision_function,
    "predict": _predict,
    "predict_proba": _predict_proba,
    "reconstruct": _reconstruct,
    "score_samples": _score_samples,
    "transform": _transform,
}
# of which the first one that an estimator has is exported where none is named
_FIRST = ("predict_proba", "predict", "transform")


def check_methods(estimator: Any, method: str | Sequence[str] | None) -> list[str]:
    """Return the names of methods that an estimator has, or raise."""
    known = [name for name in METHODS if hasattr(estimator, name)]
    if method is None:
        return [next(name for name in _FIRST if name in known)]
    methods = [method] if isinstance(method, str) else list(method)
    for name in methods:
        if name in METHODS and name not in known:
            getattr(estimator, name)  # raises, with the reason where there is one
    unknown = [name for name in methods if name not in known]
    if unknown or not methods or len(set(methods)) < len(methods):
        raise ValueError(
            f"method={method!r} must be one or several, each once, of the methods of "
            f"{type(estimator).__name__} that are exported: {', '.join(known)}."
        )
    return methods
