"""Finds sums of products of Chebyshev series, one series a variable, in scattered data.

1. Where to start. The logarithm of the size of a product is a sum of functions of one variable, which least squares
   finds whatever the dimension; its dips are where a factor changes sign. Random factors are another start, for sums of
   products, in few dimensions.
2. A few rounds of least squares for one variable's factors after the other (Carroll and Chang 1970), then
   Levenberg-Marquardt for all together, with more and more terms, as long as the held-out rows gain.
3. Another product on what is left over, and all again, as long as that helps.

A is a list of d arrays (K + 1, r) of coefficients; V one of d arrays (n, K + 1) of Chebyshev polynomials at the rows; F
the d arrays (n, r) of the factors' values.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import ArrayLike
from scipy.linalg import lapack

from ..arrays import Array, Samples, as_samples
from ..hold_out import split
from ..models.model import Model, Signature
from ..models.normalization import Normalization
from ..models.polynomial import Polynomial
from ..models.separable import Separable
from ..optimize import LevenbergMarquardt, Progress, minimize
from ..report import Errors
from .coordinates import Found
from .products_objective import SumOfProducts, others, value

MOST_PRODUCTS = 5
# Terms of the series that a start has, and then.
FIRST_TERMS = 12
TERMS = (12, 18, 27, 40, 60, 90)
# Rows for each parameter, at least, and rows that are taken, at most.
ROWS_PER_PARAMETER, MOST_ROWS = 2, 8000
# Parameters of which a step takes half a second or so.
MOST_PARAMETERS = 1000
RANDOM_STARTS, ROUNDS = 3, 5
# Of the RMS of y: what is smaller counts as this in logarithms, which have no place for 0.
LEAST_SIZE = 1e-3
# A dip of the logarithm so deep is where a factor may change sign; points that factors are looked at.
DIP, N_POINTS = 1.0, 400
# Steps of Levenberg-Marquardt, and the fall of the error below which they end. Its damping is small from the first step
# on: the rounds before leave little that isn't linear.
STEPS, STALLED = 60, 0.999
DAMPING = 1e-8
# More terms, and more products, go on as long as the held-out error falls to this part.
USEFUL, USEFUL_PRODUCT = 0.9, 0.7
# Numbers of terms that may go by without.
PATIENCE = 2
# Relative errors that more terms can't lower, and those that are rounding in the main, which another product would fit.
ENOUGH, NEAR_ROUNDING = 2e-16, 1e-14


def fit_separable(
    X: ArrayLike,
    y: ArrayLike,
    *,
    rank: int | None = None,
    sample_weight: ArrayLike | None = None,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    time_limit: float = 10.0,
    random_state: int | np.random.Generator | None = 0,
) -> Model:
    """The sum of products of Chebyshev series, in each variable, with the smallest error on held-out rows.

    X : (n, d).
    y : (n,).
    rank : the number of products, at most; None adds them while they help.
    sample_weight : (n,), weights of the squared errors.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    time_limit : seconds.

    Raises ValueError for data or options that can't be fitted.
    """
    if rank is not None and rank < 1:
        raise ValueError(f"rank: expected an integer >= 1 or None, got {rank}")
    rng = np.random.default_rng(random_state)
    samples = as_samples(X, y, sample_weight)
    if samples.y.shape[1] != 1:
        raise ValueError(f"y: expected one output, got {samples.y.shape[1]}; fit them one by one")
    train, held_out = split(samples, validation, rng)
    search = ProductSearch(train, held_out, rng=rng, seconds=time_limit, most=rank or MOST_PRODUCTS)
    search.run()
    return search.best_model(refit=not isinstance(validation, tuple))


class ProductSearch:
    """One search, for a y (n, 1) that varies; `offer` gets every improvement on the held-out rows."""

    def __init__(
        self,
        train: Samples,
        held_out: Samples,
        *,
        rng: np.random.Generator,
        seconds: float,
        most: int = MOST_PRODUCTS,
        should_stop: Callable[[], bool] = lambda: False,
        offer: Callable[[Found], None] = lambda found: None,
    ) -> None:
        if not np.ptp(train.y) > 0:
            raise ValueError("y: expected values that vary, got one value only")
        self.start = time.perf_counter()
        self.rng, self.end, self.most = rng, self.start + seconds, most
        self.should_stop, self.offer = should_stop, offer
        self.train, self.held_out, self.signature = train, held_out, Signature.of(train)
        rows = np.concatenate([train.X, held_out.X])
        self.inputs = [Normalization.of_box(rows[:, [j]]) for j in range(rows.shape[1])]
        self.exponent = int(np.frexp(np.max(np.abs(train.y)))[1])
        # A column of k different values knows degrees up to k - 1.
        self.highest = [min(TERMS[-1], len(np.unique(column)) - 1) for column in train.X.T]
        self._take(train.X, train.y, train.sample_weight)
        self.best: Found | None = None
        self.best_coefficients: list[Array] = []
        self.error = np.inf

    def _take(self, X: Array, y: Array, weight: Array | None) -> None:
        """Makes these the rows that are fitted, or as many of them as are of use."""
        some = np.sort(self.rng.permutation(len(X))[:MOST_ROWS])
        self.y = np.ldexp(y[some, 0], -self.exponent)
        self.root_weight = np.ones(len(some)) if weight is None else np.sqrt(weight[some])
        self.Z = np.concatenate([one.apply(X[some][:, [j]]) for j, one in enumerate(self.inputs)], axis=1)
        self.V = [chebvander(z, top) for z, top in zip(self.Z.T, self.highest, strict=True)]

    def run(self) -> None:
        """The whole search."""
        A: list[Array] = []
        for rank in range(1, self.most + 1):
            before = self.error
            A = self.grown(self.with_another(A, rank))
            if self.finished or self.error <= NEAR_ROUNDING or not self.error < USEFUL_PRODUCT * before:
                break

    def best_model(self, *, refit: bool) -> Model:
        """What was found; `refit` goes on from there with all rows, those held out, too."""
        assert self.best is not None
        if not refit or self.train.sample_weight is not None:
            return self.best.model
        self._take(
            np.concatenate([self.train.X, self.held_out.X]), np.concatenate([self.train.y, self.held_out.y]), None
        )
        return self.model(self._descended(self.best_coefficients))

    @property
    def finished(self) -> bool:
        return self.best is not None and (time.perf_counter() >= self.end or self.error <= ENOUGH or self.should_stop())

    def factors(self, A: list[Array]) -> list[Array]:
        return [v[:, : len(a)] @ a for v, a in zip(self.V, A, strict=True)]

    # --- starts

    def with_another(self, A: list[Array], rank: int) -> list[Array]:
        """A with another product: of several starts the one that leaves least, after some rounds."""
        left = self.y - value(self.factors(A)) if A else self.y
        terms = min(FIRST_TERMS, self._most_terms(rank))
        starts = [self._from_logarithms(left, terms)]
        starts += [
            [self.rng.standard_normal((min(terms, top) + 1, 1)) for top in self.highest] for _ in range(RANDOM_STARTS)
        ]
        tried = []
        for start in starts:
            one = self._rounds(left, start)
            tried.append((float(np.mean((left - value(self.factors(one))) ** 2)), one))
            if self.finished:
                break
        _, one = min(tried, key=lambda pair: pair[0])
        if not A:
            return one
        return [np.concatenate([_padded(a, len(b)), _padded(b, len(a))], axis=1) for a, b in zip(A, one, strict=True)]

    def _from_logarithms(self, y: Array, terms: int) -> list[Array]:
        """|y| as a product, by its logarithm, with the signs that go best with y."""
        size = np.sqrt(np.mean(y**2))
        t = np.log(np.maximum(np.abs(y), LEAST_SIZE * size)) if size > 0 else np.zeros_like(y)
        # Dips are narrow: more terms than the start will have.
        finer = [min(2 * terms, top) for top in self.highest]
        design = np.concatenate(
            [np.ones((len(y), 1)), *(v[:, 1 : k + 1] for v, k in zip(self.V, finer, strict=True))], axis=1
        )
        coefficients = np.linalg.lstsq(design, t, rcond=None)[0]
        points = np.linspace(-1.0, 1.0, N_POINTS)
        sizes, dips, used = [], [], 1
        for k in finer:
            log_size = chebvander(points, k)[:, 1:] @ coefficients[used : used + k]
            used += k
            sizes.append(np.exp(log_size - log_size.max()))
            dips.append(points[_dips(log_size)])
        F = [np.interp(z, points, size) for z, size in zip(self.Z.T, sizes, strict=True)]
        signed = self._with_signs(y, F, dips)
        start: list[Any] = []
        for v, f, top in zip(self.V, signed, self.highest, strict=True):
            start.append(np.linalg.lstsq(v[:, : min(terms, top) + 1], f, rcond=None)[0][:, None])
        return start

    def _with_signs(self, y: Array, F: list[Array], dips: list[Array]) -> list[Array]:
        """The factors F (n,), changing signs at each of the dips at which that brings their product nearer to y."""
        turns = [(j, np.where(self.Z[:, j] < dip, -1.0, 1.0)) for j, own in enumerate(dips) for dip in own]
        signs = [np.ones(len(y)) for _ in F]
        for j, turn in turns:
            signs[j] = signs[j] * turn

        def agreement() -> float:
            return abs(float(y @ np.prod([f * s for f, s in zip(F, signs, strict=True)], axis=0)))

        best, improved = agreement(), True
        while improved:
            improved = False
            for j, turn in turns:
                signs[j] = signs[j] * turn
                now = agreement()
                if now > (1.0 + 1e-9) * best:
                    best, improved = now, True
                else:
                    signs[j] = signs[j] * turn
        return [f * s for f, s in zip(F, signs, strict=True)]

    def _rounds(self, y: Array, A: list[Array]) -> list[Array]:
        """Least squares for the factors of one variable after the other."""
        for _ in range(ROUNDS):
            for j, a in enumerate(A):
                B = others(self.factors(A), j)
                D = (self.root_weight[:, None, None] * B[:, :, None] * self.V[j][:, None, : len(a)]).reshape(len(y), -1)
                G = D.T @ D
                G[np.diag_indices_from(G)] += 1e-12 * np.trace(G)
                solution = _solved(G, D.T @ (self.root_weight * y))
                if solution is not None:
                    A[j] = solution.reshape(a.shape[1], len(a)).T
            norms = [np.sqrt(np.sum(a**2, axis=0)) for a in A]
            mean = np.prod(norms, axis=0) ** (1.0 / len(A))
            A = [a / np.where(norm > 0, norm, 1.0) * mean for a, norm in zip(A, norms, strict=True)]
        return A

    # --- more terms

    def _most_terms(self, rank: int) -> int:
        return max(1, min(len(self.y) // ROWS_PER_PARAMETER, MOST_PARAMETERS) // (rank * len(self.V)) - 1)

    def grown(self, A: list[Array]) -> list[Array]:
        """A with as many terms as help, all fitted together."""
        rank = A[0].shape[1]
        own_best, own_error, waiting = A, np.inf, 0
        first = max(len(a) for a in A) - 1
        for terms in (first, *(more for more in TERMS if more > first)):
            if terms > first and (terms > self._most_terms(rank) or self.finished):
                break
            A = self._descended([_padded(a, min(terms, top) + 1) for a, top in zip(A, self.highest, strict=True)])
            error = self._judged(A)
            waiting = 0 if error < USEFUL * own_error else waiting + 1
            if error < own_error:
                own_best, own_error = A, error
            if waiting >= PATIENCE:
                break
        return own_best

    def _descended(self, A: list[Array]) -> list[Array]:
        """Levenberg-Marquardt on all coefficients; damping settles how scales are shared between factors."""
        V = [v[:, : len(a)] for v, a in zip(self.V, A, strict=True)]
        objective = SumOfProducts(V, A[0].shape[1], self.y, self.root_weight)
        before = np.inf

        def ends(progress: Progress) -> bool:
            nonlocal before
            stalled, before = progress.loss > STALLED**2 * before, progress.loss
            return stalled or self.should_stop()

        result = minimize(
            objective,
            objective.params(A),
            LevenbergMarquardt(acceleration=False, bold=False, first_damping=DAMPING),
            max_steps=STEPS,
            max_seconds=max(0.0, self.end - time.perf_counter()),
            callback=ends,
        )
        return objective.coefficients(result.params)

    def _judged(self, A: list[Array]) -> float:
        """The held-out error, and an offer if it is the least so far."""
        model = self.model(A)
        errors = Errors.of(model.evaluate(self.held_out.X), self.held_out.y, self.held_out.sample_weight)
        if self.best is None or errors.rmse < self.error:
            terms = max(len(a) for a in A)
            products = "a product" if model.rank == 1 else f"a sum of {model.rank} products"
            seconds = time.perf_counter() - self.start
            self.best = Found(model, errors, f"{products} of series of {terms} terms", "", seconds)
            self.best_coefficients, self.error = A, errors.rmse
            self.offer(self.best)
        return errors.rmse

    def model(self, A: list[Array]) -> Separable:
        parts = []
        for j, a in enumerate(A):
            exponents = np.full(a.shape[1], self.exponent if j == 0 else 0, dtype=np.intc)
            indices = np.arange(len(a))[:, None]
            parts.append(Polynomial(indices, a, inputs=self.inputs[j], output_exponents=exponents))
        return Separable(parts, self.signature)


def _padded(a: Array, n: int) -> Array:
    return np.concatenate([a, np.zeros((max(0, n - len(a)), a.shape[1]))])


def _solved(G: Array, g: Array) -> Array | None:
    """The solution for a symmetric positive definite G; None where it isn't one to rounding."""
    _, solution, info = lapack.dposv(G, g)
    return solution if info == 0 and np.isfinite(solution).all() else None


def _dips(values: Array) -> Array:
    """Places of minima within, deeper than what lies on either side by DIP."""
    inner = np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] <= values[2:])) + 1
    return np.array([i for i in inner if values[i] < min(values[:i].max(), values[i:].max()) - DIP], dtype=np.intp)
