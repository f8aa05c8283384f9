"""Integrals, roots and extrema of models of functions of one input, against mpmath with 30 digits, beside chebpy.

Then all points where functions of two inputs do not rise, and their least and largest values on a box.

    python bench/calculus.py            # four minutes on one core; chebpy's rows after `pip install chebfun`

Each function is approximated on its interval. An integral's error is relative to that of |f|; those of roots and of
extrema, the largest of all of them, relative to the largest |x| of the interval; `missed` counts roots and extrema that
are there by a sign change of f or f' on a fine grid of mpmath and not in the result, or the other way round.
Evaluation is the median of microseconds for 1,000 points. Of two inputs, points are those that mpmath's Newton method
comes to from where NumPy's does on a grid of 120 x 120 starts; errors of places are relative to the box, and those of
values to the range of f.
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
N_GRID, N_SIDE, N_POINTS, N_REPEATS = 2000, 60, 1000, 51
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


def _zeros(f: Callable[[Any], Any], low: float, high: float, n: int = N_GRID) -> list[Any]:
    # No point of the grid is at a zero that is a simple fraction of the interval.
    x = [mp.mpf(low) + (mp.mpf(high) - low) * (i + 1 / mp.pi) / n for i in range(n)]
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


class Surface(NamedTuple):
    name: str
    f: Callable[[Any, Any, Any], Any]  # of x, y and the module whose functions it takes
    low: tuple[float, float]
    high: tuple[float, float]


def franke(x: Any, y: Any, m: Any) -> Any:
    return (
        0.75 * m.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
        + 0.75 * m.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
        + 0.5 * m.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
        - 0.2 * m.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    )


def camel(x: Any, y: Any, m: Any) -> Any:
    return 4 * x * x - 2.1 * x**4 + x**6 / 3 + x * y - 4 * y * y + 4 * y**4


def mueller_brown(x: Any, y: Any, m: Any) -> Any:
    """The test potential of reaction paths: Mueller and Brown (1979), Theor. Chim. Acta 53, over 100."""
    terms = zip(
        (-2, -1, -1.7, 0.15),
        (-1, -1, -6.5, 0.7),
        (0, 0, 11, 0.6),
        (-10, -10, -6.5, 0.7),
        (1, 0, -0.5, -1),
        (0, 0.5, 1.5, 1),
        strict=True,
    )
    return sum(A * m.exp(a * (x - p) ** 2 + b * (x - p) * (y - q) + c * (y - q) ** 2) for A, a, b, c, p, q in terms)


SURFACES = [
    Surface("camel", camel, (-2.0, -1.0), (2.0, 1.0)),
    Surface("Himmelblau", lambda x, y, m: (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2, (-5.0, -5.0), (5.0, 5.0)),
    Surface("waves", lambda x, y, m: m.sin(3 * x) * m.cos(4 * y) + x / 10, (0.0, 0.0), (3.0, 3.0)),
    Surface("Franke", franke, (0.0, 0.0), (1.0, 1.0)),
    Surface("Rosenbrock", lambda x, y, m: 100 * (y - x * x) ** 2 + (1 - x) ** 2, (-2.0, -1.0), (2.0, 3.0)),
    Surface("Mueller-Brown", mueller_brown, (-1.5, -0.2), (1.2, 2.0)),
    Surface("quotient", lambda x, y, m: (x - y) / (1 + x * x + y * y), (-3.0, -3.0), (3.0, 3.0)),
]


def stationary(surface: Surface) -> list[tuple[Any, Any]]:
    """Where both derivatives are 0 within the box, by mpmath."""
    mp.mp.dps = DIGITS
    f = lambda x, y: surface.f(x, y, mp)  # noqa: E731
    by_x = lambda x, y: mp.diff(f, (x, y), (1, 0))  # noqa: E731
    by_y = lambda x, y: mp.diff(f, (x, y), (0, 1))  # noqa: E731
    low, high = np.array(surface.low), np.array(surface.high)
    axes = [np.linspace(a, b, 120) for a, b in zip(low, high, strict=True)]
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    h = 1e-4 * (high - low)
    e = np.diag(h)

    def slope(Z: np.ndarray) -> np.ndarray:
        return np.stack(
            [(surface.f(*(Z + one).T, np) - surface.f(*(Z - one).T, np)) / (2 * one.sum()) for one in e], axis=1
        )

    with np.errstate(all="ignore"):
        for _ in range(40):
            J = np.stack([(slope(X + one) - slope(X - one)) / (2 * one.sum()) for one in e], axis=2)
            det = J[:, 0, 0] * J[:, 1, 1] - J[:, 0, 1] * J[:, 1, 0]
            g = slope(X)
            step = np.stack(
                [J[:, 1, 1] * g[:, 0] - J[:, 0, 1] * g[:, 1], J[:, 0, 0] * g[:, 1] - J[:, 1, 0] * g[:, 0]], axis=1
            )
            X = X - np.clip(step / det[:, None], -0.1 * (high - low), 0.1 * (high - low))
    size = np.max(np.abs(slope(np.random.default_rng(0).uniform(low, high, (1000, 2)))))
    X = X[np.isfinite(X).all(axis=1)]
    X = X[np.all((low <= X) & (high >= X), axis=1) & np.all(np.abs(slope(X)) < 1e-6 * size, axis=1)]
    found: list[tuple[Any, Any]] = []
    for place in np.unique(np.round((X - low) / (high - low), 4), axis=0):
        x, y = mp.findroot((by_x, by_y), tuple(map(mp.mpf, low + place * (high - low))))
        inside = low[0] < x < high[0] and low[1] < y < high[1]
        if inside and all(abs(x - a) + abs(y - b) > 1e-6 for a, b in found):
            found.append((x, y))
    return found


def surfaces() -> None:
    """Errors of places and values, what is missed, and the seconds of `extrema` and `minimum`."""
    print(f"{'':16}{'points':>8}{'places':>10}{'missed':>8}{'least':>10}{'largest':>10}{'s':>8}{'s least':>8}")
    for surface in SURFACES:
        bounds = list(zip(surface.low, surface.high, strict=True))
        model = pml.approximate(
            lambda X, surface=surface: surface.f(X[:, 0], X[:, 1], np),
            bounds,
            tolerance=TOLERANCE,
            progress=False,
            n_threads=1,
        )
        wanted = stationary(surface)
        start = time.perf_counter()
        places = model.extrema()[0]
        # Those on the sides are there as rounding has it.
        room = 1e-9 * (np.array(surface.high) - surface.low)
        places = places[np.all((places > surface.low + room) & (places < surface.high - room), axis=1)]
        middle = time.perf_counter()
        least = model.minimum()
        end = time.perf_counter()
        width = np.array(surface.high) - surface.low
        off = [
            min(max(abs(mp.mpf(float(p[j])) - one[j]) / width[j] for j in range(2)) for p in places) for one in wanted
        ]
        # The ends of values are at such points or on the sides, which a fine grid with mpmath's digits improves.
        values = [surface.f(x, y, mp) for x, y in wanted]
        for j, side in itertools.product(range(2), ("low", "high")):
            other = 1 - j
            at = mp.mpf(getattr(surface, side)[j])
            along = lambda t, j=j, at=at, f=surface.f: f(*((at, t) if j == 0 else (t, at)), mp)  # noqa: E731
            ends = mp.mpf(surface.low[other]), mp.mpf(surface.high[other])
            turns = _zeros(lambda t, along=along: mp.diff(along, t), *map(float, ends), N_SIDE)
            values += [along(t) for t in (*ends, *turns)]
        low, high = min(values), max(values)
        of_ends = [float(abs(a - b) / (high - low)) for a, b in ((least[1], low), (model.maximum()[1], high))]
        print(
            f"{surface.name:16}{len(wanted):8d}{float(max(off)):10.0e}{abs(len(places) - len(wanted)):8d}"
            f"{of_ends[0]:10.0e}{of_ends[1]:10.0e}"
            f"{middle - start:8.2f}{end - middle:8.2f}",
            flush=True,
        )


def main() -> None:
    surfaces()
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
