"""AutoencoderOutlierDetector: what comes back badly, or has a strange code, is unusual."""

import pickle
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_aecnn import AutoencoderOutlierDetector


@pytest.fixture
def plane():
    """100 rows of 6 features near a plane."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(100, 2)) @ rng.normal(size=(2, 6)) + 0.05 * rng.normal(size=(100, 6))


@pytest.fixture
def trained(detector):
    """A factory of detectors that learn a plane."""
    return partial(detector, encoding_dim=2, hidden_layer_sizes=(), max_epochs=150, lr=0.03)


@pytest.mark.parametrize("contamination", [0.01, 0.05, 0.1, 0.25, 0.5])
@pytest.mark.parametrize("kind", ["plane", "images"])
def test_contamination_is_the_share_of_outliers(detector, request, kind, contamination):
    """predict calls that share of the training rows outliers."""
    X = request.getfixturevalue(kind)
    labels = detector(contamination=contamination).fit(X).predict(X)
    assert (labels == -1).sum() == int(contamination * len(X))
    assert set(labels) <= {-1, 1}


def test_contamination_moves_the_offset_alone(detector, plane):
    """Scores are those of the autoencoder, whatever the contamination."""
    one, other = (detector(contamination=c).fit(plane) for c in (0.1, 0.3))
    np.testing.assert_array_equal(one.score_samples(plane), other.score_samples(plane))
    assert one.offset_ < other.offset_


def test_auto_is_the_upper_fence_of_a_box_plot(detector, plane):
    """'auto' puts the offset 1.5 interquartile ranges above the third quartile, on roots."""
    estimator = detector().fit(plane)
    root = np.sqrt(-estimator.score_samples(plane))
    first, third = np.quantile(root, [0.25, 0.75], method="inverted_cdf")
    assert estimator.offset_ == pytest.approx(-((third + 1.5 * (third - first)) ** 2), rel=1e-9)


def test_scores_decisions_and_labels_agree(detector, plane):
    """decision_function is score_samples minus offset_; predict is its sign."""
    estimator = detector(contamination=0.2).fit(plane)
    decision = estimator.decision_function(plane)
    assert decision.dtype == np.float64
    np.testing.assert_array_equal(decision, estimator.score_samples(plane) - estimator.offset_)
    np.testing.assert_array_equal(estimator.predict(plane), np.where(decision < 0, -1, 1))
    np.testing.assert_array_equal(
        detector(contamination=0.2).fit_predict(plane), estimator.predict(plane)
    )


@pytest.mark.parametrize("kind", ["plane", "images"])
@pytest.mark.parametrize("support_fraction", [0.75, 1])
def test_the_score_is_the_formula_of_the_docstring(detector, request, kind, support_fraction):
    """Minus the largest deviation: of residuals and codes, from neighbours, and of rare values."""
    X = request.getfixturevalue(kind)
    estimator = detector(support_fraction=support_fraction, scaling="feature").fit(X)
    errors = estimator.reconstruction_error(X, per_feature=True, scaled=True)
    assert errors.shape == X.shape
    assert estimator.residual_variance_.shape == X.shape[1:]
    residuals = (errors / estimator.residual_variance_).reshape(len(X), -1)
    centred = estimator.transform(X).astype(float) - estimator.code_mean_
    codes = (centred @ np.linalg.inv(estimator.code_covariance_) * centred).sum(axis=1)
    deviation = (residuals.sum(axis=1) + codes) / (residuals.shape[1] + centred.shape[1])

    rows = StandardScaler().fit_transform(X.reshape(len(X), -1))
    is_usual = deviation <= np.quantile(deviation, support_fraction, method="inverted_cdf")
    squares = euclidean_distances(rows, rows[is_usual], squared=True) / rows.shape[1]
    fifth = np.sort(squares, axis=1)[:, 4]
    rare = surprisal(rows, is_usual)
    others = [calibrated(fifth, deviation, 0), calibrated(rare, deviation, 0.01)]
    largest = np.argmax([deviation, *others], axis=0)
    assert set(largest) == {0, 1, 2}
    expected = -np.maximum.reduce([deviation, *others])
    np.testing.assert_allclose(estimator.score_samples(X), expected, rtol=1e-4)


def calibrated(values, deviation, floor):
    """Return the deviations that values of another measure stand for."""
    measured = values + max(floor, 0.01 * np.quantile(values, 0.5, method="inverted_cdf"))
    (median, high), (middle, ninth) = (
        np.quantile(one, [0.5, 0.9], method="inverted_cdf") for one in (measured, deviation)
    )
    power = min(1, np.log(ninth / middle) / np.log(high / median))
    return middle * (measured / median) ** power


def surprisal(rows, is_usual):
    """Return the mean over features of minus the logarithm of the frequency of values."""
    total, n_rows = np.zeros(len(rows)), is_usual.sum()
    for x in rows.T:
        usual = x[is_usual]
        n_steps = int(np.clip(np.sqrt(n_rows), 3, 20)) - 1
        assert len(np.unique(usual)) > 20
        step = np.ptp(usual) / n_steps
        knots = usual.min() + step * np.arange(-1, n_steps + 2)
        # each value counts at the two knots beside it
        near = np.maximum(1 - np.abs(usual[:, None] - knots) / step, 0)
        share = near.mean(axis=0) + 1 / n_rows
        total -= np.log(np.interp(x, knots, share / share.max()))
    return total / rows.shape[1]


def test_a_score_does_not_depend_on_the_other_rows(detector, assert_rows_alike):
    """A row scores the same alone, in a slice and in a large batch."""
    X = np.random.default_rng(0).normal(size=(1100, 7))
    for encoding_dim in (1, 3, 10):
        estimator = detector(encoding_dim=encoding_dim, max_epochs=1).fit(X)
        scores = estimator.score_samples(X)
        assert_rows_alike(estimator.score_samples(X[1050:]), scores[1050:])
        alone = [estimator.score_samples(X[i : i + 1])[0] for i in range(0, 1100, 97)]
        assert_rows_alike(alone, scores[::97])


def test_a_pickled_detector_judges_alike(detector, plane):
    """All that the score needs travels with a pickle."""
    estimator = detector().fit(plane)
    copied = pickle.loads(pickle.dumps(estimator))
    expected = estimator.decision_function(plane)
    np.testing.assert_array_equal(copied.decision_function(plane), expected)


def test_sparse_tables_are_judged_as_dense_ones(detector, table):
    """Sparse input changes neither what is learned of the spread nor the scores."""
    X = np.maximum(table, 0)
    dense, sparse = detector().fit(X), detector().fit(csr_array(X))
    np.testing.assert_array_equal(sparse.residual_variance_, dense.residual_variance_)
    found = sparse.decision_function(csr_array(X))
    np.testing.assert_array_equal(found, dense.decision_function(X))


def test_scaled_errors_are_errors_over_squared_scales(coder, table):
    """scaled=True divides the squared error of every feature by its variance in training."""
    X = table * [1, 2, 3, 4, 5]
    estimator = coder(scaling="feature").fit(X, np.arange(40) % 2)
    plain = estimator.reconstruction_error(X, per_feature=True)
    scaled = estimator.reconstruction_error(X, per_feature=True, scaled=True)
    np.testing.assert_allclose(scaled, plain / X.var(axis=0), rtol=1e-9)


def test_values_that_are_unusual_by_themselves_are_found():
    """By default, rows with one extreme value are told from the others."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    X[np.arange(15), rng.integers(0, 8, 15)] = rng.choice([-5, 5], size=15)
    scores = AutoencoderOutlierDetector(random_state=0).fit(X).score_samples(X)
    assert roc_auc_score(np.arange(300) >= 15, scores) > 0.95


def test_combinations_of_usual_values_are_found():
    """By default, rows off a plane are told from those on it, though each value is usual."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8)) + 0.05 * rng.normal(size=(400, 8))
    X[:20] = np.stack([rng.permutation(column)[:20] for column in X.T], axis=1)
    scores = AutoencoderOutlierDetector(random_state=0).fit(X).score_samples(X)
    assert roc_auc_score(np.arange(400) >= 20, scores) > 0.95


def test_a_clump_of_outliers_is_found():
    """By default, a fifth of the training rows close together does not pass for usual."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 8))
    X[:80] = 0.3 * X[:80] + rng.choice([-2, 2], size=8)
    scores = AutoencoderOutlierDetector(random_state=0).fit(X).score_samples(X)
    assert roc_auc_score(np.arange(400) >= 80, scores) > 0.95


def test_a_small_group_that_is_simple_is_found():
    """Rows alike between four groups are told, though they come back with no more error."""
    rng = np.random.default_rng(0)
    groups = rng.choice([-1.0, 1.0], size=(600, 2))
    X = np.tile(groups, 6) + 0.3 * rng.normal(size=(600, 12))
    X[:10] = 0.1 * rng.normal(size=(10, 12))
    estimator = AutoencoderOutlierDetector(random_state=0).fit(X)
    assert roc_auc_score(np.arange(600) < 10, estimator.reconstruction_error(X)) < 0.5
    assert roc_auc_score(np.arange(600) >= 10, estimator.score_samples(X)) > 0.99


@pytest.mark.parametrize("n_rows", [1, 2, 5, 30])
def test_few_rows_and_constant_columns_can_be_judged(n_rows):
    """Fewer rows than units of the code, and columns that do not vary, give finite scores."""
    X = np.random.default_rng(0).normal(size=(n_rows, 4))
    X[:, 2] = 7.0
    estimator = AutoencoderOutlierDetector(random_state=0).fit(X)
    assert np.isfinite(estimator.decision_function(X)).all()
    assert (estimator.predict(X) == 1).mean() >= 0.5


@pytest.mark.parametrize("value", [0, -0.1, 1.1, "auto", None])
def test_support_fraction_out_of_range_is_refused(detector, plane, value):
    """support_fraction is a number above 0 and up to 1."""
    with pytest.raises(ValueError, match="'support_fraction' parameter of"):
        detector(support_fraction=value).fit(plane)


def test_new_rows_are_judged_as_the_training_rows(trained, plane):
    """Rows off the plane are novelties, new rows on it are not."""
    estimator = trained(contamination=0.01).fit(plane[:80])
    assert (estimator.predict(plane[80:]) == 1).mean() > 0.8
    off = plane + np.random.default_rng(1).normal(size=plane.shape)
    assert (estimator.predict(off) == -1).mean() > 0.9


def test_outliers_among_the_training_rows_are_found(trained, plane):
    """Rows put off the plane are those that contamination singles out."""
    plane[::20] += np.random.default_rng(1).normal(size=(5, 6))
    labels = trained(contamination=0.05).fit_predict(plane)
    assert (labels[::20] == -1).sum() >= 4


def test_the_unit_does_not_matter(detector, plane):
    """Scores are without unit."""
    plain, scaled = detector().fit(plane), detector().fit(plane * 1024)
    np.testing.assert_array_equal(scaled.score_samples(plane * 1024), plain.score_samples(plane))
    assert scaled.offset_ == plain.offset_


@pytest.mark.parametrize("support_fraction", [0.6, 1])
@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_a_weight_of_two_is_a_row_twice(detector, plane, contamination, support_fraction):
    """The spread and the offset heed the weights as the network does."""
    times = 1 + np.arange(100) % 3
    parameters = {"precision": "float64", "batch_size": 1000, "contamination": contamination}
    parameters["support_fraction"] = support_fraction
    weighted = detector(**parameters).fit(plane, sample_weight=times)
    repeated = detector(**parameters).fit(np.repeat(plane, times, axis=0))
    np.testing.assert_allclose(
        weighted.decision_function(plane), repeated.decision_function(plane), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("contamination", ["auto", 0.2])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_data_that_do_not_vary_are_usual(detector, contamination, value):
    """Where all rows are the same there is no outlier."""
    X = np.full((20, 4), value)
    assert (detector(contamination=contamination).fit_predict(X) == 1).all()


def test_partial_fit_moves_the_offset(detector, plane):
    """After partial_fit the offset is that of the samples of all calls."""
    estimator = detector(contamination=0.1).partial_fit(plane[:50])
    offset = estimator.offset_
    estimator.partial_fit(plane[50:])
    assert estimator.offset_ != offset
    assert 5 <= (estimator.predict(plane) == -1).sum() <= 20


def test_images_are_judged(detector, images):
    """An image of noise is unusual among images of a kind; the score map is an image."""
    usual = np.random.default_rng(0).normal(size=(40, 1, 1)) * np.outer(np.arange(6), np.ones(5))
    estimator = detector(max_epochs=60, lr=0.01, contamination=0.05).fit(usual)
    assert estimator.predict(images.astype(float)).tolist() == [-1] * 40
    assert estimator.reconstruction_error(usual, per_feature=True).shape == (40, 6, 5)


def test_the_detector_is_a_transformer_too(detector, autoencoder, plane):
    """Trained on all rows, it codes and reconstructs as a plain autoencoder, to the last bit."""
    judged = detector(support_fraction=1).fit(plane)
    alone = autoencoder(linear_path=False).fit(plane)
    np.testing.assert_array_equal(judged.transform(plane), alone.transform(plane))
    np.testing.assert_array_equal(judged.reconstruct(plane), alone.reconstruct(plane))
    assert judged.loss_curve_ == alone.loss_curve_
    assert list(judged.get_feature_names_out()) == [
        f"autoencoderoutlierdetector{i}" for i in range(3)
    ]


def test_a_pipeline_detects(detector, plane):
    """Behind a scaler, and in cross_val_predict, it is any outlier detector."""
    pipe = make_pipeline(StandardScaler(), detector(contamination=0.1)).fit(plane)
    assert (pipe.predict(plane) == -1).sum() == 10
    assert pipe.decision_function(plane).shape == (100,)
    assert set(cross_val_predict(detector(), plane, cv=2)) <= {-1, 1}


@pytest.mark.parametrize("value", [0, 0.0, -0.1, 0.51, 1, "few", None])
def test_contamination_out_of_range_is_refused(detector, plane, value):
    """contamination is "auto" or a number above 0 and up to 0.5."""
    estimator = detector(contamination=value)
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=r"'contamination' parameter of .*'auto'.*0\.5") as caught:
        estimator.fit(plane)
    assert repr(value) in str(caught.value)
    assert vars(estimator) == before


# -- explain ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plane", "images", "with a constant"])
def test_contributions_sum_to_the_score(detector, request, plane, kind):
    """Over its features, the contributions of a sample are its score_samples."""
    if kind == "with a constant":
        X = np.column_stack([plane, np.full(len(plane), 7.0)])
        judged = X + 3 * (np.arange(len(X)) % 2)[:, None]
    else:
        X = judged = request.getfixturevalue(kind)
    model = detector().fit(X)
    contributions = model.explain(judged)
    assert contributions.shape == judged.shape
    assert contributions.dtype == np.float64
    sums = contributions.reshape(len(X), -1).sum(axis=1)
    np.testing.assert_allclose(sums, model.score_samples(judged), rtol=1e-6)


def test_a_linear_detector_is_explained_exactly(trained, plane):
    """Where code and reconstruction are linear, contributions are those of the formula."""
    model = trained(precision="float64", scaling="feature").fit(plane)
    scaler = StandardScaler().fit(plane)
    x, codes = scaler.transform(plane), model.transform(plane)
    encode = np.linalg.lstsq(x - x.mean(0), codes - codes.mean(0), rcond=None)[0]
    whitening = np.linalg.inv(np.linalg.cholesky(model.code_covariance_))
    usual = model.net_.module_.find_usual_input(
        torch.from_numpy(model.code_mean_), torch.from_numpy(whitening)
    ).numpy()
    code = model.transform(scaler.inverse_transform(usual[None]))
    np.testing.assert_allclose(code, model.code_mean_[None], atol=1e-4)
    inverse = np.linalg.inv(model.code_covariance_)
    # the gradient at the middle of the way, times the way
    expected = (x - usual) * ((codes - model.code_mean_) @ inverse @ encode.T)
    residuals = model.reconstruction_error(plane, per_feature=True, scaled=True)
    total = residuals / model.residual_variance_ + expected
    of_network = np.isclose(model.score_samples(plane), -total.sum(axis=1) / 8, rtol=1e-3)
    assert of_network.mean() > 0.3
    contributions = model.explain(plane)[of_network]
    np.testing.assert_allclose(contributions, -total[of_network] / 8, rtol=1e-3, atol=1e-4)


def test_the_changed_feature_contributes_most(trained, plane):
    """Where one value is unlike all others, it is to blame in nine samples of ten."""
    model = trained().fit(plane)
    rng = np.random.default_rng(1)
    changed = rng.integers(0, 6, size=len(plane))
    X = plane.copy()
    X[np.arange(len(X)), changed] += 6 * plane.std(axis=0)[changed]
    assert np.mean(model.explain(X).argmin(axis=1) == changed) >= 0.9


def test_a_constant_that_changes_is_to_blame(detector, plane):
    """A feature that had one value in fit contributes the largest deviation where it changes."""
    X = np.column_stack([plane, np.full(len(plane), 7.0)])
    model = detector().fit(X)
    changed = X.copy()
    changed[:, 6] = 7.5
    np.testing.assert_array_equal(model.explain(changed).argmin(axis=1), 6)


def test_contributions_have_the_layout_of_the_samples(detector, images, plane):
    """Flat rows of images give flat rows, frames give frames, sparse tables dense arrays."""
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    model = detector().fit(images)
    expected = model.explain(images)
    np.testing.assert_array_equal(model.explain(images.reshape(40, 30)), expected.reshape(40, 30))
    np.testing.assert_allclose(model.explain(images.tolist()), expected, rtol=1e-3, atol=1e-9)
    names = list("abcdef")
    frame = pd.DataFrame(plane, columns=names, index=np.arange(100) * 2)
    tables = detector().fit(frame)
    explained = tables.explain(frame)
    assert explained.index.equals(frame.index)
    assert list(explained.columns) == names
    polars_frame = pl.DataFrame(plane, schema=names)
    assert isinstance(tables.explain(polars_frame), pl.DataFrame)
    np.testing.assert_allclose(tables.explain(polars_frame).to_numpy(), explained.to_numpy())
    bare = detector().fit(plane)
    np.testing.assert_allclose(bare.explain(csr_array(plane)), bare.explain(plane), rtol=1e-5)


def test_explaining_leaves_no_gradients(detector, plane):
    """Neither parameters nor later results know of it."""
    model = detector().fit(plane)
    parameters = list(model.net_.module_.parameters())
    before, gradients = model.score_samples(plane), [weight.grad.clone() for weight in parameters]
    model.explain(plane)
    for weight, gradient in zip(parameters, gradients, strict=True):
        assert weight.grad.equal(gradient)
    np.testing.assert_array_equal(model.score_samples(plane), before)


@pytest.mark.parametrize("scale", [1e-7, 1.0])
def test_contributions_sum_to_the_score_whatever_the_unit(detector, scale):
    """Even where the usual distance, or the usual surprisal, is next to nothing."""
    X = scale * np.random.default_rng(0).normal(size=(300, 5))
    X[:, 3:] = np.round(X[:, 3:] / scale) * scale
    model = detector(scaling=None).fit(X)
    sums = model.explain(X).sum(axis=1)
    np.testing.assert_allclose(sums, model.score_samples(X), rtol=1e-6)


def test_rounding_is_not_rare(detector):
    """Levels that are equally frequent, all combinations of them, are equally usual."""
    X = np.array(list(product([0.0, 0.1, 0.2], repeat=5)))
    model = detector(support_fraction=1, noise=None).fit(X)
    calibration = model._deviations.of_surprisals
    assert calibration.usual < 0.01 == calibration.floor
    surprisals = calibration.deviations(np.array([0.0, 1e-6]))
    np.testing.assert_allclose(surprisals, calibration.deviation, rtol=0.3)
    unseen = np.array([[0.05, 0.0, 0.0, 0.0, 0.0]])
    assert model.score_samples(unseen)[0] < 2 * np.median(model.score_samples(X))
