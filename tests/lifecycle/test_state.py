"""Objects as text and arrays, and back."""

import json
import subprocess
from collections import OrderedDict
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.lifecycle._state import from_plain, to_plain, version_explained
from sk_aecnn.nn import BatchNorm


def round_trip(value):
    """What is made of what was written."""
    return from_plain(to_plain(value))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**70,
        0.1 + 0.2,
        float("inf"),
        "\ud800é",
        [1, [2.5, None]],
        (1, ("a",)),
        {"dict": {"tensor": 1}},
        {1: "a", (2, 3): "b", None: ()},
        OrderedDict([("b", 1), (2, "a")]),
        {3, 4},
        frozenset({"a"}),
        slice(1, None, 2),
        torch.float64,
        torch.device("cuda:1"),
        torch.Size([2, 3]),
        F.mse_loss,
        nn.GELU,
        BatchNorm,
        SampleGeometry((3, 4), None, given_flat=True),
        [0.1 * i for i in range(50)],
        [{"epoch": i, "loss": i / 7} for i in range(50)],
        [{"epoch": i} if i else {"loss": 0.0} for i in range(50)],
        np.float32(0.1),
    ],
)
def test_a_value_is_what_it_was(value):
    """Values come back equal and of the same type, however deep."""
    found = round_trip(value)
    assert found == value
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_nan_is_nan():
    """A number that is none comes back, also among others."""
    assert np.isnan(round_trip(float("nan")))
    np.testing.assert_array_equal(round_trip([float("nan")] * 20), [np.nan] * 20)


def test_plain_is_text_and_arrays():
    """A network of this package and of torch holds nothing but text and arrays."""
    network = nn.Sequential(nn.Linear(3, 2), BatchNorm(2), nn.ReLU())
    plain = to_plain({"network": network, "geometry": SampleGeometry((3,), 0)})
    assert isinstance(json.loads(plain["structure"]), dict)
    assert all(type(array) is np.ndarray for array in plain["arrays"])
    assert plain["objects"] == []


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6).reshape(2, 3),
        torch.tensor(3.5, dtype=torch.float64),
        torch.zeros(0, 3),
        torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).T,
        torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        torch.ones(2, 1, 4, 5).contiguous().movedim(1, -1),
        torch.linspace(-3, 3, 7).to(torch.bfloat16),
        torch.tensor(1.5, dtype=torch.bfloat16),
        torch.tensor([1 + 2j]),
        torch.tensor([True, False]),
        torch.tensor([1.0, 2.0]).expand(3, 2),
    ],
)
def test_a_tensor_is_what_it_was(tensor):
    """Values, types and strides come back; memory that is read twice is written out."""
    found = round_trip(tensor)
    assert found.dtype == tensor.dtype
    torch.testing.assert_close(found, tensor, rtol=0, atol=0)
    if 0 not in tensor.stride():
        assert found.stride() == tensor.stride()


def test_memory_is_of_its_own():
    """What is read shares no memory with what was written, whatever may be written to."""
    tensor = torch.zeros(3)
    plain = to_plain(tensor)
    plain["arrays"][0].flags.writeable = False
    found = from_plain(plain)
    found += 1
    assert tensor.tolist() == [0, 0, 0]


def test_what_is_shared_stays_shared():
    """Two names for one module, parameter or array are two names for one."""
    tied = nn.Linear(2, 2)
    array = np.arange(3)
    found = round_trip({"a": tied, "b": [tied, tied.weight], "c": array, "d": array})
    assert found["b"][0] is found["a"]
    assert found["b"][1] is found["a"].weight
    assert found["c"] is found["d"]


def test_parameters_stay_frozen():
    """What is not trained is not trained afterwards."""
    layer = nn.Linear(2, 2).requires_grad_(False)
    layer.bias.requires_grad_(True)
    found = round_trip(layer)
    assert [parameter.requires_grad for parameter in found.parameters()] == [False, True]
    assert all(isinstance(parameter, nn.Parameter) for parameter in found.parameters())


class Parent(nn.Module):
    """A user's module: a child that knows its parent, a buffer that is not saved, a hook."""

    def __init__(self):
        super().__init__()
        self.child = nn.Identity()
        self.child.parent = (self,)
        self.function = torch.tanh
        self.register_buffer("cache", torch.ones(2), persistent=False)
        self.register_forward_hook(double)

    def forward(self, x):
        return self.function(x + self.cache)


def double(module, inputs, output):
    """Twice the output."""
    return 2 * output


def test_a_users_module_is_what_it_was():
    """References in circles, hooks, buffers and functions of torch come back."""
    module = Parent().eval()
    found = round_trip(module)
    x = torch.tensor([0.3, -0.4])
    assert type(found) is Parent
    assert found.child.parent[0] is found
    assert not found.training
    assert found.state_dict() == {}
    assert found(x).equal(module(x))


class Renamed(nn.Linear):
    """A user's module that says itself what it is made of."""

    def __getstate__(self):
        return self.__dict__ | {"secret": None}

    def __setstate__(self, state):
        super().__setstate__(state | {"secret": "found again"})


def test_a_module_may_say_what_it_is_made_of():
    """A module's own ``__getstate__`` and ``__setstate__`` are used."""
    module = Renamed(2, 1)
    module.secret = open  # what no file can hold
    found = round_trip(module)
    assert found.secret == "found again"
    assert found.weight.equal(module.weight)


def test_what_belongs_to_others_is_left():
    """A user's functions and objects are handed to the file's format as they are."""
    bound = partial(double, None)
    plain = to_plain([double, bound, bound, Parent])
    assert plain["objects"] == [double, bound, Parent]
    assert from_plain(plain) == [double, bound, bound, Parent]


# -- text that somebody has changed -----------------------------------------------------------


class Witness:
    """Notes that somebody made or called it."""

    calls: ClassVar[list] = []

    def __new__(cls, *args, **kwargs):
        cls.calls.append("made")
        return super().__new__(cls)

    def __setstate__(self, state):
        self.calls.append("state")


def plain_of(node, *objects):
    """A state with a text of somebody's own."""
    return {"structure": json.dumps(node), "arrays": [], "objects": list(objects)}


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "torch.load",
        "torch.nn.functional.torch",
        "torch.nn.functional.handle_torch_function",
        "torch.nn.init.zeros_",
        "sk_aecnn.lifecycle._state.json",
        "sk_aecnn.lifecycle._state.import_module",
        "sk_aecnn.training._copies.deepcopy",
        "sk_aecnn._torch.os",
        "sk_aecnn.onnx._graph.import_extra",
        "sk_aecnn.onnx._export.write_whole",
        "sk_aecnn.nowhere.Linear",
        "sk_aecnn",
        "",
    ],
)
@pytest.mark.parametrize("kind", ["named", "object"])
def test_a_text_names_nothing_else(name, kind):
    """No name but that of a class or function of the package and of torch.nn is looked up."""
    with pytest.raises(ValueError, match="which is no class or function"):
        from_plain(plain_of({kind: name, "state": {"dict": {}}}))


@pytest.mark.parametrize("cls", [Witness, subprocess.Popen, dict, len], ids=repr)
def test_only_modules_are_made(cls):
    """A class that is no torch.nn.Module is refused before anything of it is called."""
    Witness.calls.clear()
    with pytest.raises(ValueError, match=r"no torch\.nn\.Module class"):
        from_plain(plain_of({"object": 0, "state": {"dict": {}}}, cls))
    assert Witness.calls == []


@pytest.mark.parametrize(
    ("part", "node"),
    [
        ("module", {"named": "sk_aecnn.nn._dense.Linear"}),
        ("criterion", {"named": "sk_aecnn.nn._conv.as_vectors"}),
        ("criterion", {"named": "torch.nn.ReLU"}),
        ("optimizer", {"named": "torch.nn.functional.relu"}),
        ("optimizer", {"named": "torch.nn.ReLU"}),
        ("predict_nonlinearity", {"named": "torch.nn.functional.relu"}),
    ],
)
def test_a_net_calls_nothing_but_its_parts(part, node):
    """What skorch would call with arguments from the text is refused."""
    relu = {"object": "torch.nn.ReLU", "state": {"dict": {}}}
    adam = {"named": "sk_aecnn.training._optimizers.Adam"}
    names = ("optimizer__weight_decay", "autocast", "lr", "batch_size", "device")
    arguments = {**dict.fromkeys(names), "optimizer": adam, "predict_nonlinearity": None}
    state = {"module": relu, "criterion": relu}
    (arguments if part in arguments else state)[part] = node
    net = {
        "object": "sk_aecnn.training._net.TrainingNet",
        "state": {"dict": {**state, "arguments": {"dict": arguments}}},
    }
    with pytest.raises(ValueError, match=r"Somebody has changed it|no class or function"):
        from_plain(plain_of(net))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"dtype": "load"}, "numbers of type load"),
        ({"eval": "1"}, "'eval', which this version does not know"),
        ({"tensor": 0, "dtype": "float7"}, "numbers of type float7"),
    ],
)
def test_a_text_that_makes_no_sense_is_refused(node, message):
    """What is not known is named."""
    plain = plain_of(node) | {"arrays": [np.zeros(2, np.uint8)]}
    with pytest.raises(ValueError, match=message):
        from_plain(plain)


# -- versions ---------------------------------------------------------------------------------


def test_an_error_of_the_same_version_is_left(monkeypatch):
    """Another patch release explains nothing."""
    monkeypatch.setattr("sk_aecnn.lifecycle._state.__version__", "1.4.2")
    with pytest.raises(KeyError, match="weight"), version_explained("Coder", "1.4.0"):
        raise KeyError("weight")


def test_an_error_of_another_version_says_what_to_do(monkeypatch):
    """A state that cannot be read names both versions and the remedy."""
    monkeypatch.setattr("sk_aecnn.lifecycle._state.__version__", "1.4.2")
    message = r"Coder was saved by sk_aecnn 1\.3\.0, and sk_aecnn 1\.4\.2 cannot .*sk-aecnn==1\.3\."
    with pytest.raises(ValueError, match=message), version_explained("Coder", "1.3.0"):
        raise KeyError("weight")
