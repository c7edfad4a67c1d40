"""Networks of one kind side by side, each of which takes a part of the rows, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn.nn._activations import ACTIVATIONS
from sk_aecnn.nn._backend import DenseBackend
from sk_aecnn.nn._conv import Dropout
from sk_aecnn.nn._dense import DenseEncoder, Linear, batch_invariant_linear

# layers that take one more axis in front
_ANY_AXES = {Linear, Dropout, nn.Sequential, *ACTIVATIONS.values()}


class LinearMembers(nn.Module):
    """Linear layers side by side, one product of batched matrices while training.

    Parameters
    ----------
    layers : sequence of nn.Linear
        Layers of the same sizes, with a bias, whose parameters are copied.

    Shape
    -----
    input : (members, batch, n_inputs), or (batch, n_inputs) that all of them see; output :
    (members, batch, n_outputs)

    Examples
    --------
    >>> LinearMembers([nn.Linear(4, 2) for _ in range(3)])(torch.zeros(3, 5, 4)).shape
    torch.Size([3, 5, 2])
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))
        self.register_buffer("strength", None)
        self.register_parameter("scale", None)
        self.register_buffer("scale_rate", None)
        self.strength: Tensor | None
        self.scale: nn.Parameter | None
        self.scale_rate: Tensor

    @torch.no_grad()
    def see(self, strength: Tensor) -> None:
        """Let each member see its inputs as strongly as is told, and those of zero not at all.

        The mean square of strengths, over what a member sees, becomes one, and its weights grow by
        as much as keeps the variance of the outputs.

        Parameters
        ----------
        strength : Tensor of shape (members, n_inputs)
            What inputs are multiplied by.
        """
        n_seen = (strength > 0).sum(1, keepdim=True)
        strength = strength * (n_seen / strength.square().sum(1, keepdim=True)).sqrt()
        self.strength = strength[:, None].to(self.weight)
        self.weight.mul_((strength.shape[1] / n_seen).sqrt().to(self.weight)[:, None])

    def learn_scales(self, rates: Sequence[float]) -> None:
        """Let each member learn a scale for every input, which begins as one.

        Parameters
        ----------
        rates : sequence of float
            For each member, how many times the learning rate of a weight that of a scale is; 0 for
            no scales.
        """
        n_members, _, n_inputs = self.weight.shape
        self.scale = nn.Parameter(self.weight.new_zeros(n_members, 1, n_inputs))  # divided by rate
        self.scale_rate = self.weight.new_tensor(rates)[:, None, None]

    @property
    def input_factor(self) -> Tensor | None:
        """What inputs are multiplied by, (members, 1, n_inputs), None where that is one."""
        if self.scale is None:
            return self.strength
        scale = 1 + self.scale_rate * self.scale
        return scale if self.strength is None else self.strength * scale

    @property
    def input_weight(self) -> Tensor:
        """The weights of inputs as they are given, (members, n_outputs, n_inputs)."""
        factor = self.input_factor
        return self.weight if factor is None else self.weight * factor

    def forward(self, x: Tensor) -> Tensor:
        if x.stride(0) == 0 and not self.training:
            x = x[0]  # all of them see the same: one product
        if x.ndim == 2:
            linear = F.linear if self.training else batch_invariant_linear
            side_by_side: Tensor = linear(x, self.input_weight.flatten(0, 1), self.bias.flatten())
            return side_by_side.reshape(len(x), *self.bias.shape).transpose(0, 1)
        if self.training:
            return torch.baddbmm(self.bias[:, None], x, self.input_weight.transpose(1, 2))
        parts = zip(x, self.input_weight, self.bias, strict=True)
        # parts of a row sum in another order than rows of their own
        return torch.stack([batch_invariant_linear(p.contiguous(), *layer) for p, *layer in parts])


class SeparateMembers(nn.Module):
    """Networks side by side that are called one after another.

    Parameters
    ----------
    networks : sequence of nn.Module
        Maps of (batch, n_inputs) to (batch, n_outputs).

    Shape
    -----
    input : (members, batch, n_inputs); output : (members, batch, n_outputs)

    Examples
    --------
    >>> SeparateMembers([nn.Linear(4, 2) for _ in range(3)])(torch.zeros(3, 5, 4)).shape
    torch.Size([3, 5, 2])
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    @property
    def bottleneck(self) -> nn.ModuleList:
        """The layers of encoders that put out their codes."""
        return nn.ModuleList([network.bottleneck for network in self.networks])  # type: ignore[misc]

    def features(self, x: Tensor) -> Tensor:
        """Return the features of encoders, (members, batch, hidden)."""
        return self._call([network.features for network in self.networks], x)

    def code(self, features: Tensor) -> Tensor:
        """Return the codes of encoders, (members, batch, encoding_dim), for their features."""
        return self._call([network.code for network in self.networks], features)

    def forward(self, x: Tensor) -> Tensor:
        return self._call(self.networks, x)

    @staticmethod
    def _call(functions: Any, x: Tensor) -> Tensor:
        parts = zip(functions, x, strict=True)
        return torch.stack([function(part.contiguous()) for function, part in parts])


def side_by_side(networks: Sequence[nn.Module]) -> Any:
    """Put networks of one kind side by side: as one, if they are dense, or one after another.

    Dense networks of this package, whose activations are among those with a name, take any axes in
    front of the last: put in place of each of their linear layers, `LinearMembers` make one network
    out of them.

    Parameters
    ----------
    networks : sequence of nn.Module
        Built by one recipe.

    Returns
    -------
    members : nn.Module
        (members, batch, n_inputs) to (members, batch, n_outputs), with the methods ``features`` and
        ``code`` of encoders.

    Examples
    --------
    >>> from sk_aecnn.nn import DenseEncoder
    >>> members = side_by_side([DenseEncoder(6, (4,), 2) for _ in range(3)])
    >>> members.features(torch.zeros(3, 5, 6)).shape
    torch.Size([3, 5, 4])
    """
    first = networks[0]
    leaves = {name: part for name, part in first.named_modules() if not list(part.children())}
    are_dense = isinstance(first, DenseEncoder | DenseBackend)
    if not are_dense or not {type(leaf) for leaf in leaves.values()} <= _ANY_AXES:
        return SeparateMembers(networks)
    members = deepcopy(first)
    for name, leaf in leaves.items():
        if isinstance(leaf, Linear):
            layers: Any = [network.get_submodule(name) for network in networks]
            members.set_submodule(name, LinearMembers(layers))
    return members
