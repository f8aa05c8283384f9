"""Finds polynomials that meet rows and a linear differential equation, which a nearly exact model has shown.

    sum_k c_k x^m_k D^a_k y = 0,     derivatives D^a of order 2 at most, numbers c_k of few digits
Rows say little of corners that none is near; there a quotient that is right to 1e-14 at all rows is off by 1e-6. Where
y satisfies such an equation, as the incomplete gamma function x y'' + (x + 1 - a) y' = 0, harmonic functions, and what
diffuses, that equation holds in the corners too, and each point gives one more row of least squares.

1. y, its gradient and second derivatives, by the model, at rows away from the faces, times monomials, are the columns
   of a matrix whose null space has all equations. In echelon form its numbers are fractions, if there is an equation;
   smooth functions give matrices that are nearly singular, too, but not so.
2. Terms in coordinates and a shape that few of them like best, then more and more terms.

Sources: Lanczos (1938) for series that meet an equation; Zeilberger (1990) for functions that have such.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples
from ..models import Model, Polynomial
from ..models.chebyshev import Indices, chebyshev_derivatives, chebyshev_table
from ..models.transformed import INPUT_SLOPES, Transformed
from ..singular_values import svd
from .coordinates import InputCoordinates, InputFrames, in_coordinates, in_words, links
from .least_squares import nested_least_squares
from .rational import Shape
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, EPS, Found, Rows, extrapolated

# Rows that equations are read off, and the inner part of the box that they are in: a model's derivatives are least
# exact near its faces.
MOST_ROWS, INNER_SHARE = 1500, 0.9
# Degrees of the monomials, and the most inputs of which all second derivatives are looked at.
MOST_DEGREE, MOST_INPUTS = 2, 3
# Of columns of length 1, singular values below the first, over the largest, may be 0, if the next is so many times as
# large. Those of the incomplete gamma function, from a model of 1e-12, are 1e-10 and 1e-3.
NULL, GAP = 1e-6, 30.0
# Numbers of an equation are fractions of so small a denominator, to so many times what the next singular value leaves
# open, but no more than the second; what is smaller is 0. The fractions must then leave no more than so many times what
# the vector does.
DENOMINATOR, OPEN, NEAR, NO_WORSE = 12, 5.0, 0.03, 10.0
# Points at which the equation is to hold, for each term. Its rows are as long as those of values: shorter by 100 or
# longer, the incomplete gamma function came to 1e-12 all the same.
POINTS_A_TERM, FEWEST_POINTS, ON_A_FACE = 2.0, 300, 0.3
# Terms by which coordinates and shapes are compared, those that go on, and so many times more at each step.
FIRST_TERMS, MOST_SHAPED, GROWTH = 150, 2, 1.6
USEFUL, PATIENCE, HOPELESS = 0.8, 2, 1e3
# The ridge doubles with each degree, up to here: beyond, it would weigh on what 70 degrees carry.
MOST_DOUBLINGS = 30
# Errors that more terms don't lower.
DONE = 4.0 * EPS

# The end of what makes such polynomials.
BY_EQUATION = "terms that meet an equation"
COORDINATES = ("identity", "root", "log")


@dataclass(frozen=True)
class Relation:
    """sum_k c_k x^m_k D^a_k y = 0: `powers` m (K, d), `orders` a (K, d), `numbers` c (K,)."""

    powers: Indices
    orders: Indices
    numbers: Array

    def described(self, names: Sequence[str]) -> str:
        words = []
        for m, a, c in zip(self.powers.tolist(), self.orders.tolist(), self.numbers.tolist(), strict=True):
            factors = [f"{abs(c):.6g}"] if abs(c) != 1.0 else []
            factors += [name if k == 1 else f"{name}^{k}" for name, k in zip(names, m, strict=True) if k]
            by = [name for name, k in zip(names, a, strict=True) for _ in range(k)]
            words += ["-" if c < 0.0 else "+", *factors, f"y_{' '.join(by)}" if by else "y"]
        return " ".join([*words, "= 0"]).removeprefix("+ ")


def monomials_of(d: int, degree: int) -> Indices:
    """The powers (K, d) of all monomials up to a total degree, ascending."""
    every = [one for one in itertools.product(range(degree + 1), repeat=d) if sum(one) <= degree]
    return np.array(sorted(every, key=sum), dtype=np.intp)


def relations_of(model: Model, X: Array) -> list[Relation]:
    """The equations of the lowest degree that derivatives of `model` satisfy at `X` (n, d), if there are any."""
    d = X.shape[1]
    with np.errstate(all="ignore"):
        y, slopes, bends = model.evaluate(X), model.evaluate_gradient(X)[:, 0], model.evaluate_hessian(X)[:, 0]
    pairs = [(i, j) for i in range(d) for j in range(i, d)]
    unit = np.eye(d, dtype=np.intp)
    orders = np.array([0 * unit[0], *unit, *(unit[i] + unit[j] for i, j in pairs)])
    derivatives = np.column_stack([y[:, 0], slopes, *(bends[:, i, j] for i, j in pairs)])
    known = np.isfinite(derivatives).all(axis=1)
    X, derivatives = X[known], derivatives[known]
    for degree in range(MOST_DEGREE + 1):
        powers = monomials_of(d, degree)
        if len(X) < 3 * len(powers) * len(orders):
            break
        m, a = (one.ravel() for one in np.meshgrid(np.arange(len(powers)), np.arange(len(orders)), indexing="ij"))
        columns = np.prod(X[:, None, :] ** powers, axis=2)[:, m] * derivatives[:, a]
        found = []
        for used, c in _null_vectors(columns):
            first = np.argsort(-orders[a[used]].sum(axis=1), kind="stable")  # derivatives of the highest order
            used, c = used[first], c[first] / c[first[0]]
            if orders[a[used[0]]].any():
                found.append(Relation(powers[m[used]], orders[a[used]], c))
        if found:
            return found
    return []


def _null_vectors(columns: Array) -> list[tuple[NDArray[np.intp], Array]]:
    """Which of the columns (n, K) sum up to 0 with which numbers, fractions, of each vector of an echelon form."""
    sizes = np.linalg.norm(columns, axis=0)
    if not np.isfinite(sizes).all() or not sizes.all():
        return []
    _, s, Vt = svd(columns / sizes, full_matrices=False)
    n_null = int(np.count_nonzero(s < NULL * s[0]))
    while n_null and s[-n_null] * GAP > s[-n_null - 1]:
        n_null -= 1
    basis = Vt[len(s) - n_null :].copy()
    for i in range(n_null):
        # Pivots are the largest left, each in a column of its own, where all other vectors become 0.
        row, pivot = divmod(int(np.argmax(np.abs(basis[i:]))), basis.shape[1])
        basis[[i, i + row]] = basis[[i + row, i]]
        basis[i] /= basis[i, pivot]
        for other in range(n_null):
            if other != i:
                basis[other] -= basis[other, pivot] * basis[i]
    if not n_null:
        return []
    left = max(float(s[-n_null]), EPS * len(columns) * s[0])
    near = min(NEAR, OPEN * left / float(s[-n_null - 1])) if n_null < len(s) else 0.0
    found = []
    for vector in basis:
        used = np.flatnonzero(np.abs(vector) > near * np.max(np.abs(vector)))
        c = vector[used] / sizes[used]
        c = c / c[-1]
        fractions = np.array([float(Fraction(float(one)).limit_denominator(DENOMINATOR)) for one in c])
        sum_of_all = np.linalg.norm(columns[:, used] @ fractions) / np.linalg.norm(fractions * sizes[used])
        is_near = np.all(np.abs(fractions - c) <= near * np.abs(c))
        if len(used) > 1 and is_near and sum_of_all <= NO_WORSE * left:
            found.append((used, fractions))
    return found


@dataclass(frozen=True, eq=False)
class Contender:
    """Coordinates and a shape, with the error on the rows held out of so many terms in them."""

    frame: InputCoordinates
    shape: Shape
    error: float = math.inf
    indices: Indices | None = None
    coefficients: Array | None = None


class DifferentialSearch:
    """Offers polynomials that meet an equation in `rows` of one output, which `model`, nearly exact, shows."""

    prospect = 0.0

    def __init__(self, rows: Rows, model: Model, error: float, rng: np.random.Generator) -> None:
        rows.require_one_output()
        self.rows, self.model, self.error = rows, model, error
        self.frames = InputFrames(rows.train.X, rows.held_out.X, rows.corners, None)
        [self.link] = links(rows.train.y, rows.held_out.y, "identity")
        self.points = np.sin(0.5 * np.pi * rng.uniform(-1.0, 1.0, (rows.n, rows.n_inputs)))  # as Chebyshev's are
        self.points = np.where(rng.random(self.points.shape) < ON_A_FACE, np.sign(self.points), self.points)
        self.relations: list[Relation] = []
        self.names = rows.train.input_names or tuple(f"x{j}" for j in range(rows.n_inputs))

    def steps(self) -> Steps:
        """The whole search."""
        X = self.rows.train.X
        low, high = X.min(axis=0), X.max(axis=0)
        margin = 0.5 * (1.0 - INNER_SHARE) * (high - low)
        inner = X[np.all((low + margin <= X) & (high - margin >= X), axis=1)][:MOST_ROWS]
        work = len(inner) * (50.0 * self.model.n_params * X.shape[1] ** 2 + 100.0**2) + 100.0 * CALL
        [self.relations] = yield [Step(work, lambda worker: relations_of(self.model, inner))]
        if not self.relations:
            return
        best = (yield from self._shaped())[0]
        n_terms, most, waiting = FIRST_TERMS, self.rows.n // 2, 0
        sizes, errors, before = [float(n_terms)], [best.error], best
        while n_terms < most and waiting < PATIENCE and best.error > DONE:
            n_terms = min(int(GROWTH * n_terms), most)
            [more] = yield from self._fitted([best], n_terms)
            sizes, errors = [*sizes, float(n_terms)], [*errors, more.error]
            waiting = 0 if more.error < USEFUL * best.error else waiting + 1
            if more.error < best.error:
                before, best = best, more
            self.prospect = extrapolated(sizes, errors, most, self.rows.n_inputs)
            if self.prospect > HOPELESS * max(self.error, EPS):
                return
        # Of one that is nearly as good: where rows are not, they tell of each other.
        for one in [best, before] if before is not best else [best]:
            [found] = yield [Step(30.0 * CALL + self.rows.n * len(_indices(one)), partial(self._found, one))]
            yield found

    def _shaped(self) -> Part[list[Contender]]:
        """Coordinates in the shapes that few terms like best, the best first."""
        has_all = ["log" in names for names in self.frames.alternatives(None)]
        choices = [COORDINATES if has else COORDINATES[:1] for has in has_all]
        plain = Shape((1.0,) * self.rows.n_inputs, 1.0)
        every = [Contender(self.frames(names), plain) for names in self.frames.combinations(choices)]
        now = sorted((yield from self._fitted(every, FIRST_TERMS)), key=_error)[:MOST_SHAPED]
        active = list(range(len(now)))
        while active:
            tried = [
                (i, replace(now[i], shape=shape))
                for i in active
                for shape in now[i].shape.variants()
                if shape != now[i].shape and shape.ratio == 1.0
            ]
            found = yield from self._fitted([one for _, one in tried], FIRST_TERMS)
            active = []
            for (i, _), one in zip(tried, found, strict=True):
                if one.error < USEFUL * now[i].error:
                    now[i] = one
                    active = [*active, i] if i not in active else active
        return sorted(now, key=_error)

    def _fitted(self, contenders: Sequence[Contender], n_terms: int) -> Part[list[Contender]]:
        work = (self.rows.n + POINTS_A_TERM * n_terms) * float(n_terms) ** 2 + 50.0 * CALL
        solved: list[Contender] = yield [Step(work, partial(self._solved, one, n_terms)) for one in contenders]
        return solved

    def _solved(self, contender: Contender, n_terms: int, worker: Worker) -> Contender:
        """With so many terms, and their error on the rows held out."""
        frame = contender.frame
        indices, _ = contender.shape.terms(frame.highest, 2 * n_terms)
        c = self._coefficients(frame, indices, self.rows.train)
        t = frame.terms(indices).design(frame.held_out_Z) @ c
        error = self.rows.held_out_rmse(self.link.values(t))
        return replace(contender, error=error, indices=indices, coefficients=c)

    def _coefficients(self, frame: InputCoordinates, indices: Indices, samples: Samples) -> Array:
        """Those (p, 1) of the terms that come nearest to y at the `samples`, and to the equations at points."""
        Z = frame.normalization.apply(Transformed.transform_inputs(samples.X, frame.names, frame.scales))
        t = np.ldexp(samples.y, -self.link.inner_exponents)
        values = frame.terms(indices).design(Z)
        weight = self.link.root_weight(samples, t)
        if weight is not None:
            values, t = values * weight, t * weight
        length = float(np.sqrt(np.mean(np.sum(values**2, axis=1))))
        n = max(FEWEST_POINTS, int(POINTS_A_TERM * len(indices) / len(self.relations)))
        tables = Tables.of(frame, self.points[:n], indices)
        rows = [values]
        for relation in self.relations:
            own = tables.rows(relation)
            size = np.linalg.norm(own, axis=1, keepdims=True)
            rows.append(own * (length / np.where(size > 0.0, size, 1.0)))
        A = np.concatenate(rows)
        wanted = np.zeros((len(A), 1))
        wanted[: len(t)] = t
        degrees = np.minimum(indices.sum(axis=1), MOST_DOUBLINGS)
        return nested_least_squares(A, wanted, degrees)(len(indices))

    def _found(self, one: Contender, worker: Worker) -> Found:
        indices, coordinates = _indices(one), in_words(one.frame, self.link)
        equation = self.relations[0].described(self.names)
        assert one.coefficients is not None
        return self.rows.found(
            self._model(one.frame, indices, one.coefficients),
            "polynomial",
            " ".join(f"{len(indices)} terms {coordinates}".split()) + f" that meet {equation}",
            coordinates=f"{coordinates}, {len(indices)} {BY_EQUATION}",
            status="best with an equation between derivatives",
            refit=partial(self._refit, one.frame, indices),
        )

    def _model(self, frame: InputCoordinates, indices: Indices, coefficients: Array) -> Model:
        polynomial = Polynomial(
            indices,
            coefficients,
            inputs=frame.normalization,
            output_exponents=self.link.inner_exponents,
            signature=self.rows.signature,
            n_threads=1,
        )
        return in_coordinates(polynomial, frame, self.link)

    def _refit(self, frame: InputCoordinates, indices: Indices, samples: Samples) -> Model:
        return self._model(frame, indices, self._coefficients(frame, indices, samples))


@dataclass(frozen=True)
class Tables:
    """Chebyshev polynomials of each coordinate at points, and two derivatives of them by x: `columns[j][k]` (n, q)."""

    X: Array
    indices: Indices
    columns: tuple[tuple[Array, Array, Array], ...]

    @classmethod
    def of(cls, frame: InputCoordinates, Z: Array, indices: Indices) -> Tables:
        own, columns = frame.normalization, []
        T = own.invert(Z)
        X = np.empty_like(T)
        for j, (name, scale) in enumerate(zip(frame.names, frame.scales, strict=True)):
            v = {"identity": T[:, j], "log": np.exp(T[:, j]), "root": T[:, j] ** 2}[name]
            X[:, j] = v * scale
            slope, bend = INPUT_SLOPES[name](v)
            stretch = 1.0 / (np.ldexp(own.scale[j], own.exponent[j]) * scale)
            slope, bend = slope * stretch, bend * stretch / scale
            degree = int(indices[:, j].max())
            first, second = chebyshev_derivatives(Z[:, j], degree)
            second = second * slope**2 + first * bend
            columns.append((chebyshev_table(Z[:, j], degree).T, (first * slope).T, second.T))
        return cls(X, indices, tuple(columns))

    def rows(self, relation: Relation) -> Array:
        """The left side of the equation for each term, (n, p)."""
        total = np.zeros((len(self.X), len(self.indices)))
        for m, a, c in zip(relation.powers, relation.orders, relation.numbers, strict=True):
            product = np.repeat((c * np.prod(self.X**m, axis=1))[:, None], len(self.indices), axis=1)
            for j, order in enumerate(a.tolist()):
                product *= self.columns[j][order][:, self.indices[:, j]]
            total += product
        return total


def _indices(one: Contender) -> Indices:
    assert one.indices is not None
    return one.indices


def _error(contender: Contender) -> float:
    return contender.error
