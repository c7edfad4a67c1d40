"""Which inputs the output of a network comes from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

_N_STEPS = 32
_N_ITERATIONS = 20


def integrated_gradients(
    function: Callable[[Tensor], Tensor], x: Tensor, reference: Tensor, n_steps: int = _N_STEPS
) -> Tensor:
    r"""Distribute the difference of a function between inputs and a reference over the inputs.

    The gradient along the straight way, times the way of each input (Sundararajan, Taly & Yan 2017,
    "Axiomatic attribution for deep networks", eq. 1),

    .. math:: (x_j - x'_j) \int_0^1 \frac{\partial f(x' + \alpha (x - x'))}{\partial x_j} d\alpha,

    by the midpoint rule. Over all inputs, this sums to :math:`f(x) - f(x')` but for the error of
    that rule.

    Parameters
    ----------
    function : callable
        Maps (batch, n_features) to one number for each row, (batch,).
    x : Tensor of shape (batch, n_features)
        Inputs.
    reference : Tensor of shape (n_features,)
        Where the way begins.
    n_steps : int
        Gradients to average.

    Returns
    -------
    contributions : Tensor of shape (batch, n_features), float64
        What each input contributes.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 2.0, 5.0]])
    >>> integrated_gradients(lambda x: x[:, 0] * x[:, 1], x, torch.zeros(3))
    tensor([[1., 1., 0.]], dtype=torch.float64)
    """
    with torch.inference_mode(False), torch.enable_grad():
        way = x - reference
        total = torch.zeros_like(way, dtype=torch.float64)
        for step in range(n_steps):
            point = (reference + way * ((step + 0.5) / n_steps)).requires_grad_()
            (gradient,) = torch.autograd.grad(function(point).sum(), point)
            total += gradient
        return total * way / n_steps


def find_minimum(
    function: Callable[[Tensor], Tensor], start: Tensor, n_iterations: int = _N_ITERATIONS
) -> Tensor:
    """Return an input at which a function is small, near another one; found by L-BFGS.

    Parameters
    ----------
    function : callable
        Maps (1, n_features) to (1,).
    start : Tensor of shape (n_features,)
        Where the search begins.
    n_iterations : int
        The most iterations.

    Returns
    -------
    found : Tensor of shape (n_features,)
        The input, in the dtype of ``start``.

    Examples
    --------
    >>> find_minimum(lambda x: (x - 3).square().sum(1), torch.zeros(2)).round()
    tensor([3., 3.])
    """

    def value_and_gradient(values: np.ndarray) -> tuple[float, np.ndarray]:
        point = torch.from_numpy(values).to(start)[None].requires_grad_()
        value = function(point)
        (gradient,) = torch.autograd.grad(value.sum(), point)
        return value.item(), gradient[0].double().cpu().numpy()

    with torch.inference_mode(False), torch.enable_grad():
        found = minimize(
            value_and_gradient,
            start.double().cpu().numpy(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": n_iterations},
        )
        return torch.from_numpy(found.x).to(start)
