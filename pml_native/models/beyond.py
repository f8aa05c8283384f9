"""What a model answers beyond the box of its rows: its own continuation, a linear one, the nearest value, or none.

With c the point of the box that is nearest to x, which differs from x in the columns that are beyond,

    nearest: f(c)          linear: f(c) + grad f(c) . (x - c)

In the columns within, the derivative of the linear continuation contains second derivatives of f, H(c) (x - c). They
are taken from gradients at points further in, by differences of sixth order.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arrays import Array, contiguous
from ..export.program import Vector, bounded, clipped, continued
from .families import AnyModel

Outside = Literal["extrapolate", "linear", "nearest", "nan", "error"]
OUTSIDE = get_args(Outside)
# Gradients for second derivatives are a thousandth of the box apart: of f that varies like sin(30 x) over it, the
# formula then leaves 1e-10 of them, and rounding 2e-12.
APART = 1e-3
# The derivative at 0 of what is known at 0, 1, ..., 6 (Fornberg 1988, Math. Comp. 51, table 3).
DIFFERENCES = np.array([-49 / 20, 6.0, -15 / 2, 20 / 3, -15 / 4, 6 / 5, -1 / 6])


class ExtrapolationWarning(UserWarning):
    """A model is asked beyond the box that its rows tell of."""


class Beyond:
    """How a model goes on beyond the box from `low` (d,) to `high` (d,), which may be infinite.

    `is_default` says that nobody has asked for it: the first point beyond then gives an `ExtrapolationWarning`.
    """

    def __init__(self, kind: Outside, low: Array, high: Array, is_default: bool = False) -> None:
        if kind not in OUTSIDE:
            raise ValueError(f"outside: expected one of {', '.join(OUTSIDE)}, got {kind!r}")
        self.kind: Outside = kind
        self.low, self.high = contiguous(low), contiguous(high)
        self.is_default = is_default
        self._has_warned = False
        # A column of one value has no width: y is known along none of it, and does not depend on it.
        with np.errstate(over="ignore"):
            self._width = np.where(self.high > self.low, self.high - self.low, np.inf)

    @property
    def bends(self) -> bool:
        """Whether what it answers outside is another value than the model's own."""
        return self.kind in ("linear", "nearest")

    def values(self, model: AnyModel, X: Array, *, quietly: bool = False) -> Array:
        """Those of `model` (n, m) at `X` (n, d), without a warning if `quietly`."""
        if _core.is_inside(X, self.low, self.high):
            return model.evaluate(X)
        nearest = np.clip(X, self.low, self.high)
        rows = self._told(model, X, nearest, quietly)
        if self.kind == "extrapolate" or not len(rows):
            return model.evaluate(X)
        values = model.evaluate(nearest)
        if self.kind == "nan":
            values[rows] = np.nan
        elif self.kind == "linear":
            values[rows] += self._along(model.evaluate_gradient(nearest[rows]), (X - nearest)[rows])
        return values

    def extended(self, model: AnyModel, X: Array) -> tuple[Array, Array]:
        """`values` in double-double within the box; beyond it, low is 0."""
        high, low = model.evaluate_extended(np.clip(X, self.low, self.high) if self.kind != "extrapolate" else X)
        beyond = (self.low > X) | (self.high < X)
        if (rows := np.flatnonzero(beyond.any(axis=1))).size:
            high[rows], low[rows] = self.values(model, np.ascontiguousarray(X[rows])), 0.0
        return high, low

    def gradient(self, model: AnyModel, X: Array) -> Array:
        """Derivatives (n, m, d) of `values` at `X` (n, d)."""
        if _core.is_inside(X, self.low, self.high):
            return model.evaluate_gradient(X)
        nearest = np.clip(X, self.low, self.high)
        rows = self._told(model, X, nearest)
        if self.kind == "extrapolate" or not len(rows):
            return model.evaluate_gradient(X)
        gradient = model.evaluate_gradient(nearest)
        if self.kind == "nan":
            gradient[rows] = np.nan
        is_beyond = (nearest != X)[rows, None, :]
        if self.kind == "nearest":
            gradient[rows] = np.where(is_beyond, 0.0, gradient[rows])
        elif self.kind == "linear" and X.shape[1] > 1:
            turned = self._turned(model.evaluate_gradient, gradient[rows].shape, nearest[rows], (X - nearest)[rows])
            gradient[rows] += np.where(is_beyond, 0.0, turned)
        return gradient

    def hessian(self, model: AnyModel, X: Array) -> Array:
        """Second derivatives (n, m, d, d) of `values` at `X` (n, d)."""
        nearest = np.clip(X, self.low, self.high)
        rows = self._told(model, X, nearest)
        if self.kind == "extrapolate" or not len(rows):
            return model.evaluate_hessian(X)
        hessian = model.evaluate_hessian(nearest)
        is_beyond = (nearest != X)[rows, None, :]
        if self.kind == "nan":
            hessian[rows] = np.nan
        elif self.kind == "nearest":
            hessian[rows] = np.where(is_beyond[..., None] | is_beyond[..., None, :], 0.0, hessian[rows])
        else:
            turned = self._turned(model.evaluate_hessian, hessian[rows].shape, nearest[rows], (X - nearest)[rows])
            neither = ~(is_beyond[..., None] | is_beyond[..., None, :])
            both = is_beyond[..., None] & is_beyond[..., None, :]
            hessian[rows] = np.where(both, 0.0, hessian[rows] + np.where(neither, turned, 0.0))
        return hessian

    def operations(self, model: AnyModel, x: Vector) -> Vector:
        """`values` as operations on x."""
        if self.kind == "extrapolate":
            return model.operations(x)
        if self.kind == "nearest":
            return model.operations(clipped(x, self.low, self.high))
        if self.kind == "linear":
            return continued(x, model.operations, self.low, self.high, APART, DIFFERENCES)
        return model.operations(bounded(x, self.low, self.high))

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON values and arrays, for `from_state`."""
        return {"kind": self.kind, "is_default": self.is_default}, {"box": np.stack([self.low, self.high])}

    @classmethod
    def from_state(cls, plain: dict[str, Any], arrays: dict[str, NDArray[Any]], n_inputs: int) -> Beyond:
        """What gave this state, of so many inputs; any of the errors of mistaken entries where none did."""
        box = np.asarray(arrays["box"], dtype=np.float64)
        if box.shape != (2, n_inputs) or not np.all(box[0] <= box[1]):
            raise ValueError(f"outside: expected a box of {n_inputs} inputs, got {box.tolist()}")
        return cls(plain["kind"], box[0], box[1], bool(plain["is_default"]))

    def _along(self, gradient: Array, way: Array) -> Array:
        """What ways (n, d) from the box add, with the gradients (n, m, d) there, of which those along them count."""
        with np.errstate(all="ignore"):
            parts = np.where(way[:, None, :] == 0.0, 0.0, gradient * way[:, None, :])
            total: Array = parts.sum(axis=2)
        return total

    def _turned(
        self, derivatives: Callable[[Array], Array], shape: tuple[int, ...], points: Array, way: Array
    ) -> Array:
        """How derivatives, of this shape at `points` (n, d) of the box, change along `way`: theirs times `way`."""
        way = np.where(np.isfinite(self._width), way, 0.0)
        with np.errstate(all="ignore"):
            step = APART / np.max(np.abs(way) / self._width, axis=1)
            turned = np.zeros(shape)
            for k, weight in enumerate(DIFFERENCES):
                at = np.ascontiguousarray(points - k * step[:, None] * way)
                turned -= weight * derivatives(at) / step.reshape(-1, *[1] * (len(shape) - 1))
        turned[~np.isfinite(step)] = 0.0
        return turned

    def _told(self, model: AnyModel, X: Array, nearest: Array, quietly: bool = False) -> NDArray[np.intp]:
        """The rows beyond the box, by number; ValueError if these are errors, a warning once if nobody chose."""
        is_beyond = nearest != X
        rows = np.flatnonzero(is_beyond.any(axis=1) & ~np.isnan(X).any(axis=1))
        warns = self.is_default and not (self._has_warned or quietly)
        if not len(rows) or not (self.kind == "error" or warns):
            return rows
        first = int(rows[0])
        column = int(np.argmax(is_beyond[first]))
        names = model.signature.input_names
        called = f"column {column}" if names is None else repr(names[column])
        where = (
            f"the first in row {first}: {called} is {X[first, column]:.6g}, "
            f"and the box goes from {self.low[column]:.6g} to {self.high[column]:.6g}"
        )
        if self.kind == "error":
            raise ValueError(f"X: expected points in the box of the rows, got {len(rows)} outside, {where}")
        self._has_warned = True
        goes_on = "linearly" if self.kind == "linear" else "as its law does, which no rows bear out so far away"
        warnings.warn(
            f"{len(rows)} of {len(X)} points are outside of what the rows tell of, {where}; there the model goes on "
            f"{goes_on} (outside= of fit, or model.outside, chooses, and then nothing is said)",
            ExtrapolationWarning,
            stacklevel=4,
        )
        return rows
