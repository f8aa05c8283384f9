"""Where y jumps or has a kink, in one of the inputs or across a slanted plane: at which value to split the rows.

Errors of a polynomial through a jump or a kink are largest beside it. Around the value of a column where they cluster
rows are left out, each side is fitted alone, and the rows between are given to the sides so that both fit them best. It
is a break if the sides are many times more exact than one polynomial for all, and each is wrong beyond its end: a
function that is steep, but smooth, goes on.

Where no column does, a plane may. It is first that in which the rows of the largest errors lie, across which they vary
least beside all rows. Then the sides are fitted without a band about the plane, each row of the band goes to the side
that meets it better, and the plane is the one between these rows, again and again in narrower bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, eigh

from ..arrays import Array
from ..search.boundaries import parted_by
from ..singular_values import lstsq
from .probe import Probe

# Rows that each side has at least, and terms that it takes at most.
FEWEST_ROWS, MOST_TERMS = 20, 100
# Rows left out around the place on each side, as a share of all and at least; then fewer.
WINDOWS, FEWEST_BESIDE = (0.04, 0.01), 3
# Columns in which errors cluster most that are looked at.
MOST_COLUMNS = 2
# The sides are more exact by so much, and beyond its end each is wrong by so many times its error.
GAIN, BEYOND = 20.0, 10.0
# Columns between which planes are looked for; the part of the rows, with the largest errors, that first show one, and
# neighbours of each that do; and the bands of rows, as parts of all, that show it then.
MOST_SLANTED, FIRST_SHARE, NEIGHBOURS, BANDS = 6, 0.1, 4, (0.5, 0.35, 0.25, 0.15, 0.1, 0.1)
# A column takes part in a plane if its slope is so much of the largest, in units of the box.
SLIGHT = 0.01
# Over the rows nearest to a kink the sides differ by less than half as much as over four times as many, as they meet.
MEET = 0.5


@dataclass(frozen=True)
class Break:
    """y is not smooth where sum_i slopes_i x_i = `place`, over some `columns`; the first slope is 1.

    `is_jump` where rows are near enough to show that the sides don't meet. `level` is the RMS error of polynomials on
    the sides.
    """

    columns: tuple[int, ...]
    slopes: tuple[float, ...]
    place: float
    is_jump: bool
    level: float

    def described(self, names: Sequence[str]) -> str:
        """The plane, in words, of columns with these names."""
        terms = [f"{slope:+.4g}*{names[j]}" for j, slope in zip(self.columns[1:], self.slopes[1:], strict=True)]
        text = " ".join([names[self.columns[0]], *(f"{term[0]} {term[1:]}" for term in terms)])
        return f"{text} = {self.place:.4g}"


def break_of(probe: Probe, X: Array, y: Array) -> Break | None:
    """The break of `y` (n,) at the rows `X` (n, d) of the probe that gains most; None for none."""
    if len(X) < 2 * FEWEST_ROWS:
        return None
    count, error = probe.best(y)
    square = probe.residual(y, count) ** 2
    clusters = [(*_cluster(X[:, j], square), j) for j in range(X.shape[1]) if np.ptp(X[:, j]) > 0.0]
    found: list[_Found] = [
        (split, (j,), (1.0,))
        for _, place, j in sorted(clusters, reverse=True)[:MOST_COLUMNS]
        if (split := _split(X, y, X[:, j], place)) is not None
    ]
    solid = [one for one in found if GAIN * one[0].level <= error]
    if not solid and 1 < probe.U.shape[1] <= MOST_SLANTED:
        found = _slanted(probe, X, y, square)
        solid = [one for one in found if GAIN * one[0].level <= error]
    if not solid:
        return None
    (place, is_jump, level), columns, slopes = min(solid, key=lambda one: one[0].level)
    return Break(columns, slopes, place, is_jump, level)


class _Split(NamedTuple):
    """Where along a coordinate, whether the sides don't meet, and how exact they are."""

    place: float
    is_jump: bool
    level: float


# A split, and the columns and slopes of its coordinate.
_Found: TypeAlias = tuple[_Split, tuple[int, ...], tuple[float, ...]]


def _slanted(probe: Probe, X: Array, y: Array, square: Array) -> list[_Found]:
    """Breaks across planes, as far as rows show any; `square` (n,) are those of errors of one polynomial."""
    return [found for start in _starts(probe, y, square) if (found := _across(probe, X, y, *start)) is not None]


def _starts(probe: Probe, y: Array, square: Array) -> Iterator[tuple[Array, float]]:
    """Normals of planes in the units of the probe, and their places, to begin with."""
    U = probe.U
    n, k = U.shape
    n_most = max(4 * k, int(FIRST_SHARE * n))
    most = np.argsort(-square, kind="stable")[:n_most]
    try:
        normal = eigh(np.cov(U[most].T), np.cov(U.T))[1][:, 0]
    except LinAlgError:  # columns that follow from others
        return
    yield normal, float(np.median(U[most] @ normal))
    # Of a jump in more columns, one polynomial is wrong everywhere: its plane lies between neighbours that differ most.
    near = probe.neighbours(min(NEIGHBOURS, n - 1))
    apart = (U[near] - U[:, None]).reshape(-1, k)
    size = np.linalg.norm(apart, axis=1)
    change = np.where(size > 0.0, np.abs(y[near] - y[:, None]).ravel(), 0.0)
    pairs = np.argsort(-change, kind="stable")[:n_most]
    steps = apart[pairs] * (change[pairs] / np.maximum(size[pairs], np.finfo(np.float64).tiny))[:, None]
    normal = np.linalg.eigh(steps.T @ steps)[1][:, -1]
    yield normal, float(np.median((np.repeat(U, near.shape[1], axis=0)[pairs] + 0.5 * apart[pairs]) @ normal))


def _across(probe: Probe, X: Array, y: Array, normal: Array, place: float) -> _Found | None:
    """The break near a plane; None where its sides have too few rows, or a polynomial goes on across it."""
    U = probe.U
    n, k = U.shape
    for share in BANDS:
        t = U @ normal - place
        order = np.argsort(np.abs(t), kind="stable")
        between, beyond = np.split(order, [max(4 * (k + 1), int(share * n))])
        low, high = beyond[t[beyond] < 0.0], beyond[t[beyond] >= 0.0]
        if min(len(low), len(high)) < FEWEST_ROWS:
            return None
        wrong_low, wrong_high = (np.abs(_errors(X, y, side, between)[0]) for side in (low, high))
        is_high = wrong_high < wrong_low
        # Rows count by how sure it is whose they are, and in equal parts for both sides.
        sure = np.abs(wrong_high - wrong_low) / (wrong_high + wrong_low + np.finfo(np.float64).tiny)
        parts = float(sure[is_high].sum()), float(sure[~is_high].sum())
        if not min(parts) > 0.0:
            return None
        weight = np.sqrt(sure / np.where(is_high, *parts))
        terms = np.column_stack([U[between], np.ones(len(between))])
        w = lstsq(terms * weight[:, None], np.where(is_high, weight, -weight), rcond=None)[0]
        size = float(np.linalg.norm(w[:-1]))
        if not size > 0.0:
            return None
        normal, place = w[:-1] / size, -float(w[-1]) / size
    # Of a jump, one row on the wrong side costs all digits: the plane is to part the rows of the two.
    labels = (U @ normal > place).astype(np.intp)
    labels[between] = is_high
    parted = parted_by(np.column_stack([U, np.ones(n)]), labels, order)
    if parted is not None:
        w = parted[0][:, 0]
        size = float(np.linalg.norm(w[:-1]))
        normal, place = w[:-1] / size, -float(w[-1]) / size
    # In units of X, the largest slope first, which is 1.
    box, varying = probe.box, np.flatnonzero(~probe.box.constant)
    taken = np.flatnonzero(np.abs(normal) > SLIGHT * np.max(np.abs(normal)))
    taken = taken[np.argsort(-np.abs(normal[taken]), kind="stable")]
    columns = varying[taken]
    size = box.scale[columns] * (normal[taken[0]] / normal[taken]) / box.scale[columns[0]]
    slopes = np.ldexp(1.0 / size, box.exponent[columns[0]] - box.exponent[columns])
    along = X[:, columns] @ slopes
    nearest = np.argsort(np.abs(U @ normal - place), kind="stable")[: 2 * FEWEST_BESIDE]
    split = _split(X, y, along, float(np.median(along[nearest])))
    return None if split is None else (split, tuple(columns.tolist()), tuple(slopes.tolist()))


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


def _split(X: Array, y: Array, x: Array, place: float) -> _Split | None:
    """The break near this place of `x` (n,); None where a side has too few rows, or goes on beyond its end."""
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
    return _Split(place, bool(is_seen and near > MEET * far), level) if near > BEYOND * level else None


def _errors(X: Array, y: Array, rows: NDArray[np.intp], at: NDArray[np.intp]) -> tuple[Array, float]:
    """The errors of the best polynomial of some rows at others, and the RMS of those without one of its rows."""
    probe = Probe.of(X[rows], MOST_TERMS)
    count, level = probe.best(y[rows])
    return probe.at(X[at], y[rows], count) - y[at], level


def _rms(values: Array) -> float:
    # In units of a power of two, which cost no bit, as squares of inputs near the ends of float64 are beyond them.
    exponent = int(np.frexp(np.max(np.abs(values), initial=0.0))[1])
    return math.ldexp(float(np.sqrt(np.mean(np.ldexp(values, -exponent) ** 2))), exponent)
