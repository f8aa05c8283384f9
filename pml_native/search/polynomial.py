"""Finds coordinates and terms in which scattered data are a polynomial, cheapest first; held-out rows choose.

1. Total degrees with few terms, inputs as given and in logarithms; all links of the outputs share one factorization.
   Sums of functions of one input each, up to high degrees: with a link, products and others of such.
2. A race of sets that grow term by term (polynomial_growth.py), in these coordinates and then in mixed ones
   (polynomial_coordinates.py). Few go on to many terms.
3. The best one is polished: terms of no size are dropped, rows weigh by how y follows the link.

Fits are by QR, or as exact and faster where the terms are well-conditioned (least_squares.py).
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, Samples
from ..models.chebyshev import BASES, ChebyshevTerms, Indices, index_set, largest_index_set
from ..models.model import Model, Signature
from ..models.polynomial import Polynomial
from ..models.transformed import TRANSFORMS, Transformed
from ..report import Errors
from .coordinates import Found, InputCoordinates, InputFrames, in_coordinates, in_words, links, searched
from .least_squares import least_squares, nested_least_squares
from .polynomial_growth import Growth, constants_exact, next_terms, prune, rms

# Relative held-out errors that leave nothing to search for.
ENOUGH = 2e-16
# ... and that are not worth other coordinates.
GOOD = 1e-15
# ... and below which rounding has a part in them; it has none above the second, whatever the sizes of the terms.
NEAR_ROUNDING, MOST_ROUNDING = 1e-14, 1e-12
# Rounding is some eps of the sizes of the terms.
EPS, ROUNDINGS = float(np.finfo(np.float64).eps), 3.0
# Share of the time for mixed coordinates.
MIX_SHARE = 0.3
# Terms of the first fits, and in each round of the race, with the number of those that go on to the next.
FIRST_TERMS, FIRST_TERMS_FEW_INPUTS, FEW_INPUTS = 150, 500, 2
SMALL_TERMS, MORE_TERMS = 60, 300
SUM_TERMS, MOST_SUMS = 1200, 2
# Coordinates of few inputs in which more terms follow.
MOST_FIRST = 3
# So few terms need no others that are simpler.
SIMPLE_TERMS = 12
# Degrees are tried whose numbers of terms differ by such a factor, until so many have not helped any link.
DEGREE_STEP, DEGREE_PATIENCE = 1.1, 10
ROUNDS = ((80, 6), (200, 3), (600, 2), (2000, 1))
# Rows that a fit takes are at most this many, or this many times its terms: more of them add nothing to smooth data.
MOST_ROWS, ROWS_PER_TERM = 4000, 5
GROWTH = 0.4
PATIENCE = 4


def fit_polynomial(
    X: ArrayLike,
    y: ArrayLike,
    *,
    degree: int | None = None,
    basis: Literal["auto", "total", "hyperbolic", "tensor", "axes"] = "auto",
    inputs: str | Sequence[str] | None = None,
    outputs: str | None = None,
    max_terms: int | None = None,
    sample_weight: ArrayLike | None = None,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    time_limit: float = 10.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The polynomial, in the coordinates that suit it, with the smallest error on held-out rows.

    X : (n, d), or (n,).
    y : (n,) or (n, m).
    degree : the largest; None chooses it.
    basis : which terms up to it. "total": degrees that sum to it at most, "hyperbolic": products of (a_j + 1) up to
        degree + 1, "tensor": all up to it, "axes": sums of functions of one input each;
        "auto" grows a set of terms where the function needs them.
    inputs : the coordinates of the inputs, "identity", "log" or "reciprocal", one or one for each column; None
        chooses them.
    outputs : what is a polynomial in them: "identity" for y, "log", "square", "reciprocal", "reciprocal_square",
        "reciprocal_root", "exp", "sine", "cosine" or "tangent"; None chooses among those that y has.
    max_terms : at most this many, and at most half as many as rows are trained on.
    sample_weight : (n,), weights of the squared errors.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    time_limit : seconds, for the search for coordinates and terms; one set of terms is always solved for.
    n_threads : that evaluate the model; None for all cores.

    Raises ValueError for data or options that can't be fitted.
    """
    return searched(
        partial(PolynomialSearch, degree=degree, basis=basis, max_terms=max_terms),
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


class PolynomialSearch:
    """One search; `offer` gets every improvement on the held-out rows."""

    def __init__(
        self,
        train: Samples,
        held_out: Samples,
        *,
        rng: np.random.Generator,
        seconds: float,
        max_terms: int | None = None,
        degree: int | None = None,
        basis: str = "auto",
        inputs: Sequence[str] | None = None,
        outputs: str | None = None,
        corners: Array | None = None,
        n_threads: int | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        offer: Callable[[Found], None] = lambda found: None,
    ) -> None:
        for what, value, least in (("degree", degree, 0), ("max_terms", max_terms, 1)):
            if value is not None and value < least:
                raise ValueError(f"{what}: expected an integer >= {least} or None, got {value}")
        if basis != "auto" and basis not in BASES:
            raise ValueError(f"basis: expected one of auto, {', '.join(BASES)}, got {basis!r}")
        order = rng.permutation(len(train.X))  # so that the first rows of any number are a sample
        self.train, self.held_out = train.take(order), held_out
        self.start, self.seconds = time.perf_counter(), seconds
        self.stop, self.offer = should_stop, offer
        n = len(train.X)
        self.max_terms = max(1, min(max_terms or n, n // 2))
        self.signature = Signature.of(train)
        weight = self.train.sample_weight
        self.root_weight = None if weight is None else np.sqrt(weight)[:, None]
        self.given_inputs = inputs
        self.n_threads = n_threads
        self.basis, self.degree = basis, degree
        self.frame = InputFrames(self.train.X, held_out.X, corners, degree)
        self.links = links(self.train.y, held_out.y, outputs)
        self.tried: dict[tuple[str, ...], list[Growth]] = {}
        self.tried_fully: set[tuple[str, ...]] = set()  # those of them with more than very few terms
        self.best: Found | None = None
        self.best_error = math.inf  # the larger of its RMSE on the held-out rows and at rows trained on
        self.best_score = (True, math.inf)
        self.best_growth: Growth | None = None
        self.best_indices: Indices = np.zeros((1, train.X.shape[1]), dtype=np.intp)
        self.pace = 0.0  # seconds for a row and a square of the number of terms

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.start

    @property
    def finished(self) -> bool:
        if self.best is None:
            return False
        return self.elapsed >= self.seconds or self.best_error <= ENOUGH or self.stop()

    @property
    def good(self) -> bool:
        return self.finished or (self.best is not None and self.best_error <= GOOD)

    # --- fits

    def _rows(self, p: int) -> int:
        return min(len(self.train.X), max(MOST_ROWS, ROWS_PER_TERM * p))

    def _weighted(self, values: Array) -> Array:
        return values if self.root_weight is None else values * self.root_weight[: len(values)]

    def judge(self, growth: Growth, design: Array | None = None) -> None:
        """Measures the growth's coefficients on the held-out rows, and keeps and offers what is better.

        `design`: its terms there, if they are known.
        """
        if design is None:
            design = ChebyshevTerms(growth.indices).design(growth.frame.held_out_Z)
        t = design @ growth.coefficients
        errors = self._errors(growth.link.values(t, clipped=True))
        growth.error = errors.rmse
        if growth.best is None or errors.rmse < growth.best[0]:
            growth.waiting = 0 if growth.best is None or errors.rmse < 0.9 * growth.best[0] else growth.waiting + 1
            growth.best = errors.rmse, growth.indices, growth.coefficients
        else:
            growth.waiting += 1
        if self._is_better(errors.rmse, growth):
            exact = self._errors(growth.link.values(t))
            error = max(exact.rmse, self._train_rmse(growth)) if self._is_better(exact.rmse, growth) else math.inf
            if self._is_better(error, growth):
                coordinates = in_words(growth.frame, growth.link)
                description = f"{len(growth.indices)} terms {coordinates}".rstrip()
                self.best = Found(self.model(growth), exact, description, coordinates, self.elapsed)
                self.best_error, self.best_growth, self.best_indices = error, growth, growth.indices
                self.best_score = self._score(error, growth)
                self.offer(self.best)

    def _is_better(self, error: float, growth: Growth) -> bool:
        return self.best is None or self._score(error, growth) < self.best_score

    def _score(self, error: float, growth: Growth) -> tuple[bool, float]:
        """What is to be small: the error, or where that is rounding, the error times the number of terms.

        Of models that meet the rows to rounding, those of fewer terms go further beyond them.
        """
        rounded = error <= NEAR_ROUNDING or (error <= MOST_ROUNDING and error <= self._rounding(growth))
        return not rounded, max(error, ENOUGH) * len(growth.indices) if rounded else error

    def _rounding(self, growth: Growth) -> float:
        """The relative error that float64 may make of the sum of the growth's terms, in y: some eps of their sizes."""
        link = growth.link
        t = ChebyshevTerms(growth.indices).design(growth.frame.held_out_Z) @ growth.coefficients
        largest = np.max(np.abs(self.held_out.y), axis=0)
        unit = np.where(largest > 0.0, largest, 1.0)  # squares of y itself may overflow
        with np.errstate(all="ignore"):
            slopes = TRANSFORMS[link.name].inverse_derivative(np.ldexp(t, link.inner_exponents)) * (link.scales / unit)
        sizes = np.ldexp(np.sqrt(np.sum(growth.coefficients**2, axis=0)), link.inner_exponents)
        return float(np.max(ROUNDINGS * EPS * sizes * rms(slopes) / rms(self.held_out.y / unit)))

    def _train_rmse(self, growth: Growth) -> float:
        """That at rows trained on: they are more than those held out, and near more of the edges."""
        some = slice(min(len(self.train.X), MOST_ROWS))
        y = growth.link.values(ChebyshevTerms(growth.indices).design(growth.frame.Z[some]) @ growth.coefficients)
        weight = self.train.sample_weight
        return Errors.of(y, self.train.y[some], None if weight is None else weight[some]).rmse

    def _errors(self, y: Array) -> Errors:
        return Errors.of(y, self.held_out.y, self.held_out.sample_weight)

    def fit(self, growth: Growth) -> Array:
        """Solves for the coefficients of the growth's terms, and returns what is left over, at the rows it took."""
        rows = self._rows(len(growth.indices))
        start = time.perf_counter()
        A = ChebyshevTerms(growth.indices).design(growth.frame.Z[:rows])
        t = growth.link.t[:rows]
        degrees = growth.indices.sum(axis=1)
        growth.coefficients = least_squares(self._weighted(A), self._weighted(t), degrees)
        residual: Array = t - A @ growth.coefficients
        self.pace = (time.perf_counter() - start) / (rows * len(growth.indices) ** 2)
        return residual

    def has_time_for(self, p: int, n_fits: float = 1.5) -> bool:
        """Whether fits of `p` terms, at the pace of the last one, end in time; half a one more is for all around it."""
        return self.elapsed + n_fits * self.pace * self._rows(p) * p**2 <= self.seconds

    def total_degrees(self, names: tuple[str, ...], *, small: bool = False) -> list[Growth]:
        """For each link the best total degree of few terms, `small` for very few."""
        if names in self.tried and (small or names in self.tried_fully):
            return self.tried[names]
        frame = self.frame(names)
        growths = self._degrees(frame, *self._indices(frame), small)
        self.tried[names] = growths
        if not small:
            self.tried_fully.add(names)
        return growths

    def sums(self, names: tuple[str, ...]) -> list[Growth]:
        """For each link the best sum of functions of one input each."""
        frame = self.frame(names)
        return self._degrees(frame, *_largest("axes", frame.highest, min(SUM_TERMS, self.max_terms)), False)

    def _degrees(self, frame: InputCoordinates, indices: Indices, sizes: Indices, small: bool) -> list[Growth]:
        """For each link the best of the sets of `indices` (p, d) up to a size, `sizes` (p,) being theirs, ascending."""
        m = self.train.y.shape[1]
        growths = [Growth(frame, link, indices[:1], np.zeros((1, m))) for link in self.links]
        degree = int(sizes[-1])
        k = degree if self.degree is not None and self.basis != "auto" else min(degree, 1)
        # One factorization serves all degrees up to its own: a small one first, which is often enough.
        for budget in (SMALL_TERMS,) if small else (SMALL_TERMS, MORE_TERMS, len(indices)):
            top = min(len(indices), int(np.searchsorted(sizes, sizes[min(budget, len(indices)) - 1], side="right")))
            rows = self._rows(top)
            terms = ChebyshevTerms(indices[:top])
            A, held_out = self._weighted(terms.design(frame.Z[:rows])), terms.design(frame.held_out_Z)
            T = self._weighted(np.concatenate([link.t[:rows] for link in self.links], axis=1))
            solve = nested_least_squares(A, T, indices[:top].sum(axis=1))
            while k <= sizes[top - 1]:
                p = int(np.searchsorted(sizes, k, side="right"))
                coefficients = solve(p)
                for i, growth in enumerate(growths):
                    growth.indices, growth.coefficients = indices[:p], coefficients[:, i * m : (i + 1) * m]
                    self.judge(growth, held_out[:, :p])
                k += 1
                while k < degree and np.searchsorted(sizes, k, side="right") < DEGREE_STEP * p:
                    k += 1
                if self.finished and not small:
                    break
            if self.finished or top == len(indices) or all(g.waiting >= DEGREE_PATIENCE for g in growths):
                break
        for growth in growths:
            assert growth.best is not None
            growth.error, growth.indices, growth.coefficients = growth.best
            growth.waiting = 0
        return growths

    def _indices(self, frame: InputCoordinates) -> tuple[Indices, Indices]:
        """The largest set of terms without growth that is allowed, and their sizes."""
        basis = "total" if self.basis == "auto" else self.basis
        first = FIRST_TERMS_FEW_INPUTS if len(frame.highest) <= FEW_INPUTS else FIRST_TERMS
        budget = min(first, self.max_terms) if self.basis == "auto" else self.max_terms
        if self.degree is not None and self.basis != "auto":
            found = index_set(basis, self.degree, frame.highest, budget)
            if found is None:
                raise ValueError(
                    f"degree: expected at most {self.max_terms} terms, half of the rows trained on or max_terms, got "
                    f"more in the {basis} basis of degree {self.degree} and {len(frame.highest)} columns"
                )
            return found
        return _largest(basis, frame.highest, budget)

    # --- growth

    def grow(self, growth: Growth, n_terms: int) -> None:
        """Adds terms up to `n_terms` until it no longer helps."""
        n_terms = min(n_terms, self.max_terms)
        start = time.perf_counter()
        while not (growth.ended or self.finished) and self.has_time_for(len(growth.indices), 3.0):
            residual = self.fit(growth)
            self.judge(growth)
            if growth.waiting >= PATIENCE or len(growth.indices) >= self.max_terms:
                growth.ended = True
            if growth.ended or len(growth.indices) >= n_terms:
                break
            prune(growth, residual)
            room = n_terms - len(growth.indices)
            added = next_terms(growth, residual, min(room, max(8, math.ceil(GROWTH * len(growth.indices)))))
            if len(added) == 0:
                growth.ended = True
            growth.indices = np.concatenate([growth.indices, added])
        growth.seconds += time.perf_counter() - start

    # --- results

    def model(self, growth: Growth) -> Model:
        frame, link = growth.frame, growth.link
        polynomial = Polynomial(
            growth.indices,
            constants_exact(growth),
            inputs=frame.normalization,
            output_exponents=link.inner_exponents,
            signature=self.signature,
            n_threads=self.n_threads,
        )
        return in_coordinates(polynomial, frame, link)

    def run(self) -> None:
        """The whole search."""
        choices = self.frame.alternatives(self.given_inputs)
        given = tuple(choice[0] for choice in choices)
        logarithms = tuple("log" if "log" in choice else choice[0] for choice in choices)
        few = len(choices) <= FEW_INPUTS
        firsts = list(itertools.product(*choices)) if few else list(dict.fromkeys([given, logarithms]))
        if few and self.basis == "auto":
            # All of them: of two that meet the rows to rounding, the simpler goes further beyond.
            for names in firsts:
                self.total_degrees(names, small=True)
                if self.finished and (self._is_simple or self.elapsed >= self.seconds):
                    break
            firsts = sorted(self.tried, key=lambda names: min(growth.error for growth in self.tried[names]))[
                :MOST_FIRST
            ]
        for names in firsts:
            self.total_degrees(names)
            if self.finished or (self.good and (not few or self._is_simple)):
                break
        summed: list[Growth] = []
        if self.basis == "auto" and len(choices) > 1:
            for names in dict.fromkeys([given, logarithms]):
                if not self.good:
                    summed += self.sums(names)
        growths = [] if self.good else [*self.mix(choices), *sorted(summed, key=_held_out_error)[:MOST_SUMS]]
        for n_terms, survivors in ROUNDS if self.basis == "auto" else ():
            for growth in growths:
                self.grow(growth, n_terms)
                if self.good:
                    break
            if self.good:
                break
            growths = sorted(growths, key=_held_out_error)[:survivors]
        if self.basis == "auto":
            self.polish()

    @property
    def _is_simple(self) -> bool:
        return self.best is not None and self.best.model.n_params <= SIMPLE_TERMS

    def best_model(self, *, refit: bool) -> Model:
        """What was found; `refit` takes its coefficients from rows held out, too."""
        growth, best = self.best_growth, self.best
        assert growth is not None
        assert best is not None
        if not refit or self.root_weight is not None:
            return best.model
        link = growth.link
        rows = self._rows(len(self.best_indices))
        y = np.concatenate([self.train.y[:rows], self.held_out.y[:rows]])
        t = Transformed.transform_outputs(y, (link.name,) * y.shape[1], link.scales)
        Z = np.concatenate([growth.frame.Z[:rows], growth.frame.held_out_Z[:rows]])
        A = ChebyshevTerms(self.best_indices).design(Z)
        coefficients = least_squares(A, np.ldexp(t, -link.inner_exponents), self.best_indices.sum(axis=1))
        return self.model(Growth(growth.frame, link, self.best_indices, coefficients))

    def mix(self, choices: list[list[str]]) -> list[Growth]:
        """For each link the coordinates, changed one column after the other, in which few terms do best."""
        made: dict[tuple[tuple[str, ...], int], None] = {}
        for i in range(len(self.links)):
            names = min(self.tried, key=lambda names: self.tried[names][i].error)
            made[names, i] = None
            for j in 2 * list(range(len(choices))):
                for name in choices[j]:
                    changed = (*names[:j], name, *names[j + 1 :])
                    if self.good or self.elapsed > MIX_SHARE * self.seconds:
                        break
                    if self.total_degrees(changed)[i].error < 0.95 * self.tried[names][i].error:
                        names = changed
            made[names, i] = None
        return sorted((self.tried[names][i] for names, i in made), key=_held_out_error)

    def polish(self) -> None:
        """Drops terms that are no larger than what is left over, and weighs rows by how steep y is in the link."""
        growth = self.best_growth
        assert growth is not None
        assert growth.best is not None
        m = self.train.y.shape[1]
        t = np.ldexp(growth.link.t, growth.link.inner_exponents)
        plain = self.root_weight
        with np.errstate(all="ignore"):  # a root is infinitely steep at 0
            slopes = np.abs(TRANSFORMS[growth.link.name].inverse_derivative(t)) if m == 1 else np.ones((len(t), 1))
            weights = slopes[:, :1] / np.max(slopes) * (1.0 if plain is None else plain)
        _, indices, coefficients = growth.best
        rows = self._rows(2 * len(indices))
        A = ChebyshevTerms(indices).design(growth.frame.Z[:rows])
        left = rms(growth.link.t[:rows] - A @ coefficients)
        size = np.max(np.abs(coefficients) / left, axis=1)
        for cutoff in (0.0, 0.03, 0.1, 0.3, 1.0, 3.0):
            keep = size > cutoff
            keep[0] |= not keep.any()
            if (cutoff and keep.all()) or not self.has_time_for(int(keep.sum())):
                continue
            self.root_weight = weights if np.isfinite(weights).all() else plain
            trial = Growth(growth.frame, growth.link, indices[keep], coefficients[keep])
            self.fit(trial)
            self.judge(trial)
        self.root_weight = plain


def _largest(basis: str, highest: Sequence[int], budget: int) -> tuple[Indices, Indices]:
    """The largest of the sets of a basis that has `budget` terms at most, and their sizes."""
    return largest_index_set(basis, highest, budget)


def _held_out_error(growth: Growth) -> float:
    return growth.best[0] if growth.best else math.inf
