"""What is scored: by skorch's callbacks, and by the scorer that early stopping goes by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from torch import Tensor
from torch.utils.data import Subset

from sk_aecnn._processes import agree
from sk_aecnn.data._batches import Batch, BatchSource, RowDataset, resolve

# of a net in training: a number for some rows, the higher the better
Score = Callable[[NeuralNet, RowDataset, Tensor], float]
# the name of this number in the history
SCORE = "valid_score"


class ValidationScore(Callback):
    """Record the score of validation rows after each epoch.

    Parameters
    ----------
    score : Score
        What scores them.
    validation : RowDataset or Subset of one
        The rows.
    """

    def __init__(self, score: Score, validation: BatchSource) -> None:
        self.score = score
        self.validation = validation

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        net._set_training(False)
        net.history.record(SCORE, agree(self.score(net, *resolve(self.validation))))

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        del self.score, self.validation  # nothing of the data may travel with a pickle


class ScoredRows(Dataset):
    """Rows for training or validation, in which skorch finds ``X`` and ``y``.

    Callbacks that do not look at predictions made in training, such as
    ``EpochScoring(use_caching=False)``, ask for both.

    Parameters
    ----------
    source : RowDataset or Subset of one
        The rows.
    """

    def __init__(self, source: BatchSource) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Batch:
        return self.source[index]

    @property
    def X(self) -> BatchSource:
        """The rows that have a target, as the net takes them."""
        rows, indices = resolve(self.source)
        counted = find_scored(rows.y, rows.labeled)
        if counted is None or counted[indices].all():
            return self.source
        return Subset(rows, indices[counted[indices]].tolist())

    @property
    def y(self) -> Tensor:
        """Their targets."""
        rows, indices = resolve(self.X)
        targets: Tensor = (rows.X if rows.y is None else rows.y).index_select(0, indices)
        return targets


def find_scored(target: Tensor | None, labeled: Tensor | None) -> Tensor | None:
    """Tell which rows count in a score: those with all of their targets; None for all rows."""
    if labeled is None:
        return None
    if target is None or not target.is_floating_point():
        return labeled
    return labeled & ~target.reshape(len(target), -1).isnan().any(dim=1)


def choose_scored(batch: Batch, y_pred: Tensor) -> tuple[Batch, Tensor]:
    """Return the rows of a batch that count in a score, and what is predicted of them."""
    inputs, target = batch
    labeled: Any = inputs.get("labeled") if isinstance(inputs, dict) else None
    counted = find_scored(target, labeled)
    if counted is None or bool(counted.all()):
        return batch, y_pred
    chosen = {name: part[counted] for name, part in inputs.items()}
    return (chosen, target[counted]), y_pred[counted.to(y_pred.device)]
