"""Codes as points of a plane."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target

from sk_aecnn.plotting._samples import are_columns, are_curves, as_array, as_pictures, find_geometry
from sk_aecnn.plotting._style import COLOURS, Style, merge, style_of, take_axes

# numbers with more values are coloured as numbers, not as classes
_MOST_CLASSES = 20
# of the points, the part that a grid of decoded codes spans along each axis
_SPANNED = (0.05, 0.95)
# points that a grid is under
_OVER_IMAGES = {"s": 12, "edgecolors": "white", "linewidths": 0.4}
# between images, as a share of their height or width
_MARGIN = 0.05


class CodeSpaceDisplay:
    """Codes in the plane, coloured by label.

    Codes of two units are drawn as they are, longer ones by their two principal axes. On request,
    the images that the decoder makes of a grid of codes in this plane lie under the points.

    It is recommended to use `from_estimator` or `from_codes`. All parameters are stored as
    attributes.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Positions of the codes.
    axis_names : sequence of str
        What the two axes are.
    y : ndarray of shape (n_samples,) or None, default=None
        Labels, each of which has a colour and a marker, or numbers, which have a colour bar. Whole
        numbers of more than 20 values count as numbers.
    grid : ndarray of shape (n_rows, n_columns, height, width) or \
            (n_rows, n_columns, height, width, 3), or None, default=None
        Images from the decoder, the first row at the lowest points.
    grid_range : ndarray of shape (2, 2) or None, default=None
        The points of the first and of the last image.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure of the axes.
    scatters_ : list of matplotlib.collections.PathCollection
        Points of each label, or all points.
    image_ : matplotlib.image.AxesImage or None
        The decoded grid.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        Colours of numbers.

    See Also
    --------
    ReconstructionDisplay : Samples and what the decoder makes of their codes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import AutoencoderTransformer, CodeSpaceDisplay
    >>> digits = load_digits()
    >>> ae = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(digits.images)
    >>> display = CodeSpaceDisplay.from_estimator(ae, digits.images, digits.target)
    >>> len(display.scatters_)
    10
    """

    ax_: Any
    figure_: Any
    scatters_: list[Any]
    image_: Any
    colorbar_: Any

    def __init__(
        self,
        *,
        points: np.ndarray,
        axis_names: tuple[str, str],
        y: np.ndarray | None = None,
        grid: np.ndarray | None = None,
        grid_range: np.ndarray | None = None,
    ) -> None:
        self.points = points
        self.axis_names = axis_names
        self.y = y
        self.grid = grid
        self.grid_range = grid_range

    def plot(
        self, ax: Any = None, *, scatter_kwargs: Style = None, image_kwargs: Style = None
    ) -> Self:
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        scatter_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.scatter`.
        image_kwargs : dict or None, default=None
            Arguments of `matplotlib.axes.Axes.imshow` for the decoded grid.

        Returns
        -------
        display : CodeSpaceDisplay
            This display, with its artists.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import CodeSpaceDisplay
        >>> digits = load_digits()
        >>> left, right = Figure().subplots(1, 2)
        >>> codes = PCA(2).fit_transform(digits.data)
        >>> display = CodeSpaceDisplay.from_codes(codes, ax=left)
        >>> display = display.plot(right, scatter_kwargs={"s": 4})  # drawn once more
        >>> len(display.scatters_)
        1
        """
        ax = take_axes(ax, self)
        self.ax_, self.figure_ = ax, ax.figure
        self.image_ = None if self.grid is None else self._plot_grid(image_kwargs)
        over = {} if self.grid is None else _OVER_IMAGES
        style = merge({"s": 14, "alpha": 0.8, **over}, scatter_kwargs, "PathCollection")
        self.colorbar_ = None
        self.scatters_ = []
        if self.y is None:
            self._scatter(slice(None), {"color": COLOURS[0]} | style)
        elif _are_numbers(self.y):
            self._scatter(slice(None), {"c": self.y, "cmap": "viridis"} | style)
            self.colorbar_ = self.figure_.colorbar(self.scatters_[0], ax=ax, label="y")
        else:
            for index, label in enumerate(np.unique(self.y)):
                named = style_of(index) | {"label": str(label)}
                self._scatter(self.y == label, named | style)
            ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        grid_size: int | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the codes of samples.

        Parameters
        ----------
        estimator : estimator
            A fitted one with ``transform``, and with ``inverse_transform`` for a grid: pipelines
            and `sklearn.decomposition.PCA` too.
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        y : array-like of shape (n_samples,) or None, default=None
            Labels or numbers to colour them by.
        grid_size : int or None, default=None
            Number of codes to decode along each axis, over the middle 90 % of the points; for
            images. ``None`` draws no grid.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : CodeSpaceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the code has a single unit, or a grid is asked for and samples are no images.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import CodeSpaceDisplay
        >>> digits = load_digits()
        >>> pca = PCA(2).fit(digits.data)
        >>> ax = Figure().subplots()
        >>> display = CodeSpaceDisplay.from_estimator(
        ...     pca, digits.data, digits.target, ax=ax
        ... )
        >>> len(display.scatters_)  # one for each class
        10
        """
        plane = _Plane(as_array(estimator.transform(X)))
        grid = grid_range = None
        if grid_size is not None:
            grid_range = np.quantile(plane.points, _SPANNED, axis=0)
            grid = _decode_grid(estimator, X, plane, grid_range, grid_size)
        return cls._from_plane(plane, y, ax, kwargs, grid=grid, grid_range=grid_range)

    @classmethod
    def from_codes(cls, codes: Any, y: Any = None, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw codes.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_units)
            Codes, as ``transform`` returns them.
        y : array-like of shape (n_samples,) or None, default=None
            Labels or numbers to colour them by.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; ``None`` makes a new figure.
        **kwargs : dict
            Arguments of `plot`.

        Returns
        -------
        display : CodeSpaceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the codes have a single unit.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from sk_aecnn import CodeSpaceDisplay
        >>> digits = load_digits()
        >>> codes = PCA(5).fit_transform(digits.data)
        >>> ax = Figure().subplots()
        >>> CodeSpaceDisplay.from_codes(codes, digits.target, ax=ax).points.shape
        (1797, 2)
        """
        return cls._from_plane(_Plane(as_array(codes)), y, ax, kwargs)

    @classmethod
    def _from_plane(cls, plane: _Plane, y: Any, ax: Any, kwargs: Any, **grid: Any) -> Self:
        if y is not None:
            y = as_array(y)
            check_consistent_length(plane.points, y)
        display = cls(points=plane.points, axis_names=plane.axis_names, y=y, **grid)
        return display.plot(ax, **kwargs)

    def _scatter(self, chosen: Any, style: Any) -> None:
        self.scatters_.append(self.ax_.scatter(*self.points[chosen].T, **style))

    def _plot_grid(self, image_kwargs: Style) -> Any:
        """Draw the decoded images in one, each around its point."""
        assert self.grid is not None, "it is there"
        assert self.grid_range is not None, "a grid has one"
        n_rows, n_columns, *size = self.grid.shape[:4]
        margins = [(side := max(1, round(_MARGIN * length)), side) for length in size]
        has_colours = self.grid.ndim == 5
        widths = [(0, 0), (0, 0), *margins, *([(0, 0)] if has_colours else [])]
        apart = np.pad(self.grid, widths, constant_values=1.0 if has_colours else np.nan)
        upwards = apart[::-1].swapaxes(1, 2)
        joined = upwards.reshape(upwards.shape[0] * upwards.shape[1], -1, *self.grid.shape[4:])
        half = (self.grid_range[1] - self.grid_range[0]) / (n_columns - 1, n_rows - 1) / 2
        (left, bottom), (right, top) = self.grid_range + np.stack([-half, half])
        style = merge({"cmap": "gray", "aspect": "auto"}, image_kwargs, "AxesImage")
        image = self.ax_.imshow(joined, extent=(left, right, bottom, top), **style)
        self.ax_.autoscale(True)
        return image


class _Plane:
    """The plane that codes are drawn in, and the way back from its points to codes."""

    def __init__(self, codes: np.ndarray) -> None:
        if codes.ndim != 2 or codes.shape[1] < 2:
            raise ValueError(
                f"The codes have shape {codes.shape}, but a plane needs at least two units. Pass "
                "codes of shape (n_samples, n_units), of an estimator with encoding_dim=2 or more."
            )
        self.pca = None if codes.shape[1] == 2 else PCA(2, random_state=0).fit(codes)
        if self.pca is None:
            self.points = codes
            self.axis_names = "unit 0 of the code", "unit 1 of the code"
        else:
            self.points = self.pca.transform(codes)
            first, second = self.pca.explained_variance_ratio_
            self.axis_names = (
                f"first principal axis of the code ({first:.0%} of its variance)",
                f"second principal axis ({second:.0%})",
            )

    def to_codes(self, points: np.ndarray) -> np.ndarray:
        return points if self.pca is None else np.asarray(self.pca.inverse_transform(points))


def _decode_grid(
    estimator: Any, X: Any, plane: _Plane, grid_range: np.ndarray, size: int
) -> np.ndarray:
    """Return the images of a grid of codes, (size, size, height, width), or with colours."""
    geometry = find_geometry(estimator, X, None, "auto")
    if are_columns(geometry) or are_curves(geometry):
        raise ValueError(
            f"grid_size={size} draws decoded samples as images, but the estimator was fitted on "
            f"samples of shape {geometry.shape}. Leave it at None; for images as flat rows, fit "
            "with sample_shape."
        )
    if size < 2:
        raise ValueError(f"grid_size={size} must be at least 2, or None for no grid.")
    xs, ys = np.linspace(grid_range[0], grid_range[1], size).T
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    samples = as_array(estimator.inverse_transform(plane.to_codes(points)))
    pictures = as_pictures(samples.reshape(-1, *geometry.shape), geometry)
    if pictures.ndim == 4:  # colours are numbers from 0 to 1
        low, high = pictures.min(), pictures.max()
        pictures = (pictures - low) / ((high - low) or 1.0)
    return pictures.reshape(size, size, *pictures.shape[1:])


def _are_numbers(y: np.ndarray) -> bool:
    """Tell whether targets are drawn as numbers, not as classes."""
    if y.dtype.kind not in "iuf":
        return False
    return type_of_target(y) == "continuous" or len(np.unique(y)) > _MOST_CLASSES
