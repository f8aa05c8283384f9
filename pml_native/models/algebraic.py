"""Roots of polynomials in y whose coefficients are polynomials in x: what equations of state, roots of roots and laws
that are given implicitly are, and what bends as near a branch point as they do.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..export.program import Vector, polynomial_root
from ..networks.parts import Parts, Value
from ..report import FitReport
from .adjusting import AtPart
from .extended import Extended
from .model import Model, Signature
from .nested import parts_described, parts_restored
from .normalization import Normalization
from .polynomial import Polynomial

# Newton's steps, and the longest of them, where the range of y is 2: some come from a start that is far off, some halve
# what lies between two signs, and five or six double the digits.
STEPS, LONGEST = 16, 0.1
# A step below this is the last: it leaves its square.
CONVERGED = 1e-10
# Where the sum is 0 to rounding, so many spacings of float64 of its coefficients' sizes, and it does not rise or a step
# is longer than what a double root is known to, two roots touch, and rounding alone says where the step goes: that is
# the root. (Of 5,000 points on the edge of max(x0, x1^2) two were off by most of its range without this.)
ROUNDED, STILL = 64.0 * float(np.finfo(np.float64).eps), 1.5e-8
LENGTHS = (LONGEST, CONVERGED, ROUNDED, STILL)


class Algebraic(Model):
    """y with c_0(x) + c_1(x) t + ... + c_q(x) t^q = 0, where t = outputs(y): the root that Newton's method finds.

    `polynomials` have q + 2 outputs, c_0, ..., c_q and where Newton's method starts, t_0, within LONGEST of the range.
    The sum rises with t at the root: where it is above 0 steps go down, and up where it is below, even where it falls
    with t, so that a start beyond a turn comes back. They are STEPS in number, no longer than LONGEST, and go to the
    middle between a value above 0 and one below instead of beyond either; where two roots touch they end. `outputs` is
    the normalization of y.

    Values mean nothing, or are NaN, where there is no such root; `fit_algebraic` takes only relations that have one in
    all of the box of the rows.

    Raises ValueError for polynomials of fewer than four outputs, a normalization of more columns than one, or a
    signature that they don't have.
    """

    family = "algebraic"
    is_linear = False

    def __init__(
        self,
        polynomials: Polynomial,
        outputs: Normalization | None = None,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        d, m = polynomials.signature.n_inputs, polynomials.signature.n_outputs
        if m < 4:
            raise ValueError(f"polynomials: expected 4 outputs or more, for degree 2 and the start, got {m}")
        super().__init__(signature or Signature(d, 1, True), report)
        self.signature.require(d, 1, "the root")
        self.polynomials = polynomials
        self.outputs = outputs or Normalization.identity(1)
        if self.outputs.shift.shape != (1,):
            raise ValueError(f"outputs: expected a normalization of 1 column, got {len(self.outputs.shift)}")
        self.n_threads = polynomials.n_threads

    def __repr__(self) -> str:
        p = len(self.polynomials.indices)
        return (
            f"Algebraic({self.signature.n_inputs} inputs, degree {self.degree} in y, {p} terms, {self.n_params} used)"
        )

    @property
    def degree(self) -> int:
        """q, that of the relation in y."""
        return self.polynomials.signature.n_outputs - 2

    @property
    def n_params(self) -> int:
        return int(np.count_nonzero(self.polynomials.coefficients))

    def evaluate(self, X: Array) -> Array:
        values = self.polynomials.evaluate(X)
        return self.outputs.invert(roots(values[:, :-1], values[:, -1])[:, None])

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        """One more step, for which the sum is taken in double-double: that doubles the digits again, if it has any."""
        high, low = self.polynomials.evaluate_extended(X)
        t = roots(high[:, :-1], high[:, -1])
        with np.errstate(all="ignore"):
            total = Extended(high[:, -2], low[:, -2])
            for k in range(self.degree - 1, -1, -1):
                total = total.times(t) + Extended(high[:, k], low[:, k])
            correction = total.high / value_and_slope(high[:, :-1], t)[1]
            correction = np.where(np.abs(correction) < CONVERGED, correction, 0.0)
            exact = Extended(t, np.zeros_like(t)) + Extended(-correction, np.zeros_like(t))
            value, rest = self.outputs.invert_extended(exact.high[:, None], exact.low[:, None])
        return value, np.where(np.isfinite(value), rest, 0.0)

    def evaluate_gradient(self, X: Array) -> Array:
        """By the theorem of implicit functions: -(dP/dx) / (dP/dt)."""
        values, slopes = self.polynomials.evaluate(X), self.polynomials.evaluate_gradient(X)
        t = roots(values[:, :-1], values[:, -1])
        with np.errstate(all="ignore"):
            by_x = slopes[:, self.degree]
            for k in range(self.degree - 1, -1, -1):
                by_x = by_x * t[:, None] + slopes[:, k]
            by_x = -by_x / value_and_slope(values[:, :-1], t)[1][:, None] * self.outputs.scale
        return np.ldexp(by_x, self.outputs.exponent)[:, None, :]

    def operations(self, x: Vector) -> Vector:
        return self.outputs.inverted(polynomial_root(self.polynomials.operations(x), STEPS, LENGTHS))

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        return [parts.function(self.polynomials.used(x))]

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return (self.polynomials,)

    def at_parts(self, X: Array) -> list[AtPart]:
        """By the theorem of implicit functions; the root does not depend on where Newton's method starts."""
        values = self.polynomials.evaluate(X)
        t = roots(values[:, :-1], values[:, -1])
        with np.errstate(all="ignore"):
            by_value = (
                -1.0 / value_and_slope(values[:, :-1], t)[1] * np.ldexp(self.outputs.scale, self.outputs.exponent)
            )
            slope = np.zeros((len(X), 1, self.degree + 2))
            slope[:, 0, :-1] = by_value[:, None] * t[:, None] ** np.arange(self.degree + 1)
        return [AtPart(X, slope)]

    def with_parts(self, parts: Sequence[Model]) -> Algebraic:
        [polynomials] = parts
        assert isinstance(polynomials, Polynomial)
        return Algebraic(polynomials, self.outputs, self.signature)

    def box(self) -> tuple[Array, Array] | None:
        return self.polynomials.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [polynomials], arrays = parts_described([self.polynomials])
        arrays["outputs_exponent"] = self.outputs.exponent
        arrays["outputs_shift"] = self.outputs.shift
        arrays["outputs_scale"] = self.outputs.scale
        return {"polynomials": polynomials}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Algebraic:
        [polynomials] = parts_restored([values["polynomials"]], arrays)
        if not isinstance(polynomials, Polynomial):
            raise ValueError(f"expected the polynomials of a relation, got {polynomials.family}")
        outputs = Normalization(arrays["outputs_exponent"], arrays["outputs_shift"], arrays["outputs_scale"])
        return cls(polynomials, outputs, signature)


def value_and_slope(c: Array, t: Array) -> tuple[Array, Array]:
    """sum_k c_k t^k for each row of `c` (n, q + 1) at its `t` (n,), and its derivative by t."""
    value, slope = c[:, -1], np.zeros(len(c))
    for k in range(c.shape[1] - 2, -1, -1):
        slope = slope * t + value
        value = value * t + c[:, k]
    return value, slope


def within_range(start: Array) -> Array:
    """`start` (n,), or -1 or 1 and LONGEST beyond, if it is further: t is from -1 to 1 at rows, not in all corners."""
    return np.clip(start, -1.0 - LONGEST, 1.0 + LONGEST)


def roots(c: Array, start: Array) -> Array:
    """Where sum_k c_k t^k is 0 and rises, for each row of `c` (n, q + 1) by Newton's method from its `start` (n,)."""
    result = within_range(start)
    rows, t, c = np.arange(len(result)), result, np.asfortranarray(c)
    low, high = np.full(len(t), -np.inf), np.full(len(t), np.inf)
    with np.errstate(all="ignore"):
        nothing = ROUNDED * functools.reduce(np.add, np.abs(c).T)  # term by term, as all languages have it
        for _ in range(STEPS):
            value, slope = value_and_slope(c, t)
            low, high = np.where(value < 0.0, t, low), np.where(value > 0.0, t, high)
            step = value / slope
            touching = (np.abs(value) <= nothing) & ((slope <= 0.0) | (np.abs(step) > STILL))
            step = np.where((slope <= 0.0) | (np.abs(step) > LONGEST), np.copysign(LONGEST, value), step)
            following = t - step
            following = np.where((following >= low) & (following <= high), following, 0.5 * (low + high))
            t = np.where(touching, t, following)
            result[rows] = t
            left = np.flatnonzero(~(np.abs(step) <= CONVERGED) & ~touching)
            if len(left) < len(rows):  # each row by itself, so that it has the same bits in any batch
                rows, t, low, high, nothing = rows[left], t[left], low[left], high[left], nothing[left]
                c = np.asfortranarray(c[left])
            if not len(rows):
                break
    return result
