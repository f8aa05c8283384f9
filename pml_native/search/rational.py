"""Finds quotients of polynomials p(z) / q(z) in scattered data, cheapest first; held-out rows choose.

With q = 1 + q', p - t q' = t is linear in all coefficients, and with rows weighed by 1 / q of the fit before, what is
left over is that of p / q itself (Sanathanan and Koerner 1963, "Transfer function synthesis as a ratio of two complex
polynomials"). A QR factorization of the numerator's terms leaves of t q what no numerator explains, which decides on q,
a small problem; then q gives p.

Where points leave a choice, ridges take the smooth numerator (least_squares.py) and the denominator nearest to 1; of
strengths of the latter the held-out rows choose. A denominator must be positive in the box: at all rows, at other
points, and where descents from the least of these values end.

1. Coordinates of inputs and links of outputs race with few terms.
2. The best of them: how many degrees each variable needs beside the others, and the numerator beside the denominator.
3. More and more terms.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import lapack, solve_triangular
from scipy.optimize import minimize

from ..arrays import Array, Samples
from ..models.chebyshev import ChebyshevTerms, Indices
from ..models.model import Model, Signature
from ..models.polynomial import Polynomial
from ..models.rational import Rational
from ..models.transformed import Transformed
from ..report import Errors
from ..singular_values import svd
from .coordinates import Found, InputCoordinates, InputFrames, Link, in_coordinates, in_words, links, searched
from .least_squares import DECAY, MOST_DOUBLINGS
from .polynomial_growth import rms

EPS = float(np.finfo(float).eps)
# Relative errors that leave nothing to search for.
ENOUGH = 2e-16
# ... and below which rounding has a part in them.
NEAR_ROUNDING = 1e-14
# Terms of numerator and denominator in the two heats of the race, and where shapes are tried; then so many times more
# at each step.
RACE_TERMS, SHAPE_TERMS, GROWTH = (20, 60), 150, 1.6
LEAST_TERMS = 2
# Coordinates in the race, and those of them that go on to the next two stages.
MOST_RACED, MOST_SHAPED, MOST_GROWN = 40, 4, 2
# Degrees of the denominator over those of the numerator.
RATIOS = (1.0, 0.5)
# A variable is given so many times more degrees, or fewer, down to this part of the most.
STRETCH, LEAST_SPEED = 1.5, 0.1
# Strengths of the ridge on the denominator, and how often rows are weighed by it.
RIDGES = (1e-16, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1)
ROUNDS = 4
# What an error must fall to for going on to be of use, and steps that may go without.
USEFUL, PATIENCE = 0.8, 2
# Points of the box that denominators are looked at, how many of their coordinates are ends, and descents from them.
N_POINTS, ON_A_FACE, N_DESCENTS = 2000, 0.3, 5
MOST_ROWS, ROWS_PER_TERM = 4000, 4


def fit_rational(
    X: ArrayLike,
    y: ArrayLike,
    *,
    inputs: str | Sequence[str] | None = None,
    outputs: str | None = None,
    max_terms: int | None = None,
    sample_weight: ArrayLike | None = None,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    time_limit: float = 10.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The quotient of polynomials, in the coordinates that suit it, with the smallest error on held-out rows.

    X : (n, d), or (n,).
    y : (n,) or (n, m); the outputs share a denominator.
    inputs, outputs : coordinates, as for `fit_polynomial`; None chooses them.
    max_terms : of numerator and denominator together, and at most half as many as rows are trained on.
    sample_weight : (n,), weights of the squared errors.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    time_limit : seconds.
    n_threads : that evaluate the model; None for all cores.

    What it returns is a `Transformed` around a quotient where other coordinates are better. Raises ValueError for
    data or options that can't be fitted.
    """
    return searched(
        partial(RationalSearch, max_terms=max_terms),
        X,
        y,
        inputs=inputs,
        outputs=outputs,
        sample_weight=sample_weight,
        validation=validation,
        time_limit=time_limit,
        random_state=random_state,
        n_threads=n_threads,
    )


@dataclass(frozen=True)
class Shape:
    """Which terms: those of the numerator have sum_j a_j / speeds_j <= L, those of the denominator <= `ratio` L."""

    speeds: tuple[float, ...]
    ratio: float

    def terms(self, highest: Sequence[int], most: int) -> tuple[Indices, int]:
        """The numerator's terms (p, d), those of the denominator being the first q, and q: p + q <= `most`."""
        indices, sizes = _by_size(self.speeds, highest, most)
        shells = np.unique(sizes)
        p = np.searchsorted(sizes, shells, side="right")
        q = np.searchsorted(sizes, self.ratio * shells * (1.0 + 4.0 * EPS), side="right")
        last = max(0, int(np.searchsorted(p + q, most, side="right")) - 1)
        return indices[: p[last]], int(q[last])

    def variants(self) -> Iterator[Shape]:
        """Shapes next to this one."""
        for ratio in RATIOS:
            yield replace(self, ratio=ratio)
        for j, factor in itertools.product(range(len(self.speeds)), (STRETCH, 1.0 / STRETCH)):
            speeds = np.array(self.speeds)
            speeds[j] *= factor
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

    def value(self, design: Array) -> Array:
        """(n, m)"""
        values: Array = design @ self.numerators / self.bottom(design)[:, None]
        return values


@dataclass
class Run:
    """Coordinates and a shape, and how their fits have done."""

    frame: InputCoordinates
    link: Link
    shape: Shape
    error: float = math.inf
    waiting: int = 0


@dataclass(frozen=True)
class _Best:
    run: Run
    quotient: Quotient
    found: Found
    error: float  # the larger of the RMSE on the held-out rows and at rows trained on

    @property
    def score(self) -> tuple[bool, float]:
        return _score(self.error, self.quotient.n_terms)


class RationalSearch:
    """One search; `offer` gets every improvement on the held-out rows."""

    def __init__(
        self,
        train: Samples,
        held_out: Samples,
        *,
        rng: np.random.Generator,
        seconds: float,
        max_terms: int | None = None,
        inputs: Sequence[str] | None = None,
        outputs: str | None = None,
        corners: Array | None = None,
        n_threads: int | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        offer: Callable[[Found], None] = lambda found: None,
    ) -> None:
        if max_terms is not None and max_terms < LEAST_TERMS:
            raise ValueError(f"max_terms: expected an integer >= {LEAST_TERMS} or None, got {max_terms}")
        n, d = train.X.shape
        order = rng.permutation(n)  # so that the first rows of any number are a sample
        self.train, self.held_out = train.take(order), held_out
        self.start, self.seconds = time.perf_counter(), seconds
        self.stop, self.offer = should_stop, offer
        self.max_terms = max(LEAST_TERMS, min(max_terms or n, n // 2))
        self.signature, self.n_threads = Signature.of(train), n_threads
        weight = self.train.sample_weight
        self.root_weight = np.ones(n) if weight is None else np.sqrt(weight)
        self.frame, self.given_inputs = InputFrames(self.train.X, held_out.X, corners, None), inputs
        self.links = links(self.train.y, held_out.y, outputs)
        points = rng.uniform(-1.0, 1.0, (N_POINTS, d))
        self.points = np.where(rng.random(points.shape) < ON_A_FACE, np.sign(points), points)
        self.chosen: _Best | None = None
        self.pace = 0.0  # seconds for a row and a square of the number of terms

    @property
    def best(self) -> Found | None:
        return None if self.chosen is None else self.chosen.found

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.start

    @property
    def finished(self) -> bool:
        if self.chosen is None:
            return False
        return self.elapsed >= self.seconds or self.chosen.error <= ENOUGH or self.stop()

    @property
    def is_rounded(self) -> bool:
        """Whether errors are those of rounding, which more terms don't lower."""
        return self.chosen is not None and self.chosen.error <= NEAR_ROUNDING

    def run(self) -> None:
        """The whole search."""
        runs = sorted([self.shaped(run) for run in self.raced()[:MOST_SHAPED]], key=lambda run: run.error)[:MOST_GROWN]
        n_terms = SHAPE_TERMS
        while runs and n_terms < self.max_terms and not self.is_rounded:
            n_terms = min(int(GROWTH * n_terms), self.max_terms)
            for run in runs:
                if not self.finished and self.has_time_for(n_terms):
                    run.waiting = 0 if self.improves(run, n_terms) else run.waiting + 1
                else:
                    run.waiting = PATIENCE
            runs = [run for run in runs if run.waiting < PATIENCE]
        if self.chosen is None:  # no quotient without a pole, or with a value at all rows: a constant has both
            given = tuple(choice[0] for choice in self.frame.alternatives(self.given_inputs))
            self.improves(Run(self.frame(given), self.links[0], Shape((1.0,) * len(given), RATIOS[0])), LEAST_TERMS)

    def raced(self) -> list[Run]:
        """All coordinates with few terms, the best first."""
        choices = self.frame.alternatives(self.given_inputs)
        given = tuple(choice[0] for choice in choices)
        logarithms = tuple("log" if "log" in choice else choice[0] for choice in choices)
        every = dict.fromkeys([given, logarithms, *itertools.islice(itertools.product(*choices), MOST_RACED)])
        shape = Shape((1.0,) * len(choices), RATIOS[0])
        runs: list[Run] = []
        for names, link in itertools.islice(itertools.product(every, self.links), MOST_RACED):
            runs.append(Run(self.frame(names), link, shape))
        for n_terms, run in itertools.product(RACE_TERMS, runs):
            if not self.finished:
                self.improves(run, n_terms)
        return sorted(runs, key=lambda run: run.error)

    def shaped(self, run: Run) -> Run:
        """The run in the shape in which SHAPE_TERMS do best."""
        improved = True
        while improved:
            improved = False
            for shape in run.shape.variants():
                other = Run(run.frame, run.link, shape)
                if shape == run.shape or self.finished or self.is_rounded:
                    continue
                self.improves(other, SHAPE_TERMS)
                if other.error < USEFUL * run.error:
                    run, improved = other, True
        return run

    def has_time_for(self, n_terms: int) -> bool:
        """Whether a fit of so many terms, at the pace of the last one, ends in time."""
        return self.elapsed + self.pace * self._rows(n_terms) * n_terms**2 <= self.seconds

    def _rows(self, n_terms: int) -> int:
        return min(len(self.train.X), max(MOST_ROWS, ROWS_PER_TERM * n_terms))

    def improves(self, run: Run, most: int) -> bool:
        """Fits the run with at most so many terms; whether its error on the held-out rows fell, to a useful part."""
        before = run.error
        indices, q = run.shape.terms(run.frame.highest, min(most, self.max_terms))
        terms, some = ChebyshevTerms(indices), slice(self._rows(len(indices) + q))
        design, held_out = terms.design(run.frame.Z[some]), terms.design(run.frame.held_out_Z)
        looked_at = np.concatenate([design, held_out, terms.design(self.points)])
        weight, error = self.root_weight[some], math.inf
        for _ in range(ROUNDS):
            start = time.perf_counter()
            best: tuple[float, Quotient] | None = None
            for quotient in solutions(indices, design, q, run.link.t[some], weight):
                if quotient.bottom(looked_at).min() > 0.0:
                    y = run.link.values(quotient.value(held_out), clipped=True)
                    one = Errors.of(y, self.held_out.y, self.held_out.sample_weight).rmse
                    if best is None or one < best[0]:
                        best = one, quotient
            self.pace = (time.perf_counter() - start) / (len(design) * (len(indices) + q) ** 2)
            if best is None:
                break
            self.judge(run, best[1], design, best[0])
            if not best[0] < USEFUL * error or self.finished:
                break
            error, weight = best[0], self.root_weight[some] / best[1].bottom(design)
        run.error = min(run.error, error if best is None else min(error, best[0]))
        return run.error < USEFUL * before

    def judge(self, run: Run, quotient: Quotient, design: Array, error: float) -> None:
        """Keeps and offers what is better than all before: `error` is its own on the held-out rows, about."""
        n_terms = quotient.n_terms
        if self.chosen is not None and not _score(error, n_terms) < self.chosen.score:
            return
        some = slice(len(design))
        weight = None if self.train.sample_weight is None else self.train.sample_weight[some]
        at_rows = Errors.of(run.link.values(quotient.value(design)), self.train.y[some], weight)
        model = self.model(run, quotient)
        errors = Errors.of(model.evaluate(self.held_out.X), self.held_out.y, self.held_out.sample_weight)
        error = max(errors.rmse, at_rows.rmse)
        if self.chosen is not None and not _score(error, n_terms) < self.chosen.score:
            return
        if not (math.isfinite(error) and self.is_positive(quotient)):
            return
        coordinates = in_words(run.frame, run.link)
        p, q = len(quotient.indices), len(quotient.denominator)
        found = Found(model, errors, f"{p} over {q} terms {coordinates}".rstrip(), coordinates, self.elapsed)
        self.chosen = _Best(run, quotient, found, error)
        self.offer(found)

    def is_positive(self, quotient: Quotient) -> bool:
        """Whether no descent from where the denominator is least finds it 0 or less in the box."""
        q = len(quotient.denominator)
        denominator = Polynomial(quotient.indices[:q], quotient.denominator, n_threads=1)

        def value_and_slope(z: Array) -> tuple[float, Array]:
            return float(denominator.evaluate(z[None])[0, 0]), denominator.evaluate_gradient(z[None])[0, 0]

        lowest = np.argsort(denominator.evaluate(self.points)[:, 0])[:N_DESCENTS]
        box = [(-1.0, 1.0)] * self.points.shape[1]
        ends = [minimize(value_and_slope, z, jac=True, method="L-BFGS-B", bounds=box).fun for z in self.points[lowest]]
        return bool(min(ends) > 0.0)

    def model(self, run: Run, quotient: Quotient) -> Model:
        denominator = np.zeros((len(quotient.indices), 1))
        denominator[: len(quotient.denominator), 0] = quotient.denominator
        polynomials = Polynomial(
            quotient.indices,
            np.concatenate([quotient.numerators, denominator], axis=1),
            inputs=run.frame.normalization,
            output_exponents=np.append(run.link.inner_exponents, 0),
            n_threads=self.n_threads,
        )
        return in_coordinates(Rational(polynomials, self.signature), run.frame, run.link)

    def best_model(self, *, refit: bool) -> Model:
        """What was found; `refit` takes its coefficients from rows held out, too, if the denominator stays positive."""
        assert self.chosen is not None
        run, quotient = self.chosen.run, self.chosen.quotient
        if not refit or self.train.sample_weight is not None:
            return self.chosen.found.model
        p, q = len(quotient.indices), len(quotient.denominator)
        rows, m = self._rows(p + q), quotient.numerators.shape[1]
        design = ChebyshevTerms(quotient.indices).design(
            np.concatenate([run.frame.Z[:rows], run.frame.held_out_Z[:rows]])
        )
        y = np.concatenate([self.train.y[:rows], self.held_out.y[:rows]])
        t = np.ldexp(Transformed.transform_outputs(y, (run.link.name,) * m, run.link.scales), -run.link.inner_exponents)
        weight = 1.0 / quotient.bottom(design)
        [again] = solutions(quotient.indices, design, q, t, weight, ridges=(quotient.ridge,))
        looked_at = np.concatenate([design, ChebyshevTerms(quotient.indices).design(self.points)])
        if again.bottom(looked_at).min() > 0.0 and self.is_positive(again):
            return self.model(run, again)
        return self.chosen.found.model


def _score(error: float, n_terms: int) -> tuple[bool, float]:
    """What is to be small: the error, or where that is rounding, the error times the number of terms."""
    rounded = error <= NEAR_ROUNDING
    return not rounded, max(error, ENOUGH) * n_terms if rounded else error


def solutions(
    indices: Indices, design: Array, q: int, t: Array, weight: Array, ridges: Sequence[float] = RIDGES
) -> Iterator[Quotient]:
    """The quotients that least squares give, with rows weighed by `weight` (n,), one for each of the `ridges`.

    `design` (n, p) has the terms' values, the first q of them are the denominator's; `t` (n, m) the values to meet.
    """
    (n, p), scale = design.shape, rms(t)
    level = float(np.sqrt(np.sum(weight**2)))
    degrees = np.minimum(indices.sum(axis=1), MOST_DOUBLINGS)
    stacked = np.zeros((n + p, p), order="F")
    stacked[:n] = weight[:, None] * design
    stacked[n + np.arange(p), np.arange(p)] = 0.5 * EPS * level * DECAY**degrees
    factor, tau, _, _ = lapack.dgeqrf(stacked, lwork=64 * p, overwrite_a=1)
    tops, rests = [], []
    for column in (t / scale).T:
        right = np.zeros((n + p, q), order="F")
        right[:n] = (weight * column)[:, None] * design[:, :q]
        right = lapack.dormqr("L", "T", factor, tau, right, 64 * q, overwrite_c=1)[0]
        tops.append(right[:p])
        rests.append(right[p:])
    R = np.asarray(np.linalg.qr(np.concatenate(rests), mode="r"))
    U, s, Vt = svd(R[:, 1:], full_matrices=False)
    along = U.T @ R[:, 0]
    for ridge in ridges:
        denominator = np.append(1.0, -Vt.T @ (s / (s**2 + (ridge * level) ** 2) * along))
        numerators = solve_triangular(factor[:p], np.stack([top @ denominator for top in tops], axis=1))
        yield Quotient(indices, numerators * scale, denominator, ridge)


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
