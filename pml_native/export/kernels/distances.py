"""Distances from points, and estimates of the error at a point."""

from __future__ import annotations

from math import fabs, inf, sqrt

from .kernel import Ints, Kernel, Numbers, Results


def distances(n: int, d: int, points: Numbers, z: Numbers, r: Results) -> None:
    for i in range(n):
        total: float = 0.0
        for j in range(d):
            total += (z[j] - points[i * d + j]) * (z[j] - points[i * d + j])
        r[i] = sqrt(total)


def distances_back(n: int, d: int, points: Numbers, z: Numbers, r: Numbers, r_bar: Numbers, z_bar: Results) -> None:
    for i in range(n):
        if r[i] != 0.0:
            for j in range(d):
                z_bar[j] += r_bar[i] * ((z[j] - points[i * d + j]) / r[i])


def spread(m: int, n: int, is_relative: int, unit: Numbers, sizes: Numbers, z: Numbers, e: Results) -> None:
    """sizes_0 times the root of sum_g mean_j ((z_gj - z_0j) / u_j)^2, and sizes_1 at least.

    z holds m numbers n + 1 times; u is the `unit` (m), or |z_0| if is_relative.
    """
    total: float = 0.0
    for g in range(1, n + 1):
        for j in range(m):
            apart: float = (z[g * m + j] - z[j]) / (fabs(z[j]) if is_relative == 1 else unit[j])
            total += apart * apart / m
    e[0] = sizes[0] * sqrt(total)
    if e[0] < sizes[1]:
        e[0] = sizes[1]
    if e[0] != e[0]:
        e[0] = inf


def nearest(d: int, starts: Ints, values: Numbers, u: Numbers, y: Results) -> None:
    """Of the values from starts_j on, ascending, the nearest to u_j; u_j where there are none."""
    for j in range(d):
        y[j] = u[j]
        if starts[j] < starts[j + 1]:
            y[j] = values[starts[j]]
        for i in range(starts[j] + 1, starts[j + 1]):
            if u[j] > 0.5 * values[i - 1] + 0.5 * values[i]:
                y[j] = values[i]


def away(
    d: int, n: int, top: Numbers, rows: Numbers, sizes: Numbers, e: Numbers, u: Numbers, z: Numbers, y: Results
) -> None:
    """e, and sizes_0 at least unless u is in the box from 0 to top, and z within sizes_1 of one of the n rows.

    sizes_2 is the rounding of u. Without rows all of the box is near.
    """
    n_within: int = 0
    for j in range(d):
        if u[j] >= -sizes[2] and u[j] <= top[j] + sizes[2]:
            n_within += 1
    is_near: int = 1 if n_within == d and n == 0 else 0
    if n_within == d:
        for i in range(n):
            total: float = 0.0
            for j in range(d):
                total += (z[j] - rows[i * d + j]) * (z[j] - rows[i * d + j])
            if total < sizes[1] * sizes[1]:
                is_near = 1
    y[0] = e[0]
    if is_near == 0 and e[0] < sizes[0]:
        y[0] = sizes[0]


DISTANCES = Kernel("distances", distances, distances_back)
SPREAD = Kernel("spread", spread)
NEAREST = Kernel("nearest", nearest)
AWAY = Kernel("away", away)
