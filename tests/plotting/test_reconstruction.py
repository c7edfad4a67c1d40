"""Samples beside their reconstructions."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_aecnn import ReconstructionDisplay


def test_images_stand_above_their_reconstructions_and_errors(autoencoder, images):
    """Three rows of pictures hold what the estimator returns, and the absolute difference."""
    model = autoencoder().fit(images)
    display = ReconstructionDisplay.from_estimator(model, images, n_samples=4)
    drawn = np.array([[image.get_array() for image in row] for row in display.images_])
    reconstructed = model.reconstruct(images[:4])
    np.testing.assert_allclose(drawn[0], images[:4])
    np.testing.assert_allclose(drawn[1], reconstructed)
    np.testing.assert_allclose(drawn[2], np.abs(images[:4] - reconstructed))
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["original", "reconstruction", "absolute error"]
    assert display.ax_.get_xlabel() == "sample"
    assert display.figure_ is display.ax_.figure
    assert display.lines_ is display.bars_ is None


def test_pictures_do_not_overlap_and_stand_upright(autoencoder, images):
    """The extents of the pictures are apart, and as high and wide as their pixels."""
    display = ReconstructionDisplay.from_estimator(autoencoder().fit(images), images, n_samples=2)
    first, second = (image.get_extent() for image in display.images_[0])
    assert first == [0, 5, 6, 0]
    assert second[0] > first[1]
    assert display.images_[1, 0].get_extent()[3] > first[2]
    assert display.ax_.get_aspect() == 1


def test_colours_are_drawn_from_any_range_and_channel_axis(autoencoder):
    """Images of three channels are drawn in colour, numbers from 0 to 1, wherever channels are."""
    images = np.random.default_rng(0).normal(size=(6, 3, 7, 5))
    model = autoencoder(channel_axis=0).fit(images)
    display = ReconstructionDisplay.from_estimator(model, images)
    drawn = display.images_[0, 0].get_array()
    assert drawn.shape == (7, 5, 3)
    low, high = images.min(), images.max()
    np.testing.assert_allclose(drawn, np.moveaxis((images[0] - low) / (high - low), 0, -1))
    assert display.images_[2, 0].get_array().shape == (7, 5)


def test_of_volumes_the_middle_is_drawn(autoencoder):
    """The picture of a volume is the slice in the middle of its first axis."""
    volumes = np.random.default_rng(0).normal(size=(8, 5, 4, 6))
    model = autoencoder(channel_axis=None, conv_channels=(4,)).fit(volumes)
    display = ReconstructionDisplay.from_estimator(model, volumes)
    np.testing.assert_allclose(display.images_[0, 3].get_array(), volumes[3, 2])


def test_sequences_are_curves(autoencoder):
    """Each channel of each sequence has a curve, and its reconstruction another one."""
    sequences = np.random.default_rng(0).normal(size=(20, 12, 2))
    model = autoencoder(channel_axis=-1).fit(sequences)
    display = ReconstructionDisplay.from_estimator(model, sequences, n_samples=3)
    assert len(display.lines_) == 3 * 2 * 2
    np.testing.assert_allclose(display.lines_[0].get_ydata(), sequences[0, :, 0])
    offset = sequences[1, 0, 1] - display.lines_[6].get_ydata()[0]
    np.testing.assert_allclose(display.lines_[6].get_ydata() + offset, sequences[1, :, 1])
    assert len(display.ax_.get_legend().get_texts()) == 4


def test_sequences_of_many_channels_are_pictures(autoencoder):
    """Sequences of more than six channels are drawn as channels by time."""
    sequences = np.random.default_rng(0).normal(size=(20, 12, 9))
    model = autoencoder(channel_axis=-1).fit(sequences)
    display = ReconstructionDisplay.from_estimator(model, sequences)
    np.testing.assert_allclose(display.images_[0, 0].get_array(), sequences[0].T)


@pytest.mark.parametrize("kind", ["numpy", "pandas", "polars"])
def test_columns_of_tables_have_bars(kind, autoencoder, table):
    """Bars are root mean squared errors in standard deviations, named as the columns are."""
    X, names = table, list("01234")
    if kind != "numpy":
        names = list("abcde")
        X = pytest.importorskip(kind).DataFrame(dict(zip(names, table.T, strict=True)))
    model = autoencoder().fit(X)
    display = ReconstructionDisplay.from_estimator(model, X)
    error = np.sqrt(np.square(table - np.asarray(model.reconstruct(X))).mean(0)) / table.std(0)
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, np.sort(error))
    shown = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert shown == [names[column] for column in np.argsort(error)]


def test_holes_and_categories_of_tables_have_bars(autoencoder, table):
    """Missing values count nowhere; the error of categories is that of their probabilities."""
    pd = pytest.importorskip("pandas")
    table[::3, 1] = np.nan
    frame = pd.DataFrame(table, columns=list("abcde"))
    frame["kind"] = np.where(table[:, 0] > 1, "x", "y")
    model = autoencoder().fit(frame)
    display = ReconstructionDisplay.from_estimator(model, frame)
    squares = model.reconstruction_error(frame, per_feature=True, scaled=True)
    np.testing.assert_allclose(display.errors, np.sqrt(np.nanmean(squares, axis=0)))
    assert len(display.bars_) == 6
    with pytest.raises(ValueError, match="Samples hold values that are no numbers"):
        ReconstructionDisplay.from_reconstructions(frame, frame)
    pca = PCA(2).fit(table[:, 2:])
    bars = ReconstructionDisplay.from_estimator(pca, table[:, 2:]).bars_
    expected = np.square(table[:, 2:] - pca.inverse_transform(pca.transform(table[:, 2:])))
    error = np.sqrt(expected.mean(axis=0)) / table[:, 2:].std(axis=0)
    np.testing.assert_allclose([bar.get_width() for bar in bars], np.sort(error))


def test_the_worst_columns_are_shown(autoencoder, table):
    """With max_features, the columns with the largest errors remain, and the axis says so."""
    display = ReconstructionDisplay.from_estimator(autoencoder().fit(table), table, max_features=2)
    assert len(display.bars_) == 2
    assert display.ax_.get_ylabel() == "2 of 5 columns"


def test_flat_rows_of_images_are_drawn_as_images(autoencoder, images):
    """The estimator's sample_shape says what flat rows are."""
    rows = images.reshape(40, 30)
    model = autoencoder(sample_shape=(6, 5)).fit(rows)
    display = ReconstructionDisplay.from_estimator(model, rows)
    np.testing.assert_allclose(display.images_[0, 1].get_array(), images[1])


def test_other_transformers_can_be_compared(table, images):
    """PCA and pipelines have no ``reconstruct``: their inverse transform is drawn."""
    pipe = make_pipeline(StandardScaler(), PCA(2)).fit(table)
    assert len(ReconstructionDisplay.from_estimator(pipe, table).bars_) == 5
    rows = images.reshape(40, 30)
    pca = PCA(3).fit(rows)
    display = ReconstructionDisplay.from_estimator(pca, rows, sample_shape=(6, 5))
    expected = pca.inverse_transform(pca.transform(rows[:1])).reshape(6, 5)
    np.testing.assert_allclose(display.images_[1, 0].get_array(), expected)


def test_reconstructions_can_be_passed(images):
    """`from_reconstructions` draws what is passed, on the axes that are passed."""
    _, ax = plt.subplots()
    display = ReconstructionDisplay.from_reconstructions(images, images / 2, ax=ax, n_samples=2)
    assert display.ax_ is ax
    np.testing.assert_allclose(display.images_[2, 1].get_array(), images[1] / 2)
    with pytest.raises(ValueError, match=r"reconstructions has shape \(3, 6, 5\), but X has"):
        ReconstructionDisplay.from_reconstructions(images, images[:3])


def test_artists_take_arguments(autoencoder, images, table):
    """Keyword arguments reach the artists, aliases too."""
    model = autoencoder().fit(images)
    display = ReconstructionDisplay.from_estimator(
        model, images, image_kwargs={"cmap": "gray_r"}, error_kwargs={"vmax": 3}
    )
    assert display.images_[0, 0].get_cmap().name == "gray_r"
    assert display.images_[2, 0].get_clim() == (0, 3)
    tables = autoencoder().fit(table)
    bars = ReconstructionDisplay.from_estimator(tables, table, bar_kwargs={"fc": "red"}).bars_
    assert bars[0].get_facecolor() == (1, 0, 0, 1)


def test_without_a_decoder_there_is_no_reconstruction(classifier, images, labels):
    """The error of an estimator that trained no decoder says what to do."""
    model = classifier(reconstruction_weight=0).fit(images, labels)
    with pytest.raises(AttributeError) as caught:
        ReconstructionDisplay.from_estimator(model, images)
    assert "reconstruction_weight=0 trains no decoder" in str(caught.value.__cause__)
