"""Polynomials on intervals of one variable, as many and as short as the function needs.

An interval starts with few Chebyshev points, cos(pi j / n), and doubles n while the coefficients promise that this
leads to the tolerance; else it is halved. What is nowhere smooth enough, a kink or a root at an end, gets intervals
that are smaller and smaller towards it. The interval with the largest share of the mean square error is always next.
Polynomials are fitted to all points that f was asked at within the interval, by least squares.

A jump is bisected to two neighbouring numbers, and intervals end there. A pole gets an interval of its own, which no
error is measured in; with one, errors are relative to f itself where it is larger than it typically is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..models import Model, Normalization, Piecewise, Polynomial, Signature
from ..models.chebyshev import chebyshev_table
from ..report import MAX_ERROR, Errors
from ..search.least_squares import least_squares
from .breaks import LEAST_JUMP, Ask, Break, ascend, jump, locate_jump, named, singularity, unbounded
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
# Where the largest second difference of neighbouring values is so many times the median one, flat coefficients are
# those of a peak or a pole. Halving leads there; more steps don't, as they do for oscillations, nor is it noise, which
# has 5.
PEAKED = 12.0
# A pole takes some 30 halvings; noise is what has been peaked so often at errors below SMALL.
MOST_PEAKED = 150
# Where errors are below this part of the size of y, so many jumps are found one by one; then they are rounding, or
# noise.
SMALL_JUMP, MOST_SMALL_JUMPS = 1e-3, 50
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
# The size of y is found anew when there are more intervals by this part.
SAME_SIZE = 0.1
# Points of a check in each interval.
CHECKS = 2
# A difference of neighbouring values that is so many times the median one may be a jump; with fewer points that isn't
# asked.
STANDS_OUT, LEAST_DIFFERENCES = 8.0, 8
# An interval with a half-width below this part of the box's is looked at for a pole, and if there is one, it is kept
# for it. Rounding of x makes errors of eps |x| / distance near a pole, and so an RMSE of some eps / sqrt(APART), 5e-13.
APART = 2.0**-22


@dataclass(eq=False)
class Interval:
    """[low, high] with a polynomial: 2^e sum_k c_k T_k(z), and its error relative to the size of y."""

    low: float
    high: float
    steps: int = 0
    coefficients: Array | None = None
    exponents: NDArray[np.intc] = field(default_factory=lambda: np.zeros(0, dtype=np.intc))
    n_kept: int = 0  # coefficients that aren't negligible
    rms: Array = field(default_factory=lambda: np.zeros(0))  # of y (m,)
    # The largest y, and what the polynomial leaves of it, each (m,) and over 2^e.
    largest: Array = field(default_factory=lambda: np.zeros(0))
    left: Array = field(default_factory=lambda: np.zeros(0))
    seen: Array | None = None  # the RMS error (m,) at points of a check, not over 2^e
    error: float = math.inf
    needs: float = 0.0  # steps, as predicted
    rounding: float = 0.0  # the error that rounding of y alone makes
    in_vain: int = 0
    telling: int = TELLING_STEPS
    is_peaked: bool = False  # whether y changes far more at some points than at most
    before: float = math.inf  # the error of the interval of which this is a half
    too_narrow: bool = False
    apart: Break | None = None  # what it is kept for: a pole
    looked_at: int = 0  # the steps at which a jump was looked for
    half_width: float = field(init=False)
    climbed: bool = False  # whether a pole was looked for, here or where this is a half of

    @property
    def closed(self) -> bool:
        """Whether rounding, noise or the spacing of float64 leave nothing to gain."""
        return self.error <= self.rounding or self.in_vain >= MOST_IN_VAIN or self.too_narrow or self.apart is not None

    @property
    def has_values(self) -> bool:
        """Whether f was asked here, and had values."""
        return len(self.rms) > 0

    def __post_init__(self) -> None:
        self.half_width = 0.5 * self.high - 0.5 * self.low

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
        self.breaks: list[Break] = []  # jumps and poles, in the order in which they were found
        self._known: set[float] = set()
        self._has_peaks = self._has_poles = False
        self._recent: tuple[int, Array] | None = None  # the number of intervals, and the size of y then
        self._n_peaked = self._n_small_jumps = 0
        self._rated = True  # whether all errors are relative to what is known now of the size of y

    @property
    def description(self) -> str:
        n = len(self.intervals)
        return f"{n} interval{'s' * (n > 1)} of Chebyshev polynomials"

    @property
    def error(self) -> float:
        """The relative RMS error that the coefficients promise, poles apart."""
        kept = [one for one in self.intervals if one.apart is None]
        total = sum(one.half_width for one in kept) or 1.0
        return math.sqrt(sum(one.half_width / total * min(one.error, 1e150) ** 2 for one in kept))

    @property
    def looks_finished(self) -> bool:
        return self.error <= ENOUGH * self.tolerance

    def refine(self, n_evaluations: int, *, distrust: bool = False) -> None:
        """Improves the worst interval, then the worst again, until `target` has been asked at so many points.

        Ends earlier where the coefficients promise the tolerance, but for the first step if `distrust`.
        """
        first = distrust
        while not self.ended and (first or not self._is_finished()) and not self.target.should_stop:
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
            elif self._split_at_a_jump(worst):
                pass
            elif worst.steps < worst.telling or (
                2 * worst.steps <= MOST_STEPS
                and (worst.needs <= AFFORDABLE_STEPS or (worst.needs == math.inf and not worst.is_peaked))
            ):
                self._fit(worst, 2 * worst.steps)
            else:
                self._halve(worst)

    def check_points(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Random points (k, 1), about `n` in all and some in every interval but those for poles, and their weights.

        The weighted mean is that over the box.
        """
        kept = [one for one in self.intervals if one.apart is None]
        width = np.array([one.half_width for one in kept])
        count = np.maximum(CHECKS, np.round(n * (width / width.sum()))).astype(int)
        low, high = (np.repeat([getattr(one, end) for one in kept], count) for end in ("low", "high"))
        X = inside(2.0 * rng.random((len(low), 1)) - 1.0, low[:, None], high[:, None])
        return X, np.repeat(width / width.sum() / count, count)

    def learn(self, X: Array, error: Array) -> None:
        """Takes the errors (k, m) that the model has been seen to have at new points `X` (k, 1)."""
        place = self._places(X)
        for k in np.unique(place):
            one = self.intervals[k]
            if one.apart is not None or not one.has_values:
                continue
            largest = np.minimum(np.max(error[place == k], axis=0), 1e300)
            share = error[place == k] / np.where(largest > 0, largest, 1.0)
            one.seen = largest * np.sqrt(np.mean(np.minimum(share, 1.0) ** 2, axis=0))
            self._rate(one)

    def errors(self, X: Array, prediction: Array, y: Array, weight: Array | None) -> Errors:
        """Errors of a model, relative to the RMS of y or, where f has a pole, to y itself where it is large.

        What lies in an interval for a pole doesn't count.
        """
        if not self.is_relative:
            return Errors.of(prediction, y, weight)
        counts = np.array([self.intervals[k].apart is None for k in self._places(X)])
        if not counts.any():
            return Errors(math.inf, math.inf, math.inf)
        weight = None if weight is None else weight[counts]
        unit = np.maximum(np.abs(y[counts]), self._typical())
        unit = np.where(unit > 0, unit, 1.0)
        error = np.abs(prediction[counts] - y[counts]) / unit
        if not np.all(error < MAX_ERROR):
            return Errors(math.inf, math.inf, math.inf)
        mean_square = float(np.mean(np.average(error**2, axis=0, weights=weight)))
        return Errors(math.sqrt(mean_square), float(np.percentile(error, 95)), float(np.max(error)))

    @property
    def without_value(self) -> float:
        """The part of the box where f had no value, and the model has none."""
        total = sum(one.half_width for one in self.intervals)
        return sum(one.half_width for one in self.intervals if one.steps and not one.has_values) / total

    @property
    def apart_width(self) -> float:
        """The part of the box that is kept for poles."""
        total = sum(one.half_width for one in self.intervals)
        return sum(one.half_width for one in self.intervals if one.apart is not None) / total

    @property
    def is_relative(self) -> bool:
        """Whether errors are relative to y itself where it is large, as it is infinite somewhere, or nearly."""
        if not any(one.has_values for one in self.intervals):
            return False
        return self._has_peaks or self._has_poles or self.target.n_infinite > 0

    def limit(self) -> str:
        """What keeps the error from falling, and where."""
        worst = max((one for one in self.intervals if one.apart is None), key=_weight)
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
        inner = [one.low for one in self.intervals[1:]]
        return Piecewise([self.target.low[0], *inner, self.target.high[0]], known)

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
        self._solve(one, x)
        return True

    def _solve(self, one: Interval, nodes: Array) -> None:
        """Fits a polynomial with as many terms as there are `nodes`."""
        target = self.target
        most_terms = len(nodes)
        rows = (target.X[:, 0] >= one.low) & (target.X[:, 0] <= one.high)
        X, y = target.X[rows], target.y[rows]
        m = target.y.shape[1]
        one.seen = None
        if len(X) == 0:  # f has no value here: NaN
            one.coefficients, one.exponents, one.n_kept = np.full((1, m), np.nan), np.zeros(m, dtype=np.intc), 1
            one.error, one.too_narrow = 0.0, True
            return
        p = min(most_terms, len(X)) if len(X) >= most_terms else max(1, len(X) // 2)
        one.exponents = np.frexp(np.max(np.abs(y), axis=0))[1].astype(np.intc)
        scaled = np.ldexp(y, -one.exponents)
        z = self._normalization(one).apply(X)[:, 0]
        table = chebyshev_table(z, p - 1)
        one.coefficients = least_squares(np.asfortranarray(table.T), scaled, np.arange(p))
        one.rms = np.ldexp(np.sqrt(np.mean(scaled**2, axis=0)), one.exponents)
        one.largest = np.max(np.abs(scaled), axis=0)
        bend = np.abs(np.diff(scaled[np.argsort(X[:, 0])][np.isin(np.sort(X[:, 0]), nodes)], n=2, axis=0))
        one.is_peaked = len(bend) > 0 and bool(np.any(np.max(bend, axis=0) > PEAKED * np.median(bend, axis=0)))
        one.left = np.max(np.abs(table.T @ one.coefficients - scaled), axis=0)
        self._rate(one)
        self._rated = False

    def _rate(self, one: Interval) -> None:
        """What the polynomial's coefficients say of its error, and what of them is needed."""
        assert one.coefficients is not None
        p = len(one.coefficients)
        with np.errstate(over="ignore", under="ignore"):  # where y is far larger or smaller elsewhere
            common = self._recent_size()
            unit = np.ldexp(np.maximum(one.rms, common) if self.is_relative else common, -one.exponents)
            unit = np.where(unit > 0, unit, 1.0)
            size = np.max(np.abs(one.coefficients) / unit, axis=1)
            tail = float(np.max(size[-max(3, p // 8) :])) if p > 4 else float(np.max(size))
            one.error = max(tail, float(np.max(one.left / unit)))
            largest = float(np.max(one.largest / unit))
            seen = 0.0 if one.seen is None else float(np.max(np.ldexp(one.seen, -one.exponents) / unit))
        allowed = ENOUGH * self.tolerance
        one.needs = _steps_needed(size, one.error, allowed)
        if seen > max(one.error, allowed):
            if one.error <= allowed:
                one.needs = AFFORDABLE_STEPS + 1.0  # as its coefficients were wrong about it
            one.error = seen
        one.rounding = ROUNDING * self.target.eps * largest
        if self._has_poles:  # that of x, which they make large
            farthest = float(max(abs(self.target.low[0]), abs(self.target.high[0])))
            one.rounding += self.target.eps * largest * farthest / max(one.half_width, 5e-324)
        share = NEGLIGIBLE * self.tolerance
        one.n_kept = p
        while one.n_kept > 1 and math.sqrt(float(np.sum(size[one.n_kept - 1 :] ** 2))) <= share:
            one.n_kept -= 1

    # --- the size of y

    def _is_finished(self) -> bool:
        """Whether the errors are small enough, and are so relative to all that is known of y."""
        if self.looks_finished and not self._rated:
            self._rate_all()
        return self.looks_finished

    def _rate_all(self) -> None:
        self._recent = None
        for one in self.intervals:
            if one.has_values:
                self._rate(one)
        self._rated = True

    def _sizes(self) -> tuple[Array, Array]:
        """The RMS of y (k, m) on each interval that counts, and their widths (k,)."""
        kept = [one for one in self.intervals if one.has_values and one.apart is None]
        return np.array([one.rms for one in kept]), np.array([one.half_width for one in kept])

    def _recent_size(self) -> Array:
        """`_size` as it was when there were a few intervals less: it changes little and takes long."""
        if self._recent is None or len(self.intervals) > (1.0 + SAME_SIZE) * self._recent[0]:
            self._recent = len(self.intervals), self._size()
        return self._recent[1]

    def _size(self) -> Array:
        """What errors are relative to (m,), at least: the RMS of y, or where that may be infinite, its typical size."""
        if self.is_relative:
            return self._typical()
        rms, width = self._sizes()
        largest = np.max(rms, axis=0)
        share = rms / np.where(largest > 0, largest, 1.0)
        size: Array = largest * np.sqrt((width / width.sum()) @ share**2)
        return size

    def _typical(self) -> Array:
        """The RMS of y (m,) that half of the box has more of, and half less."""
        rms, width = self._sizes()
        order = np.argsort(rms, axis=0)
        below = np.cumsum(width[order], axis=0)
        middle = np.argmax(below >= 0.5 * width.sum(), axis=0)
        typical: Array = np.take_along_axis(np.take_along_axis(rms, order, axis=0), middle[None, :], axis=0)[0]
        return typical

    def _places(self, X: Array) -> NDArray[np.intp]:
        """The number of the interval that each of `X` (k, 1) lies in."""
        return np.searchsorted([one.low for one in self.intervals[1:]], X[:, 0], side="right")

    # --- where f jumps or has a pole

    def _ask(self, output: int) -> Ask:
        """Output `output` of f at a number; NaN where it has none, or where the budget has ended."""

        def ask(x: float) -> float:
            if self.target.affordable() < 1 or self.target.guard.requested:
                return math.nan
            return float(self.target.ask(np.array([[x]]))[0, output])

        return ask

    def _split_at_a_jump(self, one: Interval) -> bool:
        """Whether an interval whose coefficients promise nothing has a jump, at which it has then been split."""
        if one.needs <= AFFORDABLE_STEPS or one.looked_at == one.steps:
            return False
        if one.error < SMALL_JUMP and self._n_small_jumps >= MOST_SMALL_JUMPS:
            return False
        one.looked_at = one.steps
        target = self.target
        rows = np.flatnonzero((target.X[:, 0] >= one.low) & (target.X[:, 0] <= one.high))
        rows = rows[np.unique(target.X[rows, 0], return_index=True)[1]]
        if len(rows) <= LEAST_DIFFERENCES:
            return False
        x, y = target.X[rows, 0], target.y[rows]
        difference = np.abs(np.diff(y * 0.5, axis=0))
        largest = np.max(difference, axis=0)
        usual = np.median(difference, axis=0)
        # Apart from rounding, and from what is too small to matter.
        least = LEAST_JUMP * target.eps * np.max(np.abs(y), axis=0)
        stands_out = np.where(largest > least, largest / np.maximum(usual, 1e-3 * least + 5e-324), 0.0)
        output = int(np.argmax(stands_out))
        if stands_out[output] < STANDS_OUT:
            return False
        k = int(np.argmax(difference[:, output]))
        found = locate_jump(self._ask(output), x[k], x[k + 1], y[k, output], y[k + 1, output])
        if isinstance(found, str):
            return False
        below, above, by = found
        self._n_small_jumps += one.error < SMALL_JUMP
        sides = []
        if one.low < below:
            sides.append(Interval(one.low, below))
        if above < one.high:
            sides.append(Interval(above, one.high))
        self._note(jump((above,), f"x = {named(above, above - below)}", by))
        if all([self._fit(side, FIRST_STEPS) for side in sides]):
            place = self.intervals.index(one)
            self.intervals[place : place + 1] = sides
        return True

    def _note(self, found: Break) -> None:
        """Keeps what was found, once for each place."""
        if not any((one.kind, one.place) == (found.kind, found.place) for one in self.breaks):
            self.breaks.append(found)

    def _singularity(self, one: Interval) -> Break | None:
        """What makes f grow within a narrow interval, if anything does."""
        target = self.target
        low, high = float(target.low[0]), float(target.high[0])
        rows = np.flatnonzero((target.X[:, 0] >= one.low) & (target.X[:, 0] <= one.high))
        gaps = [float(x[0]) for x in target.failed if one.low <= x[0] <= one.high]
        if len(rows) == 0:
            return None
        y = np.abs(target.y[rows])
        output = int(np.argmax(np.max(y, axis=0) / np.where((typical := self._typical()) > 0, typical, 1.0)))
        ask = self._ask(output)
        k = rows[int(np.argmax(y[:, output]))]
        summit = float(target.X[k, 0])
        top: tuple[float, float] | None
        if gaps:  # a pole that was hit, or the end of where f has values
            nearest = min(gaps, key=lambda x: abs(x - summit))
            top = nearest, 0.0
        elif summit in (low, high):
            top = summit, 0.0
        else:
            top = ascend(ask, summit, float(target.y[k, output]), one.half_width, low, high)
        if top is None:
            return None
        found = singularity(ask, *top, low, high)
        return None if found is None else unbounded(found[0], (top[0],), f"x = {named(*top)}", found[1])

    def _halve(self, one: Interval) -> None:
        if (
            one.needs == math.inf
            and one.steps == MOST_STEPS
            and not self._leads_to_a_peak(one)
            and IN_VAIN * one.before < one.error < SMALL
        ):
            one.in_vain += 1
            if one.closed:
                return
        middle = one.middle
        numbers = one.half_width / np.spacing(max(abs(one.low), abs(one.high)))
        too_narrow = numbers < LEAST_NUMBERS or not one.low < middle < one.high
        box = 0.5 * float(self.target.high[0]) - 0.5 * float(self.target.low[0])
        if too_narrow or (one.half_width < APART * box and not one.climbed):
            one.climbed = True
            found = self._singularity(one)
            if found is not None:
                self._note(found)
                self._has_poles |= found.kind == "pole"
                self._has_peaks |= found.kind == "peak"
                if found.kind == "pole" or (found.kind == "weak" and too_narrow):
                    one.apart = found
                self._rate_all()
                if one.closed:
                    return
        if too_narrow:
            one.too_narrow = True
            return
        halves = [Interval(one.low, middle), Interval(middle, one.high)]
        if not all([self._fit(half, FIRST_STEPS) for half in halves]):
            return
        for half in halves:
            half.before, half.in_vain, half.climbed = one.error, one.in_vain, one.climbed
            half.telling = TELLING_STEPS if one.needs == math.inf and not one.is_peaked else FIRST_STEPS
        place = self.intervals.index(one)
        self.intervals[place : place + 1] = halves

    def _leads_to_a_peak(self, one: Interval) -> bool:
        """Whether y changes at one place as it doesn't elsewhere; noise with outliers has such places everywhere."""
        self._n_peaked += one.is_peaked
        return one.is_peaked and self._n_peaked <= MOST_PEAKED

    def _normalization(self, one: Interval) -> Normalization:
        return Normalization.of_box(np.array([[one.low], [one.high]]))

    def _polynomial(self, one: Interval) -> Polynomial | None:
        if one.coefficients is None:
            return None
        m = one.coefficients.shape[1]
        return Polynomial(
            np.arange(one.n_kept)[:, None],
            one.coefficients[: one.n_kept],
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
