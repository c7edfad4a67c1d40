"""Custom networks."""

import warnings
from functools import partial

import pytest
import torch
from torch import nn

from sk_aecnn.nn import CustomEncoder, Dropout, build_custom, set_generator


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def build(factory, name="encoder", in_shape=(2, 3), out_shape=(4,), seed=0, dtype=torch.float32):
    return build_custom(name, factory, in_shape, out_shape, dtype, stream(seed))


class Flat(nn.Sequential):
    """An encoder as a class."""

    def __init__(self, in_shape, encoding_dim):
        n_in = torch.Size(in_shape).numel()
        super().__init__(
            nn.Flatten(), nn.Linear(n_in, 5), nn.Dropout(0.5), nn.Linear(5, encoding_dim)
        )


class WithFeatures(nn.Module):
    """An encoder that names its features."""

    def __init__(self, in_shape, encoding_dim):
        super().__init__()
        self.feature_shape = [5, 2]
        self.hidden = nn.Linear(torch.Size(in_shape).numel(), 10)
        self.bottleneck = nn.Linear(10, encoding_dim)

    def features(self, x):
        return self.hidden(x.flatten(1)).unflatten(1, (5, 2))

    def code(self, features):
        return self.bottleneck(features.flatten(1))

    def forward(self, x):
        return self.code(self.features(x))


# -- what the factory is called with -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "in_shape", "out_shape", "expected"),
    [
        ("encoder", (2, 6, 5), (4,), ((2, 6, 5), 4)),
        ("encoder", (7,), (4,), ((7,), 4)),
        ("decoder", (4,), (2, 6, 5), (4, (2, 6, 5))),
        ("decoder", (4,), (7,), (4, (7,))),
        ("backend", (3, 2), (5,), ((3, 2), 5)),
        ("backend", (6,), (5,), ((6,), 5)),
    ],
)
def test_a_factory_is_called_with_its_shapes(name, in_shape, out_shape, expected):
    """Sizes of codes and outputs are integers, shapes of samples and features are tuples."""
    given = []

    def factory(*args):
        given.append(args)
        n_in, n_out = torch.Size(in_shape).numel(), torch.Size(out_shape).numel()
        return nn.Sequential(nn.Flatten(), nn.Linear(n_in, n_out), nn.Unflatten(1, out_shape))

    module = build(factory, name, in_shape, out_shape)
    assert given == [expected]
    assert module(torch.zeros(3, *in_shape)).shape == (3, *out_shape)


@pytest.mark.parametrize("factory", [Flat, lambda *shapes: Flat(*shapes), partial(Flat)])
def test_classes_and_functions_make_modules(factory):
    """A class, a function and a partial are called alike."""
    assert type(build(factory)) is Flat


def test_a_module_comes_back_ready_to_train():
    """After it was tried on zeros, a module is in training mode, without gradients."""
    module = build(Flat)
    assert all(part.training for part in module.modules())
    assert all(p.grad is None and p.requires_grad for p in module.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_module_has_the_precision_asked_for(dtype):
    """Parameters are converted after the constructor has drawn them."""
    assert {p.dtype for p in build(Flat, dtype=dtype).parameters()} == {dtype}


# -- random numbers ---------------------------------------------------------------------------


def test_weights_depend_on_the_generator_alone():
    """The same seed draws the same weights whatever the global stream, which is put back."""
    first = build(Flat)
    state = torch.get_rng_state()
    torch.rand(7)
    moved = torch.get_rng_state()
    second, other = build(Flat), build(Flat, seed=1)
    torch.testing.assert_close(torch.get_rng_state(), moved, rtol=0, atol=0)
    torch.set_rng_state(state)
    torch.testing.assert_close(second.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert not torch.equal(other[1].weight, first[1].weight)


def test_the_generator_moves_on():
    """Two modules built from one generator are different."""
    generator = stream()
    first, second = (
        build_custom("encoder", Flat, (6,), (4,), torch.float32, generator) for _ in range(2)
    )
    assert not torch.equal(first[1].weight, second[1].weight)


def test_the_global_stream_is_put_back_after_an_error():
    """A factory that raises leaves the global generator as it was; the error names it."""

    def fails(in_shape, encoding_dim):
        torch.rand(3)
        raise KeyError("no such layer")

    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"encoder=.*no such layer"):
        build(fails)
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)


def test_dropout_is_replaced_however_deep():
    """torch's dropout layers become the package's, with the same share, and draw no more."""

    def nested(in_shape, encoding_dim):
        return nn.Sequential(Flat(in_shape, encoding_dim), nn.Sequential(nn.Dropout(0.25)))

    module = build(nested)
    assert not any(type(part) is nn.Dropout for part in module.modules())
    assert [part.p for part in module.modules() if type(part) is Dropout] == [0.5, 0.25]
    state = torch.get_rng_state()
    set_generator(module, stream())
    module(torch.ones(3, 2, 3))
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)


def test_a_dropout_layer_may_be_used_twice():
    """One layer in two places is replaced in both."""

    def shared(in_shape, encoding_dim):
        dropout = nn.Dropout(0.5)
        return nn.Sequential(nn.Flatten(), dropout, nn.Linear(6, encoding_dim), dropout)

    module = build(shared)
    assert type(module[1]) is type(module[3]) is Dropout


# -- errors -----------------------------------------------------------------------------------


class Constant(nn.Module):
    """Puts out the same whatever comes in."""

    def __init__(self, in_shape, encoding_dim, output):
        super().__init__()
        self.output = output

    def forward(self, x):
        return self.output


@pytest.mark.parametrize("result", [None, 3, nn.ReLU, torch.relu])
def test_what_is_no_module_is_named(result):
    """The type of what the factory returned is named, and what it was called with."""
    with pytest.raises(ValueError, match=r"encoder=.*returned .* called with \(\(2, 3\), 4\)"):
        build(lambda in_shape, encoding_dim: result)


@pytest.mark.parametrize(
    "output", [torch.zeros(2, 5), torch.zeros(4), torch.zeros(2, 4, 1), (torch.zeros(2, 4),), None]
)
def test_a_wrong_shape_is_named(output):
    """The shape returned stands beside the one that is asked for."""
    shape = str(tuple(getattr(output, "shape", ()))).replace("(", r"\(").replace(")", r"\)")
    asked = r"must map a batch of shape \(2, 2, 3\) to one of shape \(2, 4\)"
    with pytest.raises(ValueError, match=f"shape {shape}. It {asked}"):
        build(partial(Constant, output=output))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_not_finite_are_refused(value):
    """A module that returns NaN for zeros is refused before it trains."""
    with pytest.raises(ValueError, match=r"(?s)decoder=.*not finite for a batch of zeros"):
        build(partial(Constant, output=torch.full((2, 3), value)), "decoder", (4,), (3,))


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: x @ torch.zeros(99, 4),
        lambda x: x["rows"],
        lambda x: x.view(5, 5, 5),
        lambda x: x[:, 7],
        lambda x: x.reshape(2),
        lambda x: int("seven"),
    ],
)
def test_a_module_that_fails_is_named(forward):
    """The error of a forward pass is told with the shapes that the module must map."""

    class Fails(nn.Module):
        def __init__(self, *shapes):
            super().__init__()

        def forward(self, x):
            return forward(x)

    with pytest.raises(ValueError, match=r"backend=.*fails on a batch of zeros") as caught:
        build(Fails, "backend")
    assert "It must map a batch of shape (2, 2, 3) to one of shape (2, 4)." in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_module_without_a_forward_is_named():
    """A module that maps nothing is refused."""
    with pytest.raises(ValueError, match="fails on a batch of zeros"):
        build(lambda *shapes: nn.Module())


def test_a_module_is_tried_without_a_warning():
    """Building a valid module warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(Flat)


# -- encoders ---------------------------------------------------------------------------------


def test_without_features_the_code_is_what_a_back_end_sees():
    """A plain module's features are its codes."""
    encoder, x = CustomEncoder(build(Flat), 4).eval(), torch.ones(3, 2, 3)
    assert encoder.feature_shape == (4,)
    assert not encoder.has_features
    torch.testing.assert_close(encoder(x), encoder.module(x), rtol=0, atol=0)
    torch.testing.assert_close(encoder.features(x), encoder(x), rtol=0, atol=0)
    torch.testing.assert_close(encoder.code(encoder.features(x)), encoder(x), rtol=0, atol=0)


def test_features_of_a_module_are_those_that_it_names():
    """A module with feature_shape, features and code has its features used."""
    encoder, x = CustomEncoder(build(WithFeatures), 4), torch.ones(3, 2, 3)
    assert encoder.has_features
    assert encoder.feature_shape == (5, 2)
    assert encoder.features(x).shape == (3, 5, 2)
    torch.testing.assert_close(encoder(x), encoder.module(x), rtol=0, atol=0)
    torch.testing.assert_close(encoder.code(encoder.features(x)), encoder(x), rtol=0, atol=0)


def test_half_of_the_contract_is_none_of_it():
    """A module with features alone is used as a whole."""
    module = build(WithFeatures)
    del module.feature_shape
    encoder, x = CustomEncoder(module, 4), torch.ones(3, 2, 3)
    assert encoder.feature_shape == (4,)
    torch.testing.assert_close(encoder.features(x), module(x), rtol=0, atol=0)
