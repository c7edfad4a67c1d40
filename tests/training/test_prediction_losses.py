"""The losses of classes and numbers, and of predictions that should agree."""

import pytest
import torch
from torch.nn import functional as F

from sk_aecnn.training._prediction_losses import (
    UNLABELED_CODE,
    ClassificationLoss,
    ConsistencyLoss,
    RegressionLoss,
)


@pytest.mark.parametrize("all_labeled", [False, True])
def test_the_classification_loss_is_the_cross_entropy(logits, all_labeled):
    """Where every row is labeled the loss is torch's cross-entropy."""
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    loss = ClassificationLoss(all_labeled)({"prediction": logits}, y)
    torch.testing.assert_close(loss, F.cross_entropy(logits, y))


def test_smoothed_labels_belong_to_all_classes_a_little(logits):
    """A share of each label is spread evenly."""
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    targets = 0.8 * F.one_hot(y) + 0.2 / 3
    loss = ClassificationLoss(label_smoothing=0.2)({"prediction": logits}, y)
    torch.testing.assert_close(loss, F.cross_entropy(logits, targets))


@pytest.mark.parametrize("all_labeled", [False, True])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_unlabeled_rows_do_not_count(logits, weighted, label_smoothing, all_labeled):
    """The loss is that of the labeled rows, with the weights they have."""
    y = torch.tensor([0, -1, 2, 0, -1, 1])
    weight = torch.tensor([2.0, 5, 1, 0.5, 7, 0.5]) if weighted else None
    loss, labeled = ClassificationLoss(all_labeled, label_smoothing), y != UNLABELED_CODE
    outputs, alone = {"prediction": logits}, {"prediction": logits[labeled]}
    expected = loss(alone, y[labeled], weight[labeled] if weighted else None)
    torch.testing.assert_close(loss(outputs, y, weight), expected)


def test_a_weight_is_a_number_of_rows_of_a_class(logits, times, repeat):
    """Weights of mean one repeat rows in the cross-entropy."""
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    weighted = ClassificationLoss()({"prediction": logits}, y, times.float())
    torch.testing.assert_close(weighted, F.cross_entropy(repeat(logits), repeat(y)))


@pytest.mark.parametrize("weight", [None, torch.ones(6)])
def test_without_a_label_there_is_no_loss(logits, weight):
    """An unlabeled batch costs nothing and moves nothing."""
    logits.requires_grad_()
    loss = ClassificationLoss()({"prediction": logits}, torch.full((6,), -1), weight)
    loss.backward()
    assert float(loss.detach()) == 0
    assert not logits.grad.any()


def test_the_regression_loss_is_the_squared_error(logits, times, repeat):
    """Where no target is missing the loss is torch's mean squared error."""
    y = torch.ones(6, 3)
    loss = RegressionLoss()({"prediction": logits}, y)
    torch.testing.assert_close(loss, F.mse_loss(logits, y))
    weighted = RegressionLoss()({"prediction": logits}, y, times.float())
    torch.testing.assert_close(weighted, F.mse_loss(repeat(logits), repeat(y)))


@pytest.mark.parametrize("weighted", [False, True])
def test_missing_targets_do_not_count(logits, weighted):
    """NaN leaves one target of a row out of the mean, and its prediction without a gradient."""
    y = torch.arange(18.0).reshape(6, 3)
    y[0, 0] = y[2] = torch.nan
    known, weight = ~y.isnan(), torch.arange(6.0) if weighted else None
    logits.requires_grad_()
    loss = RegressionLoss()({"prediction": logits}, y, weight)
    weights = torch.ones(6) if weight is None else weight
    squares = ((logits - y).square() * weights[:, None])[known]
    torch.testing.assert_close(loss, squares.sum() / len(squares))
    loss.backward()
    assert bool(logits.grad.isfinite().all())
    assert not logits.grad[~known].any()


@pytest.mark.parametrize("weight", [None, torch.ones(6)])
def test_without_a_target_there_is_no_loss(logits, weight):
    """A batch without a target costs nothing and moves nothing."""
    logits.requires_grad_()
    loss = RegressionLoss()({"prediction": logits}, torch.full((6, 3), torch.nan), weight)
    loss.backward()
    assert float(loss.detach()) == 0
    assert not logits.grad.any()


@pytest.fixture
def seen_twice():
    """Two labeled rows, then unlabeled ones: sure of class 2, sure of class 0, sure of nothing."""
    clean = torch.tensor([[9.0, 0, 0], [0, 9, 0], [0, 0, 9], [9, 0, 0], [1, 1, 1]])
    corrupted = torch.tensor([[1.0, 2, 3], [3, 2, 1], [5, 0, 0]])
    return {"prediction": clean, "corrupted": corrupted}


Y = torch.tensor([0, 1, -1, -1, -1])


def test_corrupted_rows_must_have_the_class_of_clean_ones(seen_twice):
    """The confident answers on clean rows are the classes of the corrupted ones."""
    losses = F.cross_entropy(seen_twice["corrupted"][:2], torch.tensor([2, 0]), reduction="none")
    torch.testing.assert_close(ConsistencyLoss(0.95)(seen_twice, Y), losses.sum() / 3)
    weight = torch.tensor([7.0, 7, 1, 2, 3])
    expected = (losses[0] + 2 * losses[1]) / 3
    torch.testing.assert_close(ConsistencyLoss(0.95)(seen_twice, Y, weight), expected)


def test_answers_that_are_not_confident_do_not_count(seen_twice):
    """At a confidence that no answer has there is no loss; at none every answer counts."""
    assert float(ConsistencyLoss(0.9999)(seen_twice, Y)) == 0
    losses = F.cross_entropy(seen_twice["corrupted"], torch.tensor([2, 0, 0]), reduction="none")
    torch.testing.assert_close(ConsistencyLoss(0.0)(seen_twice, Y), losses.mean())


def test_answers_of_a_network_on_smoothed_labels_are_as_confident_as_predicted(seen_twice):
    """The copies learn smoothed labels too, and the confidence is that of predictions."""
    seen_twice["prediction"][3] = torch.tensor([3.0, 0, 0])  # 0.91, and 0.98 when sharpened
    targets = 0.9 * F.one_hot(torch.tensor([2, 0])) + 0.1 / 3
    losses = F.cross_entropy(seen_twice["corrupted"][:2], targets, reduction="none")
    loss = ConsistencyLoss(0.95, label_smoothing=0.1)(seen_twice, Y)
    torch.testing.assert_close(loss, losses.sum() / 3)


def test_clean_rows_do_not_follow_their_copies(seen_twice):
    """The answers on clean rows are taken as they are: no gradient goes into them."""
    for logits in seen_twice.values():
        logits.requires_grad_()
    ConsistencyLoss()(seen_twice, Y).backward()
    assert seen_twice["prediction"].grad is None
    assert seen_twice["corrupted"].grad.any(dim=1).tolist() == [True, True, False]


def test_without_copies_there_is_no_inconsistency(seen_twice):
    """The loss is zero where all rows are labeled, and in validation."""
    loss = ConsistencyLoss()
    labeled = {"prediction": seen_twice["prediction"], "corrupted": torch.zeros(0, 3)}
    assert float(loss(labeled, torch.tensor([0, 1, 2, 0, 1]))) == 0
    assert float(loss(labeled, torch.tensor([0, 1, 2, 0, 1]), torch.ones(5))) == 0
    assert float(loss({"prediction": seen_twice["prediction"]}, Y)) == 0
