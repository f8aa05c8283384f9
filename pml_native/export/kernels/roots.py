"""Numbers at which a polynomial, or what a program makes of them, takes a value, by Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, fabs, inf, nan
from typing import Any

from .kernel import Kernel, Numbers, Results


def polynomial_root(q: int, n_steps: int, lengths: Numbers, c: Numbers, t: Results) -> None:
    """Where sum_k c_k t^k is 0 and rises, by Newton's method from t = c_(q+1), lengths[0] a step at most.

    It starts between -1 and 1, or lengths[0] beyond. A step that would go beyond where the sum is known to have the
    other sign goes to the middle instead; one of lengths[1] or less is the last. Where the sum is at most lengths[2] of
    its coefficients' sizes, and a step would be longer than lengths[3] or the sum does not rise, two roots touch: it
    ends there.
    """
    nothing: float = 0.0
    for k in range(q + 1):
        nothing += fabs(c[k])
    nothing *= lengths[2]
    now: float = c[q + 1]
    if now < -1.0 - lengths[0]:
        now = -1.0 - lengths[0]
    if now > 1.0 + lengths[0]:
        now = 1.0 + lengths[0]
    low: float = -inf
    high: float = inf
    i: int = 0
    while i < n_steps:
        i += 1
        value: float = c[q]
        slope: float = 0.0
        for k in range(q - 1, -1, -1):
            slope = slope * now + value
            value = value * now + c[k]
        if value < 0.0:
            low = now
        if value > 0.0:
            high = now
        move: float = value / slope
        if fabs(value) <= nothing and (slope <= 0.0 or fabs(move) > lengths[3]):
            i = n_steps
        else:
            if slope <= 0.0 or fabs(move) > lengths[0]:
                move = copysign(lengths[0], value)
            now -= move
            if now < low or now > high:
                now = 0.5 * (low + high)
            if fabs(move) <= lengths[1]:
                i = n_steps
    t[0] = now


def polynomial_root_back(
    q: int, n_steps: int, lengths: Numbers, c: Numbers, t: Numbers, t_bar: Numbers, c_bar: Results
) -> None:
    """dt/dc_k = -t^k over the derivative by t: where the steps began is forgotten."""
    value: float = c[q]
    slope: float = 0.0
    for k in range(q - 1, -1, -1):
        slope = slope * t[0] + value
        value = value * t[0] + c[k]
    power: float = -t_bar[0] / slope
    for k in range(q + 1):
        c_bar[k] += power
        power *= t[0]


def embedded(program: Any) -> Callable[..., None]:
    """The function of a point: what `program` makes of z (m), then z (d), then its gradient (m, d), in any language.

    It reads z and writes the others. It is written from the program, not translated: nothing calls it as it is.
    """

    def value_and_gradient(point: Results) -> None:
        raise NotImplementedError

    value_and_gradient.__name__ = program.name
    value_and_gradient.__dict__["program"] = program
    return value_and_gradient


def solving(program: Any) -> Kernel:
    """Where the one number that `program` makes of z, x with t for x[column], is x[column]: Newton's method."""
    value_and_gradient = embedded(program)

    def solved(d: int, column: int, n_steps: int, limits: Numbers, x: Numbers, start: Numbers, root: Results) -> None:
        """root[0] is t, after it are z and the derivatives by z; t lies between limits[0] and limits[1].

        A step that would leave what is left of that goes to its middle; one of limits[2] or less is the last. The
        function rises with t where limits[3] is 1, and falls where it is -1.
        """
        for j in range(d):
            root[1 + j] = x[j]
        low: float = limits[0]
        high: float = limits[1]
        now: float = start[0]
        if now != now:
            now = 0.5 * (low + high)
        if now < low:
            now = low
        if now > high:
            now = high
        found: float = nan
        i: int = 0
        while i < n_steps:
            i += 1
            root[1 + column] = now
            value_and_gradient(root)
            value: float = limits[3] * (root[0] - x[column])
            slope: float = limits[3] * root[1 + d + column]
            if value < 0.0:
                low = now
            if value > 0.0:
                high = now
            following: float = now - value / slope
            if slope > 0.0 and following >= low and following <= high:
                if fabs(following - now) <= limits[2]:
                    found = following
                    i = n_steps
            else:
                following = 0.5 * (low + high)
            now = following
        root[1 + column] = found
        value_and_gradient(root)
        root[0] = start[0]
        if found == found:
            root[0] = found

    def solved_back(
        d: int,
        column: int,
        n_steps: int,
        limits: Numbers,
        x: Numbers,
        start: Numbers,
        root: Numbers,
        root_bar: Numbers,
        x_bar: Results,
        start_bar: Results,
    ) -> None:
        """By the theorem of implicit functions: where the steps began is forgotten."""
        if root[1 + column] == root[1 + column]:
            share: float = root_bar[0] / root[1 + d + column]
            for j in range(d):
                if j == column:
                    x_bar[j] += share
                else:
                    x_bar[j] -= share * root[1 + d + j]
        else:
            start_bar[0] += root_bar[0]

    solved.__name__, solved_back.__name__ = f"solved_{program.name}", f"solved_{program.name}_back"
    return Kernel(f"solved_{program.name}", solved, solved_back)


POLYNOMIAL_ROOT = Kernel("polynomial_root", polynomial_root, polynomial_root_back)
