"""Networks side by side do what they would do one after another."""

import pytest
import torch
from torch import nn

from sk_aecnn.nn import DenseEncoder, LinearMembers
from sk_aecnn.nn._backend import CNNBackend, DenseBackend
from sk_aecnn.nn._side_by_side import SeparateMembers, side_by_side


def make_networks(kind, activation="tanh"):
    """Return three networks from 6 numbers to 2."""
    makes = {
        "encoder": lambda: DenseEncoder(6, (5, 4), 2, activation),
        "shallow encoder": lambda: DenseEncoder(6, (), 2, activation),
        "back end": lambda: DenseBackend(6, 2, 4, activation=activation),
    }
    return [makes[kind]().double() for _ in range(3)]


@pytest.fixture
def rows():
    return torch.randn(3, 7, 6, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["encoder", "shallow encoder", "back end"])
def test_dense_networks_become_one(kind, training, rows):
    """Its outputs and its gradients are theirs."""
    networks = make_networks(kind)
    members = side_by_side(networks).train(training)
    assert not isinstance(members, SeparateMembers)
    expected = torch.stack(
        [network.train(training)(part) for network, part in zip(networks, rows, strict=True)]
    )
    outputs = members(rows)
    torch.testing.assert_close(outputs, expected)
    outputs.square().sum().backward()
    expected.square().sum().backward()
    for name, parameter in members.named_parameters():
        gradients = [network.get_parameter(name).grad for network in networks]
        torch.testing.assert_close(parameter.grad, torch.stack(gradients))


@pytest.mark.parametrize("activation", [nn.PReLU, lambda x: x.softmax(1)])
def test_other_activations_keep_networks_apart(activation, rows):
    """One with parameters is each member's own; a function may mean another axis."""
    networks = make_networks("encoder", activation)
    members = side_by_side(networks)
    assert isinstance(members, SeparateMembers)
    expected = [network(part) for network, part in zip(networks, rows, strict=True)]
    torch.testing.assert_close(members(rows), torch.stack(expected))
    torch.testing.assert_close(members.code(members.features(rows)), torch.stack(expected))
    assert [layer.out_features for layer in members.bottleneck] == [2, 2, 2]


def test_convolutional_networks_stay_apart(rows):
    """They are called one after another."""
    backends = [CNNBackend((6,), 2, (4,), dense_units=3).double().eval() for _ in range(3)]
    expected = [backend(part) for backend, part in zip(backends, rows, strict=True)]
    torch.testing.assert_close(side_by_side(backends)(rows), torch.stack(expected))


@pytest.mark.parametrize("training", [True, False])
def test_all_linear_layers_may_see_the_same_rows(training, rows):
    """Rows without an axis for members are those of each."""
    layers = LinearMembers([nn.Linear(6, 2).double() for _ in range(3)]).train(training)
    same = rows[0]
    torch.testing.assert_close(layers(same), layers(same.expand(3, -1, -1)))


@pytest.mark.parametrize("training", [True, False])
def test_scales_of_inputs_are_learned(training, rows):
    """They begin as one; each is that of an input of a member, at the member's rate."""
    layers = LinearMembers([nn.Linear(6, 2).double() for _ in range(3)]).train(training)
    before = layers(rows)
    layers.learn_scales([20.0, 20.0, 0.0])
    torch.testing.assert_close(layers(rows), before)
    with torch.no_grad():
        layers.scale[1, 0, 4] = 0.1
    scaled = rows.clone()
    scaled[1, :, 4] *= 3
    with torch.no_grad():
        expected = torch.einsum("mbi,moi->mbo", scaled, layers.weight) + layers.bias[:, None]
    torch.testing.assert_close(layers(rows), expected)
    layers(rows).sum().backward()
    gradient = 20 * (rows.sum(1, keepdim=True) * layers.weight.sum(1, keepdim=True))
    gradient[2] = 0
    torch.testing.assert_close(layers.scale.grad, gradient.detach())


def test_a_row_alone_is_the_row_among_others():
    """In prediction, to the last bit."""
    layers = LinearMembers([nn.Linear(7, 3) for _ in range(3)]).eval()
    rows = torch.randn(3, 64, 7, generator=torch.Generator().manual_seed(0))
    assert layers(rows[:, 16:32]).equal(layers(rows)[:, 16:32])


@pytest.mark.parametrize("training", [True, False])
def test_members_see_a_part_of_their_inputs(training, rows):
    """The first so many; what they put out has the same variance as before."""
    members = LinearMembers([nn.Linear(6, 200).double() for _ in range(3)]).train(training)
    before = members.weight.detach().clone()
    seen = torch.ones(3, 6)
    seen[1, 2:] = 0
    members.see(seen)
    changed = rows.clone()
    changed[..., 2:] = 0
    for seen, other in ((rows, changed), (rows[0], changed[0])):
        assert torch.equal(members(seen)[1], members(other)[1])
        assert not torch.allclose(members(seen)[::2], members(other)[::2])
    members(rows).square().sum().backward()
    assert (members.weight.grad[1, :, 2:] == 0).all()
    assert (members.weight.grad[0] != 0).all()
    torch.testing.assert_close(
        members.weight[1].square()[:, :2].mean(), 3 * before[1].square()[:, :2].mean()
    )
    assert torch.equal(members.weight[0], before[0])
