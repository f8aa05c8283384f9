"""Errors against sizes on logarithmic axes, with the slopes that were expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import COLOURS, FAINT, MARKERS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# Relative errors below this may be those of rounding, which follow no law.
ROUNDED = 1e-14
# Inches that a line and a character of the legend take.
LEGEND_HANDLE, LEGEND_CHARACTER = 0.6, 0.065


@dataclass(frozen=True)
class Curve:
    """Errors (n,) at sizes (n,); several at one size (seeds) show as a median line in their range.

    `expected` is an exponent, drawn as a dotted line. `style` counts through colours and markers; where it is None,
    curves of one label look the same in all panels. `dashed` ones are for comparison.
    """

    label: str
    sizes: ArrayLike
    errors: ArrayLike
    expected: float | None = None
    style: int | None = None
    dashed: bool = False


def draw(titles_and_curves: Mapping[str, Sequence[Curve]], *, x: str, y: str, **options: Any) -> Picture:
    """A panel for each title, and one legend below all. `options` are those of `panels`."""
    picture, axes = panels(max(len(titles_and_curves), 1), **options)
    numbers: dict[str, int] = {}
    named: dict[str, Any] = {}
    for one, (title, curves) in zip(axes, titles_and_curves.items(), strict=False):
        one.set_title(title, loc="left", fontsize=9)
        for curve in curves:
            number = numbers.setdefault(curve.label, len(numbers))
            named.setdefault(curve.label, plot(one, curve, number if curve.style is None else curve.style))
            if curve.expected is not None:
                named["expected slope"] = _expected(one, curve)
    for one in axes:
        one.set_xscale("log")
        one.set_yscale("log")
        one.set_xlabel(x, fontsize=8)
        if one.get_subplotspec().is_first_col():
            one.set_ylabel(y, fontsize=8)
    if named:
        slope = named.pop("expected slope", None)
        named |= {} if slope is None else {"expected slope": slope}
        widest = LEGEND_HANDLE + LEGEND_CHARACTER * max(map(len, named))
        columns = max(1, min(len(named), int(picture.get_figwidth() / widest)))
        picture.legend(named.values(), named, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
    return picture


def _medians(curve: Curve) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], NDArray[np.float64]]:
    """The different sizes, the errors at each, and their medians."""
    sizes, errors = np.asarray(curve.sizes, dtype=np.float64), np.asarray(curve.errors, dtype=np.float64)
    different = np.unique(sizes)
    groups = [errors[sizes == size] for size in different]
    return different, groups, np.array([np.median(group) for group in groups])


def plot(axes: Any, curve: Curve, style: int) -> Any:
    """One curve in `axes`, and its line; `style` counts through colours and markers."""
    different, groups, middle = _medians(curve)
    colour, marker = COLOURS[style % len(COLOURS)], MARKERS[style % len(MARKERS)]
    look = {"linestyle": "--", "markerfacecolor": "white"} if curve.dashed else {"linestyle": "-"}
    (line,) = axes.plot(
        different, middle, color=colour, marker=marker, markersize=3.5, linewidth=1.2, label=curve.label, **look
    )
    if any(len(group) > 1 for group in groups):
        low, high = [min(group) for group in groups], [max(group) for group in groups]
        axes.fill_between(different, low, high, color=colour, alpha=0.15, linewidth=0)
    return line


def _expected(axes: Any, curve: Curve) -> Any:
    """A line of the expected slope through the later part of what falls, where it is most nearly a law."""
    different, _, middle = _medians(curve)
    falling = np.flatnonzero(middle > ROUNDED)
    at = falling[3 * len(falling) // 4] if len(falling) else 0
    line = middle[at] * (different / different[at]) ** curve.expected
    shown = line >= middle.min()
    return axes.plot(different[shown], line[shown], ":", color=FAINT, linewidth=1.5)[0]
