"""Where the law of a table of one column changes: a jump, a kink, or a break in a higher derivative, from rows alone.

A function may be as steep as it likes and still follow one law. What tells a change of law from a steep place is
exactness: *all* rows before a gap meet a polynomial to the last digit, all rows behind it meet one, and no polynomial
of a window across the gap does, of whatever degree. With r(W, m) the RMS residual of the least-squares polynomial of
degree m in a window W of K rows, and f its floor, what rounding of x and y leaves, the contrast of a gap is

    log10( min over windows across, and degrees, of r  /  max(r of the two windows that end at the gap, 5 f) )

where both of these are below 30 f, else 0. A gap of a contrast above 1 is a candidate, and a cut if one law through it,
its degree chosen by rows held out, also misses these by far more than a law on each side.

A break of order p, the first derivative that jumps, is y = A(x) + max(x - s, 0)^p B(x) near its place s. A and B are
polynomials, and are eliminated (variable projection; Golub and Pereyra 1973), so that steps of Gauss and Newton move s
alone; of all orders that meet the rows as closely as two separate laws do, the largest is right, as the others leave
more freedom than the rows show. The deviation of s is that of the residual over its projected derivative.

What a window across misses is some J gap^p, J being the jump of the derivative over p!: the closer the rows, the
harder a break of high order is to see. So every 2nd, 4th, 8th, ... row are looked at as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..arrays import Array
from ..digits import digits_of
from ..models.chebyshev import chebyshev_table
from ..search.search import CALL, EPS
from ..singular_values import lstsq, svd

# Rows of a window, and degrees over rows. Across a gap the least residual of all three counts, on a side the first.
SIZES, RATIOS = (10, 14, 20, 28, 40, 56), (0.5, 0.65, 0.8)
# Windows begin at every K/6-th row, and are across a gap that lies within so much of their middle: two or three are.
STEPS = 6
# Residuals on a side are rounding below so many floors; and below so many, nothing more can be seen.
EXACT, LEAST_SEEN = 30.0, 5.0
# Of y that was rounded to few digits the noise is known well, and residuals are not above so much of it. Both sides of
# a steep place meet a polynomial to few digits, but a quotient of up to this degree does across it as well.
EXACT_IN_DIGITS, MOST_RATIONAL, REWEIGHTED = 2.0, 8, 4
# The least contrast of a candidate, in decades; and there is one candidate within so many rows to either side.
LEAST_CONTRAST, APART = 1.0, 8
# Rows on each side by which a candidate is checked, and by how much one law must be worse there than two.
REACH, WORSE = 40, 20.0
# Of rows closer together than those of a table of this many, every 2nd, 4th, ... are looked at instead, as well as
# where there are fewer, but more than twice the least.
MOST_ROWS, LEAST_ROWS = 4000, 200
# Rows on each side by which a break is placed, the degree at most, and the highest order that is told from smooth.
WIDTHS, MOST_DEGREE, MOST_ORDER = (12, 18, 27, 40, 60, 90, 135), 45, 5
# Of an order, the residual may be so many times that of two separate laws. Of the right one it was up to 4 times as
# large, of the next higher one 1e3 times and more.
AS_CLOSE = 10.0
# The residuals that deviations are read off are partly errors of the polynomials, not noise: so many deviations.
DEVIATIONS = 30.0
# Steps of Gauss and Newton, how often each may be halved, and the part of a gap that the last one is below.
MOST_STEPS, HALVINGS, CONVERGED = 12, 4, 1e-10
# The degree of both laws is so much more than the least whose residual is so many times the least, that of rounding
# being a fifth of the noise at least; parts are of use whose residual is so many times the least of all.
MORE, ENOUGH, ROUNDED, USABLE = 2, 1.5, 0.2, 3.0
# Places where a change of sign is looked for.
SAMPLED = 64
# Numbers of all windows that are factored together.
BATCH = 1 << 20


@dataclass(frozen=True)
class Cut:
    """The law changes at `place`, between `low` and `high`.

    `order` is that of the first derivative that jumps: 0 where y itself does, and then the place is the middle of the
    gap between two rows, about which no row tells more.
    """

    place: float
    low: float
    high: float
    order: int
    contrast: float

    def times_power_of_two(self, exponent: int) -> Cut:
        """The same where x is 2^exponent times as large."""
        place, low, high = (math.ldexp(value, exponent) for value in (self.place, self.low, self.high))
        return Cut(place, low, high, self.order, self.contrast)


def work_of(n: int) -> float:
    """Multiply-adds of `cuts_of` at most, of n rows."""
    windows = sum(size * (0.8 * size) ** 2 * STEPS / size + 2.0 * size * (0.5 * size) ** 2 for size in SIZES)
    return 20.0 * CALL + 4.0 * min(n, MOST_ROWS) * windows


def cuts_of(x: Array, y: Array, noise: float = 0.0) -> list[Cut]:
    """The cuts of the table `x`, `y` (n,) each, in any order, from the lowest to the highest; of equal x the first
    counts. `noise` is what y is off by besides its own rounding."""
    x, first = np.unique(x, return_index=True)
    y = y[first]
    # Powers of two, which cost no bit, keep the squares of numbers of any size in range.
    exponents = [int(np.frexp(np.max(np.abs(values), initial=0.0))[1]) for values in (x, y)]
    x, y = np.ldexp(x, -exponents[0]), np.ldexp(y, -exponents[1])
    least = math.ldexp(noise, -exponents[1])
    noises, is_rounded = _rounding(np.ldexp(y, exponents[1]), exponents[1])
    noises = np.maximum(noises, least)
    found: list[Cut] = []
    for stride in _strides(len(x)):
        some = slice(None, None, stride)
        line = _Line(x[some], y[some], noises[some], is_rounded)
        for low, high, cut in line.cuts():
            if not any(low <= one.place <= high for one in found):
                found.append(_among(cut, x, y, line))
    found.sort(key=lambda cut: cut.place)
    return [cut.times_power_of_two(exponents[0]) for cut in found]


def _rounding(y: Array, exponent: int) -> tuple[Array, bool]:
    """What rounding y to float64, or to the digits that its numbers have, leaves of each, over 2^exponent; and whether
    it is the latter."""
    digits = digits_of(y)
    of_float = EPS * np.ldexp(np.abs(y), -exponent)
    if digits is None:
        return of_float, False
    return np.maximum(of_float, np.ldexp(digits.spacing(y), -exponent) / math.sqrt(12.0)), True


def _strides(n: int) -> Iterator[int]:
    """1, 2, 4, ... as far as rows are neither too many nor too few."""
    stride = 1
    while stride == 1 or n // stride >= LEAST_ROWS:
        if n // stride <= MOST_ROWS:
            yield stride
        stride *= 2


@dataclass(eq=False)
class _Line:
    """Rows x, y (n,) in order, and what rounding leaves of each y, which has few digits if it `is_rounded`."""

    x: Array
    y: Array
    noise: Array
    is_rounded: bool = False

    def cuts(self) -> Iterator[tuple[float, float, Cut]]:
        """Each cut, between the lowest and the highest x within which there is no other."""
        n, contrast = len(self.x), self._contrasts()
        gaps: list[int] = []
        values = contrast.copy()
        while n and values.max() > LEAST_CONTRAST:
            g = int(np.argmax(values))
            gaps.append(g)
            values[max(0, g - APART) : g + APART + 1] = 0.0
        gaps.sort()
        ends = [0, *gaps, n]
        gaps = [g for g, (low, _, high) in zip(gaps, _triples(ends), strict=True) if self._is_cut(g, low, high)]
        for g, (low, _, high) in zip(gaps, _triples([0, *gaps, n]), strict=True):
            bounds = self.x[max(0, g - APART - 1)], self.x[min(n - 1, g + APART)]
            place, sigma, order, gap = self._placed(low, g, high)
            if order:
                yield *bounds, Cut(place, place - DEVIATIONS * sigma, place + DEVIATIONS * sigma, order, contrast[g])
            else:
                between = float(self.x[gap - 1]), float(self.x[gap])
                yield *bounds, Cut(0.5 * between[0] + 0.5 * between[1], *between, 0, contrast[g])

    # --- windows

    def _contrasts(self) -> Array:
        """Of the gap before each row (n,): see the head of this file."""
        n = len(self.x)
        best = np.zeros(n)
        for size in SIZES:
            if n < 2 * size + 2:
                break
            across, floor = self._across(size)
            gaps = np.arange(size, n - size + 1)
            # Only of these can the contrast be large, however small the residuals on the sides.
            gaps = gaps[across[gaps] > LEAST_SEEN * 10.0**LEAST_CONTRAST * floor[gaps]]
            if not len(gaps):
                continue
            starts, place = np.unique(np.concatenate([gaps - size, gaps]), return_inverse=True)
            residual, floors = self._residuals(starts, size, [_degree(size, RATIOS[0])])
            sides = place.reshape(2, -1)
            one = np.max(residual[0][sides], axis=0)
            f = np.maximum(np.max(floors[sides], axis=0), floor[gaps])
            with np.errstate(divide="ignore"):
                c = np.log10(np.maximum(across[gaps], f) / np.maximum(one, LEAST_SEEN * f))
            exact = EXACT_IN_DIGITS if self.is_rounded else EXACT
            best[gaps] = np.maximum(best[gaps], np.where(one < exact * f, c, 0.0))
        return best

    def _across(self, size: int) -> tuple[Array, Array]:
        """The least residual of windows across each gap (n,), and the least of their floors."""
        n, step = len(self.x), max(1, size // STEPS)
        starts = np.unique(np.append(np.arange(0, n - size + 1, step), n - size))
        residual, floors = self._residuals(starts, size, [_degree(size, ratio) for ratio in RATIOS])
        least = residual.min(axis=0)
        across, floor = np.full(n, np.inf), np.full(n, np.inf)
        for inside in range(size // 2 - step, size // 2 + step + 1):
            across[starts + inside] = np.minimum(across[starts + inside], least)
            floor[starts + inside] = np.minimum(floor[starts + inside], floors)
        return across, floor

    def _residuals(self, starts: NDArray[np.intp], size: int, degrees: Sequence[int]) -> tuple[Array, Array]:
        """Of the windows of `size` rows from `starts` (w,): RMS residuals (degrees, w) and floors (w,)."""
        residual, floors = np.empty((len(degrees), len(starts))), np.empty(len(starts))
        batch = max(1, BATCH // (size * (degrees[-1] + 1)))
        for begin in range(0, len(starts), batch):
            some = slice(begin, begin + batch)
            rows = starts[some, None] + np.arange(size)
            x, y = self.x[rows], self.y[rows]
            low, width = x[:, :1], x[:, -1:] - x[:, :1]
            Q, _ = np.linalg.qr(_chebyshev(2.0 * (x - low) / width - 1.0, degrees[-1]))
            centred = y - np.mean(y, axis=1, keepdims=True)
            for k, degree in enumerate(degrees):
                left = centred[:, :, None]
                for _ in range(2):  # the second time takes off what rounding left in the first
                    part = Q[:, :, : degree + 1]
                    left = left - part @ (part.transpose(0, 2, 1) @ left)
                residual[k, some] = np.sqrt(np.sum(left[:, :, 0] ** 2, axis=1) / (size - degree - 1))
            # Rounding of x moves y by its slope.
            slope = np.max(np.abs(centred), axis=1) / width[:, 0]
            floors[some] = np.max(self.noise[rows], axis=1) + EPS * slope * np.max(np.abs(x), axis=1)
        return residual, floors

    # --- laws

    def _is_cut(self, g: int, low: int, high: int) -> bool:
        """Whether one law through the gap, its degree chosen by every fourth row, is far worse there than two."""
        k = min(g - low, high - g, REACH)
        both, left, right = self._held_out(g - k // 2, g + k // 2), self._held_out(g - k, g), self._held_out(g, g + k)
        noise = float(np.max(self.noise[g - k : g + k]))
        if not both > WORSE * max(left, right, LEAST_SEEN * noise):
            return False
        return not self.is_rounded or self._rational(g - k // 2, g + k // 2) > WORSE * noise

    def _rational(self, first: int, last: int) -> float:
        """The least RMS error of quotients of polynomials at every fourth of these rows, as `_held_out`.

        p and q of one degree are those of the least |p - q y|^2 / q^2, q being that of the step before.
        """
        x, y = _unit(self.x[first:last]), self.y[first:last]
        is_out = np.arange(len(x)) % 4 == 1
        least = math.inf
        for degree in range(1, min(MOST_RATIONAL, int(np.count_nonzero(~is_out)) // 2 - 1) + 1):
            V = chebyshev_table(x, degree).T
            q = np.ones(len(x))
            for _ in range(REWEIGHTED):
                A = np.concatenate([V, -V * y[:, None]], axis=1)[~is_out] / q[~is_out, None]
                c = svd(A)[2][-1]
                q = V @ c[degree + 1 :]
                q[q == 0.0] = EPS
            least = min(least, float(np.sqrt(np.mean((V @ c[: degree + 1] / q - y)[is_out] ** 2))))
        return least

    def _held_out(self, first: int, last: int) -> float:
        """The least RMS error of polynomials of any degree at every fourth of these rows, without which they are made:
        one of three choices of these, as a row beside a wide gap may be where no other row tells."""
        return min(self._held_out_from(begin, first, last) for begin in (1, 2, 3))

    def _held_out_from(self, begin: int, first: int, last: int) -> float:
        x, y = _unit(self.x[first:last]), self.y[first:last]
        is_out = np.arange(len(x)) % 4 == begin
        is_out[-1] = False
        degree = min(int(2.0 * math.sqrt(len(x))) + 8, int(np.count_nonzero(~is_out)) - 1)
        V = chebyshev_table(x, degree).T
        Q, R = np.linalg.qr(V[~is_out])
        # The first columns of V R^-1 are those of fewer degrees: sums of them are polynomials of all degrees.
        W = np.linalg.solve(R.T, V[is_out].T).T
        errors = np.cumsum(W * (Q.T @ y[~is_out]), axis=1) - y[is_out, None]
        return float(np.sqrt(np.min(np.mean(errors**2, axis=0))))

    def _placed(self, low: int, g: int, high: int) -> tuple[float, float, int, int]:
        """Place, deviation and order of the break near gap g between rows `low` and `high`, and the gap of a jump."""
        parts = [self._part(g, k) for k in dict.fromkeys(min(width, g - low, high - g) for width in WIDTHS)]
        least = min(part.free for part in parts)
        usable = [part for part in parts if part.free <= USABLE * least]
        for order in range(MOST_ORDER, 0, -1):
            places = [part.place(order) for part in parts]
            known = min((one for one in places if one is not None), key=lambda one: one[1], default=None)
            if known is None:
                continue
            # Derivatives of wide parts, of high degree, have no root of their own where they are not exact.
            again = [(part, part.place(order, known[0])) for part in usable]
            found = [(part.is_cut_off, *one) for part, one in again if one is not None]
            if 2 * len(found) >= len(usable):
                _, place, sigma = min(found, key=lambda one: (one[0], one[2]))
                return place, sigma, order, g
        gap = self._gap(low, g, high)
        return 0.5 * float(self.x[gap - 1]) + 0.5 * float(self.x[gap]), math.inf, 0, gap

    def _gap(self, low: int, g: int, high: int) -> int:
        """The gap, of those beside g, whose two laws leave least: a jump's windows may be best one gap beside it."""
        k = min(WIDTHS[0], g - low - 2, high - g - 2)
        if k < 6:
            return g
        return g - 2 + int(np.argmin([self._part(h, k, left_out=0).free for h in range(g - 2, g + 3)]))

    def _part(self, g: int, k: int, left_out: int = 1) -> _Part:
        rows = slice(g - k, g + k)
        return _Part.of(self.x[rows], self.y[rows], self.noise[rows], left_out)


@dataclass(eq=False)
class _Part:
    """2 k rows, the first k of one law and the others of another, both polynomials of `degree` in units of their rows.

    `free` is the RMS residual of both, or what rounding leaves, if that is more; of the rows beside the break, which
    may belong to the other law, some are left out there. `apart` is the upper law less the lower one. A part whose laws
    would take more terms than its rows determine `is_cut_off`: then it is less exact than its residual.
    """

    x: Array
    y: Array
    degree: int
    free: float
    apart: Chebyshev
    is_cut_off: bool

    @classmethod
    def of(cls, x: Array, y: Array, noise: Array, left_out: int) -> _Part:
        k = len(x) // 2
        beside = left_out * (1 + (k > WIDTHS[1])) if k > WIDTHS[0] // 2 else 0
        sides = slice(None, k - beside), slice(k + beside, None)
        most = min(MOST_DEGREE, 2 * (k - beside) // 3 - 1)
        left, factors = [], []
        for side in sides:
            Q, R = np.linalg.qr(chebyshev_table(_unit(x[side]), most).T)
            part = Q.T @ y[side]
            residual = y[side] - Q @ part
            tails = np.append(np.cumsum(part[::-1] ** 2)[-2::-1], 0.0)
            left.append((tails + np.sum(residual**2)) / (k - beside - 1.0 - np.arange(most + 1)))
            factors.append((R, part))
        rms = np.maximum(np.sqrt(np.maximum(*left)), ROUNDED * float(np.max(noise)))
        degree = min(most, int(np.argmax(rms <= ENOUGH * np.min(rms))) + MORE)
        some = slice(None, degree + 1)
        lower, upper = (
            Chebyshev(np.linalg.solve(R[some, some], part[some]), domain=[x[side][0], x[side][-1]])
            for (R, part), side in zip(factors, sides, strict=True)
        )
        domain = [x[0], x[-1]]
        apart = upper.convert(domain=domain) - lower.convert(domain=domain)
        return cls(x, y, degree, float(rms[degree]), apart, degree == most)

    def place(self, order: int, near: float | None = None) -> tuple[float, float] | None:
        """Where a break of this order is, and the deviation of that; None where the rows show another order.

        Where the p-th derivative jumps, the difference of both laws has a root of multiplicity p, of which only
        eps^(1/p) is known; but its derivative p - 1 has a simple one, from which to begin, if no place `near` is given.
        """
        k = len(self.x) // 2
        inner = float(self.x[max(0, k - 4)]), float(self.x[min(len(self.x) - 1, k + 3)])
        if self.degree < order:
            return None
        if near is None:
            near = self._root(order, inner)
        found = None if near is None else self._moved(order, near, inner)
        return None if found is None or found[2] > AS_CLOSE * self.free else found[:2]

    def _root(self, order: int, inner: tuple[float, float]) -> float | None:
        """The root of the derivative order - 1 of the difference of both laws that is nearest to the gap."""
        difference = self.apart.deriv(order - 1) if order > 1 else self.apart
        at = np.linspace(*inner, SAMPLED)
        values = difference(at)
        changes = np.flatnonzero(values[1:] * values[:-1] < 0.0)
        if not len(changes):
            return None
        k = len(self.x) // 2
        middle = 0.5 * (self.x[k - 1] + self.x[k])
        i = min(changes, key=lambda i: abs(at[i] - middle))
        return float(brentq(difference, at[i], at[i + 1]))

    def _moved(self, order: int, s: float, inner: tuple[float, float]) -> tuple[float, float, float] | None:
        """s moved by Gauss and Newton's method, its deviation, and the RMS residual; None where none is to be seen."""
        gap = float(np.min(np.diff(self.x)))
        residual, derivative = self._projected(order, s)
        size, norm = float(residual @ residual), float(derivative @ derivative)
        for _ in range(MOST_STEPS):
            if not norm > 0.0:
                return None
            step = -float(derivative @ residual) / norm
            for _ in range(HALVINGS):
                moved = s + step
                if inner[0] <= moved <= inner[1]:
                    again, slope = self._projected(order, moved)
                    if float(again @ again) < size:
                        break
                step *= 0.5
            else:
                break
            s, residual, derivative = moved, again, slope
            size, norm = float(residual @ residual), float(derivative @ derivative)
            if abs(step) <= CONVERGED * gap:
                break
        if not norm > 0.0:
            return None
        rms = math.sqrt(size / max(1, len(self.x) - 2 * self.degree - 3 + order))
        return s, max(rms, self.free) / math.sqrt(norm), rms

    def _projected(self, order: int, s: float) -> tuple[Array, Array]:
        """The residual of the best laws L and R whose derivatives below `order` agree at s, and its derivative by s.

        R is the Taylor polynomial of L at s of that many terms, plus (x - s)^p B: so they agree to the last bit, which
        conditions on their coefficients leave at eps times the derivatives of T_n, some n^6 for the third. Laws move
        with s by what has a jump of R^(p) - L^(p) in the derivative p - 1: all else they follow.
        """
        x, n, k = self.x, self.degree + 1, len(self.x) // 2
        slopes = 2.0 / (x[k - 1] - x[0]), 2.0 / (x[-1] - x[k])
        is_upper = x >= s
        beyond = np.maximum(x - s, 0.0)
        powers = beyond ** np.arange(order)[:, None] / np.array([math.factorial(k) for k in range(order)])[:, None]
        at_s = _derivatives(slopes[0] * (s - x[0]) - 1.0, slopes[0], n - 1, order)
        of_lower = np.where(
            is_upper, at_s[:order].T @ powers, chebyshev_table(slopes[0] * (np.minimum(x, s) - x[0]) - 1.0, n - 1)
        )
        z = slopes[1] * (np.maximum(x, s) - x[k]) - 1.0
        W = np.concatenate([of_lower, beyond**order * chebyshev_table(z, n - 1 - order)]).T
        scale = np.linalg.norm(W, axis=0)
        Q, R = np.linalg.qr(W / scale)

        def projected(v: Array) -> Array:
            for _ in range(2):
                v = v - Q @ (Q.T @ v)
            return v

        laws = lstsq(R, Q.T @ self.y, rcond=1e-15)[0] / scale
        begin = chebyshev_table(np.array([slopes[1] * (s - x[k]) - 1.0]), n - 1 - order)[:, 0]
        jump = order * float(begin @ laws[n:]) - float(at_s[order] @ laws[:n]) / math.factorial(order - 1)
        return projected(self.y), projected(np.where(is_upper, jump * beyond ** (order - 1), 0.0))


def _derivatives(z: float, slope: float, degree: int, order: int) -> Array:
    """T_j up to `degree` and its derivatives by x up to `order` at z, which has this slope: (order + 1, degree + 1)."""
    table = np.zeros((order + 1, degree + 1))
    table[0] = chebyshev_table(np.array([z]), degree)[:, 0]
    for k in range(1, order + 1):
        for j in range(1, degree + 1):
            # The k-th derivative of T_j = 2 z T_(j-1) - T_(j-2), and of T_1 = z.
            twice = 1.0 if j == 1 else 2.0
            table[k, j] = twice * (z * table[k, j - 1] + k * slope * table[k - 1, j - 1])
            table[k, j] -= table[k, j - 2] if j > 1 else 0.0
    return table


def _among(cut: Cut, x: Array, y: Array, line: _Line) -> Cut:
    """The cut of a jump that `line`, some of the rows, shows, between the nearest of all rows x, y."""
    if cut.order or len(line.x) == len(x):
        return cut
    first, last = np.searchsorted(x, [cut.low, cut.high])
    low, high = np.searchsorted(line.x, cut.low) + 1, np.searchsorted(line.x, cut.high)
    inside = slice(first + 1, last)
    misses = [
        np.abs(_law(line.x[side], line.y[side], x[inside]) - y[inside])
        for side in (slice(max(0, low - WIDTHS[0]), low), slice(high, high + WIDTHS[0]))
    ]
    # The first k rows between are of the lower law: the k for which the larger miss of all is least.
    cost = [max([*misses[0][:k], *misses[1][k:], 0.0]) for k in range(last - first)]
    k = first + int(np.argmin(cost))
    return Cut(0.5 * x[k] + 0.5 * x[k + 1], float(x[k]), float(x[k + 1]), 0, cut.contrast)


def _law(x: Array, y: Array, at: Array) -> Array:
    """The polynomial of few rows, of half their number of terms, at other places beside them."""
    middle, half = 0.5 * (x[0] + x[-1]), 0.5 * (x[-1] - x[0])
    degree = len(x) // 2
    V = chebyshev_table((x - middle) / half, degree).T
    c = lstsq(V, y, rcond=1e-14)[0]
    value: Array = chebyshev_table((at - middle) / half, degree).T @ c
    return value


def _unit(x: Array) -> Array:
    unit: Array = 2.0 * (x - x[0]) / (x[-1] - x[0]) - 1.0
    return unit


def _degree(size: int, ratio: float) -> int:
    return min(int(size * ratio), size - 2)


def _chebyshev(z: Array, degree: int) -> Array:
    """T_0 to T_degree at z (w, k): (w, k, degree + 1)."""
    table = np.empty((*z.shape, degree + 1))
    table[:, :, 0], table[:, :, 1] = 1.0, z
    for j in range(2, degree + 1):
        table[:, :, j] = 2.0 * z * table[:, :, j - 1] - table[:, :, j - 2]
    return table


def _triples(ends: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    return zip(ends, itertools.islice(ends, 1, None), itertools.islice(ends, 2, None), strict=False)
