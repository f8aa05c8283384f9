"""Tensor-product splines through values and slopes on a grid.

Along an axis of n points whose slopes are known the spline has 2 n coefficients, and 3 n where second derivatives are
known as well. Knots are the points, each twice (three times), without as many next to either end as the degree asks:
the spline of degree k reproduces polynomials of it, and has one (two) continuous derivatives less than one through
values alone. Its error falls as h^(k+1), of about half (a third) of the h that values alone have; degree 3 (5) is that
of Hermite's polynomials, cell by cell.

Slopes along single axes are given. What products of B-splines ask for as well, derivatives along several axes, are
slopes along one of splines through the slopes along the others: what they are off by counts h^2 times as much.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.sparse import csc_array, diags_array, vstack
from scipy.sparse.linalg import splu

from ..arrays import Array
from .grid import GridModel, Outside, Unit, as_axes, as_grid_values
from .model import Signature
from .spline import MAX_DEGREE, knots_of

DEGREES = (3, 5, 7)


class HermiteSpline(GridModel):
    """The spline through `values` and `slopes` on the grid of `axes`, of odd `degrees` from 3 to 7, one an axis.

    axes : d increasing arrays, of (degree + 1) / 2 points or more.
    values : (n_1, ..., n_d), or (n_1, ..., n_d, m) for m outputs.
    slopes : d arrays of the shape of `values`, derivatives along each axis.
    bends : of one axis, the second derivatives, of the shape of `values`, or None; degrees are then 5 or 7.
    outside : what X beyond the axes gives: "error" (ValueError), "extrapolate", or "nan".
    """

    family = "hermite_spline"

    def __init__(
        self,
        axes: Sequence[ArrayLike],
        values: ArrayLike,
        slopes: Sequence[ArrayLike],
        *,
        degrees: Sequence[int],
        bends: ArrayLike | None = None,
        outside: Outside = "error",
        n_threads: int | None = None,
    ) -> None:
        points = as_axes(axes)
        d = len(points)
        grid, is_vector = as_grid_values(values, points)
        if len(slopes) != d or len(degrees) != d:
            raise ValueError(f"slopes, degrees: expected {d}, one for each axis, got {len(slopes)} and {len(degrees)}")
        if bends is not None and d > 1:
            raise ValueError(f"bends: expected one axis, got {d}")
        self.degrees, self.order = tuple(map(int, degrees)), 1 if bends is None else 2
        for j, (axis, k) in enumerate(zip(points, self.degrees, strict=True)):
            least = 3 if self.order == 1 else 5
            if k not in DEGREES or k < least:
                raise ValueError(f"degrees: expected odd numbers from {least} to {MAX_DEGREE}, got {k}")
            if len(axis) < least_points(k, self.order):
                raise ValueError(
                    f"axes[{j}]: expected at least {least_points(k, self.order)} points for degree {k}, got {len(axis)}"
                )
        exponent = np.frexp(np.max(np.abs(grid), axis=tuple(range(1, d + 1)), keepdims=True))[1]
        units = [Unit(axis) for axis in points]
        known: dict[tuple[int, ...], Array] = {(): np.ldexp(grid, -exponent)}
        for j, (slope, unit) in enumerate(zip(slopes, units, strict=True)):
            along = as_grid_values(slope, points, f"slopes[{j}]")[0]
            if along.shape != grid.shape:
                raise ValueError(f"slopes[{j}]: expected {np.shape(values)}, as values, got {np.shape(slope)}")
            known[j,] = np.ldexp(along, -exponent) * unit.step
        if bends is not None:
            known[0, 0] = np.ldexp(as_grid_values(bends, points, "bends")[0], -exponent) * units[0].step ** 2
        for size in range(2, d + 1):
            for some in itertools.combinations(range(d), size):
                rests = [(j, tuple(i for i in some if i != j)) for j in some]
                known[some] = np.mean([_slope(known[rest], units[j].points, j) for j, rest in rests], axis=0)
        for j, (unit, k) in enumerate(zip(units, self.degrees, strict=True)):
            repeated = [(j,) * order for order in range(self.order + 1)]
            known = {
                along: _solved([f, *(known[own + along] for own in repeated[1:])], unit.points, k, j)
                for along, f in known.items()
                if j not in along
            }
            # What is left is along later axes only, in ascending order.
        with np.errstate(over="ignore"):
            coefficients = np.ascontiguousarray(np.ldexp(known[()], exponent))
        if not np.isfinite(coefficients).all():
            raise ValueError("values: expected magnitudes whose coefficients float64 can hold, got some too large")
        super().__init__(points, coefficients, Signature(d, len(grid), is_vector), outside=outside, n_threads=n_threads)

    def __repr__(self) -> str:
        what = "slopes" if self.order == 1 else "slopes, second derivatives"
        return f"HermiteSpline({tuple(map(len, self.axes))} points with {what}, degree {self.degrees})"

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        values, arrays = super().state()
        return {**values, "degrees": list(self.degrees), "order": self.order}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> HermiteSpline:
        model = cls.__new__(cls)
        model.degrees, model.order = tuple(values["degrees"]), int(values["order"])
        model._restore(values, arrays, signature)
        return model

    def _basis(self, j: int, unit: Unit) -> tuple[int, Array]:
        return self.degrees[j], _knots(unit.points, self.degrees[j], self.order + 1)


def least_points(degree: int, order: int) -> int:
    """Of an axis, for derivatives up to `order`: those have as many numbers as a polynomial of this degree."""
    return max(2, -(-(degree + 1) // (order + 1)))


def _knots(points: Array, k: int, times: int) -> Array:
    """The points, so many times each, without as many next to either end, between k + 1 times either end."""
    inner = np.repeat(points[1:-1], times)
    left_out = (k + 1) // 2 - times
    ends = np.repeat(points[[0, -1]], k + 1)
    return np.concatenate([ends[: k + 1], inner[left_out : len(inner) - left_out], ends[k + 1 :]])


def _solved(known: Sequence[Array], points: Array, k: int, j: int) -> Array:
    """The coefficients, in place of axis j, of values and derivatives along it, each (m, ...)."""
    times = len(known)
    knots = _knots(points, k, times)
    rows, change = [], csc_array(np.eye(times * len(points)))
    for order in range(times):
        t = knots[order : len(knots) - order]
        rows.append(BSpline.design_matrix(points, t, k - order) @ change)
        n = len(t) - (k - order) - 1
        width = t[k - order + 1 : k - order + n] - t[1:n]
        change = diags_array((k - order) / width) @ (change[1:] - change[:-1])
    order_of_rows = np.arange(times * len(points)).reshape(times, -1).T.ravel()  # point by point: a narrow band
    system = csc_array(vstack(rows))[order_of_rows]
    right = np.concatenate([np.moveaxis(f, j + 1, 0).reshape(len(points), -1) for f in known])[order_of_rows]
    solved = splu(csc_array(system), permc_spec="NATURAL").solve(right)
    moved = np.moveaxis(known[0], j + 1, 0)
    return np.moveaxis(solved.reshape(len(solved), *moved.shape[1:]), 0, j + 1)


def _slope(f: Array, points: Array, j: int) -> Array:
    """The slope along axis j, at its points, of the spline through f (m, ...)."""
    k = min(MAX_DEGREE, len(points) - 1)
    return np.asarray(make_interp_spline(points, f, k, t=knots_of(points, k), axis=j + 1).derivative()(points))
