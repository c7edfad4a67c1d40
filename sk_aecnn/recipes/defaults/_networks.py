"""Sizes of encoders, decoders and back ends, and what is beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes.defaults._samples import (
    SMALL_IMAGE,
    SMALL_TABLE,
    Task,
    is_predicted,
    is_small_and_in_colour,
)

# -- linear models beside networks ----------------------------------------------------------------

_SAMPLES_OF_WEIGHING = 1_000
_SAMPLES_OF_A_CLASS = 50


def weighs_linear_model(n_samples: int, n_classes: int) -> bool:
    """Tell whether samples are held out that say how much a linear model counts beside a network.

    A network loses by what is held out from it: of 15 classes with 19 samples each, a tenth of them
    cost 10 points of accuracy. With fewer samples, or many classes, both count the same.

    Examples
    --------
    >>> weighs_linear_model(300, 2), weighs_linear_model(2_000, 2)
    (False, True)
    >>> weighs_linear_model(2_000, 100)
    False
    """
    return n_samples >= max(_SAMPLES_OF_WEIGHING, _SAMPLES_OF_A_CLASS * n_classes)


# -- encoder and decoder --------------------------------------------------------------------------

_ENCODING_DIM = 32
_HIDDEN = (256, 128)
_KERNEL_SIZE = 3
_KERNEL_SIZE_SEQUENCE = 7
# positions along an axis of the last feature map, by the number of spatial axes
_WIDEST_BOTTLENECK = {1: 30, 2: 7, 3: 7}
_WIDTHS = (16, 64, 128)
_WIDTHS_COLOUR = (32, 64, 128)
_WIDTHS_LARGE = (16, 32, 64, 128)
# weights of a linear path from samples to codes, and as many back
_MOST_LINEAR_WEIGHTS = 2**23
# features for each number of a code, from which on the code is short
_SHORT_CODE = 16


def auto_encoding_dim(geometry: SampleGeometry) -> int:
    """Return the units of ``encoding_dim="auto"``: 32, and no more than there are features.

    To the decoder of a variational autoencoder, units to spare are noise.

    Examples
    --------
    >>> [auto_encoding_dim(SampleGeometry(shape, 0)) for shape in ((2,), (100,))]
    [2, 32]
    """
    return min(_ENCODING_DIM, geometry.n_features)


def n_components_for(share: float, explained: np.ndarray) -> int:
    """Return the least number of principal components that keep a share of the variance.

    Examples
    --------
    >>> n_components_for(0.95, np.array([0.7, 0.2, 0.06, 0.04]))
    3
    """
    enough = np.flatnonzero(np.cumsum(explained) >= share)
    return int(enough[0]) + 1 if len(enough) else len(explained)


def auto_hidden_layer_sizes(n_members: int) -> tuple[int, ...]:
    """Return ``hidden_layer_sizes="auto"``: one layer in each member of an ensemble, else two.

    Examples
    --------
    >>> auto_hidden_layer_sizes(0), auto_hidden_layer_sizes(5)
    ((256, 128), (128,))
    """
    return _HIDDEN if n_members == 0 else _HIDDEN[1:]


def auto_conv_channels(spatial: Sequence[int], channels: int = 1) -> tuple[int, ...]:
    """Choose the stages for a sample: as many as bring every axis down to 7 positions or fewer.

    A single axis keeps up to 30 positions, about as many as there are in 7 by 7. At least two
    stages as long as there is something left to pool. The first, at full resolution, where time
    goes into memory traffic, is narrow; the others widen at once on small samples, by twos on those
    of more than 32 positions along an axis. Small colour images
    begin with a wider one.

    Parameters
    ----------
    spatial : sequence of int
        Sizes of the spatial axes.
    channels : int
        Channels of a sample.

    Examples
    --------
    >>> (
    ...     auto_conv_channels((28, 28)),
    ...     auto_conv_channels((40, 64)),
    ...     auto_conv_channels((1, 1)),
    ... )
    ((16, 64), (16, 32, 64, 128), (16,))
    >>> auto_conv_channels((24,)), auto_conv_channels((150,))
    ((16, 64), (16, 32, 64))
    >>> auto_conv_channels((32, 32)), auto_conv_channels((32, 32), channels=3)
    ((16, 64, 128), (32, 64, 128))
    """
    size, stages, widest = max(spatial), 0, _WIDEST_BOTTLENECK[len(spatial)]
    while stages == 0 or size > widest or (stages < 2 and size > 1):
        size, stages = -(-size // 2), stages + 1
    widths = _WIDTHS_LARGE if max(spatial) > SMALL_IMAGE else _WIDTHS
    if is_small_and_in_colour(spatial, channels):
        widths = _WIDTHS_COLOUR
    return tuple(widths[min(stage, len(widths) - 1)] for stage in range(stages))


def auto_kernel_size(n_axes: int) -> int:
    """Return the kernel of ``kernel_size="auto"``: 7 along a single spatial axis, 3 elsewhere.

    So a kernel weighs about as many positions in a sequence as in an image, 7 and 9. Features
    without an axis, which a linear layer lays out along one, are taken by threes.

    Examples
    --------
    >>> [auto_kernel_size(n_axes) for n_axes in (0, 1, 2, 3)]
    [3, 7, 3, 3]
    """
    return _KERNEL_SIZE_SEQUENCE if n_axes == 1 else _KERNEL_SIZE


def auto_normalization(geometry: SampleGeometry, task: Task) -> Literal["batch"] | None:
    """Return the kind of ``normalization="auto"``: none where tables are predicted.

    Examples
    --------
    >>> table, image = SampleGeometry((50,), 0), SampleGeometry((28, 28), None)
    >>> [auto_normalization(kind, "regressor") for kind in (table, image)]
    [None, 'batch']
    """
    return None if is_predicted(task) and not geometry.spatial else "batch"


def contains_pca(geometry: SampleGeometry, n_samples: int, encoding_dim: int) -> bool:
    """Return ``linear_path="auto"`` of networks that could have one.

    But for huge samples, and for short codes of thousands of images, sequences or volumes, for
    which convolutions alone find better ones.

    Examples
    --------
    >>> image, huge = SampleGeometry((28, 28), None), SampleGeometry((512, 512, 3), 2)
    >>> contains_pca(image, 500, 32), contains_pca(image, 60_000, 32)
    (True, False)
    >>> contains_pca(image, 60_000, 64), contains_pca(huge, 500, 32)
    (True, False)
    """
    n_features = geometry.n_features
    if geometry.spatial and n_samples >= SMALL_TABLE and encoding_dim * _SHORT_CODE < n_features:
        return False
    return n_features * encoding_dim <= _MOST_LINEAR_WEIGHTS


# -- back end -------------------------------------------------------------------------------------

_BACKEND_CHANNELS_SPATIAL = 64
_BACKEND_CHANNELS_COLOUR = 256
_BACKEND_CHANNELS_TABLE = 32
_DROPOUT_OF_TABLES = 0.1
_LABEL_SMOOTHING = 0.1


def auto_backend(in_shape: Sequence[int]) -> Literal["cnn", "dense"]:
    """Return the kind of ``backend="auto"``: convolutions where its input has an axis for them.

    Examples
    --------
    >>> auto_backend((64, 7, 7)), auto_backend((50,))
    ('cnn', 'dense')
    """
    return "cnn" if len(in_shape) > 1 else "dense"


def auto_backend_channels(geometry: SampleGeometry) -> tuple[int, ...]:
    """Return the channels of ``backend_channels="auto"``: one stage, wide for colour images.

    Examples
    --------
    >>> auto_backend_channels(SampleGeometry((50,), 0))
    (32,)
    >>> [auto_backend_channels(SampleGeometry((32, 32, n), 2)) for n in (1, 3)]
    [(64,), (256,)]
    """
    if is_small_and_in_colour(geometry.spatial, geometry.channels):
        return (_BACKEND_CHANNELS_COLOUR,)
    return (_BACKEND_CHANNELS_SPATIAL if geometry.spatial else _BACKEND_CHANNELS_TABLE,)


def pools_globally(geometry: SampleGeometry, task: Task) -> bool:
    """Tell whether a back end pools its last feature map over all positions.

    What tells a class may be anywhere in a sequence or in a large image. What a small image shows
    fills it, so that its place counts; and a number may be the place of something.

    Examples
    --------
    >>> pools_globally(SampleGeometry((150, 3), 1), "classifier")
    True
    >>> pools_globally(SampleGeometry((28, 28), None), "classifier")
    False
    """
    spatial = geometry.spatial
    anywhere = len(spatial) == 1 or (len(spatial) == 2 and max(spatial) > SMALL_IMAGE)
    return anywhere and task == "classifier"


def auto_dropout(geometry: SampleGeometry) -> float:
    """Return ``dropout="auto"``: 0.1 for tables, whose networks overfit first.

    Examples
    --------
    >>> [auto_dropout(SampleGeometry(*kind)) for kind in (((28, 28), None), ((50,), 0))]
    [0.0, 0.1]
    """
    return 0.0 if geometry.spatial else _DROPOUT_OF_TABLES


def auto_max_extrapolation(moves_targets: bool) -> float | None:
    """Return ``max_extrapolation="auto"``: half of the range of the targets, at either end.

    A sample whose features are far from all others would have a prediction as far off. Where
    augmentation moves targets, those of the training samples do not tell how far they reach.

    >>> auto_max_extrapolation(moves_targets=False)
    0.5
    """
    return None if moves_targets else 0.5


def auto_label_smoothing(geometry: SampleGeometry) -> float:
    """Return ``label_smoothing="auto"``: 0.1, but none for tables, where labels are noisy as is.

    Examples
    --------
    >>> [
    ...     auto_label_smoothing(SampleGeometry(*kind))
    ...     for kind in (((28, 28), None), ((50,), 0))
    ... ]
    [0.1, 0.0]
    """
    return _LABEL_SMOOTHING if geometry.spatial else 0.0
