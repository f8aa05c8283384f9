"""Finds what interpolation on simplices comes to: there is no choice to make, only errors to measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import Samples
from ..models import Signature, SimplexInterpolator
from ..models.simplex import GROWTH_ON_DEMAND, HALVINGS, SECONDS_ON_DEMAND
from .scheduler import Step, Steps, Worker
from .search import MOST_STEP, WORK_A_SECOND, Found, Rows

# It is measured at so many rows at least, and at so many of those it goes through, which it meets anyway.
LEAST_MEASURED, MET = 20, 1000


class SimplexSearch:
    """Offers the interpolant of the rows trained on, which becomes that of all rows."""

    def __init__(self, rows: Rows) -> None:
        self.points, self.prospect = rows.train, 0.0
        # A row outside of the hull of the points, as most are in many dimensions, takes as many queries as halvings.
        seconds = HALVINGS * SECONDS_ON_DEMAND * GROWTH_ON_DEMAND ** max(0, rows.n_inputs - 2)
        self._row_work = seconds * WORK_A_SECOND
        n_held_out = min(rows.n_held_out, max(LEAST_MEASURED, int(MOST_STEP / self._row_work)))
        self.rows, self.is_part = rows.fewer(MET, n_held_out), n_held_out < rows.n_held_out

    def steps(self) -> Steps:
        [found] = yield [Step(self.rows.n_held_out * self._row_work, self._found)]
        yield found

    def _found(self, worker: Worker) -> Found:
        model = interpolant(self.points)
        found = self.rows.found(
            model,
            SimplexInterpolator.family,
            repr(model),
            status="interpolated",
            refit=interpolant,
            uses_derivatives=model.slopes is not None,
        )
        return replace(found, measured_at=self.rows.held_out) if self.is_part else found


def interpolant(samples: Samples) -> SimplexInterpolator:
    """That of the rows; the mean where rows contradict each other; a value everywhere. It is cubic where slopes are
    known at all of them."""
    known, gradients = samples.derivatives, None
    if known is not None:
        every = known.gradients_at(len(samples.X))
        gradients = every if np.isfinite(every).all() else None
    model = SimplexInterpolator(
        samples.X, samples.y, outside="linear", duplicates="average", gradients=gradients, n_threads=1
    )
    model.signature = Signature.of(samples)
    return model
