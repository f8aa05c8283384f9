"""Finds the spline through rows that form a grid, of the degree that is best between a coarser grid's lines.

Random rows can't be held out of a grid, but lines can. For each degree a spline through every second line of each axis
is measured at the other rows. The degree that wins is then used on all rows. The errors reported are those of the
coarser spline: those of the final one are smaller, by about 2^(degree+1) where the data are smooth.

Where slopes by all columns are known at all nodes, splines that go through these as well are tried beside the others.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples
from ..facts import Facts
from ..models import HermiteSpline, Model, Reduced, Signature, SplineInterpolator
from ..models.grid import MAX_AXES
from ..models.hermite_spline import DEGREES, least_points
from ..models.reduced import Variables
from ..models.spline import MAX_DEGREE
from .scheduler import Step, Steps, Worker
from .search import MOST_STEP, Found, Rows

# Multiply-adds of a node and an axis when a spline is made, and of a row and a product of B-splines when it is
# evaluated: 10 to 40 ns and 1 ns.
NODE_WORK, PRODUCT_WORK = 400.0, 10.0


@dataclass(frozen=True)
class Choice:
    """The degrees of a spline along its axes, and whether it goes through slopes and second derivatives, too."""

    degrees: tuple[int, ...]
    has_slopes: bool = False
    has_bends: bool = False

    @property
    def order(self) -> int:
        """Of the derivatives that it goes through."""
        return self.has_slopes + self.has_bends


@dataclass(frozen=True)
class Grid:
    """Rows that are the nodes of a grid, each once: its `axes`, and the `nodes` in C order, the last axis fastest.

    `axes` are those of the `columns` that vary.
    """

    axes: list[Array]
    columns: list[int]
    nodes: Samples

    @classmethod
    def of(cls, samples: Samples, found: tuple[list[Array], NDArray[np.intp]] | None) -> Grid:
        """The grid of all rows, of what was `found` of their axes and order: `Facts.grid`. ValueError for None."""
        if found is None:
            counts = [len(np.unique(column)) for column in samples.X.T]
            shape = " x ".join(map(str, counts))
            raise ValueError(
                f"X: method 'spline' takes rows that form a full grid, every combination of the values in each "
                f"column once; expected {shape} = {math.prod(counts)} different rows, got {len(samples.X)} rows. "
                f"Methods 'polynomial' and 'network' take scattered rows."
            )
        axes, order = found
        columns = _varying(axes)
        if len(columns) > MAX_AXES:
            raise ValueError(f"X: method 'spline' takes at most {MAX_AXES} columns that vary, got {len(columns)}")
        return cls([axes[j] for j in columns], columns, samples.take(order))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)

    def coarser(self) -> tuple[Grid, NDArray[np.intp]]:
        """Every second line of each axis and the last one, and the nodes that are on none of them."""
        kept = [np.arange(n) % 2 == 0 for n in self.shape]
        for lines in kept:
            lines[-1] = True
        on = np.zeros(self.shape, dtype=bool)
        on[np.ix_(*kept)] = True
        axes = [axis[lines] for axis, lines in zip(self.axes, kept, strict=True)]
        return Grid(axes, self.columns, self.nodes.take(np.flatnonzero(on))), np.flatnonzero(~on)

    @cached_property
    def slopes(self) -> list[Array] | None:
        """Those along each axis, (n_1, ..., n_k, m); None where not all are known."""
        return self._derivatives(1)

    @cached_property
    def bends(self) -> Array | None:
        """The second derivatives along the only axis, None where not all are known."""
        every = self._derivatives(2) if len(self.axes) == 1 else None
        return None if every is None else every[0]

    def _derivatives(self, order: int) -> list[Array] | None:
        known, y = self.nodes.derivatives, self.nodes.y
        if known is None:
            return None
        every = known.gradients_at(len(y), order)
        if not np.isfinite(every[:, :, self.columns]).all():
            return None
        return [every[:, :, j].reshape(*self.shape, -1) for j in self.columns]

    def spline(self, choice: Choice) -> Model:
        """The spline through all nodes; of the columns that vary where others don't."""
        values, degrees = self.nodes.y.reshape(*self.shape, -1), choice.degrees
        model: SplineInterpolator | HermiteSpline
        if choice.has_slopes:
            assert self.slopes is not None
            bends = self.bends if choice.has_bends else None
            model = HermiteSpline(
                self.axes, values, self.slopes, bends=bends, degrees=degrees, outside="extrapolate", n_threads=1
            )
        else:
            model = SplineInterpolator(self.axes, values, degree=degrees, outside="extrapolate", n_threads=1)
        signature, d = Signature.of(self.nodes), self.nodes.X.shape[1]
        if len(self.columns) < d:
            return Reduced(
                model, Variables(("sum",) * len(self.columns), np.eye(d)[self.columns], np.zeros(d)), signature
            )
        model.signature = signature
        return model

    @property
    def work(self) -> float:
        """Multiply-adds of making a spline."""
        return NODE_WORK * len(self.nodes.X) * len(self.axes)

    def description(self, choice: Choice) -> str:
        degrees, same = choice.degrees, len(set(choice.degrees)) == 1
        return f"spline of degree {degrees[0] if same else degrees} on {' x '.join(map(str, self.shape))}"


def is_grid(facts: Facts) -> bool:
    """Whether `SplineSearch` can do anything with these rows, if lines are left out."""
    if facts.grid is None:
        return False
    axes = facts.grid[0]
    return len(_varying(axes)) <= MAX_AXES and max(map(len, axes)) > 2


def _varying(axes: list[Array]) -> list[int]:
    """The axes of more than one value."""
    return [j for j, axis in enumerate(axes) if len(axis) > 1]


class SplineSearch:
    """Offers the spline through all rows of the table, of the best degree.

    Splines are measured by the lines that a coarser one is not given; where the rows held out are none of the table, by
    these. Raises ValueError where the table forms no grid, or has no line to leave out.
    """

    def __init__(self, rows: Rows, rng: np.random.Generator) -> None:
        self.prospect = 0.0
        self.grid = self.measured = Grid.of(rows.table or rows.train, rows.grid)
        self.rows = rows
        if not rows.is_apart:
            if max(self.grid.shape) < 3:
                raise ValueError(f"X: expected a column with 3 values or more, got a grid of {self.grid.shape}")
            self.measured, off = self.grid.coarser()
            self.rows = Rows.of(self.measured.nodes, self.grid.nodes.take(off), rng)

    def steps(self) -> Steps:
        choices = self._choices()
        found = yield [Step(self._work(c), partial(self._found, c)) for c in choices]
        choice, best = min(zip(choices, found, strict=True), key=lambda pair: pair[1].score)
        if self.measured is not self.grid:
            [model] = yield [Step(self._making(self.grid, choice), lambda worker: self.grid.spline(choice))]
            best = replace(best, model=model, measured=best.model, measured_at=self.rows.held_out)
        yield best

    def _choices(self) -> list[Choice]:
        """All degrees, of values alone and with the derivatives that are known at all nodes."""
        shape = self.measured.shape
        every = [Choice(tuple(min(degree, n - 1) for n in shape)) for degree in range(1, MAX_DEGREE + 1)]
        if self.measured.slopes is not None and self.grid.slopes is not None:
            orders = [1, 2] if self.measured.bends is not None and self.grid.bends is not None else [1]
            for order, degree in itertools.product(orders, DEGREES):
                some = [[k for k in DEGREES if 2 * order < k <= degree and least_points(k, order) <= n] for n in shape]
                if all(some):
                    every.append(Choice(tuple(max(own) for own in some), True, order == 2))
        return list(dict.fromkeys(every))

    def _making(self, grid: Grid, choice: Choice) -> float:
        """Multiply-adds of a spline, which has (order + 1)^axes as many coefficients as nodes."""
        return grid.work * (1.0 + choice.order) ** len(grid.axes)

    def _work(self, choice: Choice) -> float:
        rows = self._rows(choice)
        return self._making(self.measured, choice) + _evaluation(choice) * (rows.n + rows.n_held_out)

    def _rows(self, choice: Choice) -> Rows:
        """As many as a step may take long: a value in six dimensions is made of up to 8^6 products."""
        most = max(1, int(MOST_STEP / _evaluation(choice)))
        return self.rows.fewer(most, most)

    def _found(self, choice: Choice, worker: Worker) -> Found:
        lines = "" if self.measured is self.grid else ", every second line"
        model = self.measured.spline(choice)
        return self._rows(choice).found(
            model,
            HermiteSpline.family if choice.has_slopes else SplineInterpolator.family,
            self.measured.description(choice) + lines,
            coordinates=str(choice.degrees),
            status="interpolated",
            uses_derivatives=choice.has_slopes,
        )


def _evaluation(choice: Choice) -> float:
    """Of a row."""
    return PRODUCT_WORK * math.prod(degree + 1 for degree in choice.degrees)
