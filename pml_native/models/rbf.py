"""Interpolation by radial basis functions: s(z) = sum_i w_i phi(eps |z - z_i|) + a polynomial of low degree.

The weights solve  [K P; P' 0] [w; c] = [y; 0],  K_ij = phi(eps |z_i - z_j|),  P the polynomials at the points
(Wahba 1990; Fasshauer 2007; SciPy's RBFInterpolator has the same kernels and degrees). n points take n^2 numbers and
2/3 n^3 operations; where that is too much, each value comes from the system of its nearest points alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from .. import _core
from ..arrays import Array, Distinct, PrecisionWarning, as_samples, contiguous
from ..export import functions
from ..export.program import Vector, added, affine, distances, each, scaled, times_power_of_two
from ..memory import require_memory
from ..options import number, one_of, whole_number_or_none
from ..threads import resolve_threads
from .chebyshev import ChebyshevTerms, blocks, index_set
from .chebyshev_series import ChebyshevSeries
from .model import Model, Signature
from .normalization import Normalization


@dataclass(frozen=True)
class Kernel:
    """phi(r), phi'(r)/r, and the least degree of the polynomial beside it, -1 for none."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    degree: int


ROOT_5 = math.sqrt(5.0)


def _where_positive(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """0 at r = 0, where what multiplies it, z - z_i, is 0."""

    def bounded(r: Array) -> Array:
        return np.where(r == 0.0, 0.0, function(np.where(r == 0.0, 1.0, r)))

    return bounded


KERNELS: dict[str, Kernel] = {
    "linear": Kernel(np.negative, _where_positive(lambda r: -1.0 / r), 0),
    "thin_plate_spline": Kernel(
        _where_positive(lambda r: r * r * np.log(r)), _where_positive(lambda r: 2.0 * np.log(r) + 1.0), 1
    ),
    "cubic": Kernel(lambda r: r * r * r, lambda r: 3.0 * r, 1),
    "quintic": Kernel(lambda r: -((r * r) ** 2) * r, lambda r: -5.0 * r**3, 2),
    "multiquadric": Kernel(lambda r: -np.sqrt(1.0 + r * r), lambda r: -1.0 / np.sqrt(1.0 + r * r), 0),
    "inverse_multiquadric": Kernel(lambda r: 1.0 / np.sqrt(1.0 + r * r), lambda r: -((1.0 + r * r) ** -1.5), -1),
    "inverse_quadratic": Kernel(lambda r: 1.0 / (1.0 + r * r), lambda r: -2.0 / (1.0 + r * r) ** 2, -1),
    "gaussian": Kernel(lambda r: np.exp(-r * r), lambda r: -2.0 * np.exp(-r * r), -1),
    # That of a Gaussian process whose sample paths have two derivatives (Rasmussen and Williams 2006, 4.17).
    "matern": Kernel(
        lambda r: (1.0 + ROOT_5 * r + 5.0 / 3.0 * r * r) * np.exp(-ROOT_5 * r),
        lambda r: -5.0 / 3.0 * (1.0 + ROOT_5 * r) * np.exp(-ROOT_5 * r),
        -1,
    ),
}
# These look the same at every scale, and have no epsilon.
SCALE_FREE = ("linear", "thin_plate_spline", "cubic", "quintic")
# Below this many products a thread takes longer to wake than to work.
FEW_PRODUCTS = 1 << 14
# Of each number of the system: the matrix, and its factors or the distances it is made of.
SYSTEM_BYTES = 24.0
EPS = float(np.finfo(np.float64).eps)

# --- how far off its own points an interpolant may be, in units of the range of each output

# No one takes it for an interpolant above the first; above the second, 8 digits, it is said. Well conditioned systems
# of 1,000 points come to 1e-14 to 1e-9, the flattest kernels that are of any use to 3e-7.
REFUSED, SAID = 1e-6, 1e-8
# Values of one point that differ by so many units of rounding of the largest are one.
ROUNDING_ULPS = 16.0
# Such a system is solved by its eigenvectors where elimination fails, 50 times as slow: 0.6 s for 1,000 points.
MOST_SPECTRAL = 1500
# Points at which a model of nearest points is looked at when it is made, some 0.4 ms each.
LOOKED_AT = 100
# Points nearer than this, where the box is 2 wide, are near copies: at 1e-6 no kernel has lost more than 8 digits, at
# 1e-8 the quintic is off by 4e-7, the cubic by 8e-9.
NEAR_COPY = 1e-7

# --- nearest points

# Where x is so many times as far from the middle of its nearest points, along some direction, as these are in the mean,
# they tell little of it: all of one survey line, say. Among points at random it is less than 4 times.
FAR_OFF = 10.0
# Points are on a line or in a plane, and a polynomial is 0 at them, where they, or it, reach no more than this part of
# the largest: the root of what rounding leaves of squares, times ten.
FLAT = 1e-7


@dataclass(frozen=True)
class Neighborhoods:
    """The `rows` (q, k) that values are made of, and where they leave polynomials open, `is_open` (q,).

    Their `points` (q, k, d) are around their `centre` (q, 1, d), in units of their `extent` (q, 1, 1): any system of
    them is well scaled.
    """

    rows: NDArray[np.intp]
    points: Array
    centre: Array
    extent: Array
    is_open: NDArray[np.bool_]


class RBF(Model):
    """Radial basis functions through the points `X` (n, d), `y` (n, m), in coordinates that map their box to [-1, 1].

    kernel : linear, thin_plate_spline, cubic, quintic, multiquadric, inverse_multiquadric, inverse_quadratic, gaussian,
        matern (5/2).
    epsilon : the inverse of the kernel's width; the first four have none.
    scales : (d,), what these coordinates are multiplied by, so that r counts each column for what it bends y; None: 1.
    neighbors : each value is from this many nearest points; None takes all points, by one system that is solved here.
    weights : (n + terms, m), the solution of that system where it is known: see `equations`.
    is_checked : whether the model is held to its own points; False takes what the system gives, for a search that
        measures it.
    n_threads : None for all cores.

    A point that occurs again with the same y, but for rounding, is one point; `X` and `y` have it once. Where all
    points lie on a line or in a plane, they tell nothing across it: of the polynomials that they leave open, the model
    has those of the smallest coefficients, constants before slopes. A model of neighbors is not continuous where the
    nearest points change; its gradient is that of the local system. Half of the neighbors are taken from afar where the
    nearest are all on a line or so.

    Raises ValueError for a point with two values of y, and where float64 can't solve the system, so that the model is
    off its own points by more than 1e-6 of the range of y: near copies of a point, or a kernel too flat. A
    PrecisionWarning says how far where it is more than 1e-8. MemoryError where the system doesn't fit.
    """

    family = "rbf"

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        kernel: str = "cubic",
        epsilon: float = 1.0,
        scales: ArrayLike | None = None,
        neighbors: int | None = None,
        signature: Signature | None = None,
        weights: Array | None = None,
        is_checked: bool = True,
        n_threads: int | None = None,
    ) -> None:
        resolve_threads(n_threads)
        samples = as_samples(X, y)
        self.X, self.y = _each_once(samples.X, samples.y)
        (n, d), m = self.X.shape, self.y.shape[1]
        super().__init__(signature or Signature(d, m, samples.y_is_vector))
        self.signature.require(d, m, "the interpolant of X and y")
        one_of(kernel, "kernel", KERNELS)
        self.kernel, self.epsilon = kernel, number(epsilon, "epsilon", above=0.0)
        self.n_threads = n_threads
        self.scales = None if scales is None else np.array(scales, dtype=np.float64)
        self.inputs = Normalization.of_box(self.X)
        if self.scales is not None:
            if self.scales.shape != (d,) or not (np.isfinite(self.scales) & (self.scales > 0.0)).all():
                raise ValueError(f"scales: expected ({d},) numbers > 0, got {self.scales.tolist()}")
            self.inputs = replace(self.inputs, scale=self.inputs.scale / self.scales)
        self.exponents = np.frexp(np.max(np.abs(self.y), axis=0))[1].astype(np.intc)
        degree = max(KERNELS[kernel].degree, 0)
        highest = np.where(self.inputs.constant, 0, degree).tolist()
        terms = index_set("total", degree, highest, (degree + 1) ** 2 * (d + 1) ** 2)
        assert terms is not None
        least = len(terms[0])
        neighbors = whole_number_or_none(neighbors, "neighbors", 0)
        if neighbors is not None and neighbors < least:
            raise ValueError(f"neighbors: expected at least {least} for {kernel} and {d} columns, got {neighbors}")
        if n == 1 < len(samples.X):
            raise ValueError(f"X: expected points that the system of {kernel} can tell apart, got a singular one")
        if n < least:
            raise ValueError(f"X: expected at least {least} rows for {kernel} and {d} columns, got {n}")
        self._terms = ChebyshevTerms(terms[0])
        self.neighbors = None if neighbors is None else min(neighbors, n)
        if self.neighbors is None:
            self.weights = self._solved(is_checked) if weights is None else np.array(weights, dtype=np.float64)
            if self.weights.shape != (n + least, m):
                raise ValueError(f"weights: expected ({n + least}, {m}), got {self.weights.shape}")
        if is_checked and weights is None:
            self._require_points()

    def __repr__(self) -> str:
        epsilon = "" if self.kernel in SCALE_FREE else f" of epsilon {self.epsilon:.3g}"
        points = "all" if self.neighbors is None else f"the {self.neighbors} nearest"
        scaled = "" if self.scales is None else ", columns scaled"
        return f"RBF({self.kernel}{epsilon}, {points} of {len(self.X)} points{scaled})"

    @property
    def n_params(self) -> int:
        return self.weights.size if self.neighbors is None else self.y.size

    def evaluate(self, X: Array) -> Array:
        Z = contiguous(self.inputs.apply(X))
        values = self._local(Z)[0] if self.neighbors is not None else self._global(Z)
        scaled: Array = np.ldexp(values, self.exponents)
        return scaled

    def evaluate_gradient(self, X: Array) -> Array:
        Z = contiguous(self.inputs.apply(X))
        gradient = self._local(Z, True)[1] if self.neighbors is not None else self._global_gradient(Z)
        scaled: Array = np.ldexp(gradient / self.inputs.divisor, self.exponents[:, None] - self.inputs.exponent)
        return scaled

    def operations(self, x: Vector) -> Vector:
        if self.neighbors is not None:
            raise ValueError("expected radial basis functions of all points, got nearest ones; fit with fewer points")
        n, m = len(self.X), self.y.shape[1]
        z = self.inputs.applied(x)
        radii = scaled(distances(z, self._points), np.full(n, self.epsilon))
        radial = affine(each(radii, functions.RADIAL[self.kernel]), self.weights[:n].T, np.zeros(m))
        return times_power_of_two(added(self._polynomial.operations(z), radial), self.exponents)

    def with_rows(self, X: Array, y: Array) -> RBF:
        """A kernel is as wide, in units of the distances between points, as before: a wider one makes systems worse."""
        points, values = np.concatenate([self.X, X]), np.concatenate([self.y, y])
        return RBF(
            points,
            values,
            kernel=self.kernel,
            epsilon=self.epsilon * (len(points) / len(self.X)) ** (1.0 / points.shape[1]),
            scales=self.scales,
            neighbors=self.neighbors,
            signature=self.signature,
            is_checked=False,
        )

    def box(self) -> tuple[Array, Array] | None:
        return self.X.min(axis=0), self.X.max(axis=0)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        values = {"kernel": self.kernel, "epsilon": self.epsilon, "neighbors": self.neighbors}
        arrays: dict[str, NDArray[Any]] = {"X": self.X, "y": self.y}
        if self.neighbors is None:
            arrays["weights"] = self.weights
        if self.scales is not None:
            arrays["scales"] = self.scales
        return values, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> RBF:
        if values["neighbors"] is None:
            arrays["weights"]
        return cls(
            arrays["X"],
            arrays["y"],
            kernel=values["kernel"],
            epsilon=values["epsilon"],
            scales=arrays.get("scales"),
            neighbors=values["neighbors"],
            signature=signature,
            weights=arrays.get("weights"),
            is_checked=False,
        )

    @cached_property
    def _points(self) -> Array:
        return self.inputs.apply(self.X)

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self._points)

    @cached_property
    def _radial(self) -> _core.RadialSum:
        return _core.RadialSum(self.kernel, self.epsilon, self._points, contiguous(self.weights[: len(self.X)]))

    def __getstate__(self) -> dict[str, Any]:
        """Without the core's copy of points and weights, which is made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_radial"}

    @cached_property
    def _polynomial(self) -> ChebyshevSeries:
        return _series(self._terms, self.weights[len(self.X) :])

    @cached_property
    def _targets(self) -> Array:
        scaled: Array = np.ldexp(self.y, -self.exponents)
        return scaled

    @cached_property
    def _range(self) -> Array:
        """Of the targets, (m,): no less than where some rounding of them would be said, and 1 where all are 0."""
        size = np.max(np.abs(self._targets), axis=0)
        least = np.where(size > 0.0, 100.0 * EPS / SAID * size, 1.0)
        extent: Array = np.maximum(np.ptp(self._targets, axis=0), least)
        return extent

    def _solved(self, is_checked: bool) -> Array:
        """w and c (n + terms, m): by elimination or, where that is off its points, by what eigenvectors can tell."""
        n = self.n_equations
        require_memory(
            SYSTEM_BYTES * n * n,
            f"RBF: a system of {len(self.X):,} points",
            "give neighbors=, which takes the nearest points only",
        )
        system = self.equations(slice(n))
        matrix, right = system[:, :n], system[:, n:]
        try:
            weights = np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
        except np.linalg.LinAlgError:
            weights = np.full(right.shape, np.nan)
        if is_checked and n <= MOST_SPECTRAL and not self._off(matrix, weights, right) <= SAID:
            spectral = _least_norm(matrix, right)
            if not self._off(matrix, weights, right) <= self._off(matrix, spectral, right):
                weights = spectral
        if not np.isfinite(weights).all():
            raise ValueError(f"X: expected points that the system of {self.kernel} can tell apart, got a singular one")
        return np.ascontiguousarray(weights)

    def _off(self, matrix: Array, weights: Array, right: Array) -> float:
        """How far off its points the model of these weights is, in units of the range of y."""
        n = len(self.X)
        with np.errstate(all="ignore"):
            return float(np.max(np.abs(matrix[:n] @ weights - right[:n]) / self._range))

    def _require_points(self) -> None:
        """ValueError where the model is off its own points, a PrecisionWarning where it is a little."""
        n = len(self.X)
        rows = np.arange(n) if self.neighbors is None else np.unique(np.linspace(0, n - 1, LOOKED_AT).astype(np.intp))
        values = self._local(self._points[rows])[0] if self.neighbors is not None else self._global(self._points)
        with np.errstate(all="ignore"):
            off = np.max(np.abs(values - self._targets[rows]) / self._range)
        if off <= SAID:
            return
        said = f"{self!r} is off its own points by {off:.0e} of the range of y: {self._reason()}"
        if not off <= REFUSED:
            raise ValueError(f"X, y: expected points and a kernel whose system float64 can solve; {said}")
        warnings.warn(said, PrecisionWarning, stacklevel=3)

    def _reason(self) -> str:
        """Why float64 can't solve the system, and what to do."""
        distance, near = self._tree.query(self._points, k=2)
        row = int(np.argmin(distance[:, 1]))
        if distance[row, 1] < NEAR_COPY:
            a, b = self.X[sorted((row, int(near[row, 1])))].tolist()
            return (
                f"the points {a} and {b} are only {distance[row, 1]:.0e} of the box apart; merge them, "
                f"or take fit_rbf, which does"
            )
        if self.kernel not in SCALE_FREE:
            return f"with epsilon={self.epsilon:g} the kernel is too flat for so many points; give a larger one"
        return f"{self.kernel} is too smooth for so many points; take a kernel that is less so, or neighbors="

    @cached_property
    def _unseen(self) -> Array:
        """The projection (p, p) onto polynomials that are 0 at all points: these lie on a line, in a plane or such."""
        return unseen(self._terms.design(self._points))

    @property
    def n_equations(self) -> int:
        """Those of the system of all points."""
        return len(self.X) + len(self._terms.indices)

    def equations(self, rows: slice) -> Array:
        """These rows of [K P y; P' -U 0], (n + p, n + p + m) for n points and p polynomials, which give the weights.

        U is 0, but for polynomials that are 0 at all points: these have no part in the model.
        """
        n, p, m = len(self.X), len(self._terms.indices), self.y.shape[1]
        begin, end, _ = rows.indices(n + p)
        of_points, of_terms = slice(begin, min(end, n)), slice(max(begin - n, 0), max(end - n, 0))
        system = np.zeros((end - begin, n + p + m))
        points = system[: max(0, of_points.stop - begin)]
        if len(points):
            distances = cdist(self._points[of_points], self._points)
            distances *= self.epsilon
            points[:, :n] = KERNELS[self.kernel].value(distances)
            points[:, n : n + p] = self._terms.design(self._points[of_points])
            points[:, n + p :] = self._targets[of_points]
        system[len(points) :, :n] = self._terms.design(self._points).T[of_terms]
        system[len(points) :, n : n + p] = -self._unseen[of_terms]
        return system

    def _global(self, Z: Array) -> Array:
        return self._polynomial.evaluate(Z, self.n_threads) + self._radial.evaluate(Z, self._threads(Z))

    def _global_gradient(self, Z: Array) -> Array:
        return self._polynomial.gradient(Z, self.n_threads) + self._radial.gradient(Z, self._threads(Z))

    def _threads(self, Z: Array) -> int:
        return 1 if len(Z) * self.weights.size <= FEW_PRODUCTS else resolve_threads(self.n_threads)

    @cached_property
    def _sparser(self) -> list[tuple[KDTree, NDArray[np.intp]]]:
        """Fewer and fewer points that are farther and farther apart: the one nearest the middle of each cell that has
        any, for cells of the box of 1/2, 1/4, ... of its extent; the finest first, each with its tree."""
        levels: list[tuple[KDTree, NDArray[np.intp]]] = []
        side = 1.0
        while not levels or 2 * len(levels[-1][1]) <= len(self.X):
            cells = np.floor(self._points / side)
            off_middle = np.max(np.abs(self._points / side - cells - 0.5), axis=1)
            order = np.lexsort((off_middle, *cells.T))
            is_first = np.any(np.diff(cells[order], axis=0, prepend=np.nan) != 0.0, axis=1)
            rows = np.sort(order[is_first])
            levels.append((KDTree(self._points[rows]), rows))
            side *= 0.5
        return levels[::-1]

    def _nearest(self, Z: Array) -> Neighborhoods:
        """The points that values at `Z` (q, d) are made of.

        Half of them are of fewer points, as many fewer as it takes, where the nearest tell little: they are on a line
        that x is far from, or on lines that leave polynomials open.
        """
        k = self.neighbors or 0
        near = self._tree.query(Z, k=np.arange(1, k + 1))[1]
        nearest, is_far = self._of(Z, near)
        left, few = np.flatnonzero(is_far | nearest.is_open), k - k // 2
        if not left.size or self._unseen.any():
            return nearest
        for tree, rows in self._sparser:
            size = min(k, len(rows))
            if not left.size or size < k - few:
                break
            others = rows[tree.query(Z[left], k=np.arange(1, size + 1))[1]]
            is_known = np.any(others[:, :, None] == near[left, None, :few], axis=2)
            enough = np.sum(~is_known, axis=1) >= k - few
            left, others, is_known = left[enough], others[enough], is_known[enough]
            new_first = np.argsort(is_known, axis=1, kind="stable")[:, : k - few]
            near[left, few:] = np.take_along_axis(others, new_first, axis=1)
            better, is_far = self._of(Z[left], near[left])
            left = left[is_far | better.is_open]
        return self._of(Z, near)[0]

    def _of(self, Z: Array, near: NDArray[np.intp]) -> tuple[Neighborhoods, NDArray[np.bool_]]:
        """The points `near` (q, k) `Z` (q, d), and from which of these x is far."""
        points = self._points[near]
        centre = points.mean(axis=1, keepdims=True)
        extent = np.max(np.abs(points - centre), axis=(1, 2), keepdims=True)
        points = (points - centre) / extent
        varying = points if not self.inputs.constant.any() else points[:, :, ~self.inputs.constant]
        variances, directions = np.linalg.eigh(np.swapaxes(varying, 1, 2) @ varying / near.shape[1])
        off = ((Z - centre[:, 0]) / extent[:, 0])[:, ~self.inputs.constant]
        off_each = np.abs(np.einsum("qi,qij->qj", off, directions))
        is_far: NDArray[np.bool_] = np.any(off_each > FAR_OFF * np.sqrt(np.maximum(variances, FLAT**2)), axis=1)
        degree = KERNELS[self.kernel].degree
        is_open = np.zeros(len(Z), dtype=bool)
        if degree == 1:
            is_open[:] = np.any(variances <= FLAT**2, axis=1)
        elif degree > 1:
            is_open[:] = unseen(self._local_design(points)).any(axis=(1, 2))
        return Neighborhoods(near, points, centre, extent, is_open), is_far

    def _local_design(self, points: Array) -> Array:
        """The polynomials at points (q, k, d) of each system: (q, k, p)."""
        q, k, d = points.shape
        return self._terms.design(points.reshape(-1, d)).reshape(q, k, -1)

    def _local(self, Z: Array, gradient: bool = False) -> tuple[Array, Array]:
        """Values (n, m) and derivatives (n, m, d), each from the system of the nearest points."""
        d, m = Z.shape[1], self.y.shape[1]
        values, derivatives = np.full((len(Z), m), np.nan), np.full((len(Z), m, d), np.nan)
        k, p = self.neighbors or 0, len(self._terms.indices)
        known = np.flatnonzero(np.isfinite(Z).all(axis=1))
        terms = _series(self._terms, np.eye(p)) if gradient else None
        for block in blocks(len(known), (k + p) ** 2):
            rows = known[block]
            nearest = self._nearest(Z[rows])
            points, centre, extent = nearest.points, nearest.centre, nearest.extent
            z = (Z[rows][:, None, :] - centre) / extent
            epsilon = self.epsilon * extent if self.kernel not in SCALE_FREE else np.ones_like(extent)
            kernel = KERNELS[self.kernel]
            system = np.zeros((len(rows), k + p, k + p))
            system[:, :k, :k] = kernel.value(epsilon * _distances(points, points))
            system[:, :k, k:] = self._local_design(points)
            system[:, k:, :k] = system[:, :k, k:].transpose(0, 2, 1)
            if nearest.is_open.any():
                system[nearest.is_open, k:, k:] = -unseen(system[nearest.is_open, :k, k:])
            right = np.zeros((len(rows), k + p, m))
            right[:, :k] = self._targets[nearest.rows]
            weights = self._local_weights(system, right)
            r = epsilon * _distances(z, points)
            polynomial = self._terms.design(z[:, 0])[:, None, :]
            values[rows] = (np.concatenate([kernel.value(r), polynomial], axis=2) @ weights)[:, 0]
            if terms is None:
                continue
            slopes = terms.gradient(z[:, 0])
            for j in range(d):
                radial = epsilon**2 * kernel.slope(r) * (z[:, :, j : j + 1] - points[:, None, :, j])
                both = np.concatenate([radial, slopes[:, None, :, j]], axis=2)
                derivatives[rows, :, j] = (both @ weights)[:, 0] / extent[:, 0]
        return values, derivatives

    def _local_weights(self, system: Array, right: Array) -> Array:
        """The solutions (q, k + p, m): by elimination, and by eigenvectors where that fails, as for flat kernels."""
        try:
            weights = np.asarray(np.linalg.solve(system, right), dtype=np.float64)
        except np.linalg.LinAlgError:  # one of them is singular: they are solved one by one
            weights = np.full(right.shape, np.nan)
            for one in range(len(system)):
                with suppress(np.linalg.LinAlgError):
                    weights[one] = np.linalg.solve(system[one], right[one])
        with np.errstate(all="ignore"):
            off = np.max(np.abs(system @ weights - right) / self._range, axis=(1, 2))
        fails = np.flatnonzero(~(off <= REFUSED))
        if fails.size:
            weights[fails] = _least_norm(system[fails], right[fails])
        return weights


def _each_once(X: Array, y: Array) -> tuple[Array, Array]:
    """The points, each once, and their values, as copies; ValueError for a point of two values."""
    distinct = Distinct.of(X, y, ROUNDING_ULPS * np.spacing(np.max(np.abs(y), axis=0)))
    if len(distinct.contradicting):
        row = int(distinct.contradicting[0])
        raise ValueError(
            f"X: expected one y for each point, got {len(distinct.contradicting)} rows that repeat a point with "
            f"another y, the first of them row {row}: {X[row].tolist()}; fit_rbf takes the mean"
        )
    return X[distinct.rows], np.array(distinct.y)


def _least_norm(system: Array, right: Array) -> Array:
    """The solution of the least norm of symmetric systems (..., n, n), in those eigenvectors that rounding leaves."""
    eigenvalues, vectors = np.linalg.eigh(system)
    size = np.abs(eigenvalues)
    is_known = size > system.shape[-1] * EPS * np.max(size, axis=-1, keepdims=True)
    inverse = np.where(is_known, 1.0 / np.where(is_known, eigenvalues, 1.0), 0.0)
    solution: Array = vectors @ (inverse[..., None] * (np.swapaxes(vectors, -1, -2) @ right))
    return solution


def unseen(design: Array) -> Array:
    """The projections (..., p, p) onto sums of the polynomials that are 0 at all points of the `design` (..., n, p)."""
    square, directions = np.linalg.eigh(np.swapaxes(design, -1, -2) @ design)
    kept = directions * (square <= FLAT**2 * square[..., -1:])[..., None, :]
    projections: Array = kept @ np.swapaxes(kept, -1, -2)
    return projections


def _series(terms: ChebyshevTerms, coefficients: Array) -> ChebyshevSeries:
    """The sums of `coefficients` (p, m) times the terms at z."""
    d, m = terms.indices.shape[1], coefficients.shape[1]
    return ChebyshevSeries(terms.indices, coefficients, Normalization.identity(d), np.zeros(m, dtype=np.intc))


def _distances(a: Array, b: Array) -> Array:
    """Between the points a (q, k, d) and b (q, l, d) of each system: (q, k, l)."""
    square = np.zeros((len(a), a.shape[1], b.shape[1]))
    for j in range(a.shape[2]):
        square += (a[:, :, None, j] - b[:, None, :, j]) ** 2
    return np.sqrt(square)
