"""Piecewise linear fits: curves with their errors above, and below maps of the plane, coloured by the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import COLOURS, OURS, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# Errors below this are rounding, and 0 has no logarithm.
LEAST_ERROR = 1e-17
# The colours of gradients at the four corners of what is shown: (low, low), (low, high), (high, low), (high, high) in
# the derivatives along the first and second input. Blue against orange is what the colour-blind see best.
CORNERS = np.array([[[0.10, 0.10, 0.18], [0.00, 0.45, 0.85]], [[0.90, 0.50, 0.00], [1.00, 0.97, 0.88]]])
NOTHING = (0.93, 0.93, 0.93)


@dataclass(frozen=True)
class Curve:
    """A fit `y` (n,) at `x` (n,), the `truth` there, and the points (X, Y) that it was fitted to."""

    label: str
    x: ArrayLike
    y: ArrayLike
    truth: ArrayLike
    X: ArrayLike
    Y: ArrayLike


@dataclass(frozen=True)
class Map:
    """The number of the piece at each pixel (k, l), negative for none, and each piece's gradient (pieces, 2).

    The first axis is the first input's. `window` and `box` are intervals of both inputs, the data `X` (n, 2) lie in the
    box. `edges` says whether lines between pieces are drawn.
    """

    title: str
    numbers: ArrayLike
    gradients: ArrayLike
    window: Sequence[tuple[float, float]]
    box: Sequence[tuple[float, float]]
    X: ArrayLike
    edges: bool = True


def draw(curves: Sequence[Curve], maps: Sequence[Map]) -> Picture:
    """The picture; any of its parts may be missing."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.0, 7.0), layout="constrained")
    parts: Any = picture.subfigures(2, 1, height_ratios=(1.0, 1.1))
    above, below = parts
    fits, errors = above.subplots(1, 2)
    _draw_curves(fits, errors, curves)
    shown = below.subplots(1, max(len(maps), 1), squeeze=False)[0]
    for axes, one in zip(shown, maps, strict=False):
        _draw_map(axes, one)
    if maps:
        shown[0].set_ylabel("y", fontsize=8)
    else:
        shown[0].set_visible(False)
    return picture


def _draw_curves(fits: Any, errors: Any, curves: Sequence[Curve]) -> None:
    for axes in (fits, errors):
        plain_axes(axes)
        axes.set_xlabel("x", fontsize=8)
    fits.set_title("y = cos(2x)", loc="left", fontsize=9)
    errors.set_title("absolute error", loc="left", fontsize=9)
    errors.set_yscale("log")
    styles = (":", "--", "-.", "-")
    for number, curve in enumerate(curves):
        # Ours last and in its colour; the others in theirs.
        last = number == len(curves) - 1
        colour = OURS if last and len(curves) > 1 else COLOURS[1 + number]
        look = {"color": colour, "linewidth": 1.3, "linestyle": styles[number % len(styles)]}
        fits.plot(curve.x, curve.y, label=curve.label, **look)
        errors.plot(curve.x, np.maximum(np.abs(np.subtract(curve.y, curve.truth)), LEAST_ERROR), **look)
    if curves:
        fits.plot(np.ravel(curves[0].X), curves[0].Y, "o", color="black", markersize=3.5, label="data", zorder=3)
        fits.legend(fontsize=8, frameon=False, loc="best")


def _draw_map(axes: Any, one: Map) -> None:
    numbers = np.asarray(one.numbers)
    (left, right), (bottom, top) = one.window
    extent = (left, right, bottom, top)
    # Images have rows from top to bottom; here the second input grows upwards.
    axes.imshow(np.swapaxes(_coloured(one, numbers), 0, 1), origin="lower", extent=extent, interpolation="nearest")
    (x0, x1), (y0, y1) = one.box
    axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="black", linewidth=1.2)
    axes.plot(*np.asarray(one.X).T, ".", color="black", markersize=1.5)
    axes.set_title(one.title, loc="left", fontsize=9)
    axes.set_xlabel("x", fontsize=8)
    axes.tick_params(labelsize=8)


def _coloured(one: Map, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Colours (k, l, 3): between those of the corners, of the range of the gradients of xy in and near the box."""
    gradients = np.asarray(one.gradients, dtype=np.float64)
    low, high = 0.5 * (np.min(one.window) + np.min(one.box)), 0.5 * (np.max(one.window) + np.max(one.box))
    u, v = np.clip((gradients - low) / (high - low), 0.0, 1.0).T[:, :, None]
    colours = (1 - u) * ((1 - v) * CORNERS[0, 0] + v * CORNERS[0, 1]) + u * (
        (1 - v) * CORNERS[1, 0] + v * CORNERS[1, 1]
    )
    pixels = np.where((numbers < 0)[:, :, None], NOTHING, colours[numbers])
    if one.edges:
        edge = np.zeros(numbers.shape, dtype=bool)
        edge[1:] |= numbers[1:] != numbers[:-1]
        edge[:, 1:] |= numbers[:, 1:] != numbers[:, :-1]
        pixels[edge] = 0.45 * pixels[edge] + 0.55
    return pixels
