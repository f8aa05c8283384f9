"""Tensor-product splines that interpolate values on a grid.

Along each axis the spline has one coefficient a point. Knots are "not-a-knot" (de Boor, "A Practical Guide to Splines",
1978, ch. XIII): for odd degrees k the points themselves, for even ones the midpoints between them, both without the
(k+1)/2 or k/2 next to either end. So every polynomial of degree k is reproduced, and the error falls as h^(k+1) up to
the ends, without any derivative there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import make_interp_spline

from ..arrays import Array
from ..grids import grid_axes
from .grid import GridModel, Outside, Unit, as_count, as_grid_values, as_named_axes
from .model import Signature

MAX_DEGREE = 7


class SplineInterpolator(GridModel):
    """The spline through `values` on the grid of `axes`, piecewise of `degree` k, with k - 1 continuous derivatives.

    axes : d increasing arrays (n_1,), ..., (n_d,), or one array where d = 1; d is 1 to 6; spacing may vary.
        Or a dictionary of them; for an array `a` of xarray, SplineInterpolator(a.coords, a).
    values : (n_1, ..., n_d), or (n_1, ..., n_d, m) for m outputs.
    degree : 1 to 7, one for all axes or one for each; an axis needs at least degree + 1 points.
    outside : what X beyond the axes gives: "error" (ValueError), "extrapolate", or "nan".

    For n points in d dimensions the error falls as n^(-(degree+1)/d), down to the rounding of float64.
    """

    family = "spline"

    def __init__(
        self,
        axes: ArrayLike | Sequence[ArrayLike] | Mapping[Any, ArrayLike],
        values: ArrayLike,
        *,
        degree: int | Sequence[int] = 3,
        outside: Outside = "error",
        n_threads: int | None = None,
    ) -> None:
        points, names = as_named_axes(axes, values)
        grid, is_vector = as_grid_values(values, points)
        self.degrees = as_degrees(degree, points)
        # A power of two taken out of each output keeps sums and products in range, and changes no digit.
        exponent = np.frexp(np.max(np.abs(grid), axis=tuple(range(1, grid.ndim)), keepdims=True))[1]
        coefficients = np.ldexp(grid, -exponent)
        for j, (axis, k) in enumerate(zip(points, self.degrees, strict=True)):
            unit = Unit(axis)
            solved = make_interp_spline(unit.points, coefficients, k, t=knots_of(unit.points, k), axis=j + 1)
            coefficients = np.moveaxis(solved.c, 0, j + 1)
        with np.errstate(over="ignore"):
            coefficients = np.ascontiguousarray(np.ldexp(coefficients, exponent))
        if not np.isfinite(coefficients).all():
            raise ValueError("values: expected magnitudes whose coefficients float64 can hold, got some too large")
        signature = Signature(len(points), len(grid), is_vector, names)
        super().__init__(points, coefficients, signature, outside=outside, n_threads=n_threads)

    def __repr__(self) -> str:
        return f"SplineInterpolator({self.coefficients.shape[1:]} points, degree {self.degrees})"

    def with_rows(self, X: Array, y: Array) -> SplineInterpolator | None:
        """Rows that make a grid together with the nodes; others it can't go through."""
        nodes = np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, len(self.axes))
        points, place = np.unique(np.concatenate([X, nodes]), axis=0, return_index=True)
        found = grid_axes(points)
        if found is None:
            return None
        axes, order = found
        values = np.concatenate([y, self.evaluate(nodes)])[place][order].reshape(*map(len, axes), -1)
        made = SplineInterpolator(axes, values, degree=self.degrees, outside=self._outside, n_threads=self.n_threads)
        made.signature = self.signature
        return made

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        values, arrays = super().state()
        return {**values, "degrees": list(self.degrees)}, arrays

    @classmethod
    def from_state(
        cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature
    ) -> SplineInterpolator:
        model = cls.__new__(cls)
        model.degrees = tuple(values["degrees"])
        model._restore(values, arrays, signature)
        return model

    def _basis(self, j: int, unit: Unit) -> tuple[int, Array]:
        return self.degrees[j], knots_of(unit.points, self.degrees[j])


def as_degrees(degree: int | Sequence[int], axes: Sequence[Array]) -> tuple[int, ...]:
    """One degree for each axis, where it has points enough."""
    each: Any = [degree] * len(axes) if np.ndim(degree) == 0 else degree
    if len(each) != len(axes):
        raise ValueError(f"degree: expected one integer, or {len(axes)}, one for each axis, got {degree!r}")
    degrees = tuple(as_count(k, "degree", 1, MAX_DEGREE) for k in each)
    for j, (axis, k) in enumerate(zip(axes, degrees, strict=True)):
        if len(axis) <= k:
            raise ValueError(f"axes[{j}]: expected at least {k + 1} points for degree {k}, got {len(axis)}")
    return degrees


def knots_of(points: Array, k: int) -> Array:
    """Points or midpoints, as the file says, between k + 1 times either end."""
    inner = points if k % 2 else points[:-1] + np.diff(points) / 2
    skipped = (k + 1) // 2
    ends = np.repeat(points[[0, -1]], k + 1)
    return np.concatenate([ends[: k + 1], inner[skipped : len(inner) - skipped], ends[k + 1 :]])
