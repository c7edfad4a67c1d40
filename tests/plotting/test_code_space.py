"""Codes in the plane."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.decomposition import PCA

from sk_aecnn import CodeSpaceDisplay


def test_codes_of_two_units_are_drawn_as_they_are(autoencoder, images, labels):
    """Points are the codes, one group of them for each label."""
    model = autoencoder(encoding_dim=2).fit(images)
    display = CodeSpaceDisplay.from_estimator(model, images, labels)
    codes = model.transform(images)
    for label, scatter in enumerate(display.scatters_):
        np.testing.assert_allclose(scatter.get_offsets(), codes[labels == label])
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["0", "1"]
    assert display.ax_.get_xlabel() == "unit 0 of the code"


def test_longer_codes_are_drawn_by_their_principal_axes(autoencoder, table):
    """Points are the first two principal components of the codes."""
    model = autoencoder().fit(table)
    display = CodeSpaceDisplay.from_estimator(model, table)
    expected = PCA(2).fit_transform(model.transform(table))
    np.testing.assert_allclose(np.abs(display.points), np.abs(expected), rtol=1e-4, atol=1e-6)
    assert "of its variance" in display.ax_.get_xlabel()
    assert display.ax_.get_legend() is None


def test_groups_differ_in_colour_and_marker():
    """Twelve classes have twelve signs; neighbours differ in both colour and marker."""
    codes = np.random.default_rng(0).normal(size=(24, 2))
    display = CodeSpaceDisplay.from_codes(codes, np.repeat(list("abcdefghijkl"), 2))
    signs = [
        (tuple(scatter.get_facecolor()[0]), scatter.get_paths()[0].vertices.tobytes())
        for scatter in display.scatters_
    ]
    assert len(set(signs)) == 12
    assert all(one[i] != other[i] for one, other in pairwise(signs) for i in (0, 1))


@pytest.mark.parametrize("y", [np.arange(30) / 7, np.arange(30)])
def test_numbers_have_a_colour_bar(y):
    """Numbers, and whole numbers of more than twenty values, are colours of a scale."""
    display = CodeSpaceDisplay.from_codes(np.random.default_rng(0).normal(size=(30, 2)), y)
    (scatter,) = display.scatters_
    np.testing.assert_allclose(scatter.get_array(), y)
    assert display.colorbar_.mappable is scatter


def test_a_grid_of_codes_is_decoded(autoencoder, images):
    """The image at a point of the grid is what the decoder makes of it, also of longer codes."""
    model = autoencoder(encoding_dim=2).fit(images)
    display = CodeSpaceDisplay.from_estimator(model, images, grid_size=3)
    low, high = display.grid_range
    corner = model.inverse_transform([[high[0], low[1]]])[0]
    np.testing.assert_allclose(display.grid[0, 2], corner, rtol=1e-5)
    joined = display.image_.get_array()
    assert joined.shape == (3 * 8, 3 * 7)
    np.testing.assert_allclose(joined[-7:-1, -6:-1].data, corner, rtol=1e-5)  # lowest, rightmost
    left, right, bottom, top = display.image_.get_extent()
    centre = left + (right - left) * 5 / 6, bottom + (top - bottom) / 6
    np.testing.assert_allclose(centre, [high[0], low[1]])
    longer = autoencoder(encoding_dim=4).fit(images)
    display = CodeSpaceDisplay.from_estimator(longer, images, grid_size=2)
    assert display.grid.shape == (2, 2, 6, 5)


def test_a_grid_of_colours(autoencoder):
    """Decoded images of three channels are drawn in colour."""
    images = np.random.default_rng(0).integers(0, 255, (20, 6, 5, 3), dtype=np.uint8)
    model = autoencoder(encoding_dim=2).fit(images)
    display = CodeSpaceDisplay.from_estimator(model, images, grid_size=2)
    assert display.image_.get_array().shape == (16, 14, 3)


def test_what_cannot_be_drawn_is_refused(autoencoder, images, table):
    """A code of one unit has no plane, and a table no images."""
    with pytest.raises(ValueError, match=r"have shape \(40, 1\), but a plane needs at least two"):
        CodeSpaceDisplay.from_estimator(autoencoder(encoding_dim=1).fit(table), table)
    model = autoencoder().fit(table)
    with pytest.raises(ValueError, match="grid_size=4 draws decoded samples as images, but"):
        CodeSpaceDisplay.from_estimator(model, table, grid_size=4)
    with pytest.raises(ValueError, match="grid_size=1 must be at least 2"):
        CodeSpaceDisplay.from_estimator(autoencoder().fit(images), images, grid_size=1)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        CodeSpaceDisplay.from_codes(table, [0, 1])


def test_frames_and_other_transformers(table, labels):
    """Codes may be a frame, and come from PCA; axes and arguments of the user are taken."""
    pd = pytest.importorskip("pandas")
    _, ax = plt.subplots()
    frame = pd.DataFrame(table, columns=list("abcde"))
    pca = PCA(3).set_output(transform="pandas").fit(frame)
    names = pd.Series(labels).map({0: "no", 1: "yes"})
    display = CodeSpaceDisplay.from_estimator(
        pca, frame, names, ax=ax, scatter_kwargs={"s": 50, "lw": 2}
    )
    assert display.ax_ is ax
    assert display.scatters_[0].get_sizes() == [50]
    assert display.scatters_[0].get_linewidth() == [2]
