"""What errors are made of: the terms of a decomposition side by side, beside curves of errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .scaling import Curve, plot
from .style import COLOURS, MARKERS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


@dataclass(frozen=True)
class Panel:
    """Curves of errors against what `x` names, and `points` that no line joins."""

    title: str
    x: str
    curves: Sequence[Curve]
    points: Sequence[Curve] = ()


def draw(left: Panel, names: Sequence[str], terms: Mapping[str, Sequence[float]], right: Panel, *, y: str) -> Picture:
    """Curves, then for each of `names` the sizes of its `terms`, then curves again."""
    picture, (first, middle, last) = panels(3, columns=3, width=4.0, sharey=True)
    for axes, panel in ((first, left), (last, right)):
        for number, curve in enumerate(panel.curves):
            plot(axes, curve, number if curve.style is None else curve.style)
        for curve in panel.points:
            style = curve.style or 0
            axes.plot(curve.sizes, curve.errors, MARKERS[style], color=COLOURS[style], markersize=5, label=curve.label)
        axes.set_title(panel.title, loc="left", fontsize=9)
        axes.set_xlabel(panel.x, fontsize=8)
        axes.set_xscale("log")
        if panel.curves or panel.points:
            axes.legend(fontsize=7, frameon=False, handlelength=1.5)
    _compare(middle, names, terms)
    first.set_yscale("log")
    first.set_ylabel(y, fontsize=8)
    return picture


def _compare(axes: Any, names: Sequence[str], terms: Mapping[str, Sequence[float]]) -> None:
    places = np.arange(len(names))
    for number, (term, sizes) in enumerate(terms.items()):
        shift = 0.13 * (number - (len(terms) - 1) / 2)
        axes.plot(
            places + shift,
            np.abs(np.asarray(sizes, dtype=np.float64)),
            MARKERS[number],
            color=COLOURS[number],
            markersize=4,
            label=term,
        )
    axes.set_xticks(places, [name.replace(", ", "\n") for name in names], fontsize=7)
    axes.set_title("Eq. 6: what the error is made of", loc="left", fontsize=9)
    if names:
        axes.legend(fontsize=7, frameon=False)
