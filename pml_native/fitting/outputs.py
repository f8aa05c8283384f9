"""How `fit` meets several outputs: those that are sums of others are not fitted, each other one has a race of its own.

Of few outputs the race of each is the one that it has in a fit of it alone, with the same work and the same random
numbers, and what it comes to is chosen as there: beside others no output is worse than by itself. Of many, the races
share the work of few.

Beside these races goes one of models of all outputs together, which shares the work where the outputs are alike, and
has one set of terms for all. Of both, each output takes what is better, all of them the models together where these are
about as good. The races take turns. Those that are nowhere better end early.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ..arrays import Samples
from ..models import Mixed, Model, Outputs, Polynomial
from ..report import Errors
from ..search.scheduler import Next, Run, Search, Start, State, Step, Steps, Worker, drop
from ..search.search import CALL, ROUNDED, Found, Rows, own_rng, score
from .agreement import chosen_by_agreement
from .choice import Choice
from .kept import FEW, Kept, kept_outputs, n_rows
from .limits import rounding_of_outputs
from .race import ROUNDS, Race, Row, line_of
from .reduced import ReducedSearch, with_prefix

# More than FEW outputs are first fitted together, by polynomials, with this share of the work: they share all that is
# done on X, and one set of terms is evaluated fast. An output has a race of its own only where that is less exact than
# this, and is taken from it only if its error is so many times smaller. Of more outputs than that none has a race, as
# there is too little work for it.
FIRST_SHARE, EXACT, MUCH_BETTER, MOST_RACES = 0.3, 1e-9, 10.0, 40
# The first turn is this part of a share of the work, and each one twice that before, up to the largest: where outputs
# are simple, all have their models early, and a time limit leaves none far behind.
FIRST_TURN, LARGEST_TURN = 1 / 64, 1 / 32
# Models together are taken for all outputs where none is more than so many times less exact than by itself, and for one
# of few outputs where they are so many times more exact.
AS_GOOD, BETTER = 1.5, 3.0
# A race that leads for no output after so much of a share is ended: of the models together, and of one of many outputs.
TRIAL_TOGETHER, TRIAL_ALONE = 1 / 8, 3 / 4
# A race of one of many outputs may go on with the work that others left, up to so many even shares, if that is not more
# than alone; and it plans its turns for that.
MOST_SHARES = 4.0
# The name of what is made of several models, and of the line of the table.
SEARCH = "outputs"


def table_of(table: Sequence[Row]) -> tuple[Row, ...]:
    """The table for several outputs of which each is fitted by `table`."""
    return (
        Row(
            SEARCH,
            1.0 / ROUNDS[0],
            make=lambda race: OutputsSearch(race, table),
            sentence="the outputs, each by the model that suits it, come to {error:.1e}",
            is_bounded=True,
        ),
    )


def shares(m: int) -> float:
    """How many times the work of a fit of one output that of m outputs is: of few, each has as much as alone."""
    return 1.0 if m == 1 else min(m, FEW) + TRIAL_TOGETHER


@dataclass(eq=False)
class Contest:
    """A race of models of some of the outputs, `columns`, and what was found in it, in the order of the plan.

    `errors` are those of the best one, of each output.
    """

    columns: tuple[int, ...]
    rows: Rows
    race: Race | None = None
    run: Run | None = None
    done: float = 0.0
    ended: bool = False
    was_dropped: bool = False
    best: Found | None = None
    errors: tuple[float, ...] = ()
    found: dict[str, Found] = field(default_factory=dict)  # the best of each maker

    def take(self, found: Found) -> None:
        same = self.found.get(found.maker)
        if same is None or found.score < same.score:
            self.found[found.maker] = found
        if self.best is None or found.score < self.best.score:
            self.best = found
            self.errors = (found.error,) if len(self.columns) == 1 else _errors_of_each(found, self.rows)

    def score(self, column: int) -> float:
        """That of the best model for an output."""
        if self.best is None:
            return math.inf
        return score(self.errors[self.columns.index(column)], self.best.model.n_params // len(self.columns))


# Of each output: the model, and which of its outputs it is.
Choices = list[tuple[Found, int]]


class OutputsSearch:
    """The search for models of all outputs of `race`, each of them by `table`."""

    def __init__(self, race: Race, table: Sequence[Row]) -> None:
        # The numbers that are drawn for an output are those that its fit alone draws.
        self.alone_rng = copy.deepcopy(race.rng)
        self.race, self.table, self.rng, self.rows = race, table, own_rng(race.rng), race.rows
        self.kept: Kept | None = None
        self.together: Contest | None = None
        self.alone: list[Contest] = []
        self.choices: Choices = []
        self.work_alone = race.work / shares(race.rows.n_outputs)  # that of a fit of one output
        self.share = self.work_alone  # of each race, if all had as much
        self.prospect = 0.0

    @property
    def are_few(self) -> bool:
        """Whether each output has a race as in a fit of it alone."""
        return self.rows.n_outputs <= FEW

    def steps(self) -> Steps:
        rows, m = self.race.rows, self.race.rows.n_outputs
        work = 4.0 * n_rows(rows.n, m) * m**2 + 20.0 * CALL
        [self.kept] = yield [Step(work, partial(_kept, rows, self.race.enough))]
        if self.kept is not None:
            self.rows, kept = of_columns(rows, self.kept.places), self.kept
            k = self.rows.n_outputs
            sentence = f"{k} of the {m} outputs are fitted; the others are sums of them, to {kept.error:.0e}"
            yield line_of(sentence, self.race.start)
        yield from self._raced(self._contests())

    def _contests(self) -> list[Contest]:
        k, is_relative = self.rows.n_outputs, self.rows.train.is_relative
        if k > 1 and not is_relative:  # else each output weighs the rows in its own way
            self.together = Contest(tuple(range(k)), self.rows)
        if k <= MOST_RACES or is_relative:
            self.alone = [Contest((j,), of_columns(self.rows, [j])) for j in range(k)]
        contests = [*([self.together] if self.together else []), *self.alone]
        if not self.are_few:
            self.share = min(self.share, self.race.work / len(contests))
        for contest in contests:
            y = contest.rows.train.y
            if len(contest.columns) == 1 and not np.ptp(y) and not np.ptp(contest.rows.held_out.y):
                contest.take(_constant(contest.rows))
                contest.ended = True
                continue
            work, table = min(self.work_alone, MOST_SHARES * self.share), self.table
            if contest is self.together:
                work = self.work_alone
                table = self.table if self.are_few else [_at_length(row) for row in self.table]
            contest.race = Race(
                contest.rows,
                table,
                own_rng(self.rng) if contest is self.together else copy.deepcopy(self.alone_rng),
                work,
                self.race.enough,
                self._rounding(contest),
                start=self.race.start,
                is_over=self.race.is_over,
            )
        return contests

    def _rounding(self, contest: Contest) -> float:
        """What rounding y to its digits makes of these outputs, where it is known of all."""
        rows = contest.rows
        if not self.race.rounding:
            return 0.0
        return rounding_of_outputs((rows.table or rows.train).y).known

    def _raced(self, contests: Sequence[Contest]) -> Steps:
        """The races in turns, and after each round what is best for each output."""
        going = [contest for contest in contests if not contest.ended]
        runs = yield Start([contest.race for contest in going if contest.race is not None])
        for contest, run in zip(going, runs, strict=True):
            contest.run = run
        turn = FIRST_TURN * self.share
        if self.together is not None and not self.are_few:
            yield from self._turn(self.together, FIRST_SHARE * self.work_alone)
        spent = 0.0
        while any(not contest.ended for contest in contests):
            for contest in contests:
                if contest.ended or self._has_no_need(contest):
                    continue
                yield from self._turn(contest, max(1.0, turn))  # a step at least, if there is no work for any
                if self._leads_nowhere(contest):
                    assert contest.run is not None
                    drop(contest.run)
                    contest.ended = contest.was_dropped = True
            yield from self._offered()
            before, spent = spent, sum(contest.done for contest in contests)
            turn = min(2.0 * turn, LARGEST_TURN * self.share)
            is_used_up = spent == before or (spent >= self.race.work and not self.are_few)
            if is_used_up and self._best_of_each() is not None:  # there is always one model, whatever the work
                break

    def _turn(self, contest: Contest, work: float) -> Steps:
        run, target = contest.run, contest.done + work
        assert run is not None
        if not run.allowance:
            run.allow(math.inf)
        while contest.done < target:
            event = yield Next(run)
            contest.done = event.work
            if isinstance(event.found, str):
                yield with_prefix(event.found, self._prefix(contest))
            elif event.found is not None:
                contest.take(event.found)
                if len(contest.columns) == self.rows.n_outputs:
                    yield self._whole(event.found)
            if event.state is State.ENDED:
                contest.ended = True
                break

    def _prefix(self, contest: Contest) -> str:
        if len(contest.columns) > 1:
            return "together: "
        return f"{self._name(contest.columns[0])}: "

    def _name(self, column: int) -> str:
        j = column if self.kept is None else self.kept.places[column]
        names = self.race.rows.train.output_names
        return f"y{j}" if names is None else names[j]

    def _has_no_need(self, contest: Contest) -> bool:
        """Whether the models together are exact enough for an output among many."""
        if self.together is None or contest is self.together or self.are_few:
            return False
        return bool(self.together.errors) and self.together.errors[contest.columns[0]] <= EXACT

    def _leads_nowhere(self, contest: Contest) -> bool:
        if self.together is None or contest.ended or not self.alone or self._best_of_each() is None:
            return False
        if contest is self.together:
            rest = [other.score(other.columns[0]) for other in self.alone]
            leads = any(contest.score(j) < one for j, one in enumerate(rest)) and self._leaves_work()
            # Beside models of each that are exact there is no more to find.
            is_late = all(other.ended and other.best is not None and other.best.is_exact for other in self.alone)
            return (is_late or contest.done >= TRIAL_TOGETHER * self.share) and not leads
        [j] = contest.columns
        is_behind = contest.done >= TRIAL_ALONE * self.share and not contest.score(j) < self.together.score(j)
        return is_behind and not self.are_few

    def _leaves_work(self) -> bool:
        """Whether there is work for models together beside that for each of few outputs."""
        if self.together is None or not self.are_few:
            return True
        alone = [one.done if one.ended else max(one.done, self.work_alone) for one in self.alone]
        return sum(alone) + self.together.done < self.race.work

    # --- what is best for each output

    def _offered(self) -> Steps:
        """The models that are best by now, as one, if they are others than before."""
        choices = self._best_of_each()
        if choices is None or _same(choices, self.choices):
            return
        self.choices = choices
        if not self._is_together(choices):
            yield self._whole(composed(self.rows, choices))

    def _is_together(self, choices: Choices) -> bool:
        """Whether one model of all outputs makes them all."""
        [first, *others] = [found for found, _ in choices]
        return first.model.signature.n_outputs == len(choices) and all(found is first for found in others)

    def _best_of_each(self) -> Choices | None:
        """None where an output has no model yet."""
        together, k = self.together, self.rows.n_outputs
        worse = 1.0 / BETTER if self.are_few else MUCH_BETTER
        choices: Choices = []
        if together is not None and together.best is not None:
            choices = [(together.best, j) for j in range(k)]
            errors = np.array(together.errors)
            alone = [contest.errors[0] if contest.errors else math.inf for contest in self.alone]
            if not self.alone or np.all(errors <= AS_GOOD * np.maximum(alone, 0.1 * ROUNDED)):
                return choices
        for contest in self.alone:
            [j] = contest.columns
            if contest.best is None or (together is not None and together.score(j) <= worse * contest.score(j)):
                if not choices:
                    return None
            elif choices:
                choices[j] = contest.best, 0
        if choices:
            return choices
        return [(contest.best, 0) for contest in self.alone if contest.best is not None] or None

    def _whole(self, found: Found) -> Found:
        """A model of the outputs that are fitted, as one of all outputs."""
        if self.kept is None:
            return replace(found, nearby_work=_nearby_work(found, self.rows.n))
        return mixed(self.race.rows, self.kept, found)

    @property
    def was_cut_short(self) -> bool:
        """Whether the race of an output could have gone on with more work."""
        return any(one.race is not None and one.race.was_cut_short for one in self.alone if not one.was_dropped)

    def settled(self, choice: Choice) -> Found | None:
        """What is best for each of few outputs, chosen and made of all rows as if it was the only one; None as it is.

        What models together make is left to them where they agree with the models of the output alone.
        """
        if not self.choices or not self.are_few or self._is_together(self.choices):
            return None
        wholes: Choices = []
        for j, (best, column) in enumerate(self.choices):
            contest = self.alone[j]
            if contest.race is None or not contest.found:
                wholes.append((best, column))
                continue
            place = j if self.kept is None else self.kept.places[j]
            record = Race(contest.rows, (), contest.race.rng, 0.0, found=dict(contest.found), start=self.race.start)
            # What has ended by itself has drawn what it draws alone, which goes on here; others went ahead of it.
            rng = own_rng(self.rng) if contest.was_dropped else contest.race.rng
            own = choice.of_output(place, record, rng, contest.done)
            of_all = best.model.signature.n_outputs > 1
            first = of_column(contest.rows, best, column) if of_all else best
            found, _, said = chosen_by_agreement(
                first, list(contest.found.values()), own.witnesses.box, is_settled=False
            )
            if said:
                record.tell(said)
            is_of_all = of_all and found is first
            wholes.append((choice.refitted(best), column) if is_of_all else (own.of(found).whole, 0))
            self.race.path += [with_prefix(line, self._prefix(contest)) for line in record.path]
        # They are of all rows already.
        return replace(self._whole(composed(self.rows, wholes)), refit=None)


def _search_in(race: Race) -> OutputsSearch | None:
    """The search for several outputs that was run in `race`, if there was one."""
    run = race.runs.get(SEARCH)
    search = None if run is None else run.search
    return search if isinstance(search, OutputsSearch) else None


def settled(race: Race, choice: Choice) -> Found | None:
    """What `OutputsSearch.settled` has, put on record in `race`; None for one output, or where nothing changes."""
    search = _search_in(race)
    found = None if search is None else search.settled(choice)
    if found is not None:
        race.found[found.maker] = found
    return found


def was_cut_short(race: Race) -> bool:
    """Whether work has ended the race, or that of one of several outputs."""
    search = _search_in(race)
    return race.was_cut_short or (search is not None and not race.is_enough and search.was_cut_short)


# --- samples and models of some outputs


def of_columns(rows: Rows, columns: Sequence[int]) -> Rows:
    """The rows with these outputs only."""
    train, held_out = rows.train.of_outputs(columns), rows.held_out.of_outputs(columns)
    table = None if rows.table is None else rows.table.of_outputs(columns)
    whole = None if rows.all_train is None else rows.whole.of_outputs(columns)
    return replace(rows, train=train, held_out=held_out, table=table, all_train=whole)


def _at_length(row: Row) -> Row:
    """The row of the table, polynomials with all of the first share at once, also in the variables of a symmetry."""
    if row.search == "polynomial":
        return replace(row, share=FIRST_SHARE / ROUNDS[0])
    if row.search == "reduced" and row.make is not None:
        return replace(row, share=FIRST_SHARE / ROUNDS[0], make=partial(_reduced_at_length, row.make))
    return row


def _reduced_at_length(make: Callable[[Race], Search], race: Race) -> Search:
    search = make(race)
    assert isinstance(search, ReducedSearch)
    search.table = tuple(map(_at_length, search.table))
    return search


def _kept(rows: Rows, tolerance: float, worker: Worker) -> Kept | None:
    if rows.train.is_relative:  # a sum is not exact relative to each of its values
        return None
    return kept_outputs(rows.train.y, rows.held_out.y, tolerance)


def _constant(rows: Rows) -> Found:
    value, d = rows.train.y[0], rows.n_inputs
    model = Polynomial(np.zeros((1, d), dtype=np.intp), value[None], signature=rows.signature, n_threads=1)
    return rows.found(model, "polynomial", "constant", status="exact")


def _errors_of_each(found: Found, rows: Rows) -> tuple[float, ...]:
    """What `Found.error` is for all outputs, output by output."""
    model, held_out = found.measured or found.model, found.measured_at or rows.held_out
    errors = []
    with np.errstate(all="ignore"):
        for some in (held_out, rows.train):
            values = model.evaluate(some.X)
            columns = [slice(j, j + 1) for j in range(values.shape[1])]
            errors.append([Errors.of(values[:, j], some.y[:, j], some.sample_weight).rmse for j in columns])
    return tuple(np.max(errors, axis=0).tolist())


def of_column(rows: Rows, found: Found, column: int) -> Found:
    """One output of a model of several, as it is: `rows` are of this output."""
    model = Outputs([found.model], [column], rows.signature)
    return replace(rows.found(model, found.family, found.description), maker=found.maker)


def _same(a: Choices, b: Choices) -> bool:
    return len(a) == len(b) and all(x[0] is y[0] and x[1] == y[1] for x, y in zip(a, b, strict=True))


def composed(rows: Rows, choices: Choices) -> Found:
    """The models of these outputs as one."""
    signature = rows.signature
    every: list[Found] = []
    for found, _ in choices:
        if not any(found is other for other in every):
            every.append(found)
    starts = np.cumsum([0, *(one.model.signature.n_outputs for one in every)])
    place = {id(one): int(start) for one, start in zip(every, starts[:-1], strict=True)}
    columns = [place[id(found)] + column for found, column in choices]
    # Of a model of one output, which one; of others all.
    own: list[Sequence[int]] = [
        [next(j for j, (other, _) in enumerate(choices) if other is one)]
        if one.model.signature.n_outputs == 1
        else range(rows.n_outputs)
        for one in every
    ]

    def whole(models: Sequence[Model]) -> Outputs:
        return Outputs(models, columns, signature)

    def refit(samples: Samples) -> Outputs:
        return whole(
            [
                one.model if one.refit is None else one.refit(samples.of_outputs(some))
                for one, some in zip(every, own, strict=True)
            ]
        )

    def nearby(samples: Samples) -> Outputs | None:
        models = [
            None if one.nearby is None else one.nearby(samples.of_outputs(some))
            for one, some in zip(every, own, strict=True)
        ]
        there = [model for model in models if model is not None]
        return whole(there) if len(there) == len(models) else None

    kinds = ", ".join(dict.fromkeys(one.family for one in every))
    shown = "; ".join(one.description for one in every) if len(every) <= FEW else f"{len(every)} models: {kinds}"
    return _found(
        rows,
        whole([one.model for one in every]),
        None if all(one.measured is None for one in every) else whole([one.measured or one.model for one in every]),
        Outputs.family,
        f"each by its own: {shown}",
        refit=None if all(one.refit is None for one in every) else refit,
        nearby=None if any(one.nearby is None for one in every) else nearby,
        nearby_work=sum(_nearby_work(one, rows.n) for one in every),
        uses_derivatives=all(one.uses_derivatives for one in every),
    )


def mixed(rows: Rows, kept: Kept, found: Found) -> Found:
    """The model of the outputs that are kept, as one of all outputs of `rows`."""
    signature = rows.signature

    def whole(model: Model) -> Mixed:
        return Mixed(model, kept.mixing, signature)

    def refit(samples: Samples) -> Mixed:
        assert found.refit is not None
        return whole(found.refit(samples.of_outputs(kept.places)))

    def nearby(samples: Samples) -> Mixed | None:
        assert found.nearby is not None
        made = found.nearby(samples.of_outputs(kept.places))
        return None if made is None else whole(made)

    made = _found(
        rows,
        whole(found.model),
        None if found.measured is None else whole(found.measured),
        found.family,
        f"sums of {len(kept.places)} outputs: {found.description}",
        refit=None if found.refit is None else refit,
        nearby=None if found.nearby is None else nearby,
        nearby_work=_nearby_work(found, rows.n),
        uses_derivatives=bool(found.uses_derivatives),
        status=found.status,
    )
    return replace(made, maker=found.maker)


def _found(
    rows: Rows,
    model: Model,
    measured: Model | None,
    family: str,
    description: str,
    *,
    refit: Callable[[Samples], Model] | None,
    nearby: Callable[[Samples], Model | None] | None,
    nearby_work: float,
    uses_derivatives: bool,
    status: str = "best of each output",
) -> Found:
    """With the errors of `measured`, if it is another than `model`."""
    found = rows.found(
        measured or model,
        family,
        description,
        status=status,
        refit=refit,
        nearby=nearby,
        nearby_work=nearby_work,
        uses_derivatives=uses_derivatives,
    )
    return replace(found, model=model, measured=measured)


def _nearby_work(found: Found, n: int) -> float:
    """Of the like of a model, made of n rows: its outputs share the terms, and with them most of the work."""
    if found.nearby_work is not None:
        return found.nearby_work
    p = found.model.n_params
    return n * (p * p / found.model.signature.n_outputs**2 + p)
