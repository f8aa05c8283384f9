"""A sum of products of Chebyshev polynomials with its derivatives, evaluated by the compiled core.

Products with the same head are summed before they are multiplied by it, as in Horner's scheme: one multiply-add a term.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arrays import Array, contiguous
from ..export.program import Vector, nested_chebyshev
from ..threads import resolve_threads
from .chebyshev import ChebyshevTerms, Indices
from .normalization import Normalization

# Below this many multiply-adds a thread takes longer to wake than to work.
FEW_PRODUCTS = 1 << 16


class ChebyshevSeries:
    """y_k = 2^b_k sum_a c_ak T_a1(z_1) ... T_ad(z_d), z = inputs(x).

    `indices` (p, d) holds the a, `coefficients` (p, m) the c, `output_exponents` (m,) the b.
    """

    def __init__(
        self, indices: Indices, coefficients: Array, inputs: Normalization, output_exponents: NDArray[np.intc]
    ) -> None:
        self._made_of = indices, coefficients, inputs, output_exponents
        # The variable of the highest degree comes last: most products then hang from few others.
        self._columns = columns = np.argsort(indices.max(axis=0), kind="stable")
        self._tree = ChebyshevTerms(indices[:, columns]).tree
        parents, variables, degrees, places = self._tree
        weights = np.zeros((len(parents), coefficients.shape[1]))
        np.add.at(weights, places, coefficients)  # a product may be there twice
        self._weights = np.ascontiguousarray(weights.T)
        self._core = _core.ChebyshevSeries(
            parents.tolist(),
            variables.tolist(),
            degrees.tolist(),
            self._weights,
            columns.tolist(),
            inputs.exponent[columns].tolist(),
            inputs.shift[columns].tolist(),
            inputs.divisor[columns].tolist(),
            output_exponents.tolist(),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the core's tables, which are built again."""
        return ChebyshevSeries, self._made_of

    def evaluate(self, X: Array, n_threads: int | None = None) -> Array:
        """Values (n, m) at `X` (n, d); NaN where a row has one."""
        return self._core.evaluate(contiguous(X), self._threads(X, n_threads))

    def gradient(self, X: Array, n_threads: int | None = None) -> Array:
        """Derivatives (n, m, d) by x."""
        return self._core.gradient(contiguous(X), self._threads(X, n_threads))

    def operations(self, z: Vector) -> Vector:
        """The sums before they are multiplied by 2^b, at z (d,), as operations."""
        parents, variables, degrees, _ = self._tree
        return nested_chebyshev(z, parents, self._columns[variables], degrees, self._weights)

    def _threads(self, X: Array, n_threads: int | None) -> int:
        return 1 if len(X) * self._weights.size <= FEW_PRODUCTS else resolve_threads(n_threads)
