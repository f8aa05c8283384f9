"""Operations at the ends of a box: points moved into it, and what continues a program.

`box` holds the d lowest and then the d highest numbers.
"""

from __future__ import annotations

from math import fabs, nan
from typing import Any

from .kernel import Kernel, Numbers, Results
from .roots import embedded


def clipped(d: int, box: Numbers, x: Numbers, y: Results) -> None:
    """The point of the box that is nearest to x; NaN stays."""
    for j in range(d):
        y[j] = x[j]
        if x[j] < box[j]:
            y[j] = box[j]
        if x[j] > box[d + j]:
            y[j] = box[d + j]


def is_known(d: int, x: Numbers) -> int:
    """1 where no x is NaN, else 0: a point with NaN is nowhere, and not outside either."""
    for j in range(d):
        if x[j] != x[j]:
            return 0
    return 1


def clipped_back(d: int, box: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    known: int = is_known(d, x)
    for j in range(d):
        if known == 0 or (x[j] >= box[j] and x[j] <= box[d + j]):
            x_bar[j] += y_bar[j]


def bounded(d: int, box: Numbers, x: Numbers, y: Results) -> None:
    """x in the box, elsewhere NaN."""
    missing: float = 0.0
    for j in range(d):
        if x[j] < box[j] or x[j] > box[d + j]:
            missing = nan
    for j in range(d):
        y[j] = x[j] + missing


def bounded_back(d: int, box: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    missing: float = 0.0
    for j in range(d):
        if x[j] < box[j] or x[j] > box[d + j]:
            missing = nan
    for j in range(d):
        x_bar[j] += y_bar[j] + missing


def sloping(program: Any) -> Kernel:
    """What its linear continuation from the nearest point c of the box adds to `program`; 0 in the box."""
    value_and_gradient = embedded(program)

    def sloped(d: int, m: int, n: int, box: Numbers, weights: Numbers, x: Numbers, y: Results) -> None:
        """y holds m numbers, then two points, each of m values, c (d) and m d derivatives, as `embedded` writes it.

        `weights` are those of differences of derivatives at n places, and after them how far these are apart.
        """
        known: int = is_known(d, x)
        n_beyond: int = 0
        for j in range(d):
            y[2 * m + j] = x[j]
            if x[j] < box[j]:
                y[2 * m + j] = box[j]
                n_beyond += 1
            if x[j] > box[d + j]:
                y[2 * m + j] = box[d + j]
                n_beyond += 1
        for k in range(m):
            y[k] = 0.0
        if n_beyond > 0 and known == 1:
            value_and_gradient(y[m:])
            for k in range(m):
                for j in range(d):
                    if x[j] != y[2 * m + j]:
                        y[k] += y[2 * m + d + k * d + j] * (x[j] - y[2 * m + j])

    def sloped_back(
        d: int,
        m: int,
        n: int,
        box: Numbers,
        weights: Numbers,
        x: Numbers,
        y: Results,
        y_bar: Numbers,
        x_bar: Results,
    ) -> None:
        """By x_j beyond the box, the slope at c; by others what differences of slopes further in say of its change."""
        second: int = 3 * m + d + m * d
        known: int = is_known(d, x)
        longest: float = 0.0
        for j in range(d):
            if known == 1 and (x[j] < box[j] or x[j] > box[d + j]):
                for k in range(m):
                    x_bar[j] += y_bar[k] * y[2 * m + d + k * d + j]
                if box[d + j] > box[j]:
                    part: float = fabs(x[j] - y[2 * m + j]) / (box[d + j] - box[j])
                    if part > longest:
                        longest = part
        if longest > 0.0:
            step: float = weights[n] / longest
            for i in range(n):
                for j in range(d):
                    y[second + m + j] = y[2 * m + j]
                    if box[d + j] > box[j]:
                        y[second + m + j] -= i * step * (x[j] - y[2 * m + j])
                value_and_gradient(y[second:])
                for j in range(d):
                    if x[j] >= box[j] and x[j] <= box[d + j]:
                        for k in range(m):
                            x_bar[j] -= y_bar[k] * weights[i] * y[second + m + d + k * d + j] / step

    sloped.__name__, sloped_back.__name__ = f"sloped_{program.name}", f"sloped_{program.name}_back"
    return Kernel(f"sloped_{program.name}", sloped, sloped_back)


CLIPPED = Kernel("clipped", clipped, clipped_back)
BOUNDED = Kernel("bounded", bounded, bounded_back)
