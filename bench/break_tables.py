"""Tables of one column, drawn by seeds: some with breaks of the law, some smooth, however steep, some with power ends.

Laws are drawn among four shapes with random numbers; x is uniform on (-1, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Law = Callable[[Array], Array]

BROKEN = ("jump", "kink", "2nd", "3rd", "4th", "edge", "other law", "three breaks")
SMOOTH = ("smooth", "tanh 50x", "peak", "pole near", "Runge", "sin 60x", "Voigt", "sqrt end")


@dataclass(frozen=True)
class BrokenTable:
    """Rows x (n,), y (n,) of the function `value`, which breaks at the `places`."""

    x: Array
    value: Law
    places: list[float] = field(default_factory=list)

    @property
    def y(self) -> Array:
        return self.value(self.x)


def law(rng: np.random.Generator) -> Law:
    """A smooth function with numbers of its own."""
    a, w, c = rng.uniform(0.3, 1.5), rng.uniform(1.0, 6.0), rng.uniform(-1.0, 1.0)
    shapes: list[Law] = [
        lambda x: a * np.exp(c * x) * np.cos(w * x + a),
        lambda x: 1.0 / (1.0 + w * x**2) + c * x,
        lambda x: w * np.log(2.0 + a * x / 1.5) + c,
        lambda x: a * np.sin(w * x) + c * x**3 + 2.0,
    ]
    return shapes[rng.integers(len(shapes))]


def table_of(kind: str, n: int, seed: int) -> BrokenTable:
    """A table of `n` rows of one of the kinds above."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1.0, 1.0, n))
    f, g, s = law(rng), law(rng), float(rng.uniform(-0.7, 0.7))
    J = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 2.0))
    width = float(rng.choice([0.01, 0.03, 0.1]))
    orders = {"kink": 1, "2nd": 2, "3rd": 3, "4th": 4}
    if kind in orders:
        p = orders[kind]
        return BrokenTable(x, lambda x: f(x) + (x > s) * J * (x - s) ** p * np.exp(0.5 * (x - s)), [s])
    if kind == "three breaks":
        places = np.sort(rng.uniform(-0.8, 0.8, 3))
        while np.diff(places).min() < 0.25:
            places = np.sort(rng.uniform(-0.8, 0.8, 3))
        a, b, c = places

        def three(x: Array) -> Array:
            return f(x) + (x > a) * J + (x > b) * 2.0 * J * (x - b) + (x > c) * abs(J) * (x - c) ** 2

        return BrokenTable(x, three, places.tolist())
    kinds: dict[str, tuple[Law, list[float]]] = {
        "jump": (lambda x: f(x) + (x > s) * J * (1.0 + 0.3 * np.sin(2.0 * x)), [s]),
        "edge": (lambda x: np.where(x < s, 2.0 * (x + 2.5) ** -2.9, 6.0 * (x + 2.5) ** -2.7), [s]),
        "other law": (lambda x: np.where(x < s, f(x), g(x)), [s]),
        "smooth": (f, []),
        "tanh 50x": (lambda x: np.tanh(50.0 * (x - s / 5.0)), []),
        "peak": (lambda x: f(x) + J * np.exp(-(((x - s) / width) ** 2)), []),
        "pole near": (lambda x: J / (x - 1.001), []),
        "Runge": (lambda x: J / (1.0 + 25.0 * (x - s / 5.0) ** 2), []),
        "sin 60x": (lambda x: J * np.sin(60.0 * x + s), []),
        "Voigt": (lambda x: f(x) + 1e-4 * J / ((x - s) ** 2 + 0.02**2), []),
        "sqrt end": (lambda x: f(x) + J * np.sqrt(x + 1.0), []),
    }
    return BrokenTable(x, *kinds[kind])
