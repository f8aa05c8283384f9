"""Polynomials on [-1, 1]^d in Legendre's basis: a single product of it, or a random sum of unit size.

With P_k the Legendre polynomials, sqrt(2k + 1) P_k has RMS 1 on [-1, 1], and different k are orthogonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.polynomial.legendre import legvander

from ..arrays import Array
from .problem import FunctionProblem

MAX_TERMS = 100_000


def legendre(degrees: Sequence[int]) -> FunctionProblem:
    """P_k1(x1) P_k2(x2) ... for `degrees` (k1, k2, ...)."""
    degrees = tuple(degrees)
    if not degrees or min(degrees) < 0:
        raise ValueError(f"degrees: expected one integer >= 0 for each input, got {degrees}")

    def values(X: Array) -> Array:
        factors = [legvander(x, k)[:, k] for x, k in zip(X.T, degrees, strict=True)]
        product: Array = np.multiply.reduce(factors)
        return product

    formula = "*".join(f"P_{k}(x{j})" for j, k in enumerate(degrees, start=1))
    return FunctionProblem(f"legendre:{'-'.join(map(str, degrees))}", formula, ((-1.0, 1.0),) * len(degrees), values)


def random_polynomial(n_inputs: int, degree: int, seed: int) -> FunctionProblem:
    """A random polynomial of total degree `degree` in `n_inputs` variables, of RMS 1 on [-1, 1]^d.

    Its coefficients in products of sqrt(2k + 1) P_k are normal and then scaled to a sum of squares of 1.
    """
    if n_inputs < 1 or degree < 0:
        raise ValueError(f"expected n_inputs >= 1 and degree >= 0, got {n_inputs} and {degree}")
    if comb(n_inputs + degree, degree) > MAX_TERMS:
        raise ValueError(f"degree: expected at most {MAX_TERMS} terms, got {comb(n_inputs + degree, degree)}")
    degrees = _degrees(n_inputs, degree)
    coefficients = np.random.default_rng(seed).normal(size=len(degrees))
    coefficients /= np.linalg.norm(coefficients)
    size = np.sqrt(2.0 * np.arange(degree + 1) + 1.0)

    def values(X: Array) -> Array:
        basis = [(legvander(x, degree) * size).T for x in X.T]
        total = np.zeros(len(X))
        for powers, coefficient in zip(degrees, coefficients, strict=True):
            total += coefficient * np.multiply.reduce([basis[j][k] for j, k in enumerate(powers)])
        return total

    return FunctionProblem(
        f"polynomial:{n_inputs}:{degree}:{seed}",
        f"polynomial of degree {degree} in {n_inputs} variables of seed {seed}",
        ((-1.0, 1.0),) * n_inputs,
        values,
    )


def _degrees(d: int, total: int) -> list[tuple[int, ...]]:
    """All (k1, ..., kd) whose sum is at most `total`."""
    if d == 1:
        return [(k,) for k in range(total + 1)]
    return [(k, *rest) for k in range(total + 1) for rest in _degrees(d - 1, total - k)]
