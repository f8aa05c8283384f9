"""Rows whose y is far from what all others say: misprints, or outliers of another kind.

A few wrong rows spoil a fit of least squares everywhere. Polynomials of growing degree are fitted to the rows; of each,
the row of the largest studentized residual is left out, again and again. With P = (Q'Q)^-1 of the rows kept, q the row
of Q left out, e = r / (1 - q'Pq) its error without it, and w = Q P q,

    r += w e,    P += (P q)(P q)' / (1 - q'Pq),    h_i += w_i^2 / (1 - q'Pq)

are residuals, P and shares of the fit without it. The rows left out are misprints if each is off by many times the
largest error, and the RMS, that leaving out one row makes at any row kept, and if these have become many times smaller
than for any degree before. Kinks, jumps and poles have large errors at several rows, of all sizes: they leave no gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..report import two_digits
from .probe import MOST_LEVERAGE, Probe

FEWEST_ROWS = 20
# Rows that are left out at most: more of them than this share, or number, are no exceptions.
MOST_SHARE, MOST_MISPRINTS = 0.05, 20
# Beyond this many times the error at other rows a misprint is no clearer.
MOST_TIMES = 1e9
# Of rows that are looked for one by one the next one's residual is at least so many times the RMS of all.
LEAST_OUTSIDE = 3.5
# Misprints are off by at least so many times the largest, and the RMS, of errors at the rows kept,
GAP, OUTSIDE = 8.0, 30.0
# and the RMS without them falls by so much.
FALL = 3.0

# Misprints fall anywhere. Where more than this share of the rows are next to another, they are what y is there.
MOST_BESIDE = 0.5


@dataclass(frozen=True, eq=False)
class Misprints:
    """`rows` (k,), ascending, by how much y is `off` there (k,), and the RMS `level` of such errors at the others."""

    rows: NDArray[np.intp]
    off: Array
    level: float

    def among(self, rows: NDArray[np.intp]) -> Misprints:
        """The same, where row i is number `rows[i]` of a larger table."""
        numbers = rows[self.rows]
        order = np.argsort(numbers)
        return Misprints(numbers[order], self.off[order], self.level)

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.rows.tolist()))
        rows, are = ("row", "which is an outlier") if len(self.rows) == 1 else ("rows", "which are outliers")
        times = two_digits(min(float(np.min(self.off)) / self.level, MOST_TIMES))
        return (
            f"the {rows} {numbers} (the first has number 0), {are}: y is at least {times:,} times farther "
            f"from what the others say than theirs, a misprint or a peak between the other rows"
        )


def misprints_of(probe: Probe, target: Array, rounding: float) -> Misprints | None:
    """The misprints of `target` (n,) at the rows of the probe; errors count as `rounding` at least."""
    n = len(target)
    most = min(MOST_MISPRINTS, int(MOST_SHARE * n))
    if n < FEWEST_ROWS or most < 1:
        return None
    least, found = np.inf, None
    for count in probe.counts:
        removal = _Removal(probe.Q[:, :count], target)
        least = min(least, removal.rms)
        while len(removal.rows) < most and removal.leave_out_next():
            seen = removal.seen(rounding)
            if seen is not None and (found is None or seen.level < found.level):
                found = seen
    if found is None or least < FALL * found.level:
        return None
    is_out = np.zeros(n, dtype=bool)
    is_out[found.rows] = True
    beside = is_out[probe.neighbours(min(n - 1, 2 * probe.U.shape[1]))[found.rows]].any(axis=1)
    return None if np.mean(beside) > MOST_BESIDE else found


class _Removal:
    """A fit by the columns of `Q` (n, p) to `target` (n,), and the same without some `rows`."""

    def __init__(self, Q: Array, target: Array) -> None:
        self.Q = Q
        self.rows: list[int] = []
        self.residual = target - Q @ (Q.T @ target)
        self.leverage = np.sum(Q**2, axis=1)
        self.inverse = np.eye(Q.shape[1])
        self.kept = np.ones(len(target), dtype=bool)

    @property
    def _studentized(self) -> Array:
        """Residuals over the root of 1 - h, at the rows kept; 0 where the row alone decides."""
        is_known = self.kept & (self.leverage < MOST_LEVERAGE)
        return np.where(is_known, np.abs(self.residual) / np.sqrt(np.where(is_known, 1.0 - self.leverage, 1.0)), 0.0)

    @property
    def rms(self) -> float:
        """Of the errors that leaving out one row makes there, over the rows kept."""
        alone = self.residual[self.kept] / np.maximum(1.0 - self.leverage[self.kept], 1.0 - MOST_LEVERAGE)
        return float(np.sqrt(np.mean(alone**2)))

    def leave_out_next(self) -> bool:
        """Leaves out the row of the largest studentized residual, if it is far outside."""
        studentized = self._studentized
        worst = int(np.argmax(studentized))
        if not studentized[worst] > LEAST_OUTSIDE * np.sqrt(np.mean(studentized**2)):
            return False
        towards = self.inverse @ self.Q[worst]
        w, rest = self.Q @ towards, 1.0 - self.leverage[worst]
        self.residual += w * (self.residual[worst] / rest)
        self.leverage += w**2 / rest
        self.inverse += np.outer(towards, towards) / rest
        self.kept[worst] = False
        self.rows.append(worst)
        return True

    def seen(self, rounding: float) -> Misprints | None:
        """The rows left out, if all of them are far outside of what the rows kept are off by."""
        rows = np.sort(self.rows)
        # Of a row left out, the residual is the error without it, and the leverage q'Pq.
        off = np.abs(self.residual[rows])
        least = float(np.min(off / np.sqrt(1.0 + self.leverage[rows])))
        level = max(self.rms, rounding)
        largest = max(float(np.max(self._studentized)), rounding)
        if np.max(self.leverage[rows]) > MOST_LEVERAGE / (1.0 - MOST_LEVERAGE):
            return None
        return Misprints(rows, off, level) if least >= GAP * largest and least >= OUTSIDE * level else None
