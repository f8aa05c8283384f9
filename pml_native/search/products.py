"""Finds sums of products of Chebyshev series, one series a variable, in scattered data.

1. Where to start. The logarithm of the size of a product is a sum of functions of one variable, which least squares
   finds whatever the dimension; its dips are where a factor changes sign. Random factors are another start, of one more
   product for what those before leave, and of a few products at once: the best single product is often none of the two
   that y is a sum of, and what is added to it then ends in a local minimum.
2. A few rounds of least squares for one variable's factors after the other (Carroll and Chang 1970), then
   Levenberg-Marquardt for all together, with more and more terms, as long as the held-out rows gain.
3. Another product on what is left over, and all again, as long as that helps.

A is a list of d arrays (K + 1, r) of coefficients; V one of d arrays (n, K + 1) of Chebyshev polynomials at the rows; F
the d arrays (n, r) of the factors' values. A derivative of y by variable j, where it is known, is one more row: that of
its point with V_j' for V_j.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, Samples, rms_of_columns
from ..lapack import solve_with_upper, upper_factor
from ..models import Model, Normalization, Polynomial, Separable
from ..models.chebyshev import chebyshev_derivatives
from ..optimize import LevenbergMarquardt, OptimizeResult, Progress, minimize
from ..options import generator, whole_number_or_none
from ..singular_values import lstsq
from .along import Along, Balance, n_values_along
from .products_objective import SumOfProducts, others, value
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, Found, Rows, searched

MOST_PRODUCTS = 5
# Terms of the series that a start has, and then.
FIRST_TERMS = 12
TERMS = (12, 18, 27, 40, 60, 90)
# Rows for each parameter that a series may have, at least; rows that a fit takes for each, and at least and at most.
ROWS_PER_PARAMETER, ROWS_TAKEN, FEWEST_ROWS, MOST_ROWS = 2, 5, 1200, 8000
# Parameters of which a step takes half a second or so.
MOST_PARAMETERS = 1000
RANDOM_STARTS, ROUNDS = 3, 5
# Sums of up to so many products start from so many sets of random factors as well, of which so many have as many rounds
# again. Of exp(-x0) sin(x1 + x2) / (1 + x2^2), a sum of two products, a set leads to rounding in 55 % of cases, and the
# best of 12 after ten rounds in 19 of 20 tables; by one product after the other 2 of 8 tables did. A sum of three in
# four variables: 20 % of sets.
MOST_AT_ONCE, SETS, SETS_GONE_ON = 3, 12, 4
# Of these, so many are compared with one more product, by their errors at the rows held out, after so many steps.
SETS_COMPARED, COMPARED_STEPS = 3, 15
# Coefficients of a factor, of y in units of its largest: the product of ten such is still finite.
LARGEST = 1e30
# Of the RMS of y: what is smaller counts as this in logarithms, which have no place for 0.
LEAST_SIZE = 1e-3
# A dip of the logarithm so deep is where a factor may change sign; points that factors are looked at.
DIP, N_POINTS = 1.0, 400
# Steps of Levenberg-Marquardt, and the fall of the error below which they end. Its damping is small from the first step
# on: the rounds before leave little that isn't linear.
STEPS, STALLED = 60, 0.999
DAMPING = 1e-8
# Multiply-adds after which a descent is looked at, and charged for: 10 ms.
CHUNK_WORK = 1e8
# More terms, and more products, go on as long as the held-out error falls to this part.
USEFUL, USEFUL_PRODUCT = 0.9, 0.7
# Where errors at all rows are so many times those at the rows held out, a few rows are missed that a fit of some rows
# has not seen, next to a corner: it goes on with all. On Z.007 in x - 1/y and z, one row of 3,400 left 2e-10 of 1e-14.
MISSES = 10.0
# Numbers of terms that may go by without.
PATIENCE = 2
# What a normalization of columns is made of.
PARTS = ("exponent", "shift", "scale")


def fit_separable(
    X: ArrayLike,
    y: ArrayLike,
    *,
    rank: int | None = None,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The sum of products of Chebyshev series, in each variable, with the smallest error on held-out rows.

    X : (n, d).
    y : (n,).
    rank : the number of products, at most; None adds them while they help.
    sample_weight : (n,), weights of the squared errors.
    error : "absolute", or "relative" for errors that count relative to each y, of one output that is 0 nowhere.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    Raises ValueError for data or options that can't be fitted.
    """
    rank = whole_number_or_none(rank, "rank", 1)
    rng = generator(random_state)
    return searched(
        partial(ProductSearch, rng=rng, most=rank or MOST_PRODUCTS),
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


Start = Callable[[], list[Array]]


class Started(NamedTuple):
    """A start after some rounds, and the mean square that it leaves."""

    left: float
    A: list[Array]


@dataclass(frozen=True)
class Table:
    """Rows that factors are fitted to: in each variable z (n,) and its Chebyshev polynomials V (n, K + 1), y (n,) in
    units of a power of two, and the roots of the weights (n,). `has_y` (n,) are those of values, the others of
    derivatives."""

    Z: list[Array]
    V: list[Array]
    y: Array
    root_weight: Array
    has_y: NDArray[np.bool_]

    def some(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Table:
        Z, V = [z[rows] for z in self.Z], [v[rows] for v in self.V]
        return Table(Z, V, self.y[rows], self.root_weight[rows], self.has_y[rows])

    def first(self, n: int) -> Table:
        return self.some(slice(n))

    def factors(self, A: list[Array]) -> list[Array]:
        return [v[:, : len(a)] @ a for v, a in zip(self.V, A, strict=True)]


class ProductSearch:
    """One search in `rows` of one output that varies, for at most so many products."""

    def __init__(self, rows: Rows, *, rng: np.random.Generator, most: int = MOST_PRODUCTS) -> None:
        train, held_out = rows.train, rows.held_out
        rows.require_one_output()
        self.rows, self.rng, self.most = rows, rng, most
        apart = [known.X[known.is_apart] for known in (train.derivatives, held_out.derivatives) if known is not None]
        both = np.concatenate([train.X, held_out.X, *apart])
        self.inputs = [Normalization.of_box(both[:, [j]]) for j in range(rows.n_inputs)]
        self.exponent = int(np.frexp(np.max(np.abs(train.y)))[1])
        along = self._along(train)
        self.balance = None if along is None else Balance.of(along, rms_of_columns(train.y))
        # A column of k different values knows degrees up to k - 1, and more where derivatives along it are known.
        more = [n_values_along(along, j) for j in range(rows.n_inputs)]
        self.highest = [
            min(TERMS[-1], len(np.unique(column)) + known - 1) for column, known in zip(train.X.T, more, strict=True)
        ]
        self.table = self._table(train)
        self.best: Found | None = None
        self.prospect = 0.0

    def steps(self) -> Steps:
        """The whole search."""
        A: list[Array] = []
        error = np.inf
        for rank in range(1, self.most + 1):
            before = error
            A = yield from self._with_another(A, rank)
            A, own = yield from self._grown(A)
            error = min(before, own)
            if self._is_exact or not error < USEFUL_PRODUCT * before:
                break

    @property
    def _is_exact(self) -> bool:
        return self.best is not None and self.best.is_exact

    def _along(self, samples: Samples) -> Along | None:
        """First derivatives along single variables, where they are known."""
        names, d = ("identity",) * len(self.inputs), len(self.inputs)
        whole = Normalization(*(np.concatenate([getattr(one, name) for one in self.inputs]) for name in PARTS))
        along = Along.of(samples.derivatives, names, np.ones(d), whole)
        if along is None:
            return None
        return along.some((along.known.order == 1) & (np.count_nonzero(along.directions, axis=1) == 1))

    def _table(self, samples: Samples) -> Table:
        """The first of the rows, as many as are of use, each with the derivatives known there after it."""
        n = math.ceil(MOST_ROWS / self.rows.per_row)
        X, y = samples.X[:n], np.ldexp(samples.y[:n, 0], -self.exponent)
        weight = None if samples.sample_weight is None else samples.sample_weight[:n]
        Z = [one.apply(X[:, [j]])[:, 0] for j, one in enumerate(self.inputs)]
        V = [np.asarray(chebvander(z, top), np.float64) for z, top in zip(Z, self.highest, strict=True)]
        values = Table(Z, V, y, np.ones(len(y)) if weight is None else np.sqrt(weight), np.ones(len(y), dtype=bool))
        along = self._along(samples)
        along = None if along is None else along.some(along.known.rows < n)
        return values if along is None or self.balance is None else self._with_derivatives(values, along, self.balance)

    def _with_derivatives(self, values: Table, along: Along, balance: Balance) -> Table:
        factor, rows = balance.at(along)[:, 0], along.known.rows
        axis = np.argmax(np.abs(along.directions), axis=1)
        V = []
        for j, (z, top) in enumerate(zip(along.Z.T, self.highest, strict=True)):
            by_z = chebyshev_derivatives(z, top)[0].T * (along.directions[:, [j]] * factor[:, None])
            V.append(np.where((axis == j)[:, None], by_z, chebvander(z, top)))
        y = np.ldexp(along.values[:, 0] * factor, -self.exponent)
        root_weight = np.where(rows < 0, np.sqrt(np.mean(values.root_weight**2)), values.root_weight[rows])
        order = np.argsort(np.concatenate([np.arange(len(values.y)), rows]), kind="stable")
        both = Table(
            [np.concatenate(pair) for pair in zip(values.Z, along.Z.T, strict=True)],
            [np.concatenate(pair) for pair in zip(values.V, V, strict=True)],
            np.concatenate([values.y, y]),
            np.concatenate([values.root_weight, root_weight]),
            np.concatenate([values.has_y, np.zeros(len(y), dtype=bool)]),
        )
        return both.some(order)

    def _rows(self, n_params: int) -> int:
        return min(len(self.table.y), max(FEWEST_ROWS, ROWS_TAKEN * n_params))

    # --- starts

    def _with_another(self, A: list[Array], rank: int) -> Part[list[Array]]:
        """A with another product, or as many products anew: of several starts the one that leaves least, after some
        rounds."""
        n_values = int(np.count_nonzero(self.table.has_y))  # of which logarithms are taken
        terms = min(FIRST_TERMS, self._most_terms(rank))
        if n_values < len(self.table.y):
            terms = min(terms, max(1, n_values // (ROWS_PER_PARAMETER * len(self.highest)) - 1))
        n = self._rows(rank * len(self.highest) * (terms + 1))
        table = self.table.first(n)
        left = table.y - value(table.factors(A)) if A else table.y
        has_y = table.has_y
        starts: list[Start] = [partial(self._from_logarithms, table.some(has_y), left[has_y], terms)]
        starts += [partial(list, self._drawn(terms, 1)) for _ in range(RANDOM_STARTS)]
        d = len(self.highest)
        work = self._rounds_work(n, terms, 1) + n * (2.0 * d * terms) ** 2
        tried = yield [Step(work, partial(_started, table, left, start)) for start in starts]
        best: Started = min(tried, key=_left)
        if not A:
            return best.A
        added = [
            np.concatenate([_padded(a, len(b)), _padded(b, len(a))], axis=1) for a, b in zip(A, best.A, strict=True)
        ]
        if rank > MOST_AT_ONCE:
            return added
        work = self._rounds_work(n, terms, rank)
        starts = [partial(list, self._drawn(terms, rank)) for _ in range(SETS)]
        heat = yield [Step(work, partial(_started, table, table.y, start)) for start in starts]
        starts = [partial(list, one.A) for one in sorted(heat, key=_left)[:SETS_GONE_ON]]
        heat = yield [Step(work, partial(_started, table, table.y, start)) for start in starts]
        # What leaves least after some rounds may be two products that nearly cancel, and are wild where rows are few.
        tried = [added, *(one.A for one in sorted(heat, key=_left)[:SETS_COMPARED])]
        descents = [Descent.of(table, A, most=COMPARED_STEPS) for A in tried]
        while going := [i for i, one in enumerate(descents) if not one.ended]:
            for i, one in zip(going, (yield [descents[i].step() for i in going]), strict=True):
                descents[i] = one
        work = float(self.rows.n_held_out * len(descents[0].params))
        errors = yield [Step(work + 10.0 * CALL, partial(self._error, one.coefficients)) for one in descents]
        return descents[int(np.argmin(errors))].coefficients

    def _error(self, A: list[Array], worker: Worker) -> float:
        return self.rows.held_out_rmse(self._model(A).evaluate(self.rows.held_out.X))

    def _drawn(self, terms: int, rank: int) -> list[Array]:
        return [self.rng.standard_normal((min(terms, top) + 1, rank)) for top in self.highest]

    def _rounds_work(self, n: int, terms: int, rank: int) -> float:
        d = len(self.highest)
        return ROUNDS * d * (n * (rank * (terms + 1.0)) ** 2 + d * n * rank * terms + 10.0 * CALL)

    def _from_logarithms(self, table: Table, y: Array, terms: int) -> list[Array]:
        """|y| as a product, by its logarithm, with the signs that go best with y."""
        size = np.sqrt(np.mean(y**2))
        t = np.log(np.maximum(np.abs(y), LEAST_SIZE * size)) if size > 0 else np.zeros_like(y)
        # Dips are narrow: more terms than the start will have.
        finer = [min(2 * terms, top) for top in self.highest]
        design = np.concatenate(
            [np.ones((len(y), 1)), *(v[:, 1 : k + 1] for v, k in zip(table.V, finer, strict=True))], axis=1
        )
        coefficients = lstsq(design, t, rcond=None)[0]
        points = np.linspace(-1.0, 1.0, N_POINTS)
        sizes, dips, used = [], [], 1
        for k in finer:
            log_size = chebvander(points, k)[:, 1:] @ coefficients[used : used + k]
            used += k
            sizes.append(np.exp(log_size - log_size.max()))
            dips.append(points[_dips(log_size)])
        F = [np.interp(z, points, size) for z, size in zip(table.Z, sizes, strict=True)]
        signed = _with_signs(table.Z, y, F, dips)
        start: list[Any] = []
        for v, f, top in zip(table.V, signed, self.highest, strict=True):
            start.append(lstsq(v[:, : min(terms, top) + 1], f, rcond=None)[0][:, None])
        return start

    # --- more terms

    def _most_terms(self, rank: int) -> int:
        values = min(len(self.table.y) // ROWS_PER_PARAMETER, MOST_PARAMETERS)
        return max(1, values // (rank * len(self.highest)) - 1)

    def _grown(self, A: list[Array]) -> Part[tuple[list[Array], float]]:
        """A with as many terms as help, all fitted together, and its error."""
        rank = A[0].shape[1]
        own_best, own_error, waiting = A, np.inf, 0
        first = max(len(a) for a in A) - 1
        for terms in (first, *(more for more in TERMS if more > first)):
            if terms > first and (terms > self._most_terms(rank) or self._is_exact):
                break
            A = [_padded(a, min(terms, top) + 1) for a, top in zip(A, self.highest, strict=True)]
            n_params = sum(a.size for a in A)
            n = self._rows(n_params)
            descent = Descent.of(self.table.first(n), A)
            while not descent.ended:
                [descent] = yield [descent.step()]
            A = descent.coefficients
            [found] = yield [Step(n * n_params + 20.0 * CALL, partial(self._found, A))]
            yield from self._offered(found)  # before what may take ten times as long
            if found.train_rmse > MISSES * found.errors.rmse and n < len(self.table.y):
                descent = Descent.of(self.table, A)
                while not descent.ended:
                    [descent] = yield [descent.step()]
                [again] = yield [Step(n * n_params + 20.0 * CALL, partial(self._found, descent.coefficients))]
                if again.error < found.error:
                    A, found = descent.coefficients, again
                    yield from self._offered(found)
            waiting = 0 if found.error < USEFUL * own_error else waiting + 1
            if found.error < own_error:
                own_best, own_error = A, found.error
            if waiting >= PATIENCE:
                break
        return own_best, own_error

    def _offered(self, found: Found) -> Steps:
        if self.best is None or found.score < self.best.score:
            self.best = found
            yield found

    def _found(self, A: list[Array], worker: Worker) -> Found:
        model = self._model(A)
        products = "a product" if model.rank == 1 else f"a sum of {model.rank} products"
        description = f"{products} of series of {max(len(a) for a in A)} terms"
        return self.rows.found(
            model,
            "separable",
            description,
            status="best sum of products",
            refit=partial(self._refit, A),
            nearby_work=STEPS * min(self.rows.n_equations, MOST_ROWS) * float(model.n_params) ** 2,
            refit_rows=MOST_ROWS,
            uses_derivatives=True,
        )

    def _refit(self, A: list[Array], samples: Samples) -> Model:
        """The same, gone on from there with all `samples`, or as many as are of use."""
        n = min(len(samples.X), math.ceil(MOST_ROWS / self.rows.per_row))
        chosen = np.linspace(0, len(samples.X) - 1, n).astype(np.intp)
        descent = Descent.of(self._table(samples.take(chosen)), A)
        while not descent.ended:
            descent = descent.gone_on(None)
        return self._model(descent.coefficients)

    def _model(self, A: list[Array]) -> Separable:
        parts = []
        for j, a in enumerate(A):
            exponents = np.full(a.shape[1], self.exponent if j == 0 else 0, dtype=np.intc)
            indices = np.arange(len(a))[:, None]
            parts.append(Polynomial(indices, a, inputs=self.inputs[j], output_exponents=exponents, n_threads=1))
        model = Separable(parts, self.rows.signature)
        model.use_threads(1)
        return model


@dataclass(frozen=True)
class Descent:
    """Levenberg-Marquardt on all coefficients on its way; damping settles how scales are shared between factors."""

    objective: SumOfProducts
    params: Array
    result: OptimizeResult | None = None
    loss: float = np.inf
    n_steps: int = 0
    ended: bool = False
    most: int = STEPS

    @classmethod
    def of(cls, table: Table, A: list[Array], most: int = STEPS) -> Descent:
        V = [v[:, : len(a)] for v, a in zip(table.V, A, strict=True)]
        objective = SumOfProducts(V, A[0].shape[1], table.y, table.root_weight)
        return cls(objective, objective.params(A), most=most)

    @property
    def coefficients(self) -> list[Array]:
        return self.objective.coefficients(self.params)

    def step(self) -> Step:
        """So many steps of it as CHUNK_WORK allows, one at least."""
        n, p = len(self.objective.y), len(self.params)
        one = n * p**2 + 4.0 * n * p + p**3 / 3.0 + 30.0 * CALL
        return Step(max(one, min(CHUNK_WORK, self.most * one)), self.gone_on)

    def gone_on(self, worker: Worker | None) -> Descent:
        n, p = len(self.objective.y), len(self.params)
        one = n * p**2 + 4.0 * n * p + p**3 / 3.0 + 30.0 * CALL
        most = min(self.most - self.n_steps, max(1, int(CHUNK_WORK / one)))
        before, stalled = self.loss, False

        def ends(progress: Progress) -> bool:
            nonlocal before, stalled
            if progress.step == 0 and self.result is not None:
                return False  # it is the last one of the chunk before
            stalled, before = progress.loss > STALLED**2 * before, progress.loss
            return stalled or (worker is not None and worker.should_stop())

        optimizer = LevenbergMarquardt(acceleration=False, bold=False, first_damping=DAMPING)
        result = minimize(self.objective, self.params, optimizer, max_steps=most, callback=ends, resume=self.result)
        n_steps = self.n_steps + result.n_steps
        ended = stalled or n_steps >= self.most or result.n_steps < most
        return Descent(self.objective, result.params, result, before, n_steps, ended, self.most)


def _left(one: Started) -> float:
    return one.left


def _started(table: Table, y: Array, start: Start, worker: Worker) -> Started:
    """The start for y (n,) after some rounds."""
    A = start()
    for _ in range(ROUNDS):
        A = _round(table, y, A)
    return Started(float(np.mean((table.root_weight * (y - value(table.factors(A)))) ** 2)), A)


def _round(table: Table, y: Array, A: list[Array]) -> list[Array]:
    """Least squares for the factors of one variable after the other."""
    A = list(A)
    for j, a in enumerate(A):
        B = others(table.factors(A), j)
        D = (table.root_weight[:, None, None] * B[:, :, None] * table.V[j][:, None, : len(a)]).reshape(len(y), -1)
        G = D.T @ D
        G[np.diag_indices_from(G)] += 1e-12 * np.trace(G)
        solution = _solved(G, D.T @ (table.root_weight * y))
        # Where nothing is left to fit, factors go to 0 and infinity: squares of their coefficients would be there.
        if solution is not None and 1.0 / LARGEST < np.max(np.abs(solution)) < LARGEST:
            A[j] = solution.reshape(a.shape[1], len(a)).T
    norms = [np.sqrt(np.sum(a**2, axis=0)) for a in A]
    mean = np.prod(norms, axis=0) ** (1.0 / len(A))
    return [a / np.where(norm > 0, norm, 1.0) * mean for a, norm in zip(A, norms, strict=True)]


def _with_signs(Z: list[Array], y: Array, F: list[Array], dips: list[Array]) -> list[Array]:
    """The factors F (n,), changing signs at each of the dips at which that brings their product nearer to y."""
    turns = [(j, np.where(Z[j] < dip, -1.0, 1.0)) for j, own in enumerate(dips) for dip in own]
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


def _padded(a: Array, n: int) -> Array:
    return np.concatenate([a, np.zeros((max(0, n - len(a)), a.shape[1]))])


def _solved(G: Array, g: Array) -> Array | None:
    """The solution for a symmetric positive definite G; None where it isn't one to rounding."""
    factor = upper_factor(G)
    solution = None if factor is None else solve_with_upper(factor, g)
    return solution if solution is not None and np.isfinite(solution).all() else None


def _dips(values: Array) -> Array:
    """Places of minima within, deeper than what lies on either side by DIP."""
    inner = np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] <= values[2:])) + 1
    return np.array([i for i in inner if values[i] < min(values[:i].max(), values[i:].max()) - DIP], dtype=np.intp)
