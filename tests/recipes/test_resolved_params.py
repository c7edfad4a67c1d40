"""``resolved_params_``: what every parameter that was left open became."""

import json
from math import prod

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from torch import nn

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)

CODER = {"encoding_dim": 3, "hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}
CNN = {"dense_units": 8, "max_epochs": 2, "random_state": 0}
ESTIMATORS = [
    AutoencoderTransformer(**CODER),
    VariationalAutoencoderTransformer(**CODER),
    AutoencoderOutlierDetector(**CODER),
    AECNNClassifier(**CODER),
    AECNNRegressor(**CODER),
    CNNClassifier(**CNN),
    CNNRegressor(**CNN),
]
CLASSIFIERS = [e for e in ESTIMATORS if "Classifier" in type(e).__name__]
PREDICTORS = [e for e in ESTIMATORS if type(e).__name__.startswith(("AECNN", "CNN"))]
CODERS = [e for e in ESTIMATORS if hasattr(e, "encoding_dim")]


def named(estimators):
    return [pytest.param(e, id=type(e).__name__) for e in estimators]


every = pytest.mark.parametrize("estimator", named(ESTIMATORS))


def one_unit():
    """60 rows of 12 columns whose ranges are alike."""
    return np.random.default_rng(0).normal(size=(60, 12)) * np.linspace(1, 3, 12), {}


def different_units():
    """240 rows of 6 columns in different units."""
    return np.random.default_rng(0).normal(size=(240, 6)) * np.logspace(0, 4, 6), {}


def small_images():
    """60 grey images of 8 by 10 pixels."""
    return np.random.default_rng(0).integers(0, 255, size=(60, 8, 10), dtype=np.uint8), {}


def sequences():
    """60 sequences of 16 positions with 2 channels."""
    return np.random.default_rng(0).normal(size=(60, 16, 2)), {"channel_axis": -1}


def sparse_table():
    """240 rows of 12 columns in different units, most of their values zero."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 12)) * np.logspace(0, 4, 12) * (rng.random((240, 12)) < 0.4)
    return csr_array(X), {}


DATA = [one_unit, different_units, small_images, sequences, sparse_table]
every_kind = pytest.mark.parametrize("data", DATA, ids=[data.__name__ for data in DATA])


def labels_of(X):
    return np.arange(X.shape[0]) % 2


def answer(estimator, X):
    """What there is to say about rows."""
    methods = ["transform", "predict_proba", "predict", "score_samples"]
    return np.column_stack([getattr(estimator, m)(X) for m in methods if hasattr(estimator, m)])


def json_round_trip(parameters):
    return json.loads(json.dumps(parameters))


def assert_resolved(fitted, X, y):
    """The resolved parameters hold no "auto", can be written as JSON, and repeat the fit."""
    resolved = fitted.resolved_params_
    assert set(resolved) <= set(fitted.get_params(deep=False))
    assert "auto" not in resolved.values()
    for parameters in (resolved, json_round_trip(resolved)):
        again = clone(fitted).set_params(**parameters).fit(X, y)
        assert again.loss_curve_ == fitted.loss_curve_
        np.testing.assert_array_equal(answer(again, X), answer(fitted, X))
        assert again.resolved_params_ == resolved
        assert json_round_trip(again.resolved_params_) == json_round_trip(resolved)


# -- a fit is repeated by them ----------------------------------------------------------------


@every
@every_kind
def test_resolved_parameters_repeat_the_fit(estimator, data):
    """A clone with what "auto" became is fitted to the same bits, after a trip through JSON too."""
    X, layout = data()
    y = labels_of(X)
    assert_resolved(clone(estimator).set_params(**layout).fit(X, y), X, y)


@every
def test_all_parameters_may_be_left_open(estimator):
    """Epochs, batch size and rate of "auto" are resolved as well."""
    X, _ = one_unit()
    X, y = X[:30, :4], labels_of(X[:30])
    fitted = clone(estimator).set_params(max_epochs="auto").fit(X, y)
    assert {"max_epochs", "batch_size", "lr", "device", "scaling"} <= set(fitted.resolved_params_)
    assert fitted.resolved_params_["max_epochs"] == 100 >= fitted.n_iter_
    assert fitted.resolved_params_["lr"] == fitted.net_.lr
    assert_resolved(fitted, X, y)


@every
@pytest.mark.parametrize("data", [different_units, small_images], ids=["table", "images"])
def test_early_stopping_is_repeated(estimator, data):
    """max_epochs stays the most there could be, where training stops before."""
    X, _ = data()
    parameters = {"early_stopping": True, "max_epochs": 6, "n_iter_no_change": 1, "lr": 0.05}
    fitted = clone(estimator).set_params(**parameters).fit(X, labels_of(X))
    assert fitted.resolved_params_["max_epochs"] == 6
    assert_resolved(fitted, X, labels_of(X))


@pytest.mark.parametrize("data", [different_units, small_images], ids=["table", "images"])
def test_fits_with_unlabeled_rows_are_repeated(data):
    """The epochs and the augmentation of unlabeled rows are resolved."""
    X, _ = data()
    y = np.where(np.arange(len(X)) < 30, labels_of(X), -1)
    fitted = AECNNClassifier(**CODER, unlabeled=-1).fit(X, y)
    assert_resolved(fitted, X, y)
    augmentation = {"translate": 0.075} if data is small_images else None
    assert fitted.resolved_params_["augmentation"] == augmentation


@pytest.mark.parametrize(
    "parameters",
    [
        {"backend_input": "code"},
        {"pretrain_epochs": 1, "freeze_encoder": True},
        {"reconstruction_weight": 0.0, "backend_input": "code"},
        {"n_bins": 4},
        {"augmentation": {"contrast": 0.5, "brightness": 0.2}},
        {"augmentation": [{"brightness": 0.2}, {"contrast": 0.5}]},
        {"precision": "float64"},
    ],
    ids=str,
)
@pytest.mark.parametrize("data", [different_units, one_unit], ids=["units", "one unit"])
def test_other_choices_are_kept(data, parameters):
    """What is given goes with what is resolved."""
    X, _ = data()
    fitted = AECNNClassifier(**CODER | parameters).fit(X, labels_of(X))
    assert_resolved(fitted, X, labels_of(X))


def test_a_transform_may_come_twice(classifier, images, labels):
    """A list of dicts that repeat a name is resolved to what repeats the fit."""
    X = images.repeat(2, axis=1).repeat(3, axis=2)
    augmentation = [{"translate": 0.2}, {"translate": 0.1}]
    assert_resolved(classifier(augmentation=augmentation).fit(X, labels), X, labels)


# -- what they say ----------------------------------------------------------------------------


def resolved(estimator, data, **parameters):
    X, layout = data()
    fitted = clone(estimator).set_params(**layout, **parameters).fit(X, labels_of(X))
    return fitted.resolved_params_


@pytest.mark.parametrize("estimator", named(CODERS))
def test_the_kind_of_encoder_is_told(estimator):
    """Convolutions over spatial axes, vectors elsewhere."""
    assert resolved(estimator, different_units)["encoder"] == "dense"
    assert resolved(estimator, one_unit)["encoder"] == "dense"
    assert resolved(estimator, small_images)["encoder"] == "conv"
    assert resolved(estimator, sequences)["encoder"] == "conv"


@pytest.mark.parametrize("estimator", named(PREDICTORS))
def test_the_bins_are_told(estimator):
    """Columns of 240 rows have four bins, of 60 rows one, which is none."""
    assert resolved(estimator, different_units)["n_bins"] == 4
    assert resolved(estimator, different_units, n_bins=5)["n_bins"] == 5
    assert resolved(estimator, different_units, n_bins=None)["n_bins"] is None
    assert resolved(estimator, one_unit)["n_bins"] == 1
    assert resolved(estimator, small_images)["n_bins"] is None


@every
def test_the_scaling_and_the_axis_are_told(estimator):
    """Columns in different units are scaled apart; the axis of the channels is counted from 0."""
    assert resolved(estimator, different_units)["scaling"] == "feature"
    assert resolved(estimator, one_unit)["scaling"] == "shared"
    assert resolved(estimator, small_images)["channel_axis"] is None
    assert resolved(estimator, sequences)["channel_axis"] == 1


@every
def test_the_sizes_of_convolutions_are_told(estimator):
    """Channels and kernels are told where there are convolutions, and left out elsewhere."""
    has_backend = not isinstance(estimator, tuple(type(e) for e in CODERS[:3]))
    has_encoder = hasattr(estimator, "encoding_dim")
    image, sequence, table = (resolved(estimator, d) for d in (small_images, sequences, one_unit))
    assert (image["kernel_size"], sequence["kernel_size"]) == (3, 7)
    assert image["conv_channels"] == ((16, 64) if has_encoder else (16, 64, 64))
    assert not {"kernel_size", "conv_channels", "backend_channels"} & set(table)
    assert image.get("backend_channels") == ((64,) if has_backend and has_encoder else None)


@pytest.mark.parametrize("estimator", named(CODERS[:3]))
def test_normalization_is_left_out_where_nothing_is_normalized(estimator):
    """Dense autoencoders have no normalisation, convolutional ones have."""
    assert resolved(estimator, small_images)["normalization"] == "batch"
    assert "normalization" not in resolved(estimator, one_unit)


@pytest.mark.parametrize("estimator", named(PREDICTORS))
def test_the_normalization_of_predictors_is_told(estimator):
    """Small tables are learned without normalisation, images with."""
    assert resolved(estimator, one_unit)["normalization"] is None
    assert resolved(estimator, small_images)["normalization"] == "batch"


def test_custom_networks_and_functions_are_left_out(classifier, images, labels):
    """What cannot be written as JSON keeps the value that it was given."""

    def linear(in_shape, n_outputs):
        return nn.Sequential(nn.Flatten(), nn.Linear(prod(in_shape), n_outputs))

    def halve(batch):
        return batch / 2

    fitted = classifier(backend=linear, augmentation=[halve, {"erase": 0.1}]).fit(images, labels)
    assert not {"backend", "augmentation"} & set(fitted.resolved_params_)
    assert_resolved(fitted, images, labels)


def test_what_a_fitted_encoder_was_made_with_is_not_resolved_again(classifier, autoencoder):
    """With a FrozenEstimator the parameters of the encoder are its own."""
    X, _ = different_units()
    encoder = FrozenEstimator(autoencoder(encoder="dense").fit(X))
    fitted = classifier(encoder=encoder).fit(X, labels_of(X))
    assert not {"encoder", "conv_channels", "scaling"} & set(fitted.resolved_params_)
    again = clone(fitted).set_params(**fitted.resolved_params_).fit(X, labels_of(X))
    np.testing.assert_array_equal(answer(again, X), answer(fitted, X))


# -- in parts ---------------------------------------------------------------------------------

OF_THE_NETWORK = ("encoder", "conv_channels", "kernel_size", "normalization", "n_bins", "scaling")


def of_the_network(parameters):
    return {name: parameters[name] for name in OF_THE_NETWORK if name in parameters}


@every
@pytest.mark.parametrize("data", [different_units, small_images], ids=["table", "images"])
def test_partial_fit_keeps_what_the_network_was_built_with(estimator, data):
    """The first part resolves the network; later ones tell of their own training."""
    X, _ = data()
    y, classes = labels_of(X), {}
    if hasattr(estimator, "predict_proba"):
        classes = {"classes": [0, 1]}
    fitted = clone(estimator).partial_fit(X, y, **classes)
    first = fitted.resolved_params_
    assert first["max_epochs"] == 1
    second = fitted.partial_fit(X[:20], y[:20]).resolved_params_
    assert of_the_network(second) == of_the_network(first)
    assert set(second) == set(first)
    assert "auto" not in second.values()
    assert json_round_trip(second).keys() == second.keys()


@every
def test_a_warm_start_tells_how_it_was_trained_last(estimator):
    """Parameters of training are those of the last call, parameters of the network stay."""
    X, _ = different_units()
    fitted = clone(estimator).set_params(warm_start=True).fit(X, labels_of(X))
    first = fitted.resolved_params_
    fitted.set_params(lr=1e-4, batch_size=50, max_epochs=1)
    second = fitted.fit(X[:30], labels_of(X[:30])).resolved_params_
    changed = {"lr": 1e-4, "batch_size": 50, "max_epochs": 1}
    assert second == first | changed
    assert first != second


@every
def test_a_refit_resolves_anew(estimator):
    """Without warm_start nothing is left of the fit before."""
    (X, _), (images, _) = different_units(), small_images()
    once = clone(estimator).fit(images, labels_of(images))
    twice = clone(estimator).fit(X, labels_of(X)).fit(images, labels_of(images))
    assert twice.resolved_params_ == once.resolved_params_
