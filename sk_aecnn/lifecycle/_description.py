"""What was decided in a fit, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.training._net import TrainingNet

# of the parameters that data may decide: those of the network, and those of its training
_NETWORK = (
    "encoding_dim",
    "encoder",
    "hidden_layer_sizes",
    "conv_channels",
    "backend",
    "backend_channels",
    "n_bins",
    "linear_path",
    "n_estimators",
)
_TRAINING = ("max_epochs", "batch_size", "lr", "lr_schedule", "early_stopping", "device")


def describe_fit(
    name: str, n_samples: int, geometry: SampleGeometry, resolved: Mapping[str, Any], n_weights: int
) -> str:
    """Return the samples, the network and its training in a line.

    Parameters
    ----------
    name : str
        The class of the estimator.
    n_samples : int
        Number of samples.
    geometry : SampleGeometry
        The shape of a sample.
    resolved : dict
        What became of the parameters, ``resolved_params_``.
    n_weights : int
        Number of the network's parameters.

    Examples
    --------
    >>> resolved = {"encoder": "dense", "encoding_dim": 2, "n_bins": None, "lr": 0.01}
    >>> describe_fit("Coder", 1000, SampleGeometry((5,), 0), resolved, 1234)
    "Coder: 1,000 samples of shape (5,); encoding_dim=2, encoder='dense', 1,234 weights; lr=0.01"
    """
    samples = f"{n_samples:,} samples of shape {geometry.shape}"
    if len(geometry.shape) > 1:
        samples += f", channel_axis={geometry.channel_axis}"
    parts = [
        samples,
        ", ".join([*_some(resolved, _NETWORK), f"{n_weights:,} weights"]),
        ", ".join(_some(resolved, _TRAINING)),
    ]
    return f"{name}: {'; '.join(parts)}"


def _some(resolved: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    return [f"{name}={resolved[name]!r}" for name in names if resolved.get(name) is not None]


def describe_state(net: TrainingNet) -> str:
    """Return where the training of a net begins."""
    n_epochs = net.n_epochs_before + len(net.history)
    if n_epochs == 0:
        return ""
    optimizer = "" if net.optimizer_.state else " with a new optimizer"
    return f"; goes on after {n_epochs} epochs{optimizer}"
