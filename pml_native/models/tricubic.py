"""Tricubic interpolation on three-dimensional grids, local and with a continuous gradient.

Lekien and Marsden, "Tricubic interpolation in three dimensions" (Int. J. Numer. Meth. Engng 63, 2005): in each cell a
polynomial with 64 coefficients, fixed by f, fx, fy, fz, fxy, fxz, fyz and fxyz at its 8 corners. These are the tensor
products of the four cubic Hermite polynomials along each axis, so the 64 x 64 system need not be solved: all cells
together are one cubic B-spline with every knot double. With derivative f' at x_i between steps g and h, its two
coefficients there are f - g f'/3 and f + h f'/3, axis by axis; at the ends g or h is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from .grid import GridModel, Outside, Unit, as_grid_values, as_named_axes
from .model import Signature

# Of the finite differences: five give derivatives to h^4, one order more than the polynomials' h^4 in the value needs.
STENCIL = 5
# Which axes a derivative is along, in the paper's order: fx, fy, fz, fxy, fxz, fyz, fxyz.
DERIVATIVES: tuple[tuple[int, ...], ...] = ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))


class TricubicInterpolator(GridModel):
    """The C1 piecewise tricubic function through `values` on the grid of three `axes`.

    axes : increasing arrays (n_1,), (n_2,), (n_3,) of at least 2 points; spacing may vary. Or a dictionary of them,
        as the coordinates of an array of xarray.
    values : (n_1, n_2, n_3), or (n_1, n_2, n_3, m) for m outputs.
    derivatives : fx, fy, fz, fxy, fxz, fyz and fxyz at the nodes, each of the shape of `values`; None takes finite
        differences of the values over 5 points (fewer where an axis has fewer), one-sided at the ends.
    outside : what X beyond the axes gives: "error" (ValueError), "extrapolate", or "nan".

    The error falls as h^4, or n^(-4/3) for n points, the best that piecewise cubics can; that of the gradient as h^3.
    A value depends on the grid nearby only: by default on up to 6 points along each axis.
    """

    family = "tricubic"

    def __init__(
        self,
        axes: Sequence[ArrayLike] | Mapping[Any, ArrayLike],
        values: ArrayLike,
        *,
        derivatives: Sequence[ArrayLike] | None = None,
        outside: Outside = "error",
        n_threads: int | None = None,
    ) -> None:
        points, names = as_named_axes(axes, values)
        if len(points) != 3:
            raise ValueError(f"axes: expected 3, got {len(points)}")
        for j, axis in enumerate(points):
            if len(axis) < 2:
                raise ValueError(f"axes[{j}]: expected at least 2 points, got {len(axis)}")
        grid, is_vector = as_grid_values(values, points)
        known: dict[tuple[int, ...], Array] = {(): grid}
        if derivatives is None:
            for along in DERIVATIVES:
                known[along] = _differences(known[along[:-1]], along[-1], points[along[-1]])
        elif len(derivatives) != len(DERIVATIVES):
            raise ValueError(f"derivatives: expected {len(DERIVATIVES)} arrays, got {len(derivatives)}")
        else:
            for i, (along, given) in enumerate(zip(DERIVATIVES, derivatives, strict=True)):
                known[along], was_vector = as_grid_values(given, points, f"derivatives[{i}]")
                if known[along].shape != grid.shape or was_vector != is_vector:
                    raise ValueError(f"derivatives[{i}]: expected {np.shape(values)}, as values, got {np.shape(given)}")
        for j in reversed(range(3)):
            known = {
                along: _doubled(f, known[(*along, j)], j, points[j]) for along, f in known.items() if j not in along
            }
        signature = Signature(3, len(grid), is_vector, names)
        super().__init__(points, known[()], signature, outside=outside, n_threads=n_threads)

    def __repr__(self) -> str:
        return f"TricubicInterpolator({tuple(map(len, self.axes))} points)"

    @classmethod
    def from_state(
        cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature
    ) -> TricubicInterpolator:
        model = cls.__new__(cls)
        model._restore(values, arrays, signature)
        return model

    def _basis(self, j: int, unit: Unit) -> tuple[int, Array]:
        ends = unit.points[[0, 0, -1, -1]]
        return 3, np.concatenate([ends[:2], np.repeat(unit.points, 2), ends[2:]])


def _doubled(f: Array, slope: Array, j: int, axis: Array) -> Array:
    """The B-spline coefficients along axis j, two a point, of values and derivatives (m, ...)."""
    steps = np.diff(axis).reshape(-1, *[1] * (2 - j))
    none = np.zeros_like(steps[:1])  # the first and the last knot are fourfold
    before, after = np.concatenate([none, steps]), np.concatenate([steps, none])
    pair = np.stack([f - before * slope / 3, f + after * slope / 3], axis=j + 2)
    return pair.reshape(*f.shape[: j + 1], 2 * len(axis), *f.shape[j + 2 :])


def _differences(f: Array, j: int, axis: Array) -> Array:
    """The derivative of f (m, n_1, n_2, n_3) along axis j at its points: that of the polynomial through the nearest."""
    n = len(axis)
    size = min(STENCIL, n)
    first = np.clip(np.arange(n) - size // 2, 0, n - size)
    index = first[:, None] + np.arange(size)
    # Weights of the derivative of Lagrange's polynomials at one of their nodes, in barycentric form; those of a row
    # add to 0, so what they weigh are differences to the value at the node.
    x = axis[index]
    gaps = x[:, :, None] - x[:, None, :] + np.eye(size)
    barycentric = 1.0 / np.prod(gaps, axis=2)
    own = np.arange(n) - first
    rows = np.arange(n)
    weights = barycentric / barycentric[rows, own][:, None] / gaps[rows, own]
    weights[rows, own] = 0.0
    moved = np.moveaxis(f, j + 1, 0)
    weights = weights.reshape(n, size, *[1] * (f.ndim - 1))
    slopes = sum(weights[:, i] * (moved[index[:, i]] - moved) for i in range(size))
    return np.moveaxis(np.asarray(slopes), 0, j + 1)
