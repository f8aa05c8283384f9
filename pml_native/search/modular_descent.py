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

Derivatives use that the sets of terms have all lower terms: dT_k/df is a sum of lower T, so that the derivative of a
sum of terms by one of its sources is a sum of the same terms, with coefficients that a matrix gives.
Sources: Golub and Pereyra (1973), Kaufman (1975).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial.chebyshev import chebinterpolate, chebval
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular
from scipy.sparse import csr_array

from ..arrays import Array, contiguous
from ..models import Normalization, Polynomial
from ..models.chebyshev import ChebyshevTerms, Indices
from ..models.model import Signature
from ..models.modular import ModularPolynomial, Module
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
# A variable's range is taken so much wider than rows and box have it, as its series are evaluated beyond the points
# that were looked at.
WIDER = 1.02
# Points along each source at which the range of a variable is looked at.
BOX_POINTS = {1: 33, 2: 17, 3: 9}
FEWEST_BOX_POINTS, MOST_BOX_SOURCES = 3, 8
# Multiply-adds after which a descent is looked at: a tenth of a second.
CHUNK_WORK = 1e9


class Terms:
    """A set of terms with all lower ones, of some values: `sources` are their places, `indices` (p, k) the degrees."""

    def __init__(self, sources: Sequence[int], indices: Indices) -> None:
        self.sources, self.indices = tuple(sources), indices
        self.terms = ChebyshevTerms(indices)

    def __len__(self) -> int:
        return len(self.indices)

    def design(self, V: Array) -> Array:
        return self.terms.design(contiguous(V[:, list(self.sources)]))

    @cached_property
    def derivatives(self) -> list[csr_array]:
        """For each source the matrix (p, p) that makes of coefficients those of the derivative by it."""
        place = {tuple(index): i for i, index in enumerate(self.indices.tolist())}
        matrices = []
        for j in range(len(self.sources)):
            entries = []
            for i, index in enumerate(self.indices.tolist()):
                # T_k' = 2 k (T_(k-1) + T_(k-3) + ...), the last one halved if it is T_0.
                for lower in range(index[j] - 1, -1, -2):
                    value = 2.0 * index[j] * (0.5 if lower == 0 else 1.0)
                    entries.append((place[(*index[:j], lower, *index[j + 1 :])], i, value))
            rows, columns, values = (np.array(part) for part in zip(*entries, strict=True)) if entries else ([], [], [])
            matrices.append(csr_array((values, (rows, columns)), shape=(len(self), len(self))))
        return matrices


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

    def values(self, Z: Array, params: Array, fixed: Sequence[Array | None] | None = None) -> tuple[Array, list[Array]]:
        """z (n, d) and the values of all modules, (n, d + M), and the modules' terms, of which some may be known."""
        d = self.n_inputs
        V = np.empty((len(Z), d + len(self.modules)))
        V[:, :d] = Z
        designs = []
        for k, (module, own) in enumerate(zip(self.modules, self.slices, strict=True)):
            known = None if fixed is None else fixed[k]
            designs.append(module.design(V) if known is None else known)
            V[:, d + k] = designs[-1] @ params[own]
        return V, designs

    def value(self, Z: Array, params: Array, core: Array) -> Array:
        """y (n,) at `Z`."""
        V, _ = self.values(Z, params)
        return self.core.design(V) @ core

    def slopes(self, V: Array, designs: Sequence[Array], params: Array, core: Array) -> Array:
        """The derivatives of y by all values, (n, d + M): those by z first."""
        d, slopes = self.n_inputs, np.zeros_like(V)
        slopes[:, list(self.core.sources)] = self.core_slopes(V, core)
        for k in range(len(self.modules) - 1, -1, -1):
            module, own = self.modules[k], params[self.slices[k]]
            for source, matrix in zip(module.sources, module.derivatives, strict=True):
                slopes[:, source] += slopes[:, d + k] * (designs[k] @ (matrix @ own))
        return slopes

    def core_slopes(self, V: Array, core: Array) -> Array:
        """The derivatives of y by the sources of the core, each as if it were an input, (n, len(sources))."""
        slopes: Array = self.core.design(V) @ np.column_stack([matrix @ core for matrix in self.core.derivatives])
        return slopes

    def work(self, n: int) -> float:
        """Multiply-adds of a step on n rows, with two trials."""
        m, p = len(self.core), self.n_params
        return float(n) * (4.0 * m**2 + 3.0 * m * p + 1.5 * p**2) + 5.0 * p**3 + 60.0 * CALL


@dataclass(frozen=True)
class Wanted:
    """What is fitted: z (n, d), the values t (n,), and the roots of weights (n,)."""

    Z: Array
    t: Array
    root_weight: Array

    def first(self, n: int) -> Wanted:
        return Wanted(self.Z[:n], self.t[:n], self.root_weight[:n])


@dataclass(frozen=True)
class Point:
    """Parameters in their gauge, the core's coefficients that are best for them, and what is left over."""

    params: Array
    core: Array
    V: Array
    Q: Array
    R: Array
    sizes: Array
    residuals: Array

    @property
    def loss(self) -> float:
        return float(self.residuals @ self.residuals)

    def core_step(self, right: Array) -> Array:
        """The coefficients that Phi takes to `right`, given as Q' right."""
        return _core_solved(self.R, right) / self.sizes


class Problem:
    """A layout on rows."""

    def __init__(self, layout: Layout, rows: Wanted) -> None:
        self.layout, self.rows = layout, rows
        d = layout.n_inputs
        self._fixed = [m.design(rows.Z) if max(m.sources) < d else None for m in layout.modules]

    def values(self, params: Array) -> tuple[Array, list[Array]]:
        return self.layout.values(self.rows.Z, params, self._fixed)

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
                a = np.linalg.lstsq(A, v, rcond=None)[0]
                c[0] -= a[0]
                for q, factor in zip(before, a[1:], strict=True):
                    earlier = params[layout.slices[q]]
                    c[: len(earlier)] -= factor * earlier
                v = v - A @ a
                size = float(np.max(np.abs(v)))
            else:
                low, high = float(v.min()), float(v.max())
                if len(module.sources) > MOST_BOX_SOURCES:
                    widest = float(np.sum(np.abs(c[1:])))  # of the terms, each of which is in [-1, 1]
                    low, high = min(low, c[0] - widest), max(high, c[0] + widest)
                elif len(module.sources) > 1:
                    points = box_points(len(module.sources))
                    seen = module.terms.design(points) @ c
                    low, high = min(low, float(seen.min())), max(high, float(seen.max()))
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
            gauged = self.gauged(params, self.values(params)[0])
            if gauged is None:
                return None
            V, _ = self.values(gauged)
            Phi = self.rows.root_weight[:, None] * self.layout.core.design(V)
            if not np.isfinite(Phi).all():
                return None
            sizes = np.sqrt(np.einsum("ij,ij->j", Phi, Phi))
            sizes = np.where(sizes > 0.0, sizes, 1.0)
            Q, R = qr(Phi / sizes, mode="economic", check_finite=False)
            wanted = self.rows.root_weight * self.rows.t
            core = _core_solved(R, Q.T @ wanted) / sizes
            residuals = wanted - Phi @ core
        return Point(gauged, core, V, Q, R, sizes, residuals) if np.isfinite(residuals).all() else None

    def value(self, params: Array, core: Array) -> Array:
        """w y (n,)."""
        V, _ = self.values(params)
        return self.rows.root_weight * (self.layout.core.design(V) @ core)

    def jacobian(self, point: Point) -> Array:
        """w dy/dp (n, P)."""
        layout, d = self.layout, self.layout.n_inputs
        V, designs = self.values(point.params)
        slopes = layout.slopes(V, designs, point.params, point.core)
        J = np.empty((len(V), layout.n_params), order="F")
        for k, own in enumerate(layout.slices):
            np.multiply(designs[k], (slopes[:, d + k] * self.rows.root_weight)[:, None], out=J[:, own])
        return J


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

    def step(self) -> Step:
        one = self.problem.layout.work(len(self.problem.rows.t))
        return Step(max(one, min(CHUNK_WORK, (self.most - len(self.losses) + 1) * one)), self.gone_on)

    def gone_on(self, worker: Worker | None) -> Descent:
        """As many steps further as CHUNK_WORK allows, one at least."""
        one = self.problem.layout.work(len(self.problem.rows.t))
        point = self.problem.point(self.params)
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
        return replace(self, params=point.params, core=point.core, damping=damping, losses=losses, ended=ended)


def stepped(problem: Problem, point: Point, damping: float) -> tuple[Point | None, float]:
    """The point after a step that lowers the loss, None where no trial does, and the damping to go on with."""
    scales = problem.layout.scales
    J0 = problem.jacobian(point) * scales
    J = J0 - point.Q @ (point.Q.T @ J0)
    p = J.shape[1]
    R = qr(np.column_stack([J, point.residuals]), mode="r", check_finite=False, overwrite_a=True)[0][: p + 1]
    largest = _largest_singular(R[:, :p]) if np.isfinite(R).all() else 0.0
    if not largest > 0.0:
        return None, damping
    before = problem.rows.root_weight * problem.rows.t - point.residuals
    damped = np.zeros((len(R) + p, p + 1), order="F")
    for trial in range(MOST_TRIALS):
        damped[: len(R)], damped[len(R) :] = R, 0.0
        damped[len(R) + np.arange(p), np.arange(p)] = np.sqrt(damping) * largest
        factor = qr(damped, mode="r", check_finite=False)[0][:p]
        step = solve_triangular(factor[:, :p], factor[:, p], check_finite=False)
        linear = -point.core_step(point.Q.T @ (J0 @ step))
        with np.errstate(all="ignore"):
            moved = problem.value(point.params + PROBE * scales * step, point.core + PROBE * linear)
            bent = 2.0 / PROBE**2 * (moved - before - PROBE * (J @ step))
            half = solve_triangular(factor[:, :p], J.T @ bent, trans="T", check_finite=False)
            correction = -0.5 * solve_triangular(factor[:, :p], half, check_finite=False)
            correction = np.where(np.isfinite(correction).all(), correction, 0.0)
        if np.linalg.norm(correction) <= MOST_BENT * np.linalg.norm(step) or trial == MOST_TRIALS - 1:
            after = problem.point(point.params + scales * (step + correction))
            if after is not None and after.loss < point.loss:
                return after, max(LEAST_DAMPING, damping * (SURE if trial == 0 else UNSURE))
        damping = REFUSED * damping
        if damping > MOST_DAMPING:
            break
    return None, damping


def _largest_singular(R: Array) -> float:
    """The largest singular value of R, nearly: all that it does is to give the damping its unit."""
    v = np.ones(R.shape[1])
    for _ in range(POWERS):
        v = R.T @ (R @ v)
        size = float(np.linalg.norm(v))
        if not size > 0.0:
            return 0.0
        v /= size
    return float(np.linalg.norm(R @ v))


def _core_solved(R: Array, right: Array) -> Array:
    diagonal = np.abs(np.diag(R))
    if diagonal.min() < DEPENDENT * diagonal.max():
        return np.asarray(np.linalg.lstsq(R, right, rcond=LEAST_SINGULAR)[0])
    return np.asarray(solve_triangular(R, right, check_finite=False))


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
