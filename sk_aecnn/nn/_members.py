"""Members: networks of one kind that learn apart from each other and predict together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sk_aecnn.nn._side_by_side import LinearMembers, side_by_side


class MemberFeatures(NamedTuple):
    """What encoders of the same inputs make before their codes.

    Attributes
    ----------
    own : Tensor of shape (members, batch, hidden)
        The features of each.
    inputs : Tensor of shape (batch, n_inputs), or (members, batch, n_inputs)
        What all of them see, or what each sees.
    path : Tensor of shape (batch, encoding_dim), or None
        The linear path, where one is beside them.
    """

    own: Tensor
    inputs: Tensor
    path: Tensor | None = None

    def first_rows(self, n: int) -> MemberFeatures:
        """Return those of the first rows."""
        path = None if self.path is None else self.path[:n]
        return MemberFeatures(self.own[:, :n], self.inputs[..., :n, :], path)

    def joined(self) -> Tensor:
        """Return all of what one back end may see, side by side, (batch, n)."""
        path = [] if self.path is None else [self.path]
        return torch.cat([*self.own, self.inputs, *path], dim=1)


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
    input : (batch, n_features); features : `MemberFeatures`, which are of ``feature_shape`` when
    they are joined; code : (batch, encoding_dim)

    Examples
    --------
    >>> from sk_aecnn.nn import DenseEncoder
    >>> members = EncoderMembers(
    ...     nn.Identity(), 6, [DenseEncoder(6, (4,), 2) for _ in range(3)]
    ... )
    >>> members.features(torch.zeros(5, 6)).own.shape, members(torch.zeros(5, 6)).shape
    (torch.Size([3, 5, 4]), torch.Size([5, 2]))
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

    def features(self, x: Tensor) -> MemberFeatures:
        """Return the features of every member, and the inputs."""
        inputs = self.columns(x)
        own = self.encoders.features(inputs.expand(self.hidden_shape[0], -1, -1))
        return MemberFeatures(own, inputs)

    def separate_features(self, x: Tensor) -> MemberFeatures:
        """Return the features of every member, and the inputs, for rows of its own.

        Shape
        -----
        x : (members, batch, n_features)
        """
        inputs = separately(self.columns, x)
        return MemberFeatures(self.encoders.features(inputs), inputs)

    def code(self, features: MemberFeatures) -> Tensor:
        """Go on from the features to the code."""
        return _mean(self.encoders.code(features.own))

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
        What comes before all of it, where there are no encoders of members.
    backends : sequence of nn.Module
        The back ends: vectors to (batch, n_outputs).
    linear : LinearMembers or None
        The linear models.

    Shape
    -----
    input : (batch, n_features) that all of them see, or `MemberFeatures`, of which each sees its
    own, and the linear models the inputs; output : (batch, members, n_outputs)

    Examples
    --------
    >>> backends, linear = ([nn.Linear(n, 3) for _ in range(2)] for n in (4, 6))
    >>> members = BackendMembers(nn.Identity(), backends, LinearMembers(linear))
    >>> members(MemberFeatures(torch.zeros(2, 5, 4), torch.zeros(5, 6))).shape
    torch.Size([5, 2, 3])
    """

    def __init__(
        self,
        columns: nn.Module,
        backends: Sequence[nn.Module],
        linear: LinearMembers | None = None,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.n_members = len(backends)
        self.backends = side_by_side(backends)
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

    def forward(self, x: Tensor | MemberFeatures) -> Tensor:
        """Return the prediction of every member."""
        if isinstance(x, MemberFeatures):
            own, inputs = x.own, x.inputs
        else:
            inputs = self.columns(x)
            own = inputs.expand(self.n_members, -1, -1)
        return self._add(self.backends(own), inputs).transpose(0, 1)

    def predict_separately(self, x: Tensor | MemberFeatures) -> Tensor:
        """Return the prediction of every member for rows of its own.

        Shape
        -----
        x : (members, batch, n_features), or features of rows of their own; result : (members,
        batch, n_outputs)
        """
        if isinstance(x, MemberFeatures):
            own, inputs = x.own, x.inputs
        else:
            own = inputs = separately(self.columns, x)
        return self._add(self.backends(own), inputs)

    def _add(self, predictions: Tensor, inputs: Tensor) -> Tensor:
        """Add the linear models to predictions of the back ends, (members, batch, n_outputs)."""
        return predictions if self.linear is None else predictions + self.linear(inputs)


class MeanPrediction(nn.Module):
    """The mean over members, times a slope.

    Parameters
    ----------
    n_outputs : int
        Numbers in a prediction.

    Attributes
    ----------
    slope : Tensor of shape (n_outputs,)
        What means are multiplied by; one before training.

    Shape
    -----
    predictions : (batch, members, n_outputs); result : (batch, n_outputs)
    """

    def __init__(self, n_outputs: int = 1) -> None:
        super().__init__()
        self.register_buffer("slope", torch.ones(n_outputs, dtype=torch.float32))
        self.slope: Tensor

    def forward(self, predictions: Tensor) -> Tensor:
        return self.slope * _mean(predictions.transpose(0, 1))


class OneMember(nn.Module):
    """The prediction of one member, times a factor.

    Parameters
    ----------
    member : int
        Which.
    factor : Tensor of shape (1,) or (n_outputs,)
        What predictions are multiplied by.

    Shape
    -----
    predictions : (batch, members, n_outputs); result : (batch, n_outputs)
    """

    def __init__(self, member: int, factor: Tensor) -> None:
        super().__init__()
        self.member = member
        self.factor = factor

    def forward(self, predictions: Tensor) -> Tensor:
        return self.factor.to(predictions) * predictions[:, self.member]


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
        temperature = torch.tensor(inverse_temperature, dtype=torch.float32)
        self.register_buffer("inverse_temperature", temperature)
        self.inverse_temperature: Tensor

    def forward(self, logits: Tensor) -> Tensor:
        log_probabilities = (self.inverse_temperature * logits).log_softmax(2)
        return log_probabilities.logsumexp(1) - log(logits.shape[1])
