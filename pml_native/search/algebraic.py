"""Finds relations P = sum_k c_k(x) y^k = 0 in scattered data, whose root is y, for polynomials c_k, cheapest first;
held-out rows choose.

The table of the products T_a(z) t^k at the rows, with t for y in units of its range, is to give 0 times the
coefficients: what comes nearest to that is its last right singular vector, by inverse iteration on the factor R of QR.
Where P is not 0, the root is P / (dP/dt) away. So rows are weighed by 1 / |dP/dt| of the fit before, and P / (dP/dt) at
the rows held out is the error of y there, for which no root need be found. With degree 1 in t this would be a quotient
(rational.py); for series in one variable these approximants are known since Pade and Hermite (Shafer 1974, "On
quadratic approximation").

1. A polynomial of few terms, from which Newton's method goes to the root.
2. For each degree in t, and coordinates of the inputs: all products up to a total degree, more and more of them.
3. The best of these: in each round a higher degree of one column, or of the sum, whichever gains most by its number of
   terms, then lower ones of others that are not needed any more. One factorization of all rows serves a round, as all
   these sets share what was there before.

Each relation that is better than those before is looked at in the box: dP/dt must not fall below 0 anywhere, or two
roots would cross, though they may touch, as those of the larger of two functions do; and no root may be much further
from the polynomial of 1. than at the rows. Of a table with more terms than a relation needs, all products of P with a
polynomial are null vectors, and sums of these may have dP/dt = 0 anywhere: that is why terms that are not needed are
left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from ..arrays import Array, Samples
from ..models import Algebraic, Model, Normalization, Polynomial
from ..models.algebraic import roots, value_and_slope, within_range
from ..models.chebyshev import ChebyshevTerms, Indices, largest_index_set, unique_rows
from ..models.transformed import Transformed
from ..options import whole_number_or_none
from .algebraic_relation import (
    ITERATIONS,
    MOST_TERMS,
    Relation,
    Shape,
    System,
    Table,
    are_roots,
    at_least,
    null_vector,
)
from .along import Along
from .coordinates import InputCoordinates, in_coordinates, in_words, links
from .equations import input_frames
from .least_squares import leading_least_squares, least_squares
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, Found, Rows, extrapolated, searched

# Degrees in y that are tried, and the factor by which one more of them must lower the error: one more root is one more
# that Newton's method may go to.
DEGREES, A_ROOT_MORE = (2, 3, 4), 5.0
# A column whose largest value is so many times the least is looked at in its logarithm, too.
LEAST_RATIO = 2.0
# Terms of the polynomial that Newton's method starts from, each with at least so many rows; and the RMS of its error,
# in units of half the range of y, below which more of them don't make the start any better. Numbers of terms that are
# tried differ by a factor.
START_TERMS, ROWS_PER_START_TERM, GOOD_START = 250, 4, 0.03
START_STEP = 1.2
# Terms of the relations of the second stage. Degrees and coordinates whose errors are beyond this factor of the best
# are left there.
SCAN_TERMS = 250
SCAN_NEAR = 30.0
# Rows that a fit takes: so many a term, and at least.
ROWS_PER_TERM, FEWEST_ROWS = 3, 300
# How often rows are weighed where nothing is known to begin with.
WEIGHINGS = 2
# No relation has more terms than rows over this.
LEAST_ROWS_PER_TERM = 2
# A raise must bring the error to this part; where none does in so many rounds, the search ends: in one, if the error is
# so small that rounding may be most of it.
USEFUL, PATIENCE, NEAR_FLOOR = 0.7, 2, 1e-12
# Then other degrees may be lowered, so many in a round, if the error rises by no more than this factor.
MOST_LOWERED, LEAVES_OUT = 3, 1.1
# Relations whose errors are within this factor of the best are grown, so many at most.
NEAR_BEST, MOST_GROWN = 10.0, 2
# A relation is offered where its error is this part of that of the one before.
OFFERED = 0.1
# Points of the box that relations are looked at, how many of their coordinates are ends, and descents from them.
N_POINTS, ON_A_FACE, N_DESCENTS = 2000, 0.3, 3
# The root may be so many times further from the start than at any row.
FAR = 10.0
# Numbers in a table of the last fit, to all rows or as many as that leaves, of which it takes five: 80 MiB.
MOST_REFIT_NUMBERS = 2**21


def fit_algebraic(
    X: ArrayLike,
    y: ArrayLike,
    *,
    degree: int | None = None,
    inputs: str | Sequence[str] | None = None,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The polynomial relation between x and y, solved for y, with the smallest error on held-out rows.

    X : (n, d), or (n,).
    y : (n,).
    degree : of the relation in y, 2 or more; None tries 2 to 4.
    inputs : the coordinates of the inputs, "identity", "log", "reciprocal" or "root", one or one for each; None
        tries them as they are, and those that are positive in logarithms.
    sample_weight : (n,), weights of the squared errors.
    error : "absolute", or "relative" for errors that count relative to each y, of one output that is 0 nowhere.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    What it returns is an `Algebraic`, in a `Transformed` where other coordinates are better; where no relation has been
    found that holds in all of the box, it is the polynomial that they start from. Raises ValueError for data or options
    that can't be fitted.
    """
    return searched(
        partial(AlgebraicSearch, degree=degree, inputs=inputs),
        X,
        y,
        sample_weight=sample_weight,
        error=error,
        validation=validation,
        effort=effort,
        time_limit=time_limit,
        random_state=random_state,
        n_threads=n_threads,
    )


@dataclass(frozen=True)
class Growth:
    """A relation on its way, with the terms and errors of those before it."""

    relation: Relation
    n_terms: tuple[int, ...]
    errors: tuple[float, ...]
    waiting: int = 0

    @classmethod
    def of(cls, relation: Relation) -> Growth:
        return cls(relation, (relation.n_terms,), (relation.error,))

    @property
    def is_waiting_in_vain(self) -> bool:
        return self.waiting >= (PATIENCE if min(self.errors) > NEAR_FLOOR else 1)

    def gone_on(self, relation: Relation) -> Growth:
        """The same with another relation, whose error may be larger."""
        waiting = 0 if relation.error < USEFUL * min(self.errors) else self.waiting + 1
        return Growth(relation, (*self.n_terms, relation.n_terms), (*self.errors, relation.error), waiting)


class AlgebraicSearch:
    """One search in `rows` of one output that varies; the options are those of `fit_algebraic`."""

    def __init__(
        self,
        rows: Rows,
        *,
        degree: int | None = None,
        inputs: str | Sequence[str] | None = None,
    ) -> None:
        degree = whole_number_or_none(degree, "degree", DEGREES[0])
        train, held_out = rows.train, rows.held_out
        rows.require_one_output()
        self.rows, self.degrees = rows, DEGREES if degree is None else (degree,)
        frames = input_frames(rows)
        choices = frames.alternatives(inputs)
        logarithms = tuple(
            "log" if "log" in own and _ratio(column) > LEAST_RATIO else own[0]
            for own, column in zip(choices, train.X.T, strict=True)
        )
        self.frames = [frames(names) for names in dict.fromkeys([tuple(own[0] for own in choices), logarithms])]
        self.link = links(train.y, held_out.y, "identity")[0]
        self.outputs = Normalization.of_box(np.concatenate([train.y, held_out.y]))
        self.t, self.held_out_t = (self.outputs.apply(own.y)[:, 0] for own in (train, held_out))
        self.half_range = rows.held_out_rmse(self.outputs.invert(self.held_out_t[:, None] - 1.0))
        self.root_weight = np.ones(rows.n) if train.sample_weight is None else np.sqrt(train.sample_weight)
        rng = np.random.default_rng(0)  # they decide on nothing but whether a relation holds in the box
        points = rng.uniform(-1.0, 1.0, (N_POINTS, rows.n_inputs))
        self.points = np.where(rng.random(points.shape) < ON_A_FACE, np.sign(points), points)
        self.most = min(MOST_TERMS, rows.n_equations // LEAST_ROWS_PER_TERM)
        self.starts: dict[InputCoordinates, Start] = {}
        self.best: Found | None = None
        self.least = math.inf  # the handicapped error of the best relation that was offered
        self.prospect = 0.0

    def steps(self) -> Steps:
        """The whole search."""
        for frame, start in zip(self.frames, (yield [self._start_step(frame) for frame in self.frames]), strict=True):
            self.starts[frame] = start
        first = min(self.starts.items(), key=lambda item: item[1].error)
        [found] = yield [Step(20.0 * CALL, partial(self._found_start, *first))]
        self.best = found
        yield found
        growths = yield from self._scanned()
        while growths and not self.best.is_exact:
            self._foresee(growths)
            least = min(_handicapped(growth.relation) for growth in growths)
            near = [one for one in growths if _handicapped(one.relation) <= NEAR_BEST * least][:MOST_GROWN]
            grown = yield [self._growth_step(one) for one in near]
            growths = [one for one in grown if one is not None and not one.is_waiting_in_vain]
            yield from self._offered([one.relation for one in growths])

    # --- the start

    def _start_step(self, frame: InputCoordinates) -> Step:
        p = min(START_TERMS, max(1, self.rows.n // ROWS_PER_START_TERM))
        n = min(self.rows.n, max(FEWEST_ROWS, ROWS_PER_START_TERM * p))
        return Step(2.0 * n * p**2 + 50.0 * CALL, partial(self._start, frame))

    def _start(self, frame: InputCoordinates, worker: Worker) -> Start:
        """The polynomial of few terms, as few as a good start has."""
        most = min(START_TERMS, max(1, self.rows.n // ROWS_PER_START_TERM))
        indices, sizes = largest_index_set("total", frame.highest, most)
        design, held_out = (ChebyshevTerms(indices).design(Z) for Z in (frame.Z, frame.held_out_Z))
        n = max(FEWEST_ROWS, ROWS_PER_START_TERM * len(indices))
        weight = self.root_weight[:n, None]
        solve = leading_least_squares(design[:n] * weight, self.t[:n, None] * weight, indices.sum(axis=1))
        best, tried = None, 0
        for p in np.searchsorted(sizes, np.unique(sizes), side="right").tolist():
            if p >= START_STEP * tried:
                tried, c = p, solve(p)[:, 0]
                away = held_out[:, :p] @ c - self.held_out_t
                error = math.sqrt(np.mean(away**2))
                if best is None or error < best.error:
                    farthest = max(np.max(np.abs(away)), np.max(np.abs(design[:, :p] @ c - self.t)))
                    best = Start(indices[:p], c, error, float(farthest))
                if error < GOOD_START:
                    break
        assert best is not None
        return best

    def _found_start(self, frame: InputCoordinates, start: Start, worker: Worker) -> Found:
        def refit(samples: Samples) -> Model:
            samples = samples.take(self._refitted_rows(len(start.indices), samples), apart=False)
            Z, t = self._in_frame(frame, samples)
            weight = np.ones(len(t)) if samples.sample_weight is None else np.sqrt(samples.sample_weight)
            design = ChebyshevTerms(start.indices).design(Z) * weight[:, None]
            return model(least_squares(design, (t * weight)[:, None], start.indices.sum(axis=1))[:, 0])

        def model(c: Array) -> Model:
            scale, shift = self.outputs.scale[0], self.outputs.shift[0]
            values = c * scale
            values[0] += shift
            inner = Polynomial(
                start.indices,
                values,
                inputs=frame.normalization,
                output_exponents=self.outputs.exponent,
                signature=self.rows.signature,
                n_threads=1,
            )
            return in_coordinates(inner, frame, self.link)

        coordinates = in_words(frame, self.link)
        return self.rows.found(
            model(start.coefficients),
            "polynomial",
            f"{len(start.indices)} terms {coordinates}".rstrip(),
            coordinates=coordinates,
            refit=refit,
        )

    # --- relations

    def _scanned(self) -> Part[list[Growth]]:
        """For all coordinates and degrees the best relation up to a total degree, the best first."""
        best: dict[tuple[InputCoordinates, int], Growth] = {}
        total = min(self.degrees)
        while self.best is not None and not self.best.is_exact:
            steps = []
            least = min((one.relation.error for one in best.values()), default=math.inf)
            for frame, degree in itertools.product(self.frames, self.degrees):
                known = best.get((frame, degree))
                if known is None or known.relation.error <= SCAN_NEAR * least:
                    shape = Shape(tuple(min(top, total) for top in frame.highest), total, degree)
                    if total >= degree and shape.n_terms <= min(SCAN_TERMS, self.most):
                        steps.append(self._relation_step(frame, shape))
            if not steps:
                break
            for relation in (yield steps):
                key = relation.frame, relation.shape.degree
                if relation.error < math.inf:
                    known = best.get(key)
                    if known is None:
                        best[key] = Growth.of(relation)
                    elif relation.error < known.relation.error:
                        best[key] = known.gone_on(relation)
            growths = sorted(best.values(), key=lambda one: _handicapped(one.relation))
            self._foresee(growths)
            yield from self._offered([one.relation for one in growths[:1]])
            total += 1
        return sorted(best.values(), key=lambda one: _handicapped(one.relation))

    def _n_rows(self, m: int) -> int:
        return min(self.rows.n, math.ceil(max(FEWEST_ROWS, ROWS_PER_TERM * m) / self.rows.per_row))

    def _table(self, frame: InputCoordinates, products: Indices) -> Table:
        """The products at rows to train on, and where derivatives are known there."""
        n = self._n_rows(len(products))
        along = frame.along
        if along is not None:
            rows = along.known.rows
            along = along.some((rows >= 0) & (rows < n) & (along.known.order == 1))
        return Table(products, frame.Z[:n], self.t, along, *self._slopes(frame, along))

    def _slopes(self, frame: InputCoordinates, along: Along | None) -> tuple[Array | None, Array | None]:
        """Derivatives of t along z (k, 1), and what they are multiplied by (k, 1)."""
        if along is None or frame.balance is None:
            return None, None
        unit = np.ldexp(self.outputs.divisor, self.outputs.exponent)
        return along.values / unit, frame.balance.at(along)

    def _relation_step(self, frame: InputCoordinates, shape: Shape) -> Step:
        m = shape.n_terms
        n = self._n_rows(m)
        return Step(
            WEIGHINGS * (n * self.rows.per_row * m**2 + (n + self.rows.n_held_out) * m + 50.0 * CALL),
            partial(self._relation, frame, shape),
        )

    def _relation(self, frame: InputCoordinates, shape: Shape, worker: Worker) -> Relation:
        """The relation of a shape of which nothing is known."""
        products = shape.products()
        table = self._table(frame, products)
        held_out = Table(products, frame.held_out_Z, self.held_out_t)
        weight, best = self.root_weight[: len(table.t)], Relation(frame, shape, np.zeros(len(products)), math.inf)
        for _ in range(WEIGHINGS):
            c, slope = table.rising(null_vector(table.factor(weight)))
            relation = Relation(frame, shape, c, self._error(table, held_out, c))
            if relation.error < best.error:
                best = relation
            weight = self.root_weight[: len(table.t)] / at_least(slope)
        return best

    def _error(self, table: Table, held_out: Table, c: Array) -> float:
        """That of y on the rows held out, to first order; rows where the relation does not rise count as far off.

        A few of them, at a corner, say that more terms are needed, not that there is no relation.
        """
        (_, falls), (apart, _) = table.distances(c), held_out.distances(c)
        error = self.rows.held_out_rmse(self.outputs.invert((self.held_out_t - apart)[:, None]))
        return math.hypot(error, math.sqrt(np.mean(falls)) * self.half_range)

    def _larger(self, relation: Relation) -> list[Shape]:
        """Shapes with more terms for which there are rows."""
        changes = dict.fromkeys(relation.shape.larger(relation.frame.highest))
        return [shape for shape in changes if relation.n_terms < shape.n_terms <= self.most]

    def _growth_step(self, growth: Growth) -> Step:
        shapes, m = self._larger(growth.relation), growth.relation.n_terms
        every = np.concatenate([one.products() for one in (growth.relation.shape, *shapes)])
        total = len(unique_rows(every)[0])
        n, largest = self._n_rows(total), max((float(one.n_terms) for one in shapes), default=0.0)
        raised = sum(2.0 * (total - m) * (one.n_terms - m) ** 2 for one in shapes)
        n_lowered = MOST_LOWERED * (self.rows.n_inputs + 1)
        n_trials = len(shapes) + n_lowered
        judged = ITERATIONS * largest**2 + 2.0 * (n + self.rows.n_held_out) * largest + 5.0 * CALL
        work = n * self.rows.per_row * total**2 + raised + n_lowered * largest**3 + n_trials * judged + 20.0 * CALL
        return Step(work, partial(self._grown, growth))

    def _grown(self, growth: Growth, worker: Worker) -> Growth | None:
        """After the raise that gains most, less what is not needed beside it; None where there is none."""
        relation, shapes = growth.relation, self._larger(growth.relation)
        if not shapes:
            return None
        system = self._system(relation, shapes)
        trials = []
        for shape in shapes:
            if worker.should_stop():
                return None
            trials.append(system.solved(shape, system.raised(shape)))
        trials = [(one, R) for one, R in trials if one.error < math.inf]
        if not trials:
            return None
        useful = [pair for pair in trials if pair[0].error < USEFUL * relation.error]
        if not useful:
            return growth.gone_on(min(trials, key=lambda pair: pair[0].error)[0])
        best, R = max(
            useful,
            key=lambda pair: math.log(relation.error / pair[0].error) / math.log(pair[0].n_terms / relation.n_terms),
        )
        most = LEAVES_OUT * best.error
        for _ in range(MOST_LOWERED):
            shapes = [one for one in best.shape.smaller() if 0 < one.n_terms < best.n_terms]
            trials = [system.solved(shape, system.lowered(R, best.shape, shape)) for shape in shapes]
            one, own = min(trials, key=lambda pair: pair[0].error, default=(best, R))
            if one is best or one.error > most or worker.should_stop():
                break
            best, R = one, own
        return growth.gone_on(best)

    def _system(self, relation: Relation, shapes: Sequence[Shape]) -> System:
        lists = [one.products() for one in (relation.shape, *shapes)]
        every, places = unique_rows(np.concatenate(lists))
        m, column = relation.n_terms, np.full(len(every), -1)
        column[places[:m]] = np.arange(m)
        column[column < 0] = np.arange(m, len(every))
        products, frame = every[np.argsort(column)], relation.frame
        table = self._table(frame, products)
        held_out = Table(products, frame.held_out_Z, self.held_out_t)
        weight = self.root_weight[: len(table.t)] / at_least(table.slopes[:, :m] @ relation.coefficients)
        R = table.factor(weight)
        return System(frame, products, m, table, R, partial(self._error, table, held_out))

    def _foresee(self, growths: Sequence[Growth]) -> None:
        """Sets the error that this search may come to: that of the best, with all terms it may take."""
        prospects = [
            extrapolated(one.n_terms, one.errors, self.most, self.rows.n_inputs)
            for one in growths
            if len(one.errors) > 1
        ]
        self.prospect = min(prospects, default=0.0)

    # --- models

    def _offered(self, relations: Sequence[Relation]) -> Steps:
        """Offers those that are better than all before."""
        assert self.best is not None
        better = [one for one in relations if one.error < self.best.error and _handicapped(one) < OFFERED * self.least]
        for relation, found in zip(better, (yield [self._finish_step(one) for one in better]), strict=True):
            if found is not None and found.score < self.best.score:
                self.best, self.least = found, _handicapped(relation)
                yield found

    def _finish_step(self, relation: Relation) -> Step:
        seen = self.rows.n + self.rows.n_held_out + N_POINTS
        work = seen * (relation.n_terms + START_TERMS) * 2.0 + (100.0 * N_DESCENTS + 50.0) * CALL
        return Step(work, partial(self._finished, relation))

    def _finished(self, relation: Relation, worker: Worker) -> Found | None:
        if not self.is_safe(relation):
            return None
        words = filter(None, [f"degree {relation.shape.degree} in y", in_words(relation.frame, self.link)])
        coordinates = ", ".join(words)
        found = self.rows.found(
            self._model(relation),
            "algebraic",
            f"a root of {relation.n_terms} terms, {coordinates}",
            coordinates=coordinates,
            refit=partial(self._refit, relation),
            nearby=partial(self._nearby, relation),
            uses_derivatives=True,
        )
        return found if math.isfinite(found.error) else None

    def _polynomials(self, relation: Relation, inputs: Normalization | None) -> Polynomial:
        """The coefficients of the powers of t, and the start."""
        start, (indices, c) = self.starts[relation.frame], relation.by_power()
        union, places = unique_rows(np.concatenate([indices, start.indices]))
        coefficients = np.zeros((len(union), c.shape[1] + 1))
        coefficients[places[: len(indices)], :-1] = c
        coefficients[places[len(indices) :], -1] = start.coefficients
        return Polynomial(union, coefficients, inputs=inputs, n_threads=1)

    def _model(self, relation: Relation) -> Model:
        polynomials = self._polynomials(relation, relation.frame.normalization)
        model = Algebraic(polynomials, self.outputs, self.rows.signature)
        return in_coordinates(model, relation.frame, self.link)

    def is_safe(self, relation: Relation) -> bool:
        """Whether the relation rises at all rows that made or chose it, and Newton's method ends at one sheet of roots
        all over the box, not far from the start."""
        frame, products = relation.frame, relation.shape.products()
        for Z, t in ((frame.Z[: self._n_rows(len(products))], self.t), (frame.held_out_Z, self.held_out_t)):
            if Table(products, Z, t).distances(relation.coefficients)[1].any():
                return False
        polynomials, farthest = self._polynomials(relation, None), FAR * self.starts[relation.frame].farthest

        def hold(points: Array) -> Array | None:
            """dP/dt at the roots (n,), None if one of them is no root to rely on."""
            values = polynomials.evaluate(points)
            c, start = values[:, :-1], values[:, -1]
            t = roots(c, start)
            near = np.max(np.abs(t - within_range(start))) <= farthest
            size = float(np.sum(np.abs(relation.coefficients)))
            return value_and_slope(c, t)[1] if near and are_roots(c, t, size).all() else None

        slope = hold(self.points)
        if slope is None:
            return False
        k = np.arange(relation.shape.degree + 1)

        def slope_and_gradient(z: Array) -> tuple[float, Array]:
            """dP/dt at the root t(z), and its derivative by z."""
            values, by_z = polynomials.evaluate(z[None])[0], polynomials.evaluate_gradient(z[None])[0, :-1]
            [t] = roots(values[None, :-1], values[-1:])
            first, second = k * t ** np.maximum(k - 1, 0), k * (k - 1) * t ** np.maximum(k - 2, 0)
            slope = float(first @ values[:-1])
            with np.errstate(all="ignore"):
                return slope, first @ by_z - (second @ values[:-1]) * (t**k @ by_z) / slope

        box = [(-1.0, 1.0)] * self.points.shape[1]
        lowest = self.points[np.argsort(slope)[:N_DESCENTS]]
        ends = [minimize(slope_and_gradient, z, jac=True, method="L-BFGS-B", bounds=box).x for z in lowest]
        return hold(np.array(ends)) is not None

    def _refit(self, relation: Relation, samples: Samples) -> Model:
        """The same terms from all `samples`, or as many as memory holds, if it is a relation still."""
        return self._nearby(relation, samples) or self._model(relation)

    def _nearby(self, relation: Relation, samples: Samples) -> Model | None:
        """The same from these `samples`; None for one whose roots cross in the box."""
        frame, products = relation.frame, relation.shape.products()
        samples = samples.take(self._refitted_rows(len(products), samples), apart=False)
        Z, along = frame.of(samples)
        along = None if along is None else along.first()
        t = self.outputs.apply(samples.y)[:, 0]
        table = Table(products, Z, t, along, *self._slopes(frame, along))
        weight = 1.0 / at_least(table.slopes @ relation.coefficients)
        if samples.sample_weight is not None:
            weight = weight * np.sqrt(samples.sample_weight)
        c, _ = table.rising(null_vector(table.factor(weight)))
        again = replace(relation, coefficients=c)
        return self._model(again) if self.is_safe(again) else None

    def _refitted_rows(self, m: int, samples: Samples) -> NDArray[np.intp]:
        """Which of the samples, all or as many as MOST_REFIT_NUMBERS leaves for m products."""
        n = min(samples.n, max(self._n_rows(m), MOST_REFIT_NUMBERS // m))
        return np.linspace(0, samples.n - 1, n).astype(np.intp)

    def _in_frame(self, frame: InputCoordinates, samples: Samples) -> tuple[Array, Array]:
        """z (n, d) and t (n,) of other rows."""
        Z = frame.normalization.apply(Transformed.transform_inputs(samples.X, frame.names, frame.scales))
        return Z, self.outputs.apply(samples.y)[:, 0]


@dataclass(frozen=True)
class Start:
    """Coefficients (p,) of the polynomial of the terms `indices` (p, d) that Newton's method starts from, the RMS of
    its error on the rows held out and its largest at any, in units of half the range of y."""

    indices: Indices
    coefficients: Array
    error: float
    farthest: float


def _handicapped(relation: Relation) -> float:
    """What relations are compared by: each further degree in y must lower the error by A_ROOT_MORE."""
    return relation.error * A_ROOT_MORE**relation.shape.degree


def _ratio(column: Array) -> float:
    """The largest over the least magnitude of a column that keeps its sign."""
    size = np.abs(column)
    return float(size.max() / size.min()) if size.min() > 0.0 else 1.0
