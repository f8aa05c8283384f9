"""Which of the models found is taken: made of all rows, with the error to expect of it over the box.

The best at the rows is, unless the error to expect of it is far larger: then the next ones are looked at in the same
way, and that of the least product of both errors is taken, as what is exact almost everywhere is not given up for less
than as many digits elsewhere. Where rows are few, those held out choose with luck, and the error to expect decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Samples
from ..models import Model
from ..report import Errors
from ..search.polynomial import MOST_REFIT_WORK
from ..search.search import ROUNDED, WORK_A_SECOND, Found, errors_at, refitted
from .agreement import ALIKE
from .expected import Expected, Witnesses
from .race import Race

# Parameters times rows for which a model's errors are measured at all rows, or at as many: some seconds.
MOST_MEASURED = 2e9
# Rows that are evaluated at once, so that what a model makes on the way is small beside a large table.
BLOCK_ROWS = 1 << 16
# A model made again of all rows is kept if its error is at most so many times that before.
NO_WORSE = 2.0
# An error over the box so many times that at the rows, or of rounding, leads to a look at so many other models.
DOUBTFUL, MOST_NEXT = 30.0, 3
# With fewer rows, those held out are some nine.
FEW_ROWS = 60


@dataclass(frozen=True)
class Taken:
    """A model as it was `found` and measured, `whole` of all rows, and what is `known` of its error over the box."""

    found: Found
    whole: Found
    known: Expected


@dataclass(eq=False)
class Choice:
    """Among the models of a `race` on `samples`, some of them rows to `train` on and some `held_out`.

    `witnesses` tell of their errors over the box. `is_final` leaves models as they were found, `is_settled` leaves no
    choice.
    """

    race: Race
    samples: Samples
    train: Samples
    held_out: Samples
    witnesses: Witnesses
    is_final: bool
    is_settled: bool

    def of(self, found: Found) -> Taken:
        """`found`, or what is better where that is in doubt."""
        first = self._taken(found)
        is_doubtful = first.known.error > DOUBTFUL * max(first.found.error, ROUNDED)
        has_few_rows = self.witnesses.facts.n < FEW_ROWS
        if self.is_settled or not (is_doubtful or has_few_rows):
            return first
        if not self.witnesses.clock.leaves(0.0, "a look at other models, as the error to expect of this one is large"):
            return first
        others = sorted(self.race.found.values(), key=lambda one: one.score)
        others = [one for one in others if one.maker != found.maker and one.error < first.known.error][:MOST_NEXT]
        every = [first, *(self._taken(one) for one in others)]
        costs = [one.known.error * (1.0 if has_few_rows else max(one.found.error, ROUNDED)) for one in every]
        near = [one for one, cost in zip(every, costs, strict=True) if cost <= ALIKE * min(costs)]
        best = min(near, key=lambda one: one.found.model.n_params) if has_few_rows else near[0]
        if best is not first:
            self.race.tell(
                f"an error of {first.known.error:.1e} is to be expected over the box of the best at the rows "
                f"({first.found.error:.1e}); another, of {best.known.error:.1e} over the box, is taken"
            )
        return best

    def _taken(self, found: Found) -> Taken:
        found = self._measured(found)
        self.race.found[found.maker] = found  # the candidate that the report names has the errors that it gives
        whole = found if self.is_final else self._refitted(found)
        rivals = [one for one in self.race.found.values() if one.maker != found.maker]
        return Taken(found, whole, self.witnesses.expected(whole, rivals))

    def _measured(self, found: Found) -> Found:
        """What was found in a sample of the rows, with its errors at all of them, or as many as can be looked at."""
        if found.measured_at is not None:
            return found
        model = found.measured or found.model
        errors, at_rows = (_errors(model, rows) for rows in (self.held_out, self.train))
        return replace(found, errors=errors, train_rmse=at_rows.rmse)

    def _refitted(self, found: Found) -> Found:
        """The model made again of all rows, if there is time, unless it is worse at these."""
        work = min(MOST_REFIT_WORK, len(self.samples.X) * float(found.model.n_params) ** 2)
        # Twice as slow as it should be.
        if not self.witnesses.clock.leaves(2.0 * work / WORK_A_SECOND, "a fit to all rows"):
            return found
        again = refitted(found, self.samples)
        # A model of which each value takes long was measured at some rows only.
        some = self.samples if found.measured_at is None else self.samples.first(len(found.measured_at.X))
        error = _errors(again.model, some).rmse
        return again if error <= NO_WORSE * max(found.error, ROUNDED) else found


def _errors(model: Model, rows: Samples) -> Errors:
    """At these rows, or as many of them as can be looked at."""
    most = max(1000, int(MOST_MEASURED / max(1, model.n_params)))
    if len(rows.X) > most:
        rows = rows.take(np.linspace(0, len(rows.X) - 1, most).astype(np.intp))
    values = np.empty_like(rows.y)
    with np.errstate(all="ignore"):
        for start in range(0, len(values), BLOCK_ROWS):
            values[start : start + BLOCK_ROWS] = model.evaluate(rows.X[start : start + BLOCK_ROWS])
        return errors_at(rows, values)
