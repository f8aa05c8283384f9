"""Finds the spline through rows that form a grid, of the degree that is best between a coarser grid's lines.

Random rows can't be held out of a grid, but lines can. For each degree a spline through every second line of each axis
is measured at the other rows. The degree that wins is then used on all rows. The errors reported are those of the
coarser spline: those of the final one are smaller, by about 2^(degree+1) where the data are smooth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples
from ..facts import Facts
from ..models import Model, Reduced, Signature, SplineInterpolator
from ..models.grid import MAX_AXES
from ..models.reduced import Variables
from ..models.spline import MAX_DEGREE
from .scheduler import Step, Steps, Worker
from .search import MOST_STEP, Found, Rows

# Multiply-adds of a node and an axis when a spline is made, and of a row and a product of B-splines when it is
# evaluated: 10 to 40 ns and 1 ns.
NODE_WORK, PRODUCT_WORK = 400.0, 10.0


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

    def spline(self, degrees: tuple[int, ...]) -> Model:
        """The spline through all nodes; of the columns that vary where others don't."""
        values = self.nodes.y.reshape(*self.shape, -1)
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

    def description(self, degrees: tuple[int, ...]) -> str:
        same = len(set(degrees)) == 1
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
        every = [tuple(min(degree, n - 1) for n in self.measured.shape) for degree in range(1, MAX_DEGREE + 1)]
        choices = list(dict.fromkeys(every))
        found = yield [Step(self._work(c), partial(self._found, c)) for c in choices]
        degrees, best = min(zip(choices, found, strict=True), key=lambda pair: pair[1].score)
        if self.measured is not self.grid:
            [model] = yield [Step(self.grid.work, lambda worker: self.grid.spline(degrees))]
            best = replace(best, model=model, measured=best.model, measured_at=self.rows.held_out)
        yield best

    def _work(self, degrees: tuple[int, ...]) -> float:
        rows = self._rows(degrees)
        return self.measured.work + _evaluation(degrees) * (rows.n + rows.n_held_out)

    def _rows(self, degrees: tuple[int, ...]) -> Rows:
        """As many as a step may take long: a value in six dimensions is made of up to 8^6 products."""
        most = max(1, int(MOST_STEP / _evaluation(degrees)))
        return self.rows.fewer(most, most)

    def _found(self, degrees: tuple[int, ...], worker: Worker) -> Found:
        lines = "" if self.measured is self.grid else ", every second line"
        return self._rows(degrees).found(
            self.measured.spline(degrees),
            SplineInterpolator.family,
            self.measured.description(degrees) + lines,
            coordinates=str(degrees),
            status="interpolated",
        )


def _evaluation(degrees: tuple[int, ...]) -> float:
    """Of a row."""
    return PRODUCT_WORK * math.prod(degree + 1 for degree in degrees)
