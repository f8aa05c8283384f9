"""Fits a graph of polynomial modules to rows: Gauss-Newton with the linear part eliminated, in a fixed gauge.

The value is y = sum_a c_a T_a(f), linear in the core's c; f are Chebyshev series of variables, and variables inputs or
series of several of them. With c the best for all else, p, the residuals are r = w (t - Phi c); with Phi = Q R and
Kaufman's Jacobian J = (I - QQ') w dy/dp a step is
    dp = argmin |r - J dp|^2 + lambda s^2 |dp|^2,   s the largest singular value of J,
with a geodesic correction of second order (Transtrum and Sethna 2012). The damping is in p itself: Marquardt's, by the
sizes of the columns of J, makes each step fail where a column of the table has little influence (1e-6 of y).

Functions may be shifted, scaled and mixed with others of their variable, and variables shifted and scaled, without a
change of y, since the core takes that up exactly if its set of terms is closed under it. So each step ends in the same
gauge: variables in [-1, 1] over rows and box; the first function of a variable in [-1, 1], others of largest value 1
and orthogonal over the rows to 1 and those before. Then p has one scale, which the damping needs.

Values, terms and derivatives come from the core. Both systems are solved by normal equations where rounding allows it,
which takes a third of the work of QR factors.
Sources: Golub and Pereyra (1973), Kaufman (1975), Bjorck (1987) for corrected normal equations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial.chebyshev import chebinterpolate, chebval
from numpy.typing import NDArray
from scipy.linalg import qr

from .._core import ModularGraph
from ..arrays import Array, contiguous
from ..lapack import solve_triangular, solve_with_upper, square, upper_factor
from ..models import Normalization, Polynomial
from ..models.chebyshev import ChebyshevTerms, Indices
from ..models.model import Signature
from ..models.modular import ModularPolynomial, Module
from ..singular_values import lstsq
from .scheduler import Step, Worker
from .search import CALL

# Damping: at first, what a step that lowers the error at once, or at last, makes of it, and a refused one; in units of
# the square of the largest singular value. Below the least it changes no digit of a step.
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-4, 1e-20, 1e6
SURE, UNSURE, REFUSED = 0.1, 0.5, 8.0
MOST_TRIALS = 12
# A relative error below which a descent ends: some roundings of y.
LEAST_ERROR = 3e-15
# The power of 1 + degree that coefficients are measured by.
SMOOTHNESS = 0.5
# Steps of the power method for the largest singular value: more than its order of magnitude is not needed.
POWERS = 12
# The part of a step at which the second derivative along it is measured, and the largest correction over the step.
PROBE, MOST_BENT = 0.1, 0.75
# Where the diagonal of R falls below this part of its largest entry, terms depend on each other to rounding.
DEPENDENT, LEAST_SINGULAR = 1e-13, 1e-14
# Columns of a matrix are told apart without QR factors where the diagonal of R, of columns of length 1, is above this:
# the rounding of A'A, EPS over its square, is far below 1 then.
INDEPENDENT, CORRECTIONS = 1e-4, 2
# The damping in units of the largest entry of J'J above which its rounding, some EPS of that, changes nothing. Without
# QR factors below, flow through a borehole stood still at 5e-9 of its squares' root where it comes to 4e-13.
ROUNDING = 1e-13
# A variable's range is taken so much wider than rows and box have it, as its series are evaluated beyond the points
# that were looked at.
WIDER = 1.02
# Points along each source at which the range of a variable is looked at.
BOX_POINTS = {1: 33, 2: 17, 3: 9}
FEWEST_BOX_POINTS, MOST_BOX_SOURCES = 3, 8
# Multiply-adds after which a descent is looked at, 25 ms: it is charged for so much, even if it ends before.
CHUNK_WORK = 2.5e8


class Terms:
    """A set of terms with all lower ones, of some values: `sources` are their places, `indices` (p, k) the degrees."""

    def __init__(self, sources: Sequence[int], indices: Indices) -> None:
        self.sources, self.indices = tuple(sources), indices

    def __len__(self) -> int:
        return len(self.indices)

    def design(self, V: Array) -> Array:
        return self.at(V[:, list(self.sources)])

    def at(self, points: Array) -> Array:
        """The terms (n, p) at values (n, k) of the sources."""
        return self._terms.design(contiguous(points))

    @cached_property
    def _terms(self) -> ChebyshevTerms:
        return ChebyshevTerms(self.indices)


class Layout:
    """Which modules there are, one value each, and the core; `n_inputs` d. Values are numbered z first, then modules.

    A module has one source, or takes inputs only. `kept` (n_params,) are coefficients that no step changes.
    """

    def __init__(
        self, n_inputs: int, modules: Sequence[Terms], core: Terms, kept: NDArray[np.bool_] | None = None
    ) -> None:
        self.n_inputs, self.modules, self.core = n_inputs, tuple(modules), core
        # What the damping measures steps by: higher degrees count as larger, so that where rows leave something open,
        # as at the ends of a variable's range, the smoother function is taken.
        smooth = [(1.0 + module.indices.sum(axis=1)) ** -SMOOTHNESS for module in self.modules]
        self.scales = np.concatenate([np.empty(0), *smooth])
        if kept is not None:
            self.scales[kept] = 0.0
        ends: list[int] = np.cumsum([0, *(len(module) for module in self.modules)]).tolist()
        self.slices = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self.n_params: int = ends[-1]
        indices = [np.ascontiguousarray(terms.indices, dtype=np.int64) for terms in (*self.modules, core)]
        self.graph = ModularGraph(
            n_inputs, [module.sources for module in self.modules], indices[:-1], core.sources, indices[-1]
        )

    def value(self, Z: Array, params: Array, core: Array) -> Array:
        """y (n,) at `Z`."""
        return self.graph.value(contiguous(Z), params, core)

    def slopes(self, Z: Array, params: Array, core: Array) -> Array:
        """The derivatives of y by all values, (n, d + M): those by z first."""
        return self.graph.slopes(contiguous(Z), params, core)

    def core_slopes(self, V: Array, core: Array) -> Array:
        """The derivatives of y by the sources of the core, each as if it were an input, (n, len(sources))."""
        sources = list(self.core.sources)
        alone = Layout(len(sources), (), Terms(range(len(sources)), self.core.indices))
        return alone.slopes(V[:, sources], np.empty(0), core)

    def work(self, n: int, *, by_qr: bool = False) -> float:
        """Multiply-adds of a step on n rows, with two trials; QR factors do half as many a second."""
        m, p = len(self.core), self.n_params
        work = n * (m**2 + m * p + 0.5 * p**2 + 20.0 * (m + p)) + p**3 + 60.0 * CALL
        return float(work + (n * (2.0 * p**2 + 3.0 * m * p) + 4.0 * p**3 if by_qr else 0.0))


@dataclass(frozen=True)
class Wanted:
    """What is fitted: z (n, d), the values t (n,), and the roots of weights (n,)."""

    Z: Array
    t: Array
    root_weight: Array

    def first(self, n: int) -> Wanted:
        return Wanted(self.Z[:n], self.t[:n], self.root_weight[:n])


class Projection:
    """Least squares by the columns of a matrix A (n, m): coefficients, and what these leave over.

    With R'R = A'A of columns of length 1, the coefficients for b are R^-1 R^-T A'b, and corrected by those for what is
    left: as exact as by the QR factors (Bjorck 1987), for a quarter of their work, where R tells no two directions
    apart by rounding alone. Elsewhere they come from the QR factors.
    """

    def __init__(self, A: Array) -> None:
        self.A = A
        squares = square(A)
        sizes = np.sqrt(np.diag(squares))
        self.sizes = np.where(sizes > 0.0, sizes, 1.0)
        R = upper_factor(squares / self.sizes / self.sizes[:, None])
        self.is_regular = R is not None and bool(np.diag(R).min() > INDEPENDENT)
        if R is not None and self.is_regular:
            self.R = R
        else:
            self.Q, self.R = qr(A / self.sizes, mode="economic", check_finite=False)

    def coefficients(self, B: Array) -> Array:
        """(m, ...) for B (n, ...)."""
        sizes = self.sizes if B.ndim == 1 else self.sizes[:, None]
        if not self.is_regular:
            right = self.Q.T @ B
            diagonal = np.abs(np.diag(self.R))
            if diagonal.min() < DEPENDENT * diagonal.max():
                return np.asarray(lstsq(self.R, right, rcond=LEAST_SINGULAR)[0]) / sizes
            return solve_triangular(self.R, right) / sizes
        c = solve_with_upper(self.R, (self.A.T @ B) / sizes) / sizes
        for _ in range(CORRECTIONS if B.ndim == 1 else 1):
            c = c + solve_with_upper(self.R, (self.A.T @ (B - self.A @ c)) / sizes) / sizes
        return np.asarray(c)

    def without(self, B: Array) -> Array:
        """What the columns leave of B."""
        return B - self.A @ self.coefficients(B)

    def squares_without(self, B: Array) -> Array:
        """The squares (k, k) of what the columns leave of B (n, k), of a regular matrix; the upper triangle counts."""
        explained = solve_triangular(self.R, (self.A.T @ B) / self.sizes[:, None], transposed=True)
        return square(explained, scale=-1.0, plus=square(B))


@dataclass(frozen=True)
class Point:
    """Parameters in their gauge, the core's coefficients that are best for them, and what is left over."""

    params: Array
    core: Array
    V: Array
    projection: Projection
    residuals: Array

    @property
    def loss(self) -> float:
        return float(self.residuals @ self.residuals)


class Problem:
    """A layout on rows."""

    def __init__(self, layout: Layout, rows: Wanted) -> None:
        self.layout, self.rows = layout, Wanted(contiguous(rows.Z), rows.t, contiguous(rows.root_weight))
        # The terms of the modules of several inputs at points of the box.
        self._in_box = [
            m.at(box_points(len(m.sources))) if 1 < len(m.sources) <= MOST_BOX_SOURCES else None for m in layout.modules
        ]

    def values(self, params: Array) -> Array:
        return self.layout.graph.values(self.rows.Z, params)

    def gauged(self, params: Array, V: Array) -> Array | None:
        """The parameters that say the same in the gauge; None where a function has no size."""
        layout, d = self.layout, self.layout.n_inputs
        params, V = params.copy(), V.copy()
        middle, half = np.zeros(V.shape[1]), np.ones(V.shape[1])
        for k, (module, own) in enumerate(zip(layout.modules, layout.slices, strict=True)):
            c, v = params[own], V[:, d + k]
            [source] = module.sources[:1]
            if source >= d:
                c = recomposed(c, float(middle[source]), float(half[source]))
            before = [q for q in range(k) if layout.modules[q].sources == module.sources]
            if before:
                A = np.column_stack([np.ones(len(v)), *(V[:, d + q] for q in before)])
                a = lstsq(A, v, rcond=None)[0]
                c[0] -= a[0]
                for q, factor in zip(before, a[1:], strict=True):
                    earlier = params[layout.slices[q]]
                    c[: len(earlier)] -= factor * earlier
                v = v - A @ a
                size = float(np.max(np.abs(v)))
            else:
                low, high = float(v.min()), float(v.max())
                in_box = self._in_box[k]
                if in_box is not None:
                    seen = in_box @ c
                    low, high = min(low, float(seen.min())), max(high, float(seen.max()))
                elif len(module.sources) > 1:
                    widest = float(np.sum(np.abs(c[1:])))  # of the terms, each of which is in [-1, 1]
                    low, high = min(low, c[0] - widest), max(high, c[0] + widest)
                middle[d + k] = 0.5 * (low + high)
                c[0] -= middle[d + k]
                v = v - middle[d + k]
                size = half[d + k] = 0.5 * (high - low) * WIDER
            if not 0.0 < size < np.inf:
                return None
            params[own], V[:, d + k] = c / size, v / size
        return params if np.isfinite(params).all() else None

    def point(self, params: Array) -> Point | None:
        """In the gauge, with the best core; None where that is not finite."""
        with np.errstate(all="ignore"):
            gauged = self.gauged(params, self.values(params))
            if gauged is None:
                return None
            Phi = self.layout.graph.design(self.rows.Z, gauged, self.rows.root_weight)
            if not np.isfinite(Phi).all():
                return None
            projection = Projection(Phi)
            if not np.isfinite(projection.R).all():
                return None
            wanted = self.rows.root_weight * self.rows.t
            core = projection.coefficients(wanted)
            residuals = wanted - Phi @ core
        return Point(gauged, core, self.values(gauged), projection, residuals) if np.isfinite(residuals).all() else None

    def value(self, params: Array, core: Array) -> Array:
        """w y (n,)."""
        return self.rows.root_weight * self.layout.value(self.rows.Z, params, core)

    def jacobian(self, point: Point) -> Array:
        """w dy/dp (n, P)."""
        return self.layout.graph.jacobian(self.rows.Z, point.params, point.core, self.rows.root_weight)


@dataclass(frozen=True)
class Descent:
    """Steps of Gauss-Newton on their way. It ends after `most` steps, or where `patience` steps together have not
    brought the error to the part `useful`."""

    problem: Problem
    params: Array
    core: Array | None = None
    most: int = 12
    patience: int = 5
    useful: float = 0.8
    damping: float = FIRST_DAMPING
    losses: tuple[float, ...] = ()
    ended: bool = False
    point: Point | None = None  # where it is, while it goes on

    @property
    def work(self) -> float:
        """Multiply-adds of a step."""
        by_qr = self.damping < ROUNDING
        return self.problem.layout.work(len(self.problem.rows.t), by_qr=by_qr)

    def step(self) -> Step:
        one = self.work
        return Step(max(one, min(CHUNK_WORK, (self.most - len(self.losses) + 1) * one)), self.gone_on)

    def gone_on(self, worker: Worker | None) -> Descent:
        """As many steps further as CHUNK_WORK allows, one at least."""
        one = self.work
        point = self.point or self.problem.point(self.params)
        if point is None:
            return replace(self, ended=True)
        damping, losses = self.damping, self.losses or (point.loss,)
        scale = float(np.sum((self.problem.rows.root_weight * self.problem.rows.t) ** 2))
        ended = False
        for _ in range(max(1, int(CHUNK_WORK / one))):
            after, damping = stepped(self.problem, point, damping)
            ended = after is None
            if after is None:
                break
            point, losses = after, (*losses, after.loss)
            if len(losses) > self.patience:
                ended = losses[-1] > self.useful**2 * losses[-1 - self.patience]
            ended = ended or len(losses) > self.most or losses[-1] < LEAST_ERROR**2 * scale
            if ended or (worker is not None and worker.should_stop()):
                break
        return replace(
            self,
            params=point.params,
            core=point.core,
            damping=damping,
            losses=losses,
            ended=ended,
            point=None if ended else point,
        )


def stepped(problem: Problem, point: Point, damping: float) -> tuple[Point | None, float]:
    """The point after a step that lowers the loss, None where no trial does, and the damping to go on with."""
    scales, projection = problem.layout.scales, point.projection
    J = problem.jacobian(point)
    before = problem.rows.root_weight * problem.rows.t - point.residuals
    system = DampedSystem(J, scales, projection, point.residuals)
    if not system.largest > 0.0:
        return None, damping
    for trial in range(MOST_TRIALS):
        damped = system.damped(damping)
        if damped is not None:
            factor, step = damped
            along = J @ (scales * step)
            linear = -projection.coefficients(along)
            with np.errstate(all="ignore"):
                moved = problem.value(point.params + PROBE * scales * step, point.core + PROBE * linear)
                bent = 2.0 / PROBE**2 * (moved - before - PROBE * (along + projection.A @ linear))
                gradient = scales * (J.T @ projection.without(bent))
                correction = -0.5 * solve_with_upper(factor, gradient)
                correction = np.where(np.isfinite(correction).all(), correction, 0.0)
            if np.linalg.norm(correction) <= MOST_BENT * np.linalg.norm(step) or trial == MOST_TRIALS - 1:
                after = problem.point(point.params + scales * (step + correction))
                if after is not None and after.loss < point.loss:
                    return after, max(LEAST_DAMPING, damping * (SURE if trial == 0 else UNSURE))
        damping = REFUSED * damping
        if damping > MOST_DAMPING:
            break
    return None, damping


class DampedSystem:
    """Steps s = argmin |r - J s|^2 + lambda largest^2 |s|^2 for J without what the projection explains, and scaled.

    Where the damping stands above the rounding of J'J, they come from the Cholesky factor of J'J + lambda largest^2 I,
    else from QR factors.
    """

    def __init__(self, J: Array, scales: Array, projection: Projection, residuals: Array) -> None:
        self._J, self._scales, self._projection, self._residuals = J, scales, projection, residuals
        self._R: Array | None = None
        self.largest, self._rounding = 0.0, math.inf
        if J.shape[1] == 0 or not np.isfinite(J).all():
            return
        if projection.is_regular:
            upper = projection.squares_without(J) * scales * scales[:, None]
            self._squares = np.triu(upper) + np.triu(upper, 1).T
            self._gradient = scales * (J.T @ residuals)
            sizes = np.einsum("ij,ij->j", J, J) * scales**2
            self.largest = math.sqrt(_largest_eigenvalue(self._squares))
            self._rounding = ROUNDING * float(sizes.max())
        else:
            R = self._triangle()[:, :-1]
            self.largest = math.sqrt(_largest_eigenvalue(R.T @ R))

    def damped(self, damping: float) -> tuple[Array, Array] | None:
        """The factor F (P, P) with F'F = J'J + lambda largest^2 I, and the step; None where rounding leaves none."""
        added, p = damping * self.largest**2, len(self._scales)
        if added > self._rounding:
            F = upper_factor(self._squares + added * np.eye(p))
            return None if F is None else (F, solve_with_upper(F, self._gradient))
        R = self._triangle()
        matrix = np.zeros((len(R) + p, p + 1), order="F")
        matrix[: len(R)] = R
        matrix[len(R) + np.arange(p), np.arange(p)] = math.sqrt(added)
        factor = qr(matrix, mode="r", check_finite=False, overwrite_a=True)[0][:p]
        return factor[:, :p], solve_triangular(factor[:, :p], factor[:, p])

    def _triangle(self) -> Array:
        """R (P + 1, P + 1) of J beside the residuals."""
        if self._R is None:
            J = self._projection.without(self._J) * self._scales
            beside = np.column_stack([J, self._residuals])
            self._R = qr(beside, mode="r", check_finite=False, overwrite_a=True)[0][: beside.shape[1]]
        return self._R


def _largest_eigenvalue(squares: Array) -> float:
    """The largest eigenvalue of J'J, nearly: all that it does is to give the damping its unit."""
    v = np.ones(len(squares))
    size = 0.0
    for _ in range(POWERS):
        v = squares @ v
        size = float(np.linalg.norm(v))
        if not 0.0 < size < math.inf:
            return 0.0
        v /= size
    return size


def recomposed(c: Array, middle: float, half: float) -> Array:
    """The coefficients of f(half u + middle) as a series in u, from those of f: exact, as the degree stays."""
    if (middle, half) == (0.0, 1.0):
        return c.copy()

    def shifted(u: Array) -> Array:
        return np.asarray(chebval(half * u + middle, c), np.float64)

    # NumPy declares functions of numbers, and calls them with all points at once.
    return np.asarray(chebinterpolate(shifted, len(c) - 1), np.float64)  # type: ignore[type-var]


@lru_cache(maxsize=8)
def box_points(k: int) -> Array:
    """Points of the box [-1, 1]^k, its corners among them."""
    line = np.linspace(-1.0, 1.0, BOX_POINTS.get(k, FEWEST_BOX_POINTS))
    return np.stack(np.meshgrid(*[line] * k, indexing="ij"), axis=-1).reshape(-1, k)


def model_of(
    layout: Layout,
    params: Array,
    core: Array,
    inputs: Normalization,
    exponents: NDArray[np.intc],
    signature: Signature,
) -> ModularPolynomial:
    """The fitted graph as a model; functions of one variable become one module of several values."""
    d, modules, places, n_values = layout.n_inputs, [], {j: j for j in range(layout.n_inputs)}, layout.n_inputs
    groups: dict[tuple[int, ...], list[int]] = {}
    for k, module in enumerate(layout.modules):
        groups.setdefault(module.sources, []).append(k)
    for sources, members in groups.items():
        largest = max((layout.modules[k] for k in members), key=len)
        coefficients = np.zeros((len(largest), len(members)))
        for column, k in enumerate(members):
            coefficients[: len(layout.modules[k]), column] = params[layout.slices[k]]
            places[d + k] = n_values + column
        n_values += len(members)
        polynomial = Polynomial(largest.indices, coefficients, n_threads=1)
        modules.append(Module(tuple(places[source] for source in sources), polynomial))
    value = Polynomial(layout.core.indices, core, output_exponents=exponents, n_threads=1)
    modules.append(Module(tuple(places[source] for source in layout.core.sources), value))
    model = ModularPolynomial(modules, inputs, signature)
    model.use_threads(1)
    return model
