"""The coordinates in which scattered points are searched: centred, scaled, and as many as the points span.

Distances decide which simplex a query lies in, so units must not; offsets would cost digits; and points that lie in a
plane have no simplices but those within it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arrays import Array, as_matrix, contiguous
from ..singular_values import svd

# Numbers in X are first multiplied by powers of two where their squares could leave the range of float64.
LARGEST_PLAIN = 2.0**400
# A point is in the plane of the others within this many units of their spread: the root of eps, as far as a smooth
# function of the distance would not be seen.
IN_PLANE = 2.0**-26
# Rounding of coordinates moves points out of an exact plane by this many times eps of their size.
ROUNDING = 16.0


@dataclass(frozen=True)
class Frame:
    """z = basis ((x factor - centre) / scale): x (n, d) -> z (n, r), r <= d.

    factor : (d,), powers of two. scale : (d,), infinite for a column that never varies.
    basis : (r, d), orthogonal rows that span the points, along which they vary alike if rescaled; None where they span
        all d dimensions.
    """

    factor: Array
    centre: Array
    scale: Array
    basis: Array | None

    @classmethod
    def of(cls, X: Array, rescale: bool) -> Frame:
        """The frame of points `X` (n, d); `rescale` gives each column unit variance, else all share one scale."""
        largest = np.max(np.abs(X), axis=0)
        extreme = np.any((largest > LARGEST_PLAIN) | ((largest > 0) & (largest < 1 / LARGEST_PLAIN)))
        exponent = np.frexp(largest)[1] if rescale else np.full(len(largest), np.frexp(largest.max())[1])
        factor = np.ldexp(1.0, np.clip(-exponent, -1022, 1023)) if extreme else np.ones(len(largest))
        scaled = X * factor
        constant = np.all(X[0] == X, axis=0)
        centre = np.where(constant, scaled[0], np.mean(scaled, axis=0))
        spread = np.sqrt(np.mean((scaled - centre) ** 2, axis=0))
        scale = np.where(constant, np.inf, spread if rescale else np.max(spread))
        plain = cls(factor, centre, scale, None)
        points, _ = plain.apply(X)
        return cls(factor, centre, scale, _basis(points, constant, plain.rounding(points), rescale))

    @property
    def n_dimensions(self) -> int:
        """r."""
        return len(self.centre) if self.basis is None else len(self.basis)

    def rounding(self, points: Array) -> float:
        """How far rounding of coordinates moves `points` of the frame, at most: an offset costs digits of them."""
        largest = float(np.max(np.abs(self.centre) / self.scale)) + float(np.max(np.abs(points), initial=1.0))
        stretched = 1.0 if self.basis is None else max(1.0, float(np.max(np.linalg.norm(self.basis, axis=1))))
        return float(ROUNDING * np.finfo(float).eps * largest * stretched)

    def apply(self, X: Array, n_threads: int = 1) -> tuple[Array, NDArray[np.bool_] | None]:
        """z (n, r), and which rows of `X` (n, d) are off the plane of the points (None where there is no plane)."""
        scaled = contiguous(X if np.all(self.factor == 1.0) else X * self.factor)
        z = _core.affine(scaled, self.centre, 1.0 / self.scale, n_threads)
        if self.basis is None:
            return z, None
        constant = np.isinf(self.scale)
        with np.errstate(over="ignore", invalid="ignore"):
            within = contiguous(z @ self.basis.T)
            in_plane = within @ (self.basis / np.sum(self.basis**2, axis=1, keepdims=True))
            off = np.max(np.abs(z - in_plane), axis=1, initial=0.0) > max(IN_PLANE, self.rounding(np.ones((1, 1))))
            moved = np.abs(scaled - self.centre)[:, constant] > IN_PLANE * np.abs(self.centre[constant])
        return within, off | moved.any(axis=1)

    def gradient(self, inner: Array) -> Array:
        """Derivatives by z (n, m, r) -> by x (n, m, d)."""
        outer = inner if self.basis is None else inner @ self.basis
        return outer * (self.factor / self.scale)

    def inner_gradient(self, outer: Array) -> Array:
        """Derivatives by x (n, m, d) -> by z (n, m, r), within the plane of the points where there is one."""
        plain = outer * np.where(np.isinf(self.scale), 0.0, self.scale / self.factor)
        if self.basis is None:
            return np.asarray(plain)
        return np.asarray(plain @ (self.basis / np.sum(self.basis**2, axis=1, keepdims=True)).T)

    def arrays(self) -> dict[str, Array]:
        """What `from_arrays` needs."""
        basis = np.zeros((0, len(self.centre))) if self.basis is None else self.basis
        return {"factor": self.factor, "centre": self.centre, "scale": self.scale, "basis": basis}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.float64]]) -> Frame:
        """The frame that gave these arrays; ValueError for arrays that don't fit each other."""
        factor, centre, scale = (as_matrix(arrays[name], name)[:, 0] for name in ("factor", "centre", "scale"))
        basis = as_matrix(arrays["basis"], "basis", n_columns=len(centre))
        if not len(factor) == len(centre) == len(scale):
            raise ValueError(f"frame: expected as many factors and scales as columns, {len(centre)}")
        return cls(factor, centre, scale, basis if len(basis) else None)


def _basis(points: Array, constant: NDArray[np.bool_], rounding: float, rescale: bool) -> Array | None:
    """Rows that span `points` (n, d) to `rounding`; None where all d dimensions are needed.

    `rescale` gives the points unit variance along each: within a plane the columns' own units mean nothing.
    """
    d = points.shape[1]
    varying = np.flatnonzero(~constant)
    triangle = np.linalg.qr(points[:, varying] - points[:, varying].mean(axis=0), mode="r")
    _, singular, rows = svd(np.asarray(triangle))
    rank = int(np.sum(singular > rounding * np.sqrt(len(points))))
    if rank == d:
        return None
    # Columns that vary stay as they are where they span the points, so that a grid in them stays a grid.
    if rank == len(varying):
        inner = np.eye(len(varying))
    else:
        inner = rows[:rank] * (np.sqrt(len(points)) / singular[:rank, None] if rescale else 1.0)
    basis = np.zeros((len(inner), d))
    basis[:, varying] = inner
    return basis
