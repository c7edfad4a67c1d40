"""What tells classes and rows apart by default is kept, and a fit that learned nothing says so."""

import warnings

import numpy as np
import pytest
from sklearn.base import RegressorMixin
from sklearn.datasets import load_digits, make_blobs, make_moons, make_swiss_roll
from sklearn.exceptions import ConvergenceWarning

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)

# -- levels -----------------------------------------------------------------------------------


def of_a_level(shape, n=120, n_classes=2, dtype=float, seed=0, step=0.6):
    """Samples of noise whose mean tells their class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    level = y.reshape(n, *(1 for _ in shape))
    X = rng.normal(size=(n, *shape)) + step * level
    if dtype == np.uint8:
        X = (40 + 80 * level + 5 * rng.normal(size=(n, *shape))).clip(0, 255)
    return X.astype(dtype), y


def of_a_contrast(shape, n=120, seed=0):
    """Samples of noise whose contrast tells their class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return rng.normal(size=(n, *shape)) * (1 + y.reshape(n, *(1 for _ in shape))), y


@pytest.mark.parametrize(
    ("factory", "kind"),
    [
        (CNNClassifier, "level"),
        (CNNClassifier, "contrast"),
        (CNNClassifier, "grey levels"),
        (AECNNClassifier, "level"),
    ],
)
def test_defaults_keep_what_tells_the_class(factory, kind):
    """Images told apart by brightness or contrast alone are told apart by default."""
    shape = (8, 8)
    make = {
        "level": lambda seed: of_a_level(shape, seed=seed),
        "contrast": lambda seed: of_a_contrast(shape, seed=seed),
        "grey levels": lambda seed: of_a_level(shape, n_classes=3, dtype=np.uint8, seed=seed),
    }[kind]
    X, y = make(0)
    new, right = make(1)
    model = factory(max_epochs=10, random_state=0).fit(X, y)
    without = factory(max_epochs=10, random_state=0, augmentation=None).fit(X, y)
    assert model.score(new, right) >= without.score(new, right) - 0.02


def test_windows_of_channels_in_time_keep_their_level():
    """Windows of (time, channels) whose level tells the class are told apart by default."""
    X, y = of_a_level((32, 6), n=160, step=0.4)
    new, right = of_a_level((32, 6), n=160, step=0.4, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a shape that looks like a sequence
        model = CNNClassifier(max_epochs=10, random_state=0).fit(X, y)
    as_sequence = CNNClassifier(max_epochs=10, channel_axis=-1, random_state=0).fit(X, y)
    assert model.score(new, right) >= as_sequence.score(new, right) - 0.05


def test_digits_are_learned_as_well_as_without_augmentation():
    """Where the level does not tell the class, the default is as good as without augmentation."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    model = CNNClassifier(max_epochs=5, random_state=0).fit(X[:600], y[:600])
    without = CNNClassifier(max_epochs=5, random_state=0, augmentation=None)
    least = without.fit(X[:600], y[:600]).score(X[600:], y[600:]) - 0.01
    assert model.score(X[600:], y[600:]) >= least


FACTORIES = [
    AutoencoderTransformer,
    VariationalAutoencoderTransformer,
    AutoencoderOutlierDetector,
    AECNNClassifier,
    AECNNRegressor,
    CNNClassifier,
    CNNRegressor,
]
# shape of the samples -> the value of ``channel_axis`` that is probably meant
LOOKS_LIKE = {
    "channels first, colours": ((3, 32, 32), 0),
    "channels first, grey": ((1, 24, 24), 0),
    "sequence, channels first": ((1, 40), 0),
    "sequence, channels last": ((40, 1), -1),
    "sequence of channels": ((64, 6), -1),
}


def odd(factory, shape, **parameters):
    """An estimator, and six samples of a shape with their classes."""
    X = np.random.default_rng(0).normal(size=(6, *shape))
    return factory(max_epochs=1, random_state=0, **parameters), X, np.arange(6) % 2


@pytest.mark.parametrize("kind", LOOKS_LIKE)
@pytest.mark.parametrize("factory", [CNNClassifier, AutoencoderOutlierDetector])
def test_a_shape_that_looks_like_another_layout_warns(factory, kind):
    """The warning names the shape and the value of ``channel_axis`` to pass."""
    shape, axis = LOOKS_LIKE[kind]
    estimator, X, y = odd(factory, shape)
    with pytest.warns(UserWarning, match=rf"channel_axis={axis}"):
        estimator.fit(X, y)


@pytest.mark.parametrize("kind", LOOKS_LIKE)
def test_a_layout_that_is_said_does_not_warn(kind):
    """With ``channel_axis`` given, whatever it is, there is no warning."""
    shape, axis = LOOKS_LIKE[kind]
    for given in (axis, None):
        if given is None and len(shape) == 3 and shape[0] == 3:
            continue
        estimator, X, y = odd(CNNClassifier, shape, channel_axis=given)
        estimator.fit(X, y)


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (6, 5), (32, 32, 3), (24, 24, 1), (20, 30)])
@pytest.mark.parametrize("factory", [CNNClassifier, AutoencoderTransformer])
def test_images_do_not_warn(factory, shape):
    """Images, grey or channels last, are what they look like."""
    estimator, X, y = odd(factory, shape)
    estimator.fit(X, y)


def test_the_warning_is_given_once_per_fit():
    """``partial_fit``, ``predict`` and warm starts do not repeat the warning."""
    estimator, X, y = odd(CNNClassifier, (64, 6), warm_start=True)
    with pytest.warns(UserWarning, match="channel_axis") as caught:
        estimator.fit(X, y)
    assert len(caught) == 1
    estimator.partial_fit(X, y).fit(X, y).predict(X)


# -- what variational autoencoders learn ------------------------------------------------------


NARROW_TABLES = {
    "moons": make_moons(400, noise=0.05, random_state=0)[0],
    "swiss roll": make_swiss_roll(400, random_state=0)[0],
    "blobs": make_blobs(400, centers=3, n_features=2, random_state=0)[0],
}


@pytest.mark.parametrize("name", NARROW_TABLES)
def test_the_default_variational_autoencoder_learns_narrow_tables(name):
    """With 32 units by default, a table of few columns is reconstructed as with few units."""
    X = NARROW_TABLES[name]
    assert VariationalAutoencoderTransformer(random_state=0).fit(X).score(X) > 0.8


@pytest.mark.parametrize("encoding_dim", [2, 8])
def test_more_units_than_needed_do_no_harm(encoding_dim):
    """A variational autoencoder with units to spare reconstructs two moons as one with two."""
    X = NARROW_TABLES["moons"]
    model = VariationalAutoencoderTransformer(encoding_dim, max_epochs=60, random_state=0).fit(X)
    assert model.score(X) > 0.8


# -- fits that learned nothing ----------------------------------------------------------------


@pytest.fixture
def noise_free():
    """Rows on a plane, and classes by a line."""
    X = np.random.default_rng(0).normal(size=(80, 2)) @ [[1.0, 2, 0, 1], [0, 1, 1, -1]]
    return X, (X[:, 0] > 0).astype(int)


class Zero:
    """An activation without a gradient."""

    def __call__(self, x):
        return 0 * x


COLLAPSED = {
    "dead layers": (
        AutoencoderTransformer,
        {"encoder": "dense", "activation": Zero(), "code_activation": Zero()},
    ),
    "too high a rate": (
        AutoencoderTransformer,
        {"linear_path": False, "lr": 1.0, "batch_size": 8, "max_epochs": 10},
    ),
    "all prior": (VariationalAutoencoderTransformer, {"beta": 1e4}),
    "dead classifier": (
        CNNClassifier,
        {"activation": Zero(), "max_epochs": 50, "linear_path": False},
    ),
    "dead regressor": (
        CNNRegressor,
        {"activation": Zero(), "max_epochs": 50, "linear_path": False},
    ),
}


@pytest.mark.parametrize("kind", COLLAPSED)
def test_a_fit_no_better_than_a_constant_warns(noise_free, kind):
    """Where the last losses are no lower than those of constants, a warning says what to try."""
    factory, parameters = COLLAPSED[kind]
    X, y = noise_free
    estimator = factory(random_state=0, **parameters)
    with pytest.warns(ConvergenceWarning, match="no better"):
        estimator.fit(X, y)


@pytest.mark.parametrize(
    "factory",
    [AutoencoderTransformer, CNNRegressor, VariationalAutoencoderTransformer],
)
def test_a_fit_that_learned_does_not_warn(noise_free, factory):
    """A fit with default parameters on rows with something to learn is silent."""
    factory(random_state=0).fit(*noise_free)


@pytest.mark.parametrize("factory", [AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor])
@pytest.mark.parametrize("seed", range(4))
def test_a_fit_that_learned_a_little_does_not_warn(factory, seed):
    """The samples that a constant is compared on are the same, however rare large targets are."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(1_000, 3))
    chance = 1 / (1 + np.exp(3 - X[:, 0]))
    y = random.uniform(size=1_000) < chance
    if issubclass(factory, RegressorMixin):
        y = np.exp(0.6 * X[:, 0] + random.normal(size=1_000))
    factory(random_state=0).fit(X, y)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e6 + 0.1, 7.3e-5])
def test_a_constant_target_does_not_warn(value):
    """Nor does one whose mean is not the value itself, for rounding."""
    X = np.random.default_rng(0).normal(size=(333, 3))
    CNNRegressor(random_state=0, max_epochs=30).fit(X, np.full(333, value))


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_fit_of_a_few_steps_does_not_warn(factory):
    """One epoch, one row, or rows that are all alike are no collapse."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    factory(max_epochs=1, random_state=0).fit(X, np.arange(40) % 2)
    factory(random_state=0, max_epochs=5).fit(np.ones((10, 3)), np.arange(10) % 2)


@pytest.mark.parametrize("factory", FACTORIES)
def test_the_first_calls_of_partial_fit_do_not_warn(factory):
    """A stream has time to learn."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    estimator = factory(random_state=0)
    classes = {"classes": [0, 1]} if hasattr(estimator, "predict_proba") else {}
    for _ in range(3):
        estimator.partial_fit(X, np.arange(40) % 2, **classes)
