"""Which of the models found is taken: made of all rows, with the error to expect of it over the box.

The best at the rows is, unless the error to expect of it is far larger: then the next ones are looked at in the same
way, and that of the least product of both errors is taken, as what is exact almost everywhere is not given up for less
than as many digits elsewhere. Where rows are few, those held out choose with luck, and the error to expect decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..arrays import BLOCK_ROWS, Samples, Subset
from ..models import Model
from ..report import Errors, rmse_of
from ..search.polynomial import MOST_REFIT_WORK
from ..search.search import ROUNDED, WORK_A_SECOND, Found, errors_at, refitted, sample_of
from .agreement import ALIKE, Box
from .expected import Expected, Witnesses, work_of_witnesses
from .race import Race

# Parameters times rows for which a model's errors are measured at all rows, or at as many: some seconds.
MOST_MEASURED = 2e9
# Steps that a descent takes from where it has ended.
DESCENT_STEPS = 10.0
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
    train: Samples | Subset
    held_out: Samples
    witnesses: Witnesses
    is_final: bool
    is_settled: bool

    def of_output(self, column: int, race: Race, rng: np.random.Generator, spent: float) -> Choice:
        """The choice among the models of one output, which were found in `race` with so much work."""
        columns = [column]
        samples, held_out = self.samples.of_outputs(columns), self.held_out.of_outputs(columns)
        box = Box(samples, rng, max(one.model.n_params for one in race.found.values()))
        facts = self.witnesses.facts.of_outputs(columns)
        witnesses = replace(self.witnesses, box=box, facts=facts, rng=rng, work=work_of_witnesses(spent))
        train = self.train.of_outputs(columns)
        return replace(self, race=race, samples=samples, train=train, held_out=held_out, witnesses=witnesses)

    def of(self, found: Found) -> Taken:
        """`found`, or what is better where that is in doubt."""
        first = self._taken(found)
        is_doubtful = first.known.told > DOUBTFUL * max(first.found.error, ROUNDED)
        has_few_rows = self.witnesses.facts.n < FEW_ROWS
        if self.is_settled or not (is_doubtful or has_few_rows):
            return first
        if not self.witnesses.clock.leaves(0.0, "a look at other models, as the error to expect of this one is large"):
            return first
        others = sorted(self.race.found.values(), key=lambda one: one.score)
        others = [one for one in others if one.maker != found.maker and one.error < first.known.told][:MOST_NEXT]
        every = [first, *(self._taken(one) for one in others)]
        costs = [one.known.told * (1.0 if has_few_rows else max(one.found.error, ROUNDED)) for one in every]
        near = [one for one, cost in zip(every, costs, strict=True) if cost <= ALIKE * min(costs)]
        best = min(near, key=lambda one: one.found.model.n_params) if has_few_rows else near[0]
        if best is not first:
            self.race.tell(
                f"an error of {first.known.error:.1e} is to be expected over the box of the best at the rows "
                f"({first.found.error:.1e}); another, of {best.known.error:.1e} over the box, is taken"
            )
        return best

    def _taken(self, found: Found) -> Taken:
        model, is_sample = found.measured or found.model, self.race.rows.n < self.train.n
        if found.measured_at is None:
            at_rows = found.train_rmse if is_sample else self._rmse(model, self.train)
            found = replace(found, errors=_errors(model, self.held_out), train_rmse=at_rows)
        whole = found if self.is_final else self.refitted(found)
        if found.measured_at is None and is_sample and whole is found:
            # All rows of a large table are gone through once: else they have been, by the model that is made of them.
            found = whole = replace(found, train_rmse=self._rmse(model, self.train))
        self.race.found[found.maker] = found  # the candidate that the report names has the errors that it gives
        rivals = [one for one in self.race.found.values() if one.maker != found.maker]
        return Taken(found, whole, self.witnesses.expected(whole, rivals))

    def refitted(self, found: Found) -> Found:
        """The model made again of all rows, if there is time, unless it is worse at these."""
        samples, rows = self.samples, found.refit_rows
        n = samples.n if rows is None else min(samples.n, rows)
        n_steps = 1.0 if found.nearby_work is None else DESCENT_STEPS
        work = min(MOST_REFIT_WORK, n_steps * n * float(found.model.n_params) ** 2)
        # Twice as slow as it should be.
        if not self.witnesses.clock.leaves(2.0 * work / WORK_A_SECOND, "a fit to all rows"):
            return found
        if n < samples.n and self.race.rows.n < self.train.n:
            samples = samples.take(sample_of(samples, n, self.witnesses.rng)[0])
        again = refitted(found, samples)
        # A model of which each value takes long was measured at some rows only.
        some = self.samples if found.measured_at is None else self.samples.first(found.measured_at.n)
        error = self._rmse(again.model, some)
        return again if error <= NO_WORSE * max(found.error, ROUNDED) else found

    def _rmse(self, model: Model, rows: Samples | Subset) -> float:
        """The relative RMSE at the rows, or at as many of them as can be looked at, a block at a time."""
        outputs = self.witnesses.facts.outputs
        some = rows if rows.n <= _most(model) else _some(model, rows)
        with np.errstate(all="ignore"):
            blocks = ((model.evaluate(block.X), block.y, block.sample_weight) for block in some.blocks())
            return rmse_of(blocks, np.maximum(np.abs(outputs.low), np.abs(outputs.high)))


def _errors(model: Model, rows: Samples) -> Errors:
    """At the rows, or at as many of them as can be looked at."""
    rows = rows if rows.n <= _most(model) else _some(model, rows)
    values = np.empty_like(rows.y)
    with np.errstate(all="ignore"):
        for begin, block in zip(range(0, rows.n, BLOCK_ROWS), rows.blocks(), strict=True):
            values[begin : begin + block.n] = model.evaluate(block.X)
        return errors_at(rows, values)


def _most(model: Model) -> int:
    """Rows at which errors of the model are measured at most."""
    return max(1000, int(MOST_MEASURED / max(1, model.n_params)))


def _some(model: Model, rows: Samples | Subset) -> Samples:
    return rows.take(np.linspace(0, rows.n - 1, _most(model)).astype(np.intp))
