"""Interpolation of values and slopes by radial basis functions (Hermite and Birkhoff).

With e_k the axis of a derivative that is known at p_k, and all in coordinates z,
    s(z) = sum_i w_i phi(eps |z - z_i|) + sum_k v_k (e_k . grad_y) phi(eps |z - y|) at y = p_k + a polynomial,
so that each number known, of either kind, is a functional of one argument of the kernel, and the system that makes s
meet all of them is symmetric, and regular wherever that of the values is (Wu 1992; Fasshauer 2007, chapter 36). With
r = eps |z - y|, phi'(r) / r = slope(r) and slope'(r) / r = bend(r),
    (e_k . grad_y) phi = -eps^2 slope(r) (z - y)_k,
    (e_l . grad_z) (e_k . grad_y) phi = -eps^2 slope(r) delta_kl - eps^4 bend(r) (z - y)_k (z - y)_l.
The slopes of these kernels are multiples of other kernels, so that the sums are those of the core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from .. import _core
from ..arrays import Array, as_matrix, contiguous
from ..export import functions
from ..export.program import Vector, added, affine, distances, each, multiplied, scaled, taken, times_power_of_two
from ..memory import require_memory
from ..options import number, one_of
from ..threads import resolve_threads
from .chebyshev import ChebyshevTerms, index_set
from .chebyshev_series import ChebyshevSeries
from .model import Model, Signature
from .normalization import Normalization
from .rbf import FEW_PRODUCTS, KERNELS, SCALE_FREE, SYSTEM_BYTES, unseen


@dataclass(frozen=True)
class Slope:
    """phi'(r) / r as a `factor` times another `kernel`, and its own derivative over r, 0 at 0."""

    factor: float
    kernel: str
    bend: Callable[[Array], Array]


def _inverse(r: Array) -> Array:
    return np.divide(1.0, r, out=np.zeros_like(r), where=r > 0.0)


# Of the kernels that are smooth enough and whose slopes are kernels, too.
SLOPES = {
    "cubic": Slope(-3.0, "linear", lambda r: 3.0 * _inverse(r)),
    "quintic": Slope(-5.0, "cubic", lambda r: -15.0 * r),
    "multiquadric": Slope(-1.0, "inverse_multiquadric", lambda r: (1.0 + r * r) ** -1.5),
    "gaussian": Slope(-2.0, "gaussian", lambda r: 4.0 * np.exp(-r * r)),
}


# What a file has of it, beside scales.
ARRAYS = ("X", "y", "places", "weights", "slopes")


class HermiteRBF(Model):
    """Radial basis functions through the points `X` (n, d), `y` (n, m), with slopes at the points `places` (k, d).

    gradients : (k, m, d), derivatives of y by the columns of X at `places`, NaN where unknown; None with weights.
    kernel : cubic, quintic, multiquadric or gaussian; epsilon, scales : as for `RBF`.
    weights : (n + terms, m) and (k, d, m) where they are known: those of the values and the polynomial, and of slopes.

    Points are to be apart; raises ValueError where float64 can't solve the system.
    """

    family = "hermite_rbf"

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        places: ArrayLike,
        gradients: ArrayLike | None,
        *,
        kernel: str = "quintic",
        epsilon: float = 1.0,
        scales: ArrayLike | None = None,
        signature: Signature | None = None,
        weights: tuple[Array, Array] | None = None,
        n_threads: int | None = None,
    ) -> None:
        resolve_threads(n_threads)
        self.X, self.y, self.places = as_matrix(X, "X"), as_matrix(y, "y"), as_matrix(places, "places")
        (n, d), m = self.X.shape, self.y.shape[1]
        slopes = None if gradients is None else np.array(gradients, dtype=np.float64)
        got = None if slopes is None else slopes.shape
        if got != (len(self.places), m, d) and (got is not None or weights is None):
            raise ValueError(f"gradients: expected ({len(self.places)}, {m}, {d}), got {got}")
        super().__init__(signature or Signature(d, m, m == 1))
        self.signature.require(d, m, "the interpolant of X and y")
        one_of(kernel, "kernel", SLOPES)
        self.kernel, self.epsilon = kernel, number(epsilon, "epsilon", above=0.0)
        self.n_threads = n_threads
        self.scales = None if scales is None else np.array(scales, dtype=np.float64)
        self.inputs = Normalization.of_box(np.concatenate([self.X, self.places]))
        if self.scales is not None:
            self.inputs = replace(self.inputs, scale=self.inputs.scale / self.scales)
        self.exponents = np.frexp(np.max(np.abs(self.y), axis=0))[1].astype(np.intc)
        degree = max(KERNELS[kernel].degree, 0)
        highest = np.where(self.inputs.constant, 0, degree).tolist()
        terms = index_set("total", degree, highest, (degree + 1) ** 2 * (d + 1) ** 2)
        assert terms is not None
        self._terms = ChebyshevTerms(terms[0])
        if weights is None:
            assert slopes is not None
            weights = self._solved(slopes)
        of_values, of_slopes = weights
        if of_values.shape != (n + len(terms[0]), m) or of_slopes.shape != (len(self.places), d, m):
            raise ValueError(
                f"weights: expected ({n + len(terms[0])}, {m}) and ({len(self.places)}, {d}, {m}), "
                f"got {of_values.shape} and {of_slopes.shape}"
            )
        self.weights, self.slopes = contiguous(of_values), contiguous(of_slopes)

    def __repr__(self) -> str:
        epsilon = "" if self.kernel in SCALE_FREE else f" of epsilon {self.epsilon:.3g}"
        scaled = "" if self.scales is None else ", columns scaled"
        return f"HermiteRBF({self.kernel}{epsilon}, {len(self.X)} points, {self.n_slopes} slopes{scaled})"

    @property
    def n_slopes(self) -> int:
        """Derivatives that are met, of the outputs together."""
        return int(np.count_nonzero(self.slopes))

    @property
    def n_params(self) -> int:
        return self.weights.size + self.n_slopes

    @cached_property
    def _points(self) -> Array:
        return self.inputs.apply(self.X)

    @cached_property
    def _places(self) -> Array:
        return self.inputs.apply(self.places)

    @property
    def _slope(self) -> Slope:
        return SLOPES[self.kernel]

    def _solved(self, gradients: Array) -> tuple[Array, Array]:
        """The weights, of outputs that know the same slopes by one system."""
        (n, d), p, m = self.X.shape, len(self._terms.indices), self.y.shape[1]
        k = len(self.places)
        unit = np.ldexp(self.inputs.divisor, self.inputs.exponent)  # dx/dz
        with np.errstate(invalid="ignore"):
            targets = np.ldexp(gradients, -self.exponents[:, None]) * unit
        targets[:, :, self.inputs.constant] = np.nan
        is_known = np.isfinite(targets).transpose(1, 2, 0).reshape(m, d * k)
        patterns, which = np.unique(is_known, axis=0, return_inverse=True)
        require_memory(
            SYSTEM_BYTES * (n + p + d * k) ** 2,
            f"HermiteRBF: a system of {n:,} points and {d * k:,} slopes",
            "give fewer",
        )
        whole = self._system()
        of_values, of_slopes = np.empty((n + p, m)), np.zeros((d * k, m))
        for number_, pattern in enumerate(patterns):
            own = np.flatnonzero(which.reshape(-1) == number_)
            rows = np.concatenate([np.arange(n + p), n + p + np.flatnonzero(pattern)])
            right = np.zeros((len(rows), len(own)))
            right[:n] = np.ldexp(self.y[:, own], -self.exponents[own])
            right[n + p :] = targets[:, own].transpose(2, 0, 1).reshape(d * k, len(own))[pattern] * self._size
            try:
                solution = np.linalg.solve(whole[np.ix_(rows, rows)], right)
            except np.linalg.LinAlgError:
                solution = np.full(right.shape, np.nan)
            if not np.isfinite(solution).all():
                raise ValueError(
                    f"X: expected points that the system of {self.kernel} can tell apart, got a singular one"
                )
            of_values[:, own] = solution[: n + p]
            of_slopes[np.ix_(pattern, own)] = solution[n + p :] * self._size
        return of_values, of_slopes.reshape(d, k, m).transpose(1, 0, 2)

    @property
    def _size(self) -> float:
        """What slopes are multiplied by, in equations and weights, so that all of the diagonal is alike."""
        at_0 = abs(float(KERNELS[self.kernel].slope(np.zeros(1))[0]))
        return 1.0 / (self.epsilon * np.sqrt(at_0)) if at_0 > 0.0 else 1.0

    def _system(self) -> Array:
        """The matrix of values, polynomial and slopes by all axes, one axis after the other."""
        (n, d), p, k = self.X.shape, len(self._terms.indices), len(self.places)
        kernel, slope, size, epsilon = KERNELS[self.kernel], self._slope, self._size, self.epsilon
        z, places = self._points, self._places
        system = np.zeros((n + p + d * k,) * 2)
        system[:n, :n] = kernel.value(epsilon * cdist(z, z))
        design = self._terms.design(z)
        system[:n, n : n + p], system[n : n + p, :n] = design, design.T
        system[n : n + p, n : n + p] = -unseen(design)
        by_slope = -(epsilon**2) * kernel.slope(epsilon * cdist(z, places))
        r = epsilon * cdist(places, places)
        first, second = -(epsilon**2) * kernel.slope(r), -(epsilon**4) * slope.bend(r)
        off = [places[:, None, j] - places[None, :, j] for j in range(d)]
        for j in range(d):
            begin = n + p + j * k
            own = slice(begin, begin + k)
            axis = np.broadcast_to(np.eye(d)[j], (k, d))
            of_terms = self._terms.derivatives(places, axis, np.ones(k, dtype=np.intp), np.zeros((k, d)))
            system[:n, own] = size * by_slope * (z[:, None, j] - places[None, :, j])
            system[n : n + p, own] = size * of_terms.T
            system[own, : n + p] = system[: n + p, own].T
            for i in range(j + 1):
                block = second * off[j] * off[i]
                if i == j:
                    block += first
                block *= size**2
                other = slice(n + p + i * k, n + p + (i + 1) * k)
                system[own, other] = block
                system[other, own] = block.T
        return system

    @cached_property
    def _sums(self) -> tuple[_core.RadialSum, _core.RadialSum]:
        """That of the values, and of slopes those of m numbers for each axis, and m more: see `_of_slopes`."""
        n = len(self.X)
        first = _core.RadialSum(self.kernel, self.epsilon, self._points, contiguous(self.weights[:n]))
        second = _core.RadialSum(self._slope.kernel, self.epsilon, self._places, self._of_slopes)
        return first, second

    @cached_property
    def _of_slopes(self) -> Array:
        """-eps^2 slope(r) (z - p) . v  is  z . a - b, of sums over places: their weights (k, (d + 1) m), by axes."""
        k, d, m = self.slopes.shape
        factor = -(self.epsilon**2) * self._slope.factor
        along = factor * self.slopes
        at = -np.einsum("kd,kdm->km", self._places, along)
        return contiguous(np.concatenate([along.reshape(k, d * m), at], axis=1))

    def __getstate__(self) -> dict[str, Any]:
        """Without the core's copies of points and weights, which are made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_sums"}

    @cached_property
    def _polynomial(self) -> ChebyshevSeries:
        d, m = self._terms.indices.shape[1], self.weights.shape[1]
        coefficients = contiguous(self.weights[len(self.X) :])
        return ChebyshevSeries(self._terms.indices, coefficients, Normalization.identity(d), np.zeros(m, dtype=np.intc))

    def _threads(self, Z: Array) -> int:
        return 1 if len(Z) * self.weights.size <= FEW_PRODUCTS else resolve_threads(self.n_threads)

    def evaluate(self, X: Array) -> Array:
        Z = contiguous(self.inputs.apply(X))
        threads, (n, d), m = self._threads(Z), Z.shape, self.y.shape[1]
        values, slopes = (one.evaluate(Z, threads) for one in self._sums)
        slopes = slopes.reshape(n, d + 1, m)
        values += (
            self._polynomial.evaluate(Z, self.n_threads) + slopes[:, d] + np.einsum("nd,ndm->nm", Z, slopes[:, :d])
        )
        scaled: Array = np.ldexp(values, self.exponents)
        return scaled

    def evaluate_gradient(self, X: Array) -> Array:
        Z = contiguous(self.inputs.apply(X))
        threads, (n, d), m = self._threads(Z), Z.shape, self.y.shape[1]
        of_values, of_slopes = self._sums
        slopes = of_slopes.evaluate(Z, threads).reshape(n, d + 1, m)[:, :d]
        by_z = of_slopes.gradient(Z, threads).reshape(n, d + 1, m, d)
        gradient = of_values.gradient(Z, threads) + self._polynomial.gradient(Z, self.n_threads)
        gradient += slopes.transpose(0, 2, 1) + by_z[:, d] + np.einsum("nd,ndmi->nmi", Z, by_z[:, :d])
        scaled: Array = np.ldexp(gradient / self.inputs.divisor, self.exponents[:, None] - self.inputs.exponent)
        return scaled

    def operations(self, x: Vector) -> Vector:
        (n, d), m = self.X.shape, self.y.shape[1]
        z = self.inputs.applied(x)

        def radial(points: Array, kernel: str, weights: Array) -> Vector:
            radii = scaled(distances(z, points), np.full(len(points), self.epsilon))
            return affine(each(radii, functions.RADIAL[kernel]), weights.T, np.zeros(weights.shape[1]))

        total = added(self._polynomial.operations(z), radial(self._points, self.kernel, self.weights[:n]))
        slopes = radial(self._places, self._slope.kernel, self._of_slopes)
        for j in range(d):
            total = added(total, multiplied(taken(slopes, range(j * m, (j + 1) * m)), taken(z, [j])))
        total = added(total, taken(slopes, range(d * m, (d + 1) * m)))
        return times_power_of_two(total, self.exponents)

    def box(self) -> tuple[Array, Array] | None:
        every = np.concatenate([self.X, self.places])
        return every.min(axis=0), every.max(axis=0)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in ARRAYS}
        if self.scales is not None:
            arrays["scales"] = self.scales
        return {"kernel": self.kernel, "epsilon": self.epsilon}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> HermiteRBF:
        return cls(
            arrays["X"],
            arrays["y"],
            arrays["places"],
            None,
            kernel=values["kernel"],
            epsilon=values["epsilon"],
            scales=arrays.get("scales"),
            signature=signature,
            weights=(arrays["weights"], arrays["slopes"]),
        )
