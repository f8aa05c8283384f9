"""Errors against steps, and against seconds, while something is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .style import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


@dataclass(frozen=True)
class Training:
    """A run: `points` are (stage, step, error, seconds); the end of each stage but the last is marked by a circle."""

    label: str
    colour: str
    points: Sequence[tuple[int, int, float, float]]


def draw(titles_and_runs: Mapping[str, Sequence[Training]], *, y: str) -> Picture:
    """For each title a panel of errors against steps, and below it one against seconds. One legend for all."""
    titles = list(titles_and_runs)
    columns = max(1, len(titles))
    picture, axes = panels(2 * columns, columns=columns, width=4.2, height=2.9, sharey=True)
    shown: dict[str, Any] = {}
    for column, title in enumerate(titles):
        for row, (number, name) in enumerate(((1, "steps"), (3, "seconds, one thread"))):
            one = axes[row * columns + column]
            for run in titles_and_runs[title]:
                line = _plot(one, run, number)
                shown.setdefault(run.label, line)
            one.set_xscale("log")
            one.set_yscale("log")
            one.set_xlabel(name, fontsize=8)
        axes[column].set_title(title, loc="left", fontsize=9)
    for row in range(2):
        axes[row * columns].set_ylabel(y, fontsize=8)
    if shown:
        picture.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return picture


def _plot(axes: Any, run: Training, number: int) -> Any:
    # Logarithmic axes have no place for the start.
    points = [point for point in run.points if point[number] > 0]
    (line,) = axes.plot(
        [point[number] for point in points], [point[2] for point in points], color=run.colour, linewidth=1.2
    )
    ends = {point[0]: point for point in points}
    marked = [ends[stage] for stage in sorted(ends)[:-1]]
    axes.plot(
        [point[number] for point in marked],
        [point[2] for point in marked],
        "o",
        color=run.colour,
        markerfacecolor="white",
        markersize=4,
    )
    if points:
        axes.plot(points[-1][number], points[-1][2], "o", color=run.colour, markersize=4)
    return line
