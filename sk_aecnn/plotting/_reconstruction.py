"""Samples beside their reconstructions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.plotting._samples import (
    are_columns,
    are_curves,
    as_array,
    as_curves,
    as_pictures,
    find_geometry,
    names_of,
)
from sk_aecnn.plotting._style import COLOURS, Style, merge, take_axes

# between pictures, as a share of their height or width
_GAP = 0.08
# between curves, of their range
_DISTANCE = 1.1


class ReconstructionDisplay:
    """Samples, their reconstructions, and where these differ.

    Images are drawn above their reconstructions and above maps of the absolute error, a mean over
    channels; of volumes, the slice in the middle of the first axis. Sequences are drawn as curves,
    one sample above another, each with its reconstruction; with more than six channels they are
    drawn as images of channels by time. Of tables, the error of every column is drawn as a bar.

    It is recommended to use `from_estimator` or `from_reconstructions`. All parameters are stored
    as attributes.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, *sample_shape)
        The samples.
    reconstructions : ndarray of shape (n_samples, *sample_shape)
        Their reconstructions.
    channel_axis : int or None
        The axis of the channels within one sample.
    feature_names : ndarray of shape (n_features,) or None, default=None
        Names of the columns of a table.
    errors : ndarray of shape (n_features,) or None, default=None
        Errors of the columns of a table, relative to those of a constant; ``None`` for root mean
        squared errors in standard deviations of the samples.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the samples.
    figure_ : matplotlib Figure
        Figure of the axes.
    images_ : ndarray of shape (3, n_samples) or None
        Images (`matplotlib.image.AxesImage`) of samples, reconstructions and errors.
    lines_ : list of matplotlib.lines.Line2D or None
        Curves of each sample and its reconstruction, channel by channel.
    bars_ : matplotlib.container.BarContainer or None
        Errors of columns.

    See Also
    --------
    ReconstructionErrorDisplay : How large the errors of samples are.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import AutoencoderTransformer, ReconstructionDisplay
    >>> images = load_digits().images
    >>> ae = AutoencoderTransformer(8, max_epochs=5, random_state=0).fit(images)
    >>> ReconstructionDisplay.from_estimator(ae, images).images_.shape
    (3, 8)
    """

    ax_: Any
    figure_: Any
    images_: Any
    lines_: Any
    bars_: Any

    def __init__(
        self,
        *,
        samples: np.ndarray,
        reconstructions: np.ndarray,
        channel_axis: int | None,
        feature_names: np.ndarray | None = None,
        errors: np.ndarray | None = None,
    ) -> None:
        self.samples = samples
        self.reconstructions = reconstructions
        self.channel_axis = channel_axis
        self.feature_names = feature_names
        self.errors = errors

    def plot(
        self,
        ax: Any = None,
        *,
        n_samples: int = 8,
        max_features: int = 20,
        image_kwargs: Style = None,
        error_kwargs: Style = None,
        line_kwargs: Style = None,
        bar_kwargs: Style = None,
    ) -> Self:
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        n_samples : int, default=8
            The most images or sequences to draw, from the first one on.
        max_features : int, default=20
            The most columns of a table to draw, those with the largest errors.
        image_kwargs, error_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.imshow` for images and for maps of their errors.
        line_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.plot` for all curves.
        bar_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.barh`.

        Returns
        -------
        display : ReconstructionDisplay
            This display, with its artists.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import ReconstructionDisplay
        >>> rows = load_digits().data
        >>> pca = PCA(8).fit(rows)
        >>> upper, lower = Figure().subplots(2)
        >>> display = ReconstructionDisplay.from_estimator(
        ...     pca, rows, sample_shape=(8, 8), ax=upper
        ... )
        >>> display = display.plot(lower, image_kwargs={"cmap": "gray_r"})
        >>> display.ax_ is lower  # drawn once more
        True
        """
        geometry = SampleGeometry(self.samples.shape[1:], self.channel_axis)
        originals, reconstructed = self.samples[:n_samples], self.reconstructions[:n_samples]
        ax = take_axes(ax, self, _aspect(geometry, len(originals)))
        self.ax_, self.figure_ = ax, ax.figure
        self.images_ = self.lines_ = self.bars_ = None
        if are_columns(geometry):
            self._plot_columns(max_features, bar_kwargs)
        elif are_curves(geometry):
            curves = as_curves(originals, geometry), as_curves(reconstructed, geometry)
            self._plot_curves(*curves, line_kwargs)
        else:
            pictures = as_pictures(originals, geometry), as_pictures(reconstructed, geometry)
            self._plot_pictures(*pictures, image_kwargs, error_kwargs)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        sample_shape: tuple[int, ...] | None = None,
        channel_axis: Any = "auto",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw samples and what an estimator makes of them.

        Parameters
        ----------
        estimator : estimator
            A fitted one with ``reconstruct``, or with ``transform`` and ``inverse_transform``, as
            `sklearn.decomposition.PCA` and pipelines of such transformers have.
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        sample_shape : tuple of int or None, default=None
            Shape of one sample, needed only for images as flat rows and an estimator without
            ``sample_shape_``.
        channel_axis : "auto", int or None, default="auto"
            The axis of the channels within one sample, as for the estimators of this package, which
            know their own.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import ReconstructionDisplay
        >>> rows = load_digits().data
        >>> pca = PCA(8).fit(rows)
        >>> display = ReconstructionDisplay.from_estimator(
        ...     pca, rows, sample_shape=(8, 8), ax=Figure().subplots()
        ... )
        >>> display.samples.shape  # those that are drawn
        (8, 8, 8)
        """
        geometry = find_geometry(estimator, X, sample_shape, channel_axis)
        errors = None
        if not are_columns(geometry):
            X = X[: kwargs.get("n_samples", 8)]
        elif as_array(X).dtype.kind not in "biuf":  # some are categories
            squares = estimator.reconstruction_error(X, per_feature=True, scaled=True)
            errors = np.sqrt(_mean_of_known(squares))
        return cls._from_geometry(X, _reconstruct(estimator, X), geometry, ax, kwargs, errors)

    @classmethod
    def from_reconstructions(
        cls,
        X: Any,
        reconstructions: Any,
        *,
        sample_shape: tuple[int, ...] | None = None,
        channel_axis: Any = "auto",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw samples and reconstructions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        reconstructions : array-like of the shape of ``X``
            Their reconstructions.
        sample_shape : tuple of int or None, default=None
            Shape of one sample, needed only for images as flat rows.
        channel_axis : "auto", int or None, default="auto"
            The axis of the channels within one sample. ``"auto"``: the last axis of samples with
            one, three or four axes, ``None`` for samples with two.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import ReconstructionDisplay
        >>> rows = load_digits().data
        >>> pca = PCA(8).fit(rows)
        >>> restored = pca.inverse_transform(pca.transform(rows))
        >>> display = ReconstructionDisplay.from_reconstructions(
        ...     rows, restored, sample_shape=(8, 8), ax=Figure().subplots()
        ... )
        >>> display.samples.shape
        (1797, 8, 8)
        """
        geometry = find_geometry(None, X, sample_shape, channel_axis)
        return cls._from_geometry(X, reconstructions, geometry, ax, kwargs)

    @classmethod
    def _from_geometry(
        cls,
        X: Any,
        reconstructions: Any,
        geometry: SampleGeometry,
        ax: Any,
        kwargs: Any,
        errors: np.ndarray | None = None,
    ) -> Self:
        samples, reconstructed = as_array(X), as_array(reconstructions)
        if reconstructed.size != samples.size:
            raise ValueError(
                f"reconstructions has shape {reconstructed.shape}, but X has shape {samples.shape}."
                " Pass one reconstruction of every sample."
            )
        if are_columns(geometry):
            names = names_of(X, samples.shape[1])
            display = cls(
                samples=samples,
                reconstructions=reconstructed,
                channel_axis=0,
                feature_names=names,
                errors=errors,
            )
        else:
            display = cls(
                samples=samples.reshape(-1, *geometry.shape),
                reconstructions=reconstructed.reshape(-1, *geometry.shape),
                channel_axis=geometry.channel_axis,
            )
        return display.plot(ax, **kwargs)

    def _plot_pictures(
        self,
        originals: np.ndarray,
        reconstructed: np.ndarray,
        image_kwargs: Style,
        error_kwargs: Style,
    ) -> None:
        errors = np.abs(originals - reconstructed)
        if errors.ndim == 4:
            errors = errors.mean(axis=-1)
        low, high = originals.min(), originals.max()
        if originals.ndim == 4:  # colours are numbers from 0 to 1
            originals, reconstructed = (
                np.clip((part - low) / ((high - low) or 1.0), 0, 1)
                for part in (originals, reconstructed)
            )
        grey = merge({"cmap": "gray", "vmin": low, "vmax": high}, image_kwargs, "AxesImage")
        hot = merge(
            {"cmap": "magma", "vmin": 0.0, "vmax": errors.max() or 1.0}, error_kwargs, "AxesImage"
        )
        rows = [(originals, grey), (reconstructed, grey), (errors, hot)]
        height, width = errors.shape[1:]
        down, right = height * (1 + _GAP), width * (1 + _GAP)
        self.images_ = np.empty((3, len(errors)), dtype=object)
        for (row, column), _ in np.ndenumerate(self.images_):
            pictures, style = rows[row]
            top, left = row * down, column * right
            extent = (left, left + width, top + height, top)
            self.images_[row, column] = self.ax_.imshow(pictures[column], extent=extent, **style)
        self.ax_.set(
            xlim=(0, len(errors) * right - width * _GAP),
            ylim=(3 * down - height * _GAP, 0),
            xticks=np.arange(len(errors)) * right + width / 2,
            xticklabels=range(len(errors)),
            xlabel="sample",
            yticks=np.arange(3) * down + height / 2,
            yticklabels=["original", "reconstruction", "absolute error"],
        )
        self.ax_.tick_params(length=0)
        self.ax_.spines[:].set_visible(False)
        beside_errors = self.ax_.inset_axes((1.02, 0.0, 0.02, height / (3 * down - height * _GAP)))
        self.figure_.colorbar(self.images_[2, 0], cax=beside_errors)

    def _plot_curves(
        self, originals: np.ndarray, reconstructed: np.ndarray, line_kwargs: Style
    ) -> None:
        n_samples, _, n_channels = originals.shape
        distance = _DISTANCE * (np.ptp(originals) or 1.0)
        thick = merge({"linewidth": 4, "alpha": 0.35}, line_kwargs)
        thin = merge({"linewidth": 1.2}, line_kwargs)
        self.lines_ = []
        for row, column in np.ndindex(n_samples, n_channels):
            color = {"color": COLOURS[column]}
            named = f", channel {column}" if n_channels > 1 else ""
            for curves, style, name in (
                (originals, thick, f"original{named}"),
                (reconstructed, thin, f"reconstruction{named}"),
            ):
                curve = curves[row, :, column] - row * distance
                label = {"label": name if row == 0 else f"_{name}"}
                self.lines_ += self.ax_.plot(curve, **(label | color | style))
        middle = float(originals.mean())
        self.ax_.set(
            xlabel="position",
            ylabel="sample",
            yticks=middle - np.arange(n_samples) * distance,
            yticklabels=range(n_samples),
        )
        self.ax_.margins(x=0.01)
        self.ax_.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize="small", frameon=False
        )

    def _plot_columns(self, max_features: int, bar_kwargs: Style) -> None:
        errors = self._relative_errors() if self.errors is None else self.errors
        names = self.feature_names
        if names is None:
            names = names_of(self.samples, len(errors))
        shown = np.argsort(errors, kind="stable")[-max_features:]
        style = merge({"color": COLOURS[0]}, bar_kwargs, "Rectangle")
        self.bars_ = self.ax_.barh(np.arange(len(shown)), errors[shown], **style)
        self.ax_.set_yticks(np.arange(len(shown)), names[shown])
        self.ax_.set_xlabel("root mean squared error, relative to that of the mean")
        omitted = len(shown) < len(errors)
        self.ax_.set_ylabel(f"{len(shown)} of {len(errors)} columns" if omitted else "column")

    def _relative_errors(self) -> np.ndarray:
        """Return the error of each column, in standard deviations of its samples."""
        try:
            samples = self.samples.astype(np.float64)
        except ValueError as error:
            raise ValueError(
                f"Samples hold values that are no numbers ({error}). Pass them with the estimator, "
                "to from_estimator, which measures errors of categories."
            ) from error
        scale = np.sqrt(_mean_of_known(np.square(samples - _mean_of_known(samples))))
        errors = np.sqrt(_mean_of_known(np.square(samples - self.reconstructions)))
        relative: np.ndarray = errors / np.where(scale > 0, scale, 1.0)
        return relative


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Return the mean of each column over the values that are not NaN, 0 where there are none."""
    n_known = np.count_nonzero(~np.isnan(values), axis=0)
    mean: np.ndarray = np.nansum(values, axis=0) / np.maximum(n_known, 1)
    return mean


def _aspect(geometry: SampleGeometry, n_samples: int) -> float:
    """Return the height of a figure, divided by its width, that leaves little of it empty.

    Examples
    --------
    >>> _aspect(SampleGeometry((8, 8), None), 8), _aspect(SampleGeometry((8,), 0), 8)
    (0.43, 0.75)
    """
    if are_columns(geometry) or are_curves(geometry):
        return 0.75
    height, width = as_pictures(np.empty((1, *geometry.shape)), geometry).shape[1:3]
    aspect: float = min(1.5, 0.75 * 3 * height / (n_samples * width) + 0.15)
    return round(aspect, 2)


def _reconstruct(estimator: Any, X: Any) -> Any:
    """Return samples after coding and decoding."""
    if hasattr(estimator, "reconstruct"):
        return estimator.reconstruct(X)
    return estimator.inverse_transform(estimator.transform(X))
