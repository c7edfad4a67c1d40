"""The weighted sum of all losses."""

import torch
from torch.nn import functional as F

from sk_aecnn.training._code_losses import DivergenceLoss, SparsityPenalty
from sk_aecnn.training._objective import Objective
from sk_aecnn.training._prediction_losses import ClassificationLoss, RegressionLoss
from sk_aecnn.training._reconstruction_losses import LikelihoodLoss, ReconstructionLoss


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


def test_row_weights_reach_every_term(pair, logits, normal, times, repeat):
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
    weighted = objective(outputs, y, times.float())
    repeated = objective(
        {name: repeat(part) for name, part in outputs.items()},
        repeat(y),
    )
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
