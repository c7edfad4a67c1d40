"""What a network has to know of the samples of a call: how far they reach, and what is missing."""

from __future__ import annotations

import torch

from sk_aecnn.data._batches import resolve
from sk_aecnn.data._rows import has_missing
from sk_aecnn.nn import BaseAutoencoder, column_moments
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import FitPlan, TrainingData


def widen_range(network: torch.nn.Module, data: TrainingData) -> None:
    """Let reconstructions that are kept to a range reach what further samples hold."""
    low, high = getattr(network, "low", None), getattr(network, "high", None)
    if isinstance(network, BaseAutoencoder) and low is not None and high is not None:
        moments = column_moments(data.rows)
        network.clip_to(
            torch.minimum(low.cpu(), moments.low).to(low.device),
            torch.maximum(high.cpu(), moments.high).to(high.device),
        )


def mask_missing(net: TrainingNet, plan: FitPlan) -> None:
    """Let a net and its losses look for missing values, where there are some in a plan."""
    sources = (plan.training, plan.validation)
    if not any(source is not None and has_missing(resolve(source)[0].X) for source in sources):
        return
    net.module_.layout.has_missing = True
    for term in net.criterion_.terms.values():
        if hasattr(term, "masked"):
            term.masked = True
