"""What is expected of a missing value, given the others of its row."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_aecnn.nn._dense import batch_invariant_linear

# the most steps of the conjugate gradient method
_MOST_STEPS = 8
# standard deviations up to which values tell of others, and which expected values keep to
MOST_DEVIATIONS = 5.0


class DensePrecision(nn.Module):
    """Multiplies by the inverse of covariances.

    Parameters
    ----------
    covariance : Tensor of shape (n_features, n_features), float64
        Of the features, in units of their standard deviations.
    dtype : torch.dtype
        Precision of the network.

    Shape
    -----
    input, output : (batch, n_features)

    Examples
    --------
    >>> covariance = torch.tensor([[1.0, 0.5], [0.5, 1.0]]).double()
    >>> DensePrecision(covariance, torch.float64)(covariance).round()
    tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64)
    """

    def __init__(self, covariance: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.linalg.inv(covariance).to(dtype))
        self.matrix: Tensor

    def approximate_inverse(self) -> Tensor:
        """Return the inverse of the diagonal of the matrix."""
        return 1 / self.matrix.diagonal()

    def forward(self, x: Tensor) -> Tensor:
        return _linear(self)(x, self.matrix)


class FactorPrecision(nn.Module):
    """Multiplies by the inverse of the covariances of many features, told by a few factors.

    With loadings :math:`L` and the noise :math:`D` on the diagonal, the inverse of
    :math:`L L^T + D` is :math:`D^{-1} - D^{-1} L (I + L^T D^{-1} L)^{-1} L^T D^{-1}` (Woodbury). It
    is kept as :math:`D^{-1} - A A^T`.

    Parameters
    ----------
    loadings : Tensor of shape (n_features, n_factors), float64
        How much of each factor is in a feature, in units of standard deviations.
    noise : Tensor of shape (n_features,), float64
        Variances of what factors do not tell.
    dtype : torch.dtype
        Precision of the network.

    Shape
    -----
    input, output : (batch, n_features)

    Examples
    --------
    >>> loadings, noise = (
    ...     torch.tensor([[0.6], [0.8]]).double(),
    ...     torch.tensor([0.64, 0.36]).double(),
    ... )
    >>> covariance = loadings @ loadings.T + noise.diag()
    >>> FactorPrecision(loadings, noise, torch.float64)(covariance).round().abs()
    tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64)
    """

    def __init__(self, loadings: Tensor, noise: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        scaled = loadings / noise[:, None]
        inner = torch.eye(loadings.shape[1]).to(loadings) + loadings.T @ scaled
        factors = torch.linalg.solve_triangular(
            torch.linalg.cholesky(inner), scaled.T, upper=False
        ).T
        self.register_buffer("inverse_noise", (1 / noise).to(dtype))
        self.register_buffer("factors", factors.to(dtype).contiguous())
        self.inverse_noise: Tensor
        self.factors: Tensor

    def approximate_inverse(self) -> Tensor:
        """Return the noise: of what is left, there is as much as there are factors."""
        return 1 / self.inverse_noise

    def forward(self, x: Tensor) -> Tensor:
        linear = _linear(self)
        return x * self.inverse_noise - linear(linear(x, self.factors.T), self.factors)


class ConditionalMean(nn.Module):
    """Fill in the conditional expectation of what is missing, under a normal distribution.

    With the precision matrix :math:`P`, the inverse of the covariances, expected values solve
    :math:`P_{mm} x_m = -P_{mo} x_o`, where :math:`m` are the missing and :math:`o` the known
    features of a row. They are found for all rows at once by a few steps of the conjugate gradient
    method, preconditioned by a diagonal matrix. In exact arithmetic, as many steps as there are
    features are enough.

    Parameters
    ----------
    precision : DensePrecision or FactorPrecision
        Multiplies by the precision matrix of the features, in units of their standard deviations.
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
    >>> precision = DensePrecision(covariance, torch.float32)
    >>> fill = ConditionalMean(precision, torch.ones(2).double())
    >>> x = torch.tensor([[2.0, torch.nan], [2.0, 2.0]])
    >>> fill(x, x.isnan())
    tensor([[2., 1.],
            [2., 2.]])
    """

    def __init__(
        self,
        precision: DensePrecision | FactorPrecision,
        deviation: Tensor,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.precision = precision
        self.register_buffer("preconditioner", precision.approximate_inverse())
        self.register_buffer("deviation", deviation.to(dtype))
        self.preconditioner: Tensor
        self.deviation: Tensor

    @property
    def n_steps(self) -> int:
        """The steps of the conjugate gradient method."""
        return min(_MOST_STEPS, len(self.deviation))

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
        residual = -self.precision(known) * missing
        direction = preconditioned = self.preconditioner * residual
        solution, size = torch.zeros_like(known), _dot(residual, preconditioned)
        tiny = torch.finfo(known.dtype).tiny
        for steps_left in reversed(range(self.n_steps)):
            product = self.precision(direction) * missing
            step = size / _dot(direction, product).clamp_min(tiny)
            solution = solution.addcmul(step, direction)
            if steps_left > 0:
                residual = residual.addcmul(step, product, value=-1)
                preconditioned = self.preconditioner * residual
                before, size = size, _dot(residual, preconditioned)
                direction = preconditioned.addcmul(size / before.clamp_min(tiny), direction)
        return solution


def _linear(module: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    return F.linear if module.training else batch_invariant_linear


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(1, keepdim=True)
