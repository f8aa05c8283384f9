"""Quotients of polynomials in several variables: for what has poles near the box, bends sharply or levels off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..export.program import Vector, quotient, taken
from ..networks.parts import Parts, Value
from ..report import FitReport
from .adjusting import AtPart
from .extended import Extended
from .model import Model, Signature
from .nested import parts_described, parts_restored
from .polynomial import Polynomial


class Rational(Model):
    """y_k = p_k(x) / q(x): `polynomials` has the outputs p_1, ..., p_m, q, in the same terms.

    Values are infinite, or NaN, where q is 0; `fit_rational` takes only denominators that have no zero in the box of
    the rows.

    Raises ValueError for polynomials of fewer than two outputs, or for a signature that they don't have.
    """

    family = "rational"
    is_linear = False

    def __init__(
        self, polynomials: Polynomial, signature: Signature | None = None, report: FitReport | None = None
    ) -> None:
        d, m = polynomials.signature.n_inputs, polynomials.signature.n_outputs - 1
        if m < 1:
            raise ValueError("polynomials: expected numerators and a denominator, got one output")
        super().__init__(signature or Signature(d, m, y_is_vector=m == 1), report)
        self.signature.require(d, m, "the quotient")
        self.polynomials = polynomials
        self.n_threads = polynomials.n_threads

    def __repr__(self) -> str:
        degrees = self.polynomials.indices.sum(axis=1)
        used = self.polynomials.coefficients != 0.0
        top, bottom = (int(degrees[part].max(initial=0)) for part in (used[:, :-1].any(axis=1), used[:, -1]))
        return f"Rational({self.signature.n_inputs} inputs, degree {top} over {bottom}, {self.n_params} terms)"

    @property
    def n_params(self) -> int:
        return int(np.count_nonzero(self.polynomials.coefficients))

    def evaluate(self, X: Array) -> Array:
        values = self.polynomials.evaluate(X)
        with np.errstate(all="ignore"):
            return values[:, :-1] / values[:, -1:]

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        high, low = self.polynomials.evaluate_extended(X)
        with np.errstate(all="ignore"):
            top = Extended(high[:, :-1], low[:, :-1])
            exponents = top.exponents()
            value = (top.scaled(-exponents) / Extended(high[:, -1:], low[:, -1:])).scaled(exponents)
        return value.high, np.where(np.isfinite(value.high), value.low, 0.0)

    def evaluate_gradient(self, X: Array) -> Array:
        values, slopes = self.polynomials.evaluate(X), self.polynomials.evaluate_gradient(X)
        with np.errstate(all="ignore"):
            bottom = values[:, -1:, None]
            y = values[:, :-1, None] / bottom
            gradient: Array = (slopes[:, :-1] - y * slopes[:, -1:]) / bottom
        return gradient

    def operations(self, x: Vector) -> Vector:
        values = self.polynomials.operations(x)
        m = self.signature.n_outputs
        return quotient(taken(values, range(m)), taken(values, [m]))

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        used = self.polynomials.used(x)
        if len({value.number for value in used}) <= 2:  # one part, whatever it is made of
            return [parts.function(used) for _ in range(self.signature.n_outputs)]
        *above, below = self.polynomials.made_of(parts, x)
        return [parts.joint([one, below], lambda both: parts.quotient(*both)) for one in above]

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return (self.polynomials,)

    def at_parts(self, X: Array) -> list[AtPart]:
        values = self.polynomials.evaluate(X)
        m = self.signature.n_outputs
        slope = np.zeros((len(X), m, m + 1))
        with np.errstate(all="ignore"):
            slope[:, range(m), range(m)] = 1.0 / values[:, -1:]
            slope[:, :, m] = -values[:, :-1] / values[:, -1:] ** 2
        return [AtPart(X, slope)]

    def with_parts(self, parts: Sequence[Model]) -> Rational:
        [polynomials] = parts
        assert isinstance(polynomials, Polynomial)
        return Rational(polynomials, self.signature)

    def box(self) -> tuple[Array, Array] | None:
        return self.polynomials.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [polynomials], arrays = parts_described([self.polynomials])
        return {"polynomials": polynomials}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Rational:
        [polynomials] = parts_restored([values["polynomials"]], arrays)
        if not isinstance(polynomials, Polynomial):
            raise ValueError(f"expected the polynomials of a quotient, got {polynomials.family}")
        return cls(polynomials, signature)
