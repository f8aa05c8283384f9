"""Figure 4: splines of order n in d dimensions err by N^-(n+1)/d, down to the rounding of float64."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

import numpy as np

from ..figures import scaling
from ..scaling import PowerLaw, Table, fit_power_law, measure
from .figure import Claim, Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# Of an exponent, relative to the expected one.
TOLERANCE = 0.05
# Larger errors are not yet asymptotic.
ASYMPTOTIC = 1e-5
# The gradient of I.30.5 is infinite in a corner of its box: its errors are those of the test box. Splines are measured
# everywhere, most densely at the edges. Their largest errors lie in the cells at the ends, whose share of the domain
# shrinks, so that the RMSE falls faster than the law for a while; the maximum follows it.
ERROR = {"exp(x)": "max", "exp(xy)": "max", "I.30.5": "rmse"}


def _sizes(first: int, last: int, ratio: float, d: int) -> list[int]:
    """Numbers of points of grids of `first` to `last` points an axis, each about `ratio` times the one before."""
    lines: list[int] = []
    size = float(first)
    while size <= last * (1 + 1e-9):
        lines.append(round(size))
        size *= ratio
    return [n**d for n in dict.fromkeys(lines)]


# Splines of higher degrees reach the floor so soon that only close sizes are enough for a law.
SOON, CLOSE = 5, 1.15


def _settings(ratio: float) -> list[dict[str, object]]:
    """Sizes about `ratio` apart on an axis; the error at the largest lies at the floor for degrees from 3."""
    one = {1: 100_000, 2: 40_000, 3: 10_000, 5: 1_000, 7: 400}
    two = {1: 1000, 3: 1600, 5: 250}
    found: list[dict[str, object]] = []
    for degree, last in one.items():
        found += _of("exp(x)", degree, _sizes(2 * degree + 2, last, CLOSE if degree >= SOON else ratio, 1))
    for degree, last in two.items():
        found += _of("exp(xy)", degree, _sizes(2 * degree + 2, last, CLOSE if degree >= SOON else ratio, 2))
    found += [{"problem": "I.30.5", "family": "tricubic", "size": size} for size in _sizes(6, 100, ratio, 3)]
    return found


def _of(problem: str, degree: int, sizes: list[int]) -> list[dict[str, object]]:
    return [{"problem": problem, "family": "spline", "degree": degree, "test": "arcsine", "size": n} for n in sizes]


def _law(rows: Table, d: int, error: str) -> PowerLaw | None:
    # The law is about cells: of a grid of k^d points there are (k - 1)^d, which matters for small k.
    cells = (np.round(rows.column("n_points") ** (1.0 / d)) - 1.0) ** d
    asymptotic = rows.column(error) < ASYMPTOTIC
    try:
        return fit_power_law(cells[asymptotic], rows.column(error)[asymptotic])
    except ValueError:
        return None


def claims(table: Table) -> list[Claim]:
    found = []
    for (problem, degree), rows in _curves(table):
        d = {"exp(x)": 1, "exp(xy)": 2, "I.30.5": 3}[problem]
        expected = -(degree + 1) / d
        law = _law(rows, d, ERROR[problem])
        name = "tricubic" if d == 3 else f"degree {degree}"
        found.append(
            Claim(
                f"{problem}, {name}: the error falls as N^{expected:.3g} (exponent over {expected:.3g})",
                nan if law is None else law.exponent / expected,
                1 - TOLERANCE,
                1 + TOLERANCE,
            )
        )
        if d < 3 and degree >= 3:
            found.append(
                Claim(f"{problem}, {name}: it levels out at 1e-15", float(rows.column("rmse").min()), 0.0, 1e-15)
            )
    return found


def _curves(table: Table) -> list[tuple[tuple[str, int], Table]]:
    keys = dict.fromkeys((row["problem"], row.get("degree", 3)) for row in table)
    return [
        (key, table.where(problem=key[0], degree=key[1]) if key[0] != "I.30.5" else table.where(problem=key[0]))
        for key in keys
    ]


def draw(table: Table) -> Picture:
    """One panel for each number of inputs."""
    panels: dict[str, list[scaling.Curve]] = {}
    for (problem, degree), rows in _curves(table):
        d = {"exp(x)": 1, "exp(xy)": 2, "I.30.5": 3}[problem]
        label = "tricubic" if d == 3 else f"degree {degree}"
        panels.setdefault(problem, []).append(
            scaling.Curve(label, rows.column("n_points"), rows.column("rmse"), expected=-(degree + 1) / d)
        )
    return scaling.draw(panels, x="points", y="relative RMSE")


FIG4 = Figure(
    name="fig4",
    title="Splines",
    caption=(
        "Interpolating splines on grids: e^x on [0, 1] and e^(xy) on its square by tensor-product B-splines, and "
        "I.30.5 by tricubic interpolation. Dotted lines have the slope -(n+1)/d that degree n promises in d "
        "dimensions; in one and two dimensions the error falls until rounding ends it. Errors are those on 30,000 "
        "points, for tricubic interpolation of the middle 80 % of each side, divided by the RMS of y."
    ),
    run=measure,
    quick=_settings(ratio=1.6),
    full=_settings(ratio=CLOSE),
    draw=draw,
    claims=claims,
)
