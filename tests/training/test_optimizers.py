"""The package's optimizers do what torch's do, without what torch's import."""

import subprocess
import sys
from copy import deepcopy

import pytest
import torch

from sk_aecnn.training._optimizers import OPTIMIZERS

TORCHS = {
    "adam": lambda parameters, **kwargs: torch.optim.Adam(parameters, fused=True, **kwargs),
    "adamw": lambda parameters, **kwargs: torch.optim.AdamW(parameters, fused=True, **kwargs),
    "sgd": lambda parameters, **kwargs: torch.optim.SGD(
        parameters, momentum=0.9, nesterov=True, **kwargs
    ),
}


@pytest.fixture
def network():
    """A convolution and a linear layer, of weights drawn from a stream of their own."""
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Linear(4, 3))
    stream = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, generator=stream)
    return module


def set_gradients(module, step, skipped=()):
    """Give the parameters gradients that are the same in every call for a step."""
    stream = torch.Generator().manual_seed(step)
    for number, parameter in enumerate(module.parameters()):
        gradient = torch.empty_like(parameter).normal_(generator=stream)
        parameter.grad = None if number in skipped else gradient


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_steps_are_those_of_torch(network, name, weight_decay):
    """Every parameter is the same to rounding, also one whose gradients begin later."""
    other = deepcopy(network)
    ours = OPTIMIZERS[name](network.parameters(), lr=0.1, weight_decay=weight_decay)
    theirs = TORCHS[name](other.parameters(), lr=0.1, weight_decay=weight_decay)
    for step in range(5):
        skipped = (0,) if step < 2 else ()
        for module, optimizer in ((network, ours), (other, theirs)):
            set_gradients(module, step, skipped)
            optimizer.step()
    for mine, its in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_gradients_are_forgotten_or_set_to_zero(network, name):
    optimizer = OPTIMIZERS[name](network.parameters(), lr=0.1)
    set_gradients(network, 0)
    optimizer.zero_grad(set_to_none=False)
    assert all((parameter.grad == 0).all() for parameter in network.parameters())
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_a_copy_goes_on_alike(network, name):
    """A deep copy of network and optimizer, made halfway, ends where the original does."""
    pair = network, OPTIMIZERS[name](network.parameters(), lr=0.1)
    set_gradients(network, 0)
    pair[1].step()
    copied = deepcopy(pair)
    for module, optimizer in (pair, copied):
        set_gradients(module, 1)
        optimizer.step()
    for mine, its in zip(network.parameters(), copied[0].parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=0)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_the_state_can_be_saved_and_loaded(network, name):
    """An optimizer that loads the state of another one goes on as that one does."""
    first = OPTIMIZERS[name](network.parameters(), lr=0.1)
    set_gradients(network, 0)
    first.step()
    other = deepcopy(network)
    second = OPTIMIZERS[name](other.parameters(), lr=0.1)
    second.load_state_dict(deepcopy(first.state_dict()))
    for module, optimizer in ((network, first), (other, second)):
        set_gradients(module, 1)
        optimizer.step()
    for mine, its in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=0)


def test_a_closure_computes_the_gradients(network):
    """``step`` calls the closure with gradients on, and returns what it returns."""
    optimizer = OPTIMIZERS["adam"](network.parameters())

    def closure():
        optimizer.zero_grad()
        loss = sum(parameter.square().sum() for parameter in network.parameters())
        loss.backward()
        return loss

    with torch.no_grad():
        before = optimizer.step(closure)
    assert before.requires_grad
    assert optimizer.step(closure) < before


def test_a_first_fit_does_not_import_the_compiler():
    """torch's compiler, over a second to import, is not needed to train."""
    code = (
        "import sys, numpy as np, sk_aecnn;"
        "X = np.arange(60.0).reshape(20, 3);"
        "sk_aecnn.AutoencoderTransformer(2, max_epochs=2).fit(X).transform(X);"
        "sk_aecnn.AECNNClassifier(2, max_epochs=2).fit(X, np.arange(20) % 2).predict(X);"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
