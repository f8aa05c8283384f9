"""What models of values on a rectangular grid share: their axes, and evaluation by the compiled core."""

from __future__ import annotations

import itertools
import operator
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline

from .. import _core
from ..arrays import Array, as_matrix, contiguous
from ..export.program import Vector, spline
from ..grids import merged_by_rounding
from ..report import FitReport
from ..threads import resolve_threads
from . import beyond
from .beyond import Beyond
from .model import Model, Signature

Outside = Literal["error", "extrapolate", "nan"]
MAX_AXES = 6
# Below this many products a thread takes longer to wake than to work.
FEW_PRODUCTS = 1 << 14
# An axis is even if every point lies this close to its place, in units of rounding of the largest: `linspace` does, and
# so do decimal fractions read from a file.
EVEN_ULPS = 4.0
# ... and this close in steps, so that the knots stay where interpolation is well conditioned.
EVEN_STEPS = 1e-3


class GridModel(Model):
    """A sum of products of B-splines, one along each axis: `coefficients` (m, n_1, ..., n_d).

    A family gives `_basis`, the degree and knots along an axis, and its coefficients. Rows of X beyond the axes are
    refused ("error"), extrapolated from the last cell, or NaN, as `outside` says; a NaN in X gives NaN in its row.
    """

    def __init__(
        self,
        axes: Sequence[Array],
        coefficients: Array,
        signature: Signature,
        *,
        outside: Outside,
        n_threads: int | None,
        report: FitReport | None = None,
    ) -> None:
        super().__init__(signature, report)
        if outside not in get_args(Outside):
            raise ValueError(f"outside: expected one of {', '.join(get_args(Outside))}, got {outside!r}")
        signature.require(len(axes), len(coefficients), "the grid")
        resolve_threads(n_threads)
        self.axes = tuple(axes)
        self.coefficients = coefficients
        self._outside: Outside = outside
        self.n_threads = n_threads
        self._core = self._spline()
        degrees, _, _ = self._parts()
        self._products = int(np.prod([degree + 1 for degree in degrees])) * signature.n_outputs

    def _parts(self) -> tuple[tuple[int, ...], tuple[Array, ...], list[Unit]]:
        """Degrees, knots and units of the axes."""
        units = [Unit(axis) for axis in self.axes]
        degrees, knots = zip(*(self._basis(j, unit) for j, unit in enumerate(units)), strict=True)
        return degrees, knots, units

    def _spline(self) -> _core.Spline:
        degrees, knots, units = self._parts()
        return _core.Spline(
            degrees,
            knots,
            [unit.origin for unit in units],
            [unit.step for unit in units],
            [unit.even for unit in units],
            [axis[0] for axis in self.axes],
            [axis[-1] for axis in self.axes],
            self._outside,
            self.coefficients,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Without the core's tables, which are built again."""
        return {name: value for name, value in self.__dict__.items() if name != "_core"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._core = self._spline()

    @abstractmethod
    def _basis(self, j: int, unit: Unit) -> tuple[int, Array]:
        """Degree and knots along axis j, as numbers of its unit."""

    @property
    def n_params(self) -> int:
        return self.coefficients.size

    def evaluate(self, X: Array) -> Array:
        return self._core.evaluate(X, self._threads(X))

    def evaluate_gradient(self, X: Array) -> Array:
        d = len(self.axes)
        orders = np.eye(d, dtype=int).tolist()
        return np.stack([self._core.derivative(X, order, self._threads(X)) for order in orders], axis=2)

    def evaluate_hessian(self, X: Array) -> Array:
        d, (degrees, _, _) = len(self.axes), self._parts()
        hessian = np.zeros((len(X), self.signature.n_outputs, d, d))
        for i, j in itertools.combinations_with_replacement(range(d), 2):
            orders = [(k == i) + (k == j) for k in range(d)]
            if all(order <= degree for order, degree in zip(orders, degrees, strict=True)):
                hessian[:, :, i, j] = hessian[:, :, j, i] = self._core.derivative(X, orders, self._threads(X))
        hessian[np.isnan(self.evaluate(X)).any(axis=1)] = np.nan
        return hessian

    def exact_integral(self, low: Array, high: Array) -> Array | None:
        degrees, knots, units = self._parts()
        total = self.coefficients
        for degree, t, unit, axis, begin, end in zip(degrees, knots, units, self.axes, low, high, strict=True):
            if begin < axis[0] or end > axis[-1]:
                return None
            ends = (np.array([begin, end]) - unit.origin) / unit.step
            splines = BSpline(t, np.eye(len(t) - degree - 1), degree).antiderivative()(ends)
            # The coefficients of the axis in hand are always the first after the outputs.
            total = np.tensordot(total, (splines[1] - splines[0]) * unit.step, axes=(1, 0))
        return np.asarray(total)

    def operations(self, x: Vector) -> Vector:
        degrees, knots, units = self._parts()
        scales = [(unit.origin, unit.step) for unit in units]
        box = [(axis[0], axis[-1]) for axis in self.axes]
        return spline(x, degrees, knots, scales, box, self.coefficients, self._outside == "extrapolate")

    @property
    def outside(self) -> str:
        """What X beyond the axes gives: see `Model.outside`."""
        return self._outside if self.beyond is None else self.beyond.kind

    @outside.setter
    def outside(self, kind: beyond.Outside) -> None:
        own: Any = kind if kind in get_args(Outside) else "extrapolate"
        self.beyond = None if kind == own else Beyond(kind, *self.box())
        self._outside = own
        self._core = self._spline()

    def box(self) -> tuple[Array, Array]:
        return np.array([axis[0] for axis in self.axes]), np.array([axis[-1] for axis in self.axes])

    def derivative(self, X: ArrayLike, orders: int | Sequence[int]) -> Array:
        """The mixed partial derivative at `X` (n, d) of these orders (d), each at most the degree: (n,) or (n, m).

        At a knot, where the highest one jumps, it is that of the cell to the right.
        """
        each = [orders] if np.ndim(orders) == 0 else list(orders)  # type: ignore[arg-type]
        if len(each) != len(self.axes):
            raise ValueError(f"orders: expected {len(self.axes)}, one for each axis, got {orders!r}")
        X = self.as_inputs(X)
        values = self._core.derivative(X, [as_count(order, "orders", 0, 7) for order in each], self._threads(X))
        return values[:, 0] if self.signature.y_is_vector else values

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays: dict[str, NDArray[Any]] = {f"axis_{j}": axis for j, axis in enumerate(self.axes)}
        return {"n_axes": len(self.axes), "outside": self._outside}, {**arrays, "coefficients": self.coefficients}

    def _restore(self, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> None:
        axes = [contiguous(arrays[f"axis_{j}"]) for j in range(values["n_axes"])]
        coefficients = contiguous(arrays["coefficients"])
        GridModel.__init__(self, axes, coefficients, signature, outside=values["outside"], n_threads=None)

    def _threads(self, X: Array) -> int:
        return 1 if len(X) * self._products <= FEW_PRODUCTS else resolve_threads(self.n_threads)


class Unit:
    """How the core counts along an axis: x = origin + step u. Even axes have u = 0, 1, 2, ..., but for rounding."""

    def __init__(self, axis: Array) -> None:
        with np.errstate(all="ignore"):
            step = (axis[-1] - axis[0]) / (len(axis) - 1)
            off = np.max(np.abs(axis - (axis[0] + np.arange(len(axis)) * step)))
            close = off <= min(EVEN_ULPS * np.spacing(np.max(np.abs(axis))), EVEN_STEPS * step)
        self.even = bool(close and np.isfinite(step))
        self.origin, self.step = (float(axis[0]), float(step)) if self.even else (0.0, 1.0)
        self.points: Array = np.clip((axis - self.origin) / step, 0, len(axis) - 1) if self.even else axis


def as_axes(axes: Any) -> list[Array]:
    """The axes of a grid, each increasing by more than rounding; one array of numbers is the only axis.

    ValueError otherwise: two points that are one but for rounding have values that a slope of 1e16 would join.
    """
    if isinstance(axes, np.ndarray):
        axes = [axes] if axes.ndim == 1 and axes.dtype != object else list(axes)
    axes = list(axes)
    if axes and all(np.ndim(axis) == 0 for axis in axes):
        axes = [axes]
    if not 1 <= len(axes) <= MAX_AXES:
        raise ValueError(f"axes: expected 1 to {MAX_AXES} arrays, got {len(axes)}")
    result = []
    for j, axis in enumerate(axes):
        points = as_matrix(axis, f"axes[{j}]")
        if points.shape[1] != 1:
            raise ValueError(f"axes[{j}]: expected (n,), got {points.shape}")
        points = points[:, 0].copy()
        if not np.isfinite(points).all():
            raise ValueError(f"axes[{j}]: expected finite numbers, got NaN or infinity")
        falls = np.flatnonzero(points[1:] <= points[:-1])
        if len(falls):
            i = falls[0]
            raise ValueError(f"axes[{j}]: expected increasing points, got {points[i]!r}, {points[i + 1]!r} at {i}")
        first = merged_by_rounding(points)
        if first is not None:
            i = np.flatnonzero(np.diff(first, append=len(points)) > 1)[0]
            one, other = points[first[i] : first[i] + 2].tolist()
            raise ValueError(
                f"axes[{j}]: expected points that differ by more than rounding, got {one!r} and {other!r} "
                f"at {first[i]}; merge what is one point, with its values"
            )
        with np.errstate(over="ignore"):
            if len(points) and not np.isfinite(points[-1] - points[0]):
                raise ValueError(f"axes[{j}]: expected a range that float64 can hold, got {points[0]} to {points[-1]}")
        result.append(points)
    return result


def as_named_axes(axes: Any, values: Any) -> tuple[list[Array], tuple[str, ...] | None]:
    """The axes, and their names where `axes` has some, as the coordinates of an array of xarray; in the order of the
    dimensions of `values`, if these have names."""
    if not isinstance(axes, Mapping):
        return as_axes(axes), None
    names = [name for name in getattr(values, "dims", axes) if name in axes]
    return as_axes([axes[name] for name in names]), tuple(map(str, names))


def as_grid_values(values: ArrayLike, axes: Sequence[Array], name: str = "values") -> tuple[Array, bool]:
    """`values` (n_1, ..., n_d) or (n_1, ..., n_d, m) as (m, n_1, ..., n_d), and whether there was no m."""
    shape = tuple(len(axis) for axis in axes)
    array = np.asanyarray(values)  # masked where it is, so that no masked value is taken for one
    if array.shape[: len(shape)] != shape or array.ndim > len(shape) + 1 or array.size == 0:
        lengths = ", ".join(map(str, shape))
        raise ValueError(f"{name}: expected ({lengths}{',' * (len(shape) == 1)}) or ({lengths}, m), got {array.shape}")
    flat = as_matrix(array.reshape(int(np.prod(shape)), -1), name)
    if not np.isfinite(flat).all():
        raise ValueError(f"{name}: expected finite numbers, got {int(np.sum(~np.isfinite(flat)))} that aren't")
    return np.array(flat.T, order="C").reshape(-1, *shape), array.ndim == len(shape)


def as_count(value: Any, name: str, least: int, most: int) -> int:
    """`value` as an integer from `least` to `most`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if isinstance(value, bool) or not least <= number <= most:
        raise ValueError(f"{name}: expected an integer from {least} to {most}, got {value!r}")
    return number
