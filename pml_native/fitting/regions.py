"""How `fit` uses regions: where rows show that the law of y changes, each side has a race of its own.

Labels are found among the rows trained on (search/regions.py). Rows that surely are of a region go to its race; its
laws, far more exact than those by which labels were found, label all rows again, and a boundary that parts them is
looked for (search/boundaries.py). Rows held out, which no law has seen, judge the laws, and say with the others where
the boundary is. A cut that a smooth function doesn't need must not win by being exact at the rows: it is believed where
the rows next to it are missed by the law of the other side by far more than by their own, and by about as much as
they were by the first laws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from ..arrays import Array, Samples
from ..models import Model, Outputs, Regions
from ..search.boundaries import Boundary, boundary_of
from ..search.divisions import Division, Labels, Table, in_box, numbered, pairs_of
from ..search.regions import CERTAIN, MOST_ROWS, Labelling
from ..search.scheduler import Next, Part, Run, Start, State, Step, Steps, Worker, drop
from ..search.search import CALL, WORK_A_SECOND, Found, Rows
from .agreement import Box
from .given_regions import Given
from .race import ROUNDS, Race, Row, line_of
from .reduced import with_prefix

SEARCH = "regions"
# Of the work of the race, what labels may take: on a smooth table all starts run in vain.
LABELS_SHARE = 1 / 20
# A row is surely of a region where its law misses it by so many times less than any other, and by no more than so many
# times the median of the region and rounding, in units of the RMS of y.
SURELY, MEDIANS, ROUNDING = 0.1, 100.0, 1e-13
# A row is alone if none of so many rows nearest to it is of its region. One row of 3,000 in the midst of the other
# region had been among those that a law of 19 terms was found by, which met it to 1e-17: the boundary bent around it.
NEIGHBOURS = 8
# Of the rows of a region, those that its race holds out; and the fewest rows of a race.
HELD_OUT, FEWEST_ROWS = 0.15, 12
# Of the work of the race, what is there for those within it, in equal parts.
REGIONS_SHARE = 2 / 3
# Races take turns of this much; labels by their laws are to agree with those before after so much for each, or else
# races begin again with the new labels, so many times. The trial is a share of the work of the race, a second of 45.
# It is so many times longer where laws only are not exact yet.
TURN_WORK, TRIAL_SHARE, LONG_TRIAL, MOST_TRIALS = 0.1 * WORK_A_SECOND, 1 / 45, 4.0, 3
# Next to a boundary the law of the other side misses rows by so much, in units of the RMS of y, and by no less than
# this part of what the first, crude laws did: a front tanh(50 x), cut in vain, has laws of 2e-16 on both sides that go
# on across the cut to 1e-10, and the more exact they are, the further.
LARGE_MISS, SAME_MISS = 1e-7, 0.1
# A cut is believed of laws that miss their rows by no more than this in the median, and where no more than so many of
# all rows are missed by all laws by so many medians: next to a false cut of a smooth function, however steep, both
# sides miss rows. Of true cuts no row is missed by 1000 medians, of false ones 15 to 300 in 2,550.
EXACT, ORPHANED, MOST_ORPHANS = 1e-6, 300.0, 1e-3
# Where y jumps by more than this, in units of its RMS, the report says that rows leave open where.
JUMP = 1e-9


@dataclass(frozen=True, eq=False)
class Laws:
    """What was found for each region, and the rows that were given to it."""

    found: tuple[Found, ...]

    def misses(self, samples: Samples, *, by: Sequence[Model] | None = None) -> Array:
        """What each law misses each row by, (q, n), in units of the RMS of y about its mean."""
        models = [one.model for one in self.found] if by is None else by
        unit = _unit(samples.y)
        with np.errstate(all="ignore"):
            left = [(model.evaluate(samples.X) - samples.y) / unit for model in models]
            misses = np.sqrt(np.mean(np.square(left), axis=2))
        return np.where(np.isfinite(misses), misses, np.inf)


@dataclass(frozen=True, eq=False)
class Verdict:
    """Labels by laws, whether they agree with those before, and what is said of a cut that is to be believed.

    `may_come` says that it only lacks exact laws.
    """

    labels: Labels
    agrees: bool
    said: str = ""
    may_come: bool = False


def _unit(y: Array) -> Array:
    with np.errstate(over="ignore"):
        deviation = np.std(y, axis=0)
    return np.where(deviation > 0.0, deviation, 1.0)


def sure(misses: Array) -> Labels:
    """The region of each row, (n,), from misses (q, n); -1 where none surely has it."""
    labels = np.argmin(misses, axis=0)
    columns = np.arange(len(labels))
    own = misses[labels, columns]
    others = misses.copy()
    others[labels, columns] = np.inf
    is_sure = own < SURELY * others.min(axis=0)
    for k in range(len(misses)):
        here = labels == k
        if here.any():
            is_sure[here] &= own[here] <= MEDIANS * np.median(own[here]) + ROUNDING
    return np.where(is_sure, labels, -1)


def without_lone_rows(labels: Labels, X: Array) -> Labels:
    """`labels` (n,), but -1 for rows X (n, d) that are alone: their law meets them, as it was found by them."""
    known = np.flatnonzero(labels >= 0)
    if len(known) <= NEIGHBOURS:
        return labels
    own, z = labels[known], in_box(X[known], X[known])
    near = KDTree(z).query(z, k=NEIGHBOURS + 1)[1]
    has_company = (own[near] == own[:, None]) & (near != np.arange(len(known))[:, None])
    found = labels.copy()
    found[known[~has_company.any(axis=1)]] = -1
    return found


class RegionsSearch:
    """The search for laws of regions of `race`, each by `table`."""

    def __init__(self, race: Race, table: Sequence[Row], given: Given | None = None) -> None:
        self.given = given
        # Its draws are its own: searches after it draw what they do without it.
        self.race, self.rows, self.table, self.rng = race, race.rows, table, np.random.default_rng(0)
        self.names = self.rows.train.input_names or tuple(f"x{j}" for j in range(self.rows.n_inputs))
        self.prospect = 0.0
        self.least_miss: float | None = None

    def steps(self) -> Steps:
        train = self.rows.train
        if self.given is not None:
            yield from self._raced(self.given.labels(train.X))
            return
        k = min(MOST_ROWS, self.rows.n)
        table = Table(train.X[:k], train.y[:k, 0])
        cut = yield from Labelling(table, self.rng, LABELS_SHARE * self.race.work).parts()
        if cut is None:
            return
        yield self._line(
            f"the law seems to change: {cut.division.q} regions, between which one is wrong next to the other by "
            f"{cut.pair.decades:.1f} decades"
        )
        self.least_miss = min(pair.miss for pair in pairs_of(table.z, cut.division))
        labels = np.full(self.rows.n, -1, dtype=np.intp)
        labels[:k] = without_lone_rows(sure(cut.division.misses), train.X[:k])
        for _ in range(MOST_TRIALS):
            again = yield from self._raced(labels)
            if again is None:
                return
            labels = numbered(again, FEWEST_ROWS)

    def _line(self, sentence: str) -> str:
        return line_of(sentence, self.race.start)

    def _raced(self, labels: Labels) -> Part[Labels | None]:
        """Races of the rows of each region; other labels to begin again with, None where that leads to nothing."""
        q = int(labels.max()) + 1
        own = [np.flatnonzero(labels == k) for k in range(q)]
        if q < 2 or min(map(len, own)) < FEWEST_ROWS:
            return None
        races = [self._race(self._within(self.rows.train.take(rows, apart=False)), q) for rows in own]
        runs = yield Start(races)
        contest = Contest(runs)
        is_believed, verdict = False, Verdict(labels, agrees=True)
        while contest.going:
            for line in (yield from contest.turn(TURN_WORK)):
                yield with_prefix(*line)
            if contest.is_new and all(contest.best):
                contest.is_new = False
                laws = Laws(tuple(self._of_all(one) for one in contest.best if one is not None))
                work = self.rows.n * (sum(one.model.n_params for one in laws.found) + 2e4) + 100.0 * CALL
                [verdict] = yield [Step(work, partial(self._judged, laws, labels))]
                whole = None
                if verdict.said:
                    [whole] = yield [Step(work + self._boundary_work(q), partial(self._whole, laws, verdict.labels))]
                if whole is not None:
                    found, boundary = whole
                    if not is_believed:
                        yield self._line(f"{boundary.described}: {verdict.said}")
                    is_believed = True
                    yield found
            trial = (LONG_TRIAL if verdict.may_come else 1.0) * TRIAL_SHARE * self.race.work
            if self.given is None and min(contest.done) >= trial and not (is_believed and verdict.agrees):
                break
        for run in runs:
            drop(run)
        return None if verdict.agrees else verdict.labels

    def _race(self, samples: Samples, q: int) -> Race:
        outer, n = self.race, len(samples.X)
        n_held_out = max(2, round(HELD_OUT * n))
        order = self.rng.permutation(n)
        rows = Rows(samples.take(order[n_held_out:]), samples.take(order[:n_held_out]))
        return Race(
            rows,
            self.table,
            np.random.default_rng(self.rng.integers(2**63)),
            (1.0 if self.given is not None else REGIONS_SHARE) * outer.work / q,
            outer.enough,
            depth=outer.depth + 1,
            start=outer.start,
            is_over=outer.is_over,
        )

    def _judged(self, laws: Laws, before: Labels, worker: Worker) -> Verdict:
        """Labels by these laws, and whether the cut is to be believed."""
        train = self.rows.train
        misses = laws.misses(train)
        if self.given is not None:
            own = [_median(misses[k][before == k]) for k in range(len(misses))]
            said = f"the laws miss their rows by {', '.join(f'{one:.0e}' for one in own)}"
            return Verdict(before, agrees=True, said=said)
        labels = without_lone_rows(sure(misses), train.X)
        both = (labels >= 0) & (before >= 0)
        q = len(misses)
        if np.any(labels[both] != before[both]) or len(np.unique(labels[labels >= 0])) < q:
            return Verdict(labels, agrees=False)
        division = Division(np.argmin(misses, axis=0), misses)
        pairs = pairs_of(in_box(train.X, train.X), division)
        least = LARGE_MISS if self.least_miss is None else max(LARGE_MISS, SAME_MISS * self.least_miss)
        doubtful = [pair for pair in pairs if not (pair.decades > CERTAIN and pair.miss > least)]
        if doubtful or not pairs:
            # One law goes on across the cut: the two regions are one.
            pair = min(doubtful, key=lambda pair: pair.miss, default=None)
            return Verdict(labels if pair is None else np.where(labels == pair.a, pair.b, labels), agrees=False)
        own = [_median(misses[k][division.labels == k]) for k in range(q)]
        typical = np.array(own)[division.labels]
        orphans = int(np.count_nonzero(division.own > ORPHANED * typical + ROUNDING))
        if max(own) > EXACT or orphans > MOST_ORPHANS * len(typical):
            return Verdict(labels, agrees=True, may_come=orphans <= MOST_ORPHANS * len(typical))
        said = (
            f"the laws miss their rows by {', '.join(f'{one:.0e}' for one in own)}, and rows of the other side next to "
            f"the boundary by {min(pair.miss for pair in pairs):.0e}"
        )
        return Verdict(labels, agrees=True, said=said)

    def _boundary_work(self, q: int) -> float:
        return 0.1 * q * WORK_A_SECOND

    def _whole(self, laws: Laws, labels: Labels, worker: Worker) -> tuple[Found, Boundary] | None:
        """The laws with the boundary that parts the rows, as a model of the whole table."""
        rows, signature = self.rows, self.rows.signature
        models = [one.model for one in laws.found]
        known = rows.train
        if not rows.is_apart:
            # The laws have not seen the rows held out, which say which of them they are of, and where the boundary is.
            known = joined(rows.train, rows.held_out)
            labels = np.concatenate([labels, self._labels(laws, rows.held_out)])
        boundary = self._boundary(models, known, labels)
        if boundary is None:
            return None

        def whole(models: Sequence[Model], boundary: Boundary) -> Regions:
            return Regions(models, boundary.boundary, margin=boundary.margin, signature=signature)

        def made(samples: Samples, make: Callable[[Found, Samples], Model | None]) -> Regions | None:
            """The like of it, made of other rows."""
            labels = self._labels(laws, samples)
            shares = [np.flatnonzero(labels == k) for k in range(len(models))]
            if min(map(len, shares)) < FEWEST_ROWS:
                return None
            again = [make(one, samples.take(share, apart=False)) for one, share in zip(laws.found, shares, strict=True)]
            there = [model for model in again if model is not None]
            if len(there) < len(again):
                return None
            labels = self._labels(laws, samples, there)
            if len(np.unique(labels[labels >= 0])) < len(there):
                return None
            other = self._boundary(there, samples, labels)
            return None if other is None else whole(there, other)

        def refit(samples: Samples) -> Model:
            return made(samples, _refitted) or whole(models, boundary)

        def nearby(samples: Samples) -> Model | None:
            return made(samples, _nearby)

        n_params = sum(one.model.n_params for one in laws.found)
        works = [one.nearby_work or rows.n / len(models) * float(one.model.n_params) ** 2 for one in laws.found]
        found = rows.found(
            whole(models, boundary),
            "regions",
            f"{boundary.described}: {'; '.join(one.description for one in laws.found)}",
            coordinates="by rows",
            status="the laws part the rows" if boundary.is_of_laws else "a boundary parts the rows",
            refit=refit,
            nearby=nearby if all(one.nearby is not None for one in laws.found) else None,
            nearby_work=sum(works) + self._boundary_work(len(models)) + rows.n * n_params,
            uses_derivatives=all(one.uses_derivatives for one in laws.found),
        )
        is_exact = all(one.is_exact for one in laws.found)
        return replace(found, maker="of regions", is_open=is_exact and not boundary.is_of_laws), boundary

    def _labels(self, laws: Laws, samples: Samples, by: Sequence[Model] | None = None) -> Labels:
        if self.given is not None:
            return self.given.labels(samples.X)
        return without_lone_rows(sure(laws.misses(samples, by=by)), samples.X)

    def _within(self, samples: Samples) -> Samples:
        """The samples in the columns that laws are functions of."""
        return samples if self.given is None else self.given.within(samples)

    def _of_all(self, inner: Found) -> Found:
        """A law as a function of all columns."""
        given, train = self.given, self.rows.train
        if given is None or given.column is None:
            return inner

        def made(make: Callable[[Samples], Model | None] | None) -> Callable[[Samples], Any] | None:
            if make is None:
                return None

            def again(samples: Samples) -> Model | None:
                model = make(given.within(samples))
                return None if model is None else given.outer(model, train)

            return again

        return replace(inner, model=given.outer(inner.model, train), refit=made(inner.refit), nearby=made(inner.nearby))

    def _boundary(self, models: Sequence[Model], samples: Samples, labels: Labels) -> Boundary | None:
        if self.given is not None and self.given.boundary is not None:
            return self.given.boundary
        with np.errstate(all="ignore"):
            values = np.concatenate([model.evaluate(samples.X) for model in models], axis=1)
        return boundary_of(samples.X, labels, values if samples.y.shape[1] == 1 else None, self.names)


def joined(a: Samples, b: Samples) -> Samples:
    """The rows of both, without weights."""
    both = a.changed(np.concatenate([a.X, b.X]), np.concatenate([a.y, b.y]))
    return replace(both, sample_weight=None)


def _median(values: Array) -> float:
    return float(np.median(values)) if len(values) else math.inf


def _refitted(found: Found, samples: Samples) -> Model:
    return found.model if found.refit is None else found.refit(samples)


def _nearby(found: Found, samples: Samples) -> Model | None:
    return None if found.nearby is None else found.nearby(samples)


class Contest:
    """Races of regions in turns, and the best that each has found."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.best: list[Found | None] = [None] * len(runs)
        self.done, self.going, self.target = [0.0] * len(runs), list(range(len(runs))), 0.0
        self.is_new = False
        for run in runs:
            run.allow(math.inf)

    def turn(self, work: float) -> Part[list[tuple[str, str]]]:
        """Lets each go on for so much work; what their records say, with what goes before it."""
        self.target += work
        lines = []
        for k in list(self.going):
            while self.done[k] < self.target:
                event = yield Next(self.runs[k])
                self.done[k] = event.work
                best = self.best[k]
                if isinstance(event.found, str):
                    lines.append((event.found, f"region {k}: "))
                elif event.found is not None and (best is None or event.found.score < best.score):
                    self.best[k], self.is_new = event.found, True
                if event.state is State.ENDED:
                    self.going.remove(k)
                    self.done[k] = math.inf
                    break
        return lines


def doubt_over(model: Model, box: Box) -> tuple[float, float]:
    """The share of the box where the rows leave open which law holds, and the RMS over the box, in units of y, of what
    the laws differ by there."""
    apart = np.sqrt(np.mean((model.undecided(box.points) / box.unit) ** 2, axis=1))
    apart = np.where(np.isfinite(apart), apart, 0.0)
    share = float(np.average(apart > JUMP, weights=box.weights))
    return share, float(np.sqrt(np.average(apart**2, weights=box.weights)))


def sentences(model: Model, box: Box) -> list[str]:
    """What the rows leave open about the boundary of a model of regions: it limits any model."""
    if not isinstance(model, (Regions, Outputs)):
        return []
    share, error = doubt_over(model, box)
    if share == 0.0:
        return []
    return [
        f"y jumps between regions, and between the rows on both sides nothing tells where: {share:.2g} of the box is "
        f"in doubt, for an RMSE of {error:.0e} over the box; rows drawn there would tell"
    ]


def table_of(table: Sequence[Row], given: Given) -> tuple[Row, ...]:
    """The table where regions are given: `table` in each of them."""
    inner = tuple(row for row in table if row.search != SEARCH)
    return (
        Row(
            SEARCH,
            1.0 / ROUNDS[0],
            make=lambda race: RegionsSearch(race, inner, given),
            sentence="with a law for each region, models come to {error:.1e}",
        ),
    )
