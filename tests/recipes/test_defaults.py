"""What the parameters that are left open become."""

import numpy as np
import pytest

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.nn import BatchNorm
from sk_aecnn.recipes.defaults import auto_lr, auto_normalization

TABLE, IMAGES = SampleGeometry((5,), 0), SampleGeometry((6, 6), None)
PREDICTORS = [AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor]


def has_norm(model):
    return any(isinstance(module, BatchNorm) for module in model.net_.module_.modules())


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_small_tables_are_learned_slowly_and_without_normalization(predictor):
    """A few rows of a table get a low rate and no batch normalization, images what they had."""
    rng = np.random.default_rng(0)
    images, y = rng.normal(size=(40, 6, 6)), np.arange(40) % 2
    on_images = predictor(max_epochs=1, random_state=0).fit(images, y)
    on_table = predictor(max_epochs=1, random_state=0).fit(images[:, 0], y)
    assert (on_images.net_.lr, has_norm(on_images)) == (1e-2, True)
    assert (on_table.net_.lr, has_norm(on_table)) == (1e-3, False)


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_what_is_given_holds_for_small_tables_too(predictor):
    """A rate and a normalization that are passed are those used."""
    X, y = np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 2
    given = {"backend": "cnn", "normalization": "batch", "lr": 0.02}
    model = predictor(max_epochs=1, random_state=0, **given).fit(X, y)
    assert (model.net_.lr, has_norm(model)) == (0.02, True)


def test_the_rate_rises_with_the_rows_of_a_table():
    """It is constant up to 200 rows, never falls, and ends at that of images."""
    rates = [auto_lr(n, TABLE, "classifier") for n in (1, 200, 201, 1_999, 2_000, 10**6)]
    assert rates == sorted(rates)
    assert rates[0] == rates[1] < rates[2]
    assert rates[-1] == rates[-2] == auto_lr(1, IMAGES, "classifier")


def test_tables_are_predicted_without_normalization():
    """Images are normalized, and so is what nothing is predicted of."""
    assert auto_normalization(IMAGES, "classifier") == "batch"
    assert auto_normalization(TABLE, "classifier") is None
    assert auto_normalization(TABLE, None) == "batch"


def width_of_last_layers(predictor, *shape, **layout):
    X = np.random.default_rng(0).normal(size=(20, *shape))
    model = predictor(max_epochs=1, random_state=0, **layout).fit(X, np.arange(20) % 2)
    return model.net_.module_.backend.dense.in_features


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_classes_come_from_global_pooling(predictor):
    """Larger sequences and images, not small ones, give a classifier's last layers no more to see.

    A number may tell where something is: those of a regressor see every position.
    """
    classifies = "Classifier" in predictor.__name__

    def grows(one, other, **layout):
        widths = [width_of_last_layers(predictor, *shape, **layout) for shape in (one, other)]
        return widths[0] < widths[1]

    assert grows((16, 2), (24, 2), channel_axis=-1) != classifies
    assert grows((33, 12), (33, 33)) != classifies
    assert grows((12, 12), (24, 24))
