"""Axes, colours and keyword arguments of all displays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sk_aecnn._compat import check_matplotlib_support

Style = Mapping[str, Any] | None

# told apart with every kind of colour vision (Petroff 2021, "Accessible color sequences for data
# visualization", ten colours)
COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# lines that mark a place, between the colours of light and of dark backgrounds
GUIDE = {"color": "0.4", "linewidth": 1.2}


def take_axes(ax: Any, display: object, aspect: float = 0.75) -> Any:
    """Return the axes to draw on, those of a new figure where none are given.

    Parameters
    ----------
    ax : matplotlib Axes or None
        The axes, or None.
    display : object
        What is to be drawn.
    aspect : float
        Height of a new figure divided by its width.
    """
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt

    if ax is None:
        width = plt.rcParams["figure.figsize"][0]
        _, ax = plt.subplots(figsize=(width, aspect * width), layout="constrained")
    return ax


def merge(defaults: Mapping[str, Any], given: Style, artist: str = "Line2D") -> dict[str, Any]:
    """Return keyword arguments of an artist, those that the user gave before the defaults.

    Aliases, as ``lw`` of ``linewidth``, are the argument that they stand for.

    Examples
    --------
    >>> merge({"color": "C0", "linewidth": 1}, {"lw": 3})
    {'color': 'C0', 'linewidth': 3}
    """
    import matplotlib.collections
    import matplotlib.image
    import matplotlib.lines
    import matplotlib.patches
    from matplotlib.cbook import normalize_kwargs

    classes: dict[str, Any] = {
        "AxesImage": matplotlib.image.AxesImage,
        "Line2D": matplotlib.lines.Line2D,
        "PathCollection": matplotlib.collections.PathCollection,
        "Rectangle": matplotlib.patches.Rectangle,
    }
    return {**defaults, **normalize_kwargs(dict(given or {}), classes[artist])}


def style_of(index: int) -> dict[str, str]:
    """Return the colour and the marker of one of several groups: no two groups have both alike.

    Examples
    --------
    >>> style_of(0) == style_of(10), style_of(0)["color"] == style_of(10)["color"]
    (False, True)
    """
    # the marker changes with the colour as well: two signs tell neighbours apart
    turn, colour = divmod(index, len(COLOURS))
    return {"color": COLOURS[colour], "marker": MARKERS[(colour + turn) % len(MARKERS)]}
