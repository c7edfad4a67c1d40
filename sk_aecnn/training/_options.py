"""How to train, resolved: what a net and its training go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class TrainingOptions:
    """How to train: the estimator's parameters of the same names, resolved.

    Attributes
    ----------
    autocast : torch.dtype or None
        See `TrainingNet`.
    patience : int or None
        Epochs without improvement to wait for; None trains to the end.
    partial : bool
        Whether the rows are a part of those that are learned from, of which there were others.
    n_steps : int or None
        The steps of this call and of those before and after it, where they are known.
    monitor : str
        The loss that early stopping watches.
    lr_factor : float
        What the learning rate is multiplied by in this call.
    n_folds : int
        Parts of the rows, each of which is held out from one member of the network; 0 for none.
    weighs : bool
        Whether rows are held out, where there are enough, that say how much a linear model beside
        the network counts.
    neighbors : bool
        Whether the classes of training rows nearby may be joined with what is predicted.
    """

    max_epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    optimizer: str | type
    lr_schedule: str
    autocast: torch.dtype | None
    patience: int | None
    callbacks: tuple[Any, ...] = ()
    verbose: int = 0
    partial: bool = False
    n_steps: int | None = None
    monitor: str = "valid_loss"
    lr_factor: float = 1.0
    n_folds: int = 0
    weighs: bool = False
    neighbors: bool = False

    @property
    def early_stopping(self) -> bool | str:
        """What the parameter of this name became."""
        return "cv" if self.n_folds else self.patience is not None
