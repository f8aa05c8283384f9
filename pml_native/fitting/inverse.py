"""How `fit` swaps y with a column: the column as a function of y and of the others, which may be the simpler one, is
fitted in a race of its own, and solved for y by Newton's method.

A column that may be swapped shows in the gradient of the best model: y rises with it everywhere, or falls. Of these the
one that few terms fit best is tried, if they fit it better than y itself: its error is one of y by that gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ..arrays import Array, Samples, contiguous
from ..models import Inverse, Model
from ..search.polynomial import PolynomialSearch
from ..search.scheduler import Step, Steps, Worker
from ..search.search import CALL, Found, Rows, own_rng
from .race import Race, Row
from .reduced import TRIAL_WORK, Within, raced_within, whole_of

SEARCH = "inverse"
# Rows that the gradient is looked at, and the part of them where it must have one sign: a model is not exact.
MOST_ROWS, ONE_SIGN = 1000, 0.99
# Few terms must leave this part of the error that they leave of y.
BETTER = 0.5
# How much further than at all rows y may be, over its range.
MARGIN = 0.05
# Of so many rows, the part that may have no root. The value there is that of the start, which may be a spline through
# all rows: a constant for the column, with no root anywhere, had an error of 1e-16 by that.
SOME_ROWS, MOST_ROOTLESS = 200, 0.1
# Of the work of the race, what is there for the one within it.
SHARE = 0.5


class InverseSearch:
    """The search for models of a column as a function of y and the other columns; `known` is the best model so far."""

    def __init__(self, race: Race, known: Found, table: Sequence[Row]) -> None:
        self.race, self.rows, self.known, self.table = race, race.rows, known, table
        self.rng, self.prospect = own_rng(race.rng), 0.0
        # The one whose errors are known: where there is no root, they are those of the inverse.
        self._start = known.measured or known.model

    def steps(self) -> Steps:
        n, d = min(MOST_ROWS, self.rows.n), self.rows.n_inputs
        [slopes] = yield [Step(n * self.known.model.n_params * (d + 1.0) + 20.0 * CALL, self._slopes)]
        rising = {j: bool(up) for j, up in enumerate(slopes > 0.0) if slopes[j] != 0.0}
        if not rising:
            return
        swapped = {column: self._swapped_rows(column) for column in rising}
        searches = [PolynomialSearch(rows) for rows in (self.rows, *swapped.values())]
        of_y, *errors = yield [search.first_step() for search in searches]
        with np.errstate(all="ignore"):
            factors = np.abs(slopes) * (_rms(self.rows.train.X) / _rms(self.rows.train.y))
            in_y = [float(error * factors[j]) for error, j in zip(errors, swapped, strict=True)]
        error, column = min(zip(in_y, swapped, strict=True))
        if not error < BETTER * of_y:
            return
        names = self.rows.train.input_names or tuple(f"x{j}" for j in range(d))
        other = Within(
            swapped[column],
            f"{names[column]} seems to be a simpler function of y and the others, which is tried and solved for y",
            f"inverse in {names[column]}: ",
            partial(self._whole, column, rising[column]),
        )
        work, trials = SHARE * self.race.work, [(TRIAL_WORK, self.known.score)]
        yield from raced_within(self.race, [other], self.table, self.rng, work, trials=trials)

    def _slopes(self, worker: Worker) -> Array:
        """The root of the mean square of dy/dx by each column with which y rises everywhere, or falls; then it is
        negative, and 0 for other columns."""
        with np.errstate(all="ignore"):
            slopes = self.known.model.evaluate_gradient(contiguous(self.rows.train.X[:MOST_ROWS]))[:, 0]
            sizes = _rms(slopes)
        up, down = np.mean(slopes > 0.0, axis=0), np.mean(slopes < 0.0, axis=0)
        signed: Array = np.where(up > ONE_SIGN, sizes, np.where(down > ONE_SIGN, -sizes, 0.0))
        return np.where(np.isfinite(signed), signed, 0.0)

    def _swapped_rows(self, column: int) -> Rows:
        corners = self.rows.corners
        if corners is not None:
            y = self.rows.train.y
            corners = corners.copy()
            corners[:, column] = np.where(np.arange(len(corners)) % 2 == 0, y.min(), y.max())
        return Rows(swapped(self.rows.train, column), swapped(self.rows.held_out, column), corners)

    def _whole(self, column: int, rises: bool, inner: Found, worker: Worker) -> Found:
        """What was found of the column, as a model of y."""
        # Rows held out, of steep functions far from the others, are within the bounds: between rows y may be there.
        rows = self.rows.train if self.rows.table is None else self.rows.table
        start: Model | None = self._start
        low, high = float(rows.y.min()), float(rows.y.max())
        bounds: Array = np.array([low - MARGIN * (high - low), high + MARGIN * (high - low)])
        names = self.rows.train.input_names or tuple(f"x{j}" for j in range(self.rows.n_inputs))

        def whole(model: Model, *, start: Model | None = start) -> Model:
            return Inverse(model, start, column, bounds, rises, self.rows.signature)

        def nearby(samples: Samples) -> Model | None:
            assert inner.nearby is not None
            made = inner.nearby(swapped(samples, column))
            begin = self._start_nearby(samples)
            return None if made is None or begin is None else whole(made, start=begin)

        with np.errstate(all="ignore"):
            roots = whole(inner.model, start=None).evaluate(contiguous(self.rows.train.X[:SOME_ROWS]))
        within: Callable[[Model], Model] = whole
        if np.mean(np.isnan(roots)) > MOST_ROOTLESS:
            within = partial(whole, start=None)  # no value at these rows, and so no model
        prefix = f"inverse in {names[column]}: "
        found = whole_of(self.rows, inner, prefix, within, lambda samples: swapped(samples, column))
        if found.nearby is None:
            return found
        return replace(found, nearby=nearby)

    def _start_nearby(self, samples: Samples) -> Model | None:
        """The like of what an inverse starts from, which is its value where it has no root; itself where that costs."""
        known = self.known
        return self._start if known.nearby is None or known.nearby_work is not None else known.nearby(samples)


def _rms(values: Array) -> Array:
    """By column, without overflow."""
    largest = np.max(np.abs(values), axis=0)
    rms: Array = largest * np.sqrt(np.mean((values / np.where(largest > 0.0, largest, 1.0)) ** 2, axis=0))
    return rms


def swapped(samples: Samples, column: int) -> Samples:
    """The samples with y (n, 1) for a column, and that for y."""
    X = samples.X.copy()
    X[:, column] = samples.y[:, 0]
    return replace(samples.changed(X, samples.X[:, [column]]), input_names=None, output_names=None)


def may_be_an_inverse(race: Race) -> bool:
    """Whether y may be swapped with a column: of one output, with errors that count alike."""
    train = race.rows.train
    if train.is_relative or train.y.shape[1] > 1 or not np.ptp(train.y) > 0:
        return False
    return SEARCH in race.runs or (race.depth == 0 and race.best is not None and math.isfinite(race.error))
