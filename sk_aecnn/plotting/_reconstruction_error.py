"""The distribution of errors, and where outliers begin."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils import check_consistent_length

from sk_aecnn.plotting._samples import as_array, last_step
from sk_aecnn.plotting._style import COLOURS, GUIDE, Style, merge, take_axes

# of the largest to the smallest error, from which the axis is logarithmic
_WIDE = 50.0
# above the histograms, for the legend, as a share of their height
_ROOM = 0.3


class ReconstructionErrorDisplay:
    """A histogram of the errors of samples, with the threshold of a detector.

    It is recommended to use `from_estimator` or `from_errors`. All parameters are stored as
    attributes.

    Parameters
    ----------
    errors : ndarray of shape (n_samples,)
        Errors; larger ones are less usual.
    y : ndarray of shape (n_samples,) or None, default=None
        Labels, each of which has a histogram.
    threshold : float or None, default=None
        The largest error of an inlier.
    error_name : str, default="reconstruction error"
        What the errors are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the histograms.
    figure_ : matplotlib Figure
        Figure of the axes.
    histograms_ : list of list of matplotlib.patches.Polygon
        Outline of each histogram.
    threshold_line_ : matplotlib.lines.Line2D or None
        The threshold.

    See Also
    --------
    AutoencoderOutlierDetector : What has a threshold.
    ReconstructionDisplay : Where in a sample the errors are.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sk_aecnn import AutoencoderOutlierDetector, ReconstructionErrorDisplay
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> detector = AutoencoderOutlierDetector(6, max_epochs=20, random_state=0)
    >>> detector = detector.fit(X[y == 1])
    >>> display = ReconstructionErrorDisplay.from_estimator(detector, X, y)
    >>> display.threshold == -detector.offset_
    True
    """

    ax_: Any
    figure_: Any
    histograms_: list[Any]
    threshold_line_: Any

    def __init__(
        self,
        *,
        errors: np.ndarray,
        y: np.ndarray | None = None,
        threshold: float | None = None,
        error_name: str = "reconstruction error",
    ) -> None:
        self.errors = errors
        self.y = y
        self.threshold = threshold
        self.error_name = error_name

    def plot(
        self,
        ax: Any = None,
        *,
        n_bins: int = 40,
        hist_kwargs: Style = None,
        line_kwargs: Style = None,
    ) -> Self:
        """Draw the histograms.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        n_bins : int, default=40
            Number of bins between the smallest and the largest error. They are of equal width, on a
            logarithmic axis where the largest error is 50 times the smallest or more.
        hist_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.hist`.
        line_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.axvline` for the threshold.

        Returns
        -------
        display : ReconstructionErrorDisplay
            This display, with its artists.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sk_aecnn import ReconstructionErrorDisplay
        >>> left, right = Figure().subplots(1, 2)
        >>> errors = [0.1, 0.2, 0.1, 0.9]
        >>> display = ReconstructionErrorDisplay.from_errors(errors, ax=left)
        >>> display.plot(right, n_bins=5).ax_ is right  # drawn once more
        True
        """
        ax = take_axes(ax, self)
        self.ax_, self.figure_ = ax, ax.figure
        low, high = self.errors.min(), self.errors.max()
        is_wide = low > 0 and high > _WIDE * low
        edges = (np.geomspace if is_wide else np.linspace)(low, high, n_bins + 1)
        self.histograms_ = []
        for index, (label, errors) in enumerate(self._groups().items()):
            defaults = {
                "histtype": "stepfilled",
                "facecolor": (COLOURS[index % len(COLOURS)], 0.35),
                "edgecolor": COLOURS[index % len(COLOURS)],
                "linewidth": 1.5,
                "label": label,
                "weights": np.full(len(errors), 1 / len(errors)),
            }
            style = merge(defaults, hist_kwargs, "Rectangle")
            self.histograms_.append(ax.hist(errors, bins=edges, **style)[2])
        self.threshold_line_ = None
        if self.threshold is not None:
            dashed = GUIDE | {"linestyle": "--", "label": f"threshold, {self.threshold:.3g}"}
            self.threshold_line_ = ax.axvline(self.threshold, **merge(dashed, line_kwargs))
        ax.set(
            xscale="log" if is_wide else "linear",
            xlabel=self.error_name,
            ylabel="share of the samples",
        )
        ax.margins(y=_ROOM)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(fontsize="small")
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the errors of samples.

        Parameters
        ----------
        estimator : estimator
            A fitted one. The errors of an outlier detector, `AutoencoderOutlierDetector` or another
            one, are minus its ``score_samples``, the threshold is minus its ``offset_``; those of
            others are their ``reconstruction_error``.
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        y : array-like of shape (n_samples,) or None, default=None
            Labels, each of which has a histogram.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : ReconstructionErrorDisplay
            The display, drawn.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderOutlierDetector, ReconstructionErrorDisplay
        >>> X = load_iris().data
        >>> model = AutoencoderOutlierDetector(2, max_epochs=5, random_state=0).fit(X)
        >>> ax = Figure().subplots()
        >>> display = ReconstructionErrorDisplay.from_estimator(model, X, ax=ax)
        >>> display.threshold == -model.offset_
        True
        """
        offset = getattr(last_step(estimator), "offset_", None)
        if offset is None:
            errors, name = estimator.reconstruction_error(X), "mean squared reconstruction error"
        else:
            errors, name = -estimator.score_samples(X), "minus the score"
        threshold = None if offset is None else -float(offset)
        named = {"threshold": threshold, "error_name": name, "ax": ax}
        return cls.from_errors(errors, y, **named, **kwargs)

    @classmethod
    def from_errors(
        cls,
        errors: Any,
        y: Any = None,
        *,
        threshold: float | None = None,
        error_name: str = "reconstruction error",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw errors.

        Parameters
        ----------
        errors : array-like of shape (n_samples,)
            Errors; larger ones are less usual.
        y : array-like of shape (n_samples,) or None, default=None
            Labels, each of which has a histogram.
        threshold : float or None, default=None
            The largest error of an inlier.
        error_name : str, default="reconstruction error"
            What the errors are.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : ReconstructionErrorDisplay
            The display, drawn.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sk_aecnn import ReconstructionErrorDisplay
        >>> errors, names = [0.1, 0.2, 0.1, 0.9], ["whole", "whole", "whole", "broken"]
        >>> ax = Figure().subplots()
        >>> display = ReconstructionErrorDisplay.from_errors(
        ...     errors, names, threshold=0.5, ax=ax
        ... )
        >>> len(display.histograms_)  # one for each name
        2
        """
        errors = as_array(errors)
        if errors.ndim != 1:
            raise ValueError(
                f"errors has shape {errors.shape}. Pass one error a sample, of shape (n_samples,)."
            )
        if y is not None:
            y = as_array(y)
            check_consistent_length(errors, y)
        display = cls(errors=errors, y=y, threshold=threshold, error_name=error_name)
        return display.plot(ax, **kwargs)

    def _groups(self) -> dict[str, np.ndarray]:
        """Return the errors by label, with the share of them that is beyond the threshold."""
        groups = {"samples": self.errors}
        if self.y is not None:
            groups = {str(label): self.errors[self.y == label] for label in np.unique(self.y)}
        if self.threshold is None:
            return groups
        return {
            f"{label} ({np.mean(errors > self.threshold):.1%} beyond)": errors
            for label, errors in groups.items()
        }
