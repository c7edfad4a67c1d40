"""Which networks parameters and data ask for."""

import pytest
import torch

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.nn import column_moments
from sk_aecnn.recipes._architecture import (
    indicate_all,
    resolve_autoencoder,
    resolve_backend,
    resolve_convolutional_input,
)
from sk_aecnn.recipes._recipe import DataSummary

TABLE, IMAGES = SampleGeometry((6,), 0), SampleGeometry((8, 8), None)


def summarise(geometry, task):
    return DataSummary(geometry, 100, 0, False, task)


def moments_of(geometry, missing=()):
    rows = torch.arange(4.0)[:, None] * torch.ones(geometry.n_features)
    rows[0, list(missing)] = torch.nan
    return column_moments(rows)


def resolve_coder(geometry, missing=(), **parameters):
    summary, moments = summarise(geometry, None), moments_of(geometry, missing)
    estimator = AutoencoderTransformer(**parameters)
    return resolve_autoencoder(estimator.get_params(), summary, moments, n_encoded=3)


def test_the_samples_decide_on_the_kind_of_encoder():
    """Spatial samples are convolved, others are not, and each has the sizes of its kind alone."""
    on_table, on_images = resolve_coder(TABLE), resolve_coder(IMAGES)
    assert (on_table.encoder, on_images.encoder) == ("dense", "conv")
    assert (on_table.conv_channels, on_table.kernel_size) == ((), 0)
    assert (on_images.hidden_layer_sizes, on_images.kernel_size) == ((), 3)


def test_a_back_end_alone_has_the_stages_of_an_encoder_first():
    """Behind an encoder, a back end has one stage; by itself, those of the encoder before it."""
    encoder = resolve_coder(IMAGES)
    joint, alone = AECNNClassifier().get_params(), CNNClassifier().get_params()
    summary = summarise(IMAGES, "classifier")
    behind = resolve_backend(joint, summary, (64, 2, 2), 3, encoder)
    by_itself = resolve_backend(alone, summary, (1, 8, 8), 3)
    assert by_itself.channels == (*encoder.conv_channels, *behind.channels)


def test_a_back_end_has_the_kernel_of_the_encoder_before_it():
    """What is decided for the encoder holds for its back end as well."""
    encoder = resolve_coder(IMAGES, kernel_size=5)
    joint = AECNNClassifier().get_params()
    behind = resolve_backend(joint, summarise(IMAGES, "classifier"), (64, 2, 2), 3, encoder)
    assert behind.kernel_size == 5


def test_bins_are_for_predictors_alone():
    """The columns of a table are encoded for whoever predicts from them."""
    summary, moments = summarise(TABLE, "classifier"), moments_of(TABLE)
    parameters = CNNClassifier().get_params()
    recipe = resolve_convolutional_input(parameters, summary, moments)
    assert (recipe.n_bins, recipe.n_bins_is_auto) == (2, True)
    assert resolve_coder(TABLE).input.n_bins is None


def test_a_network_is_told_of_the_columns_with_missing_values():
    """Those that had some, or all of them for whoever asks for that."""
    recipe = resolve_coder(TABLE, missing=[1, 4]).input
    assert recipe.indicated == (1, 4)
    assert recipe.filled_shape == (8,)
    assert indicate_all(recipe).indicated == (0, 1, 2, 3, 4, 5)


def test_an_even_kernel_is_refused():
    """A position must have as many neighbours on either side."""
    with pytest.raises(ValueError, match=r"kernel_size=4 must be odd.*pass 3 or 5"):
        resolve_coder(IMAGES, kernel_size=4)
