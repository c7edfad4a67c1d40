"""CNNClassifier and CNNRegressor: the convolutional network by itself, and behind others."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_aecnn import AutoencoderTransformer, CNNClassifier


@pytest.fixture(params=["cnn_classifier", "cnn_regressor"])
def cnn(request):
    """A factory of each small convolutional network."""
    return request.getfixturevalue(request.param)


def layers(module, in_shape):
    """The layers of a network in the order they are called, but for those that do nothing."""
    called, hooks = [], []
    for leaf in module.modules():
        if not list(leaf.children()) and not isinstance(leaf, nn.Identity):
            hooks.append(leaf.register_forward_hook(lambda m, *_: called.append(m)))
    with torch.no_grad():
        module.eval()(torch.zeros(2, *in_shape))
    for hook in hooks:
        hook.remove()
    return [describe(layer) for layer in called if getattr(layer, "p", 1) != 0]


def describe(layer):
    if isinstance(layer, nn.Conv2d):
        return ("conv", layer.in_channels, layer.out_channels, layer.kernel_size)
    if isinstance(layer, nn.MaxPool2d):
        return ("max pool", layer.kernel_size)
    if isinstance(layer, nn.Linear):
        return ("linear", layer.in_features, layer.out_features)
    return type(layer).__name__


# -- the networks of the article --------------------------------------------------------------


def test_the_network_of_the_article_layer_for_layer():
    """conv_channels=(32, 64), normalization=None on 28 x 28 pixels is the article's network."""
    X = np.random.default_rng(0).normal(size=(20, 28, 28))
    estimator = CNNClassifier(conv_channels=(32, 64), normalization=None, max_epochs=1)
    backend = estimator.fit(X, np.arange(20) % 10).net_.module_.backend
    assert layers(backend, (1, 28, 28)) == [
        ("conv", 1, 32, (3, 3)),
        ("max pool", (2, 2)),
        "ReLU",
        ("conv", 32, 64, (3, 3)),
        ("max pool", (2, 2)),
        "ReLU",
        ("linear", 3136, 128),
        "ReLU",
        ("linear", 128, 10),
    ]


@pytest.mark.parametrize("shape", [(784,), (28, 28)])
def test_the_autoencoder_of_the_article_layer_for_layer(shape):
    """hidden_layer_sizes=(64, 32) on 784 pixels is 784-64-32-code-32-64-784."""
    X = np.random.default_rng(0).normal(size=(6, *shape))
    estimator = AutoencoderTransformer(
        16, hidden_layer_sizes=(64, 32), encoder="dense", linear_path=False, max_epochs=1
    ).fit(X)
    sizes = [("linear", 784, 64), ("linear", 64, 32), ("linear", 32, 16)]
    back = [("linear", 16, 32), ("linear", 32, 64), ("linear", 64, 784)]
    encoder, decoder = layers(estimator.encoder_, (784,)), layers(estimator.decoder_, (16,))
    assert [layer for layer in encoder if layer != "ReLU"] == sizes
    assert [layer for layer in decoder if layer != "ReLU"] == back
    assert encoder.count("ReLU") == decoder.count("ReLU") == 2


# -- samples of every shape -------------------------------------------------------------------

GEOMETRIES = {
    "table": ((5,), "auto"),
    "grey": ((6, 5), "auto"),
    "colour": ((6, 5, 3), "auto"),
    "sequence": ((9, 2), -1),
    "sequence of single values": ((9,), None),
    "volume": ((3, 4, 5, 2), "auto"),
    "one pixel": ((1, 1), "auto"),
}


@pytest.mark.parametrize(("shape", "axis"), GEOMETRIES.values(), ids=GEOMETRIES)
def test_samples_of_every_shape_are_told_apart(cnn, labels, shape, axis):
    """Tables, sequences, images and volumes are learnt, with default stages too."""
    X = np.random.default_rng(0).normal(size=(40, *shape)) + 3 * labels.reshape(
        -1, *[1] * len(shape)
    )
    estimator = cnn(channel_axis=axis, conv_channels="auto", max_epochs=30, lr=0.01).fit(X, labels)
    assert estimator.score(X, labels) > 0.8
    assert estimator.sample_shape_ == shape


@pytest.mark.parametrize(("shape", "axis"), GEOMETRIES.values(), ids=GEOMETRIES)
def test_kernels_are_wide_over_sequences_alone(cnn, labels, shape, axis):
    """kernel_size="auto" is 7 along a single spatial axis and 3 along several, or none."""
    X = np.random.default_rng(0).normal(size=(40, *shape))
    estimator = cnn(channel_axis=axis, backend="cnn").fit(X, labels)
    kernels = {m.kernel_size for m in estimator.net_.module_.modules() if hasattr(m, "in_channels")}
    n_axes = len(estimator._geometry.spatial)
    assert kernels == {(7 if n_axes == 1 else 3,) * max(n_axes, 1)}


@pytest.mark.parametrize(("shape", "axis"), GEOMETRIES.values(), ids=GEOMETRIES)
def test_flat_rows_and_samples_are_the_same(cnn, labels, shape, axis):
    """Rows with sample_shape and n-dimensional samples fit and predict alike."""
    X = np.random.default_rng(0).normal(size=(40, *shape))
    flat = X.reshape(40, -1)
    expected = cnn(channel_axis=axis).fit(X, labels)
    on_rows = cnn(channel_axis=axis, sample_shape=shape).fit(flat, labels)
    np.testing.assert_array_equal(on_rows.predict(flat), expected.predict(X))
    np.testing.assert_array_equal(expected.predict(flat), expected.predict(X))


def test_a_row_alone_is_a_row_among_others(cnn_regressor, images, labels, assert_rows_alike):
    """A row's prediction does not depend on the rows that come with it."""
    estimator = cnn_regressor().fit(images, labels)
    assert_rows_alike(estimator.predict(images[7:8]), estimator.predict(images)[7:8])


def test_the_stages_are_those_asked_for(cnn_classifier, images, labels):
    """conv_channels, kernel_size, dense_units and activation are those of the network."""
    estimator = cnn_classifier(
        conv_channels=(3, 5),
        kernel_size=5,
        dense_units=7,
        activation="tanh",
        normalization=None,
    ).fit(images, labels)
    assert layers(estimator.net_.module_.backend, (1, 6, 5)) == [
        ("conv", 1, 3, (5, 5)),
        ("max pool", (2, 2)),
        "Tanh",
        ("conv", 3, 5, (5, 5)),
        ("max pool", (2, 2)),
        "Tanh",
        ("linear", 5 * 2 * 2, 7),
        "Tanh",
        ("linear", 7, 2),
    ]


def test_default_stages_are_those_of_encoder_and_back_end(cnn_classifier, images, labels):
    """conv_channels="auto" takes the joint encoder's stages and one of 64 channels more."""
    backend = cnn_classifier(conv_channels="auto").fit(images, labels).net_.module_.backend
    convs = [m.out_channels for m in backend.modules() if isinstance(m, nn.Conv2d)]
    assert convs == [16, 64, 64]


def test_a_network_of_its_own_is_the_joint_one_without_the_autoencoder(cnn_classifier):
    """A convolutional network has nothing that codes or reconstructs."""
    for name in ("transform", "reconstruct", "inverse_transform", "sample", "encoder_"):
        assert not hasattr(cnn_classifier(), name)


def test_a_seed_repeats_a_fit(cnn, images, labels):
    """The same random_state gives the same fit, dropout included; another one another."""
    first, second = (cnn(dropout=0.5, batch_size=7).fit(images, labels) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_
    other = cnn(dropout=0.5, batch_size=7, random_state=1).fit(images, labels)
    assert first.loss_curve_ != other.loss_curve_


def test_a_weight_of_two_is_a_row_twice(cnn_classifier, images, labels):
    """In one full batch a row of weight two is two equal rows."""
    times = 1 + np.arange(40) % 3
    parameters = {"precision": "float64", "batch_size": 1000, "normalization": None}
    weighted = cnn_classifier(**parameters).fit(images, labels, sample_weight=times)
    repeated = cnn_classifier(**parameters).fit(
        np.repeat(images, times, axis=0), np.repeat(labels, times)
    )
    np.testing.assert_allclose(
        weighted.predict_proba(images), repeated.predict_proba(images), rtol=1e-7
    )


def test_a_convolutional_network_warms_up_and_goes_on(cnn, images, labels):
    """warm_start and partial_fit go on from where training was."""
    estimator = cnn(warm_start=True).fit(images, labels)
    assert estimator.fit(images, labels).n_iter_ == 4
    assert estimator.partial_fit(images, labels).n_iter_ == 5


# -- behind a transformer ---------------------------------------------------------------------


def test_a_search_over_codes_in_front_of_the_network(autoencoder, cnn, images, labels):
    """AutoencoderTransformer, then a CNN on its codes: GridSearchCV tunes both."""
    pipe = Pipeline([("ae", autoencoder()), ("cnn", cnn())])
    grid = {"ae__encoding_dim": [2, 4], "cnn__conv_channels": [(4,), (4, 4)]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(images, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    codes = search.best_estimator_["ae"].transform(images)
    np.testing.assert_array_equal(
        search.predict(images), search.best_estimator_["cnn"].predict(codes)
    )


def test_one_after_the_other_by_hand(autoencoder, cnn, table, labels):
    """A pipeline of scaler, autoencoder and CNN is the three fitted one after the other."""
    pipe = make_pipeline(StandardScaler(), autoencoder(), cnn()).fit(table, labels)
    scaled = StandardScaler().fit_transform(table)
    codes = autoencoder().fit(scaled).transform(scaled)
    expected = cnn().fit(codes, labels).predict(codes)
    np.testing.assert_array_equal(pipe.predict(table), expected)


def test_a_scaler_and_the_network(cnn, table, labels):
    """A table behind StandardScaler is searched over as any other."""
    search = GridSearchCV(
        make_pipeline(StandardScaler(), cnn()),
        {f"{type(cnn()).__name__.lower()}__dense_units": [4, 8]},
        cv=2,
        error_score="raise",
    )
    assert search.fit(table, labels).predict(table).shape == (40,)


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"conv_channels": ()}, r"conv_channels=\(\) must be a sequence of at least 1"),
        ({"conv_channels": (0,)}, "conv_channels=.*integers, each 1 or more"),
        ({"conv_channels": "wide"}, "'conv_channels' parameter of"),
        ({"kernel_size": 4}, "kernel_size=4 must be odd.* pass 3 or 5"),
        ({"dense_units": 0}, "'dense_units' parameter of"),
        ({"dropout": 1.0}, "'dropout' parameter of"),
        ({"normalization": "layer"}, "'normalization' parameter of.*'batch'"),
        ({"backend": "mlp"}, "'backend' parameter of.*'cnn'"),
    ],
)
def test_parameters_out_of_range_are_refused(cnn, images, labels, parameters, message):
    """The error names the parameter, the value and what was expected; nothing is changed."""
    estimator = cnn(**parameters)
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.fit(images, labels)
    assert vars(estimator) == before


def test_an_unfitted_network_says_so(cnn, images):
    """predict of an unfitted network raises NotFittedError."""
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="instance is not fitted"):
        cnn().predict(images)
