"""Finds networks: a race in several coordinates, wider ones where the winner's are, and a second one on what is left.

The search goes by rounds, each of ROUND_GROWTH times the work of the last, which those that take part share equally and
use side by side: at first small networks in all coordinates, as coordinates decide more than width; then the best of
these; then the best one, with another network in its coordinates in each round, wider than the last, and where there is
no wider one, or a round has gained little, another start. From the second round on, a second network is trained for
what the best one leaves over (boosting.py). All are compared by whole models, at rows held out and trained on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from ..arrays import Array
from ..models import Boosted, NetworkModel
from ..networks import MLP
from .boosting import STAGE_WORK, left_over, stage_training
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, FLOOR, MOST_STEP, Found, Rows
from .training import Coordinates, Training, candidate_coordinates, widest

# Multiply-adds of the first round, a quarter of a second, and how much larger each one is than the last.
FIRST_WORK, ROUND_GROWTH = 4e9, 4.0
# Racers that go on after the first round, and after the second.
FINALISTS = (2, 1)
# Widths of two hidden layers that are tried one after the other; and of one, for one input.
WIDTHS = (12, 20, 28)
ONE_INPUT_WIDTHS = (20, 40)
# A round that does not bring the error below this share of what it was gained little; so many of them are followed by
# another start, the next one by the end.
GAIN = 0.7
MOST_STARTS = 2
# In each of so many rounds to come, the error is taken to lose as many digits as in the better of the last two, and
# half as many again.
ROUNDS_AHEAD, MARGIN = 2, 1.5
# A sum is made, which takes long to measure, when its second network's error is below this share of that of the last.
SUM_GAIN = 0.8
# Operations that one in double-double takes.
DOUBLE_DOUBLE = 15.0


class NetworkSearch:
    """One search: trains the networks that it is made of, round by round."""

    def __init__(self, rows: Rows, rng: np.random.Generator) -> None:
        self.rows, self.rng = rows, rng
        self.prospect = 0.0
        self._first_error: float | None = None  # of the first model
        self._least = math.inf  # the error of the best so far
        self._errors: list[float] = []  # the same after each round
        self._hope = 0.0  # what further rounds may multiply it by
        self._wider = self._shapes()
        self._trainings: list[Training] = []
        self._sum: _Sum | None = None
        self._first: NetworkModel | None = None  # the last one that a second was trained for
        self._n_starts_left = MOST_STARTS

    def steps(self) -> Steps:
        narrowest = self._wider.pop(0)
        self._trainings = [self._training(choice, narrowest) for choice in candidate_coordinates(self.rows)]
        for number in itertools.count():
            yield from self._round(FIRST_WORK * ROUND_GROWTH**number)
            self._errors.append(self._least)
            self._hope = hope(self._errors)
            self._trainings = self._ranked()[: FINALISTS[number] if number < len(FINALISTS) else None]
            changes = yield from self._begin_sum()
            changes |= self._enter()
            if self._least <= FLOOR or not (changes or (self._going and not self._gained_little)):
                return

    def _shapes(self) -> list[tuple[int, ...]]:
        """Hidden widths to try, the smallest first, as wide as the rows can determine."""
        d, m = self.rows.n_inputs, self.rows.n_outputs
        n_values = self.rows.n_equations if m == 1 else self.rows.n * m

        def n_params(hidden: tuple[int, ...]) -> int:
            return MLP((d, *hidden, m)).n_params

        wanted = [(w,) for w in ONE_INPUT_WIDTHS if d == 1] + [(w, w) for w in WIDTHS]
        narrow = widest(lambda w: n_params((w, w)), n_values, WIDTHS[0])
        return [hidden for hidden in wanted if 2 * n_params(hidden) <= n_values] or [(narrow, narrow)]

    def _training(self, coordinates: Coordinates, hidden: tuple[int, ...]) -> Training:
        mlp = MLP((self.rows.n_inputs, *hidden, self.rows.n_outputs))
        return Training(self.rows, coordinates, mlp, mlp.initialize(self.rng))

    def _enter(self) -> bool:
        """Another network for the next round, if any: a wider one, or where little was gained another start."""
        best, races = self._trainings[0], len(self._errors) < len(FINALISTS) and self._going != []
        if races or any(training.fits_all_rows for training in self._trainings):
            return False  # one that meets all rows to rounding has no use for more parameters
        if self._wider:
            hidden = self._wider.pop(0)
        elif (self._gained_little or not self._going) and self._n_starts_left > 0:
            hidden = best.mlp.widths[1:-1]
            self._n_starts_left -= 1
        else:
            return False
        self._trainings.append(self._training(best.coordinates, hidden))
        return True

    @property
    def _gained_little(self) -> bool:
        """Whether the last round did."""
        return len(self._errors) > 1 and self._errors[-1] > GAIN * self._errors[-2]

    def _ranked(self) -> list[Training]:
        return sorted(self._trainings, key=lambda training: training.error)

    def _begin_sum(self) -> Part[bool]:
        """A second network for the best one, if that is another one than the last time, and leaves something."""
        best = self._trainings[0]
        assert best.network is not None
        if best.network is self._first or extended_work(self.rows, best.network) > MOST_STEP:
            return False
        self._first = best.network
        [self._sum] = yield [sum_step(self.rows, best, best.network, int(self.rng.integers(2**63)))]
        return self._sum is not None

    def _round(self, work: float) -> Steps:
        """All that can go on do, side by side, with equal parts of the work."""
        going = self._going
        until = {part: part.work + work / len(going) for part in going}
        while going and self._least > FLOOR:
            results = yield [part.step() for part in going]
            # The worst first: a network is told of once it is no worse than the first one that was.
            found = sorted((one for one in results if one is not None), key=lambda one: one.error, reverse=True)
            self._least = min([self._least, *(one.error for one in found)])
            self.prospect = self._hope * self._least if self._least < math.inf else 0.0
            for one in found:
                self._first_error = one.error if self._first_error is None else self._first_error
                if one.error <= self._first_error:
                    yield one
            going = [part for part in going if not part.ended and part.work < until[part]]

    @property
    def _going(self) -> list[Training | _Sum]:
        return [part for part in (*self._trainings, self._sum) if part is not None and not part.ended]


class _Sum:
    """A network and a second one for what it leaves over: `error` is that of the sum."""

    def __init__(self, rows: Rows, first: Training, network: NetworkModel, second: Training, scale: Array) -> None:
        self.rows, self.first, self.network, self.second, self.scale = rows, first, network, second, scale
        self.error = math.inf
        self.work = 0.0
        self._measured = 1.0  # the error of the second in the last sum; without a second it is 1

    @property
    def ended(self) -> bool:
        return self.second.ended and not self._is_due

    @property
    def _is_due(self) -> bool:
        return self.second.error < SUM_GAIN * self._measured

    def step(self) -> Step:
        """More training of the second network, or the sum where that has become better; the result is the sum."""
        if self._is_due:
            least = min(self.error, self.first.error)  # as it is now: the first may go on beside this
            step = Step(extended_work(self.rows, self.network), lambda worker: self._measure(least))
        else:
            training = self.second.step()
            step = Step(training.work, lambda worker: _without_result(training, worker))
        self.work += step.work
        return step

    def _measure(self, least: float) -> Found | None:
        second = self.second.network
        assert second is not None
        self._measured = self.second.error
        total = Boosted([self.network, second], np.stack([np.ones_like(self.scale), self.scale]), self.rows.signature)
        coordinates = self.first.coordinates
        found = self.rows.found(
            self.first.wrapped(total),
            "network",
            coordinates.describe("sum of 2 networks"),
            coordinates=self.first.description,  # what one of them gets wrong, the other follows
            status=self.second.status,
            uses_derivatives=coordinates.train.slopes is not None,
            nearby=partial(self.first.nearby, self.network, beside=(second, self.scale))
            if self.first.descent.second_order
            else None,
            nearby_work=self.first.nearby_work,
        )
        if not found.error < least:
            return None
        self.error = found.error
        return found


def _without_result(step: Step, worker: Worker) -> None:
    step.function(worker)


def sum_step(rows: Rows, first: Training, network: NetworkModel, seed: int) -> Step:
    """Begins a second network for what `network`, of the training `first`, leaves over; None where that is nothing."""
    of = first.coordinates.rows

    def function(worker: Worker) -> _Sum | None:
        with np.errstate(all="ignore"):
            left = left_over(Boosted([network], [1.0]), of.train, of.held_out)
            if left is None:
                return None
            rest = Rows(left.train, left.held_out)
            second = stage_training(rest, Coordinates.as_given(rest), 1, np.random.default_rng(seed))
        return _Sum(rows, first, network, second, left.scale)

    return Step(extended_work(rows, network) + STAGE_WORK, function)


def extended_work(rows: Rows, network: NetworkModel) -> float:
    """Multiply-adds of a network's values in double-double at all rows."""
    return DOUBLE_DOUBLE * network.n_params * (rows.n + rows.n_held_out) + CALL


def hope(errors: Sequence[float]) -> float:
    """What some more rounds may multiply the error by, from those after each one so far; 0 where that says nothing."""
    if len(errors) < 2 or not (errors[-1] > 0.0 and errors[0] < math.inf):
        return 0.0
    falls = [math.log(after / before) for before, after in itertools.pairwise(errors[-3:])]
    return math.exp(MARGIN * ROUNDS_AHEAD * min(falls))
