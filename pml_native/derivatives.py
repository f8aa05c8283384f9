"""What is known of the derivatives of y: at points, along directions, beside the values of y or instead of them.

A gradient is a derivative along each axis. Along any direction v,
    d/ds y(x + s v) = sum_j v_j dy/dx_j,
which is linear in y, as is the second derivative: each number known is one more equation of a least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Differentiable(Protocol):
    """What has derivatives: a model."""

    def evaluate_gradient(self, X: Array) -> Array: ...

    def evaluate_hessian(self, X: Array) -> Array: ...


@dataclass(frozen=True)
class Derivatives:
    """`values` (k, m) of the derivatives of y of `order` (k,), 1 or 2, at the points `X` (k, d), along `directions`
    (k, d); NaN for outputs of which they are not known.

    `rows` (k,) are those of the samples that are the same points, -1 where y is not known. Of these, `numbers` (k,) are
    those that a user knows the points by. Second derivatives are along axes.
    """

    X: Array
    directions: Array
    values: Array
    order: NDArray[np.intp]
    rows: NDArray[np.intp]
    numbers: NDArray[np.intp]

    @classmethod
    def known(
        cls,
        X: Array,
        gradients: Array | None,
        second: Array | None,
        rows: NDArray[np.intp],
        numbers: NDArray[np.intp],
    ) -> Derivatives | None:
        """Of `gradients` (n, m, d), and `second` derivatives (n, m) of one column, at `X` (n, d), NaN where unknown.

        None where none is known.
        """
        d = X.shape[1]
        parts = []
        for order, given in ((1, gradients), (2, None if second is None else second[:, :, None])):
            if given is None:
                continue
            point, column = np.nonzero(np.isfinite(given).any(axis=1))
            values = np.ascontiguousarray(given[point, :, column])
            orders = np.full(len(point), order, dtype=np.intp)
            parts.append(cls(X[point], np.eye(d)[column], values, orders, rows[point], numbers[point]))
        every = [part for part in parts if len(part.X)]
        if not every:
            return None
        return cls(*(np.concatenate([getattr(part, name) for part in every]) for name in cls.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.X)

    @cached_property
    def is_apart(self) -> NDArray[np.bool_]:
        """Which are at points where y is not known: (k,)."""
        return self.rows < 0

    @cached_property
    def is_along_axis(self) -> NDArray[np.bool_]:
        """Which are along one column alone: (k,)."""
        return np.asarray(np.count_nonzero(self.directions, axis=1) == 1)

    def gradients_at(self, n: int, order: int = 1) -> Array:
        """Those along single columns at n rows, (n, m, d), NaN where they are not known."""
        every = np.full((n, self.values.shape[1], self.X.shape[1]), np.nan)
        own = self.is_along_axis & ~self.is_apart & (self.order == order)
        axis = np.argmax(np.abs(self.directions[own]), axis=1)
        along = np.take_along_axis(self.directions[own], axis[:, None], axis=1)
        every[self.rows[own], :, axis] = self.values[own] / along**order
        return every

    def some(self, which: NDArray[np.bool_]) -> Derivatives | None:
        """Those of them, None for none."""
        if not which.any():
            return None
        return replace(self, **{name: getattr(self, name)[which] for name in self.__dataclass_fields__})

    def at_rows(self, rows: NDArray[np.intp], n: int, *, apart: bool | NDArray[np.bool_] = True) -> Derivatives | None:
        """Those at these of n rows, which are counted from 0 then; those apart from all rows, too, or not, or some of
        them, (k,)."""
        place = np.full(n + 1, -1)  # the last one is that of no row
        place[rows] = np.arange(len(rows))
        now = place[self.rows]
        kept = (now >= 0) | (self.is_apart & apart)
        return replace(self, rows=now).some(kept)

    @cached_property
    def size(self) -> Array:
        """The RMS of those of one order along one axis, at all points, of each output: (k, m)."""
        size = np.zeros_like(self.values)
        axis = np.argmax(np.abs(self.directions), axis=1)
        for group in set(zip(axis.tolist(), self.order.tolist(), strict=True)):
            own = (axis == group[0]) & (self.order == group[1])
            largest = np.nanmax(np.abs(self.values[own]), axis=0, initial=0.0)
            largest = np.where(largest > 0.0, largest, 1.0)
            size[own] = largest * np.sqrt(np.nanmean((self.values[own] / largest) ** 2, axis=0))
        return size

    def of(self, model: Differentiable) -> Array:
        """The same derivatives of a model, (k, m)."""
        _, first, point = np.unique(self.numbers, return_index=True, return_inverse=True)
        gradient = model.evaluate_gradient(np.ascontiguousarray(self.X[first]))[point]
        found: Array = np.einsum("kmd,kd->km", gradient, self.directions)
        if (self.order == 2).any():
            some = self.order == 2
            hessian = model.evaluate_hessian(np.ascontiguousarray(self.X[some]))
            v = self.directions[some]
            found[some] = np.einsum("kmde,kd,ke->km", hessian, v, v)
        return found

    def in_variables(self, U: Array, by_x: Array, values: Array | None = None) -> Derivatives | None:
        """The first ones in variables that are `U` (k, r) at the points, with these derivatives `by_x` (k, r, d), and
        other `values` (k, m), if those of y have changed; None where none of them is finite."""
        directions = np.einsum("krd,kd->kr", by_x, self.directions)
        values = self.values if values is None else values
        is_known = np.isfinite(U).all(axis=1) & np.isfinite(directions).all(axis=1) & np.isfinite(values).any(axis=1)
        changed = replace(self, X=np.ascontiguousarray(U), directions=np.ascontiguousarray(directions), values=values)
        return changed.some(is_known & (self.order == 1))

    def without_column(self, j: int) -> Derivatives | None:
        """Those along the other columns, at points of these."""
        kept = self.some(self.directions[:, j] == 0.0)
        if kept is None:
            return None
        X, directions = (np.ascontiguousarray(np.delete(one, j, axis=1)) for one in (kept.X, kept.directions))
        return replace(kept, X=X, directions=directions)

    def of_outputs(self, columns: Sequence[int]) -> Derivatives | None:
        """Those of these outputs."""
        own = replace(self, values=np.ascontiguousarray(self.values[:, list(columns)]))
        is_known = np.asarray(np.isfinite(own.values).any(axis=1))
        return own.some(is_known)
