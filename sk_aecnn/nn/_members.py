"""Members: networks of one kind that learn apart from each other and predict together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, prod
from typing import Any

import torch
from torch import Tensor, nn

from sk_aecnn.nn._side_by_side import LinearMembers, side_by_side


class EncoderMembers(nn.Module):
    """Encoders of the same inputs; the mean of their codes is the code.

    Parameters
    ----------
    columns : nn.Module
        What comes before every encoder: (batch, n_features) to (batch, n_inputs).
    n_inputs : int
        Size of its output.
    encoders : sequence of nn.Module
        Encoders of (batch, n_inputs) whose features are vectors.

    Shape
    -----
    input : (batch, n_features); features : (batch, members · hidden + n_inputs), those of one
    member after another, then the inputs; code : (batch, encoding_dim)

    Examples
    --------
    >>> from sk_aecnn.nn import DenseEncoder
    >>> members = EncoderMembers(
    ...     nn.Identity(), 6, [DenseEncoder(6, (4,), 2) for _ in range(3)]
    ... )
    >>> members.features(torch.zeros(5, 6)).shape, members(torch.zeros(5, 6)).shape
    (torch.Size([5, 18]), torch.Size([5, 2]))
    """

    def __init__(self, columns: nn.Module, n_inputs: int, encoders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.columns = columns
        self.n_inputs = n_inputs
        shape: Any = encoders[0].feature_shape
        self.hidden_shape = (len(encoders), int(shape[0]))
        self.encoders: Any = side_by_side(encoders)
        self.feature_shape = (prod(self.hidden_shape) + n_inputs,)

    @property
    def bottleneck(self) -> nn.Module:
        """The layers of all members that put out their codes."""
        layers: nn.Module = self.encoders.bottleneck
        return layers

    @property
    def first_layer(self) -> LinearMembers | None:
        """The first layers of all members, None where each is a network of its own."""
        return _first_layer(self.encoders)

    def features(self, x: Tensor) -> Tensor:
        """Return the features of every member, and the inputs beside them."""
        inputs = self.columns(x)
        features = self.encoders.features(inputs.expand(self.hidden_shape[0], -1, -1))
        return torch.cat([*features, inputs], dim=1)

    def separate_features(self, x: Tensor) -> Tensor:
        """Return the features of every member, and the inputs, for rows of its own.

        Shape
        -----
        x : (members, batch, n_features); result : (members, batch, hidden + n_inputs)
        """
        inputs = separately(self.columns, x)
        return torch.cat([self.encoders.features(inputs), inputs], dim=2)

    def code(self, features: Tensor) -> Tensor:
        """Go on from the features to the code."""
        n_hidden = prod(self.hidden_shape)
        hidden, _ = features.split_with_sizes([n_hidden, features.shape[1] - n_hidden], dim=1)
        hidden = hidden.reshape(-1, *self.hidden_shape)
        return _mean(self.encoders.code(hidden.transpose(0, 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self.features(x))


def _first_layer(members: nn.Module) -> LinearMembers | None:
    layers = (part for part in members.modules() if isinstance(part, LinearMembers))
    return next(layers, None)


def _mean(members: Tensor) -> Tensor:
    """Return the mean over the first axis, in turn: kernels sum a few rows in another order."""
    first, *others = members.unbind(0)
    return sum(others, start=first) / len(members)


def separately(module: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply what maps (batch, n_in) to (batch, n_out) to the rows of every member.

    Shape
    -----
    x : (members, batch, n_in); result : (members, batch, n_out)
    """
    result = module(x.flatten(0, 1))
    return result.view(*x.shape[:2], *result.shape[1:])


class BackendMembers(nn.Module):
    """Back ends, each with a linear model beside it.

    Parameters
    ----------
    columns : nn.Module
        What comes before all of it.
    backends : sequence of nn.Module
        The back ends: vectors to (batch, n_outputs).
    n_own : int
        Size of the part of the input that each member has for itself, one after another; 0 where
        all of them see the rest.
    n_inputs : int
        Size of what comes after them, which the linear models see; the rest is left alone.
    linear : LinearMembers or None
        The linear models.

    Shape
    -----
    input : (batch, members · n_own + n_inputs, or more); output : (batch, members, n_outputs)

    Examples
    --------
    >>> backends, linear = ([nn.Linear(n, 3) for _ in range(2)] for n in (4, 6))
    >>> members = BackendMembers(nn.Identity(), backends, 4, 6, LinearMembers(linear))
    >>> members(torch.zeros(5, 14)).shape
    torch.Size([5, 2, 3])
    """

    def __init__(
        self,
        columns: nn.Module,
        backends: Sequence[nn.Module],
        n_own: int,
        n_inputs: int,
        linear: LinearMembers | None = None,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.n_members = len(backends)
        self.backends = side_by_side(backends)
        self.n_own = n_own
        self.n_inputs = n_inputs
        self.linear = linear

    @property
    def first_layer(self) -> LinearMembers | None:
        """The first layers of all back ends, None where each is a network of its own."""
        return _first_layer(self.backends)

    @torch.no_grad()
    def start_from(self, coefficients: Tensor, intercepts: Tensor) -> None:
        """Take over linear models, so that they predict until something else is learned.

        Parameters
        ----------
        coefficients : Tensor of shape (members, n_outputs, n_inputs)
            Of the inputs.
        intercepts : Tensor of shape (members, n_outputs)
            Constants.
        """
        assert self.linear is not None, "there are linear models"
        self.linear.weight.copy_(coefficients)
        self.linear.bias.copy_(intercepts)

    def forward(self, x: Tensor) -> Tensor:
        """Return the prediction of every member."""
        x = self.columns(x)
        n_hidden = self.n_members * self.n_own
        n_inputs = self.n_inputs if self.linear is None else self.linear.weight.shape[2]
        sizes = [n_hidden, n_inputs, x.shape[1] - n_hidden - n_inputs]
        # one split, whose gradients are put together at once
        hidden, inputs, _ = x.split_with_sizes(sizes, dim=1)
        inputs = inputs.contiguous()  # parts of a row sum in another order than rows of their own
        if self.n_own:
            seen = hidden.reshape(-1, self.n_members, self.n_own).transpose(0, 1)
        else:
            seen = inputs.expand(self.n_members, -1, -1)
        return self._add(self.backends(seen), inputs).transpose(0, 1)

    def predict_separately(self, x: Tensor) -> Tensor:
        """Return the prediction of every member for rows of its own.

        Shape
        -----
        x : (members, batch, n_own + n_inputs); result : (members, batch, n_outputs)
        """
        hidden, inputs = separately(self.columns, x).tensor_split([self.n_own], 2)
        return self._add(self.backends(hidden if self.n_own else inputs), inputs)

    def _add(self, predictions: Tensor, inputs: Tensor) -> Tensor:
        """Add the linear models to predictions of the back ends, (members, batch, n_outputs)."""
        return predictions if self.linear is None else predictions + self.linear(inputs)


class MeanPrediction(nn.Module):
    """The mean over members.

    Shape
    -----
    predictions : (batch, members, n_outputs); result : (batch, n_outputs)
    """

    def forward(self, predictions: Tensor) -> Tensor:
        return _mean(predictions.transpose(0, 1))


class OneMember(nn.Module):
    """The prediction of one member.

    Parameters
    ----------
    member : int
        Which.
    inverse_temperature : float
        What predictions are multiplied by.

    Shape
    -----
    predictions : (batch, members, n_outputs); result : (batch, n_outputs)
    """

    def __init__(self, member: int, inverse_temperature: float = 1.0) -> None:
        super().__init__()
        self.member = member
        self.inverse_temperature = inverse_temperature

    def forward(self, predictions: Tensor) -> Tensor:
        return self.inverse_temperature * predictions[:, self.member]


class MeanProbability(nn.Module):
    """The logarithm of the mean over members of the probabilities of classes.

    Parameters
    ----------
    inverse_temperature : float
        What logits are multiplied by before they become probabilities.

    Shape
    -----
    logits : (batch, members, classes); result : (batch, classes)

    Examples
    --------
    >>> mean = MeanProbability()
    >>> mean(torch.tensor([[[9.0, 0.0], [0.0, 9.0]]])).exp()
    tensor([[0.5000, 0.5000]])
    """

    def __init__(self, inverse_temperature: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("inverse_temperature", torch.tensor(inverse_temperature))
        self.inverse_temperature: Tensor

    def forward(self, logits: Tensor) -> Tensor:
        log_probabilities = (self.inverse_temperature * logits).log_softmax(2)
        return log_probabilities.logsumexp(1) - log(logits.shape[1])
