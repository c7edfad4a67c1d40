"""How much a code keeps, by its size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.model_selection import validation_curve

from sk_aecnn.plotting._samples import last_step
from sk_aecnn.plotting._style import COLOURS, Style, merge, take_axes

# of the largest to the smallest size, from which the axis is logarithmic
_WIDE = 16


class CodeSizeDisplay:
    """A score, R² of the reconstruction, against the number of units of the code.

    It is recommended to use `from_estimator`, or `from_explained_variance` where one fit tells all
    sizes. All parameters are stored as attributes.

    Parameters
    ----------
    code_sizes : ndarray of shape (n_sizes,)
        Numbers of units.
    scores : ndarray of shape (n_sizes, n_splits)
        Scores for each size, of each split of the samples.
    score_name : str, default="R² of the reconstruction"
        What the scores are.
    estimator_name : str or None, default=None
        Whose scores they are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curve.
    figure_ : matplotlib Figure
        Figure of the axes.
    errorbar_ : matplotlib.container.ErrorbarContainer
        Mean and standard deviation over splits, by size.

    See Also
    --------
    sklearn.model_selection.ValidationCurveDisplay : The same for any parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import AutoencoderTransformer, CodeSizeDisplay
    >>> rows = load_digits().data
    >>> ae = AutoencoderTransformer(max_epochs=3, random_state=0)
    >>> display = CodeSizeDisplay.from_estimator(ae, rows, code_sizes=[2, 8], cv=3)
    >>> display.scores.shape
    (2, 3)
    """

    ax_: Any
    figure_: Any
    errorbar_: Any

    def __init__(
        self,
        *,
        code_sizes: np.ndarray,
        scores: np.ndarray,
        score_name: str = "R² of the reconstruction",
        estimator_name: str | None = None,
    ) -> None:
        self.code_sizes = code_sizes
        self.scores = scores
        self.score_name = score_name
        self.estimator_name = estimator_name

    def plot(self, ax: Any = None, *, errorbar_kwargs: Style = None) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on, which may have the curve of another estimator; ``None`` makes a new
            figure.
        errorbar_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        display : CodeSizeDisplay
            This display, with its artists.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import CodeSizeDisplay
        >>> pca = PCA(8).fit(load_digits().data)
        >>> left, right = Figure().subplots(1, 2)
        >>> ratio = pca.explained_variance_ratio_
        >>> display = CodeSizeDisplay.from_explained_variance(ratio, ax=left)
        >>> display.plot(right).ax_ is right  # drawn once more
        True
        """
        ax = take_axes(ax, self)
        self.ax_, self.figure_ = ax, ax.figure
        defaults = {
            "color": COLOURS[len(ax.containers) % len(COLOURS)],
            "marker": ".",
            "capsize": 3,
            "label": self.estimator_name,
        }
        style = merge(defaults, errorbar_kwargs)
        spread = self.scores.std(axis=1) if self.scores.shape[1] > 1 else None
        self.errorbar_ = ax.errorbar(self.code_sizes, self.scores.mean(axis=1), spread, **style)
        ax.set(xlabel="units of the code", ylabel=self.score_name)
        if self.code_sizes.max() >= _WIDE * self.code_sizes.min():
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_formatter("{x:g}")
        elif ax.get_xscale() == "linear":
            ax.xaxis.get_major_locator().set_params(integer=True)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(loc="lower right", fontsize="small")
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        code_sizes: Sequence[int],
        param_name: str | None = None,
        cv: Any = None,
        scoring: Any = None,
        score_name: str | None = None,
        n_jobs: int | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Fit an estimator with codes of several sizes, and draw its scores on held-out samples.

        Parameters
        ----------
        estimator : estimator
            What is cloned and fitted. The score of a transformer is R² of its reconstruction, that
            of a classifier its accuracy, that of a regressor R² of its prediction.
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or None, default=None
            Labels or targets, where the estimator needs some.
        code_sizes : sequence of int
            Numbers of units.
        param_name : str or None, default=None
            The parameter that is the size of the code. ``None``: ``"encoding_dim"``, of the last
            step in a pipeline.
        cv : int, cross-validation generator, iterable or None, default=None
            As for `sklearn.model_selection.validation_curve`.
        scoring : str, callable or None, default=None
            What scores; ``None`` takes the estimator's ``score``.
        score_name : str or None, default=None
            What the scores are called; ``None`` goes by the estimator, or by ``scoring``.
        n_jobs : int or None, default=None
            Number of fits at a time.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : CodeSizeDisplay
            The display, drawn.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import CodeSizeDisplay
        >>> rows, ax = load_digits().data, Figure().subplots()
        >>> display = CodeSizeDisplay.from_estimator(
        ...     PCA(), rows, code_sizes=[2, 8], param_name="n_components", cv=3, ax=ax
        ... )
        >>> display.scores.shape  # sizes, splits
        (2, 3)
        """
        last = last_step(estimator)
        if param_name is None:
            param_name = "encoding_dim"
            if last is not estimator:
                param_name = f"{estimator.steps[-1][0]}__{param_name}"
        _, scores = validation_curve(
            estimator,
            X,
            y,
            param_name=param_name,
            param_range=list(code_sizes),
            cv=cv,
            scoring=scoring,
            n_jobs=n_jobs,
            error_score="raise",
        )
        display = cls(
            code_sizes=np.array(code_sizes),
            scores=scores,
            score_name=score_name or _name_score(last, scoring),
            estimator_name=type(last).__name__,
        )
        return display.plot(ax, **kwargs)

    @classmethod
    def from_explained_variance(
        cls,
        explained_variance_ratio: Any,
        *,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw what each unit adds to the share of the variance that is kept, summed up.

        Parameters
        ----------
        explained_variance_ratio : array-like of shape (n_units,)
            The attribute ``explained_variance_ratio_`` of an
            ``AutoencoderTransformer(nested=True)``, or of `sklearn.decomposition.PCA`.
        name : str or None, default=None
            Whose it is.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : CodeSizeDisplay
            The display, drawn.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import CodeSizeDisplay
        >>> pca = PCA(8).fit(load_digits().data)
        >>> ratio, ax = pca.explained_variance_ratio_, Figure().subplots()
        >>> display = CodeSizeDisplay.from_explained_variance(ratio, name="PCA", ax=ax)
        >>> ax.get_xlabel()
        'units of the code'
        """
        kept = np.cumsum(np.asarray(explained_variance_ratio))
        display = cls(
            code_sizes=np.arange(1, len(kept) + 1), scores=kept[:, None], estimator_name=name
        )
        return display.plot(ax, **kwargs)


def _name_score(estimator: Any, scoring: Any) -> str:
    if scoring is not None:
        return str(getattr(scoring, "__name__", scoring)).replace("_", " ")
    if is_classifier(estimator):
        return "accuracy"
    return "R² of the prediction" if is_regressor(estimator) else "R² of the reconstruction"
