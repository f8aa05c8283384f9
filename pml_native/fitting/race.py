"""One run of `fit`: searches in turns, by the guide's table, and the best model so far.

First every search of the table has a turn, then one of four times the work; from then on the one that promises most
goes on, for as much work as it has done: errors mostly fall as powers of the work, so what a search has come to, and
how fast, promises what it will. The race ends when an error is rounding, or what was asked for, when no search promises
a better model than the best one known, or when the work is used up. A run is dropped where the error that it still
hopes for by itself is far above the best one known. What all runs find is considered in the order of the plan, so that
it is the same however many threads there are.

Within a race there may be another, of the variables that a symmetry leaves (reduced.py); it is a search like any other.
As searches may go ahead of the plan, each draws from a generator of its own, and none writes to the record of the race:
sentences for it are events, like models, and come in their turn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ..search import SEARCHES
from ..search.scheduler import Next, Run, Search, Start, State, Steps, drop
from ..search.search import FLOOR, WHOLE_WORK, Found, Rows, own_rng

# Of the whole work, what a search of share 1 gets in each of its first turns.
ROUNDS = (1 / 256, 1 / 64)
# A search that hopes for no less than this many times the best error known is dropped. By a factor of 2 the quotients
# of Voigt's profile were dropped at 3e-3; without that they came to 1e-6 at the rows.
HOPELESS = 1e3
# A search that is so many times worse than the best after its first turn has no second one.
FAR_BEHIND = 1e6
# An error below this that a turn has not brought to half is taken for that of the data: y = 1 / (exp(x) - 1), which
# loses digits where x is small, is known to 1e-13, and no work would come below.
NEAR_FLOOR, HALF = 1e-12, 0.5
# Between these parts of the error that rounding y to its digits makes, an error is due to it: the rows held out are
# few. Far below, y is exact though its numbers are of few digits.
LEAST_ROUNDED, MOST_ROUNDED = 0.7, 1.15
# A race in other variables whose turn has brought the error to this part goes on at once. Of the variables without
# units of a piston's cycle polynomials come to 3e-5, then 1e-5, and with three times the work a root of a relation to
# 3e-10; networks, which promised more, came to 5e-6 with all that was left. That was one table of three; the other two
# end where they did.
GAINED = 0.5
# A search that has brought the error to this part goes on for as long again as its turn is: it may be about to come to
# rounding. A sum of two products that stood at 9e-12 when its turn ended would have come to 4e-16 by its next step;
# graphs of modules, which promised more, came to 8e-14 in 7 s, and went no further.
FALLS = 0.1
# How an error falls with work is seen over so many times the work; the faster of both falls is taken, as errors stand
# still for a while where a series has to reach the frequency of a function first. Powers are taken so much larger.
SPANS, MARGIN = (4.0, 16.0), 1.5


@dataclass(frozen=True)
class Row:
    """A line of the guide: which search, its share of the work, from which round on, when, and what is said of it.

    `make` is that of SEARCHES if not given. `last` has one turn after all rounds, even if there is nothing to gain but
    a simpler model; it is dropped where it hopes for no less than `hope`, if that is above what is hopeless anyway.
    `far_behind` is how many times worse than the best it may be after its first turn, to have a second one. What
    `changes_variables` goes on after a turn that has gained much, before others have their first one. What `is_bounded`
    has its own bound of work, and ends by itself.
    """

    search: str
    share: float = 1.0
    first_round: int = 0
    when: Callable[[Race], bool] = lambda race: True
    sentence: str = "{search} comes to {error:.1e}"
    make: Callable[[Race], Search] | None = None
    last: bool = False
    hope: float = 0.0
    far_behind: float = FAR_BEHIND
    changes_variables: bool = False
    is_bounded: bool = False


class Watch(Protocol):
    """Who is shown what is found: a display, a checkpoint."""

    def show(self, found: Found, best: Found, share: float) -> None: ...


@dataclass(eq=False)
class Race:
    """The searches of a table in turns, on `rows`, with so much work in all.

    `enough` is the error that is asked for, `rounding` what rounding y to few digits makes, if it seems to be rounded.
    `shares` is how many times the work of one output there is.
    `depth` counts the symmetries that led here. `is_over` says that the deadline has passed, or Ctrl-C been pressed: no
    search is made any more, as making one looks at the rows.
    """

    rows: Rows
    table: Sequence[Row]
    rng: np.random.Generator
    work: float
    enough: float = 0.0
    rounding: float = 0.0
    shares: float = 1.0
    rounds: Sequence[float] = ROUNDS
    depth: int = 0
    watch: Watch | None = None
    is_over: Callable[[], bool] = lambda: False
    start: float = field(default_factory=time.perf_counter)
    prospect: float = 0.0
    best: Found | None = None
    found: dict[str, Found] = field(default_factory=dict)  # the best of each maker
    # What was done and why, in sentences; and seconds, error and family of each model better than those before.
    path: list[str] = field(default_factory=list)
    history: list[tuple[float, float, str]] = field(default_factory=list)
    progress: list[tuple[float, float]] = field(default_factory=list)  # the same by share of the work, and error
    spent: float = 0.0  # of the work
    was_cut_short: bool = False  # whether a search could have gone on with more work
    # The best error when symmetries, or parts, were last looked for, by the search that does.
    looked_at: dict[str, float] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    _n_told: int = 0  # lines of `path` that whoever runs this race has been told
    _done: dict[str, float] = field(default_factory=dict)  # work of each run, as far as it was asked for
    _turns: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # work and error of each, after a turn
    _ended: set[str] = field(default_factory=set)
    _gaining: str | None = None  # the search whose turn, the last one, has gained much

    @property
    def error(self) -> float:
        return math.inf if self.best is None else self.best.error

    @property
    def effort(self) -> float:
        """What was done, in the unit of a user's `effort`."""
        return self.spent / (self.shares * WHOLE_WORK)

    @property
    def is_enough(self) -> bool:
        """Whether there is nothing more to gain, or to ask for."""
        best = self.best
        return self.error <= max(self.enough, FLOOR) or (best is not None and (best.is_exact or best.is_open))

    @property
    def is_rounded(self) -> bool:
        """Whether the error is that of the digits of y: once all searches had a turn, none is to come below."""
        return LEAST_ROUNDED * self.rounding < self.error <= MOST_ROUNDED * self.rounding

    @property
    def has_work(self) -> bool:
        return self.spent < self.work or self.best is None

    def steps(self) -> Steps:
        rows = [row for row in self.table if not row.last]
        for number, share in enumerate(self.rounds):
            if number > 0 and self.is_rounded:
                break
            for row in rows:
                if number >= row.first_round and self._may_go_on(row) and not self._is_far_behind(row):
                    yield from self._turn(row, share * row.share * self.work)
                    while number > 0 and row.changes_variables and row.search == self._gaining and self._may_go_on(row):
                        yield from self._turn(row, share * row.share * self.work)
        while not self.is_rounded and (promising := self._most_promising(rows)) is not None:
            done, before = self._done.get(promising.search, 0.0), self.error
            # What has its first turn here is slow to begin with: its share says how much.
            work = max((1.0 if done else promising.share) * self.rounds[-1] * self.work, done)
            yield from self._turn(promising, work)
            if HALF * before < self.error <= NEAR_FLOOR:
                break
        for row in self.table:
            if row.last and self.has_work and not self.is_over() and row.when(self):
                yield from self._turn(row, self.rounds[0] * row.share * self.work)
        self.was_cut_short = not self.is_enough and not self.has_work
        for run in self.runs.values():
            drop(run)

    def _may_go_on(self, row: Row) -> bool:
        if self.best is not None and self.is_over():
            return False
        return not self.is_enough and self.has_work and row.when(self) and row.search not in self._ended

    def _is_far_behind(self, row: Row) -> bool:
        turns = self._turns.get(row.search, [])
        return bool(turns) and row.far_behind * max(self.error, FLOOR) < turns[-1][1] < math.inf

    def _most_promising(self, rows: Sequence[Row]) -> Row | None:
        """The row whose search promises the least error; None where none promises a better one than is known."""
        going = [row for row in rows if self._may_go_on(row)]
        # What ends by itself soon is first: it may end all, where what gains goes on for as long as there is work.
        for row in going:
            if row.is_bounded and not self._turns.get(row.search):
                return row
        for row in going:
            if row.changes_variables and row.search == self._gaining:
                return row
        promises = [(self._promise(row), i) for i, row in enumerate(going)]
        least, i = min(promises, default=(math.inf, 0))
        return going[i] if least < self.error else None

    def _promise(self, row: Row) -> float:
        """The error that a search may come to by twice its work, or as much as any other has done; 0 if it can't tell.

        So what is slow at first is not given up for what was fast.
        """
        turns = self._turns.get(row.search, [])
        if not turns:
            return 0.0
        work, error = turns[-1]
        powers = []
        for span in SPANS:
            before = [one for one in turns if one[0] <= work / span and one[1] < math.inf]
            if before:
                powers.append(math.log(max(error, FLOOR) / max(before[-1][1], FLOOR)) / math.log(work / before[-1][0]))
        ahead = max(2.0, max(self._done.values()) / work)
        if not powers:
            return math.inf if self._is_far_behind(row) else 0.0
        return float(error * ahead ** (MARGIN * min(powers)))

    def _turn(self, row: Row, work: float) -> Steps:
        """Lets a search go on for so much work, or until it ends, is enough, or has no hope."""
        name, known, leads = row.search, self.best, False
        turns, before = self._turns.setdefault(name, []), self.error
        own = turns[-1][1] if turns else math.inf
        if name not in self.runs:
            search = row.make(self) if row.make is not None else SEARCHES[name](self.rows, own_rng(self.rng))
            [self.runs[name]] = yield Start([search])
        run, target = self.runs[name], math.inf if row.is_bounded else self._done.get(name, 0.0) + work
        while True:
            # No search goes ahead of its turn: with two threads that took 1.5 to 2.2 times the processor time of one.
            run.allow_up_to(max(target, self._done.get(name, 0.0) + 1.0))
            event = yield Next(run)
            self.spent += event.work - self._done.get(name, 0.0)
            self._done[name] = event.work
            if isinstance(event.found, str):
                self.path.append(event.found)
                yield from self._told()
            elif event.found is not None:
                last = self.error
                self.consider(event.found)
                leads = leads or self.best is not known
                if self.error <= FALLS * last < math.inf:
                    target = max(target, event.work + work)
                own = min(own, event.found.error)
                yield event.found
            if event.state is State.ENDED or event.prospect > max(row.hope, HOPELESS * self.error):
                drop(run)
                self._ended.add(name)
                break
            # A search that has come to rounding ends by itself, after it has looked for what is simpler, or more exact.
            if self.error <= self.enough or not (row.is_bounded or self.has_work):
                break
            more = self.rounds[-1] * self.work if leads and self.is_enough else 0.0
            if self.best is not None and event.work >= target + more:
                break
        turns.append((self._done[name], own))
        self._gaining = name if leads and self.error <= GAINED * before < math.inf else None
        if leads and math.isfinite(self.error):
            self.tell(row.sentence.format(search=name, error=self.error))
        yield from self._told()

    def _told(self) -> Steps:
        """Hands on what is new on record."""
        new, self._n_told = self.path[self._n_told :], len(self.path)
        yield from new

    def again(self, name: str) -> None:
        """Forgets that this search has ended: a new one may be made."""
        self._ended.discard(name)
        if name in self.runs:
            drop(self.runs.pop(name))
        self._done.pop(name, None)
        self._turns.pop(name, None)

    def has_ended(self, name: str) -> bool:
        return name in self._ended

    def consider(self, found: Found) -> None:
        """Keeps what was found, as the best of its maker, and of all if it is."""
        found = replace(found, seconds=time.perf_counter() - self.start)
        same = self.found.get(found.maker)
        if same is None or found.score < same.score:
            self.found[found.maker] = found
        if self.best is None or found.score < self.best.score:
            self.best = found
            self.history.append((found.seconds, found.error, found.family))
            self.progress.append((self.spent / self.work if self.work else 1.0, found.error))
        if self.watch is not None:
            self.watch.show(found, self.best, min(1.0, self.spent / self.work) if self.work else 1.0)

    def tell(self, sentence: str) -> None:
        """Puts on record what was done, and why."""
        self.path.append(line_of(sentence, self.start))


def line_of(sentence: str, start: float) -> str:
    """A line of the record: the seconds since `start`, and what was done."""
    return f"{time.perf_counter() - start:.1f} s: {sentence}"
