"""Which rows meet one law: regions of a table of two to six columns, found from the rows alone.

From many starts (region_starts.py) laws and labels are found in turns (divisions.py), at low degree first; the starts
that promise most go on to higher ones. Regions between which the cut is not certain are joined, until all are, or one
is left: then the table is not cut. What is found are labels; exact laws, and the boundary, are for others to find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from . import region_starts
from .divisions import (
    DEGREES,
    QUOTIENT_STEPS,
    Division,
    Labels,
    Law,
    Pair,
    Table,
    alternated,
    certainty,
    merged,
    misses_of,
    n_terms,
    quotient_misses_of,
)
from .scheduler import Part, Step, Worker
from .search import CALL

# Rows that are looked at: more make it slower, and laws no better.
MOST_ROWS = 4000
# A table of fewer rows than this for each column is not cut, nor one whose rows one law meets to so many decades.
ROWS_A_COLUMN, ONE_LAW = 50, -13.5
# Rounds of a step, of the first looks, and of each degree after them.
ROUNDS_A_STEP, ROUNDS_AT_FIRST, MOST_ROUNDS = 3, 12, 12
# Starts that go on: the best, and the best of each kind.
BEST = 3
# The first looks, and the best start, may take so many times the work that there is; or there are none.
MOST_AT_FIRST = 4.0
# Divisions by polynomials that are not certain, of which the best goes on with quotients, of these degrees by columns.
MOST_UNCERTAIN = 1
QUOTIENT_DEGREES = {2: (4, 6, 8), 3: (2, 3, 4), 4: (2, 3), 5: (1, 2), 6: (1, 2)}
# Cuts are certain by so many decades. Of 60 smooth tables none reaches 1.6, of true cuts whose laws are met to 1e-4
# none is below 4.
CERTAIN = 2.0
# With quotients, which have poles beyond their rows, smooth fronts come to 5.3 decades, true cuts to 7 and more.
CERTAIN_BY_QUOTIENTS = 6.0
# A division with a cut that is certain by so many decades ends the search.
BEYOND_DOUBT = 4.0
# A cut gains so many decades over one law at least.
GAIN = 0.5


@dataclass(frozen=True, eq=False)
class Cut:
    """The labels of the rows that were looked at, which are the first ones, and how certain the cut is."""

    table: Table
    division: Division
    pair: Pair
    start: str


def may_be_cut(n: int, d: int) -> bool:
    """Whether regions are looked for in n rows of d columns."""
    return d in DEGREES and n >= ROWS_A_COLUMN * d


class Labelling:
    """The search for the best cut of a table, with so much work at most; `found` is None where none is certain."""

    def __init__(self, table: Table, rng: np.random.Generator, most_work: float) -> None:
        self.table, self.rng, self.most_work = table, rng, most_work
        self.spent = 0.0
        self.found: Cut | None = None

    def parts(self) -> Part[Cut | None]:
        """Whoever looks for regions has it by `yield from`."""
        table = self.table
        if len(table.degrees) < 2:  # the rows carry no law that could be compared with a simpler one
            return None
        [whole] = yield from self._do([Step(table.work(table.degrees[-1], 2), partial(_one_law, table))])
        if whole.score < ONE_LAW:
            return None
        starts = []
        for name, steps in _starts(table, self.rng):
            found = yield from self._do(steps)
            starts += [(name, labels) for some in found for labels in some]
        work = table.work(table.degrees[1], ROUNDS_AT_FIRST) + CALL
        if self.spent + len(starts) * work > MOST_AT_FIRST * self.most_work:
            return None
        looks = [Step(work, partial(_looked_at, table, labels)) for _, labels in starts]
        seen = yield from self._do(looks)
        uncertain: list[tuple[Division, str]] = []
        for name, division in _promising([(name, one) for (name, _), one in zip(starts, seen, strict=True)]):
            if self.spent > self.most_work and uncertain:
                break
            refined = yield from self._refined(division, table.degrees[1:], misses_of)
            if refined is not None:
                uncertain.append((refined, name))
                if (yield from self._is_found(whole, refined, name, misses_of)):
                    break
        if self.found is None:
            uncertain = [one for one in uncertain if one[0].score < whole.score - GAIN]
            for division, name in sorted(uncertain, key=lambda one: one[0].score)[:MOST_UNCERTAIN]:
                refined = yield from self._refined(division, QUOTIENT_DEGREES[table.d], quotient_misses_of)
                if refined is not None and (yield from self._is_found(whole, refined, name, quotient_misses_of)):
                    break
        return self.found

    def _do(self, steps: list[Step]) -> Part[list[Any]]:
        self.spent += sum(step.work for step in steps)
        results: list[Any] = yield steps
        return results

    def _refined(self, division: Division, degrees: Sequence[int], law: Law) -> Part[Division | None]:
        """The division with laws of higher and higher degree; None where one region is left."""
        refined: Division | None = division
        for degree in degrees:
            work = _work(self.table, degree, law)
            for _ in range(MOST_ROUNDS // ROUNDS_A_STEP):
                assert refined is not None
                step = Step(ROUNDS_A_STEP * work, partial(_alternated, self.table, refined.labels, degree, law))
                [(refined, stands)] = yield from self._do([step])
                if refined is None or refined.q < 2:
                    return None
                if stands:
                    break
            assert refined is not None
            if law is misses_of:
                [refined] = yield from self._do([Step(refined.q * work, partial(_merged, self.table, refined, degree))])
                if refined.q < 2:
                    return None
        return refined

    def _is_found(self, whole: Division, division: Division, start: str, law: Law) -> Part[bool]:
        """Keeps a certain cut, if it is the best; whether it is beyond doubt."""
        table = self.table
        degree = table.degrees[-1] if law is misses_of else QUOTIENT_DEGREES[table.d][-1]
        step = Step(2 * division.q * _work(table, degree, law), partial(_certain, table, division, start, degree, law))
        [cut] = yield from self._do([step])
        known = whole.score - GAIN if self.found is None else self.found.division.score
        if cut is None or not cut.division.score < known:
            return False
        self.found = cut
        return bool(cut.pair.decades > BEYOND_DOUBT)


def _work(table: Table, degree: int, law: Law) -> float:
    """Multiply-adds of a round of laws: those of quotients are of twice the terms, by QR, and fitted several times."""
    return table.work(degree, 1) * (1 if law is misses_of else 8 * QUOTIENT_STEPS)


def _starts(table: Table, rng: np.random.Generator) -> list[tuple[str, list[Step]]]:
    """All starts by their kinds."""
    d, n, degrees = table.d, table.n, table.degrees
    own = np.random.default_rng(rng.integers(2**63))
    of_neighbours = region_starts.DEGREES_OF_FEW if d <= 3 else region_starts.DEGREES_OF_MANY
    scanned = [p for p in range(degrees[1], degrees[-1] + 1) if n_terms(d, p) <= region_starts.MOST_SCANNED_TERMS]
    of_scan = sorted({degrees[1], scanned[-1] if scanned else degrees[1]})
    neighbours = [
        Step(
            3.0 * n * n_terms(d, degree) ** 3 + n * CALL / 5.0,
            _step(partial(region_starts.by_neighbours, table, degree)),
        )
        for degree in of_neighbours
    ]
    scans = [
        Step(table.work(degree, 2) + 2.0 * region_starts.BLOCKS * n_terms(d, degree) ** 3, _step(one))
        for degree in of_scan
        for one in _scans(table, degree)
    ]
    robust = [
        Step(table.work(degree, region_starts.ROBUST_STEPS), _step(partial(region_starts.by_robust_law, table, degree)))
        for degree in degrees[1:3]
    ]
    random = [Step(20.0 * CALL, _step(partial(region_starts.at_random, table, own)))]
    return [("neighbours", neighbours), ("threshold", scans), ("robust", robust), ("random", random)]


def _scans(table: Table, degree: int) -> list[Callable[[], list[Labels]]]:
    """One for each direction of the table."""

    def scan(k: int) -> list[Labels]:
        return region_starts.by_threshold(table, degree, region_starts.directions(table)[k])

    return [partial(scan, k) for k in range(table.d + 3)]


def _step(function: Callable[[], list[Labels]]) -> Callable[[Worker], list[Labels]]:
    return lambda worker: function()


def _one_law(table: Table, worker: Worker) -> Division:
    division, _ = alternated(table, np.zeros(table.n, dtype=np.intp), table.degrees[-1], 1, is_exact=True)
    assert division is not None
    return division


def _looked_at(table: Table, labels: Labels, worker: Worker) -> Division | None:
    """A first look at a start; None where one region is left."""
    division: Division | None = None
    for degree in table.degrees[:2]:
        division, _ = alternated(table, labels, degree, ROUNDS_AT_FIRST)
        if division is None:
            return None
        division = merged(table, division, degree)
        if division.q < 2:
            return None
        labels = division.labels
    return division


def _promising(looks: list[tuple[str, Division | None]]) -> list[tuple[str, Division]]:
    """Those of the looks that go on, the best first: each division once."""
    ranked: list[tuple[float, str, Division]] = []
    for name, division in looks:
        if division is not None and all(abs(division.score - other[0]) > 1e-6 for other in ranked):
            ranked.append((division.score, name, division))
    ranked.sort(key=lambda one: one[0])
    chosen = list(range(min(BEST, len(ranked))))
    for kind in dict.fromkeys(name for _, name, _ in ranked):
        chosen.append(next(i for i, one in enumerate(ranked) if one[1] == kind))
    return [(ranked[i][1], ranked[i][2]) for i in sorted(set(chosen))]


def _alternated(table: Table, labels: Labels, degree: int, law: Law, worker: Worker) -> tuple[Division | None, bool]:
    return alternated(table, labels, degree, ROUNDS_A_STEP, law=law)


def _merged(table: Table, division: Division, degree: int, worker: Worker) -> Division:
    return merged(table, division, degree)


def _certain(table: Table, division: Division, start: str, degree: int, law: Law, worker: Worker) -> Cut | None:
    """The division with the least certain regions joined until all cuts are certain; None if one region is left."""
    least = CERTAIN if law is misses_of else CERTAIN_BY_QUOTIENTS
    while division.q > 1:
        pair = certainty(table.z, division)
        if pair.decades > least or pair.a < 0:
            exact, _ = alternated(table, division.labels, degree, ROUNDS_A_STEP, law=law, is_exact=True)
            if exact is None or exact.q < 2:
                return None
            pair = certainty(table.z, exact)
            return Cut(table, exact, pair, start) if pair.decades > least else None
        labels = np.where(division.labels == pair.a, pair.b, division.labels)
        joined, _ = alternated(table, labels, degree, ROUNDS_AT_FIRST, law=law)
        if joined is None:
            return None
        division = joined
    return None
