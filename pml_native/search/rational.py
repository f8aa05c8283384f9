"""Finds quotients of polynomials p(z) / q(z) in scattered data, cheapest first; held-out rows choose.

With q = 1 + q', p - t q' = t is linear in all coefficients, and with rows weighed by 1 / q of the fit before, what is
left over is that of p / q itself (Sanathanan and Koerner 1963, "Transfer function synthesis as a ratio of two complex
polynomials"). A QR factorization of the numerator's terms leaves of t q what no numerator explains, which decides on q,
a small problem; then q gives p.

Where points leave a choice, ridges take the smooth numerator (least_squares.py) and the denominator nearest to 1; of
strengths of the latter the held-out rows choose. A denominator must be positive in the box: at all rows, at other
points, and where descents from the least of these values end.

1. Coordinates of inputs and links of outputs race with few terms, and five rows for each.
2. The best of them: how many degrees each variable needs beside the others, and the numerator beside the denominator;
   and whether the root of a column is better.
3. More and more terms.

What does best in each of these is fitted to all rows, and offered.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

from ..arrays import Array, Samples
from ..exchanges import Exchanges
from ..lapack import solve_triangular, triangle_of
from ..models import Model, Polynomial, Rational
from ..models.chebyshev import Indices
from ..models.transformed import TRANSFORMS, Transformed
from ..options import generator, one_of, whole_number_or_none
from ..singular_values import svd
from .along import Along
from .coordinates import InputCoordinates, Link, in_coordinates, in_words, links
from .equations import Equations, held_out_design, held_out_rmse, input_frames
from .least_squares import DECAY, MOST_DOUBLINGS
from .orbits import MOST_TERMS, expanded, of_budget
from .polynomial_growth import rms
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, EPS, Found, Rows, extrapolated, score, searched

# Terms of numerator and denominator in the two heats of the race, and where shapes are tried; then so many times more
# at each step.
RACE_TERMS, SHAPE_TERMS, GROWTH = (20, 60), 150, 1.6
LEAST_TERMS = 2
# Coordinates in the race, the part of them that runs the second heat, and those that go on to the next two stages.
MOST_RACED, SECOND_HEAT, MOST_SHAPED, MOST_GROWN = 40, 1 / 3, 4, 2
# Shapes are tried for coordinates whose errors are within this factor of the best: of 21 s of quotients in four
# equations, 8 went into those beyond a thousand.
NEAR_BEST = 10.0
# Degrees of the denominator over those of the numerator.
RATIOS = (1.0, 0.5)
# A variable is given so many times more degrees, or fewer, down to this part of the most.
STRETCH, LEAST_SPEED = 1.5, 0.1
# Strengths of the ridge on the denominator, and how often rows are weighed by it.
RIDGES = (1e-16, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1)
WEIGHINGS = 4
# What an error must fall to for going on to be of use, and steps that may go without.
USEFUL, PATIENCE = 0.8, 2
# Points of the box that denominators are looked at, how many of their coordinates are ends, and descents from them.
N_POINTS, ON_A_FACE, N_DESCENTS = 2000, 0.3, 5
# Fits that are only compared look at so many of these points, and take at least so many rows, or five a term. The order
# of 40 fits is then that of fits to all rows (Spearman 0.91 to 0.99), whose best one was always among the first three.
FEW_POINTS, FEWEST_COMPARED, COMPARED_PER_TERM, FINISHED = 500, 60, 5, 3
MOST_ROWS, ROWS_PER_TERM = 4000, 4
# Numbers in the matrices of the last fit, to all rows or as many as that leaves: 32 MiB; and its multiply-adds.
MOST_REFIT_NUMBERS, MOST_REFIT_WORK = 2**22, 2e10


def fit_rational(
    X: ArrayLike,
    y: ArrayLike,
    *,
    inputs: str | Sequence[str] | None = None,
    outputs: str | None = None,
    max_terms: int | None = None,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The quotient of polynomials, in the coordinates that suit it, with the smallest error on held-out rows.

    X : (n, d), or (n,).
    y : (n,) or (n, m); the outputs share a denominator.
    inputs, outputs : coordinates, as for `fit_polynomial`; None chooses them.
    max_terms : of numerator and denominator together, and at most half as many as rows are trained on.
    sample_weight : (n,), weights of the squared errors.
    error : "absolute", or "relative" for errors that count relative to each y, of one output that is 0 nowhere.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    What it returns is a `Transformed` around a quotient where other coordinates are better. Raises ValueError for
    data or options that can't be fitted.
    """
    one_of(outputs, "outputs", TRANSFORMS, or_none=True)
    rng = generator(random_state)
    return searched(
        partial(RationalSearch, rng=rng, max_terms=max_terms, inputs=inputs, outputs=outputs),
        X,
        y,
        sample_weight=sample_weight,
        error=error,
        validation=validation,
        effort=effort,
        time_limit=time_limit,
        random_state=rng,
        n_threads=n_threads,
    )


@dataclass(frozen=True)
class Shape:
    """Which terms: those of the numerator have sum_j a_j / speeds_j <= L, those of the denominator <= `ratio` L."""

    speeds: tuple[float, ...]
    ratio: float

    def terms(self, highest: Sequence[int], most: int, exchanges: Exchanges | None = None) -> tuple[Indices, int]:
        """The numerator's terms (p, d), those of the denominator being the first q, and q: p + q <= `most`."""
        if exchanges is None:
            indices, sizes = _by_size(self.speeds, highest, most)
        else:
            every = _by_size(self.speeds, highest, min(MOST_TERMS, most * len(exchanges)))
            indices, sizes = of_budget(*every, most, exchanges)
        shells = np.unique(sizes)
        p = np.searchsorted(sizes, shells, side="right")
        q = np.searchsorted(sizes, self.ratio * shells * (1.0 + 4.0 * EPS), side="right")
        last = max(0, int(np.searchsorted(p + q, most, side="right")) - 1)
        return indices[: p[last]], int(q[last])

    def variants(self, exchanges: Exchanges | None = None) -> Iterator[Shape]:
        """Shapes next to this one; columns that may be exchanged have the same speed."""
        for ratio in RATIOS:
            yield replace(self, ratio=ratio)
        orbits = [[j] for j in range(len(self.speeds))] if exchanges is None else exchanges.orbits
        for orbit, factor in itertools.product(orbits, (STRETCH, 1.0 / STRETCH)):
            speeds = np.array(self.speeds)
            speeds[orbit] *= factor
            yield replace(self, speeds=tuple(np.maximum(speeds / speeds.max(), LEAST_SPEED).tolist()))


@dataclass(frozen=True)
class Quotient:
    """Coefficients of numerators (p, m), of the terms `indices`, and of the denominator (q,), of the first q."""

    indices: Indices
    numerators: Array
    denominator: Array
    ridge: float

    @property
    def n_terms(self) -> int:
        return len(self.indices) + len(self.denominator)

    def bottom(self, design: Array) -> Array:
        """The denominator where all terms have the values `design` (n, p)."""
        values: Array = design[:, : len(self.denominator)] @ self.denominator
        return values

    def values(self, design: Array, points: NDArray[np.intp]) -> Array:
        """Its values where all terms have those of the first rows of `design`, and then derivatives of it by the other
        rows, of the terms' derivatives, at the `points` of these among the first: (n, m), NaN where that is none."""
        n = len(design) - len(points)
        tops, bottom = design @ self.numerators, self.bottom(design)[:, None]
        found = tops / bottom
        found[n:] = (tops[n:] - found[points] * bottom[n:]) / bottom[points]
        found[n:][points < 0] = np.nan
        return found


@dataclass(frozen=True)
class Contender:
    """Coordinates and a shape, the numbers of terms that have been fitted in them, and the errors of these."""

    frame: InputCoordinates
    link: Link
    shape: Shape
    n_terms: tuple[int, ...] = ()
    errors: tuple[float, ...] = ()
    waiting: int = 0

    @property
    def error(self) -> float:
        return min(self.errors, default=math.inf)

    def fitted(self, n_terms: int, error: float) -> Contender:
        """The same after one more fit."""
        waiting = 0 if error < USEFUL * self.error else self.waiting + 1
        return replace(self, n_terms=(*self.n_terms, n_terms), errors=(*self.errors, error), waiting=waiting)


class RationalSearch:
    """One search in `rows`; the options are those of `fit_rational`."""

    def __init__(
        self,
        rows: Rows,
        *,
        rng: np.random.Generator,
        max_terms: int | None = None,
        inputs: str | Sequence[str] | None = None,
        outputs: str | None = None,
    ) -> None:
        max_terms = whole_number_or_none(max_terms, "max_terms", LEAST_TERMS)
        self.rows = rows
        self.max_terms = max(LEAST_TERMS, min(max_terms or rows.n_equations, rows.n_equations // 2))
        train, held_out = rows.train, rows.held_out
        self.frame = input_frames(rows)
        self.choices = self.frame.alternatives(inputs)
        self.links = links(train.y, held_out.y, outputs)
        points = rng.uniform(-1.0, 1.0, (N_POINTS, rows.n_inputs))
        self.points = np.where(rng.random(points.shape) < ON_A_FACE, np.sign(points), points)
        self.best: Found | None = None
        self.prospect = 0.0

    def steps(self) -> Steps:
        """The whole search."""
        contenders = yield from self._raced()
        near = [one for one in contenders if one.error <= NEAR_BEST * contenders[0].error][:MOST_SHAPED]
        if self.max_terms > RACE_TERMS[-1] and not self.is_exact:
            near = yield from self._shaped(near)
        grown, n_terms = sorted(near, key=_error)[:MOST_GROWN], SHAPE_TERMS
        while grown and n_terms < self.max_terms and not self.is_exact:
            n_terms = min(int(GROWTH * n_terms), self.max_terms)
            grown = yield from self._grown(grown, n_terms)
            self._foresee(grown)
            grown = [one for one in grown if one.waiting < PATIENCE]
        if self.best is None:  # no quotient without a pole, or with a value at all rows: a constant has both
            yield from self._constant()

    @property
    def is_exact(self) -> bool:
        """Whether errors are those of rounding, which more terms don't lower."""
        return self.best is not None and self.best.is_exact

    def _raced(self) -> Part[list[Contender]]:
        """All coordinates with few terms, the best first."""
        given = tuple(choice[0] for choice in self.choices)
        logarithms = tuple("log" if "log" in choice else choice[0] for choice in self.choices)
        every = dict.fromkeys([given, logarithms, *itertools.islice(self.frame.combinations(self.choices), MOST_RACED)])
        shape = Shape((1.0,) * len(self.choices), RATIOS[0])
        pairs = itertools.islice(itertools.product(every, self.links), MOST_RACED)
        contenders = [Contender(self.frame(names), link, shape) for names, link in pairs]
        for n_terms in RACE_TERMS:
            if n_terms > RACE_TERMS[0]:
                contenders = contenders[: max(MOST_SHAPED, math.ceil(SECOND_HEAT * len(contenders)))]
                if self.is_exact or n_terms > GROWTH * self.max_terms:
                    break
            contenders = sorted((yield from self._fitted(contenders, n_terms)), key=_error)
        self._foresee(contenders)
        return contenders

    def _shaped(self, contenders: list[Contender]) -> Part[list[Contender]]:
        """Each in the shape in which SHAPE_TERMS do best: neighbours of all shapes at once, while any of them helps."""
        now = yield from self._fitted(contenders, SHAPE_TERMS)
        active = list(range(len(now)))
        while active and not self.is_exact:
            tried = [
                (i, replace(now[i], shape=shape))
                for i in active
                for shape in now[i].shape.variants(self.rows.exchanges)
                if shape != now[i].shape
            ]
            tried += [(i, replace(now[i], frame=frame)) for i in active for frame in self._with_roots(now[i].frame)]
            errors: dict[int, Contender] = {}
            for (i, _), one in zip(
                tried, (yield from self._fitted([one for _, one in tried], SHAPE_TERMS)), strict=True
            ):
                if one.errors[-1] < errors.get(i, now[i]).errors[-1]:
                    errors[i] = one
            active = [i for i, one in errors.items() if one.errors[-1] < USEFUL * now[i].errors[-1]]
            for i in active:
                now[i] = replace(errors[i], n_terms=now[i].n_terms, errors=(*now[i].errors[:-1], errors[i].errors[-1]))
        self._foresee(now)
        yield from self._witnesses(now)
        return now

    def _with_roots(self, frame: InputCoordinates) -> Iterator[InputCoordinates]:
        """The root of one more column, where coordinates are to be chosen: half way to the logarithm, for singular
        points beyond an end. The incomplete gamma function comes to 2e-10 so, and to 1e-7 without."""
        orbits = [[j] for j in range(len(self.choices))] if frame.exchanges is None else frame.exchanges.orbits
        for [j, *_] in orbits:
            if len(self.choices[j]) > 1 and frame.names[j] != "root":
                yield self.frame(self.frame.with_column(frame.names, j, "root"))

    def _witnesses(self, contenders: Sequence[Contender]) -> Steps:
        """Offers quotients in the coordinates that came second, too: where rows are not, they tell of the best one."""
        others = sorted(contenders, key=_error)[1:]
        for found in (yield [self._step(one, SHAPE_TERMS, compared=False) for one in others]):
            if found is not None:
                if self.best is None or found.score < self.best.score:
                    self.best = found
                yield found

    def _grown(self, contenders: Sequence[Contender], n_terms: int) -> Part[list[Contender]]:
        """Each after a fit of more terms to all rows: few rows would hide what many terms gain."""
        results = yield [self._step(one, n_terms, compared=False) for one in contenders]
        grown = []
        for one, found in zip(contenders, results, strict=True):
            grown.append(one.fitted(n_terms, math.inf if found is None else found.error))
            if found is not None:
                if self.best is None or found.score < self.best.score:
                    self.best = found
                yield found  # which tells of the best one, if it is another
        return grown

    def _foresee(self, contenders: Sequence[Contender]) -> None:
        """Sets the error that this search may come to: that of the best, with all terms it may take."""
        if contenders:
            best = min(contenders, key=_error)
            self.prospect = extrapolated(best.n_terms, best.errors, self.max_terms, self.rows.n_inputs)

    def _constant(self) -> Steps:
        given = tuple(choice[0] for choice in self.choices)
        one = Contender(self.frame(given), self.links[0], Shape((1.0,) * len(given), RATIOS[0]))
        [found] = yield [Step(50.0 * CALL, partial(self._finished, one, LEAST_TERMS))]
        if found is not None:
            self.best = found
            yield found

    # --- fits

    def _fitted(self, contenders: Sequence[Contender], most: int) -> Part[list[Contender]]:
        """All of them after fits of at most so many terms; the best are fitted to all rows, too, and offered."""
        most = min(most, self.max_terms)
        results = yield [self._step(one, most, compared=True) for one in contenders]
        fitted = [one.fitted(n, error) for one, (n, error) in zip(contenders, results, strict=True)]
        order = sorted(range(len(fitted)), key=lambda i: fitted[i].errors[-1])[:FINISHED]
        m = self.rows.n_outputs
        promising = [
            i
            for i in order
            if math.isfinite(fitted[i].errors[-1])
            and (self.best is None or score(fitted[i].errors[-1], results[i][0] * m) < self.best.score)
        ]
        for found in (yield [self._step(contenders[i], most, compared=False) for i in promising]):
            if found is not None and (self.best is None or found.score < self.best.score):
                self.best = found
                yield found
        return fitted

    def _step(self, contender: Contender, most: int, *, compared: bool) -> Step:
        p = q = most / 2.0
        n_rows, m = self._rows(most, compared), self.rows.n_outputs
        seen = n_rows + len(self.rows.held_out.X) + (FEW_POINTS if compared else N_POINTS)
        n = n_rows * self.rows.per_row
        solving = (n + p) * p**2 + 2.0 * n * p * q * m + n * m * q**2 + 10.0 * q**3
        looking = len(RIDGES) * (seen * q + len(self.rows.held_out.X) * p * m + p**2 + 2.0 * CALL)
        work = WEIGHINGS * (2.0 * solving + looking + 10.0 * CALL)
        return Step(work, partial(self._compared if compared else self._finished, contender, most))

    def _rows(self, n_terms: int, compared: bool) -> int:
        most = (
            max(FEWEST_COMPARED, COMPARED_PER_TERM * n_terms) if compared else max(MOST_ROWS, ROWS_PER_TERM * n_terms)
        )
        return min(self.rows.n, math.ceil(most / self.rows.per_row))

    def _compared(self, contender: Contender, most: int, worker: Worker) -> tuple[int, float]:
        """The number of terms, and the error of their best quotient on the rows held out; infinite for none."""
        best = self._solved(contender, most, True, worker)
        return (most, math.inf) if best is None else (best[0].n_terms, best[1])

    def _finished(self, contender: Contender, most: int, worker: Worker) -> Found | None:
        best = self._solved(contender, most, False, worker)
        if best is None or not self.is_positive(best[0]):
            return None
        quotient = best[0]
        coordinates = in_words(contender.frame, contender.link)
        p, q = len(quotient.indices), len(quotient.denominator)
        found = self.rows.found(
            self._model(contender, quotient),
            "rational",
            f"{p} over {q} terms {coordinates}".rstrip(),
            coordinates=coordinates,
            refit=partial(self._refit, contender, quotient),
            nearby=partial(self._nearby, contender, quotient),
            uses_derivatives=True,
        )
        return found if math.isfinite(found.error) else None

    def _solved(self, contender: Contender, most: int, compared: bool, worker: Worker) -> tuple[Quotient, float] | None:
        """The best quotient of at most so many terms, and its error on the rows held out."""
        frame, link = contender.frame, contender.link
        indices, q = contender.shape.terms(frame.highest, most, frame.exchanges)
        n, n_held_out = self._rows(len(indices) + q, compared), self.rows.n_held_out
        terms = frame.terms(indices)
        own = link.root_weight(self.rows.train, link.t)
        equations = Equations.of(frame, [link], self.rows.train.y, n, own, with_y=True)
        design, held_out = equations.design(terms), held_out_design(terms, frame)
        points = terms.design(self.points[: FEW_POINTS if compared else N_POINTS])
        looked_at = np.concatenate([design[:n, :q], held_out[:n_held_out, :q], points[:, :q]])
        own_weight = _root_weight(equations)
        weight, best, before = own_weight, None, math.inf
        for _ in range(WEIGHINGS):
            found: tuple[Quotient, float] | None = None
            quotients = solutions(indices, equations, design, q, weight)
            lowest = (looked_at @ np.stack([one.denominator for one in quotients], axis=1)).min(axis=0)
            for quotient in itertools.compress(quotients, lowest > 0.0):
                t = quotient.values(held_out, _points_along(n_held_out, frame.held_out_along))
                error = held_out_rmse(self.rows, frame, link, t)
                if found is None or error < found[1]:
                    found = quotient, error
            if found is not None and (best is None or found[1] < best[1]):
                best = found
            if found is None or not found[1] < USEFUL * before or worker.should_stop():
                break
            bottom = found[0].bottom(design[:n])
            if not np.all(bottom > 0.0):  # by rounding: no weights come of it
                break
            before, weight = found[1], own_weight / bottom[equations.points]
        return best

    def is_positive(self, quotient: Quotient) -> bool:
        """Whether no descent from where the denominator is least finds it 0 or less in the box."""
        q = len(quotient.denominator)
        terms = expanded(quotient.indices[:q], quotient.denominator[:, None], self.rows.exchanges)
        denominator = Polynomial(*terms, n_threads=1)

        def value_and_slope(z: Array) -> tuple[float, Array]:
            return float(denominator.evaluate(z[None])[0, 0]), denominator.evaluate_gradient(z[None])[0, 0]

        lowest = np.argsort(denominator.evaluate(self.points)[:, 0])[:N_DESCENTS]
        box = [(-1.0, 1.0)] * self.points.shape[1]
        ends = [minimize(value_and_slope, z, jac=True, method="L-BFGS-B", bounds=box).fun for z in self.points[lowest]]
        return bool(min(ends) > 0.0)

    def _model(self, contender: Contender, quotient: Quotient) -> Model:
        denominator = np.zeros((len(quotient.indices), 1))
        denominator[: len(quotient.denominator), 0] = quotient.denominator
        coefficients = np.concatenate([quotient.numerators, denominator], axis=1)
        polynomials = Polynomial(
            *expanded(quotient.indices, coefficients, contender.frame.exchanges),
            inputs=contender.frame.normalization,
            output_exponents=np.append(contender.link.inner_exponents, 0),
            n_threads=1,
        )
        return in_coordinates(Rational(polynomials, self.rows.signature), contender.frame, contender.link)

    def _refit(self, contender: Contender, quotient: Quotient, samples: Samples) -> Model:
        """The same from all `samples`, or as many as memory holds, if the denominator stays positive."""
        again = self._again(contender, quotient, samples)
        return self._model(contender, quotient if again is None else again)

    def _nearby(self, contender: Contender, quotient: Quotient, samples: Samples) -> Model | None:
        """The same from these `samples`; None for one that has poles in the box."""
        again = self._again(contender, quotient, samples)
        return None if again is None else self._model(contender, again)

    def _again(self, contender: Contender, quotient: Quotient, samples: Samples) -> Quotient | None:
        frame, link = contender.frame, contender.link
        p, q = len(quotient.indices), len(quotient.denominator)
        most = min(MOST_REFIT_NUMBERS / (p + q), MOST_REFIT_WORK / (p + q) ** 2)
        most = max(MOST_ROWS, ROWS_PER_TERM * (p + q), int(most))
        n = min(len(samples.X), math.ceil(most / self.rows.per_row))
        samples = samples.take(np.linspace(0, len(samples.X) - 1, n).astype(np.intp), apart=False)
        Z, along = frame.of(samples)
        t = Transformed.transform_outputs(samples.y, (link.name,) * self.rows.n_outputs, link.scales)
        t = np.ldexp(t, -link.inner_exponents)
        slopes = None if along is None else link.slopes(along, samples.y)
        equations = Equations(Z, t, along, frame.balance, slopes, link.root_weight(samples, t))
        terms = frame.terms(quotient.indices)
        design = equations.design(terms)
        weight = _root_weight(equations) / quotient.bottom(design[:n])[equations.points]
        ridges = (quotient.ridge,)
        [again] = solutions(quotient.indices, equations, design, q, weight, ridges)
        looked_at = np.concatenate([design[:n], terms.design(self.points)])
        return again if again.bottom(looked_at).min() > 0.0 and self.is_positive(again) else None


def _root_weight(equations: Equations) -> Array:
    weight = equations.root_weight
    return np.ones(len(equations)) if weight is None else weight[:, 0]


def _points_along(n: int, along: Along | None) -> NDArray[np.intp]:
    """The rows, of n, at which the derivatives are known."""
    return np.empty(0, dtype=np.intp) if along is None else along.known.rows


def _error(contender: Contender) -> float:
    return contender.error


def solutions(
    indices: Indices, equations: Equations, design: Array, q: int, weight: Array, ridges: Sequence[float] = RIDGES
) -> list[Quotient]:
    """The quotients that least squares give, with `equations` weighed by `weight` (n,), one for each of the `ridges`.

    `design` (n, p) is that of the terms, the first q of them are the denominator's.
    """
    (n, p), scale = design.shape, rms(equations.targets[: equations.n_values])
    level = float(np.sqrt(np.sum(weight**2)))
    degrees = np.minimum(indices.sum(axis=1), MOST_DOUBLINGS)
    stacked = np.zeros((n + p, p), order="F")
    stacked[:n] = weight[:, None] * design
    stacked[n + np.arange(p), np.arange(p)] = 0.5 * EPS * level * DECAY**degrees
    factor, tau, _, _ = lapack.dgeqrf(stacked, lwork=64 * p, overwrite_a=1)
    tops, rests = [], []
    for column in (equations.targets / scale).T:
        right = np.zeros((n + p, q), order="F")
        right[:n] = equations.products(design[:, :q], column, weight)
        right = lapack.dormqr("L", "T", factor, tau, right, 64 * q, overwrite_c=1)[0]
        tops.append(right[:p])
        rests.append(right[p:])
    R = triangle_of(np.concatenate(rests))
    U, s, Vt = svd(R[:, 1:], full_matrices=False)
    along = U.T @ R[:, 0]
    strengths = (np.asarray(ridges) * level) ** 2
    damped = s[:, None] / (s[:, None] ** 2 + strengths) * along[:, None]
    denominators = np.concatenate([np.ones((1, len(ridges))), -Vt.T @ damped])
    numerators = [solve_triangular(factor[:p], top @ denominators) for top in tops]
    return [
        Quotient(indices, np.stack([one[:, i] for one in numerators], axis=1) * scale, denominators[:, i], ridge)
        for i, ridge in enumerate(ridges)
    ]


def _by_size(speeds: Sequence[float], highest: Sequence[int], least: int) -> tuple[Indices, Array]:
    """The indices a (p, d) up to some size sum_j a_j / speeds_j, and their sizes, ascending: `least`, or all."""
    level, count = 1.0, min(least, math.prod(top + 1 for top in highest))
    while True:
        indices, sizes = np.zeros((1, 0), dtype=np.intp), np.zeros(1)
        for top, speed in zip(highest, speeds, strict=True):
            steps = np.arange(min(top, int(level * speed)) + 1)
            grown = sizes[:, None] + steps / speed
            row, step = np.nonzero(grown <= level)
            indices, sizes = np.column_stack([indices[row], steps[step]]), grown[row, step]
        if len(indices) >= count:
            order = np.argsort(sizes, kind="stable")
            return indices[order], sizes[order]
        level *= 1.3
