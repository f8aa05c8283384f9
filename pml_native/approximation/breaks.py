"""Where a function jumps or grows without bound, found by asking it: bisection of a jump, ascent towards a pole.

A function that is asked here takes one number. With several inputs that is the place along a segment between two
points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import Array

# A jump keeps this part of the difference that it began with, whatever the distance; a pole soon has so many times it.
KEPT, GROWN = 0.5, 16.0
# Bisections by halves of the distance; then by halves of the floating-point numbers between, of which there are many
# more on the way to 0 than elsewhere. 64 of these come to neighbours from anywhere.
HALVES, MOST_BISECTIONS = 30, 30 + 64
# Differences that are kept over fewer bisections than this say nothing: the numbers between were few from the start.
LEAST_BISECTIONS = 20
# Over so many of the last ones a jump has changed by no more than this part; next to a pole, f doubles with each.
SETTLED_OVER, SETTLED = 3, 0.03
# Differences of less than so many roundings of f are no jumps.
LEAST_JUMP = 1e3
# An ascent ends on a plateau when for so many halvings of its step none of its neighbours has been larger or smaller by
# more than this: a logarithm has 2 % less at twice the distance. All bits of a place take two steps each at most.
PLATEAU, GAIN, MOST_ASCENTS = 6, 1.001, 128
# Distances at which growth towards a point is measured: each is this part of the one before, at most so many.
RATIO, MOST_DISTANCES = 8.0, 18
# Floating-point numbers that a distance must have, so that the place of the pole is known well enough for it.
LEAST_DISTANCE = 64.0
# Growth like r^-1/2 or faster makes the RMS of f infinite, and all but useless a little below. It must go on to the
# last LAST distances for a pole, or over LONG of them for a function that grows far but not without bound.
LEAST_POWER, LAST, LONG = 0.4, 3, 4
# A logarithm gains the same at every distance, a weak power has the same logarithm of it: to this part, over so many.
SAME_GAIN, LAST_OF_WEAK = 0.3, 6

# Powers this near to a whole number are taken for it. Breaks that are named one by one.
NEAR_WHOLE, MOST_NAMED = 0.05, 6

Kind = Literal["jump", "pole", "weak", "peak"]
Ask = Callable[[float], float]


@dataclass(frozen=True)
class Break:
    """Where f isn't smooth: `x` (d,), `place` as text, and what it does there, as a sentence that follows "f"."""

    kind: Kind
    x: tuple[float, ...]
    place: str
    says: str
    size: float = 0.0  # of a jump, over the RMS of f


def middle_of(a: float, b: float, halves: bool) -> float | None:
    """A number between a < b: in the middle, or with as many floating-point numbers on either side; None if none is."""
    middle = 0.5 * a + 0.5 * b if halves else _number((_ordinal(a) + _ordinal(b)) // 2)
    return middle if a < middle < b else None


def locate_jump(
    ask: Ask, low: float, high: float, y_low: float, y_high: float, most: int = MOST_BISECTIONS
) -> tuple[float, float, float] | str:
    """The numbers on both sides of the jump between `low` and `high`, and by what f jumps.

    Else "continuous", "grows" or "no value".

    With each value the half that has the larger difference is gone on with. Up to `most` values, 3 or so if f is
    smooth.
    """
    first = abs(y_high - y_low)
    kept = [first]
    for k in range(most):
        middle = middle_of(low, high, k < HALVES)
        if middle is None and k < HALVES:
            middle = middle_of(low, high, False)
        if middle is None:
            break
        y = ask(middle)
        if not math.isfinite(y):
            return "no value"
        if abs(y - y_low) >= abs(y_high - y):
            high, y_high = middle, y
        else:
            low, y_low = middle, y
        kept.append(abs(y_high - y_low))
        if kept[-1] < KEPT * first:
            return "continuous"
        if kept[-1] > GROWN * first:
            return "grows"
    if len(kept) <= LEAST_BISECTIONS:
        return "continuous"
    is_settled = abs(kept[-1 - SETTLED_OVER] - kept[-1]) <= SETTLED * kept[-1]
    return (low, high, y_high - y_low) if is_settled else "grows"


def ascend(ask: Ask, x: float, y: float, step: float, low: float, high: float) -> tuple[float, float] | None:
    """Where |f| is largest near `x`, and to what precision; None for a plateau.

    Steps go on as long as they gain, and are then halved. Ends at a point without a value: the pole itself.
    """
    best, level = abs(y), 0
    for _ in range(MOST_ASCENTS):
        largest = 0.0
        for at in (x - step, x + step):
            size = abs(ask(at)) if low <= at <= high else 0.0
            if not math.isfinite(size):
                return at, 0.0
            largest = max(largest, size)
            if size > GAIN * best:
                best, x = size, at
                break
        else:
            step *= 0.5
            level = level + 1 if best <= GAIN * largest else 0
            if level == PLATEAU:
                return None
            if step <= np.spacing(abs(x)) or x + step == x:
                break
    return x, 2.0 * step


def singularity(ask: Ask, x: float, precision: float, low: float, high: float) -> tuple[Kind, float] | None:
    """How |f| grows towards `x`, known to `precision`, within [low, high], and with which power of 1/distance.

    Up to 18 values on each side; None where it doesn't grow much.
    """
    least = LEAST_DISTANCE * max(precision, float(np.spacing(abs(x))))
    found = []
    for sign, end in ((-1.0, low), (1.0, high)):
        r = 0.5 * abs(end - x) * RATIO ** -np.arange(MOST_DISTANCES)
        kind, power = growth(np.abs([ask(x + sign * distance) for distance in r[r >= least]]))
        if kind is not None:
            found.append((power, kind))
    if not found:
        return None
    power, kind = max(found)
    return kind, power


def growth(size: Array) -> tuple[Kind | None, float]:
    """How |f| (k,) at falling distances grows, and its power of 1/distance, 0 for a logarithm."""
    if len(size) <= LAST_OF_WEAK or not np.all(np.isfinite(size)) or not np.all(size > 0):
        return None, 0.0
    power = np.diff(np.log(size)) / math.log(RATIO)
    if np.all(power[-LAST:] >= LEAST_POWER):
        return "pole", float(np.median(power[-LAST:]))
    fast = power >= LEAST_POWER
    longest = max(len(run) for run in "".join("x" if one else " " for one in fast).split(" "))
    if longest >= LONG:
        return "peak", float(np.median(power[fast]))
    for gain, of in ((np.diff(size), 0.0), (power, float(np.median(power[-LAST_OF_WEAK:])))):
        last = gain[-LAST_OF_WEAK:]
        if np.all(last > 0) and float(np.ptp(last)) <= SAME_GAIN * float(np.mean(last)):
            return "weak", of
    return None, 0.0


def unbounded(kind: Kind, x: tuple[float, ...], place: str, power: float) -> Break:
    """The break of this kind, as `singularity` found it."""
    how = f"like r^-{power:.2g}, r being the distance" if power else "like a logarithm"
    if kind == "weak":
        return Break(kind, x, place, f"grows without bound at {place}, {how}")
    if kind == "peak":
        return Break(
            kind, x, place, f"grows {how}, over several decades towards {place}: a pole nearby, or a narrow peak"
        )
    order = round(power)
    if order >= 1 and abs(power - order) < NEAR_WHOLE:
        return Break(kind, x, place, f"has a pole of order {order} at {place}")
    return Break(kind, x, place, f"has a pole at {place}, where it grows without bound {how}")


def jump(x: tuple[float, ...], place: str, by: float, size: float = 0.0) -> Break:
    """A jump by so much, which is `size` over the RMS of f."""
    return Break("jump", x, place, f"jumps by {by:.3g} at {place}", size)


def described(breaks: Sequence[Break]) -> list[str]:
    """A sentence for each break, if they are not too many, and one for all jumps."""
    breaks = sorted(breaks, key=lambda one: one.x)
    jumps = [one for one in breaks if one.kind == "jump"]
    others = [f"f {one.says}" for one in breaks if one.kind != "jump"]
    sentences = others[:MOST_NAMED]
    if len(others) > MOST_NAMED:
        sentences.append(f"and so at {len(others) - MOST_NAMED} more places")
    if jumps:
        named = ", ".join(one.says.removeprefix("jumps ") for one in jumps[:MOST_NAMED])
        more = f", and at {len(jumps) - MOST_NAMED} more places" if len(jumps) > MOST_NAMED else ""
        sentences.append(f"f jumps {named}{more}")
    return sentences


def named(x: float, precision: float) -> str:
    """A place with as few digits as it is known to."""
    value = shortest(x, precision)
    text = f"{value:.15g}"
    return text if float(text) == value else repr(value)


def shortest(x: float, precision: float) -> float:
    """The number with the fewest digits that is no farther from `x` than it is known."""
    tolerance = 4.0 * max(precision, float(np.spacing(abs(x))))
    if abs(x) <= tolerance:
        return 0.0
    return next((value for digits in range(1, 17) if abs((value := float(f"{x:.{digits}g}")) - x) <= tolerance), x)


def _ordinal(x: float) -> int:
    """The place of x among all floating-point numbers, 0 at 0."""
    bits = int(np.float64(x).view(np.int64))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFFFFFFFFFF)


def _number(ordinal: int) -> float:
    return math.copysign(float(np.int64(abs(ordinal)).view(np.float64)), ordinal)
