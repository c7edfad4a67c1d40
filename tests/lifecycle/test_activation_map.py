"""Where in a sample a class is seen."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sk_aecnn import AECNNClassifier, CNNClassifier

SIDE, SIZE = 6, 24


def draw_patches(n_samples, seed):
    """Return noise with a bright patch at a random place, whose stripes are the class."""
    rng = np.random.default_rng(seed)
    images = rng.normal(60, 15, size=(n_samples, SIZE, SIZE))
    classes = rng.integers(0, 2, n_samples)
    places = rng.integers(0, SIZE - SIDE + 1, size=(n_samples, 2))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    stripes = 100 + 120 * np.stack([rows % 2, columns % 2])
    for image, kind, (row, column) in zip(images, classes, places, strict=True):
        image[row : row + SIDE, column : column + SIDE] = stripes[kind]
    return images.clip(0, 255).astype(np.uint8), classes, places


@pytest.mark.parametrize("estimator", [CNNClassifier, AECNNClassifier])
def test_the_peak_lies_in_what_tells_the_class(estimator):
    """In nine of ten images the largest value lies in the patch that the class is known by."""
    X, y, _ = draw_patches(300, seed=0)
    model = estimator(max_epochs=8, batch_size=32, random_state=0).fit(X, y)
    X, y, places = draw_patches(200, seed=1)
    assert model.score(X, y) > 0.95
    maps = model.activation_map(X)
    assert maps.shape == X.shape
    assert maps.min() >= 0
    peaks = np.stack(np.divmod(maps.reshape(len(X), -1).argmax(axis=1), SIZE), axis=1)
    inside = ((peaks >= places) & (peaks < places + SIDE)).all(axis=1)
    assert inside.mean() >= 0.9


def test_the_map_is_the_formula_of_the_docstring(cnn_classifier, images, labels):
    """The sum over channels of the feature map times the positive part of its gradient."""
    model = cnn_classifier().fit(images, labels)
    network = model.net_.module_
    x = network.layout(torch.from_numpy(images.reshape(40, 30)))
    first = network.backend.stages[0](x)  # of 3 x 3 positions, as no map has seven
    first.retain_grad()
    logits = network.backend.predict(network.backend.stages[1](first))
    (logits[:, 1] - logits.mean(1)).sum().backward()
    coarse = (first * first.grad.relu()).sum(1).relu()
    expected = F.interpolate(coarse[:, None], (6, 5), mode="bilinear", align_corners=False)[:, 0]
    found = model.activation_map(images, y=1)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_classes_can_be_asked_for(cnn_classifier, images, labels):
    """Without y it is the predicted class; one label is for all samples, or each has its own."""
    names = np.array(["no", "yes"])[labels]
    model = cnn_classifier().fit(images, names)
    no, yes = (model.activation_map(images, y=name) for name in ("no", "yes"))
    mixed = model.activation_map(images, y=names)
    np.testing.assert_allclose(mixed[labels == 0], no[labels == 0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(mixed[labels == 1], yes[labels == 1], rtol=1e-5, atol=1e-7)
    predicted = model.activation_map(images, y=model.predict(images))
    np.testing.assert_array_equal(model.activation_map(images), predicted)
    assert not np.array_equal(no, yes)
    with pytest.raises(ValueError, match=r"y=\['maybe'\] are none of the classes"):
        model.activation_map(images, y="maybe")
    with pytest.raises(ValueError, match=r"y has shape \(3,\), but n_samples=40"):
        model.activation_map(images, y=["no", "yes", "no"])


@pytest.mark.parametrize("input_", ["features", "code"])
def test_joint_classifiers_colours_sequences_and_volumes(classifier, labels, input_):
    """Maps have the spatial axes of the samples, whatever stands behind the encoder."""
    rng = np.random.default_rng(0)
    shapes = {(8, 9, 3): (8, 9), (12, 2): (12,), (4, 5, 6, 1): (4, 5, 6)}
    for shape, spatial in shapes.items():
        X = rng.normal(size=(40, *shape))
        model = classifier(channel_axis=-1, backend_input=input_, max_epochs=1).fit(X, labels)
        maps = model.activation_map(X)
        assert maps.shape == (40, *spatial)
        flat = model.activation_map(X.reshape(40, -1))
        np.testing.assert_array_equal(flat, maps)


def test_a_frozen_encoder_has_maps(classifier, images, labels):
    """Gradients reach the maps of an encoder that does not learn."""
    model = classifier(pretrain_epochs=1, freeze_encoder=True).fit(images, labels)
    assert model.activation_map(images).max() > 0


def test_where_there_is_no_feature_map_the_remedy_is_named(
    classifier, cnn_classifier, table, images, labels
):
    """Tables have no places, and a dense encoder does not tell them apart."""
    model = cnn_classifier().fit(table, labels)
    with pytest.raises(ValueError, match=r"fitted on samples of shape \(5,\) without a spatial"):
        model.activation_map(table)
    model = classifier(encoder="dense").fit(images, labels)
    with pytest.raises(ValueError, match="needs the feature map of a convolutional network"):
        model.activation_map(images)
