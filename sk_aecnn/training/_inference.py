"""What a trained network makes of rows, batch after batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from math import isfinite, prod
from typing import Any

import numpy as np
import torch

from sk_aecnn._torch import describe_shortage, is_out_of_memory, is_undisturbed, undisturbed
from sk_aecnn.data._mapping import inference_batch_size, map_rows
from sk_aecnn.data._rows import Rows, RowSubset, chunks
from sk_aecnn.exceptions import DivergenceError
from sk_aecnn.training._net import TrainingNet

# standard deviations of a row from the mean, and norms of weights, up to which nothing overflows
_FAR = 3.0
_LARGE = 1e3
# up to which a look at each costs less than to sum them up and mind overflow
_FEW_VALUES = 10_000


def infer(net: TrainingNet, method: str, rows: Rows | RowSubset, **arguments: Any) -> np.ndarray:
    """Apply a method of the net's network to rows, in batches.

    Raises
    ------
    ValueError
        If a result is not finite: the rows are beyond the precision of the network.
    MemoryError
        If a batch or the result does not fit into memory.
    """
    function, shape = getattr(net.module_, method), net.module_.layout.shape
    if arguments:
        function = partial(function, **arguments)
    batch_size = inference_batch_size(prod(shape), len(shape) > 1)
    device = torch.device(net.device)
    try:
        with nullcontext() if is_undisturbed(device) else undisturbed(device):
            result = map_rows(function, rows, device, batch_size)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"What the network makes of {len(rows):,} samples of {prod(shape):,} values does not "
            f"fit into memory ({describe_shortage(error)}). Pass fewer samples at a time, or fit a "
            "smaller network."
        ) from error
    if not _is_finite(result):
        is_finite = np.isfinite(result.reshape(len(result), -1)).all(axis=1)
        raise ValueError(_describe_overflow(net, rows, int(is_finite.argmin())))
    return result


def find_computable(net: TrainingNet, rows: Rows, *, has_moderate_weights: bool) -> np.ndarray:
    """Tell of which rows what the net's network makes is not too large to be measured.

    Parameters
    ----------
    net : TrainingNet
        The trained net.
    rows : Tensor, SparseRows or TableRows of shape (n_samples, n_features)
        The rows.
    has_moderate_weights : bool
        Whether what is made of usual rows is finite, so that only those far from the others are
        looked at; see `has_moderate_weights`.

    Returns
    -------
    are_computable : ndarray of shape (n_samples,), bool

    Raises
    ------
    ValueError
        If a row is so far from the others that its distance overflows.
    """
    is_looked_at = np.ones(len(rows), dtype=bool)
    if has_moderate_weights:
        is_looked_at = infer(net, "distance", rows) > _FAR
    are_computable = ~is_looked_at
    if is_looked_at.any():
        subset = RowSubset(rows, torch.from_numpy(np.flatnonzero(is_looked_at)))
        are_computable[is_looked_at] = infer(net, "are_computable", subset)
    return are_computable


def check_computable(net: TrainingNet, rows: Rows, *, has_moderate_weights: bool) -> None:
    """Raise where what the net's network makes of a row is too large to be measured.

    Parameters
    ----------
    net, rows, has_moderate_weights
        As in `find_computable`.

    Raises
    ------
    ValueError
        If the row is too far from the others.
    DivergenceError
        If it is not: training left weights that make too much of it.
    """
    are_computable = find_computable(net, rows, has_moderate_weights=has_moderate_weights)
    if are_computable.all():
        return
    row = int(are_computable.argmin())
    if describe_far(net, rows[row : row + 1]) is None:
        raise DivergenceError(
            f"Training at lr={net.lr:g} left weights whose codes and reconstructions overflow: it "
            "diverged. Pass a lower lr (a tenth, say)."
        )
    raise ValueError(_describe_overflow(net, rows, row))


def has_moderate_weights(network: torch.nn.Module) -> bool:
    """Tell whether weights and statistics are finite, and what is made of usual rows is as well.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 2)
    >>> has_moderate_weights(layer)
    True
    >>> _ = layer.bias.data.fill_(torch.inf)
    >>> has_moderate_weights(layer)
    False
    """
    weights = [weight.detach() for weight in network.parameters()]
    if weights and not torch.stack(torch._foreach_norm(weights)).max() <= _LARGE:  # NaN is not
        return False
    return are_finite(list(network.buffers()))


def are_finite(tensors: Sequence[torch.Tensor]) -> bool:
    """Tell whether all numbers of tensors are finite, by their norms in most cases."""
    floats = [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
    of_a_kind = defaultdict(list)  # of which the norms take one call
    for tensor in floats:
        if tensor.numel() > 0:
            of_a_kind[tensor.dtype].append(tensor)
    norms = (torch.stack(torch._foreach_norm(some)).sum() for some in of_a_kind.values())
    if all(norm.isfinite() for norm in norms):
        return True
    return all(bool(tensor.isfinite().all()) for tensor in floats)


def describe_far(net: TrainingNet, rows: Rows) -> str | None:
    """Return what there is to say of a value that is too far from those seen in ``fit``.

    None where all values are near enough for a network of moderate weights to be computed.
    """
    limit = torch.finfo(net.module_.layout.dtype).max ** 0.25
    for chunk in chunks(rows):
        distances = _distances(net, rows[chunk].to(torch.float64)).amax(dim=1)
        if distances.max() >= limit:
            return _describe_overflow(net, rows, chunk.start + int(distances.argmax()))
    return None


def _is_finite(values: np.ndarray) -> bool:
    """Tell whether all values are finite, by their sum in most cases."""
    if values.size <= _FEW_VALUES:
        return bool(np.isfinite(values).all())
    with np.errstate(all="ignore"):
        return isfinite(values.sum()) or bool(np.isfinite(values).all())


def _describe_overflow(net: TrainingNet, rows: Rows | RowSubset, row: int) -> str:
    """Return what there is to say of a row whose results are not finite."""
    values = rows[row : row + 1].to(torch.float64)[0]
    precision = str(net.module_.layout.dtype).removeprefix("torch.")
    advice = "pass smaller values"
    if precision != "float64":
        advice += ", or fit with precision='float64'"
    if len(values) != len(net.module_.layout.mean):  # codes
        return (
            f"The codes hold values of {values.abs().max():.3g} in row {row}, beyond what a net "
            f"of precision={precision!r} can decode: {advice}."
        )
    distances = _distances(net, values)
    feature = int(distances.argmax())
    return (
        f"X holds {values[feature]:.3g} in row {row}, feature {feature}, which is "
        f"{distances[feature]:.3g} standard deviations from the mean seen in fit, beyond what a "
        f"network of precision={precision!r} can compute with: {advice}."
    )


def _distances(net: TrainingNet, values: torch.Tensor) -> torch.Tensor:
    """Return how far values of rows are from the means, in standard deviations, 0 if missing."""
    layout = net.module_.layout
    distances: torch.Tensor = ((values - layout.mean.cpu()) / layout.scale.cpu()).abs()
    return distances.nan_to_num(0.0, posinf=torch.inf)
