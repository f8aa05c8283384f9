"""Eigenvalues of a Hessian with the gradient's part along each eigenvector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array
from .style import COLOURS, MARKERS, OURS, PAPERS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def draw(spectra: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Picture:
    """A panel for each of the spectra, (eigenvalues, gradient projections), and one with what the first k leave."""
    picture, axes = panels(len(spectra) + 1, columns=3, width=4.0)
    for one, (title, (eigenvalues, projections)) in zip(axes[:-1], spectra.items(), strict=True):
        values, parts = np.asarray(eigenvalues), np.asarray(projections)
        _spectrum(one, values / np.abs(values).max(), parts / np.linalg.norm(parts))
        one.set_title(title, loc="left", fontsize=9)
        one.set_xlabel("number among those of its sign, the largest first", fontsize=8)
    rest = axes[-1]
    for number, (title, (eigenvalues, projections)) in enumerate(spectra.items()):
        ordered = np.asarray(projections)[np.argsort(-np.abs(eigenvalues))]
        # Summed from the small end, where each counts.
        left = np.cumsum(ordered[::-1] ** 2)[::-1] / np.sum(ordered**2)
        colour, marker = COLOURS[2 + number % 5], MARKERS[number % len(MARKERS)]
        rest.plot(
            np.arange(1, len(left)), left[1:], color=colour, label=title, marker=marker, markevery=0.1, markersize=3
        )
    rest.set_title("squared gradient norm outside the first k", loc="left", fontsize=9)
    rest.set_xlabel("k, eigenvectors of the largest moduli", fontsize=8)
    rest.set_ylabel("share", fontsize=8)
    for one in axes:
        one.set_xscale("log")
        one.set_yscale("log")
    if spectra:
        rest.legend(fontsize=7, frameon=False)
        axes[0].set_ylabel("relative to the largest", fontsize=8)
        axes[0].legend(fontsize=7, frameon=False, loc="lower left", markerscale=2)
    return picture


def _spectrum(axes: Any, values: Array, parts: Array) -> None:
    """Eigenvalues over the largest modulus, and the gradient's `parts` over its norm, each sign by itself."""
    for sign, colour, name in ((1, OURS, "positive"), (-1, PAPERS, "negative")):
        chosen = np.flatnonzero(np.sign(values) == sign)
        chosen = chosen[np.argsort(-np.abs(values[chosen]))]
        rank = np.arange(1, len(chosen) + 1)
        axes.plot(rank, parts[chosen], color=colour, linewidth=0.6, alpha=0.45, label=f"gradient there, {name}")
        axes.plot(rank, np.abs(values[chosen]), ".", color=colour, markersize=3, label=f"eigenvalues, {name}")
    rounding = len(values) * np.finfo(float).eps
    axes.axhline(rounding, color="black", linewidth=0.8, linestyle=":")
    axes.annotate("rounding", (1, rounding), (0, 3), textcoords="offset points", fontsize=7)
    axes.set_ylim(1e-20, 3)
