"""Which columns of a table may be angles, and in which units, as far as their ranges tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..arrays import Array
from .search import Rows

# Units of angles: a radian, and a degree.
UNITS = (1.0, math.pi / 180.0)
# A column may be an angle if it is within a turn to both sides, by rounding; it is a wide one from so many radians on,
# and none below the least: a parabola is as good there.
TURN, WIDE, NARROW = 2.0 * math.pi * (1.0 + 1e-9), 2.0, 0.2
MOST_ANGLES = 8


class Reading(NamedTuple):
    """Which columns are angles, with their units, which ones have powers, and of which angles the unit is a guess."""

    angles: tuple[tuple[int, float], ...]
    powers: tuple[int, ...]
    free: tuple[int, ...] = ()

    @classmethod
    def of(cls, units: dict[int, float], powers: Sequence[int], free: Sequence[int] = ()) -> Reading:
        return cls(tuple(units.items()), tuple(powers), tuple(free))

    @property
    def units(self) -> dict[int, float]:
        return dict(self.angles)

    def with_units(self, units: Array) -> Reading:
        return self._replace(angles=tuple(zip(self.units, units.tolist(), strict=True)))


def readings(X: Array) -> list[Reading]:
    """What columns may be, the likeliest first."""
    n, columns = len(X), range(X.shape[1])
    units = {j: _unit(X[:, j]) for j in columns}
    widths = {j: float(np.ptp(X[:, j])) for j in columns}
    known = sorted((j for j in columns if units[j] > 0.0), key=lambda j: -widths[j] * units[j])[:MOST_ANGLES]
    wide, every = ({j: units[j] for j in sorted(known) if widths[j] * units[j] >= least} for least in (WIDE, NARROW))
    found = [Reading.of(angles, tuple(j for j in columns if j not in angles)) for angles in (wide, every) if angles]
    # Of n rows the ends of a turn miss two gaps.
    own = {j: TURN * (1.0 - 2.0 / n) / widths[j] for j in columns if j not in known and widths[j] > 0.0}
    if wide and own and len(wide) + len(own) <= MOST_ANGLES:
        both = dict(sorted((wide | own).items()))
        found.append(Reading.of(both, tuple(j for j in columns if j not in both), tuple(own)))
    if wide:
        found.append(Reading.of(wide, columns))
    return list(dict.fromkeys(found))


def of_widths(X: Array) -> Reading:
    """All columns that vary, or the first, as angles that are WIDE in a unit of their own."""
    widths = {j: float(width) for j, width in enumerate(np.ptp(X, axis=0)) if width > 0.0} or {0: 1.0}
    return Reading.of({j: WIDE / widths[j] for j in list(widths)[:MOST_ANGLES]}, ())


def has_angles(rows: Rows) -> bool:
    """Whether a column may be an angle."""
    return bool(readings(rows.train.X))


def _unit(column: Array) -> float:
    """The unit in which a column is within a turn to both sides; 0 where it is beyond in all."""
    farthest = float(np.max(np.abs(column)))
    return next((unit for unit in UNITS if farthest * unit <= TURN), 0.0)
