"""Integrals, roots and extrema of any model."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, PrecisionWarning
from ..encodings import Categories, Flags
from . import boxes, calculus, enclosures
from .evaluation import Evaluated


class Analyzed(Evaluated):
    """What is asked of a model as a function on a box."""

    def integral(self, bounds: ArrayLike | None = None, *, tolerance: float = 1e-12) -> Any:
        """The integral over a box, `bounds` (d, 2), or (low, high) for one input; of the rows, if left out.

        A number if y was a vector, else (m,), complex as y was. Exact to rounding for polynomials, splines in their
        axes, pieces along one input, and sums of these; else by adaptive quadrature (`scipy.integrate.cubature`) to
        `tolerance` of the integral of |y|, with a `PrecisionWarning` where that takes too long, as it may from four
        inputs on.
        """
        low, high = self._bounds(bounds)
        found = self.as_outputs(calculus.integral(self, self._values_at, low, high, tolerance)[None])[0]
        return found.item() if found.ndim == 0 else found

    def roots(self, y: ArrayLike = 0.0, bounds: ArrayLike | None = None) -> Array:
        """All x between `bounds` (low, high), the box if left out, where a model of one input is `y`, ascending: (k,).

        Of d inputs and d outputs, those (k, d) in the box `bounds` (d, 2) where all outputs have the values `y` (d,),
        or one for all. A double root may be there twice, as rounding makes two of it. Of several inputs, roots are all
        there where the model is smooth: what may be left out of boxes is decided by bounds of its series on them. Where
        it has kinks, more than some six inputs, or needs more terms than 20,000 on a part of the box, they are those
        that Newton's method finds from 200 points, and a `PrecisionWarning` says so. Raises ValueError for other
        numbers of inputs and outputs: where one output has a value is a curve then (`slice` or `inverse` follow it).
        """
        d, m = self.signature.n_inputs, self.signature.n_outputs
        if self.encodings is not None and self.encodings.complex_y is not None:
            raise ValueError("roots: expected a model of real y, got one of complex y")
        if d == m == 1:
            low, high = self._one_input(bounds)
            [value] = self._values_wanted(y).tolist()
            return calculus.roots(lambda x: self._at(x) - value, self._slope_at, low, high)
        if d != m:
            raise ValueError(f"roots: expected a model of as many outputs as inputs, got {d} inputs and {m} outputs")
        begin, end = self._bounds(bounds)
        wanted = self._values_wanted(y)
        found, is_certain = calculus.zeros_in_box(
            lambda: boxes.resolved(lambda X: self._values_at(X) - wanted, begin, end),
            lambda X: self._values_at(X) - wanted,
            lambda X: self.gradient(X).reshape(len(X), m, d),
            begin,
            end,
        )
        self._say_certain("roots", is_certain)
        return found

    def extrema(self, bounds: ArrayLike | None = None) -> tuple[Array, Array]:
        """All x (k,) between `bounds` where the derivative of a model of one input is 0 or changes its sign, and y (k,)
        there.

        Of several inputs, all points (k, d) in the box `bounds` (d, 2) where all derivatives are 0, saddles too, as
        `hessian` tells; for what is certain of that, see `roots`. Raises ValueError for models of several outputs.
        """
        self._one_output("extrema")
        if self.signature.n_inputs == 1:
            low, high = self._one_input(bounds)
            bend = lambda x: self.evaluate_hessian(x[:, None])[:, 0, 0, 0]  # noqa: E731
            x = calculus.roots(self._slope_at, bend, low, high, jumps=True)
            return x, self._at(x)
        begin, end = self._bounds(bounds)
        found, is_certain = calculus.zeros_in_box(
            lambda: [
                [one.derivative(j) for j in range(len(begin))] for [one] in boxes.resolved(self._values_at, begin, end)
            ],
            self._slopes_at,
            self._bends_at,
            begin,
            end,
        )
        self._say_certain("extrema", is_certain)
        return found, self._values_at(found)[:, 0]

    def minimum(self, bounds: ArrayLike | None = None) -> tuple[Any, float]:
        """Where a model is least between `bounds`, ends included, and y there: x is a number for one input, else (d,).

        Of several inputs it is the least of all of the box, for what is certain of that see `roots`. Raises ValueError
        for models of several outputs.
        """
        return self._extreme("minimum", bounds, 1.0)

    def maximum(self, bounds: ArrayLike | None = None) -> tuple[Any, float]:
        """Where a model is largest between `bounds`, ends included, and y there: see `minimum`."""
        return self._extreme("maximum", bounds, -1.0)

    def enclosure(self, bounds: ArrayLike | None = None, *, tolerance: float = 0.02) -> enclosures.Range:
        """What values and derivatives are between on a box, `bounds` (d, 2), or (low, high) for one input; of the rows,
        if left out: `low`, `high`, `gradient_low`, `gradient_high`, and `lipschitz`, how much y changes at most with x.

        It is proved: whatever `model(X)` and `model.gradient(X)` compute in float64 at points of the box is in it,
        rounding included. Of one y that was a vector values are numbers and derivatives (d,), else (m,) and (m, d).
        Wider than the range by `tolerance` of its width at most, where some thousand boxes do for that; of regions, it
        is what all their laws are between.

        For polynomials, sums of products, pieces, and what is made of them by sums, products and slices: ValueError for
        other families, saying which, for series of more than 50,000 terms or degrees above 256 on the whole box, for
        boxes beyond that of the rows where the model does not extrapolate, and for a tolerance that is not above 0.
        """
        if not tolerance > 0.0:
            raise ValueError(f"tolerance: expected a number above 0, got {tolerance!r}")
        if self.encodings is not None and self.encodings.complex_y is not None:
            raise ValueError("enclosure: expected a model of real y, got one of complex y")
        low, high = self._bounds(bounds)
        how = self.beyond
        if how is not None and how.kind != "extrapolate" and (np.any(low < how.low) or np.any(high > how.high)):
            raise ValueError(
                f"enclosure: expected a box in that of the rows, {how.low.tolist()} to {how.high.tolist()}, as "
                f"outside is {how.kind!r}, got {low.tolist()} to {high.tolist()}"
            )
        found = enclosures.range_of(self, low, high, tolerance)
        if not self.signature.y_is_vector:
            return found
        return enclosures.Range(float(found.low[0]), float(found.high[0]), *(one[0] for one in found[2:]))

    def _extreme(self, what: str, bounds: ArrayLike | None, sign: float) -> tuple[Any, float]:
        """Where `sign` times the model is least, and y there."""
        self._one_output(what)
        if self.signature.n_inputs == 1:
            low, high = self._one_input(bounds)
            x = np.concatenate([[low, high], self.extrema(bounds)[0]])
            y = self._at(x)
            least = int(np.nanargmin(sign * y))
            return float(x[least]), float(y[least])
        begin, end = self._bounds(bounds)
        place, value, is_certain = calculus.least_in_box(
            lambda: boxes.resolved(lambda X: sign * self._values_at(X), begin, end),
            lambda X: sign * self._values_at(X)[:, 0],
            lambda X: sign * self._slopes_at(X),
            lambda X: sign * self._bends_at(X),
            begin,
            end,
        )
        self._say_certain(what, is_certain)
        return place, sign * value

    def _say_certain(self, what: str, is_certain: bool) -> None:
        if not is_certain:
            warnings.warn(
                f"{what}: found by Newton's method from {calculus.STARTS} points, as the model is no series that could "
                f"be bounded; there may be others",
                PrecisionWarning,
                stacklevel=4,
            )

    def _values_wanted(self, y: ArrayLike) -> Array:
        """The values (m,) that roots are to have."""
        m = self.signature.n_outputs
        try:
            given = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError):
            given = np.full(m, np.nan)
        if given.shape not in ((), (1,), (m,)) or not np.isfinite(given).all():
            raise ValueError(f"y: expected a finite number{'' if m == 1 else f', or {m} of them'}, got {y!r}")
        return np.broadcast_to(given, (m,))

    def _values_at(self, X: Array) -> Array:
        """Values (n, m), real and imaginary parts in turns where y was complex."""
        values = np.asarray(self.predict(X))
        if values.dtype.kind == "c":
            values = np.ascontiguousarray(values).view(np.float64)
        return values.reshape(len(X), self.signature.n_outputs)

    def _slopes_at(self, X: Array) -> Array:
        return self.gradient(X).reshape(X.shape)

    def _bends_at(self, X: Array) -> Array:
        """Second derivatives (n, d, d), 0 for a family that knows none."""
        try:
            return self.hessian(X).reshape(*X.shape, X.shape[1])
        except ValueError:
            return np.zeros((*X.shape, X.shape[1]))

    def _at(self, x: Array) -> Array:
        return np.asarray(self.predict(x[:, None])).reshape(len(x))

    def _slope_at(self, x: Array) -> Array:
        return self.gradient(x[:, None]).reshape(len(x))

    def _one_output(self, what: str) -> None:
        if self.signature.n_outputs != 1:
            raise ValueError(f"{what}: expected a model of 1 output, got {self.signature.n_outputs}")

    def _one_input(self, bounds: ArrayLike | None) -> tuple[float, float]:
        """The bounds of a model of one input."""
        low, high = self._bounds(bounds)
        return float(low[0]), float(high[0])

    def _bounds(self, bounds: ArrayLike | None) -> tuple[Array, Array]:
        """Bounds as the lowest and the highest inputs (d,); ValueError for a model of inputs that are no numbers."""
        for j, encoding in enumerate(() if self.encodings is None else self.encodings.inputs):
            if isinstance(encoding, (Categories, Flags)):
                name = j if self.signature.input_names is None else self.signature.input_names[j]
                raise ValueError(
                    f"expected a model of numbers, got {encoding.kind} in column {name!r}: hold it at one of them, "
                    f"slice({{{name!r}: ...}})"
                )
        if bounds is None:
            return self.known_box()
        d = self.signature.n_inputs
        given = np.asarray(bounds, dtype=np.float64)
        pairs = given[None] if given.shape == (2,) and d == 1 else given
        if pairs.shape != (d, 2) or not np.all(pairs[:, 0] < pairs[:, 1]) or not np.isfinite(pairs).all():
            raise ValueError(f"bounds: expected ({d}, 2), finite numbers, the lower first, got {given.tolist()}")
        return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
