"""Polynomials on intervals of one variable, as many and as short as the function needs.

An interval starts with few Chebyshev points, cos(pi j / n), and doubles n while the coefficients promise that this
leads to the tolerance; else it is halved. What is nowhere smooth enough, a kink or a root at an end, gets intervals
that are smaller and smaller towards it. The interval with the largest share of the mean square error is always next.
Polynomials are fitted to all points that f was asked at within the interval, by least squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..models import Model, Normalization, Piecewise, Polynomial, Signature
from ..models.chebyshev import chebyshev_table
from ..search.least_squares import least_squares
from .target import Target, inside

# Steps between the first points of an interval, and between the most: beyond these it is halved.
FIRST_STEPS, MOST_STEPS = 16, 512
# Steps that an interval may be predicted to need; with more, halving costs fewer points.
AFFORDABLE_STEPS = 160
# Coefficients whose last quarter is no smaller than the second one by this factor say nothing yet: f may oscillate
# faster than that. (A jump makes 2.3, a kink 5.)
FLAT = 1.6
# Steps at which that can be told, unless the interval is a half of one with a jump or a kink.
TELLING_STEPS = 64
# The errors of all intervals together may be this part of the tolerance.
ENOUGH = 0.3
# Coefficients that together are below this part of the allowed error are dropped.
NEGLIGIBLE = 0.03
# Rounding of y, in eps of the largest: what is left over cannot be smaller than that.
ROUNDING = 4.0
# An interval is not halved if it would have fewer floating-point numbers than this.
LEAST_NUMBERS = 2.0**12
# Noise is what MOST_STEPS don't show to fall off, small beside y, and no smaller in so many halves of halves.
MOST_IN_VAIN, IN_VAIN, SMALL = 2, 0.7, 0.01
# Points of a check in each interval.
CHECKS = 2


@dataclass(eq=False)
class Interval:
    """[low, high] with a polynomial: 2^e sum_k c_k T_k(z), and its error relative to the RMS of y."""

    low: float
    high: float
    steps: int = 0
    coefficients: Array | None = None
    exponents: Array | None = None
    error: float = math.inf
    needs: float = 0.0  # steps, as predicted
    rounding: float = 0.0  # the error that rounding of y alone makes
    in_vain: int = 0
    telling: int = TELLING_STEPS
    before: float = math.inf  # the error of the interval of which this is a half
    too_narrow: bool = False

    @property
    def closed(self) -> bool:
        """Whether rounding, noise or the spacing of float64 leave nothing to gain."""
        return self.error <= self.rounding or self.in_vain >= MOST_IN_VAIN or self.too_narrow

    @property
    def half_width(self) -> float:
        return 0.5 * self.high - 0.5 * self.low

    @property
    def middle(self) -> float:
        return 0.5 * self.low + 0.5 * self.high


class Intervals:
    """Intervals that cover the box of `target`, of one input, to a relative RMS error of about `tolerance`."""

    def __init__(self, target: Target, tolerance: float) -> None:
        self.target, self.tolerance = target, tolerance
        self.intervals = [Interval(float(target.low[0]), float(target.high[0]))]
        self.ended = False  # as no interval has anything to gain, or the budget is `used_up`
        self.used_up = False
        self._known: set[float] = set()

    @property
    def description(self) -> str:
        n = len(self.intervals)
        return f"{n} interval{'s' * (n > 1)} of Chebyshev polynomials"

    @property
    def error(self) -> float:
        """The relative RMS error that the coefficients promise."""
        total = sum(one.half_width for one in self.intervals)
        return math.sqrt(sum(one.half_width / total * min(one.error, 1e150) ** 2 for one in self.intervals))

    @property
    def looks_finished(self) -> bool:
        return self.error <= ENOUGH * self.tolerance

    def refine(self, n_evaluations: int, *, distrust: bool = False) -> None:
        """Improves the worst interval, then the worst again, until `target` has been asked at so many points.

        Ends earlier where the coefficients promise the tolerance, but for the first step if `distrust`.
        """
        first = distrust
        while not self.ended and (first or not self.looks_finished) and not self.target.should_stop:
            if self.intervals[0].steps and self.target.n_evaluations >= n_evaluations:
                break
            first = False
            open_ones = [one for one in self.intervals if not one.closed]
            if not open_ones:
                self.ended = True
                break
            worst = max(open_ones, key=_weight)
            if worst.steps == 0:
                self._fit(worst, FIRST_STEPS)
            elif worst.steps < worst.telling or (
                2 * worst.steps <= MOST_STEPS and (worst.needs <= AFFORDABLE_STEPS or worst.needs == math.inf)
            ):
                self._fit(worst, 2 * worst.steps)
            else:
                self._halve(worst)

    def check_points(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Random points (k, 1), some in every interval and about `n` in all, and weights for the mean over the box."""
        width = np.array([one.half_width for one in self.intervals])
        count = np.maximum(CHECKS, np.round(n * (width / width.sum()))).astype(int)
        low, high = (np.repeat([getattr(one, end) for one in self.intervals], count) for end in ("low", "high"))
        X = inside(2.0 * rng.random((len(low), 1)) - 1.0, low[:, None], high[:, None])
        return X, np.repeat(width / width.sum() / count, count)

    def learn(self, X: Array, error: Array) -> None:
        """Takes the relative errors (k,) that the model has been seen to have at new points `X` (k, 1)."""
        place = np.searchsorted([one.low for one in self.intervals[1:]], X[:, 0], side="right")
        for k in np.unique(place):
            seen = float(np.sqrt(np.mean(np.minimum(error[place == k], 1e150) ** 2)))
            one = self.intervals[k]
            if seen > max(one.error, ENOUGH * self.tolerance):
                if one.error <= ENOUGH * self.tolerance:
                    one.needs = AFFORDABLE_STEPS + 1.0  # as its coefficients were wrong about it
                one.error = seen

    def limit(self) -> str:
        """What keeps the error from falling, and where."""
        worst = max(self.intervals, key=_weight)
        where = f"[{worst.low:.17g}, {worst.high:.17g}]"
        if worst.too_narrow:
            return f"f jumps or ends in {where}, where float64 has few numbers"
        if worst.in_vain >= MOST_IN_VAIN:
            return f"f is not smooth to more than {worst.error:.1e} of its RMS at {where}, however short: it has noise"
        return f"the rounding of f alone makes errors of {worst.rounding:.1e} at {where}"

    def model(self) -> Model | None:
        """The polynomials side by side; None if f was asked nowhere yet."""
        parts = [self._polynomial(one) for one in self.intervals]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if len(parts) == 1:
            return known[0]
        return Piecewise([*(one.low for one in self.intervals), self.intervals[-1].high], known)

    # --- one interval

    def _fit(self, one: Interval, steps: int) -> bool:
        """Asks at the Chebyshev points of so many steps and fits a polynomial; False where the budget has ended."""
        z = np.sin(np.pi * (steps - 2 * np.arange(steps + 1)) / (2 * steps))
        low, high = np.array([one.low]), np.array([one.high])
        x = np.unique(inside(z[:, None], low, high)[:, 0])
        new = np.array([value for value in x if value not in self._known])
        if len(new) > self.target.affordable():
            self.ended = self.used_up = True
            return False
        if len(new):
            before = self.target.n_evaluations
            self.target.ask(new[:, None])
            if self.target.n_evaluations - before < len(new):
                self.ended = self.used_up = True
                return False
            self._known.update(new.tolist())
        one.steps = steps
        self._solve(one, len(x))
        return True

    def _solve(self, one: Interval, most_terms: int) -> None:
        target = self.target
        rows = (target.X[:, 0] >= one.low) & (target.X[:, 0] <= one.high)
        X, y = target.X[rows], target.y[rows]
        m = target.y.shape[1]
        if len(X) == 0:  # f has no value here: NaN
            one.coefficients, one.exponents = np.full((1, m), np.nan), np.zeros(m, dtype=np.intc)
            one.error, one.too_narrow = 0.0, True
            return
        p = min(most_terms, len(X)) if len(X) >= most_terms else max(1, len(X) // 2)
        exponents = np.frexp(np.max(np.abs(y), axis=0))[1].astype(np.intc)
        scaled = np.ldexp(y, -exponents)
        z = self._normalization(one).apply(X)[:, 0]
        table = chebyshev_table(z, p - 1)
        coefficients = least_squares(np.asfortranarray(table.T), scaled, np.arange(p))
        # Relative to the RMS of all that is known of y.
        with np.errstate(over="ignore"):  # where y is far larger elsewhere
            rms = np.sqrt(np.mean(np.ldexp(target.y, -exponents) ** 2, axis=0))
        size = np.max(np.abs(coefficients) / np.where(rms > 0, rms, 1.0), axis=1)
        tail = float(np.max(size[-max(3, p // 8) :])) if p > 4 else float(np.max(size))
        left = np.max(np.abs(table.T @ coefficients - scaled) / np.where(rms > 0, rms, 1.0), axis=0)
        one.error = max(tail, float(np.max(left)))
        one.needs = _steps_needed(size, one.error, ENOUGH * self.tolerance)
        largest = float(np.max(np.max(np.abs(scaled), axis=0) / np.where(rms > 0, rms, 1.0)))
        one.rounding = ROUNDING * np.finfo(float).eps * largest
        keep = p
        share = NEGLIGIBLE * self.tolerance
        while keep > 1 and math.sqrt(float(np.sum(size[keep - 1 :] ** 2))) <= share:
            keep -= 1
        one.coefficients, one.exponents = coefficients[:keep], exponents

    def _halve(self, one: Interval) -> None:
        if one.needs == math.inf and one.steps == MOST_STEPS and IN_VAIN * one.before < one.error < SMALL:
            one.in_vain += 1
            if one.closed:
                return
        middle = one.middle
        numbers = one.half_width / np.spacing(max(abs(one.low), abs(one.high)))
        if numbers < LEAST_NUMBERS or not one.low < middle < one.high:
            one.too_narrow = True
            return
        halves = [Interval(one.low, middle), Interval(middle, one.high)]
        if not all([self._fit(half, FIRST_STEPS) for half in halves]):
            return
        for half in halves:
            half.before, half.in_vain = one.error, one.in_vain
            half.telling = TELLING_STEPS if one.needs == math.inf else FIRST_STEPS
        place = self.intervals.index(one)
        self.intervals[place : place + 1] = halves

    def _normalization(self, one: Interval) -> Normalization:
        return Normalization.of_box(np.array([[one.low], [one.high]]))

    def _polynomial(self, one: Interval) -> Polynomial | None:
        if one.coefficients is None:
            return None
        p, m = one.coefficients.shape
        return Polynomial(
            np.arange(p)[:, None],
            one.coefficients,
            inputs=self._normalization(one),
            output_exponents=one.exponents,
            signature=Signature(1, m, self.target.y_is_vector),
        )


def _weight(one: Interval) -> float:
    """What decides which interval is next: its share of the mean square error, apart from a factor."""
    return math.sqrt(one.half_width) * min(one.error, 1e150)


def _steps_needed(size: Array, error: float, wanted: float) -> float:
    """Steps at which coefficients (p,) that go on falling as they do reach `wanted`; infinite where they don't fall."""
    p = len(size)
    if error <= wanted:
        return float(p - 1)
    first, last = (float(np.sqrt(np.mean(size[a : a + max(1, p // 4)] ** 2))) for a in (p // 4, p - max(1, p // 4)))
    if not last < first / FLAT:
        return math.inf
    return 0.875 * p + 0.5 * p * math.log(max(last / wanted, 1.0)) / math.log(first / max(last, 1e-300))
