"""A model along one input and over two, with the rows that lie near: what `model.plot` draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .style import COLOURS, OURS, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

Numbers = NDArray[np.float64]
# Panels beside each other, and their size in inches.
COLUMNS, WIDTH, HEIGHT = 3, 3.6, 2.9
MAP_WIDTH, MAP_HEIGHT = 5.4, 4.2
# Colours of a map between its lines, and how many lines, which have numbers.
LEVELS, LINES = 41, 9
# A band of errors is drawn where it is wider than this part of the range of y: else the line covers it.
VISIBLE = 0.005
# Rows are drawn from so dark, where they lie in a slice, to so faint at the farthest that are drawn.
DARK, LIGHT = 0.9, 0.1
MOST_ROWS = 2000
# Free space at both ends of an axis, as a part of it.
MARGIN = 0.015
# Where the model extrapolates, its colours are covered by so much white.
WHITE = 0.65


@dataclass(frozen=True)
class Points:
    """Rows near what is drawn: their `x` (n,) or (n, 2), their `y` (n,), how far they are, 0 to 1 (n,), and their
    numbers among all (n,)."""

    x: Numbers
    y: Numbers
    distance: Numbers
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Line:
    """`y` (n,) along one input, `x` (n,), with the `error` (n,) to expect there, and whether rows are near (n,)."""

    name: str
    x: Numbers
    y: Numbers
    error: Numbers | None
    is_near: NDArray[np.bool_] | None
    rows: Points | None
    is_log: bool = False


@dataclass(frozen=True)
class Map:
    """`y` (k, l) over two inputs, of which the first, `x0` (k,), grows to the right, and `x1` (l,) upwards."""

    names: tuple[str, str]
    x0: Numbers
    x1: Numbers
    y: Numbers
    is_near: NDArray[np.bool_] | None
    rows: Points | None


def pictured(n: int, *, is_map: bool) -> tuple[Picture, list[Any]]:
    """A picture of pyplot with `n` axes in rows; ImportError that says what to install without matplotlib."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f'this needs matplotlib, pip install "pml_native[plot]" ({error})') from error

    columns = min(n, COLUMNS)
    rows = -(-n // columns)
    width, height = (MAP_WIDTH, MAP_HEIGHT) if is_map else (max(WIDTH * columns, 5.0), HEIGHT * rows)
    picture, axes = pyplot.subplots(
        rows, columns, figsize=(width, max(height, 3.4)), squeeze=False, sharey=n > 1, layout="constrained"
    )
    flat = list(axes.ravel())
    for unused in flat[n:]:
        unused.set_visible(False)
    return picture, flat[:n]


def draw_line(axes: Any, line: Line, y_name: str | None) -> None:
    """The line, the band of errors if that is wide enough, dashed where no row is near, and rows."""
    plain_axes(axes)
    if line.rows is not None:
        _draw_rows(axes, line.rows.x, line.rows.y, line.rows.distance)
    known = line.y[np.isfinite(line.y)]
    band = None
    if line.error is not None and len(known):
        wide = np.where(np.isfinite(line.error), line.error, 0.0)
        if np.max(wide) > VISIBLE * max(float(np.ptp(known)), np.finfo(float).tiny):
            band = line.y - wide, line.y + wide
            axes.fill_between(line.x, *band, color=OURS, alpha=0.18, linewidth=0, zorder=1)
    near = np.ones(len(line.x), dtype=bool) if line.is_near is None else line.is_near
    # A point more at either end, so that the two kinds of lines meet.
    wider = near | np.append(near[1:], False) | np.append(False, near[:-1])
    axes.plot(line.x, np.where(wider, line.y, np.nan), color=OURS, linewidth=1.6, zorder=3)
    axes.plot(line.x, np.where(near, np.nan, line.y), color=OURS, linewidth=1.2, linestyle=(0, (3, 2)), zorder=3)
    first, last = line.x[0], line.x[-1]
    if line.is_log:
        axes.set_xscale("log")
        room = (last / first) ** MARGIN
        axes.set_xlim(first / room, last * room)
    else:
        axes.set_xlim(first - MARGIN * (last - first), last + MARGIN * (last - first))
    if len(known):
        beside = [] if line.rows is None else [line.rows.y]
        _limits(axes, known, np.concatenate([*beside, *(band or ()), known]))
    axes.set_xlabel(line.name, fontsize=9)
    if y_name is not None:
        axes.set_ylabel(y_name, fontsize=9)


def _limits(axes: Any, known: Numbers, others: Numbers) -> None:
    """The range of y: that of the curve, and of `others` unless they would make it three times as wide."""
    low, high = float(known.min()), float(known.max())
    room = max(high - low, 1e-12 * max(abs(low), abs(high)), np.finfo(float).tiny)
    others = others[np.isfinite(others)]
    low, high = max(min(low, float(others.min())), low - room), min(max(high, float(others.max())), high + room)
    axes.set_ylim(low - 0.06 * room, high + 0.06 * room)


def draw_map(axes: Any, one: Map, y_name: str) -> None:
    """Colours with lines of equal y, faded where no row is near, and rows."""
    plain_axes(axes)
    axes.grid(visible=False)
    values = np.ma.masked_invalid(one.y.T)
    low, high = float(values.min()), float(values.max())
    if not low < high:
        low, high = low - 0.5, high + 0.5
    filled = axes.contourf(one.x0, one.x1, values, levels=np.linspace(low, high, LEVELS), cmap="viridis")
    filled.set_edgecolor("face")  # without which seams show between colours
    lines = axes.contour(one.x0, one.x1, values, levels=LINES, colors="white", linewidths=0.6, alpha=0.8)
    axes.clabel(lines, fontsize=7, fmt="%.3g")
    if one.is_near is not None and not one.is_near.all():
        cover = np.ones((*one.is_near.T.shape, 4))
        cover[..., 3] = np.where(one.is_near.T, 0.0, WHITE)
        ends = one.x0[0], one.x0[-1], one.x1[0], one.x1[-1]
        axes.imshow(cover, origin="lower", extent=ends, aspect="auto", interpolation="bilinear", zorder=2)
    if one.rows is not None:
        _draw_rows(axes, one.rows.x[:, 0], one.rows.x[:, 1], one.rows.distance, edge="white")
    axes.set_xlim(one.x0[0], one.x0[-1])
    axes.set_ylim(one.x1[0], one.x1[-1])
    axes.set_xlabel(one.names[0], fontsize=9)
    axes.set_ylabel(one.names[1], fontsize=9)
    bar = axes.figure.colorbar(filled, ax=axes, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(y_name, fontsize=9)
    bar.locator = _ticks()
    bar.update_ticks()


def _ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(7)


def _draw_rows(axes: Any, x: Numbers, y: Numbers, distance: Numbers, edge: str = "none") -> None:
    if not len(x):
        return
    some = np.argsort(distance, kind="stable")[:MOST_ROWS][::-1]
    from matplotlib.colors import to_rgba

    colours = np.tile(to_rgba("black" if edge != "none" else COLOURS[1]), (len(some), 1))
    colours[:, 3] = DARK + (LIGHT - DARK) * distance[some]
    size = 14.0 if len(some) <= 200 else 6.0
    axes.scatter(x[some], y[some], s=size, c=colours, edgecolors=edge, linewidths=0.4, zorder=4)


def title(picture_axes: Sequence[Any], text: str, at: str) -> None:
    """What the model is above the picture, and where other inputs are held."""
    axes, said = picture_axes[0], "\n".join(filter(None, [text, at]))
    if len(picture_axes) == 1:
        axes.set_title(said, loc="left", fontsize=9, color="0.25")
    else:
        axes.figure.suptitle(said, x=0.01, ha="left", fontsize=9, color="0.25")
