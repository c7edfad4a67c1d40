"""Copies of nets, networks and optimizers are those of ``copy.deepcopy``, but for gradients."""

import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from sk_aecnn.data._rows import RowSubset
from sk_aecnn.nn import Corruption
from sk_aecnn.training._copies import copy_module, copy_optimizer, snapshot
from sk_aecnn.training._inference import infer
from sk_aecnn.training._optimizers import OPTIMIZERS


def trained(optimizer):
    """A network with tied weights, after two steps."""
    first = nn.Linear(3, 3)
    module = nn.Sequential(first, nn.BatchNorm1d(3), Corruption("masking", 0.5), first)
    module[2].generator = torch.Generator()
    optimizer = optimizer(module.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        module(
            torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
        ).square().sum().backward()
        optimizer.step()
    return module, optimizer


def copies(optimizer):
    module, optimizer = trained(optimizer)
    memo = {}
    return module, optimizer, copy_module(module, memo), copy_optimizer(optimizer, memo)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_copy_takes_the_same_steps(name):
    """Weights, statistics and moments are the same, and the next step leads to the same weights."""
    module, optimizer, copied, other = copies(OPTIMIZERS[name])
    for stepping in (optimizer, other):
        for parameter in stepping.param_groups[0]["params"]:
            parameter.grad = torch.ones_like(parameter)
        stepping.step()
    expected = module.state_dict()
    assert copied.state_dict().keys() == expected.keys()
    for key, value in copied.state_dict().items():
        torch.testing.assert_close(value, expected[key], rtol=0, atol=0)


def test_a_copy_has_memory_of_its_own():
    """Steps of the copy leave the original as it was."""
    module, _, copied, other = copies(OPTIMIZERS["adamw"])
    before = copy.deepcopy(module.state_dict())
    for parameter in copied.parameters():
        assert parameter.grad is None
        parameter.grad = torch.ones_like(parameter)
    other.step()
    copied[1].running_mean.fill_(7)
    for key, value in module.state_dict().items():
        assert value.equal(before[key])


def test_what_is_shared_stays_shared():
    """Tied layers are one layer in the copy, and random layers get a generator from others."""
    _, _, copied, _ = copies(OPTIMIZERS["adam"])
    assert copied[0] is copied[3]
    assert copied[2].generator is None


def test_own_ways_to_copy_are_kept():
    """A module whose class says how it is copied is copied so."""

    class Kept(nn.Module):
        def __deepcopy__(self, memo):
            return self

    module = nn.Sequential(Kept(), nn.Linear(1, 1))
    assert copy_module(module, {})[0] is module[0]


def test_other_optimizers_are_copied_as_well():
    """An optimizer of torch goes on from its moments, with the copied parameters."""
    _, optimizer, copied, other = copies(torch.optim.AdamW)
    parameters = list(copied.parameters())
    assert [id(p) for p in other.param_groups[0]["params"]] == [id(p) for p in parameters]
    for old, new in zip(optimizer.param_groups[0]["params"], parameters, strict=True):
        assert other.state[new]["exp_avg"].equal(optimizer.state[old]["exp_avg"])


def test_a_snapshot_keeps_what_a_net_has_learned(small, table, labels, all_kept):
    """A snapshot taken while training predicts as the net did then, and changes nothing."""

    class Snapshots(Callback):
        def on_train_begin(self, net, **kwargs):
            self.taken_ = []

        def on_epoch_end(self, net, **kwargs):
            self.taken_.append(snapshot(net))

    snapshots, rows = Snapshots(), torch.from_numpy(table)
    estimator = small(callbacks=[snapshots], **all_kept).fit(table, labels)
    first, last = (infer(net, "encode", rows) for net in snapshots.taken_)
    assert not np.array_equal(first, last)
    again = small(**all_kept).fit(table, labels)
    assert estimator.loss_curve_ == again.loss_curve_
    chosen = RowSubset(rows, torch.tensor([3, 1]))
    np.testing.assert_array_equal(infer(snapshots.taken_[0], "encode", chosen), first[[3, 1]])
