"""Whether one function of a number is the derivative of another, judged from values alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import Array

Function = Callable[[Array], Array]
EPS = float(np.finfo(np.float64).eps)
N_POINTS = 500
N_STEPS = 4  # each a tenth of the one before
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
# Of what the derivative may lose to rounding (1 - t*t for a t near 1, say), beside the function and itself. A constant
# given to eight digits is still found.
OWN_ROUNDING = 1e-9


def wrong_derivative(
    function: Function, derivative: Function, low: float, high: float
) -> tuple[float, float, float] | None:
    """The point in [low, high], wanted and got, where `derivative` is furthest from that of `function`, or None.

    At irrational points, which miss the kinks of relu and its like, with central differences of fourth order

        D(h) = (8 (f(z+h) - f(z-h)) - (f(z+2h) - f(z-2h))) / 12h = f'(z) - h^4 f^(5)(z) / 30 + ...

    in several steps h. |D(h) - D(h/2)| is 15 times the error of D(h/2), and rounding adds some eps (1 + |f|) / h; the
    step with the smallest sum of the two counts. That sum alone can miss a kink within 2h of z (both differences of
    relu are 1/2 at 0), so a point is wrong only if one of its neighbours, all out of the same kink's reach, is too.
    """
    reach = (high - low) / 1024  # 2h of the largest step
    aside = reach * np.array([0.0, -8.0, -5.0, 5.0, 8.0])
    fraction = (GOLDEN * np.arange(1, N_POINTS + 1)) % 1.0
    points = low + 10 * reach + (high - low - 20 * reach) * fraction
    z = points[:, None] + aside
    with np.errstate(over="ignore", invalid="ignore"):
        wanted, error = _derivative(function, z, reach / 2)
        got = derivative(z)
        wrong = np.abs(got - wanted) > error + OWN_ROUNDING * (np.abs(wanted) + np.abs(function(z)))
    wrong[:, 0] &= wrong[:, 1:].any(axis=1)
    if not wrong[:, 0].any():
        return None
    worst = int(np.argmax(np.where(wrong[:, 0], np.abs(got - wanted)[:, 0], -1.0)))
    return float(points[worst]), float(wanted[worst, 0]), float(got[worst, 0])


def _derivative(function: Function, z: Array, largest: float) -> tuple[Array, Array]:
    """The derivative at `z` and a bound of its error; NaN, never wrong, where the function isn't finite."""
    best, smallest_error = np.full(z.shape, np.nan), np.full(z.shape, np.inf)
    for step in largest * 0.1 ** np.arange(N_STEPS):
        values = [function(z + k * step) for k in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)]
        far, middle, near = values[5] - values[0], values[4] - values[1], values[3] - values[2]
        coarse, fine = (8 * middle - far) / (12 * step), (8 * near - middle) / (6 * step)
        # Terms of size 1 may have cancelled, as in 1 - t*t, and z + h is rounded too.
        size = 1 + np.max(np.abs(values), axis=0) + np.abs(z * fine)
        error = np.abs(coarse - fine) + 64 * EPS * size / step
        better = error < smallest_error
        best, smallest_error = np.where(better, fine, best), np.where(better, error, smallest_error)
    return best, smallest_error
