"""Eigenvalues of a Hessian with the gradient's part along each eigenvector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .style import COLOURS, FAINT, MARKERS, OURS, PAPERS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def draw(spectra: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Picture:
    """A panel for each of the spectra, (eigenvalues, gradient projections), and one with what the first k leave."""
    picture, axes = panels(len(spectra) + 1, columns=3, width=4.0)
    rest = axes[-1]
    for number, (title, (eigenvalues, projections)) in enumerate(spectra.items()):
        values, parts = np.asarray(eigenvalues), np.asarray(projections)
        order = np.argsort(-np.abs(values))
        values, parts = values[order] / np.abs(values).max(), parts[order] / np.linalg.norm(parts)
        rank = np.arange(1, len(values) + 1)
        one = axes[number]
        one.plot(rank, parts, color=FAINT, linewidth=0.7, label="gradient: part along it / norm")
        for sign, colour, label in ((1, OURS, "eigenvalue > 0"), (-1, PAPERS, "eigenvalue < 0, its modulus")):
            has = np.sign(values) == sign
            one.plot(rank[has], np.abs(values[has]), ".", color=colour, markersize=3, label=label)
        one.axhline(len(values) * np.finfo(float).eps, color="black", linewidth=0.8, linestyle=":")
        one.annotate("rounding", (1, len(values) * np.finfo(float).eps), (0, 3), textcoords="offset points", fontsize=7)
        one.set_title(title, loc="left", fontsize=9)
        one.set_ylim(1e-17, 3)
        left = 1.0 - np.cumsum(parts**2)
        kept = left > 1e-16
        rest.plot(
            rank[kept],
            left[kept],
            color=COLOURS[number],
            label=title,
            marker=MARKERS[number],
            markevery=0.1,
            markersize=3,
            linewidth=1.1,
        )
        one.set_ylabel("relative to the largest", fontsize=8)
        if number == 0:
            one.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.18), markerscale=2)
    rest.set_title("squared gradient norm outside the first k directions", loc="left", fontsize=9)
    rest.set_ylabel("share", fontsize=8)
    if spectra:
        rest.legend(fontsize=7, frameon=False)
    for one in axes:
        one.set_xscale("log")
        one.set_yscale("log")
        one.set_xlabel("eigenvectors, by the modulus of the eigenvalue", fontsize=8)
    return picture
