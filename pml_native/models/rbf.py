"""Interpolation by radial basis functions: s(z) = sum_i w_i phi(eps |z - z_i|) + a polynomial of low degree.

The weights solve  [K P; P' 0] [w; c] = [y; 0],  K_ij = phi(eps |z_i - z_j|),  P the polynomials at the points
(Wahba 1990; Fasshauer 2007; SciPy's RBFInterpolator has the same kernels and degrees). n points take n^2 numbers and
2/3 n^3 operations; where that is too much, each value comes from the system of its nearest points alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from .. import _core
from ..arrays import Array, as_samples, contiguous
from ..export import functions
from ..export.program import Vector, added, affine, distances, each, scaled, times_power_of_two
from ..memory import require_memory
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
}
# These look the same at every scale, and have no epsilon.
SCALE_FREE = ("linear", "thin_plate_spline", "cubic", "quintic")
# Below this many products a thread takes longer to wake than to work.
FEW_PRODUCTS = 1 << 14
# Of each number of the system: the matrix, and its factors or the distances it is made of.
SYSTEM_BYTES = 24.0


class RBF(Model):
    """Radial basis functions through the points `X` (n, d), `y` (n, m), in coordinates that map their box to [-1, 1].

    kernel : linear, thin_plate_spline, cubic, quintic, multiquadric, inverse_multiquadric, inverse_quadratic, gaussian.
    epsilon : the inverse of the kernel's width; the first four have none.
    neighbors : each value is from this many nearest points; None takes all points, by one system that is solved here.
    weights : (n + terms, m), the solution of that system where it is known: see `equations`.
    n_threads : None for all cores.

    A model of neighbors is not continuous where the nearest points change; its gradient is that of the local system.
    Raises ValueError for points that a system can't tell apart, MemoryError where it doesn't fit.
    """

    family = "rbf"

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        kernel: str = "cubic",
        epsilon: float = 1.0,
        neighbors: int | None = None,
        signature: Signature | None = None,
        weights: Array | None = None,
        n_threads: int | None = None,
    ) -> None:
        resolve_threads(n_threads)
        samples = as_samples(X, y)
        self.X, self.y = samples.X.copy(), samples.y.copy()
        (n, d), m = self.X.shape, self.y.shape[1]
        super().__init__(signature or Signature(d, m, samples.y_is_vector))
        self.signature.require(d, m, "the interpolant of X and y")
        if kernel not in KERNELS:
            raise ValueError(f"kernel: expected one of {', '.join(KERNELS)}, got {kernel!r}")
        if not (epsilon > 0 and np.isfinite(epsilon)):
            raise ValueError(f"epsilon: expected a number > 0, got {epsilon}")
        self.kernel, self.epsilon = kernel, float(epsilon)
        self.n_threads = n_threads
        self.inputs = Normalization.of_box(self.X)
        self.exponents = np.frexp(np.max(np.abs(self.y), axis=0))[1].astype(np.intc)
        degree = max(KERNELS[kernel].degree, 0)
        highest = np.where(self.inputs.constant, 0, degree).tolist()
        terms = index_set("total", degree, highest, (degree + 1) ** 2 * (d + 1) ** 2)
        assert terms is not None
        least = len(terms[0])
        if neighbors is not None and not least <= neighbors:
            raise ValueError(f"neighbors: expected at least {least} for {kernel} and {d} columns, got {neighbors}")
        if n < least:
            raise ValueError(f"X: expected at least {least} rows for {kernel} and {d} columns, got {n}")
        self._terms = ChebyshevTerms(terms[0])
        self.neighbors = None if neighbors is None else min(int(neighbors), n)
        if self.neighbors is None:
            self.weights = self._solved() if weights is None else np.array(weights, dtype=np.float64)
            if self.weights.shape != (n + least, m):
                raise ValueError(f"weights: expected ({n + least}, {m}), got {self.weights.shape}")

    def __repr__(self) -> str:
        epsilon = "" if self.kernel in SCALE_FREE else f" of epsilon {self.epsilon:.3g}"
        points = "all" if self.neighbors is None else f"the {self.neighbors} nearest"
        return f"RBF({self.kernel}{epsilon}, {points} of {len(self.X)} points)"

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

    def box(self) -> tuple[Array, Array] | None:
        return self.X.min(axis=0), self.X.max(axis=0)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        values = {"kernel": self.kernel, "epsilon": self.epsilon, "neighbors": self.neighbors}
        arrays: dict[str, NDArray[Any]] = {"X": self.X, "y": self.y}
        if self.neighbors is None:
            arrays["weights"] = self.weights
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
            neighbors=values["neighbors"],
            signature=signature,
            weights=arrays.get("weights"),
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

    def _solved(self) -> Array:
        """w and c (n + terms, m)."""
        n = self.n_equations
        require_memory(
            SYSTEM_BYTES * n * n,
            f"RBF: a system of {len(self.X):,} points",
            "give neighbors=, which takes the nearest points only",
        )
        system = self.equations(slice(n))
        try:
            weights = np.linalg.solve(system[:, :n], system[:, n:])
        except np.linalg.LinAlgError:
            weights = np.full((1, 1), np.nan)
        if not np.isfinite(weights).all():
            raise ValueError(f"X: expected points that the system of {self.kernel} can tell apart, got a singular one")
        return np.ascontiguousarray(weights)

    @property
    def n_equations(self) -> int:
        """Those of the system of all points."""
        return len(self.X) + len(self._terms.indices)

    def equations(self, rows: slice) -> Array:
        """These rows of [K P y; P' 0 0], (n + p, n + p + m) for n points and p polynomials, which give the weights."""
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
        return system

    def _global(self, Z: Array) -> Array:
        return self._polynomial.evaluate(Z, self.n_threads) + self._radial.evaluate(Z, self._threads(Z))

    def _global_gradient(self, Z: Array) -> Array:
        return self._polynomial.gradient(Z, self.n_threads) + self._radial.gradient(Z, self._threads(Z))

    def _threads(self, Z: Array) -> int:
        return 1 if len(Z) * self.weights.size <= FEW_PRODUCTS else resolve_threads(self.n_threads)

    def _local(self, Z: Array, gradient: bool = False) -> tuple[Array, Array]:
        """Values (n, m) and derivatives (n, m, d), each from the system of the nearest points."""
        d, m = Z.shape[1], self.y.shape[1]
        values, derivatives = np.full((len(Z), m), np.nan), np.full((len(Z), m, d), np.nan)
        k, p = self.neighbors or 0, len(self._terms.indices)
        known = np.flatnonzero(np.isfinite(Z).all(axis=1))
        terms = _series(self._terms, np.eye(p)) if gradient else None
        for block in blocks(len(known), (k + p) ** 2):
            rows = known[block]
            near = self._tree.query(Z[rows], k=np.arange(1, k + 1))[1]
            points = self._points[near]
            # Around their centre, in units of their extent: the local system is well scaled wherever it is.
            centre = points.mean(axis=1, keepdims=True)
            extent = np.max(np.abs(points - centre), axis=(1, 2), keepdims=True)
            points = (points - centre) / extent
            z = (Z[rows][:, None, :] - centre) / extent
            epsilon = self.epsilon * extent if self.kernel not in SCALE_FREE else np.ones_like(extent)
            kernel = KERNELS[self.kernel]
            system = np.zeros((len(rows), k + p, k + p))
            system[:, :k, :k] = kernel.value(epsilon * _distances(points, points))
            system[:, :k, k:] = self._terms.design(points.reshape(-1, d)).reshape(len(rows), k, p)
            system[:, k:, :k] = system[:, :k, k:].transpose(0, 2, 1)
            right = np.zeros((len(rows), k + p, m))
            right[:, :k] = self._targets[near]
            weights = np.linalg.solve(system, right)
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
