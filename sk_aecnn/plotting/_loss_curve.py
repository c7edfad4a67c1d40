"""Losses by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from sk_aecnn.plotting._samples import last_step
from sk_aecnn.plotting._style import COLOURS, GUIDE, Style, merge, take_axes

_TRAIN, _VALID = "train_", "valid_"
# with more epochs, a line says enough
_MOST_MARKERS = 50


class LossCurveDisplay:
    """Each loss of training, and of validation, by epoch.

    The end of pretraining and the epoch whose weights were kept, where samples were held out to
    choose it, are marked by vertical lines.

    It is recommended to use `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    epochs : ndarray of shape (n_epochs,)
        Numbers of the epochs, from 1.
    losses : dict of str to ndarray of shape (n_epochs,)
        Training losses by name; NaN in epochs without.
    validation_losses : dict of str to ndarray of shape (n_epochs,)
        Validation losses by name; NaN in epochs without.
    n_pretrain_epochs : int, default=0
        How many of the epochs are of pretraining.
    best_epoch : int or None, default=None
        The epoch whose weights were kept; 0 is before training.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of matplotlib.lines.Line2D
        Curves of training, each followed by that of validation where there is one.
    phase_line_ : matplotlib.lines.Line2D or None
        End of pretraining.
    best_line_ : matplotlib.lines.Line2D or None
        Epoch whose weights were kept.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores by the number of samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import AECNNClassifier, LossCurveDisplay
    >>> digits = load_digits()
    >>> model = AECNNClassifier(8, max_epochs=4, random_state=0)
    >>> model = model.fit(digits.images, digits.target)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> [line.get_label() for line in display.lines_]
    ['loss', 'classification loss', 'reconstruction loss']
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]
    phase_line_: Any
    best_line_: Any

    def __init__(
        self,
        *,
        epochs: np.ndarray,
        losses: Mapping[str, np.ndarray],
        validation_losses: Mapping[str, np.ndarray],
        n_pretrain_epochs: int = 0,
        best_epoch: int | None = None,
    ) -> None:
        self.epochs = epochs
        self.losses = losses
        self.validation_losses = validation_losses
        self.n_pretrain_epochs = n_pretrain_epochs
        self.best_epoch = best_epoch

    def plot(
        self,
        ax: Any = None,
        *,
        names: Sequence[str] | None = None,
        estimator_name: str | None = None,
        line_kwargs: Style = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        names : sequence of str or None, default=None
            Names of the losses to draw, as ``["reconstruction_loss"]``; ``None`` draws all.
        estimator_name : str or None, default=None
            What stands before the names of the losses, to tell estimators on the same axes apart.
        line_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.plot` for all curves.

        Returns
        -------
        display : LossCurveDisplay
            This display, with its artists.

        Raises
        ------
        ValueError
            If there is no loss of a name.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer, LossCurveDisplay
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> left, right = Figure().subplots(1, 2)
        >>> display = LossCurveDisplay.from_estimator(model, ax=left)
        >>> display = display.plot(right, estimator_name="2 numbers")  # drawn once more
        >>> [line.get_label() for line in display.lines_]
        ['2 numbers: reconstruction loss']
        """
        ax = take_axes(ax, self)
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_ = []
        before = "" if estimator_name is None else f"{estimator_name}: "
        n_drawn = len(ax.lines)  # of another display on the same axes
        for index, loss in enumerate(self._choose(names), start=n_drawn):
            label = before + loss.replace("_", " ")
            color = {"color": COLOURS[index % len(COLOURS)]}
            self._plot_line(self.losses[loss], label, color, line_kwargs)
            if loss in self.validation_losses:
                dashed = color | {"linestyle": "--"}
                held_out = self.validation_losses[loss]
                self._plot_line(held_out, f"{label}, validation", dashed, line_kwargs)
        self._mark_phases()
        ax.set(xlabel="epoch", ylabel="loss")
        ax.xaxis.get_major_locator().set_params(integer=True)
        if all(np.nanmin(line.get_ydata()) >= 0 for line in self.lines_):
            ax.set_ylim(bottom=0, auto=True)  # of all displays on these axes
        ax.legend(fontsize="small")
        return self

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator of this package, or a pipeline that ends with one. After
            ``partial_fit``, the total loss of the calls is drawn.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer, LossCurveDisplay
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> display = LossCurveDisplay.from_estimator(model, ax=Figure().subplots())
        >>> [line.get_label() for line in display.lines_]
        ['reconstruction loss']
        """
        estimator = last_step(estimator)
        history = estimator.history_
        if len(estimator.loss_curve_) > len(history):
            n_epochs = len(estimator.loss_curve_)
            display = cls(
                epochs=np.arange(n_epochs) + estimator.n_iter_ - n_epochs + 1,
                losses={"loss": np.array(estimator.loss_curve_)},
                validation_losses={},
            )
            return display.plot(ax, **kwargs)
        pretraining = getattr(estimator, "pretrain_loss_curve_", [])
        losses = _curves(history, _TRAIN, len(pretraining))
        if pretraining:
            none = np.full(len(pretraining) + len(history), np.nan)
            losses.setdefault("reconstruction_loss", none)[: len(pretraining)] = pretraining
        best = _find_best_epoch(estimator)
        display = cls(
            epochs=np.arange(1, len(pretraining) + len(history) + 1),
            losses=losses,
            validation_losses=_curves(history, _VALID, len(pretraining)),
            n_pretrain_epochs=len(pretraining),
            best_epoch=None if best is None else best + len(pretraining),
        )
        return display.plot(ax, **kwargs)

    def _choose(self, names: Sequence[str] | None) -> Sequence[str]:
        if names is None:
            return list(self.losses)
        for name in names:
            if name not in self.losses:
                raise ValueError(
                    f"names has an entry {name!r}, but the losses are {', '.join(self.losses)}."
                )
        return names

    def _plot_line(self, values: np.ndarray, label: str, style: Any, line_kwargs: Style) -> None:
        marker = {"marker": "."} if len(self.epochs) <= _MOST_MARKERS else {}
        merged = merge({"label": label} | marker | style, line_kwargs)
        self.lines_ += self.ax_.plot(self.epochs, values, **merged)

    def _mark_phases(self) -> None:
        self.phase_line_ = self.best_line_ = None
        if self.n_pretrain_epochs:
            end = self.n_pretrain_epochs + 0.5
            style = GUIDE | {"linestyle": "-", "label": "end of pretraining"}
            self.phase_line_ = self.ax_.axvline(end, **style)
        if self.best_epoch is not None:
            style = GUIDE | {"linestyle": ":", "label": "weights that were kept"}
            self.best_line_ = self.ax_.axvline(self.best_epoch, **style)


def _curves(history: list[dict[str, Any]], prefix: str, n_before: int) -> dict[str, np.ndarray]:
    """Return the losses of a history by name, without a total that equals its only part.

    Examples
    --------
    >>> _curves([{"train_loss": 2.0, "train_mse": 2.0}], "train_", 1)
    {'mse': array([nan,  2.])}
    """
    names = [name for name in history[-1] if name.startswith(prefix)] if history else []
    if len(names) == 2 and f"{prefix}loss" in names:
        names.remove(f"{prefix}loss")
    before = [np.nan] * n_before
    return {
        name.removeprefix(prefix): np.array(before + [epoch.get(name, np.nan) for epoch in history])
        for name in names
    }


def _find_best_epoch(estimator: Any) -> int | None:
    """Return the epoch whose weights were kept, 0 for those before training; None for the last."""
    scores = getattr(estimator, "validation_scores_", None)
    if scores is None:
        losses = _curves(estimator.history_, _VALID, 0)
        scores = [-value for value in next(iter(losses.values()))] if losses else None
    if scores is None:
        return None
    n_before = len(scores) - len(estimator.history_)
    return int(np.argmax(scores)) + 1 - n_before
