"""What is expected of a missing value, given the others of its row."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn.nn._dense import batch_invariant_linear

# steps of the conjugate gradient method
N_STEPS = 8
# standard deviations up to which values tell of others, and which expected values keep to
MOST_DEVIATIONS = 5.0


class ConditionalMean(nn.Module):
    """Fill in the conditional expectation of what is missing, under a normal distribution.

    With the precision matrix :math:`P`, the inverse of the covariances, expected values solve
    :math:`P_{mm} x_m = -P_{mo} x_o`, where :math:`m` are the missing and :math:`o` the known
    features of a row. They are found for all rows at once by a few steps of the conjugate gradient
    method, preconditioned by the diagonal.

    Parameters
    ----------
    covariance : Tensor of shape (n_features, n_features), float64
        Of the features, in units of their standard deviations.
    deviation : Tensor of shape (n_features,), float64
        Standard deviations, zero for constants.
    dtype : torch.dtype
        Precision of the network.

    Shape
    -----
    input : (batch, n_features), centred; missing : (batch, n_features), bool; output : as the
    input, which stays as it is where it is not missing

    Examples
    --------
    >>> covariance = torch.tensor([[1.0, 0.5], [0.5, 1.0]]).double()
    >>> fill = ConditionalMean(covariance, torch.ones(2).double())
    >>> x = torch.tensor([[2.0, torch.nan], [2.0, 2.0]])
    >>> fill(x, x.isnan())
    tensor([[2., 1.],
            [2., 2.]])
    """

    def __init__(
        self, covariance: Tensor, deviation: Tensor, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        precision = torch.linalg.inv(covariance)
        self.register_buffer("precision", precision.to(dtype))
        self.register_buffer("preconditioner", (1 / precision.diagonal()).to(dtype))
        self.register_buffer("deviation", deviation.to(dtype))
        self.precision: Tensor
        self.preconditioner: Tensor
        self.deviation: Tensor

    def forward(self, x: Tensor, missing: Tensor) -> Tensor:
        if not self.training:
            return self._fill(x, missing)
        # rows without a missing value need no product with the precision matrix
        at = missing.any(1).nonzero()[:, 0]
        return x.index_copy(0, at, self._fill(x[at], missing[at]))

    def _fill(self, x: Tensor, missing: Tensor) -> Tensor:
        gain = torch.where(self.deviation > 0, 1 / self.deviation, 0.0)
        scaled = (x * gain).clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS).masked_fill(missing, 0.0)
        expected = self._solve(scaled, missing.to(x.dtype))
        expected = expected.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS) * self.deviation
        return torch.where(missing, expected, x)

    def _solve(self, known: Tensor, missing: Tensor) -> Tensor:
        """Return the expected values of missing features, zero for the others."""
        residual = -self._times_precision(known) * missing
        direction = preconditioned = self.preconditioner * residual
        solution, size = torch.zeros_like(known), _dot(residual, preconditioned)
        tiny = torch.finfo(known.dtype).tiny
        for _ in range(N_STEPS):
            product = self._times_precision(direction) * missing
            step = size / _dot(direction, product).clamp_min(tiny)
            solution = solution + step * direction
            residual = residual - step * product
            preconditioned = self.preconditioner * residual
            before, size = size, _dot(residual, preconditioned)
            direction = preconditioned + size / before.clamp_min(tiny) * direction
        return solution

    def _times_precision(self, x: Tensor) -> Tensor:
        linear = F.linear if self.training else batch_invariant_linear
        return linear(x, self.precision)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(1, keepdim=True)
