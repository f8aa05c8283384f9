"""Which numbers go where: parts of vectors, intervals of a column, the largest of some, columns in order."""

from __future__ import annotations

from math import nan

from .kernel import Ints, Kernel, Numbers, Results


def joined(n_a: int, n_b: int, a: Numbers, b: Numbers, y: Results) -> None:
    for i in range(n_a):
        y[i] = a[i]
    for i in range(n_b):
        y[n_a + i] = b[i]


def joined_back(
    n_a: int, n_b: int, a: Numbers, b: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, b_bar: Results
) -> None:
    for i in range(n_a):
        a_bar[i] += y_bar[i]
    for i in range(n_b):
        b_bar[i] += y_bar[n_a + i]


def taken(n: int, places: Ints, x: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = x[places[i]]


def taken_back(n: int, places: Ints, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(n):
        x_bar[places[i]] += y_bar[i]


def unless_missing(n: int, d: int, a: Numbers, x: Numbers, y: Results) -> None:
    """y = a, but NaN where an x is NaN that a doesn't depend on."""
    missing: float = 0.0
    for j in range(d):
        if x[j] != x[j]:
            missing = nan
    for i in range(n):
        y[i] = a[i] + missing


def unless_missing_back(
    n: int, d: int, a: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, x_bar: Results
) -> None:
    for i in range(n):
        a_bar[i] += y_bar[i]
    for j in range(d):
        if x[j] != x[j]:
            for k in range(d):
                x_bar[k] = nan


def interval(n: int, breaks: Numbers, x: float) -> int:
    """Which of n intervals x is in, the first or last one beyond them: breaks[i] <= x < breaks[i + 1]."""
    low: int = 0
    high: int = n - 1
    while low < high:
        middle: int = (low + high + 1) // 2
        if x >= breaks[middle]:
            low = middle
        else:
            high = middle - 1
    return low


def within(d: int, j: int, ends: Numbers, x: Numbers, y: Results) -> None:
    """y = x, but for y_j = ends[2] where x_j isn't in [ends[0], ends[1])."""
    for i in range(d):
        y[i] = x[i]
    if x[j] < ends[0] or x[j] >= ends[1]:
        y[j] = ends[2]


def within_back(d: int, j: int, ends: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(d):
        if i != j or (x[j] >= ends[0] and x[j] < ends[1]):
            x_bar[i] += y_bar[i]


def chosen(d: int, n: int, m: int, j: int, breaks: Numbers, x: Numbers, values: Numbers, y: Results) -> None:
    """The m values of the interval of n that x_j is in."""
    i: int = interval(n, breaks, x[j])
    for k in range(m):
        y[k] = values[i * m + k]


def chosen_back(
    d: int,
    n: int,
    m: int,
    j: int,
    breaks: Numbers,
    x: Numbers,
    values: Numbers,
    y: Numbers,
    y_bar: Numbers,
    x_bar: Results,
    values_bar: Results,
) -> None:
    first: int = m * interval(n, breaks, x[j])
    for k in range(m):
        values_bar[first + k] += y_bar[k]
    if x[j] != x[j]:
        for i in range(d):
            x_bar[i] = nan


def extreme(n: int, sign: int, x: Numbers, y: Results) -> None:
    """The largest of n numbers that is not NaN, or for a sign of -1 the smallest."""
    y[0] = x[extreme_place(n, sign, x)]


def extreme_place(n: int, sign: int, x: Numbers) -> int:
    k: int = 0
    for i in range(1, n):
        if x[k] != x[k] or sign * x[i] > sign * x[k]:
            k = i
    return k


def extreme_back(n: int, sign: int, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    x_bar[extreme_place(n, sign, x)] += y_bar[0]


def scored(q: int, m: int, scores: Numbers, values: Numbers, y: Results) -> None:
    """The k-th m of `values`, where the k-th of 0, scores_0, scores_1, ... is the largest."""
    k: int = scored_place(q, scores)
    for i in range(m):
        y[i] = values[k * m + i]


def scored_place(q: int, scores: Numbers) -> int:
    k: int = 0
    most: float = 0.0
    for i in range(q - 1):
        if scores[i] > most:
            most = scores[i]
            k = i + 1
    return k


def scored_back(
    q: int,
    m: int,
    scores: Numbers,
    values: Numbers,
    y: Numbers,
    y_bar: Numbers,
    scores_bar: Results,
    values_bar: Results,
) -> None:
    k: int = scored_place(q, scores)
    for i in range(m):
        values_bar[k * m + i] += y_bar[i]


def ordered(d: int, g: int, images: Ints, x: Numbers, y: Results) -> None:
    """Of g permutations of x the first in lexicographic order; a number that is missing decides nothing."""
    k: int = ordered_place(d, g, images, x)
    for j in range(d):
        y[j] = x[images[k * d + j]]


def ordered_place(d: int, g: int, images: Ints, x: Numbers) -> int:
    k: int = 0
    for i in range(1, g):
        way: int = 0
        for j in range(d):
            if way == 0 and x[images[i * d + j]] < x[images[k * d + j]]:
                way = 1
            if way == 0 and x[images[i * d + j]] > x[images[k * d + j]]:
                way = 2
        if way == 1:
            k = i
    return k


def ordered_back(d: int, g: int, images: Ints, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    k: int = ordered_place(d, g, images, x)
    for j in range(d):
        x_bar[images[k * d + j]] += y_bar[j]


JOINED = Kernel("joined", joined, joined_back)
TAKEN = Kernel("taken", taken, taken_back)
UNLESS_MISSING = Kernel("unless_missing", unless_missing, unless_missing_back)
WITHIN = Kernel("within", within, within_back)
CHOSEN = Kernel("chosen", chosen, chosen_back)
EXTREME = Kernel("extreme", extreme, extreme_back)
SCORED = Kernel("scored", scored, scored_back)
ORDERED = Kernel("ordered", ordered, ordered_back)
