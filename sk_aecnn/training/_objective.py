r"""The objective: what the networks are trained to make small.

.. math:: J = L_\text{task} + \lambda \, R + \text{penalties}, \qquad
          R = \frac{\text{reconstruction error}}{\text{error of the training mean}}

Dividing by the error of the constant prediction makes :math:`R` unit-free: 0 is perfect, 1 is as
bad as the mean of the training data, whatever their scale, so that one weight :math:`\lambda`
serves images and tables alike. For the squared error the divisor is the variance.
"""

from __future__ import annotations

from torch import Tensor, nn

from sk_aecnn._processes import gather_rows

Outputs = dict[str, Tensor]


class Objective(nn.Module):
    """A weighted sum of losses; each is reported apart, by name.

    Parameters
    ----------
    terms : dict of str to nn.Module
        Losses by name, each a function of (outputs of the network, targets, row weights).
    weights : dict of str to float
        Their weights; 1 where none is given.

    Shape
    -----
    outputs : dict of (batch, ...); y : (batch, ...); row_weight : (batch,) or None; results : ()
    """

    def __init__(self, terms: dict[str, nn.Module], weights: dict[str, float]) -> None:
        super().__init__()
        self.terms = nn.ModuleDict(terms)
        self.weights = weights

    def forward(
        self, outputs: Outputs, y: Tensor, row_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the losses of a batch, ``"loss"``, their sum, first."""
        losses = {name: term(outputs, y, row_weight) for name, term in self.terms.items()}
        first, *others = (self._weigh(name, loss) for name, loss in losses.items())
        return {"loss": sum(others, start=first), **losses}

    def _weigh(self, name: str, loss: Tensor) -> Tensor:
        weight = self.weights.get(name, 1.0)
        return loss if weight == 1 else weight * loss


def weighted_mean(losses: Tensor, row_weight: Tensor) -> Tensor:
    """Average one loss per row with weights whose mean over the training rows is one."""
    return (losses * row_weight).sum() / len(losses)


def mean_of_rows(losses: Tensor, row_weight: Tensor | None) -> Tensor:
    """Average one loss per row of a batch, of all of it where processes share it."""
    if row_weight is None:
        (losses,) = gather_rows(losses)
        return losses.mean()
    return weighted_mean(*gather_rows(losses, row_weight))
