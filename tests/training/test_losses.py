"""What the networks are trained to make small."""

import math

import pytest
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional as F

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.training._losses import (
    RECONSTRUCTION_LOSSES,
    UNLABELED_CODE,
    ClassificationLoss,
    ConsistencyLoss,
    DivergenceLoss,
    LikelihoodLoss,
    Objective,
    ReconstructionLoss,
    RegressionLoss,
    SparsityPenalty,
    constant_error,
)

TIMES = torch.tensor([2, 1, 0, 1, 2, 0])  # weights of mean one, and numbers of repetitions


def repeat(part):
    return part.repeat_interleave(TIMES, 0)


@pytest.fixture
def stream():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def pair(stream):
    """Outputs and targets, the latter in [0, 1]."""
    return {
        "output": torch.randn(6, 3, 2, generator=stream),
        "target": torch.rand(6, 3, 2, generator=stream),
    }


@pytest.fixture
def logits(stream):
    """Predictions of three classes for six rows."""
    return 3 * torch.randn(6, 3, generator=stream)


@pytest.fixture
def normal(stream):
    """Means and deviations of six codes of four units."""
    return {
        "mean": torch.randn(6, 4, generator=stream),
        "deviation": torch.rand(6, 4, generator=stream) + 0.1,
    }


# -- reconstruction ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_weights_of_one_change_nothing(pair, name):
    """A loss with equal weights is the loss without."""
    loss = ReconstructionLoss(name, 2.0)
    torch.testing.assert_close(loss(pair, None, torch.ones(6)), loss(pair))


def test_trimming_leaves_the_largest_errors_out(pair):
    """The loss is the mean over the rows with the least errors, and so are its gradients."""
    pair["output"].requires_grad_(True)
    errors = F.mse_loss(pair["output"], pair["target"], reduction="none").flatten(1).mean(1)
    loss = ReconstructionLoss("mse", trimmed=0.5)(pair)
    torch.testing.assert_close(loss, errors.sort()[0][:3].mean())
    loss.backward()
    worst = errors.argsort()[3:]
    assert (pair["output"].grad[worst] == 0).all()


def test_a_single_row_is_not_trimmed():
    """However much is trimmed, a batch of one row has the row's error."""
    pair = {"output": torch.zeros(1, 2), "target": torch.ones(1, 2)}
    torch.testing.assert_close(ReconstructionLoss("mse", trimmed=0.9)(pair), torch.tensor(1.0))


@pytest.mark.parametrize("trimmed", [0.0, 0.3])
@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_a_weight_is_a_number_of_rows(pair, name, trimmed):
    """Weights of mean one weigh rows as often as they say."""
    loss = ReconstructionLoss(name, trimmed=trimmed)
    repeated = {part: repeat(values) for part, values in pair.items()}
    torch.testing.assert_close(loss(pair, None, TIMES.float()), loss(repeated))


@pytest.mark.parametrize(
    ("name", "loss"), [("mse", nn.MSELoss), ("mae", nn.L1Loss), ("huber", nn.HuberLoss)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_class_and_a_function_are_as_good_as_a_name(pair, name, loss, weighted):
    """A loss by name, by class and by function is the same loss."""
    weight = torch.arange(6) / 2.5 if weighted else None
    expected = ReconstructionLoss(name)(pair, None, weight)
    torch.testing.assert_close(ReconstructionLoss(loss)(pair, None, weight), expected)
    function = loss(reduction="none")
    torch.testing.assert_close(ReconstructionLoss(function)(pair, None, weight), expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_reduced_loss_is_refused(pair, weighted):
    """A function that averages by itself is named, with the shape that it must return."""
    loss = ReconstructionLoss(F.mse_loss)
    with pytest.raises(ValueError, match=r"shape \(\) for inputs of shape \(6, 3, 2\)"):
        loss(pair, None, torch.ones(6) if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_error_of_the_mean_is_the_variance(stream, weighted):
    """For squared errors the baseline is the weighted variance over all features."""
    rows = torch.randn(50, 4, generator=stream, dtype=torch.float64)
    weight = torch.arange(50.0, dtype=torch.float64) if weighted else torch.ones(50).double()
    share = (weight / weight.sum())[:, None]
    mean = (share * rows).sum(0)
    expected = (share * (rows - mean).square()).sum(0).mean()
    error = constant_error("mse", mean, rows, None, weight if weighted else None)
    assert error == pytest.approx(float(expected))


def test_the_baseline_of_bce_is_the_entropy_of_the_mean():
    """A constant probability costs its binary entropy; 0 and 1 cost next to nothing."""
    rows = torch.tensor([[0.0, 0, 1], [1, 0, 1]])
    error = constant_error("bce", rows.mean(0).double(), rows, None)
    assert error == pytest.approx(math.log(2) / 3, rel=1e-5)


@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_the_baseline_of_sparse_rows_is_that_of_dense_ones(stream, name):
    """The error of the mean is the same whether zeros are stored or not."""
    rows = torch.rand(30, 4, generator=stream).double()
    rows[::2, 1:] = 0
    weight = torch.arange(30.0)
    sparse = SparseRows(csr_array(rows.numpy()))
    errors = [constant_error(name, rows.mean(0), x, None, weight) for x in (rows, sparse)]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("chunk_values", [7, 2**22])
def test_the_baseline_is_that_of_the_targets(monkeypatch, stream, chunk_values):
    """Rows are compared as the loss sees them, in one chunk or in many, weighted or not."""
    monkeypatch.setattr("sk_aecnn.data._rows._CHUNK_VALUES", chunk_values)
    rows, constant = torch.rand(30, 4, generator=stream).double(), torch.zeros(4).double()
    weight = torch.arange(30.0).double()
    expected = ((3 * rows).abs().mean(1) * weight).sum() / weight.sum()
    error = constant_error("mae", constant, rows, lambda x: 3 * x, weight)
    assert error == pytest.approx(float(expected))


def test_the_mean_has_a_loss_of_one(stream):
    """Predicting the training mean costs exactly one, whatever the loss."""
    rows = torch.randn(30, 4, generator=stream, dtype=torch.float64)
    mean = rows.mean(0)
    for name in ("mse", "mae", "huber"):
        loss = ReconstructionLoss(name, constant_error(name, mean, rows, None))
        outputs = {"output": mean.expand_as(rows), "target": rows}
        assert float(loss(outputs)) == pytest.approx(1)


# -- classes ----------------------------------------------------------------------------------


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


def test_a_weight_is_a_number_of_rows_of_a_class(logits):
    """Weights of mean one repeat rows in the cross-entropy."""
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    weighted = ClassificationLoss()({"prediction": logits}, y, TIMES.float())
    torch.testing.assert_close(weighted, F.cross_entropy(repeat(logits), repeat(y)))


@pytest.mark.parametrize("weight", [None, torch.ones(6)])
def test_without_a_label_there_is_no_loss(logits, weight):
    """An unlabeled batch costs nothing and moves nothing."""
    logits.requires_grad_()
    loss = ClassificationLoss()({"prediction": logits}, torch.full((6,), -1), weight)
    loss.backward()
    assert float(loss.detach()) == 0
    assert not logits.grad.any()


# -- numbers ----------------------------------------------------------------------------------


def test_the_regression_loss_is_the_squared_error(logits):
    """Where no target is missing the loss is torch's mean squared error."""
    y = torch.ones(6, 3)
    loss = RegressionLoss()({"prediction": logits}, y)
    torch.testing.assert_close(loss, F.mse_loss(logits, y))
    weighted = RegressionLoss()({"prediction": logits}, y, TIMES.float())
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


# -- consistency --------------------------------------------------------------------------------


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


# -- sparsity ---------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_the_sparsity_penalty_is_the_formula_of_hoyer(logits, weighted):
    """The penalty is one minus the sparseness of Hoyer, averaged over the rows."""
    ratio = logits.abs().sum(1) / logits.square().sum(1).sqrt()
    sparseness = (math.sqrt(3) - ratio) / (math.sqrt(3) - 1)
    weight = TIMES.float() if weighted else None
    expected = (1 - sparseness) * (TIMES if weighted else 1)
    torch.testing.assert_close(SparsityPenalty()({"code": logits}, None, weight), expected.mean())


@pytest.mark.parametrize("factor", [1e-6, 0.1, -1, 1e6])
def test_the_sparsity_penalty_has_no_scale(logits, factor):
    """Multiplying codes by a constant, even each by its own, leaves the penalty alone."""
    penalty = SparsityPenalty()
    torch.testing.assert_close(penalty({"code": factor * logits}), penalty({"code": logits}))
    each = factor * torch.arange(1.0, 7)[:, None]
    torch.testing.assert_close(penalty({"code": each * logits}), penalty({"code": logits}))


@pytest.mark.parametrize("dim", [2, 3, 32])
def test_the_sparsity_penalty_lies_between_zero_and_one(stream, dim):
    """One active unit costs nothing, units that are all alike cost one, others lie between."""
    penalty = SparsityPenalty()
    codes = torch.randn(20, dim, generator=stream)
    assert 0 < float(penalty({"code": codes})) < 1
    torch.testing.assert_close(penalty({"code": torch.eye(dim) * -3}), torch.tensor(0.0))
    torch.testing.assert_close(penalty({"code": torch.full((2, dim), -5.0)}), torch.tensor(1.0))


@pytest.mark.parametrize("code", [torch.zeros(2, 4), torch.ones(2, 1), torch.zeros(2, 1)])
def test_the_sparsity_penalty_of_any_code_is_finite(code):
    """Codes of zeros, or of one unit, have a penalty within its bounds and a finite gradient."""
    code.requires_grad_()
    penalty = SparsityPenalty()({"code": code})
    penalty.backward()
    assert 0 <= float(penalty.detach()) <= 1
    assert bool(code.grad.isfinite().all())


# -- likelihood and divergence ----------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_the_likelihood_is_that_of_a_normal_distribution(pair, weighted):
    """The loss is minus torch's log-density at the variance that suits the batch best."""
    weight = TIMES.float() if weighted else None
    loss = LikelihoodLoss(probabilities=False)(pair, None, weight)
    rows = {name: repeat(part) if weighted else part for name, part in pair.items()}
    error = rows["target"] - rows["output"]
    density = Normal(rows["output"], error.square().mean().sqrt()).log_prob(rows["target"])
    torch.testing.assert_close(loss, -density.mean())


def test_no_other_variance_is_more_likely(pair):
    """The batch's mean squared error is the variance of the greatest likelihood."""
    loss = LikelihoodLoss(probabilities=False)(pair)
    best = F.mse_loss(pair["output"], pair["target"]).sqrt()
    for factor in (0.9, 1.1):
        density = Normal(pair["output"], factor * best).log_prob(pair["target"])
        assert float(loss) < -float(density.mean())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_likelihood_of_probabilities_is_that_of_coins(pair, weighted):
    """For the binary cross-entropy the loss is minus the log-probability of the target."""
    pair["target"] = pair["target"].round()
    weight = TIMES.float() if weighted else None
    loss = LikelihoodLoss(probabilities=True)(pair, None, weight)
    rows = {name: repeat(part) if weighted else part for name, part in pair.items()}
    expected = -Bernoulli(logits=rows["output"]).log_prob(rows["target"]).mean()
    torch.testing.assert_close(loss, expected)


def test_a_perfect_reconstruction_has_a_finite_likelihood(pair):
    """The variance has a least value, so that a batch without an error costs a finite number."""
    pair["output"] = pair["target"].clone().requires_grad_()
    loss = LikelihoodLoss(probabilities=False)(pair)
    loss.backward()
    assert math.isfinite(loss.detach())
    assert bool(pair["output"].grad.isfinite().all())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_divergence_is_per_feature(normal, weighted):
    """The loss is torch's divergence from the prior, summed over units, over the features."""
    weight = TIMES.float() if weighted else None
    loss = DivergenceLoss(10, warm_up=0.0)(normal, None, weight)
    parts = [repeat(part) if weighted else part for part in normal.values()]
    divergence = kl_divergence(Normal(*parts), Normal(0.0, 1.0))
    torch.testing.assert_close(loss, divergence.sum(1).mean() / 10)


@pytest.mark.parametrize(
    ("progress", "share"), [(0.0, 0.0), (0.1, 0.25), (0.2, 0.5), (0.4, 1.0), (0.9, 1.0), (1.0, 1.0)]
)
def test_the_divergence_warms_up_in_training(normal, progress, share):
    """The loss rises with the progress of training to its full size; validation has that size."""
    loss = DivergenceLoss(10, warm_up=0.4)
    full = loss(normal)
    loss.progress = progress
    torch.testing.assert_close(loss(normal), share * full)
    torch.testing.assert_close(loss.eval()(normal), full)


def test_without_a_warm_up_the_divergence_is_whole_at_once(normal):
    """At warm_up=0 the first step has the full loss."""
    loss = DivergenceLoss(10, warm_up=0.0)
    full = loss(normal)
    loss.progress = 0.0
    torch.testing.assert_close(loss(normal), full)


# -- the objective ----------------------------------------------------------------------------


def test_the_objective_is_the_weighted_sum_of_its_terms(pair, logits):
    """J is the sum of the losses by their weights, 1 where none is given; each is reported."""
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    terms = {
        "classification_loss": ClassificationLoss(),
        "reconstruction_loss": ReconstructionLoss("mse"),
        "sparsity_penalty": SparsityPenalty(),
    }
    weights = {"reconstruction_loss": 0.3, "sparsity_penalty": 2.0, "of no term": 7.0}
    outputs = {"prediction": logits, "code": logits, **pair}
    losses = Objective(terms, weights)(outputs, y)
    assert list(losses) == ["loss", *terms]
    for name, term in terms.items():
        torch.testing.assert_close(losses[name], term(outputs, y))
    parts = [losses[name] for name in terms]
    torch.testing.assert_close(losses["loss"], parts[0] + 0.3 * parts[1] + 2 * parts[2])


def test_row_weights_reach_every_term(pair, logits, normal):
    """Weights of mean one repeat rows in all losses at once."""
    terms = {
        "classification_loss": ClassificationLoss(),
        "reconstruction_loss": ReconstructionLoss("mae"),
        "likelihood_loss": LikelihoodLoss(probabilities=False),
        "divergence_loss": DivergenceLoss(6, 0.0),
        "sparsity_penalty": SparsityPenalty(),
    }
    objective = Objective(terms, {"divergence_loss": 0.5})
    outputs = {"prediction": logits, "code": logits, **pair, **normal}
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    weighted = objective(outputs, y, TIMES.float())
    repeated = objective({name: repeat(part) for name, part in outputs.items()}, repeat(y))
    torch.testing.assert_close(weighted, repeated)


def test_an_objective_of_one_term_is_that_term(pair):
    """The objective of a plain autoencoder is its reconstruction loss."""
    losses = Objective({"reconstruction_loss": ReconstructionLoss("mse")}, {})(pair, None)
    torch.testing.assert_close(losses["loss"], F.mse_loss(pair["output"], pair["target"]))
    torch.testing.assert_close(losses["reconstruction_loss"], losses["loss"])


def test_a_term_of_weight_zero_is_only_reported(pair, logits):
    """A weight of zero leaves a loss out of the sum, not out of the report."""
    terms = {"task": RegressionLoss(), "reconstruction_loss": ReconstructionLoss("mse")}
    losses = Objective(terms, {"reconstruction_loss": 0.0})(
        {"prediction": logits, **pair}, torch.ones(6, 3)
    )
    torch.testing.assert_close(losses["loss"], losses["task"])
    assert float(losses["reconstruction_loss"]) > 0
