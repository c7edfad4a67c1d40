"""Custom networks in place of an encoder, a decoder or a back end."""

import pickle
from functools import partial
from math import prod

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn


class Encoder(nn.Module):
    """Any shape to a code, with dropout."""

    def __init__(self, in_shape, encoding_dim, width=6):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(prod(in_shape), width), nn.Tanh(), nn.Dropout(0.2)
        )
        self.head = nn.Linear(width, encoding_dim)

    def forward(self, x):
        return self.head(self.body(x))


class EncoderWithFeatures(Encoder):
    """The same, which shows the back end its hidden layer."""

    feature_shape = (6,)

    def features(self, x):
        return self.body(x)

    def code(self, features):
        return self.head(features)


class Decoder(nn.Module):
    """A code back to any shape."""

    def __init__(self, encoding_dim, out_shape):
        super().__init__()
        self.linear, self.out_shape = nn.Linear(encoding_dim, prod(out_shape)), out_shape

    def forward(self, code):
        return self.linear(code).view(len(code), *self.out_shape)


class Backend(nn.Module):
    """Any shape to predictions, through a normalisation of torch's own."""

    def __init__(self, in_shape, n_outputs):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(prod(in_shape), 8), nn.BatchNorm1d(8), nn.ReLU()
        )
        self.output = nn.Linear(8, n_outputs)

    def forward(self, x):
        return self.output(self.body(x))


def encoder(in_shape, encoding_dim):
    return Encoder(in_shape, encoding_dim)


def decoder(encoding_dim, out_shape):
    return Decoder(encoding_dim, out_shape)


def backend(in_shape, n_outputs):
    return Backend(in_shape, n_outputs)


CUSTOM = {
    "class": {"encoder": Encoder, "decoder": Decoder, "backend": Backend},
    "function": {"encoder": encoder, "decoder": decoder, "backend": backend},
    "partial": {
        "encoder": partial(Encoder, width=5),
        "decoder": partial(Decoder),
        "backend": partial(Backend),
    },
    "class with features": {
        "encoder": EncoderWithFeatures,
        "decoder": Decoder,
        "backend": Backend,
    },
}


CODERS = ["autoencoder", "variational", "detector", "classifier", "regressor"]
EVERY = [*CODERS, "cnn_classifier", "cnn_regressor"]


# every estimator with one kind of part, and one estimator with the other kinds
@pytest.fixture(
    params=[*((one, "class") for one in EVERY), *(("classifier", kind) for kind in [*CUSTOM][1:])],
    ids=", ".join,
)
def custom(request):
    """A factory of small estimators with custom networks."""
    name, kind = request.param
    factory = request.getfixturevalue(name)
    return partial(factory, **parts_of(factory, CUSTOM[kind]))


def parts_of(factory, custom):
    """Those of the user's parts that an estimator takes."""
    return {name: part for name, part in custom.items() if name in factory().get_params()}


def answer(estimator, X):
    """What there is to say about rows."""
    methods = [m for m in ("transform", "predict", "score_samples") if hasattr(estimator, m)]
    return np.column_stack([getattr(estimator, method)(X) for method in methods])


@pytest.mark.parametrize(
    ("custom", "data", "precision"),
    [
        ("class", "table", "float32"),
        ("function", "images", "float64"),
        ("partial", "table", "float64"),
        ("class with features", "images", "float32"),
    ],
)
def test_custom_networks_train(every, request, labels, custom, data, precision):
    """Classes, functions and partials serve every estimator, on rows and on images."""
    X, parts = request.getfixturevalue(data), parts_of(every, CUSTOM[custom])
    estimator = every(**parts, precision=precision, max_epochs=40, lr=0.01)
    estimator.fit(X, labels)
    assert min(estimator.loss_curve_) < estimator.loss_curve_[0]
    assert np.isfinite(answer(estimator, X)).all()


def test_each_part_may_be_the_users_own(every, images, labels):
    """One custom part goes with the package's others."""
    for name, part in parts_of(every, CUSTOM["class"]).items():
        assert np.isfinite(answer(every(**{name: part}).fit(images, labels), images)).all()


@pytest.mark.parametrize("backend_input", ["code", "features"])
def test_the_back_end_sees_the_features_of_the_custom_encoder(joint, table, labels, backend_input):
    """Features are what the encoder shows; where it shows none, they are the code."""
    for kind, width in ((Encoder, 3), (EncoderWithFeatures, 6)):
        estimator = joint(encoder=kind, backend=Backend, backend_input=backend_input)
        estimator.fit(table, labels)
        seen = estimator.net_.module_.backend.body[1].in_features
        assert seen == (3 if backend_input == "code" else width)


def test_the_encoder_of_a_variational_autoencoder_puts_out_two_numbers_a_unit(variational, table):
    """Means and deviations are asked for: twice the size of the code."""
    estimator = variational(encoder=Encoder).fit(table)
    assert estimator.encoder_.module.head.out_features == 6
    assert estimator.transform(table).shape == (40, 3)


def test_parts_are_called_with_the_documented_shapes(classifier, images, labels):
    """Encoder: (channels, *spatial) and a size; decoder: the reverse; back end: features, outputs.

    Sizes are plain integers, shapes tuples of them.
    """
    calls = {}

    def noting(name, part):
        def build(*given):
            calls[name] = given
            return part(*given)

        return build

    parts = {name: noting(name, part) for name, part in CUSTOM["class"].items()}
    classifier(**parts).fit(images, labels)
    assert calls == {"encoder": ((1, 6, 5), 3), "decoder": (3, (1, 6, 5)), "backend": ((3,), 2)}
    classifier(**parts, encoding_dim=4).fit(images.reshape(40, -1), np.arange(40) % 3)
    assert calls == {"encoder": ((30,), 4), "decoder": (4, (30,)), "backend": ((4,), 3)}


# -- as any other parameter -------------------------------------------------------------------


def test_a_seed_repeats_a_fit(custom, table, labels):
    """Parameters and dropout of custom networks are drawn from random_state."""
    first, second = (custom().fit(table, labels) for _ in range(2))
    np.testing.assert_array_equal(answer(first, table), answer(second, table))
    assert first.loss_curve_ == second.loss_curve_
    other = custom(random_state=1).fit(table, labels)
    assert first.loss_curve_ != other.loss_curve_


def test_the_global_stream_is_left_alone(custom, table, labels):
    """Neither does a fit move torch's global stream, nor does that stream change a fit."""
    state = torch.get_rng_state()
    expected = custom().fit(table, labels)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(123)
    again = custom().fit(table, labels)
    torch.set_rng_state(state)
    np.testing.assert_array_equal(answer(again, table), answer(expected, table))


def test_a_clone_fits_alike(custom, table, labels):
    """clone keeps the class or function itself."""
    estimator = custom().fit(table, labels)
    again = clone(estimator).fit(table, labels)
    np.testing.assert_array_equal(answer(again, table), answer(estimator, table))


def test_a_pickle_predicts_alike(custom, table, labels):
    """Networks whose classes stand in a module travel in a pickle, and learn on."""
    estimator = custom().fit(table, labels)
    estimator.set_saving(include_optimizer=True)
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(answer(copied, table), answer(estimator, table))
    estimator.partial_fit(table, labels), copied.partial_fit(table, labels)
    np.testing.assert_array_equal(answer(copied, table), answer(estimator, table))


def test_a_search_chooses_among_networks(classifier, table, labels):
    """Names and classes are values of a grid."""
    grid = {"encoder": ["auto", Encoder], "backend": ["cnn", Backend]}
    search = GridSearchCV(classifier(), grid, cv=2, error_score="raise").fit(table, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_custom_encoder_may_be_pretrained_and_frozen(classifier, autoencoder, images, labels):
    """Phases work with custom networks, frozen ones included."""
    from sklearn.frozen import FrozenEstimator

    parts = {"encoder": Encoder, "decoder": Decoder}
    staged = classifier(**parts, pretrain_epochs=2, freeze_encoder=True).fit(images, labels)
    alone = autoencoder(**parts).fit(images)
    np.testing.assert_array_equal(staged.transform(images), alone.transform(images))
    frozen = classifier(encoder=FrozenEstimator(alone), freeze_encoder=True).fit(images, labels)
    np.testing.assert_array_equal(frozen.transform(images), alone.transform(images))


def test_a_row_alone_is_a_row_among_others(coder, table, labels):
    """A row's code is the same wherever it stands, to the rounding of the user's layers."""
    estimator = coder(encoder=Encoder, decoder=Decoder).fit(table, labels)
    alone, among = estimator.transform(table[7:8]), estimator.transform(table)[7:8]
    np.testing.assert_allclose(alone, among, atol=1e-6)


# -- what cannot be used ----------------------------------------------------------------------


class Wide(nn.Module):
    """One number too many."""

    def __init__(self, given, wanted):
        super().__init__()
        self.given = given

    def forward(self, x):
        return torch.ones(len(x), 99)


class NotFinite(nn.Module):
    """The right shape, but no numbers."""

    def __init__(self, given, wanted):
        super().__init__()
        self.shape = (wanted,) if isinstance(wanted, int) else wanted

    def forward(self, x):
        return torch.full((len(x), *self.shape), torch.nan)


class Crashes(nn.Module):
    """Fails in its forward pass."""

    def __init__(self, given, wanted):
        super().__init__()

    def forward(self, x):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def no_module(given, wanted):
    return "a network"


@pytest.mark.parametrize("name", ["encoder", "decoder", "backend"])
@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Wide, r"=.*Wide.* returned a batch of shape \(2, 99\).*It must map a batch of shape"),
        (NotFinite, "=.*NotFinite.* returned values that are not finite"),
        (Crashes, "=.*Crashes.* fails on a batch of zeros .*mat1.*It must map a batch of shape"),
        (no_module, "=.*no_module.* returned str .*torch.nn.Module class"),
        (nn.Linear(5, 3), " must be a class, or a function.*an instance of Linear.*partial"),
        (3, " parameter of .* must be "),
        ("mlp", " parameter of .* must be "),
    ],
    ids=["shape", "NaN", "error", "no module", "instance", "number", "name"],
)
def test_what_cannot_be_used_is_refused(every, table, labels, name, part, message):
    """The error names the parameter, what it did and what was expected; nothing is changed."""
    if name not in every().get_params():
        return
    estimator = every(**{name: part})
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=f"{name}'?{message}"):
        estimator.fit(table, labels)
    assert vars(estimator) == before
