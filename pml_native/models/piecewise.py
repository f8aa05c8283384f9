"""Models side by side along one input: each has an interval of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..export.program import Vector, piecewise_chebyshev
from ..report import FitReport
from .model import Model, Signature
from .nested import parts_described, parts_restored
from .polynomial import Polynomial


class Piecewise(Model):
    """y = f_k(x) for b_k <= x < b_(k+1): `breaks` b (p + 1,), increasing, and `parts` f_0 ... f_(p-1), of one input.

    Beyond the breaks the first and the last part go on. Where two parts meet, y jumps by as much as they disagree:
    the parts that `approximate` makes, by about its tolerance.

    Raises ValueError for breaks that don't increase or parts that don't fit them.
    """

    family = "piecewise"

    def __init__(
        self,
        breaks: ArrayLike,
        parts: Sequence[Model],
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        self.breaks = np.array(breaks, dtype=np.float64)
        self.parts = tuple(parts)
        if self.breaks.ndim != 1 or len(self.breaks) != len(self.parts) + 1 or not self.parts:
            raise ValueError(f"breaks: expected ({len(self.parts) + 1},), one more than parts, got {self.breaks.shape}")
        if not (np.isfinite(self.breaks).all() and (np.diff(self.breaks) > 0).all()):
            raise ValueError(f"breaks: expected finite increasing numbers, got {self.breaks.tolist()}")
        super().__init__(signature or self.parts[0].signature, report)
        wanted = 1, self.signature.n_outputs
        for k, part in enumerate(self.parts):
            got = part.signature.n_inputs, part.signature.n_outputs
            if got != wanted:
                raise ValueError(f"parts[{k}]: expected {wanted[0]} input and {wanted[1]} outputs, got {got}")
        self.signature.require(*wanted, "every part")

    def __repr__(self) -> str:
        return f"Piecewise({len(self.parts)} parts, {self.n_params} parameters)"

    @property
    def n_params(self) -> int:
        return sum(part.n_params for part in self.parts)

    def evaluate(self, X: Array) -> Array:
        out = np.full((len(X), self.signature.n_outputs), np.nan)
        for rows, part in self._shares(X):
            out[rows] = part.evaluate(X[rows])
        return out

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        high = np.full((len(X), self.signature.n_outputs), np.nan)
        low = np.zeros_like(high)
        for rows, part in self._shares(X):
            high[rows], low[rows] = part.evaluate_extended(X[rows])
        return high, low

    def evaluate_gradient(self, X: Array) -> Array:
        out = np.full((len(X), self.signature.n_outputs, 1), np.nan)
        for rows, part in self._shares(X):
            out[rows] = part.evaluate_gradient(X[rows])
        return out

    def operations(self, x: Vector) -> Vector:
        series, units, factors = [], [], []
        for k, part in enumerate(self.parts):
            if not isinstance(part, Polynomial):
                raise ValueError(f"parts[{k}]: expected a polynomial, for other languages, got {part.family}")
            dense = np.zeros((int(part.indices.max()) + 1, self.signature.n_outputs))
            np.add.at(dense, part.indices[:, 0], part.coefficients)
            inputs = part.inputs
            series.append(dense)
            units.append([np.ldexp(1.0, -inputs.exponent[0]), inputs.shift[0], inputs.divisor[0]])
            factors.append(np.ldexp(1.0, part.output_exponents))
            if not all(0.0 < scale < np.inf for scale in (units[k][0], *factors[k])):
                raise ValueError(f"parts[{k}]: expected powers of two that float64 holds, for other languages")
        return piecewise_chebyshev(x, self.breaks, np.array(units), np.array(factors), series)

    def box(self) -> tuple[Array, Array]:
        return self.breaks[:1], self.breaks[-1:]

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        descriptions, arrays = parts_described(self.parts)
        return {"parts": descriptions}, {"breaks": self.breaks, **arrays}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Piecewise:
        return cls(arrays["breaks"], parts_restored(values["parts"], arrays), signature)

    def _shares(self, X: Array) -> Iterator[tuple[NDArray[np.intp], Model]]:
        """The rows of each part that has some; those of NaN are nobody's."""
        known = np.flatnonzero(~np.isnan(X[:, 0]))
        part_of = np.searchsorted(self.breaks[1:-1], X[known, 0], side="right")
        order = np.argsort(part_of, kind="stable")
        bounds = np.searchsorted(part_of[order], np.arange(len(self.parts) + 1))
        for k in np.unique(part_of):
            yield known[order[bounds[k] : bounds[k + 1]]], self.parts[k]
