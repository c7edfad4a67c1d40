"""Copies of nets, of their networks and of their optimizers.

They are as `copy.deepcopy` makes them, in a small part of its time. A call to ``partial_fit``
trains a copy, so that an error leaves the estimator as it was; with small networks most of the call
would go into the empty dictionaries of hooks that every module has.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from copy import deepcopy
from typing import Any

import torch
from skorch.history import History
from torch import Tensor, nn
from torch.optim import Optimizer

from sk_aecnn._torch import generator_on
from sk_aecnn.nn import set_generator
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._optimizers import LeanOptimizer
from sk_aecnn.training._shrinkage import shrink

_ATOMS = frozenset({type(None), bool, int, float, str, torch.dtype})
_CONTAINERS = frozenset({dict, OrderedDict, set})


def fork(net: TrainingNet, partial: bool) -> TrainingNet:
    """Return a net that goes on training from here; this one stays as it is.

    For ``partial`` training the history begins anew, so that the time does not depend on how long
    the net was trained before.
    """
    memo: dict[int, Any] = {}
    module, criterion = (copy_module(part, memo) for part in (net.module_, net.criterion_))
    forked = _with_attributes(
        net,
        module=module,
        module_=module,
        criterion=criterion,
        criterion_=criterion,
        optimizer_=copy_optimizer(net.optimizer_, memo),
        iterator_train__generator=net.iterator_train__generator.clone_state(),
        best_losses=dict(net.best_losses),
        history_=History() if partial else History([dict(row) for row in net.history]),
    )
    if partial:
        forked.n_epochs_before += len(net.history)
    device, generator = torch.device(net.device), forked.iterator_train__generator
    set_generator(module, generator_on(device, generator))
    return forked


def without_optimizer(net: TrainingNet) -> TrainingNet:
    """Return a net whose state is that of this one without what its optimizer has learned."""
    return _with_attributes(net, optimizer_=None)


def snapshot(net: TrainingNet) -> TrainingNet:
    """Return a net that predicts as this one does now, whatever this one learns later."""
    taken = _with_attributes(net, module_=deepcopy(net.module_).eval())
    shrink(taken)
    return taken


def _with_attributes(net: TrainingNet, **attributes: Any) -> TrainingNet:
    """Return a net that shares with another one all but some attributes."""
    other = object.__new__(type(net))
    other.__dict__.update(vars(net), **attributes)
    return other


def copy_module(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """Return a deep copy of a module, without gradients.

    Parameters
    ----------
    module : nn.Module
        The module; one whose class says how it is copied is left to `copy.deepcopy`.
    memo : dict
        What is copied already, by `id`, as `copy.deepcopy` takes it.

    Examples
    --------
    >>> layer = nn.Linear(2, 3)
    >>> pair = nn.Sequential(layer, layer)
    >>> copied = copy_module(pair, {})
    >>> copied[0] is copied[1], copied[0] is layer
    (True, False)
    >>> copied[0].weight.equal(layer.weight)
    True
    """
    if id(module) in memo:
        known: nn.Module = memo[id(module)]
        return known
    kind = type(module)
    if hasattr(kind, "__deepcopy__") or kind.__setstate__ is not nn.Module.__setstate__:
        return deepcopy(module, memo)
    copied: nn.Module = object.__new__(kind)
    memo[id(module)] = copied
    state: dict[str, Any] = module.__getstate__()  # type: ignore[no-untyped-call]
    vars(copied).update(_copy_items(state, memo))
    return copied


def copy_optimizer(optimizer: Optimizer, memo: dict[int, Any]) -> Optimizer:
    """Return a deep copy of an optimizer, for parameters that are copied already.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer; one that is not of this package is left to `copy.deepcopy`.
    memo : dict
        What is copied already, by `id`.
    """
    if not isinstance(optimizer, LeanOptimizer):
        return deepcopy(optimizer, memo)
    groups = [
        group | {"params": [_copy(parameter, memo) for parameter in group["params"]]}
        for group in optimizer.param_groups
    ]
    copied: Optimizer = object.__new__(type(optimizer))
    others = {name: value for name, value in vars(optimizer).items() if name != "state"}
    vars(copied).update(_copy_items(others | {"param_groups": None}, memo), param_groups=groups)
    copied.state = defaultdict(dict)
    for parameter, state in optimizer.state.items():
        copied.state[_copy(parameter, memo)] = _copy_items(state, memo)
    return copied


def _copy_items(items: dict[str, Any], memo: dict[int, Any]) -> dict[str, Any]:
    """Return copies by name; most are of a kind that takes no call of a function."""
    copied = {}
    for name, value in items.items():
        kind = type(value)
        if kind in _CONTAINERS and not value:
            copied[name] = kind()
        else:
            copied[name] = value if kind in _ATOMS else _copy(value, memo)
    return copied


def _copy(value: Any, memo: dict[int, Any]) -> Any:
    kind = type(value)
    if kind is Tensor or kind is nn.Parameter:
        return _copy_tensor(value, memo)
    if kind is dict:
        return _copy_items(value, memo)
    if isinstance(value, nn.Module):
        return copy_module(value, memo)
    return deepcopy(value, memo)


def _copy_tensor(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    """Return a tensor of its own memory; tensors that are part of a larger one are not cut out."""
    known: Tensor | None = memo.get(id(tensor))
    if known is not None:
        return known
    if tensor.untyped_storage().nbytes() != tensor.nbytes:
        return deepcopy(tensor, memo)
    values = (tensor.detach() if tensor.requires_grad else tensor).clone()
    if type(tensor) is nn.Parameter:
        values = nn.Parameter(values, requires_grad=tensor.requires_grad)
    memo[id(tensor)] = values
    return values
