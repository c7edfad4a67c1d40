"""Members: networks of one kind that learn apart from each other and predict together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sk_aecnn.nn._dense import Linear


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
        self.encoders = nn.ModuleList(encoders)
        shapes = [encoder.feature_shape for encoder in encoders]
        self.sizes = [int(size) for (size,) in shapes]  # type: ignore[misc]
        self.feature_shape = (sum(self.sizes) + n_inputs,)

    @property
    def bottleneck(self) -> nn.ModuleList:
        """The layers of all members that put out their codes."""
        return nn.ModuleList([encoder.bottleneck for encoder in self.encoders])  # type: ignore[misc]

    def features(self, x: Tensor) -> Tensor:
        """Return the features of every member, and the inputs beside them."""
        inputs = self.columns(x)
        features = [encoder.features(inputs) for encoder in self.encoders]  # type: ignore[operator]
        return torch.cat([*features, inputs], dim=1)

    def code(self, features: Tensor) -> Tensor:
        """Go on from the features to the code."""
        *parts, _ = torch.split(features, [*self.sizes, self.n_inputs], dim=1)
        # parts of a row sum in another order than rows of their own
        codes = [
            encoder.code(part.contiguous())  # type: ignore[operator]
            for encoder, part in zip(self.encoders, parts, strict=True)
        ]
        return _mean(codes)

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self.features(x))


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """Return the mean of tensors, one after another: kernels sum a few rows in another order."""
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total / len(tensors)


class BackendMembers(nn.Module):
    """Back ends, each with a linear model beside it.

    Parameters
    ----------
    columns : nn.Module
        What comes before all of it.
    backends : sequence of nn.Module
        The back ends: vectors to (batch, n_outputs).
    sizes : sequence of int
        Of the parts of the input that each member has for itself, one after another; empty where
        all of them see the rest.
    n_inputs : int
        Size of what comes after them, which the linear models see; the rest is left alone.
    n_outputs : int
        Size of a prediction.
    linear : Linear or None
        The linear models: (batch, n_inputs) to (batch, members · n_outputs).

    Shape
    -----
    input : (batch, sum(sizes) + n_inputs, or more); output : (batch, members, n_outputs)

    Examples
    --------
    >>> backends = [nn.Linear(4, 3), nn.Linear(4, 3)]
    >>> members = BackendMembers(nn.Identity(), backends, (4, 4), 6, 3, Linear(6, 6))
    >>> members(torch.zeros(5, 14)).shape
    torch.Size([5, 2, 3])
    """

    def __init__(
        self,
        columns: nn.Module,
        backends: Sequence[nn.Module],
        sizes: Sequence[int],
        n_inputs: int,
        n_outputs: int,
        linear: Linear | None = None,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.backends = nn.ModuleList(backends)
        self.sizes = list(sizes)
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs
        self.linear = linear

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
        self.linear.weight.copy_(coefficients.flatten(0, 1))
        self.linear.bias.copy_(intercepts.flatten())

    def forward(self, x: Tensor) -> Tensor:
        """Return the prediction of every member."""
        seen = self.columns(x)[:, : sum(self.sizes) + self.n_inputs]
        *parts, inputs = torch.split(seen, [*self.sizes, self.n_inputs], dim=1)
        inputs = inputs.contiguous()
        if not parts:
            parts = [inputs] * len(self.backends)
        outputs = [
            backend(part.contiguous()) for backend, part in zip(self.backends, parts, strict=True)
        ]
        predictions = torch.stack(outputs, dim=1)
        if self.linear is None:
            return predictions
        linear: Tensor = self.linear(inputs)
        return predictions + linear.view_as(predictions)


class MeanPrediction(nn.Module):
    """The mean over members.

    Shape
    -----
    predictions : (batch, members, n_outputs); result : (batch, n_outputs)
    """

    def forward(self, predictions: Tensor) -> Tensor:
        return _mean(predictions.unbind(1))


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
        return log_probabilities.logsumexp(1) - torch.tensor(logits.shape[1]).log()
