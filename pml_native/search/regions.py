"""Which rows meet one law: regions of a table of two to six columns, found from the rows alone.

From many starts (region_starts.py) laws and labels are found in turns (divisions.py), at low degree first; the starts
that promise most go on to higher ones. Regions between which the cut is not certain are joined, until all are, or one
is left: then the table is not cut. What is found are labels; exact laws, and the boundary, are for others to find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from . import region_starts
from .divisions import DEGREES, Division, Labels, Pair, Table, alternated, certainty, merged, n_terms
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
# Cuts are certain by so many decades. Of 60 smooth tables none reaches 1.6, of true cuts whose laws are met to 1e-4
# none is below 4.
CERTAIN = 2.0
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


def regions_of(table: Table, rng: np.random.Generator, most_work: float) -> Part[Cut | None]:
    """The best cut of the table, with so much work at most; None where there is none that is certain."""
    degrees = table.degrees
    spent = table.work(degrees[-1], 2)
    [whole] = yield [Step(spent, partial(_one_law, table))]
    if whole.score < ONE_LAW:
        return None
    starts = []
    for name, steps in _starts(table, rng):
        spent += sum(step.work for step in steps)
        found = yield steps
        starts += [(name, labels) for some in found for labels in some]
    looks = [
        Step(table.work(degree, ROUNDS_AT_FIRST) + CALL, partial(_looked_at, table, labels, degrees[:2]))
        for name, labels in starts
        for degree in degrees[1:2]
    ]
    spent += sum(step.work for step in looks)
    if spent > MOST_AT_FIRST * most_work:
        return None
    seen = yield looks
    best: Cut | None = None
    has_one = False
    for name, division in _promising([(name, one) for (name, _), one in zip(starts, seen, strict=True)]):
        if spent > most_work and has_one:
            break
        has_one = True
        refined: Division | None = division
        for degree in degrees[1:]:
            for _ in range(MOST_ROUNDS // ROUNDS_A_STEP):
                assert refined is not None
                work = table.work(degree, ROUNDS_A_STEP)
                spent += work
                [(refined, stands)] = yield [
                    Step(work, partial(_alternated, table, refined.labels, degree, ROUNDS_A_STEP))
                ]
                if stands or refined is None:
                    break
            if refined is None:
                break
            work = table.work(degree, refined.q)
            spent += work
            [refined] = yield [Step(work, partial(_merged, table, refined, degree))]
            if refined.q < 2:
                break
        if refined is None or refined.q < 2:
            continue
        work = table.work(degrees[-1], 2 * refined.q)
        spent += work
        [cut] = yield [Step(work, partial(_certain, table, refined, name))]
        known = whole.score - GAIN if best is None else best.division.score
        if cut is not None and cut.division.score < known:
            best = cut
            if cut.pair.decades > BEYOND_DOUBT:
                break
    return best


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


def _looked_at(table: Table, labels: Labels, degrees: list[int], worker: Worker) -> Division | None:
    """A first look at a start; None where one region is left."""
    division: Division | None = None
    for degree in degrees:
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


def _alternated(table: Table, labels: Labels, degree: int, rounds: int, worker: Worker) -> tuple[Division | None, bool]:
    return alternated(table, labels, degree, rounds)


def _merged(table: Table, division: Division, degree: int, worker: Worker) -> Division:
    return merged(table, division, degree)


def _certain(table: Table, division: Division, start: str, worker: Worker) -> Cut | None:
    """The division with the least certain regions joined until all cuts are certain; None if one region is left."""
    degree = table.degrees[-1]
    while division.q > 1:
        pair = certainty(table.z, division)
        if pair.decades > CERTAIN or pair.a < 0:
            exact, _ = alternated(table, division.labels, degree, ROUNDS_A_STEP, is_exact=True)
            if exact is None or exact.q < 2:
                return None
            pair = certainty(table.z, exact)
            return Cut(table, exact, pair, start) if pair.decades > CERTAIN else None
        labels = np.where(division.labels == pair.a, pair.b, division.labels)
        joined, _ = alternated(table, labels, degree, ROUNDS_AT_FIRST)
        if joined is None:
            return None
        division = joined
    return None
