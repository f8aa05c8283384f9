"""How `fit` uses symmetries: what they leave is a function of fewer variables, which is fitted like any other.

A model of lower dimension is far more exact for the same rows, so whether a symmetry was real shows on the held-out
rows. The variables can be chosen in several ways, which few terms compare; the best two go on, each in a race of its
own. In the new variables there may be further symmetries: differences first, their squares' sum next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples, mean_one
from ..derivatives import Derivatives
from ..models import Model, Reduced
from ..models.reduced import Variables
from ..search.graphs import reaches_zero
from ..search.polynomial import PolynomialSearch, is_simple
from ..search.scheduler import Next, Part, Start, State, Step, Steps, Worker, drop
from ..search.search import CALL, WORK_A_SECOND, Found, Rows, own_rng
from .race import Race, Row, line_of
from .symmetry import (
    Evidence,
    find_leading_pair,
    find_mirrored,
    find_scalings,
    find_variables,
    in_front,
    mirrored_changes,
)

# Rows that symmetries are read off, away from the edges of the box, where a model's gradient is least exact.
MOST_ROWS, FEWEST_ROWS, INNER_SHARE = 1000, 50, 0.9
# Rows that are mirrored.
MOST_MIRRORED = 300
# How much surer symmetries must be, should those at first sight not lead to a better model.
STRICTNESS = (1.0, 10.0)
# Other choices of products that are looked at, and those that go on to a race.
MOST_ORDERS, MOST_RACES = 6, 2
# Powers in front are changed where y, but for this part of the rows at both ends, spans so much; so many times.
SPAN_ENDS, LEAST_SPAN, FRONT_ROUNDS = 0.05, 1000.0, 6
# Columns of both signs whose values in the box are looked at one by one for the range of a variable.
MOST_CROSSING = 6
# Rows nearer than this part of the range in all variables are the same; so many of those held out may be known.
CELLS, MOST_KNOWN = 2.0**30, 0.1
# Of the work of the race, what is there for those within it.
REDUCED_SHARE = 2 / 3
# A race in variables of a symmetry that has come to nothing better after so much work for each output is ended: the
# symmetry isn't one.
TRIAL_WORK = 1.5 * WORK_A_SECOND
# And one that is so many times worse after so much of it, in which polynomials and quotients had their first turn: on
# I.15.3t and seed 2 that of one variable too few ended at 67 times the error of all polynomials, and took 1.3e10 from
# the one of the right variables.
EARLY_WORK, FAR_WORSE = 0.6 * WORK_A_SECOND, 30.0
EARLY_FAMILIES = ("polynomial", "rational")
# The same of a pair that leads, which models above COARSE may show where there is none: polynomials in what it leaves
# are not much worse at once than those of all columns. What merges it has so much of the work of a race in other t.
LEADING_WORK, LEADING_WORSE, COARSE, MERGED_SHARE = 0.3 * WORK_A_SECOND, 3.0, 1e-3, 256.0
# The same of units that are not sure, or of a pair that leads, in which others may have to be found: of Black and
# Scholes' price, 2e-3 by a network, quotients of the right three products were at 4e-3 after TRIAL_WORK.
UNITS_WORK = 4e10
# Races side by side take turns of this much.
TURN_WORK = 0.2 * WORK_A_SECOND


# Variables with their rows, and the error that few terms leave in them.
Choice = tuple[Variables, Rows]
Ranked = tuple[float, Choice]


class ReducedSearch:
    """The search for models of the variables that the symmetries of `known`, the best model of `race`, leave, or of
    those that are `given`. Of `kind` "units" they are products that the likeliest changes of units leave, whether they
    are sure or not, of "mirrors" what mirrored points leave."""

    def __init__(
        self,
        race: Race,
        known: Found,
        table: Sequence[Row],
        given: Variables | None = None,
        *,
        kind: Literal["symmetries", "units", "mirrors"] = "symmetries",
    ) -> None:
        self.given, self.kind = given, kind
        self.race, self.rows, self.rng, self.known, self.table = race, race.rows, own_rng(race.rng), known, table
        self.names = self.rows.train.input_names or tuple(f"x{i}" for i in range(self.rows.n_inputs))
        self.trials = self._trials()
        self.tried: list[Variables] = []
        self.prospect = 0.0

    def steps(self) -> Steps:
        if self.given is not None:
            changed = within(self.rows, self.given)
            if changed is not None:
                yield from self._raced([(self.given, changed)], self.table, self.trials)
            return
        n, d = min(MOST_ROWS, self.rows.n), self.rows.n_inputs
        evaluated, calls = n * (d + 1.0), 20.0
        if self.kind == "mirrors":
            evaluated, calls = evaluated + 2.0 * min(n, MOST_MIRRORED) * d**2, calls + 2.0 * d**2
        [evidence] = yield [Step(evaluated * self.known.model.n_params + calls * CALL, self._evidence)]
        if evidence is None:
            return
        if self.kind == "symmetries" and self.known.error > COARSE:
            # What a coarse model shows at first sight is less sure than a pair that leads.
            look = partial(_variables, evidence, STRICTNESS[-1], np.arange(d))
            [sure] = yield [Step(20.0 * CALL + len(evidence.X) * d**3, look)]
            if sure is None and (yield from self._of_leading_pair(evidence)):
                return
        for strictness in STRICTNESS:
            choices = unlike((yield from self._choices(evidence, strictness)))[:MOST_RACES]
            # What is sure differs by its coordinates only, and goes side by side; of units that are not, the second
            # choice has a race if the first has led to nothing.
            for some in [[one] for one in choices] if self.kind == "units" else [choices]:
                if some and (yield from self._raced(some, self.table, self.trials)):
                    return

    def _evidence(self, worker: Worker) -> Evidence | None:
        return evidence_at(self.rows, self.known, is_mirrored=self.kind == "mirrors")

    def _choices(self, evidence: Evidence, strictness: float) -> Part[list[Choice]]:
        """The variables that symmetries leave with their rows, of all choices the one that few terms fit best first."""
        d = self.rows.n_inputs
        orders = [np.arange(d), np.arange(d)[::-1], *(self.rng.permutation(d) for _ in range(MOST_ORDERS))]
        work = 20.0 * CALL + len(evidence.X) * d**3
        looks = [partial(_variables, evidence, strictness, order) for order in orders]
        if self.kind == "mirrors":
            looks = [partial(_mirrored, evidence, strictness)]
        elif self.kind == "units":
            looks = [partial(_scalings, evidence, n, order) for n in range(1, d) for order in orders[:2]]
        found = yield [Step(work, look) for look in looks]
        choices: list[Variables] = []
        for variables in found:
            if variables is not None and not any(same(variables, other) for other in [*self.tried, *choices]):
                choices.append(variables)
        self.tried += choices
        reduced = [(one, rows) for one in choices if (rows := within(self.rows, one)) is not None]
        if not reduced or (len(reduced) < 2 and not self._spans):
            return reduced
        ranked = yield from self._ranked(reduced)
        if self._spans:
            errors = {id(choice): error for error, choice in ranked}
            for choice in unlike([choice for _, choice in ranked])[:MOST_RACES]:
                ranked = [*ranked, *(yield from self._with_other_fronts((errors[id(choice)], choice)))]
        return [choice for _, choice in sorted(ranked, key=lambda one: one[0])]

    def _with_other_fronts(self, best: Ranked) -> Part[list[Ranked]]:
        """The same products with other powers in front, as long as these leave less."""
        found: list[Ranked] = []
        for _ in range(FRONT_ROUNDS):
            others = [one for one in in_front(best[1][0]) if not any(same(one, other) for other in self.tried)]
            self.tried += others
            near = [(one, rows) for one in others if (rows := within(self.rows, one)) is not None]
            found += yield from self._ranked(near)
            before, best = best, min([best, *found], key=lambda one: one[0])
            if best is before:
                break
        return found

    def _ranked(self, choices: list[Choice]) -> Part[list[Ranked]]:
        """The choices with the error that few terms leave in them, the least first."""
        if not choices:
            return []
        tables = [rows for _, rows in choices]
        if self.kind == "units":
            # Many powers in front are as likely. By errors of the rest alone those were taken that flatten it, and
            # have y where it is small: of Black and Scholes' price S v^-1 T^-0.5, in which 7e-4 was 1.5e-2 of y.
            tables = [in_errors_of_y(rows, self.rows, variables) for variables, rows in choices]
        errors = yield [PolynomialSearch(rows).first_step() for rows in tables]
        if self.kind == "units":  # as good with fewer variables is better
            errors = [error * rows.n_inputs for error, rows in zip(errors, tables, strict=True)]
        return sorted(zip(errors, choices, strict=True), key=lambda one: one[0])

    @property
    def _spans(self) -> bool:
        """Whether y spans so much that a power in front of it may leave something wild."""
        size = np.abs(self.rows.train.y)
        low, high = np.quantile(size, (SPAN_ENDS, 1.0 - SPAN_ENDS))
        return self.rows.n_outputs == 1 and bool(high / LEAST_SPAN > low)

    def _of_leading_pair(self, evidence: Evidence) -> Part[bool]:
        """A race in what the likeliest sum of two columns leaves, where one leads; whether it has led anywhere.

        Where the two are in other t they are merged next, so that nothing but that is looked for.
        """
        [variables] = yield [Step(20.0 * CALL * self.rows.n_inputs**2, partial(_leading_pair, evidence))]
        changed = None if variables is None else within(self.rows, variables)
        if variables is None or changed is None or any(same(variables, other) for other in self.tried):
            return False
        self.tried.append(variables)
        table, known = self.table, self.known.score
        if len(variables.kinds) == self.rows.n_inputs:
            some = [row for row in table if row.search in ("polynomial", "reduced")]
            table = [replace(row, share=MERGED_SHARE) if row.search == "reduced" else row for row in some]
        trials = [(LEADING_WORK, LEADING_WORSE * known), (UNITS_WORK, known)]
        return (yield from self._raced([(variables, changed)], table, trials))

    def _raced(self, choices: list[Choice], table: Sequence[Row], trials: Sequence[tuple[float, float]]) -> Part[bool]:
        """Races in these variables, in turns; whether one of them has led to a better model."""
        others = []
        for variables, rows in choices:
            words = variables.described(self.names)
            whole = partial(self._whole, variables)
            others.append(Within(rows, f"it seems to be a function of {words}, which is tried", f"of {words}: ", whole))
        work = REDUCED_SHARE * self.race.work
        return (yield from raced_within(self.race, others, table, self.rng, work, trials=trials))

    def _trials(self) -> list[tuple[float, float]]:
        """Work after which races in other variables must have come to so small a score, or are ended."""
        known, m = self.known.score, self.rows.n_outputs
        if self.kind == "mirrors":
            # What mirrored points leave has as many variables as before, and is compared with what has had as much
            # work. Ended early, the halves of Voigt's profile, 8e-5 by then and 1e-11 in the end, lost to 2e-6.
            return [(max(self.race.spent, TRIAL_WORK * m), known)]
        if self.kind == "units":
            return [(UNITS_WORK * m, known)]
        # What has its first turn early is compared with its like. On exp(-x0 x1) sin(x0 + x1 + x2 + x3) / (1 + x2^2)
        # the race in the right variables stood at 2e-3 by then, far behind roots of relations of 5e-6, but not behind
        # quotients of 5e-4. It comes to 2e-15.
        plain = [one for one in self.race.found.values() if not one.maker.startswith("of ")]
        early = min([one.score for one in plain if one.family in EARLY_FAMILIES], default=known)
        return [(EARLY_WORK * m, FAR_WORSE * max(known, early)), (TRIAL_WORK * m, known)]

    def _whole(self, variables: Variables, inner: Found, worker: Worker) -> Found:
        """What was found in the variables, as a model of the inputs."""
        signature = self.rows.signature
        prefix = f"of {variables.described(self.names)}: "
        return whole_of(
            self.rows,
            inner,
            prefix,
            lambda model: Reduced(model, variables, signature),
            lambda samples: reduced(samples, variables),
        )


def evidence_at(rows: Rows, known: Found, *, is_mirrored: bool = False) -> Evidence | None:
    """What the gradient of the model `known` shows at some of the `rows`; None where it has hardly any."""
    X, model = rows.train.X, known.model
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.5 * (1.0 - INNER_SHARE) * (high - low)
    inner = np.flatnonzero(np.all((low + margin <= X) & (high - margin >= X), axis=1))
    some = (inner if len(inner) >= FEWEST_ROWS else np.arange(len(X)))[:MOST_ROWS]
    with np.errstate(all="ignore"):
        gradient = model.evaluate_gradient(X[some])
    is_known = np.isfinite(gradient).all(axis=(1, 2))
    if np.count_nonzero(is_known) < FEWEST_ROWS:
        return None
    # Powers of two, one for all columns, change no symmetry, and keep squares of tiny and huge numbers in range.
    X, y, gradient = X[some][is_known], rows.train.y[some][is_known], gradient[is_known]
    size_X, size_y = (int(np.frexp(np.max(np.abs(values)))[1]) for values in (X, y))
    with np.errstate(all="ignore"):
        gradient = np.ldexp(gradient, size_X - size_y)
    if not np.isfinite(gradient).all():
        return None
    mirrored = mirrored_changes(model, X[:MOST_MIRRORED], low, high) if is_mirrored else {}
    X, y = np.ldexp(X, -size_X), np.ldexp(y, -size_y)
    to_zero = tuple(j for j, column in enumerate(np.abs(rows.train.X).T) if reaches_zero(column))
    return Evidence(X, y, gradient, known.error, mirrored, size_X, size_y, to_zero)


class Within(NamedTuple):
    """Rows in other variables, for a race within one: `sentence` begins its record, `prefix` the lines of it, and
    `whole` makes of what it finds a model of the inputs. The race has a `table` of its own, or that of all. `work` is
    what `whole` takes beside values at all rows."""

    rows: Rows
    sentence: str
    prefix: str
    whole: Callable[[Found, Worker], Found]
    table: Sequence[Row] | None = None
    work: Callable[[Found], float] = lambda inner: 0.0


def raced_within(
    outer: Race,
    others: Sequence[Within],
    table: Sequence[Row],
    rng: np.random.Generator,
    work: float,
    *,
    trials: Sequence[tuple[float, float]] = ((math.inf, math.inf),),
) -> Part[bool]:
    """Races within `outer`, in turns, with so much work each; whether one of them has led to a score below that of the
    last of the `trials`: those that have not are ended after so much work."""
    races = [
        Race(
            one.rows,
            table if one.table is None else one.table,
            own_rng(rng),
            work,
            outer.enough,
            depth=outer.depth + 1,
            start=outer.start,
            is_over=outer.is_over,
        )
        for one in others
    ]
    runs = yield Start(races)
    best, done = [math.inf] * len(runs), [0.0] * len(runs)
    going, target = list(range(len(runs))), 0.0
    for one in others:
        yield line_of(one.sentence, outer.start)
    while going:
        target += TURN_WORK
        for i in list(going):
            one = others[i]
            while i in going and done[i] < target:
                runs[i].allow_up_to(target + TURN_WORK)
                event = yield Next(runs[i])
                done[i] = event.work
                if isinstance(event.found, str):
                    yield with_prefix(event.found, one.prefix)
                elif event.found is not None:
                    cost = one.rows.n * event.found.model.n_params + 30.0 * CALL + one.work(event.found)
                    [found] = yield [Step(cost, partial(one.whole, event.found))]
                    best[i] = min(best[i], found.score)
                    yield found
                    if found.is_exact and is_simple(event.found.model):
                        # The law by few parameters: what other variables lead to is no better, nor tells of it. Nor
                        # does a race go on that can't know of it, as it was made exact here.
                        kept = [i] if event.found.is_exact else []
                        for other in going:
                            if other not in kept:
                                drop(runs[other])
                        going = kept
                        if not going:
                            break
                if event.state is State.ENDED:
                    going.remove(i)
                    break
            if i in going and any(target >= work_of and not best[i] < most for work_of, most in trials):
                drop(runs[i])
                going.remove(i)
    return min(best) < trials[-1][1]


def whole_of(
    rows: Rows,
    inner: Found,
    prefix: str,
    whole: Callable[[Model], Model],
    changed: Callable[[Samples], Samples | None],
) -> Found:
    """What was found in other variables, as a model of the inputs.

    `whole` makes it of a model of the variables, `changed` takes samples to these, or to None where they have none;
    `prefix` is put before what is said of it.
    """

    def refit(samples: Samples) -> Model:
        within = changed(samples)
        assert inner.refit is not None
        return whole(inner.model if within is None else inner.refit(within))

    def nearby(samples: Samples) -> Model | None:
        within = changed(samples)
        assert inner.nearby is not None
        made = None if within is None else inner.nearby(within)
        return None if made is None else whole(made)

    found = rows.found(
        whole(inner.model),
        inner.family,
        prefix + inner.description,
        status=inner.status,
        refit=None if inner.refit is None else refit,
        nearby=None if inner.nearby is None else nearby,
        nearby_work=inner.nearby_work,
        refit_rows=inner.refit_rows,
        uses_derivatives=bool(inner.uses_derivatives),
    )
    return replace(found, maker=prefix + inner.maker)


def _variables(evidence: Evidence, strictness: float, order: NDArray[np.intp], worker: Worker) -> Variables | None:
    with np.errstate(all="ignore"):  # columns of all sizes: what overflows shows no symmetry
        return find_variables(evidence, strictness, order)


def _leading_pair(evidence: Evidence, worker: Worker) -> Variables | None:
    with np.errstate(all="ignore"):
        return find_leading_pair(evidence)


def _scalings(evidence: Evidence, n: int, order: NDArray[np.intp], worker: Worker) -> Variables | None:
    with np.errstate(all="ignore"):
        return find_scalings(evidence, n, order)


def _mirrored(evidence: Evidence, strictness: float, worker: Worker) -> Variables | None:
    return find_mirrored(evidence, strictness)


def within(rows: Rows, variables: Variables) -> Rows | None:
    """The rows in the new variables; None where those held out would test nothing."""
    train, held_out = reduced(rows.train, variables), reduced(rows.held_out, variables)
    if train is None or held_out is None or _share_known(train.X, held_out.X) > MOST_KNOWN:
        return None
    return Rows(train, held_out, _corners(rows, variables))


def reduced(samples: Samples, variables: Variables) -> Samples | None:
    """The samples in the new variables; None where these are not finite.

    Rows keep their weights, or those that make errors relative.
    """
    U, power = variables.apply(samples.X)
    with np.errstate(all="ignore"):
        v: Array = samples.y / power[:, None]
    if not (np.isfinite(U).all() and np.isfinite(v).all()):
        return None
    changed = samples.in_coordinates(np.ascontiguousarray(U), np.ascontiguousarray(v), power)
    derivatives = _derivatives(samples, variables)
    return replace(changed, input_names=None, is_relative=samples.is_relative, derivatives=derivatives)


def in_errors_of_y(within: Rows, rows: Rows, variables: Variables) -> Rows:
    """The rows in the variables with weights by which errors count as they do in y, whatever power is in front."""

    def weighed(changed: Samples, samples: Samples) -> Samples:
        power = variables.apply(samples.X)[1]
        weight = (power / np.max(np.abs(power))) ** 2
        if samples.sample_weight is not None:
            weight = (
                weight[:, None] * samples.sample_weight
                if samples.sample_weight.ndim == 2
                else weight * samples.sample_weight
            )
        return replace(changed, sample_weight=mean_one(weight))

    if rows.train.is_relative or not variables.factor.any():
        return within
    return replace(within, train=weighed(within.train, rows.train), held_out=weighed(within.held_out, rows.held_out))


def _derivatives(samples: Samples, variables: Variables) -> Derivatives | None:
    """Those of y over the power in front, along the new variables.

    D(y / p) = D y / p - y / p D p / p, for which y has to be known where a power p is.
    """
    known = samples.derivatives
    if known is None:
        return None
    if variables.factor.any():
        known = known.some(~known.is_apart)
        if known is None:
            return None
    with np.errstate(all="ignore"):
        U, power = variables.apply(known.X)
        by_x, power_by_x = variables.jacobian(known.X)
        slope = np.einsum("kd,kd->k", power_by_x, known.directions)[:, None]
        values = (known.values - samples.y[known.rows] * slope / power[:, None]) / power[:, None]
        return known.in_variables(U, by_x, values if variables.factor.any() else known.values)


def _corners(rows: Rows, variables: Variables) -> Array:
    """The least and the largest values that the variables have in the box of the inputs, (2, r).

    Rows come near to few corners of a box, but a model is asked there as well.
    """
    X = rows.train.X if rows.corners is None else np.concatenate([rows.train.X, rows.corners])
    low, high = X.min(axis=0), X.max(axis=0)
    seen = variables.apply(rows.train.X)[0]
    ends = np.stack([seen.min(axis=0), seen.max(axis=0)])
    for j, (kind, row) in enumerate(zip(variables.kinds, variables.coefficients, strict=True)):
        # Monotone in inputs of one sign: rising with those of positive coefficient, or falling where t itself falls.
        rises = (row > 0) != (kind == "reciprocals")
        points = [np.where(rises, high, low), np.where(rises, low, high)]
        for i in np.flatnonzero((row != 0) & (low < 0.0) & (high > 0.0))[:MOST_CROSSING]:
            points = [np.where(np.arange(len(low)) == i, v, one) for one in points for v in (low[i], 0.0, high[i])]
        values = variables.apply(np.stack(points))[0][:, j]
        values = values[np.isfinite(values)]
        ends[:, j] = min(values.min(initial=np.inf), ends[0, j]), max(values.max(initial=-np.inf), ends[1, j])
    return ends


def unlike(choices: Sequence[Choice]) -> list[Choice]:
    """The choices in their order, but for those of the same variables as one before, up to their powers and the one in
    front: they come last."""
    seen: list[set[bytes]] = []
    first, last = list[Choice](), list[Choice]()
    for one in choices:
        rows = one[0].coefficients
        leading = np.take_along_axis(rows, np.argmax(rows != 0.0, axis=1)[:, None], axis=1)
        own = {row.tobytes() for row in np.round(rows / leading, 9) + 0.0}
        (last if own in seen else first).append(one)
        seen.append(own)
    return first + last


def _share_known(train: Array, held_out: Array) -> float:
    """The part of the rows held out that are training rows, too: on a grid, many rows have the same differences."""
    low, width = train.min(axis=0), np.ptp(train, axis=0)
    cells = [np.round((X - low) / np.where(width > 0, width, 1.0) * CELLS) for X in (train, held_out)]
    known = set(map(bytes, np.ascontiguousarray(cells[0])))
    return float(np.mean([bytes(row) in known for row in np.ascontiguousarray(cells[1])]))


def same(a: Variables, b: Variables) -> bool:
    """Whether they are the same variables, in whatever order."""

    def described(one: Variables) -> list[tuple[object, ...]]:
        return sorted((kind, *row) for kind, row in zip(one.kinds, one.coefficients.tolist(), strict=True))

    return np.array_equal(a.factor, b.factor) and described(a) == described(b)


def with_prefix(line: str, prefix: str) -> str:
    """A line of a record, with `prefix` before its sentence."""
    at, sentence = line.split(": ", 1)
    return f"{at}: {prefix}{sentence}"
