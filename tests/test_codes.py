"""The methods on codes, the same for every estimator with an autoencoder inside."""

import numpy as np
import pytest
from sklearn.utils import get_tags


def test_codes_have_one_row_a_sample(small, images, labels):
    """transform returns a table, whatever the shape of a sample."""
    assert small(encoding_dim=7).fit(images, labels).transform(images).shape == (40, 7)


@pytest.mark.parametrize("form", [list, np.float16, np.asfortranarray])
def test_codes_may_come_in_any_form(small, images, labels, form):
    """inverse_transform takes lists and arrays of any type, and returns samples."""
    estimator = small().fit(images, labels)
    codes = estimator.transform(images).round(1)
    given = codes.astype(form) if form is np.float16 else form(codes)
    np.testing.assert_allclose(
        estimator.inverse_transform(given), estimator.inverse_transform(codes), atol=1.0
    )
    assert estimator.inverse_transform(given).shape == (40, 6, 5)


def test_samples_come_back_in_their_units(autoencoder, images):
    """Reconstructions of pixels are pixels: near the mean of the data from the first epoch on."""
    rebuilt = autoencoder().fit(images).reconstruct(images)
    assert abs(rebuilt.mean() - images.mean()) < images.std()


def test_parts_map_standardised_samples_to_codes_and_back(small, table, labels):
    """encoder_ and decoder_ are torch modules that users can call."""
    import torch

    estimator = small().fit(table, labels)
    layout = estimator.net_.module_.layout
    with torch.no_grad():
        codes = estimator.encoder_(layout(torch.from_numpy(table)))
        rows = layout.restore(layout.flatten(estimator.decoder_(codes)))
    np.testing.assert_allclose(codes.numpy(), estimator.transform(table), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows.numpy(), estimator.reconstruct(table), rtol=1e-5, atol=1e-5)


def test_tags_say_what_the_estimator_can_do(small):
    """Images are input, the type of the output is the precision's."""
    tags = get_tags(small(precision="float64"))
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert tags.transformer_tags.preserves_dtype == ["float64"]
