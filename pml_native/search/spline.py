"""How `fit` interpolates rows that form a grid: a spline, of the degree that is best between a coarser grid's lines.

Random rows can't be held out of a grid, but lines can. For each degree a spline through every second line of each axis
is measured at all other rows. The degree that wins is then used on all rows. The errors reported are those of the
coarser spline: those of the final one are smaller, by about 2^(degree+1) where the data are smooth.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..facts import Facts

Session = Measured = object
from ..grids import grid_axes
from ..models import Signature, SplineInterpolator
from ..models.grid import MAX_AXES
from ..models.spline import MAX_DEGREE
from ..report import Candidate, Errors


@dataclass(frozen=True)
class Grid:
    """Rows that are the nodes of a grid, each once: `axes`, and `values` (n_1, ..., n_d, m)."""

    axes: list[Array]
    values: Array

    @classmethod
    def of(cls, X: Array, y: Array, facts: Facts | None = None) -> Grid:
        """The grid that the rows of X (n, d) form in any order, exactly; ValueError where they don't.

        `facts` are those of the rows; None finds the axes.
        """
        found = grid_axes(X) if facts is None else facts.grid
        if found is None:
            counts = [len(np.unique(column)) for column in X.T]
            shape = " x ".join(map(str, counts))
            raise ValueError(
                f"X: method 'spline' takes rows that form a full grid, every combination of two or more values in each "
                f"column once; expected {shape} = {math.prod(counts)} different rows, got {len(X)} rows. Methods "
                f"'polynomial' and 'network' take scattered rows."
            )
        axes, order = found
        if len(axes) > MAX_AXES:
            raise ValueError(f"X: method 'spline' takes at most {MAX_AXES} columns, got {len(axes)}")
        return cls(axes, y[order].reshape(*map(len, axes), -1))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)

    def coarser(self) -> tuple[Grid, NDArray[np.bool_]]:
        """Every second line of each axis and the last one, and which nodes are off this grid."""
        kept = [np.arange(n) % 2 == 0 for n in self.shape]
        for lines in kept:
            lines[-1] = True
        chosen = np.ix_(*kept)
        off = np.ones(self.shape, dtype=bool)
        off[chosen] = False
        return Grid([axis[lines] for axis, lines in zip(self.axes, kept, strict=True)], self.values[chosen]), off

    def rows(self, chosen: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Inputs and outputs at the nodes chosen."""
        index = np.nonzero(chosen)
        return np.stack([axis[i] for axis, i in zip(self.axes, index, strict=True)], axis=1), self.values[index]


def is_grid(facts: Facts) -> bool:
    """Whether `train_splines` can do anything with these rows."""
    if facts.grid is None or facts.d > MAX_AXES:
        return False
    axes, _ = facts.grid
    return any(len(axis) > 2 for axis in axes)


def train_splines(session: Session, rng: np.random.Generator) -> None:
    """Offers the spline through all rows; ValueError where they form no grid.

    Where the user gave rows to validate by, they are what all is measured on, and the other rows are the grid.
    """
    train, held_out = session.train, session.validation
    if session.validation_is_given:
        grid = coarse = Grid.of(train.X, train.y)
        X, y, n_rows, lines = held_out.X, held_out.y, None, ""
    else:
        grid = Grid.of(np.concatenate([train.X, held_out.X]), np.concatenate([train.y, held_out.y]))
        coarse, off = grid.coarser()
        X, y = grid.rows(off)
        n_rows, lines = (off.size - len(X), len(X)), ", every second line"
        if not off.any():
            raise ValueError(f"X: expected a column with 3 values or more, got a grid of {grid.shape}")
    tried: dict[tuple[int, ...], Errors] = {}
    for degree in range(1, MAX_DEGREE + 1):
        degrees = tuple(min(degree, n - 1) for n in coarse.shape)
        if degrees in tried or (tried and session.should_stop):
            continue
        start = time.perf_counter()
        model = _spline(coarse, degrees, session)
        errors = tried[degrees] = Errors.of(model.evaluate(X), y)
        at_nodes = Errors.of(model.evaluate(coarse.rows(np.ones(coarse.shape, dtype=bool))[0]), _flat(coarse.values))
        session.candidates.append(
            Candidate(
                SplineInterpolator.family,
                _description(degrees, coarse) + lines,
                model.n_params,
                at_nodes.rmse,
                errors.rmse,
                errors.p95,
                errors.max,
                time.perf_counter() - start,
                "interpolated",
            )
        )
        session.show(_description(degrees, coarse), errors)
    best = min(tried, key=lambda degrees: tried[degrees].rmse)
    measured = Measured(_spline(coarse, best, session), X, y)
    session.offer(lambda: _spline(grid, best, session), tried[best], n_rows, measured=measured)
    session.tell(f"splines come to {tried[best].rmse:.1e}{lines}")


def _spline(grid: Grid, degrees: tuple[int, ...], session: Session) -> SplineInterpolator:
    model = SplineInterpolator(
        grid.axes, grid.values, degree=degrees, outside="extrapolate", n_threads=session.n_threads
    )
    model.signature = Signature.of(session.train)
    return model


def _flat(values: Array) -> Array:
    return values.reshape(-1, values.shape[-1])


def _description(degrees: tuple[int, ...], grid: Grid) -> str:
    same = len(set(degrees)) == 1
    return f"spline of degree {degrees[0] if same else degrees} on {' x '.join(map(str, grid.shape))}"
