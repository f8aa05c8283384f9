"""Models side by side along one input: each has an interval of its own."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..export.program import Vector, chosen, joined, piecewise_chebyshev, within
from ..report import FitReport
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .model import Model, Signature
from .nested import parts_described, parts_restored
from .polynomial import Polynomial

# The order of a break of which nothing is known but its place; and that of a power of the distance from it.
UNKNOWN, CUSP = -1, -2


class Piece(NamedTuple):
    """`model` holds for low <= x < high, x being the input that decides."""

    low: float
    high: float
    model: Model


class Piecewise(Model):
    """y = f_k(x) for b_k <= x_j < b_(k+1): `breaks` b (p + 1,), increasing, and `parts` f_0 ... f_(p-1).

    j is the `column` of the input that decides. A break belongs to the part above it, values and derivatives alike: the
    derivative from below is that of the part below, `pieces[k].model.gradient`. Beyond the outer breaks the first and
    the last part go on. Where two parts meet, y jumps by as much as they disagree: the parts that `approximate` makes,
    by about its tolerance.

    Of each of the p - 1 inner breaks `gaps` (p - 1, 2) says between which numbers it is, the break itself if left out,
    and `orders` (p - 1,) which derivative is the first to jump: 0 is y itself, -1 not known, -2 none, as
    y has a power of the distance from the break.

    Raises ValueError for breaks that don't increase, or parts, gaps and orders that don't fit them.
    """

    family = "piecewise"

    def __init__(
        self,
        breaks: ArrayLike,
        parts: Sequence[Model],
        signature: Signature | None = None,
        report: FitReport | None = None,
        *,
        column: int = 0,
        gaps: ArrayLike | None = None,
        orders: Sequence[int] | None = None,
    ) -> None:
        self.breaks = np.array(breaks, dtype=np.float64)
        self.parts = tuple(parts)
        if self.breaks.ndim != 1 or len(self.breaks) != len(self.parts) + 1 or not self.parts:
            raise ValueError(f"breaks: expected ({len(self.parts) + 1},), one more than parts, got {self.breaks.shape}")
        if not (np.isfinite(self.breaks).all() and (np.diff(self.breaks) > 0).all()):
            raise ValueError(f"breaks: expected finite increasing numbers, got {self.breaks.tolist()}")
        super().__init__(signature or self.parts[0].signature, report)
        wanted = self.parts[0].signature.n_inputs, self.signature.n_outputs
        for k, part in enumerate(self.parts):
            got = part.signature.n_inputs, part.signature.n_outputs
            if got != wanted:
                raise ValueError(f"parts[{k}]: expected {wanted[0]} inputs and {wanted[1]} outputs, got {got}")
        self.signature.require(*wanted, "every part")
        self.column = int(column)
        if not 0 <= self.column < wanted[0]:
            raise ValueError(f"column: expected the number of an input, 0 to {wanted[0] - 1}, got {column}")
        inner = self.breaks[1:-1]
        self.gaps = np.stack([inner, inner], axis=1) if gaps is None else np.array(gaps, dtype=np.float64)
        if self.gaps.shape != (len(inner), 2) or not np.all((self.gaps[:, 0] <= inner) & (inner <= self.gaps[:, 1])):
            raise ValueError(f"gaps: expected ({len(inner)}, 2), numbers around each break, got {self.gaps.tolist()}")
        self.orders = tuple(map(int, [UNKNOWN] * len(inner) if orders is None else orders))
        if len(self.orders) != len(inner):
            raise ValueError(f"orders: expected {len(inner)}, one for each break between parts, got {len(self.orders)}")

    def __repr__(self) -> str:
        return f"Piecewise({len(self.parts)} parts, {self.n_params} parameters)"

    @property
    def n_params(self) -> int:
        return sum(part.n_params for part in self.parts)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The parts with their intervals, from the lowest to the highest."""
        return tuple(map(Piece, self.breaks[:-1].tolist(), self.breaks[1:].tolist(), self.parts))

    def piece_of(self, X: ArrayLike) -> NDArray[np.intp]:
        """The number of the piece that holds at `X` (n, d), (n,); -1 where the input that decides is NaN."""
        return self._numbers(self.as_inputs(X))

    def undecided(self, X: Array) -> Array:
        """How far the parts on both sides of a jump are apart where no row says which of them holds, 0 elsewhere."""
        x, out = X[:, self.column], super().undecided(X)
        for k, (low, high) in enumerate(self.gaps):
            rows = np.flatnonzero((low < x) & (x < high) & (self.orders[k] == 0))
            if len(rows):
                out[rows] = np.abs(self.parts[k + 1].evaluate(X[rows]) - self.parts[k].evaluate(X[rows]))
        for rows, part in self._shares(X):
            out[rows] = np.maximum(out[rows], part.undecided(X[rows]))
        return out

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
        out = np.full((len(X), self.signature.n_outputs, self.signature.n_inputs), np.nan)
        for rows, part in self._shares(X):
            out[rows] = part.evaluate_gradient(X[rows])
        return out

    def exact_integral(self, low: Array, high: Array) -> Array | None:
        ends = np.concatenate([[-np.inf], self.breaks[1:-1], [np.inf]])
        total = np.zeros(self.signature.n_outputs)
        for part, begin, end in zip(self.parts, ends[:-1], ends[1:], strict=True):
            first, last = low.copy(), high.copy()
            first[self.column], last[self.column] = max(low[self.column], begin), min(high[self.column], end)
            if first[self.column] < last[self.column]:
                own = part.exact_integral(first, last)
                if own is None:
                    return None
                total += own
        return total

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        low, high = x[self.column].range()
        first, last = np.searchsorted(self.breaks[1:-1], [low, high], side="right").tolist()
        # Of a box that ends at a break, which belongs to the part above it, that is another box.
        if low < high and x[self.column].ends is not None:
            last = int(np.searchsorted(self.breaks[1:-1], high, side="left"))
        return [own for part in self.parts[first : last + 1] for own in part.enclosed(x)]

    def cuts(self) -> list[tuple[int, float]]:
        own = [(self.column, place) for place in self.breaks[1:-1].tolist()]
        return own + [cut for part in self.parts for cut in part.cuts()]

    def operations(self, x: Vector) -> Vector:
        if self.signature.n_inputs == 1 and all(isinstance(part, Polynomial) for part in self.parts):
            return self._series(x)
        # Each part computes a value, where it doesn't hold in the middle of its own interval: there it has one.
        values = []
        for k, (low, high, part) in enumerate(self.pieces):
            middle = 0.5 * low + 0.5 * high
            low, high = -np.inf if k == 0 else low, np.inf if k == len(self.parts) - 1 else high
            values.append(part.operations(within(x, self.column, low, high, middle)))
        return chosen(x, self.column, self.breaks, functools.reduce(joined, values))

    def _series(self, x: Vector) -> Vector:
        """The operations of polynomials of one input: their series of one variable side by side."""
        series, units, factors = [], [], []
        for k, part in enumerate(self.parts):
            assert isinstance(part, Polynomial)
            dense = np.zeros((int(part.indices.max()) + 1, self.signature.n_outputs))
            np.add.at(dense, part.indices[:, 0], part.coefficients)
            inputs = part.inputs
            series.append(dense)
            units.append([np.ldexp(1.0, -inputs.exponent[0]), inputs.shift[0], inputs.divisor[0]])
            factors.append(np.ldexp(1.0, part.output_exponents))
            if not all(0.0 < scale < np.inf for scale in (units[k][0], *factors[k])):
                raise ValueError(f"parts[{k}]: expected powers of two that float64 holds, for other languages")
        return piecewise_chebyshev(x, self.breaks, np.array(units), np.array(factors), series)

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return self.parts

    def at_parts(self, X: Array) -> list[AtPart]:
        part_of, one = self._numbers(X), np.eye(self.signature.n_outputs)
        asked = []
        for k, (low, high, _) in enumerate(self.pieces):
            here = part_of == k
            own = X.copy()
            own[~here, self.column] = 0.5 * low + 0.5 * high  # where the part has a value
            asked.append(AtPart(own, here[:, None, None] * one))
        return asked

    def with_parts(self, parts: Sequence[Model]) -> Piecewise:
        return Piecewise(self.breaks, parts, self.signature, column=self.column, gaps=self.gaps, orders=self.orders)

    def box(self) -> tuple[Array, Array] | None:
        if self.signature.n_inputs == 1:
            return self.breaks[:1], self.breaks[-1:]
        boxes = [box for part in self.parts if (box := part.box()) is not None]
        if len(boxes) < len(self.parts):
            return None
        low, high = np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
        low[self.column], high[self.column] = self.breaks[0], self.breaks[-1]
        return low, high

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        descriptions, arrays = parts_described(self.parts)
        values = {"parts": descriptions, "column": self.column, "orders": list(self.orders)}
        return values, {"breaks": self.breaks, "gaps": self.gaps, **arrays}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Piecewise:
        parts, column, orders = parts_restored(values["parts"], arrays), values.get("column", 0), values.get("orders")
        return cls(arrays["breaks"], parts, signature, column=column, gaps=arrays.get("gaps"), orders=orders)

    def _numbers(self, X: Array) -> NDArray[np.intp]:
        x = X[:, self.column]
        return np.where(np.isnan(x), -1, np.searchsorted(self.breaks[1:-1], x, side="right"))

    def _shares(self, X: Array) -> Iterator[tuple[NDArray[np.intp], Model]]:
        """The rows of each part that has some; those of NaN are nobody's."""
        part_of = self._numbers(X)
        order = np.argsort(part_of, kind="stable")
        bounds = np.searchsorted(part_of[order], np.arange(len(self.parts) + 1))
        for k in np.unique(part_of[order[bounds[0] :]]):
            yield order[bounds[k] : bounds[k + 1]], self.parts[k]
