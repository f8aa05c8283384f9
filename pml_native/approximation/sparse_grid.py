"""Polynomial interpolation of a function of several variables on a sparse grid that grows where the function needs it.

Along each axis level l has the 2^l + 1 points cos(pi j / 2^l) (one, the middle, for l = 0); those of a level are among
those of the next. With I_l the interpolation on them and D_l = I_l - I_(l-1), the interpolant is the sum of the tensor
products D_l1 x ... x D_ld over a set of l with which all smaller ones are in it (Smolyak 1963; the set is found as by
Gerstner and Griebel 2003, "Dimension-adaptive tensor-product quadrature"). One box of l is the tensor grid; a function
whose variables hardly interact needs little more than the axes.

As polynomials: D_l takes the values at level l to coefficients of T_0 ... T_(2^l), and the sum is one of coefficients.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..models import Normalization, Polynomial, Signature
from ..models.chebyshev import chebyshev_table, unique_rows
from .target import Target, inside

Level = tuple[int, ...]
# The level from which on the number of points doubles.
DOUBLING_FROM = 3
# The finest level along an axis: 1,025 points, which must differ by so many floating-point numbers.
MOST_LEVEL, LEAST_NUMBERS = 10, 4
# Beyond this many inputs the number of a point no longer fits into 64 bits.
MOST_INPUTS = 6
# One of so many levels is the one with the fewest points, whatever the coefficients say: a function that is constant on
# the axes looks finished there.
CHEAPEST_EVERY = 4
# Levels whose share is below this part of the tolerance are enough; terms that together have less are dropped.
ENOUGH, NEGLIGIBLE = 0.3, 0.03
# Coefficients below this many eps of the largest value are rounding.
ROUNDING = 0.01


class SparseGrid:
    """A sparse grid on the box of `target`, to a relative RMS error of about `tolerance`."""

    def __init__(self, target: Target, tolerance: float) -> None:
        self.target, self.tolerance = target, tolerance
        d = len(target.low)
        self.normalization = Normalization.of_box(np.stack([target.low, target.high]))
        self._known_transforms: dict[tuple[int, int], tuple[Array, Array]] = {}
        self.most_level = [self._finest(j) for j in range(d)]
        self.sizes: dict[Level, float] = {}  # of the shares of all levels, relative to the largest value of f
        self.promises: dict[Level, float] = {(0,) * d: 1.0}  # what the shares of the next ones may be
        self._numbers: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._values: Array = np.empty((0, 0))
        self._shares: list[tuple[NDArray[np.intp], Array]] = []
        # Where f has no value at a point of the grid, or the budget has ended.
        self._stopped = d > MOST_INPUTS

    @property
    def ended(self) -> bool:
        """Whether no level can be added any more."""
        return self._stopped or not self.promises

    @property
    def description(self) -> str:
        return f"sparse grid of {len(self._numbers)} points"

    @property
    def looks_finished(self) -> bool:
        """Whether no level that could be added promises much: what the coefficients say, which can be wrong."""
        return bool(self.sizes) and math.hypot(*self.promises.values()) <= ENOUGH * self.tolerance

    def refine(self, n_evaluations: int, *, distrust: bool = False) -> None:
        """Adds levels until `target` has been asked at so many points, or no more promise much, but at least one.

        `distrust` adds them although none promises much: those with the fewest points.
        """
        added = 0
        while not self.ended:
            if added and ((self.looks_finished and not distrust) or self.target.guard.requested):
                break
            in_turn = added % CHEAPEST_EVERY == CHEAPEST_EVERY - 1
            missing = self._missing(self._cheapest() if self.looks_finished or in_turn else self._most_promising())
            cost = sum(_n_new(level) for level in missing)
            if added and self.target.n_evaluations + cost > n_evaluations:
                break
            if cost > self.target.affordable():
                del self.promises[missing[-1]]
                continue
            for level in missing:
                self._add(level)
            added += 1

    def model(self) -> Polynomial | None:
        """The interpolant, or None if f was asked nowhere yet."""
        if not self._shares:
            return None
        indices, place_of = unique_rows(np.concatenate([indices for indices, _ in self._shares]))
        coefficients = np.zeros((len(indices), self._values.shape[1]))
        np.add.at(coefficients, place_of, np.concatenate([own for _, own in self._shares]))
        coefficients = np.ldexp(coefficients, -self._exponents)
        rms = np.sqrt(np.mean(np.ldexp(self._values, -self._exponents) ** 2, axis=0))
        size = np.max(np.abs(coefficients) / np.where(rms > 0, rms, 1.0), axis=1)
        order = np.argsort(size)
        dropped = order[np.sqrt(np.cumsum(size[order] ** 2)) <= NEGLIGIBLE * self.tolerance]
        dropped = dropped[indices[dropped].any(axis=1)]
        keep = np.ones(len(indices), dtype=bool)
        keep[dropped] = False
        d, m = indices.shape[1], coefficients.shape[1]
        return Polynomial(
            indices[keep],
            coefficients[keep],
            inputs=self.normalization,
            output_exponents=self._exponents,
            signature=Signature(d, m, self.target.y_is_vector),
        )

    # --- levels

    def _most_promising(self) -> Level:
        return max(self.promises, key=lambda level: (self.promises[level] / _n_new(level), level))

    def _cheapest(self) -> Level:
        return min(self.promises, key=lambda level: (_n_new(level), level))

    def _missing(self, level: Level) -> list[Level]:
        """`level` with the coarser ones that are not there yet, these first."""
        found: dict[Level, None] = {}

        def visit(one: Level) -> None:
            for j, k in enumerate(one):
                coarser = _moved(one, j, -1)
                if k > 0 and coarser not in self.sizes and coarser not in found:
                    visit(coarser)
            found[one] = None

        visit(level)
        return list(found)

    def _promise(self, level: Level) -> float:
        """The share that `level` may have: the largest guess along any axis.

        Coefficients of smooth functions fall by a factor a degree, and the degree doubles with the level: the next
        share is smaller than the last one by the square of what that was smaller by.
        """
        guesses = [0.0]
        for j, k in enumerate(level):
            last = self.sizes.get(_moved(level, j, -1))
            if k == 0 or last is None:
                continue
            before = self.sizes.get(_moved(level, j, -2), 0.0)
            falls = min(1.0, last / before) if before > 0.0 else 1.0
            guesses.append(last * falls ** (2 if k >= DOUBLING_FROM else 1))
        return max(guesses)

    def _add(self, level: Level) -> None:
        """Asks at the new points of `level`, and adds its share."""
        if self._stopped or not self._ask(level):
            self._stopped = True
            return
        share = self._share(level)
        d = len(level)
        indices = np.stack(np.meshgrid(*(np.arange(n) for n in share.shape[1:]), indexing="ij"), axis=-1)
        flat, coefficients = indices.reshape(-1, d), share.reshape(len(share), -1).T
        largest = np.max(np.abs(self._values), axis=0)
        with np.errstate(all="ignore"):
            relative = np.abs(coefficients) / np.where(largest > 0, largest, 1.0)
        keep = np.max(relative, axis=1) > ROUNDING * np.finfo(float).eps
        keep |= not self._shares
        self._shares.append((flat[keep].astype(np.intp), coefficients[keep]))
        self.sizes[level] = float(np.sqrt(np.max(np.sum(relative[keep] ** 2, axis=0), initial=0.0)))
        self.promises.pop(level, None)
        for j in range(d):
            finer = _moved(level, j, 1)
            if finer[j] <= self.most_level[j] and finer not in self.sizes:
                self.promises[finer] = self._promise(finer)

    # --- points and values

    def _finest(self, j: int) -> int:
        """The finest level along axis j whose points differ in float64 by more than their rounding."""
        x = self._points(j, MOST_LEVEL)[: 2**MOST_LEVEL]
        spacing = np.spacing(np.max(np.abs(x)))
        for k in range(MOST_LEVEL, 0, -1):
            if np.min(np.abs(np.diff(x[:: 2 ** (MOST_LEVEL - k)])), initial=np.inf) > LEAST_NUMBERS * spacing:
                return k
        return 0

    def _transforms(self, j: int, k: int) -> tuple[Array, Array]:
        """What takes values at the points of level k along axis j to coefficients: of I_k, and of D_k."""
        if (j, k) not in self._known_transforms:
            x = self._points(j, k)
            z = self.normalization.apply(self._with_column(j, x))[:, j]
            inverse: Array = np.linalg.inv(chebyshev_table(z, len(z) - 1).T).astype(np.float64, copy=False)
            difference = inverse.copy()
            if k:
                coarser, _ = self._transforms(j, k - 1)
                # The points of the level before are every second one, or the middle.
                places = np.arange(0, len(x), 2) if k > 1 else np.array([1])
                difference[np.ix_(np.arange(len(places)), places)] -= coarser
            self._known_transforms[j, k] = inverse, difference
        return self._known_transforms[j, k]

    def _with_column(self, j: int, x: Array) -> Array:
        points = np.repeat(self.target.low[None, :], len(x), axis=0)
        points[:, j] = x
        return points

    def _points(self, j: int, k: int) -> Array:
        n = 2**k
        # The cosines, as sines that are 0 in the middle and symmetric to the last bit.
        z = np.zeros(1) if k == 0 else np.sin(np.pi * (n - 2 * np.arange(n + 1)) / (2 * n))
        return inside(z[:, None], self.target.low[j : j + 1], self.target.high[j : j + 1])[:, 0]

    @staticmethod
    def _steps(k: int) -> NDArray[np.int64]:
        """The places of the points of level k among those of the finest one."""
        finest = 2**MOST_LEVEL
        return np.array([finest // 2]) if k == 0 else np.arange(2**k + 1, dtype=np.int64) * (finest >> k)

    def _grid_numbers(self, places: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        """One number for each point of the grid of these places, in C order."""
        total = np.zeros(1, dtype=np.int64)
        for steps in places:
            total = (total[:, None] * (2**MOST_LEVEL + 1) + steps).ravel()
        return total

    def _ask(self, level: Level) -> bool:
        """Asks at the points of `level` that no coarser one has; whether f has values at all of them."""
        places, columns = [], []
        for j, k in enumerate(level):
            new = np.array([0, 2]) if k == 1 else np.arange(1, 2**k + 1, 2) if k else np.array([0])
            places.append(self._steps(k)[new])
            columns.append(self._points(j, k)[new])
        X = np.stack([axis.ravel() for axis in np.meshgrid(*columns, indexing="ij")], axis=1)
        y = self.target.ask(X)
        if not np.isfinite(y).all():
            return False
        numbers = np.concatenate([self._numbers, self._grid_numbers(places)])
        order = np.argsort(numbers)
        self._numbers = numbers[order]
        self._values = np.concatenate([self._values.reshape(-1, y.shape[1]), y])[order]
        return True

    @property
    def _exponents(self) -> NDArray[np.intc]:
        exponents: NDArray[np.intc] = np.frexp(np.max(np.abs(self._values), axis=0))[1].astype(np.intc)
        return exponents

    def _share(self, level: Level) -> Array:
        """The coefficients of D_l1 x ... x D_ld of the values, (m, n_1, ..., n_d)."""
        numbers = self._grid_numbers([self._steps(k) for k in level])
        values = self._values[np.searchsorted(self._numbers, numbers)]
        shape = tuple(1 if k == 0 else 2**k + 1 for k in level)
        exponents = self._exponents
        share = np.ldexp(values, -exponents).T.reshape(-1, *shape)
        for j, k in enumerate(level):
            share = np.moveaxis(np.tensordot(self._transforms(j, k)[1], share, axes=(1, j + 1)), 0, j + 1)
        out: Array = np.ldexp(share, exponents.reshape(-1, *[1] * len(level)))
        return out


def _moved(level: Level, j: int, by: int) -> Level:
    return (*level[:j], level[j] + by, *level[j + 1 :])


def _n_new(level: Level) -> int:
    """The points of `level` that no coarser one has."""
    return math.prod(1 if k == 0 else 2 if k == 1 else 2 ** (k - 1) for k in level)
