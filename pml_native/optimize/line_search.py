"""A line search for the strong Wolfe conditions that knows the rounding noise of the loss.

Along params + a d, with phi(a) the loss there, wanted is a step a with
    phi(a) <= phi(0) + c1 a phi'(0)        (sufficient decrease)
    |phi'(a)| <= c2 |phi'(0)|              (curvature)
by bracketing and zooming with safeguarded cubic interpolation (Nocedal and Wright, Numerical Optimization,
algorithms 3.5 and 3.6). Near the floor phi(a) - phi(0) drowns in rounding while phi' is still known to several digits.
There the first condition is replaced by Hager and Zhang's (SIAM J. Optim. 16, 2005), which needs slopes only:
    (2 c1 - 1) phi'(0) >= phi'(a)  and  phi(a) <= phi(0) + noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from .objective import Objective

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
MAX_EVALUATIONS = 30


@dataclass(frozen=True)
class Point:
    """The objective at step `a` along the direction; `slope` is phi'(a)."""

    a: float
    params: Array
    loss: float
    gradient: Array
    slope: float


@dataclass(frozen=True)
class LineSearch:
    """The accepted point, or None, and the evaluations it took."""

    point: Point | None
    n_evaluations: int


def strong_wolfe(
    objective: Objective,
    params: Array,
    loss: float,
    gradient: Array,
    direction: Array,
    *,
    first_step: float = 1.0,
    noise: float = 0.0,
    curvature: float = CURVATURE,
) -> LineSearch:
    """A step along `direction` (P,), which must go downhill; `noise` is the rounding noise of the loss there.

    `curvature` is c2 above: the smaller, the nearer to the minimum along the direction.
    """
    origin = Point(0.0, params, loss, gradient, float(gradient @ direction))
    n_evaluations = 0

    def evaluate(a: float) -> Point:
        nonlocal n_evaluations
        n_evaluations += 1
        there = params + a * direction
        value, slope = objective.loss_and_gradient(there)
        return Point(a, there, value, slope, float(slope @ direction))

    def decreases(p: Point) -> bool:
        if p.loss <= loss + SUFFICIENT_DECREASE * p.a * origin.slope:
            return True
        return p.loss <= loss + noise and p.slope <= (2 * SUFFICIENT_DECREASE - 1) * origin.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= curvature * abs(origin.slope)

    previous, a = origin, first_step
    low = high = None
    while n_evaluations < MAX_EVALUATIONS:
        here = evaluate(a)
        if not (math.isfinite(here.loss) and math.isfinite(here.slope)):
            if here.loss == -math.inf:
                return LineSearch(here, n_evaluations)  # the logarithm of an exact fit
            a = previous.a + 0.1 * (a - previous.a)
            continue
        if not decreases(here) or (here.loss > previous.loss + noise and previous is not origin):
            low, high = previous, here
            break
        if flat(here):
            return LineSearch(here, n_evaluations)
        if here.slope >= 0:
            low, high = here, previous
            break
        previous, a = here, here.a + 2.0 * (here.a - previous.a)
    if low is None or high is None:
        return LineSearch(previous if previous is not origin else None, n_evaluations)

    while n_evaluations < MAX_EVALUATIONS:
        width = abs(high.a - low.a)
        if width <= 4 * np.finfo(float).eps * max(low.a, high.a):
            break
        here = evaluate(_interpolate(low, high))
        if not decreases(here) or here.loss > low.loss + noise:
            high = here
        else:
            if flat(here):
                return LineSearch(here, n_evaluations)
            if here.slope * (high.a - low.a) >= 0:
                high = low
            low = here
    return LineSearch(low if low is not origin else None, n_evaluations)


def _interpolate(low: Point, high: Point) -> float:
    """The minimizer of the cubic through both ends, kept a tenth of the interval away from them."""
    width = high.a - low.a
    middle = low.a + 0.5 * width
    if not math.isfinite(high.loss) or not math.isfinite(high.slope):
        return low.a + 0.1 * width
    # Nocedal and Wright, equation 3.59.
    d1 = low.slope + high.slope - 3.0 * (low.loss - high.loss) / (low.a - high.a)
    square = d1 * d1 - low.slope * high.slope
    if not square >= 0:
        return middle
    d2 = math.copysign(math.sqrt(square), width)
    denominator = high.slope - low.slope + 2.0 * d2
    if denominator == 0:
        return middle
    a = high.a - width * (high.slope + d2 - d1) / denominator
    nearest, farthest = sorted((low.a + 0.1 * width, high.a - 0.1 * width))
    return min(max(a, nearest), farthest)
