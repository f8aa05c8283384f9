"""Errors of several methods on several data, one line of marks each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .style import COLOURS, MARKERS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def draw(rows: Mapping[str, Mapping[str, float]], *, ring: str, ring_label: str, x: str) -> Picture:
    """`rows`: a label for each line -> the error of each method; that of `ring` is drawn around the others."""
    picture, (axes,) = panels(1, width=7.6, height=1.2 + 0.32 * max(len(rows), 1))
    methods = list(dict.fromkeys(method for errors in rows.values() for method in errors if method != ring))
    for number, method in enumerate(methods):
        at = [(errors[method], line) for line, errors in enumerate(rows.values()) if method in errors]
        axes.plot(
            [error for error, _ in at],
            [line for _, line in at],
            MARKERS[number % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            markersize=5,
            label=method.replace("_", " "),
        )
    ringed = [(errors[ring], line) for line, errors in enumerate(rows.values()) if ring in errors]
    axes.plot(
        [error for error, _ in ringed],
        [line for _, line in ringed],
        "o",
        markersize=12,
        markerfacecolor="none",
        color="black",
        markeredgewidth=1.2,
        label=ring_label,
    )
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xlabel(x, fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return picture
