"""Chebyshev polynomials in several variables, fitted to scattered points: what a smooth simple law is to 1e-15."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..export.program import Vector, times_power_of_two, unless_missing
from ..monomials import monomials
from ..networks.parts import Parts, Value
from ..report import FitReport
from ..threads import resolve_threads
from . import enclosures
from .calculus import chebyshev_integrals
from .chebyshev import MOST_DEGREE, ChebyshevTerms, Indices
from .chebyshev_series import ChebyshevSeries
from .enclosures import Enclosed, Enclosure
from .extended import Extended
from .model import Model, Signature
from .normalization import Normalization, as_exponents

# With as many outputs, each product of Chebyshev polynomials is computed once for all of them, not once for each: one
# point of 30 outputs and 432 terms takes a tenth of the time, many points half of it.
MANY_OUTPUTS = 8
# Rows that are evaluated at once then: products of 1,000 terms take 4 MB.
BLOCK_ROWS = 512
# Powers of two up to this exponent, times coefficients of LEAST to 1 / LEAST, are far from the ends of float64.
MOST_EXPONENT, LEAST = 200, 1e-150
# Of as many terms it is asked whether fewer monomials are the same, up to this, relative: some milliseconds.
MOST_MONOMIALS, EXACT = 60, 1e-14


class Polynomial(Model):
    """y_k = 2^b_k sum_a c_ak T_a1(z_1) ... T_ad(z_d), where z = inputs(x) maps the box of the data to [-1, 1].

    `indices` (p, d) holds the rows a, `coefficients` (p, m) the c, `output_exponents` (m,) the b, 0 if left out.
    n_threads : None for all cores.

    `fit_polynomial` finds all of it; what it returns is a `Transformed` around a polynomial where other coordinates are
    better.
    """

    family = "polynomial"

    def __init__(
        self,
        indices: ArrayLike,
        coefficients: ArrayLike,
        *,
        inputs: Normalization | None = None,
        output_exponents: ArrayLike | None = None,
        signature: Signature | None = None,
        report: FitReport | None = None,
        n_threads: int | None = None,
    ) -> None:
        resolve_threads(n_threads)
        self.indices = _as_indices(indices)
        p, d = self.indices.shape
        self.coefficients = np.array(coefficients, dtype=np.float64)
        if self.coefficients.ndim == 1:
            self.coefficients = self.coefficients[:, None]
        if self.coefficients.ndim != 2 or len(self.coefficients) != p:
            raise ValueError(f"coefficients: expected ({p},) or ({p}, m), got {np.shape(coefficients)}")
        m = self.coefficients.shape[1]
        super().__init__(signature or Signature(d, m, y_is_vector=m == 1), report)
        self.signature.require(d, m, "the sum of the terms")
        self.inputs = inputs or Normalization.identity(d)
        if self.inputs.shift.shape != (d,):
            raise ValueError(f"inputs: expected a normalization of {d} columns, got {len(self.inputs.shift)}")
        self.output_exponents = as_exponents(
            np.zeros(m) if output_exponents is None else output_exponents, "output_exponents"
        )
        if self.output_exponents.shape != (m,):
            raise ValueError(f"output_exponents: expected ({m},), got {self.output_exponents.shape}")
        self.n_threads = n_threads

    def __repr__(self) -> str:
        degree = int(self.indices.sum(axis=1).max(initial=0))
        return f"Polynomial({self.signature.n_inputs} inputs, {len(self.indices)} terms up to degree {degree})"

    @property
    def n_params(self) -> int:
        return self.coefficients.size

    def evaluate(self, X: Array) -> Array:
        if self.coefficients.shape[1] < MANY_OUTPUTS:
            return self._series.evaluate(X, self.n_threads)
        if len(X) <= BLOCK_ROWS:
            values = self._block(X)
        else:
            values = np.concatenate([self._block(X[i : i + BLOCK_ROWS]) for i in range(0, len(X), BLOCK_ROWS)])
        if not self._uses_all_inputs:
            values[np.isnan(X).any(axis=1)] = np.nan
        return values

    def _block(self, X: Array) -> Array:
        """Values of few rows and many outputs; a product for each row, so that it has the same bits in any batch."""
        products = self._terms.design(self.inputs.apply(X))
        weights, exponents = self._weights
        values: Array = np.matmul(products[:, None, :], weights)[:, 0, :]
        return values if exponents is None else np.ldexp(values, exponents)

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        total = self._terms.extended_sum(Extended(*self.inputs.apply_extended(X)), self.coefficients)
        high, low = np.ldexp(total.high, self.output_exponents), np.ldexp(total.low, self.output_exponents)
        high[np.isnan(X).any(axis=1)] = np.nan
        return high, np.where(np.isfinite(high), low, 0.0)

    def evaluate_gradient(self, X: Array) -> Array:
        return self._series.gradient(X, self.n_threads)

    def exact_integral(self, low: Array, high: Array) -> Array | None:
        z_low, z_high = (self.inputs.apply(end[None])[0] for end in (low, high))
        products = np.ones(len(self.indices))
        for j, degrees in enumerate(self.indices.T):
            width = z_high[j] - z_low[j]
            if width > 0.0:
                own = chebyshev_integrals(z_low[j], z_high[j], int(degrees.max())) * ((high[j] - low[j]) / width)
            else:  # a column that was constant
                own = (high[j] - low[j]) * chebvander(z_low[j : j + 1], int(degrees.max()))[0]
            products *= own[degrees]
        return np.ldexp(products @ self.coefficients, self.output_exponents)

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        z = [
            enclosures.constant(0.0, own)
            if scale == 0.0
            else own.times_power_of_two(-exponent).shifted(-shift).divided(scale)
            for own, exponent, shift, scale in zip(x, *self._affine, strict=True)
        ]
        sums = enclosures.sum_of_products(self.indices, self.coefficients, z)
        exponents = self.output_exponents.tolist()
        slopes = [
            [
                enclosures.constant(0.0, own) if scale == 0.0 else own.divided(scale).times_power_of_two(b - exponent)
                for own, exponent, _, scale in zip(of_output, *self._affine, strict=True)
            ]
            for of_output, b in zip(sums.slopes, exponents, strict=True)
        ]
        return [Enclosed([one.times_power_of_two(b) for one, b in zip(sums.values, exponents, strict=True)], slopes)]

    @property
    def _affine(self) -> tuple[list[int], list[float], list[float]]:
        """Exponent, shift and scale of each input."""
        return self.inputs.exponent.tolist(), self.inputs.shift.tolist(), self.inputs.scale.tolist()

    def operations(self, x: Vector) -> Vector:
        total = self._series.operations(self.inputs.applied(x))
        return unless_missing(times_power_of_two(total, self.output_exponents), x)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        return [self._part(parts, x, c) for c in self.coefficients.T]

    def used(self, x: Sequence[Value | None]) -> list[Value]:
        """Those of its inputs `x` that it depends on."""
        columns = self.indices[self.coefficients.any(axis=1)].any(axis=0) & ~self.inputs.constant
        return [value for value, is_used in zip(x, columns, strict=True) if is_used and value is not None]

    def _part(self, parts: Parts, x: Sequence[Value | None], c: Array) -> Value | None:
        """The sum with the coefficients `c` (p,): monomials where these are few, else functions of the inputs that
        terms have in common."""
        x = [None if constant else value for value, constant in zip(x, self.inputs.constant, strict=True)]
        short = monomials(self.indices, c, self.inputs, EXACT) if np.count_nonzero(c) <= MOST_MONOMIALS else None
        if short is not None and len(short) <= np.count_nonzero(c):
            powers = np.array([*short], dtype=np.intp).reshape(-1, len(x))
            return parts.polynomial(powers, np.array([*short.values()]), x, in_powers=True)
        return parts.polynomial(self.indices[c != 0.0], c[c != 0.0], x)

    @cached_property
    def _places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The terms and outputs of the coefficients that are not 0: what is not there stays so."""
        terms, outputs = np.nonzero(self.coefficients)
        return terms, outputs

    def own_parameters(self) -> Array:
        return self.coefficients[self._places]

    def own_degrees(self) -> NDArray[np.intp]:
        degrees: NDArray[np.intp] = self.indices.sum(axis=1)[self._places[0]]
        return degrees

    def own_terms(self) -> NDArray[np.bool_]:
        return np.ones(len(self._places[0]), dtype=bool)

    def own_jacobian(self, X: Array) -> Array:
        products = self._terms.design(self.inputs.apply(X))
        terms, outputs = self._places
        jacobian = np.zeros((len(X), self.coefficients.shape[1], len(terms)))
        for k, exponent in enumerate(self.output_exponents):
            own = np.flatnonzero(outputs == k)
            jacobian[:, k, own] = np.ldexp(products[:, terms[own]], exponent)
        return jacobian

    def with_own_parameters(self, parameters: Array) -> Polynomial:
        coefficients = self.coefficients.copy()
        coefficients[self._places] = parameters
        return self._of_terms(self.indices, coefficients)

    def with_own_terms(self, kept: NDArray[np.bool_]) -> Polynomial:
        coefficients = self.coefficients.copy()
        coefficients[self._places] = np.where(kept, self.own_parameters(), 0.0)
        used = coefficients.any(axis=1)
        if not used.any():
            raise ValueError("kept: expected at least 1 term, got 0")
        return self._of_terms(self.indices[used], coefficients[used])

    def _of_terms(self, indices: Indices, coefficients: Array) -> Polynomial:
        return Polynomial(
            indices,
            coefficients,
            inputs=self.inputs,
            output_exponents=self.output_exponents,
            signature=self.signature,
        )

    def box(self) -> tuple[Array, Array] | None:
        return self.inputs.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays: dict[str, NDArray[Any]] = {
            "indices": self.indices.astype(np.int64),
            "coefficients": self.coefficients,
            "output_exponents": self.output_exponents,
            "inputs_exponent": self.inputs.exponent,
            "inputs_shift": self.inputs.shift,
            "inputs_scale": self.inputs.scale,
        }
        return {}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Polynomial:
        inputs = Normalization(arrays["inputs_exponent"], arrays["inputs_shift"], arrays["inputs_scale"])
        return cls(
            arrays["indices"],
            arrays["coefficients"],
            inputs=inputs,
            output_exponents=arrays["output_exponents"],
            signature=signature,
        )

    @cached_property
    def _weights(self) -> tuple[Array, NDArray[np.intc] | None]:
        """The coefficients times their powers of two, if these are so near 1 that no bit of a sum changes; or apart."""
        sizes = np.abs(self.coefficients[self.coefficients != 0.0])
        is_far = np.max(np.abs(self.output_exponents), initial=0) > MOST_EXPONENT or sizes.min(initial=1.0) < LEAST
        if is_far or sizes.max(initial=1.0) > 1.0 / LEAST:
            return self.coefficients, self.output_exponents
        return np.ldexp(self.coefficients, self.output_exponents), None

    @cached_property
    def _uses_all_inputs(self) -> bool:
        """Whether a NaN among the inputs reaches all outputs by itself."""
        return bool((self.indices > 0).any(axis=0).all())

    @cached_property
    def _terms(self) -> ChebyshevTerms:
        return ChebyshevTerms(self.indices)

    @cached_property
    def _series(self) -> ChebyshevSeries:
        return ChebyshevSeries(self.indices, self.coefficients, self.inputs, self.output_exponents)


def _as_indices(indices: ArrayLike) -> Indices:
    array = np.array(indices)
    if array.ndim != 2 or array.dtype.kind not in "iu" or array.size == 0 or array.min() < 0:
        raise ValueError(f"indices: expected integers >= 0 of shape (p, d), got {array.dtype} of shape {array.shape}")
    if array.max() > MOST_DEGREE:
        raise ValueError(f"indices: expected degrees up to {MOST_DEGREE}, got {array.max()}")
    return array.astype(np.intp)
