"""The constructors that are made of parameter groups."""

import inspect
import typing

import numpy as np
import pytest
from sklearn.base import clone

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)

FIRST = {
    AutoencoderTransformer: "encoding_dim",
    VariationalAutoencoderTransformer: "encoding_dim",
    AutoencoderOutlierDetector: "encoding_dim",
    AECNNClassifier: "encoding_dim",
    AECNNRegressor: "encoding_dim",
    CNNClassifier: "conv_channels",
    CNNRegressor: "conv_channels",
}
every_class = pytest.mark.parametrize("cls", FIRST, ids=lambda cls: cls.__name__)
IN_ALL = {
    "sample_shape",
    "channel_axis",
    "scaling",
    "augmentation",
    "normalization",
    "max_epochs",
    "batch_size",
    "lr",
    "optimizer",
    "device",
    "random_state",
}


@every_class
def test_the_signature_shows_every_parameter(cls):
    """The first parameter may be positional, the others are keyword-only; all have defaults."""
    first, *others = inspect.signature(cls).parameters.values()
    assert first.name == FIRST[cls]
    assert first.kind is first.POSITIONAL_OR_KEYWORD
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in others)
    assert all(parameter.default is not parameter.empty for parameter in (first, *others))


@every_class
def test_parameters_of_the_signature_are_those_of_get_params(cls):
    """An estimator made without arguments has the defaults that the signature shows."""
    shown = {name: p.default for name, p in inspect.signature(cls).parameters.items()}
    assert cls().get_params(deep=False) == shown
    assert set(shown) >= IN_ALL


@every_class
def test_every_parameter_has_a_type(cls):
    """`typing.get_type_hints` resolves the annotations of the constructor."""
    hints = typing.get_type_hints(cls.__init__)
    assert set(inspect.signature(cls).parameters) <= set(hints)


@every_class
def test_the_first_parameter_may_be_positional(cls):
    """A number by itself is the first parameter; a second one is refused."""
    assert cls(7).get_params()[FIRST[cls]] == 7
    with pytest.raises(TypeError, match="positional argument"):
        cls(7, 8)


@every_class
def test_an_argument_that_is_no_parameter_is_refused(cls):
    """The error of the constructor names it."""
    with pytest.raises(TypeError, match="nonsense"):
        cls(nonsense=0)


@pytest.mark.parametrize("name", ["noise", "noise_level", "sparsity_weight"])
def test_parameters_of_denoising_belong_to_autoencoders_alone(name):
    """Predictors have no noise to choose, and no penalty on codes."""
    assert name in AutoencoderTransformer().get_params()
    assert name in AutoencoderOutlierDetector().get_params()
    for cls in (AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor):
        assert name not in cls().get_params()


@every_class
def test_a_constructor_only_stores(cls):
    """Nothing is checked, converted or added: clone finds the very objects."""
    names = list(inspect.signature(cls).parameters)
    values = {name: object() for name in names}
    estimator = cls(**values)
    assert vars(estimator) == values
    assert estimator.get_params(deep=False) == values


@every_class
def test_estimators_are_compared_by_identity(cls):
    """Two estimators of the same parameters are two, and may be keys of a dict."""
    one, other = cls(), cls()
    assert one == one
    assert one != other
    assert len({one, other, clone(one)}) == 3
    assert repr(one) == f"{cls.__name__}()"


def test_a_subclass_adds_its_parameters():
    """A user's subclass with a constructor of its own is cloned as any estimator."""

    class Mine(CNNClassifier):
        def __init__(self, conv_channels=(4,), *, extra=1, random_state=None):
            super().__init__(conv_channels, random_state=random_state)
            self.extra = extra

    copied = clone(Mine(extra=3))
    assert copied.extra == 3
    assert set(copied.get_params()) == {"conv_channels", "extra", "random_state"}


def test_a_subclass_may_leave_parameters_out():
    """Those that its constructor does not name have the values that it gives them."""

    class Mine(CNNClassifier):
        def __init__(self, *, random_state=None):
            super().__init__(lr=1e-4, random_state=random_state)

    X, y = np.eye(4), [0, 1, 0, 1]
    mine = Mine(random_state=0).partial_fit(X, y, classes=[0, 1])
    same = CNNClassifier(lr=1e-4, random_state=0).partial_fit(X, y, classes=[0, 1])
    np.testing.assert_array_equal(mine.predict_proba(X), same.predict_proba(X))


@every_class
def test_the_parameters_of_a_fit_are_those_of_get_params(cls):
    """A fit reads them without a look at the signature."""
    estimator = cls()
    assert estimator._parameters() == estimator.get_params(deep=False)
