"""Where in a sample a network sees what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# along each axis of a feature map that is to tell places apart
_LEAST_POSITIONS = 7
_INTERPOLATION = {1: "linear", 2: "bilinear", 3: "trilinear"}


def feature_maps(encoder: Any, *inputs: Tensor) -> list[Tensor]:
    """Return the feature maps of an encoder or back end, those of each of its stages if it can."""
    if hasattr(encoder, "feature_maps"):
        maps: list[Tensor] = encoder.feature_maps(*inputs)
        return maps
    return [encoder.features(*inputs)]


def choose_feature_map(maps: Sequence[Tensor]) -> Tensor:
    """Return the last feature map of at least seven positions along each axis, or else the first.

    Parameters
    ----------
    maps : sequence of Tensor of shape (batch, channels, *spatial)
        Feature maps, in the order of the stages.

    Examples
    --------
    >>> maps = [torch.zeros(1, 8, size, size) for size in (28, 14, 7, 4)]
    >>> choose_feature_map(maps).shape, choose_feature_map(maps[3:]).shape
    (torch.Size([1, 8, 7, 7]), torch.Size([1, 8, 4, 4]))
    """
    fine = [each for each in maps if min(each.shape[2:]) >= _LEAST_POSITIONS]
    return fine[-1] if fine else maps[0]


def layer_cam(feature_map: Tensor, gradient: Tensor) -> Tensor:
    """Weigh each value of a feature map by the positive part of its own gradient.

    LayerCAM (Jiang et al. 2021, "LayerCAM: exploring hierarchical class activation maps for
    localization", eq. 6 to 8). Class activation maps (Zhou et al. 2016) and Grad-CAM (Selvaraju et
    al. 2017) have one weight a channel, as behind a mean over positions; the layers here tell
    positions apart.

    Parameters
    ----------
    feature_map, gradient : Tensor of shape (batch, channels, *spatial)
        A feature map, and the gradient of a score by it.

    Returns
    -------
    activation_map : Tensor of shape (batch, *spatial)
        At least 0.

    Examples
    --------
    >>> layer_cam(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[1.0, -1.0, 2.0]]]))
    tensor([[1., 0., 6.]])
    """
    return (feature_map * gradient.relu()).sum(1).relu()


def class_activation_map(network: Any, rows: Tensor, output: int) -> Tensor:
    """Return where in rows the network sees an output, rather than the mean of all outputs.

    Parameters
    ----------
    network : JointNetwork or ConvolutionalNetwork
        The network.
    rows : Tensor of shape (batch, n_features)
        Rows.
    output : int
        Which of its outputs.

    Returns
    -------
    activation_map : Tensor of shape (batch, *spatial)
        Interpolated to the spatial shape of the samples.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x, *mask = network.layout.inputs(network.layout(rows.clone()))
        x = x.clone().requires_grad_()
        maps, prediction = network.maps_and_prediction(x, *mask)
        found = choose_feature_map(maps)
        score = prediction[:, output] - prediction.mean(1)
        (gradient,) = torch.autograd.grad(score.sum(), found)
        coarse = layer_cam(found.detach(), gradient)
        mode = _INTERPOLATION[coarse.ndim - 1]
        return F.interpolate(coarse[:, None], x.shape[2:], mode=mode, align_corners=False)[:, 0]
