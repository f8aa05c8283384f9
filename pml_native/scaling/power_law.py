"""Power laws in errors: error = prefactor * size^exponent, where it holds and how surely.

All by stated rules, on the mean logarithm of the errors of each size, in order of size:

1. The floor. A line (or a parabola) over all sizes is compared with one that ends in a constant over the last sizes,
   for every number of them, by Akaike's criterion with its correction for few data (AICc). Where a floor is better by
   FLOOR_EVIDENCE and lies above what the law before it predicts, its sizes are left out, and with them those before
   it whose errors are within a factor FLOOR_REACH of it.
2. The beginning. Sizes are left out one by one, at most half of what the floor left and never so that fewer than
   MIN_TESTED remain, until the rest is straight: a parabola is not significantly better than a line (F-test, level
   SIGNIFICANCE), or its slope changes by less than the share STRAIGHT from one end to the other. If none is, the law
   bends, and the line is that over all sizes before the floor.
3. The line, by least squares, with Student's t for its interval.

A deviation of FAINT in an error counts as none, so that exact data have no significant curvature by rounding.
Source: Hurvich and Tsai, Biometrika 76 (1989) for AICc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, as_matrix

MIN_SIZES = 3
MIN_TESTED = 4  # sizes that can show whether they bend
FLOOR_EVIDENCE = 6.0
FLOOR_REACH = 3.0
SIGNIFICANCE = 0.05
STRAIGHT = 0.1
FAINT = 0.01
LEVEL = 0.95


@dataclass(frozen=True)
class PowerLaw:
    """error = prefactor * size^exponent over the sizes `range_used`.

    `interval` is the exponent's, at 95 %; `r2` the share of the variance of log error that the law explains. `bends`
    says that no part of the data is straight enough: the numbers are then those of a mean line, and no law. `floor` is
    the level at which the errors stop falling, None where they don't. `message` says it all in a sentence.
    """

    exponent: float
    interval: tuple[float, float]
    prefactor: float
    r2: float
    range_used: tuple[float, float]
    bends: bool
    floor: float | None
    n_sizes: int
    n_left_out: tuple[int, int]
    message: str
    _line: _Line = field(repr=False)

    def __call__(self, size: ArrayLike) -> Array:
        """The error that the law predicts for these sizes; it knows nothing of the floor."""
        result: Array = self.prefactor * np.asarray(size, dtype=np.float64) ** self.exponent
        return result

    @property
    def spread(self) -> float:
        """Standard deviation of log error about the law."""
        return self._line.spread

    def size_for(self, error: float) -> tuple[float, float, float]:
        """The size at which the law reaches `error`, and its 95 % interval: where single measurements would reach it.

        An end of the interval that the data don't bound is 0 or infinite.
        """
        if not error > 0:
            raise ValueError(f"error: expected a number > 0, got {error}")
        return self._line.solve(math.log(error))


def fit_power_law(sizes: ArrayLike, errors: ArrayLike) -> PowerLaw:
    """The law that `errors` (n,) follow over `sizes` (n,), as this file's first lines say.

    A size may occur several times (seeds); its errors are averaged in logarithms. Raises ValueError for fewer than
    3 different sizes, and for numbers that are not positive and finite.
    """
    x, y = _mean_logarithms(sizes, errors)
    n_floor = _floor_sizes(x, y)
    floor = float(np.exp(np.mean(y[len(y) - n_floor :]))) if n_floor else None
    end = len(x) - n_floor
    if floor is not None:
        near = y[:end] < math.log(FLOOR_REACH * floor)
        while end > MIN_SIZES and near[end - 1]:
            end -= 1
    begin = _beginning(x[:end], y[:end])
    bends = begin is None
    line = _Line.through(x[begin or 0 : end], y[begin or 0 : end])
    return PowerLaw(
        line.slope,
        line.slope_interval(),
        float(np.exp(line.at(0.0))),
        line.r2,
        (float(np.exp(x[begin or 0])), float(np.exp(x[end - 1]))),
        bends,
        floor,
        line.n,
        (begin or 0, len(x) - end),
        _sentence(line, bends, floor, begin or 0, len(x) - end),
        line,
    )


@dataclass(frozen=True)
class _Line:
    """y = mean_y + slope (x - mean_x) through n points by least squares, `spread` their standard deviation from it."""

    n: int
    mean_x: float
    mean_y: float
    slope: float
    spread: float
    sum_xx: float
    r2: float

    @classmethod
    def through(cls, x: Array, y: Array) -> _Line:
        u, v = x - x.mean(), y - y.mean()
        sum_xx = float(u @ u)
        slope = float(u @ v) / sum_xx
        rest = v - slope * u
        degrees = len(x) - 2
        spread = math.sqrt(float(rest @ rest) / degrees) if degrees else math.inf
        total = float(v @ v)
        r2 = 1.0 - float(rest @ rest) / total if total > 0 else 1.0
        return cls(len(x), float(x.mean()), float(y.mean()), slope, spread, sum_xx, r2)

    def at(self, x: float) -> float:
        return self.mean_y + self.slope * (x - self.mean_x)

    @property
    def quantile(self) -> float:
        from scipy.stats import t  # half a second to import

        return float(t.ppf(0.5 + 0.5 * LEVEL, self.n - 2))

    def slope_interval(self) -> tuple[float, float]:
        half = self.quantile * self.spread / math.sqrt(self.sum_xx)
        return self.slope - half, self.slope + half

    def solve(self, y: float) -> tuple[float, float, float]:
        """exp(x) where the line is y, and where the band of single measurements is (Fieller's interval).

        With u = x - mean_x and v = y - mean_y, the ends solve (v - slope u)^2 = s^2 (1 + 1/n + u^2/sum_xx),
        s = quantile * spread.
        """
        v, s2 = y - self.mean_y, (self.quantile * self.spread) ** 2
        a = self.slope**2 - s2 / self.sum_xx
        b, c = self.slope * v, v**2 - s2 * (1.0 + 1.0 / self.n)
        middle = _exp(self.mean_x + v / self.slope) if self.slope else math.inf
        if a <= 0.0:  # the slope may be 0
            return middle, 0.0, math.inf
        root = math.sqrt(max(b**2 - a * c, 0.0))
        return middle, _exp(self.mean_x + (b - root) / a), _exp(self.mean_x + (b + root) / a)


def _exp(x: float) -> float:
    return math.exp(x) if x < 700.0 else math.inf


def _mean_logarithms(sizes: ArrayLike, errors: ArrayLike) -> tuple[Array, Array]:
    """The logarithms of the different sizes in order (k,), and the mean logarithm of the errors of each (k,)."""
    x, y = as_matrix(sizes, "sizes", n_columns=1)[:, 0], as_matrix(errors, "errors", n_columns=1)[:, 0]
    if len(x) != len(y):
        raise ValueError(f"errors: expected {len(x)}, as many as sizes, got {len(y)}")
    for name, values in (("sizes", x), ("errors", y)):
        wrong = ~(np.isfinite(values) & (values > 0))
        if wrong.any():
            raise ValueError(f"{name}: expected positive finite numbers, got {values[wrong][0]:g}")
    different, group = np.unique(x, return_inverse=True)
    if len(different) < MIN_SIZES:
        raise ValueError(f"sizes: expected at least {MIN_SIZES} different ones, got {len(different)}")
    return np.log(different), np.bincount(group, np.log(y)) / np.bincount(group)


def _squares(x: Array, y: Array, degree: int) -> tuple[float, Array]:
    """The sum of squares that a polynomial of this degree leaves, FAINT deviations added, and its coefficients."""
    u = x - x.mean()
    coefficients = np.polynomial.polynomial.polyfit(u, y, min(degree, len(x) - 1))
    rest = y - np.polynomial.polynomial.polyval(u, coefficients)
    return float(rest @ rest) + len(x) * FAINT**2, coefficients


def _criterion(squares: float, n: int, n_params: int) -> float:
    """AICc of a least-squares fit, whose variance is one parameter more; infinite where the data are too few."""
    k = n_params + 1
    if n - k - 1 <= 0:
        return math.inf
    return n * math.log(squares / n) + 2.0 * k * n / (n - k - 1)


def _floor_sizes(x: Array, y: Array) -> int:
    """How many sizes at the end have one and the same error."""
    n = len(x)
    plain = min(_criterion(_squares(x, y, degree)[0], n, degree + 1) for degree in (1, 2))
    best, found = plain - FLOOR_EVIDENCE, 0
    for n_floor in range(2, n - MIN_SIZES + 1):
        law, floor = slice(0, n - n_floor), slice(n - n_floor, n)
        for degree in (1, 2):
            if n - n_floor < degree + 2:
                continue
            squares = _squares(x[law], y[law], degree)[0] + _squares(x[floor], y[floor], 0)[0]
            value = _criterion(squares, n, degree + 3)  # the constant, and where it begins
            predicted = _Line.through(x[law][-MIN_SIZES:], y[law][-MIN_SIZES:]).at(float(x[floor].mean()))
            if value < best and y[floor].mean() > predicted:
                best, found = value, n_floor
    return found


def _beginning(x: Array, y: Array) -> int | None:
    """The first size from which on the law is straight; None where it isn't from any. Three sizes can't tell."""
    if len(x) <= MIN_SIZES:
        return 0
    for begin in range(min(len(x) // 2, len(x) - MIN_TESTED) + 1):
        if _is_straight(x[begin:], y[begin:]):
            return begin
    return None


def _is_straight(x: Array, y: Array) -> bool:
    line, _ = _squares(x, y, 1)
    parabola, coefficients = _squares(x, y, 2)
    if abs(2.0 * coefficients[2] * (x[-1] - x[0])) <= STRAIGHT * abs(coefficients[1]):
        return True
    from scipy.stats import f

    degrees = len(x) - 3
    return bool(f.sf((line - parabola) / (parabola / degrees), 1, degrees) > SIGNIFICANCE)


def _sentence(line: _Line, bends: bool, floor: float | None, n_before: int, n_after: int) -> str:
    low, high = line.slope_interval()
    if bends:
        text = f"the law bends: over these sizes the exponent changes; its mean is {line.slope:.3g}"
    else:
        text = f"error ~ size^{line.slope:.3g} (95 %: {low:.3g} to {high:.3g}) over {line.n} sizes"
    if n_before:
        text += f"; {n_before} at the beginning left out"
    if floor is not None:
        text += f"; {n_after} at the end left out, at or near a floor of {floor:.2g}"
    return text
