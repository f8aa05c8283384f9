"""Where y jumps or has a kink, in one of the inputs: at which value to split the rows.

Errors of a polynomial through a jump or a kink are largest beside it. Around the value of a column where they cluster
rows are left out, each side is fitted alone, and the rows between are given to the sides so that both fit them best. It
is a break if the sides are many times more exact than one polynomial for all, and each is wrong beyond its end: a
function that is steep, but smooth, goes on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .probe import Probe

# Rows that each side has at least, and terms that it takes at most.
FEWEST_ROWS, MOST_TERMS = 20, 100
# Rows left out around the place on each side, as a share of all and at least; then fewer.
WINDOWS, FEWEST_BESIDE = (0.04, 0.01), 3
# Columns in which errors cluster most that are looked at.
MOST_COLUMNS = 2
# The sides are more exact by so much, and beyond its end each is wrong by so many times its error.
GAIN, BEYOND = 20.0, 10.0
# Over the rows nearest to a kink the sides differ by less than half as much as over four times as many, as they meet.
MEET = 0.5


@dataclass(frozen=True)
class Break:
    """y is not smooth where x_`column` = `place`; `level` is the RMS error of polynomials on the sides.

    `is_jump` where rows are near enough to show that the sides don't meet.
    """

    column: int
    place: float
    is_jump: bool
    level: float


def break_of(probe: Probe, X: Array, y: Array) -> Break | None:
    """The break of `y` (n,) at the rows `X` (n, d) of the probe that gains most; None for none."""
    if len(X) < 2 * FEWEST_ROWS:
        return None
    count, error = probe.best(y)
    square = probe.residual(y, count) ** 2
    clusters = [(*_cluster(X[:, j], square), j) for j in range(X.shape[1]) if np.ptp(X[:, j]) > 0.0]
    found = [_split(X, y, j, place) for _, place, j in sorted(clusters, reverse=True)[:MOST_COLUMNS]]
    solid = [one for one in found if one is not None and GAIN * one.level <= error]
    return min(solid, key=lambda one: one.level, default=None)


def _cluster(x: Array, square: Array) -> tuple[float, float]:
    """The largest share of the squares that rows of a window in x hold, and the middle of that window."""
    order = np.argsort(x, kind="stable")
    width = max(2 * FEWEST_BESIDE, int(WINDOWS[0] * len(x)))
    total = np.concatenate([[0.0], np.cumsum(square[order])])
    inside = total[width:] - total[:-width]
    first = int(np.argmax(inside))
    window = order[first : first + width]
    place = float(np.average(x[window], weights=square[window])) if inside[first] > 0.0 else float(x[window[0]])
    return float(inside[first] / max(total[-1], np.finfo(np.float64).tiny)), place


def _split(X: Array, y: Array, column: int, place: float) -> Break | None:
    """The break near this place of a column; None where a side has too few rows, or goes on beyond its end."""
    x = X[:, column]
    ascending = np.argsort(x, kind="stable")
    for share in WINDOWS:
        beside = max(FEWEST_BESIDE, int(share * len(x)))
        middle = int(np.searchsorted(x[ascending], place))
        low, between, high = np.split(ascending, [max(0, middle - beside), min(len(x), middle + beside)])
        if min(len(low), len(high)) < FEWEST_ROWS:
            return None
        # The lower side takes the first k of the rows between: the k of the least squares, between different values.
        wrong_low, wrong_high = (_errors(X, y, side, between)[0] ** 2 for side in (low, high))
        cost = np.concatenate([[0.0], np.cumsum(wrong_low)]) + np.concatenate(
            [np.cumsum(wrong_high[::-1])[::-1], [0.0]]
        )
        values = x[np.concatenate([low[-1:], between, high[:1]])]
        cost[values[1:] == values[:-1]] = np.inf
        if not np.isfinite(cost).any():
            return None
        k = int(np.nanargmin(cost))
        place = 0.5 * float(values[k]) + 0.5 * float(values[k + 1])
    low, high = ascending[x[ascending] < place], ascending[x[ascending] >= place]
    if min(len(low), len(high)) < FEWEST_ROWS:
        return None
    # Each side at the rows of the other next to the break, the nearest first.
    beside = max(2 * FEWEST_BESIDE, int(WINDOWS[0] * len(x)))
    above, below = high[:beside], low[::-1][:beside]
    beyond_low, level_low = _errors(X, y, low, above)
    beyond_high, level_high = _errors(X, y, high, below)
    level = max(level_low, level_high)
    nearest = max(2, beside // 4)
    near, far = (min(_rms(beyond_low[:k]), _rms(beyond_high[:k])) for k in (nearest, beside))
    # Of a gap between rows, or a line of a table, nothing tells what y does inside.
    is_seen = all(_rms(x[side[:nearest]] - place) <= MEET * _rms(x[side] - place) for side in (above, below))
    return Break(column, place, bool(is_seen and near > MEET * far), level) if near > BEYOND * level else None


def _errors(X: Array, y: Array, rows: NDArray[np.intp], at: NDArray[np.intp]) -> tuple[Array, float]:
    """The errors of the best polynomial of some rows at others, and the RMS of those without one of its rows."""
    probe = Probe.of(X[rows], MOST_TERMS)
    count, level = probe.best(y[rows])
    return probe.at(X[at], y[rows], count) - y[at], level


def _rms(values: Array) -> float:
    # In units of a power of two, which cost no bit, as squares of inputs near the ends of float64 are beyond them.
    exponent = int(np.frexp(np.max(np.abs(values), initial=0.0))[1])
    return math.ldexp(float(np.sqrt(np.mean(np.ldexp(values, -exponent) ** 2))), exponent)
