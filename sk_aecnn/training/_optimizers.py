"""Optimizers by name: those of torch, all parameters in one call to a fused kernel.

The classes of `torch.optim` import torch's compiler with the first optimizer of a process, which
takes over a second and 70 MB, and spend more time a step around the kernel than in it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.sgd import sgd


class LeanOptimizer(Optimizer, ABC):
    """An optimizer without the compiler. Abstract: subclasses say what a step is."""

    # the plain methods under the decorator that imports the compiler
    add_param_group = unwrap(Optimizer.add_param_group)
    load_state_dict = unwrap(Optimizer.load_state_dict)
    state_dict = unwrap(Optimizer.state_dict)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, without a record for torch's profiler."""
        if not set_to_none:
            super().zero_grad(set_to_none)
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Compute the gradients, where a closure does, and take a step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                moved = [parameter for parameter in group["params"] if parameter.grad is not None]
                if moved:
                    self._move(moved, [parameter.grad for parameter in moved], group)
        return loss

    # or torch wraps its hooks and a profiler around it, which take as long as the step itself
    step.hooked = True  # type: ignore[attr-defined]

    @abstractmethod
    def _move(self, parameters: list[Tensor], grads: list[Tensor], group: dict[str, Any]) -> None:
        """Move the parameters of a group that have gradients."""


class Adam(LeanOptimizer):
    """Adam (Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1).

    Parameters
    ----------
    params : iterable
        Parameters, or groups of them.
    lr, betas, eps, weight_decay
        As of `torch.optim.Adam`.
    """

    _kernel: Callable[..., None] = staticmethod(torch._fused_adam_)

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def _move(self, parameters: list[Tensor], grads: list[Tensor], group: dict[str, Any]) -> None:
        states = [self.state[parameter] for parameter in parameters]
        if not all(states):
            self._begin([parameter for parameter in parameters if not self.state[parameter]])
        steps = [state["step"] for state in states]
        for step in {id(step): step for step in steps}.values():
            step += 1
        self._kernel(
            parameters,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            steps,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _begin(self, parameters: list[Tensor]) -> None:
        """Give parameters their moments; those that begin together share the count of steps."""
        step = torch.zeros((), device=parameters[0].device)
        for parameter in parameters:
            self.state[parameter].update(
                step=step,
                exp_avg=torch.zeros_like(parameter),
                exp_avg_sq=torch.zeros_like(parameter),
            )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    Parameters
    ----------
    params : iterable
        Parameters, or groups of them.
    lr, betas, eps, weight_decay
        As of `torch.optim.AdamW`.
    """

    _kernel = staticmethod(torch._fused_adamw_)


class SGD(LeanOptimizer):
    """Gradient descent with Nesterov's momentum (Sutskever et al. 2013, eq. 3 and 4).

    Parameters
    ----------
    params : iterable
        Parameters, or groups of them.
    lr, momentum, weight_decay
        As of `torch.optim.SGD`.
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def _move(self, parameters: list[Tensor], grads: list[Tensor], group: dict[str, Any]) -> None:
        for parameter in parameters:
            if parameter not in self.state:
                self.state[parameter] = {"momentum_buffer": torch.zeros_like(parameter)}
        sgd(
            parameters,
            grads,
            [self.state[parameter]["momentum_buffer"] for parameter in parameters],
            fused=True,
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=0.0,
            nesterov=True,
            maximize=False,
        )


# name -> class
OPTIMIZERS: dict[str, type[LeanOptimizer]] = {"adam": Adam, "adamw": AdamW, "sgd": SGD}
