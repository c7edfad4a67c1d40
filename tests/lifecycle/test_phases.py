"""Trained one after the other: pretraining, frozen encoders, encoders that were fitted before."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sk_aecnn import AutoencoderTransformer


def weights(module):
    """Parameters and batch statistics of a module, by name."""
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_equal_weights(one, other):
    """Two modules have the same parameters and statistics, to the last bit."""
    here, there = weights(one), weights(other)
    assert here.keys() == there.keys()
    for name in here:
        assert torch.equal(here[name], there[name]), name


@pytest.fixture(params=["table", "images"])
def X(request):
    return request.getfixturevalue(request.param)


# -- pretraining ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend_input", ["code", "features"])
def test_pretraining_is_the_training_of_a_transformer(joint, autoencoder, X, labels, backend_input):
    """With a frozen encoder, pretrain_epochs gives a plain autoencoder's codes.

    Bit for bit, but for encoders of tables: members of an ensemble, of which there is one here, sum
    in another order.
    """
    same = {"n_estimators": 1, "n_bins": None, "linear_path": False, "batch_size": 16}
    estimator = joint(
        backend_input=backend_input, pretrain_epochs=3, freeze_encoder=True, **same
    ).fit(X, labels)
    alone = autoencoder(
        linear_path=False, activation=estimator.activation, max_epochs=3, batch_size=16
    ).fit(X)
    rounding = {"rtol": 1e-5, "atol": 1e-6} if X.ndim == 2 else {"rtol": 0, "atol": 0}
    assert_equal = partial(np.testing.assert_allclose, **rounding)
    assert_equal(estimator.pretrain_loss_curve_, alone.loss_curve_)
    assert_equal(estimator.transform(X), alone.transform(X))
    assert_equal(estimator.reconstruct(X), alone.reconstruct(X))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_pretraining_precedes_joint_training(joint, X, labels, precision):
    """Without freezing, both go on together from where pretraining ended."""
    estimator = joint(pretrain_epochs=3, precision=precision).fit(X, labels)
    assert len(estimator.pretrain_loss_curve_) == 3
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 2
    assert any("reconstruction" in name for name in estimator.history_[0])
    assert joint().fit(X, labels).pretrain_loss_curve_ == []


def test_pretraining_helps_the_reconstruction(joint, table, labels):
    """Epochs before the joint ones count."""
    errors = [
        joint(pretrain_epochs=epochs, lr=0.01).fit(table, labels).reconstruction_error(table).mean()
        for epochs in (0, 60)
    ]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_pretraining_runs_once(joint, table, labels, early_stopping):
    """A warm start and partial_fit go on together; only a new fit pretrains."""
    estimator = joint(warm_start=True, pretrain_epochs=2, early_stopping=early_stopping)
    curve = estimator.fit(table, labels).pretrain_loss_curve_
    assert estimator.fit(table, labels).pretrain_loss_curve_ is curve
    assert estimator.partial_fit(table, labels).pretrain_loss_curve_ is curve


class Epochs(Callback):
    """Count the epochs of all trainings."""

    def __init__(self):
        self.n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1


def test_pretraining_does_not_call_the_callbacks(joint, table, labels):
    """Epochs of the autoencoder alone come before those that callbacks and histories are of."""
    epochs = Epochs()
    estimator = joint(pretrain_epochs=3, callbacks=[epochs], lr_schedule="constant", lr=0.01).fit(
        table, labels
    )
    assert epochs.n_epochs == estimator.n_iter_ == 2
    assert len(estimator.pretrain_loss_curve_) == 3
    assert len(estimator.history_) == 2


def test_pretraining_trains_the_autoencoder(classifier, autoencoder, table, labels):
    """Its losses are those of the same autoencoder by itself, whatever becomes of the joint net."""
    alone = autoencoder(linear_path=False, max_epochs=5).fit(table)
    same = {"n_estimators": 1, "n_bins": None, "linear_path": False}
    joint = classifier(pretrain_epochs=5, max_epochs=1, **same).fit(table, labels)
    assert joint.pretrain_loss_curve_ == alone.loss_curve_
    frozen = classifier(pretrain_epochs=5, freeze_encoder=True, **same).fit(table, labels)
    np.testing.assert_array_equal(frozen.transform(table), alone.transform(table))


def test_pretraining_sees_the_weights(joint, table, labels):
    """In pretraining, too, a row of weight two is two equal rows."""
    times = 1 + np.arange(40) % 3
    chosen = {"linear_path": False, "dropout": 0.0}  # the one by counts of rows, the other by draws
    parameters = {"precision": "float64", "batch_size": 1000, "pretrain_epochs": 3, **chosen}
    weighted = joint(**parameters).fit(table, labels, sample_weight=times)
    repeated = joint(**parameters).fit(np.repeat(table, times, axis=0), np.repeat(labels, times))
    np.testing.assert_allclose(
        weighted.pretrain_loss_curve_, repeated.pretrain_loss_curve_, rtol=1e-9
    )
    np.testing.assert_allclose(weighted.transform(table), repeated.transform(table), rtol=1e-6)


# -- frozen encoders --------------------------------------------------------------------------


@pytest.mark.parametrize("backend_input", ["code", "features"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_frozen_encoder_does_not_move(
    joint, autoencoder, X, labels, backend_input, early_stopping
):
    """Weights and batch statistics stay as they were; the back end alone is trained."""
    fitted = autoencoder().fit(X)
    estimator = joint(
        encoder=FrozenEstimator(fitted),
        freeze_encoder=True,
        backend_input=backend_input,
        early_stopping=early_stopping,
        max_epochs=5,
        weight_decay=0.1,
    ).fit(X, labels)
    assert_equal_weights(estimator.encoder_, fitted.encoder_)
    assert_equal_weights(estimator.decoder_, fitted.decoder_)
    backend = weights(estimator.net_.module_.backend)
    estimator.partial_fit(X, labels)
    assert_equal_weights(estimator.encoder_, fitted.encoder_)
    moved = weights(estimator.net_.module_.backend)
    assert any(not torch.equal(moved[name], backend[name]) for name in moved)
    np.testing.assert_array_equal(estimator.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(estimator.reconstruct(X), fitted.reconstruct(X))


def test_a_frozen_encoder_has_no_reconstruction_loss(joint, table, labels):
    """The history of a back end trained alone shows the loss of the task."""
    row = joint(pretrain_epochs=1, freeze_encoder=True).fit(table, labels).history_[-1]
    assert not any("reconstruction" in name for name in row)


def test_a_frozen_encoder_reconstructs_at_any_weight(joint, autoencoder, table, labels):
    """With a frozen encoder the decoder is the fitted one, whatever reconstruction_weight is."""
    fitted = FrozenEstimator(autoencoder().fit(table))
    estimator = joint(reconstruction_weight=0, encoder=fitted, freeze_encoder=True)
    rebuilt = estimator.fit(table, labels).reconstruct(table)
    np.testing.assert_array_equal(rebuilt, fitted.estimator.reconstruct(table))


def test_a_back_end_on_frozen_codes_learns(joint, autoencoder, X, labels):
    """The article's recipe, autoencoder first, tells two kinds apart."""
    fitted = FrozenEstimator(autoencoder(max_epochs=30, lr=0.01).fit(X))
    quick = {"lr": 0.01, "dropout": 0.0, "dense_units": 64, "max_epochs": 60}
    estimator = joint(encoder=fitted, freeze_encoder=True, backend_input="code", **quick)
    assert estimator.fit(X, labels).score(X, labels) > 0.8


# -- encoders fitted before -------------------------------------------------------------------


def test_a_fitted_encoder_is_where_to_start_from(joint, autoencoder, X, labels):
    """Without freezing, training goes on from copies; the transformer itself does not change."""
    fitted = autoencoder(max_epochs=20).fit(X)
    before, codes = pickle.loads(pickle.dumps(fitted)), fitted.transform(X)
    started = joint(encoder=FrozenEstimator(fitted), max_epochs=1).fit(X, labels)
    assert_equal_weights(fitted.net_.module_, before.net_.module_)
    np.testing.assert_array_equal(fitted.transform(X), codes)
    assert not np.array_equal(started.transform(X), codes)
    anew = joint(max_epochs=1, linear_path=False).fit(X, labels)
    loss = "train_reconstruction_loss"
    assert started.history_[0][loss] < anew.history_[0][loss]


def test_the_scaling_is_that_of_the_fitted_encoder(joint, autoencoder, table, labels):
    """Means and scales are copied, not fitted to the new rows."""
    fitted = autoencoder().fit(table)
    estimator = joint(encoder=FrozenEstimator(fitted), scaling=None).fit(5 * table + 1, labels)
    here, there = estimator.net_.module_.layout, fitted.net_.module_.layout
    assert torch.equal(here.mean, there.mean)
    assert torch.equal(here.scale, there.scale)


def test_precision_is_that_of_the_new_estimator(joint, autoencoder, X, labels):
    """An encoder fitted in double precision goes on in single precision, and back."""
    for there, here in (("float64", "float32"), ("float32", "float64")):
        fitted = autoencoder(precision=there).fit(X)
        estimator = joint(encoder=FrozenEstimator(fitted), freeze_encoder=True, precision=here)
        codes = estimator.fit(X, labels).transform(X)
        assert codes.dtype == here
        np.testing.assert_allclose(codes, fitted.transform(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "parameters"), [("autoencoder", {}), ("detector", {"support_fraction": 1})]
)
def test_every_autoencoder_may_start_from_a_fitted_one(
    request, autoencoder, table, kind, parameters
):
    """The first epoch's loss is about the last one of the fitted autoencoder, not that of noise."""
    fitted = autoencoder(max_epochs=60, lr=0.01, shrinkage=0).fit(table)
    factory = request.getfixturevalue(kind)
    started = factory(encoder=FrozenEstimator(fitted), lr=1e-5, **parameters).fit(table)
    assert started.loss_curve_[0] == pytest.approx(fitted.loss_curve_[-1], rel=0.05)


def test_a_joint_estimator_hands_its_encoder_on(classifier, regressor, table, labels, targets):
    """The encoder of a classifier may start a regressor: what was fitted need not be alone."""
    fitted = classifier().fit(table, labels)
    estimator = regressor(encoder=FrozenEstimator(fitted), freeze_encoder=True)
    codes = estimator.fit(table, targets).transform(table)
    np.testing.assert_array_equal(codes, fitted.transform(table))


def test_a_frozen_encoder_survives_clones_and_searches(classifier, autoencoder, table, labels):
    """clone keeps the fitted encoder; GridSearchCV fits on every fold with it."""
    fitted = autoencoder().fit(table)
    estimator = classifier(encoder=FrozenEstimator(fitted), freeze_encoder=True)
    codes = clone(estimator).fit(table[:20], labels[:20]).transform(table)
    np.testing.assert_array_equal(codes, fitted.transform(table))
    grid = {"dense_units": [4, 8], "backend_input": ["code", "features"]}
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(table, labels)
    np.testing.assert_array_equal(search.transform(table), fitted.transform(table))
    copied = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(copied.transform(table), fitted.transform(table))


def test_a_search_chooses_among_fitted_encoders(classifier, autoencoder, table, labels):
    """Encoders are values of a grid as any other, names included."""
    encoders = [FrozenEstimator(autoencoder(random_state=seed).fit(table)) for seed in (0, 1)]
    search = GridSearchCV(classifier(), {"encoder": ["auto", *encoders]}, cv=2, error_score="raise")
    assert np.isfinite(search.fit(table, labels).cv_results_["mean_test_score"]).all()


def test_the_display_shows_the_fitted_encoder(classifier, autoencoder, table, labels):
    """repr and the HTML display work with an estimator among the parameters."""
    estimator = classifier(encoder=FrozenEstimator(autoencoder().fit(table))).fit(table, labels)
    assert "FrozenEstimator" in repr(estimator)
    assert "FrozenEstimator" in estimator._repr_html_()


# -- errors -----------------------------------------------------------------------------------


def check_raises(estimator, X, y, message):
    """fit raises the error and leaves the unfitted estimator as it was."""
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert vars(estimator) == before


def test_an_encoder_of_random_weights_is_not_frozen(joint, table, labels):
    """freeze_encoder=True asks for pretraining or a fitted encoder."""
    message = "freeze_encoder=True would freeze.*pretrain_epochs.*FrozenEstimator"
    check_raises(joint(freeze_encoder=True), table, labels, message)


@pytest.mark.parametrize("value", [-1, 1.5, "all"])
def test_pretrain_epochs_out_of_range_are_refused(joint, table, labels, value):
    """pretrain_epochs is an integer of 0 or more."""
    check_raises(joint(pretrain_epochs=value), table, labels, "'pretrain_epochs' parameter of")


def test_samples_of_another_shape_are_refused(joint, autoencoder, images, labels):
    """The error names both shapes, and sample_shape as a remedy, which works."""
    fitted = FrozenEstimator(autoencoder().fit(images))
    message = r"fitted on samples of shape \(6, 5\), but X has samples of shape \(30,\).*sample_sh"
    check_raises(joint(encoder=fitted), images.reshape(40, -1), labels, message)
    estimator = joint(encoder=fitted, sample_shape=(6, 5)).fit(images.reshape(40, -1), labels)
    assert estimator.sample_shape_ == (6, 5)


def test_codes_of_another_width_are_refused(joint, autoencoder, table, labels):
    """The error names both widths, and what to pass."""
    fitted = FrozenEstimator(autoencoder(encoding_dim=2).fit(table))
    message = "encoding_dim=3, but the fitted encoder has codes of 2. Pass encoding_dim=2"
    check_raises(joint(encoder=fitted), table, labels, message)


def test_an_encoder_that_was_not_fitted_is_refused(joint, table, labels):
    """An unfitted transformer is nothing to start from."""
    estimator = joint(encoder=FrozenEstimator(AutoencoderTransformer()))
    check_raises(estimator, table, labels, "must hold a fitted AutoencoderTransformer")


def test_what_is_no_autoencoder_is_refused(joint, cnn_classifier, variational, table, labels):
    """A fitted scaler, a convolutional network or a variational autoencoder has no such encoder."""
    from sklearn.preprocessing import StandardScaler

    for other in (StandardScaler(), cnn_classifier(), variational()):
        estimator = joint(encoder=FrozenEstimator(other.fit(table, labels)))
        check_raises(estimator, table, labels, "must hold a fitted AutoencoderTransformer")


def test_a_fitted_encoder_that_is_not_frozen_is_refused(joint, autoencoder, table, labels):
    """A bare transformer would be cloned, and its weights lost: FrozenEstimator is asked for."""
    estimator = joint(encoder=autoencoder().fit(table))
    check_raises(estimator, table, labels, "'encoder' parameter of .*FrozenEstimator")


def test_a_decoder_of_probabilities_is_no_decoder_of_numbers(joint, autoencoder, images, labels):
    """An encoder fitted with the binary cross-entropy goes on with it, or not at all."""
    X = images / 255
    fitted = FrozenEstimator(autoencoder(reconstruction_loss="bce").fit(X))
    check_raises(joint(encoder=fitted), X, labels, "Pass reconstruction_loss='bce'")
    same = joint(encoder=fitted, reconstruction_loss="bce", freeze_encoder=True).fit(X, labels)
    np.testing.assert_array_equal(same.reconstruct(X), fitted.estimator.reconstruct(X))


def test_a_variational_autoencoder_starts_from_nothing(variational, autoencoder, table):
    """A code that is a point is no distribution: FrozenEstimator is refused."""
    estimator = variational(encoder=FrozenEstimator(autoencoder().fit(table)))
    check_raises(estimator, table, None, "'encoder' parameter of Variational")
