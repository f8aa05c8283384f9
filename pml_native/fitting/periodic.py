"""How `fit` uses columns that repeat themselves: their cosines and sines are fitted instead, in a race of its own.

What is a function of an angle is one of the point on the circle, which has no edge: y joins where the angle does, and
series of the point are Fourier's. Columns are given with their periods, or seem to be angles, as their range is one
turn; whether they are shows on the held-out rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, Samples, contiguous
from ..exchanges import Exchanges
from ..models import Model, Normalization, Polynomial, Waves
from ..search.scheduler import Steps, Worker
from ..search.search import Found, Rows, own_rng
from .race import ROUNDS, Race, Row
from .reduced import Within, raced_within, whole_of

SEARCH = "periodic"
# Periods of angles: in radians and in degrees.
TURNS = (2.0 * math.pi, 360.0)
# A range counts as a turn if it is longer by this part of it at most, as rounding makes it, or shorter by so many times
# what n evenly scattered rows leave out at both ends, 2 / n of it, and no more than a part of it.
LONGER, GAPS, MOST_SHORTER = 1e-9, 3.0, 0.02
# At both ends of a turn y may differ by this part of its RMS, as the best model says, if its error is below the second
# number: at the edges of the box, of many inputs above all, errors are many times the RMSE.
JOINS, TELLS, ROWS_COMPARED = 0.1, 0.01, 200
# Of the work of the race, what is there for the one within it where columns only seem to be angles.
SEEMING_SHARE = 0.5


class PeriodicSearch:
    """The search for models of the cosines and sines of some columns, with these periods, and of the other columns."""

    def __init__(self, race: Race, periods: Mapping[int, float], table: Sequence[Row], share: float = 1.0) -> None:
        self.race, self.rows, self.table, self.share = race, race.rows, table, share
        self.columns = [j for j in range(self.rows.n_inputs) if j not in periods]
        self.periods = {j: periods[j] for j in sorted(periods)}
        self.phase = phase_of(self.periods, self.rows.n_inputs)
        names = self.rows.train.input_names or tuple(f"x{j}" for j in range(self.rows.n_inputs))
        circles = [f"{function} {names[j]}" for function in ("cos", "sin") for j in self.periods]
        self.prefix = f"of {', '.join([*circles, *(names[j] for j in self.columns)])}: "
        self.rng, self.prospect = own_rng(race.rng), 0.0

    def steps(self) -> Steps:
        outer, rows = self.race, self.rows
        corners = None
        if rows.corners is not None:
            ends = np.tile([[-1.0], [1.0]], (1, 2 * len(self.periods)))
            corners = np.concatenate([ends, rows.corners[:, self.columns]], axis=1)
        k = len(self.periods)
        degrees = (rows.n,) * k + (1,) * k + (rows.n,) * len(self.columns)
        within = Rows(
            self._changed(rows.train),
            self._changed(rows.held_out),
            corners,
            degrees=degrees,
            exchanges=self._exchanges(),
        )
        turns = ", ".join(f"{period:.6g}" for period in self.periods.values())
        sentence = f"columns that repeat themselves after {turns} are taken as cosines and sines"
        other = Within(within, sentence, self.prefix, self._whole)
        yield from raced_within(outer, [other], self.table, self.rng, self.share * outer.work)

    def _exchanges(self) -> Exchanges | None:
        """Those of columns that don't repeat themselves, by their numbers among the variables."""
        if self.rows.exchanges is None:
            return None
        k, place = 2 * len(self.periods), {j: i for i, j in enumerate(self.columns)}
        images = [
            [*range(k), *(k + place[int(image[j])] for j in self.columns)] for image in self.rows.exchanges.images
        ]
        return Exchanges(np.array(images, dtype=np.intp))

    def _changed(self, samples: Samples) -> Samples:
        U = _variables(self.phase, samples.X, self.columns)
        known = samples.derivatives
        if known is not None:
            known = known.in_variables(*_slopes(self.phase, known.X, self.columns))
        return replace(samples.changed(U), input_names=None, derivatives=known)

    def _whole(self, inner: Found, worker: Worker) -> Found:
        bounds = np.stack([self.rows.train.X.min(axis=0), self.rows.train.X.max(axis=0)])

        def whole(model: Model) -> Waves:
            return Waves(model, self.phase, self.columns, bounds=bounds, signature=self.rows.signature)

        return whole_of(self.rows, inner, self.prefix, whole, self._changed)


def phase_of(periods: Mapping[int, float], d: int) -> Polynomial:
    """The angles 2 pi x_j / P of the columns j of d, one output each."""
    columns = list(periods)
    exponent, scale = np.zeros(d, dtype=np.intc), np.ones(d)
    for j, period in periods.items():
        exponent[j] = math.frexp(period)[1]
        scale[j] = math.ldexp(period, -int(exponent[j])) / (2.0 * math.pi)
    inputs = Normalization(exponent, np.zeros(d), scale)
    return Polynomial(np.eye(d, dtype=np.intp)[columns], np.eye(len(columns)), inputs=inputs, n_threads=1)


def _variables(phase: Model, X: ArrayLike, columns: Sequence[int]) -> Array:
    X = contiguous(X)
    angles = phase.evaluate(X)
    return contiguous(np.concatenate([np.cos(angles), np.sin(angles), X[:, columns]], axis=1))


def _slopes(phase: Model, X: Array, columns: Sequence[int]) -> tuple[Array, Array]:
    """The variables at `X` (n, d), and their derivatives (n, r, d)."""
    angles, by_x = phase.evaluate(X)[:, :, None], phase.evaluate_gradient(X)
    own = np.broadcast_to(np.eye(X.shape[1])[list(columns)], (len(X), len(columns), X.shape[1]))
    slopes = np.concatenate([-np.sin(angles) * by_x, np.cos(angles) * by_x, own], axis=1)
    return _variables(phase, X, columns), slopes


def table_of(table: Sequence[Row], periods: Mapping[int, float]) -> tuple[Row, ...]:
    """The table where columns with these periods are given: `table`, of their cosines and sines."""
    return (
        Row(
            SEARCH,
            1.0 / ROUNDS[0],
            make=lambda race: PeriodicSearch(race, periods, table),
            sentence="with columns that repeat themselves, models come to {error:.1e}",
        ),
    )


def seeming_periods(race: Race) -> dict[int, float]:
    """Columns that seem to be angles, with the turn that each is: its range is one, and y joins there."""
    found = {}
    for j, column in enumerate(np.concatenate([race.rows.train.X, race.rows.held_out.X]).T):
        turn = _turn_of(column)
        if turn is not None and _joins(race, j):
            found[j] = turn
    return found


def _turn_of(column: Array) -> float | None:
    """The turn that the range of a column is: nearly where it is scattered, to rounding where its values repeat."""
    n, width = len(column), float(np.ptp(column))
    near = [turn for turn in TURNS if 0.5 * turn < width <= turn * (1.0 + LONGER)]
    if not near:
        return None
    [turn] = near
    n_values = len(np.unique(column))
    if n_values > n // 2:
        return turn if width >= turn * (1.0 - min(MOST_SHORTER, 2.0 * GAPS / n)) else None
    step = width / (n_values - 1)  # the last value may be that of the first, or one step before
    return turn if min(abs(width - turn), abs(width + step - turn)) <= LONGER * turn else None


def _joins(race: Race, j: int) -> bool:
    """Whether the best model has the same values at both ends of a column, as far as it can tell."""
    if race.best is None or not race.error < TELLS:
        return True
    X = race.rows.train.X[:ROWS_COMPARED]
    values = []
    for end in (np.min, np.max):
        there = X.copy()
        there[:, j] = end(race.rows.train.X[:, j])
        values.append(race.best.model.evaluate(contiguous(there)))
    difference = np.sqrt(np.mean((values[1] - values[0]) ** 2, axis=0))
    return bool(np.all(difference <= JOINS * np.sqrt(np.mean(values[0] ** 2, axis=0))))
