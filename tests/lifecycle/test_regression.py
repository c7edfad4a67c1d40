"""AECNNRegressor and CNNRegressor: numbers in, numbers out."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline


@pytest.fixture(params=["regressor", "cnn_regressor"])
def predictor(request):
    """A factory of each small regressor."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def many(table):
    """Three numbers for each row of `table`."""
    return table @ np.random.default_rng(3).normal(size=(5, 3))


@pytest.mark.parametrize("kind", ["table", "images"])
def test_a_number_can_be_learnt(predictor, request, targets, labels, kind):
    """Rows and images lead to a number."""
    X = request.getfixturevalue(kind)
    y = targets if kind == "table" else labels * 3.0
    estimator = predictor(max_epochs=80, lr=0.01).fit(X, y)
    assert estimator.score(X, y) > 0.9


def test_many_numbers_can_be_learnt(predictor, table, many):
    """Several targets are learnt together, each in its own column."""
    quick = {"lr": 0.01, "normalization": "batch"}
    estimator = predictor(max_epochs=100, dense_units=16, **quick).fit(table, many)
    assert (r2_score(many, estimator.predict(table), multioutput="raw_values") > 0.8).all()


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 3)])
def test_predictions_have_the_layout_of_the_targets(predictor, table, shape):
    """predict returns what fit was given: one axis or two, in double precision."""
    y = np.random.default_rng(0).normal(size=shape)
    predicted = predictor().fit(table, y).predict(table)
    assert predicted.shape == shape
    assert predicted.dtype == np.float64


def test_a_column_of_targets_is_a_row_of_them(predictor, table, targets):
    """One target with an axis of its own gives the same predictions, to the last bit."""
    flat = predictor().fit(table, targets).predict(table)
    column = predictor().fit(table, targets[:, None]).predict(table)
    np.testing.assert_array_equal(column, flat[:, None])


@pytest.mark.parametrize("container", [list, pd.Series, np.float32, np.asfortranarray])
def test_targets_in_any_container(predictor, table, targets, container):
    """Lists, series and arrays of any type are targets."""
    y = np.round(targets)
    expected = predictor().fit(table, y).predict(table)
    np.testing.assert_array_equal(predictor().fit(table, container(y)).predict(table), expected)


def test_targets_may_be_whole_numbers(predictor, table, labels):
    """Integers are numbers: nothing is a class to a regressor."""
    estimator = predictor().fit(table, labels)
    assert is_regressor(estimator)
    expected = predictor().fit(table, labels.astype(float)).predict(table)
    np.testing.assert_array_equal(estimator.predict(table), expected)


@pytest.mark.parametrize("factor", [2.0**40, 2.0**-40])
def test_the_unit_of_the_targets_does_not_matter(predictor, table, targets, factor):
    """Targets in another unit are predicted in that unit, to the last bit for powers of two."""
    plain = predictor().fit(table, targets)
    scaled = predictor().fit(table, targets * factor)
    np.testing.assert_array_equal(scaled.predict(table), plain.predict(table) * factor)
    assert scaled.loss_curve_ == plain.loss_curve_


def test_an_offset_of_the_targets_does_not_matter(predictor, table, targets):
    """Targets around one million are predicted as well as those around zero."""
    plain, moved = predictor().fit(table, targets), predictor().fit(table, targets + 1e6)
    np.testing.assert_allclose(moved.predict(table) - 1e6, plain.predict(table), atol=1e-3)


def test_targets_of_different_units_count_alike(predictor, table, many):
    """Each target is standardised by itself."""
    factors = 2.0 ** np.array([0, 30, -30])
    plain, mixed = predictor().fit(table, many), predictor().fit(table, many * factors)
    np.testing.assert_array_equal(mixed.predict(table), plain.predict(table) * factors)


@pytest.mark.parametrize("value", [0.0, 3.7, -1e20])
def test_a_target_that_does_not_vary_comes_back(predictor, table, value):
    """A constant is predicted to be itself, or near."""
    estimator = predictor(max_epochs=60, lr=0.01).fit(table, np.full(40, value))
    np.testing.assert_allclose(estimator.predict(table), value, rtol=1e-6, atol=0.1)


@pytest.mark.parametrize("kind", ["targets", "many"])
def test_a_weight_of_two_is_a_row_twice(predictor, request, table, kind):
    """In one full batch a row of weight two is two equal rows, the scaling of y included."""
    y, times = request.getfixturevalue(kind), 1 + np.arange(40) % 3
    chosen = {"linear_path": False, "dropout": 0.0}  # the one by counts of rows, the other by draws
    parameters = {"precision": "float64", "batch_size": 1000, **chosen}
    weighted = predictor(**parameters).fit(table, y, sample_weight=times)
    repeated = predictor(**parameters).fit(np.repeat(table, times, axis=0), np.repeat(y, times, 0))
    np.testing.assert_allclose(weighted.predict(table), repeated.predict(table), rtol=1e-7)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


def test_rows_of_zero_weight_are_no_rows(predictor, table, targets):
    """Rows of zero weight and rows taken out give the same fit bit for bit."""
    weight = np.where(np.arange(40) % 3 == 0, 0, 1 + np.arange(40) % 2)
    y = np.where(weight > 0, targets, 1e9)
    with_rows = predictor().fit(table, y, sample_weight=weight)
    kept = weight > 0
    without = predictor().fit(table[kept], targets[kept], sample_weight=weight[kept])
    np.testing.assert_array_equal(with_rows.predict(table), without.predict(table))


@pytest.mark.parametrize("kind", ["targets", "many"])
def test_the_score_is_that_of_scikit_learn(predictor, request, table, kind):
    """score is R² of the predictions, weighted where weights are given."""
    y, weight = request.getfixturevalue(kind), np.arange(40)
    estimator = predictor().fit(table, y)
    predicted = estimator.predict(table)
    assert estimator.score(table, y) == r2_score(y, predicted)
    assert estimator.score(table, y, weight) == r2_score(y, predicted, sample_weight=weight)


def test_the_history_shows_each_loss_apart(regressor, table, targets):
    """train_loss is the squared error plus the weighted reconstruction loss, each epoch."""
    estimator = regressor(reconstruction_weight=0.5, early_stopping=True).fit(table, targets)
    for row in estimator.history_:
        for part in ("train", "valid"):
            total = row[f"{part}_regression_loss"] + 0.5 * row[f"{part}_reconstruction_loss"]
            assert row[f"{part}_loss"] == pytest.approx(total, rel=1e-5)


def test_the_first_partial_fit_fixes_the_scaling(predictor, table, targets):
    """partial_fit goes on where it was; the units of later targets are those of the first."""
    estimator = predictor(lr=0.02)
    for _ in range(60):
        estimator.partial_fit(table, targets)
    assert estimator.score(table, targets) > 0.9
    before = estimator._target_scaler
    after = estimator.partial_fit(table, 10 * targets)._target_scaler
    assert (after.mean, after.scale) == (before.mean, before.scale)


@pytest.mark.parametrize("share", ["auto", 0, 2.0])
def test_predictions_are_limited(predictor, table, targets, share):
    """Samples far from all others have predictions in the range of targets, widened by a share."""
    model = predictor(max_extrapolation=share, max_epochs=20, lr=0.05).fit(table, targets)
    factor = model.resolved_params_["max_extrapolation"]
    assert factor == (0.5 if share == "auto" else share)
    far = np.concatenate([1e5 * table, -1e5 * table])
    predicted = model.predict(far)
    margin = factor * np.ptp(targets)
    limits = targets.min() - margin, targets.max() + margin
    np.testing.assert_allclose([predicted.min(), predicted.max()], limits)
    tensor = model.to_torch()(torch.from_numpy(far)).detach()
    np.testing.assert_allclose(tensor, predicted)


def test_predictions_without_limits(predictor, table, targets):
    """A linear trend goes on as far as samples do."""
    model = predictor(max_extrapolation=None, max_epochs=20, lr=0.05).fit(table, targets)
    assert model.resolved_params_["max_extrapolation"] is None
    assert np.ptp(model.predict(np.concatenate([1e5 * table, -1e5 * table]))) > 1e3


def test_limits_are_those_of_all_targets_so_far(predictor, table, targets):
    """Later calls widen the range; samples of no weight, and of no known target, do not."""
    model = predictor(max_extrapolation=0).partial_fit(table, targets)
    far, weight = targets.copy(), np.ones(len(table))
    far[0], far[1], weight[1] = 90, 1000, 0
    model.partial_fit(table, far, sample_weight=weight)
    predicted = model.predict(np.concatenate([1e6 * table, -1e6 * table]))
    assert (predicted.min(), predicted.max()) == (targets.min(), 90)


def test_targets_that_are_moved_have_no_limits(cnn_regressor, images, labels):
    """Where augmentation moves targets, those of ``fit`` do not tell how far they reach."""
    model = cnn_regressor(augmentation=flip_some).fit(images, labels + 0.5)
    assert model.resolved_params_["max_extrapolation"] is None


def test_partial_fit_refuses_another_number_of_targets(predictor, table, targets, many):
    """As many targets as in the first call are asked for, and nothing is changed."""
    estimator = predictor().partial_fit(table, many)
    predicted = estimator.predict(table)
    with pytest.raises(ValueError, match=r"y has 1 target\(s\), but .* fitted on 3"):
        estimator.partial_fit(table, targets)
    np.testing.assert_array_equal(estimator.predict(table), predicted)


def test_the_regressor_encodes_and_reconstructs(regressor, images, labels):
    """The joint regressor transforms, decodes and samples as an autoencoder."""
    estimator = regressor().fit(images, labels)
    codes = estimator.transform(images)
    assert codes.shape == (40, 3)
    np.testing.assert_array_equal(estimator.inverse_transform(codes), estimator.reconstruct(images))
    assert list(estimator.get_feature_names_out()) == [f"aecnnregressor{i}" for i in range(3)]


def test_model_selection(predictor, images, labels):
    """Searches and cross-validation take images and numbers."""
    scores = cross_val_score(predictor(), images, labels, cv=2, error_score="raise")
    assert np.isfinite(scores).all()
    search = GridSearchCV(predictor(), {"dense_units": [4, 8]}, cv=2, error_score="raise")
    assert search.fit(images, labels).predict(images).shape == (40,)


def test_targets_may_be_transformed(predictor, table, targets):
    """TransformedTargetRegressor takes the regressors; a linear transform changes nothing."""
    linear = TransformedTargetRegressor(
        predictor(), func=lambda y: 4 * y, inverse_func=lambda y: y / 4, check_inverse=False
    )
    expected = predictor().fit(table, targets).predict(table)
    np.testing.assert_array_equal(linear.fit(table, targets).predict(table), expected)


def test_codes_of_a_regressor_are_features(regressor, table, targets):
    """The code of a joint regressor serves a linear one behind it."""
    first = regressor(backend_input="code", max_epochs=60, lr=0.01)
    pipe = make_pipeline(first, LinearRegression())
    assert pipe.fit(table, targets).score(table, targets) > 0.5


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (np.arange(39.0), r"inconsistent numbers of samples: \[40, 39\]"),
        (np.where(np.arange(40) == 7, np.nan, 1.0), r"y contains NaN.*unlabeled=float\('nan'\)"),
        (np.where(np.arange(40) == 7, np.inf, 1.0), "y contains infinity"),
        (np.arange(40.0) * 1e300, "y holds values so large"),
        (np.full(40, "a"), "could not convert string"),
        (np.ones((40, 2, 2)), "dim 3"),
    ],
    ids=["none", "length", "NaN", "infinity", "large", "strings", "three axes"],
)
def test_unusable_targets_are_refused(predictor, table, y, message):
    """Targets that are none, of another length, or not finite are each named as such."""
    estimator = predictor()
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.fit(table, y)
    assert vars(estimator) == before


# -- targets that move with the samples --------------------------------------------------------


def flip_some(X, y, generator):
    """Mirror half of the images, and the columns of the boxes with them."""
    flipped = torch.rand(len(X), generator=generator) < 0.5
    X[flipped] = X[flipped].flip(-1)
    y[flipped] = 1 - y[flipped]
    return X, y


@pytest.mark.parametrize("name", ["regressor", "cnn_regressor"])
def test_augmentation_moves_targets_with_the_images(request, name):
    """With mirrored images and places, places are learned that were in no image."""
    rng = np.random.default_rng(0)
    place = rng.integers(0, 5, 200)  # in the left half of the images alone
    X = np.zeros((200, 10, 10), dtype=np.float32)
    X[np.arange(200), rng.integers(0, 10, 200), place] = 1
    y = (place + 0.5) / 10
    factory = request.getfixturevalue(name)
    options = {"max_epochs": 40, "batch_size": 32, "lr": 0.01}
    errors = {
        augmentation: np.abs(
            factory(augmentation=augmentation, **options).fit(X, y).predict(X[:, :, ::-1].copy())
            - (1 - y)
        ).mean()
        for augmentation in (None, flip_some)
    }
    assert errors[flip_some] < 0.08 < 0.2 < errors[None]


def test_such_a_function_is_for_regressors(cnn_classifier, autoencoder, images, labels):
    """Labels and autoencoders have no numbers to move."""
    for model in (cnn_classifier(), autoencoder()):
        model.set_params(augmentation=flip_some)
        with pytest.raises(ValueError, match="has a parameter y, for numbers that move with"):
            model.fit(images, labels)


def test_fits_with_moved_targets_repeat(cnn_regressor, images, labels):
    """Weights of rows, early stopping and the seed work as with other functions."""
    y, weight = labels + 0.5, np.arange(1, 41)
    model = cnn_regressor(augmentation=flip_some, early_stopping=True)
    one = model.fit(images, y, sample_weight=weight).predict(images)
    np.testing.assert_array_equal(model.fit(images, y, sample_weight=weight).predict(images), one)
    other = cnn_regressor(early_stopping=True).fit(images, y, sample_weight=weight)
    assert not np.array_equal(other.predict(images), one)
