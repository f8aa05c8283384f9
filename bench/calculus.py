"""Integrals, roots and extrema of models of functions of one input, against mpmath with 30 digits, beside chebpy.

    python bench/calculus.py            # a minute on one core; chebpy's rows after `pip install chebfun`

Each function is approximated on its interval. An integral's error is relative to that of |f|; those of roots and of
extrema, the largest of all of them, relative to the largest |x| of the interval; `missed` counts roots and extrema that
are there by a sign change of f or f' on a fine grid of mpmath and not in the result, or the other way round.
Evaluation is the median of microseconds for 1,000 points.
"""

from __future__ import annotations

import importlib.util
import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

import pml_native as pml

DIGITS = 30
N_GRID, N_POINTS, N_REPEATS = 2000, 1000, 51
TOLERANCE = 1e-14  # 1e-15 cuts intervals where only rounding is left


class Function(NamedTuple):
    name: str
    f: Callable[[Any, Any], Any]  # of x and of the module whose functions it takes
    low: float
    high: float


def bump(x: Any, m: Any) -> Any:
    return m.exp(-50 * (x - 0.3) ** 2) + x / 5


FUNCTIONS = [
    Function("sin 20x", lambda x, m: m.sin(20 * x), 0.0, 3.0),
    Function("chirp", lambda x, m: m.cos(5 * x * x + x), 0.0, 4.0),
    Function("airy-like", lambda x, m: m.sin(x**1.5 + 0.7) / (1 + x), 0.5, 20.0),
    Function("Runge", lambda x, m: 1 / (1 + 25 * x * x) - 0.5, -1.0, 1.0),
    Function("exp cos", lambda x, m: m.exp(-x) * m.cos(7 * x), 0.0, 4.0),
    Function("tanh", lambda x, m: m.tanh(10 * (x - 0.2)), -1.0, 1.0),
    Function("Lennard-Jones", lambda x, m: x**-12 - x**-6, 0.9, 3.0),
    Function("Morse", lambda x, m: (1 - m.exp(-2 * (x - 1))) ** 2 - 0.5, 0.5, 4.0),
    Function("bump", bump, -1.0, 1.0),
    Function("log", lambda x, m: m.log(x) * m.sin(3 * x), 0.5, 8.0),
    Function("sqrt", lambda x, m: m.sqrt(x + 0.1) - 1, 0.0, 4.0),
    Function("quintic", lambda x, m: x**5 - 3 * x**3 + x - 0.1, -2.0, 2.0),
    Function("Planck", lambda x, m: x**3 / (m.exp(x) - 1) - 1, 0.2, 12.0),
    Function("sinc", lambda x, m: m.sin(9 * x) / (x + 2), -1.0, 5.0),
    Function("beats", lambda x, m: m.cos(19 * x) * m.cos(2 * x), 0.1, 3.0),
    Function("van der Waals", lambda x, m: 1.1 / (x - 1 / 3) - 9 / (8 * x * x) - 0.3, 0.6, 5.0),
    Function("logistic", lambda x, m: 1 / (1 + m.exp(-6 * x)) - 0.3, -2.0, 2.0),
    Function("gauss sin", lambda x, m: m.exp(-x * x) * m.sin(6 * x), -3.0, 3.0),
    Function("arctan", lambda x, m: m.atan(8 * x) + x * x - 0.4, -1.5, 1.5),
    Function("log sum", lambda x, m: m.log(1 + m.exp(5 * x)) - 2 - x * x, -2.0, 2.0),
]


def known(function: Function) -> tuple[Any, list[Any], list[Any]]:
    """The integral over that of |f|, roots, and zeros of the derivative, by mpmath."""
    mp.mp.dps = DIGITS
    f = lambda x: function.f(x, mp)  # noqa: E731
    slope = lambda x: mp.diff(f, x)  # noqa: E731
    roots, extrema = (_zeros(one, function.low, function.high) for one in (f, slope))
    ends = [mp.mpf(function.low), *sorted({*roots, *extrema}), mp.mpf(function.high)]
    pieces = [mp.quad(f, pair) for pair in itertools.pairwise(ends)]
    return (sum(pieces), sum(map(abs, pieces))), roots, extrema


def _zeros(f: Callable[[Any], Any], low: float, high: float) -> list[Any]:
    # No point of the grid is at a zero that is a simple fraction of the interval.
    x = [mp.mpf(low) + (mp.mpf(high) - low) * (i + 1 / mp.pi) / N_GRID for i in range(N_GRID)]
    y = [f(one) for one in x]
    pairs = zip(x[:-1], x[1:], y[:-1], y[1:], strict=True)
    return [mp.findroot(f, (a, b), solver="anderson") for a, b, fa, fb in pairs if fa * fb < 0]


def errors(found: np.ndarray, wanted: list[Any], function: Function) -> tuple[float, int]:
    """The largest error of those that are there, and how many are missed or should not be there."""
    inside = found[(found > function.low) & (found < function.high)]
    size, missed, worst = max(abs(function.low), abs(function.high)), abs(len(inside) - len(wanted)), 0.0
    for one in wanted:
        if len(found):
            worst = max(worst, float(min(abs(mp.mpf(float(x)) - one) for x in found)) / size)
    return worst, missed


def microseconds(f: Callable[[Any], Any], x: np.ndarray) -> float:
    times = []
    for _ in range(N_REPEATS):
        start = time.perf_counter()
        f(x)
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times))


def ours(function: Function) -> tuple[Any, Any, Any, Any]:
    model = pml.approximate(
        lambda x: function.f(x, np), (function.low, function.high), tolerance=TOLERANCE, progress=False, n_threads=1
    )
    return model.integral(), model.roots(), model.extrema()[0], lambda x: model(x[:, None])


def chebpys(function: Function) -> tuple[Any, Any, Any, Any]:
    from chebpy import chebfun

    found = chebfun(lambda x: function.f(x, np), [function.low, function.high])
    return float(found.sum()), np.asarray(found.roots()), np.asarray(found.diff().roots()), found


def main() -> None:
    makers = {"pml_native": ours}
    if importlib.util.find_spec("chebpy"):
        makers["chebpy"] = chebpys
    print(f"{'':16}{'':12}{'integral':>10}{'roots':>10}{'extrema':>10}{'missed':>8}{'us':>8}")
    worst: dict[str, list[list[float]]] = {name: [] for name in makers}
    for function in FUNCTIONS:
        (total, size), roots, extrema = known(function)
        for name, make in makers.items():
            integral, found_roots, found_extrema, f = make(function)
            of_integral = float(abs(mp.mpf(float(integral)) - total) / size)
            of_roots, missed = errors(np.asarray(found_roots), roots, function)
            of_extrema, others = errors(np.asarray(found_extrema), extrema, function)
            x = np.random.default_rng(0).uniform(function.low, function.high, N_POINTS)
            us = microseconds(f, x)
            worst[name].append([of_integral, of_roots, of_extrema, missed + others, us])
            print(
                f"{function.name:16}{name:12}{of_integral:10.0e}{of_roots:10.0e}{of_extrema:10.0e}"
                f"{missed + others:8d}{us:8.1f}",
                flush=True,
            )
    for name, rows in worst.items():
        columns = np.array(rows)
        print(
            f"{'worst':16}{name:12}"
            + "".join(f"{columns[:, k].max():10.0e}" for k in range(3))
            + f"{int(columns[:, 3].sum()):8d}{np.median(columns[:, 4]):8.1f}  (median us)"
        )


if __name__ == "__main__":
    main()
