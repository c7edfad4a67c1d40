"""VariationalAutoencoderTransformer: codes that follow the prior, and what is computed of them."""

import numpy as np
import pytest
import torch
from scipy.special import expit, xlogy
from torch.nn import functional as F


@pytest.fixture
def plane():
    """60 rows of 8 features that lie near a plane."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 2)) @ rng.normal(size=(2, 8)) + 0.1 * rng.normal(size=(60, 8))


def distribution(estimator, X):
    """The means and deviations of the codes of a table, by the encoder and by hand."""
    layout = estimator.net_.module_.layout
    with torch.no_grad():
        mean, raw = estimator.encoder_(layout(torch.from_numpy(X))).chunk(2, dim=1)
    return mean.numpy(), (F.softplus(raw) + 1e-4).numpy()


def divergence(mean, deviation):
    return (mean**2 + deviation**2 - 1) / 2 - np.log(deviation)


def draws(encoding_dim):
    """The 16 standard normal draws that scores are averaged over."""
    half = np.random.RandomState(0).standard_normal((8, encoding_dim))
    return np.concatenate([half, -half])


# -- codes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "images"])
def test_codes_are_means_and_do_not_vary(variational, request, kind):
    """transform returns the mean of each code: the same in every call, alone or among others."""
    X = request.getfixturevalue(kind)
    estimator = variational().fit(X)
    codes = estimator.transform(X)
    assert codes.shape == (40, 3)
    np.testing.assert_array_equal(estimator.transform(X), codes)
    np.testing.assert_array_equal(estimator.transform(X[5:6]), codes[5:6])
    np.testing.assert_array_equal(estimator.inverse_transform(codes), estimator.reconstruct(X))


def test_codes_are_the_encoders_first_half(variational, table):
    """The encoder puts out means, then what the deviations are computed from."""
    estimator = variational(precision="float64").fit(table)
    mean, _ = distribution(estimator, table)
    np.testing.assert_allclose(estimator.transform(table), mean, rtol=1e-9, atol=1e-12)


def test_a_seed_repeats_a_fit(variational, images):
    """The draws while training come from random_state."""
    first, second = (variational(batch_size=7).fit(images) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_
    np.testing.assert_array_equal(first.transform(images), second.transform(images))
    assert first.loss_curve_ != variational(batch_size=7, random_state=1).fit(images).loss_curve_


@pytest.mark.parametrize("kind", ["table", "images"])
def test_a_copy_goes_on_as_the_original(variational, request, kind):
    """A pickle scores alike, and learns on with the same draws."""
    import pickle

    X = request.getfixturevalue(kind)
    original = variational().fit(X).set_saving(include_optimizer=True)
    copied = pickle.loads(pickle.dumps(original))
    np.testing.assert_array_equal(copied.score_samples(X), original.score_samples(X))
    original.partial_fit(X), copied.partial_fit(X)
    np.testing.assert_array_equal(copied.transform(X), original.transform(X))


# -- the weight of the divergence -------------------------------------------------------------


def test_a_heavier_divergence_is_a_smaller_one(variational, plane):
    """beta trades what codes tell against their distance from the prior."""
    told = [
        variational(beta=beta, max_epochs=60, lr=0.01).fit(plane).kl_per_unit_.sum()
        for beta in (0.0, 1.0, 100.0)
    ]
    assert told[0] > told[1] > told[2]
    assert told[2] < 0.05


def test_without_the_divergence_it_reconstructs_as_an_autoencoder(variational, plane):
    """beta=0 leaves the likelihood alone, and most of a plane is kept."""
    estimator = variational(beta=0.0, max_epochs=150, lr=0.02, hidden_layer_sizes=(16,))
    assert estimator.fit(plane).score(plane) > 0.9


def test_the_history_shows_each_loss_apart(variational, plane):
    """The loss is minus the log-likelihood plus beta times the divergence, both per feature."""
    estimator = variational(beta=3.0, warm_up=0, early_stopping=True).fit(plane)
    for row in estimator.history_:
        for part in ("train", "valid"):
            total = row[f"{part}_likelihood_loss"] + 3.0 * row[f"{part}_divergence_loss"]
            assert row[f"{part}_loss"] == pytest.approx(total, rel=1e-5)


def test_the_divergence_warms_up(variational, plane):
    """In the first step its weight is 0; with warm_up=0 it is there from the start."""
    slow = variational(max_epochs=8, warm_up=0.5, lr=1e-9).fit(plane)
    at_once = variational(max_epochs=8, warm_up=0.0, lr=1e-9).fit(plane)
    losses = [row["train_divergence_loss"] for row in slow.history_]
    full = [row["train_divergence_loss"] for row in at_once.history_]
    expected = np.minimum(np.arange(8) / 4, 1)
    np.testing.assert_allclose(np.divide(losses, full), expected, rtol=1e-4)


def test_the_divergence_of_a_unit_is_computed_by_hand(variational, table):
    """kl_per_unit_ is the mean over the training rows of the divergence of each unit."""
    estimator = variational(precision="float64").fit(table)
    expected = divergence(*distribution(estimator, table)).mean(axis=0)
    np.testing.assert_allclose(estimator.kl_per_unit_, expected, rtol=1e-9)


# -- scores -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["feature", "shared", None])
def test_the_score_is_the_documented_bound(variational, table, scaling):
    """score_samples is the formula of its docstring, computed from the parts."""
    X = table * [1, 2, 3, 4, 5]
    estimator = variational(precision="float64", scaling=scaling).fit(X)
    mean, deviation = distribution(estimator, X)
    s = estimator.net_.module_.layout.scale.numpy()
    variance = estimator.noise_variance_
    errors = []
    for draw in draws(3):
        rebuilt = estimator.inverse_transform(mean + deviation * draw)
        errors.append((((X - rebuilt) / s) ** 2).sum(axis=1))
    expected = -np.mean(errors, axis=0) / (2 * variance)
    expected -= 5 / 2 * np.log(2 * np.pi * variance) + np.log(s).sum()
    expected -= divergence(mean, deviation).sum(axis=1)
    scores = estimator.score_samples(X)
    assert scores.shape == (40,)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected, rtol=1e-9)
    assert variance == pytest.approx(np.mean(errors) / 5, rel=1e-9)


def test_the_score_of_probabilities_is_the_documented_bound(variational, images):
    """With 'bce' the bound is that of independent binary values, without a variance."""
    X = (images > 127).reshape(40, -1).astype(float)
    estimator = variational(precision="float64", reconstruction_loss="bce").fit(X)
    mean, deviation = distribution(estimator, X)
    errors = []
    for draw in draws(3):
        with torch.no_grad():
            logits = estimator.decoder_(torch.from_numpy(mean + deviation * draw)).numpy()
        p = expit(logits)
        errors.append(-(xlogy(X, p) + xlogy(1 - X, 1 - p)).sum(axis=1))
    expected = -np.mean(errors, axis=0) - divergence(mean, deviation).sum(axis=1)
    np.testing.assert_allclose(estimator.score_samples(X), expected, rtol=1e-8)
    assert estimator.noise_variance_ == 1


@pytest.mark.parametrize("factor", [2.0, 2.0**-20])
def test_the_score_is_of_a_density_in_the_units_of_the_data(variational, table, factor):
    """In a unit that makes numbers twice as large, a density is half for each feature."""
    plain, scaled = variational().fit(table), variational().fit(table * factor)
    np.testing.assert_allclose(
        scaled.score_samples(table * factor),
        plain.score_samples(table) - 5 * np.log(factor),
        rtol=1e-6,
    )


def test_the_score_drops_for_what_is_unusual(variational, plane):
    """Rows far away score below every training row; a row among others scores as alone."""
    estimator = variational(max_epochs=60, lr=0.01).fit(plane)
    usual = estimator.score_samples(plane)
    unusual = estimator.score_samples(plane + 10 * plane.std(axis=0))
    assert unusual.max() < usual.min()
    np.testing.assert_array_equal(estimator.score_samples(plane[3:4]), usual[3:4])


def test_parameters_set_after_fit_do_not_reach_the_fitted_network(variational, table):
    """What was fitted has the size of code that it was fitted with."""
    estimator = variational().fit(table)
    scores = estimator.score_samples(table)
    estimator.set_params(encoding_dim=7)
    np.testing.assert_array_equal(estimator.score_samples(table), scores)


def test_a_weight_of_two_is_a_row_twice_where_nothing_is_drawn(variational, table):
    """The scaling, the noise variance and the divergence of the units heed the weights."""
    times = 1 + np.arange(40) % 3
    parameters = {"precision": "float64", "batch_size": 1000, "lr": 1e-12, "scaling": "feature"}
    weighted = variational(**parameters).fit(table, sample_weight=times)
    repeated = variational(**parameters).fit(np.repeat(table, times, axis=0))
    np.testing.assert_allclose(weighted.transform(table), repeated.transform(table), rtol=1e-6)


def test_images_come_back_in_their_layout(variational, images):
    """Samples, reconstructions and decoded codes are images, errors one number each."""
    estimator = variational().fit(images)
    assert estimator.reconstruct(images).shape == (40, 6, 5)
    assert estimator.sample(3, random_state=0).shape == (3, 6, 5)
    assert estimator.score_samples(images).shape == (40,)
    assert np.isfinite(estimator.score_samples(images)).all()


def test_samples_are_decoded_draws_from_the_prior(variational, table):
    """sample is inverse_transform of standard normal numbers."""
    estimator = variational(precision="float64").fit(table)
    codes = np.random.RandomState(5).standard_normal((4, 3))
    np.testing.assert_array_equal(
        estimator.sample(4, random_state=5), estimator.inverse_transform(codes)
    )


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"beta": -1}, "'beta' parameter of"),
        ({"beta": "large"}, "'beta' parameter of"),
        ({"warm_up": 1.5}, "'warm_up' parameter of"),
        ({"warm_up": -0.1}, "'warm_up' parameter of"),
        ({"reconstruction_loss": "mae"}, "'reconstruction_loss' parameter of.*'bce'"),
        ({"reconstruction_loss": F.l1_loss}, "'reconstruction_loss' parameter of"),
        ({"reconstruction_loss": "bce"}, r"needs every value of X in \[0, 1\]"),
        ({"noise": "masking", "noise_level": 1.5}, "noise_level=1.5 must be at most 1"),
    ],
)
def test_parameters_out_of_range_are_refused(variational, table, parameters, message):
    """The error names the parameter and what was expected; nothing is changed."""
    estimator = variational(**parameters)
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.fit(table)
    assert vars(estimator) == before
