"""Finds a polynomial of the inputs, perhaps over a power of these, of which y, perhaps over another, is some function.

    y = x^e F(alpha),   G(y x^-e) = alpha(x) = x^-f sum_a c_a T_a(z),   G = sum_k g_k T_k(t)
with t for y x^-e, or its logarithm, in units of the range. Neither G nor the c are known, but both sides are linear in
these. Where they differ by r, y is off by r / (dG/dy). So g is to make r small beside that: with D = (dT_k/dy) =
Q_D R_D at the rows, and the projection P that takes out the products T_a(z) x^-f and a constant, it is R_D^-1 times the
last right singular vector of P T R_D^-1. Rows weigh by 1 / (dt/dy) at first, as nothing is known of dG/dt, then by
1 / (dG/dy).

All powers of few columns are compared by that singular value, of a short series and few rows, and a few of them go on
with longer ones; rows held out choose. F may be any function, if it rises with alpha everywhere, or falls. Functions of
y that make it a sum of functions of single inputs are looked for by Breiman and Friedman (1985, "Estimating optimal
transformations").
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..lapack import solve_triangular, triangle_of
from ..models import Model, Polynomial, Reduced
from ..models.chebyshev import ChebyshevTerms, chebyshev_derivatives, index_set
from ..models.reduced import variables_of
from ..singular_values import lstsq, svd
from .equations import input_frames
from .scheduler import Part, Step, Worker
from .search import CALL, Rows

# Powers of columns that are tried for f, and for e, of so many columns together, else of one alone; a column with a
# power is positive, and its least value above this part of its largest.
POWERS, POWERS_OF_Y, MOST_TOGETHER, LEAST_PART = (0.0, 0.5, -0.5, 1.0, -1.0), (0.0, 0.5, -0.5), 3, 1e-3
# Degrees of the polynomial; each must leave this part of the error of the one below. Its terms, at most.
DEGREES, USEFUL_DEGREE, MOST_TERMS = (1, 2, 3), 0.5, 60
# Terms of G, and rows, while powers are compared; how many go on; terms then, as long as the error falls to a part.
FIRST_TERMS, FIRST_ROWS, GO_ON = 10, 400, 3
TERMS, USEFUL = (12, 18, 27, 40, 60, 90), 0.7
# Rows for each unknown number at least.
ROWS_A_NUMBER = 4
# y of one sign whose largest size is so many times the least is looked at in its logarithm as well.
LEAST_RATIO = 10.0


@dataclass(frozen=True)
class OnePolynomial:
    """alpha of the inputs, the powers e (d,), and the error of y that G leaves on the rows held out, to first order."""

    alpha: Model
    power: tuple[float, ...]
    error: float


@dataclass(frozen=True)
class _Trial:
    """What is tried: whether y counts by its logarithm, the powers e and f (d,), and the degree of the polynomial."""

    is_log: bool
    power: tuple[float, ...]
    front: tuple[float, ...]
    degree: int


class OnePolynomialSearch:
    """The search in `rows` of one output for the polynomial of which it is a function."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.frame = input_frames(rows)(("identity",) * rows.n_inputs)
        train, held_out = rows.train, rows.held_out
        self.X, self.y = np.concatenate([train.X, held_out.X]), np.concatenate([train.y, held_out.y])[:, 0]
        self.root = np.ones(rows.n) if train.sample_weight is None else np.sqrt(train.sample_weight)

    def found(self) -> Part[OnePolynomial | None]:
        """The best that was found; None where there are too few rows for any."""
        degree = next((k for k in (2, 1) if self._indices(k) is not None), None)
        if degree is None:
            return None
        fronts, powers = (np.array(list(self._powers(own))) for own in (POWERS, POWERS_OF_Y))
        n, k = min(self.rows.n, FIRST_ROWS), FIRST_TERMS
        p = len(self._design(degree, self.frame.Z[:1]).T) + 1.0
        work = len(fronts) * (2.0 * n * p**2 + n * p * k + 10.0 * k**3 + CALL) + 20.0 * CALL
        kinds = [(is_log, one) for is_log in (False, True) for one in (powers[:1] if is_log else powers)]
        steps = [Step(work, partial(self._compared, is_log, one, fronts, degree, n)) for is_log, one in kinds]
        table = np.stack((yield steps))
        best: OnePolynomial | None = None
        for place in np.argsort(table, axis=None, kind="stable")[:GO_ON]:
            row, column = divmod(int(place), len(fronts))
            if not math.isfinite(table[row, column]):
                break
            is_log, power = kinds[row]
            trial = _Trial(is_log, tuple(power.tolist()), tuple(fronts[column].tolist()), degree)
            one = yield from self._of_degrees(trial)
            if one is not None and (best is None or one.error < best.error):
                best = one
        return best

    def _of_degrees(self, trial: _Trial) -> Part[OnePolynomial | None]:
        """Of the lowest degree that does."""
        best: OnePolynomial | None = None
        for degree in DEGREES:
            if self._indices(degree) is not None:
                one = yield from self._grown(replace(trial, degree=degree))
                if one is not None and (best is None or one.error < USEFUL_DEGREE * best.error):
                    best = one
        return best

    def _grown(self, trial: _Trial) -> Part[OnePolynomial | None]:
        """With longer and longer series, as long as that helps."""
        best: OnePolynomial | None = None
        indices = self._indices(trial.degree)
        p = 1 if indices is None else len(indices)
        for k in TERMS:
            if ROWS_A_NUMBER * (k + p) > self.rows.n:
                break
            work = 8.0 * self.rows.n * (k + p) ** 2 + 40.0 * CALL
            [one] = yield [Step(work, partial(self._tried, trial, k))]
            last = best
            if one is not None and (best is None or one.error < best.error):
                best = one
            if last is not None and not (best is not None and best.error < USEFUL * last.error):
                break
        return best

    def _powers(self, powers: tuple[float, ...]) -> Iterator[Array]:
        """Those of all columns, none first: (d,)."""
        d, positive = self.X.shape[1], np.flatnonzero(self.X.min(axis=0) > LEAST_PART * self.X.max(axis=0))
        alone = [np.eye(len(positive))[j] * power for j in range(len(positive)) for power in powers[1:]]
        every_one = itertools.product(powers, repeat=len(positive)) if len(positive) <= MOST_TOGETHER else ()
        for own in [np.array(one) for one in every_one] or [np.zeros(len(positive)), *alone]:
            every = np.zeros(d)
            every[positive] = own
            yield every

    def _indices(self, degree: int) -> NDArray[np.intp] | None:
        """The terms of degrees up to this; None for more than there may be."""
        tops = tuple(min(degree, top) for top in self.frame.highest)
        found = index_set("total", degree, tops, min(MOST_TERMS, self.rows.n // (2 * ROWS_A_NUMBER)))
        return None if found is None else found[0]

    # --- powers by few rows

    def _compared(self, is_log: bool, power: Array, fronts: Array, degree: int, n: int, worker: Worker) -> Array:
        """The least |P T g| / |D g| for each f, by its square: (k,); infinite where y has no such logarithm."""
        series = self._series(is_log, tuple(power.tolist()), FIRST_TERMS, slice(0, n))
        if series is None:
            return np.full(len(fronts), np.inf)
        weight = (self.root[:n] / np.abs(series[2]))[:, None]
        T, D = series[0] * weight, series[1] * weight
        inverse = solve_triangular(triangle_of(np.asfortranarray(D)), np.eye(FIRST_TERMS))
        T = T @ inverse
        X = self._design(degree, self.frame.Z[:n]) * weight
        own = np.concatenate(
            [
                X[None] / np.stack([_power(self.X[:n], one) for one in fronts])[:, :, None],
                np.broadcast_to(weight, (len(fronts), n, 1)),
            ],
            axis=2,
        )
        size = np.max(np.abs(own), axis=1, keepdims=True)
        part = np.matmul(np.linalg.qr(own / np.where(size > 0.0, size, 1.0))[0].transpose(0, 2, 1), T)
        left = T.T @ T - np.matmul(part.transpose(0, 2, 1), part)
        least = np.full(len(fronts), np.inf)
        known = np.isfinite(left).all(axis=(1, 2))
        least[known] = np.maximum(np.linalg.eigvalsh(left[known])[:, 0], 0.0)
        return least

    # --- one power by all rows

    def _tried(self, trial: _Trial, k: int, worker: Worker) -> OnePolynomial | None:
        """With k terms of G; None where rows don't determine them. Rows held out where G does not go on as at most
        others count as off by the range of y."""
        n, indices = self.rows.n, self._indices(trial.degree)
        train, held_out = (self._series(trial.is_log, trial.power, k, own) for own in (slice(0, n), slice(n, None)))
        if train is None or held_out is None or indices is None:
            return None
        (T, D, slope), (there, slopes_there, _) = train, held_out
        X, scale = self._products(self._design(trial.degree, self.frame.Z), self.X[:n], trial.front)
        weight, sign = self.root / np.abs(slope), 1.0
        for _ in range(2):
            g = _series_of(T * weight[:, None], D * weight[:, None], X * weight[:, None])
            if not np.isfinite(g).all():
                return None
            slope = D @ g
            sign = 1.0 if np.mean(slope > 0.0) > 0.5 else -1.0
            weight = self.root / np.maximum(np.abs(slope), LEAST_PART * np.max(np.abs(slope)))
        c = lstsq(X * weight[:, None], (T @ g) * weight)[0]
        design, slope = self._design(trial.degree, self.frame.held_out_Z), slopes_there @ g
        Y = self._products(design, self.X[n:], trial.front, scale)[0]
        range_ = float(np.ptp(self.y))
        off = np.where(sign * slope > 0.0, np.clip((there @ g - Y @ c) / slope, -range_, range_), range_)[:, None]
        c = sign * c[len(c) - len(scale) :] / scale
        alpha: Model = Polynomial(indices, c[:, None], inputs=self.frame.normalization, n_threads=1)
        if any(trial.front):
            d = self.rows.n_inputs
            alpha = Reduced(alpha, variables_of(["sum"] * d, np.eye(d), -np.array(trial.front)))
        return OnePolynomial(alpha, trial.power, self.rows.held_out_rmse(self.rows.held_out.y - off))

    def _design(self, degree: int, Z: Array) -> Array:
        indices = self._indices(degree)
        assert indices is not None
        return ChebyshevTerms(indices).design(Z)

    def _series(self, is_log: bool, power: tuple[float, ...], k: int, some: slice) -> tuple[Array, Array, Array] | None:
        """T_1(t) to T_k(t) at some rows, their derivatives by y, (n, k) each, and dt/dy (n,); None for no such t."""
        over = _power(self.X, power)
        v, slope = self.y / over, 1.0 / over
        if is_log:
            if np.ptp(np.sign(v)) > 0 or not np.max(np.abs(v)) > LEAST_RATIO * np.min(np.abs(v)) > 0.0:
                return None
            v, slope = np.log(np.abs(v)), slope / v
        low, high = float(v.min()), float(v.max())
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            return None
        t, slope = ((2.0 * v - (low + high)) / (high - low))[some], (slope * 2.0 / (high - low))[some]
        values = np.cos(np.arange(1, k + 1) * np.arccos(np.clip(t, -1.0, 1.0))[:, None])
        return values, chebyshev_derivatives(t, k)[0][1:].T * slope[:, None], slope

    def _products(
        self, design: Array, X: Array, front: tuple[float, ...], scale: Array | None = None
    ) -> tuple[Array, Array]:
        """The terms over the power in units of their `scale` (p,), which the first call gives, and 1 before them if
        there is a power: (n, p) or (n, 1 + p)."""
        own = design / _power(X, front)[:, None]
        if scale is None:
            scale = np.max(np.abs(own), axis=0)
            scale = np.where(scale > 0.0, scale, 1.0)
        first = np.ones((len(X), 1 if any(front) else 0))
        return np.concatenate([first, own / scale], axis=1), scale


def _power(X: Array, powers: Sequence[float] | Array) -> Array:
    """The product of the columns of X (n, d) to these powers (d,): (n,)."""
    used = np.flatnonzero(powers)
    product: Array = np.prod(X[:, used] ** np.array(powers)[used], axis=1)
    return product


def _series_of(T: Array, D: Array, X: Array) -> Array:
    """g (k,) with the least |P T g| / |D g|, where P takes out the columns of X (n, p), all of weighed rows."""
    RD = triangle_of(np.asfortranarray(D))
    whole = triangle_of(np.asfortranarray(np.concatenate([X, T], axis=1)))
    p = X.shape[1]
    scaled = solve_triangular(RD, whole[p:, p:].T, transposed=True).T
    return solve_triangular(RD, svd(scaled)[2][-1])
