"""Errors against sizes on logarithmic axes, with the slopes that were expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .style import COLOURS, FAINT, MARKERS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


@dataclass(frozen=True)
class Curve:
    """Errors (n,) at sizes (n,); several at one size (seeds) show as a median line in their range.

    `expected` is an exponent, drawn as a dotted line. `style` counts through colours and markers; curves are numbered
    in their order where it is None.
    """

    label: str
    sizes: ArrayLike
    errors: ArrayLike
    expected: float | None = None
    style: int | None = None


def draw(titles_and_curves: Mapping[str, Sequence[Curve]], *, x: str, y: str, **options: Any) -> Picture:
    """A panel for each title. `options` are those of `panels`."""
    picture, axes = panels(len(titles_and_curves), **options)
    for one, (title, curves) in zip(axes, titles_and_curves.items(), strict=True):
        one.set_title(title, loc="left", fontsize=9)
        for number, curve in enumerate(curves):
            plot(one, curve, number if curve.style is None else curve.style)
        one.set_xscale("log")
        one.set_yscale("log")
        one.legend(fontsize=7, frameon=False, handlelength=1.5)
        one.set_xlabel(x, fontsize=8)
    axes[0].set_ylabel(y, fontsize=8)
    return picture


def plot(axes: Any, curve: Curve, style: int) -> None:
    """One curve in `axes`; `style` counts through colours and markers."""
    sizes, errors = np.asarray(curve.sizes, dtype=np.float64), np.asarray(curve.errors, dtype=np.float64)
    different = np.unique(sizes)
    groups = [errors[sizes == size] for size in different]
    middle = np.array([np.median(group) for group in groups])
    colour, marker = COLOURS[style % len(COLOURS)], MARKERS[style % len(MARKERS)]
    axes.plot(different, middle, color=colour, marker=marker, markersize=3, linewidth=1.1, label=curve.label)
    low, high = [min(group) for group in groups], [max(group) for group in groups]
    if any(len(group) > 1 for group in groups):
        axes.fill_between(different, low, high, color=colour, alpha=0.15, linewidth=0)
    if curve.expected is not None:
        # Through the middle of the falling part.
        falling = np.flatnonzero(middle > 10.0 * middle.min())
        at = falling[len(falling) // 2] if len(falling) else 0
        line = middle[at] * (different / different[at]) ** curve.expected
        shown = line >= middle.min()
        axes.plot(different[shown], line[shown], ":", color=FAINT, linewidth=1)
