"""Functions whose law changes somewhere, and smooth ones that look as if it did, for bench/region_labels.py.

Of each: what is y, which law holds where, the box, and how many rows are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """`laws` of x (d, n); `region` says which holds, None for the largest of all; the box has `low`, `high` and d."""

    laws: tuple[Callable[..., Array], ...]
    region: Callable[..., NDArray[np.bool_]] | str
    box: tuple[tuple[float, float], ...]
    n: int

    def sample(self, seed: int, n: int | None = None) -> tuple[Array, Array, NDArray[np.intp]]:
        """Rows X (n, d), y (n,) and the number of the law of each (n,)."""
        low, high = np.array(self.box).T
        X = np.random.default_rng(seed).uniform(low, high, size=(n or self.n, len(low)))
        values = np.array([law(*X.T) + 0.0 * X[:, 0] for law in self.laws])
        if self.region == "max":
            label = np.argmax(values, axis=0)
        elif self.region == "min":
            label = np.argmin(values, axis=0)
        else:
            label = np.asarray(self.region(*X.T)).astype(np.intp)
        return X, values[label, np.arange(len(X))], label


def smooth(law: Callable[..., Array], box: tuple[tuple[float, float], ...], n: int = 3000) -> Target:
    return Target((law,), "max", box, n)


def unit(d: int) -> tuple[tuple[float, float], ...]:
    return ((-1.0, 1.0),) * d


def luminance(r: Array, g: Array, b: Array) -> Array:
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def decoded(c: Array) -> Array:
    """The linear value of a colour of the sRGB standard."""
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def saturation(t: Array) -> Array:
    """A vapour pressure after Antoine."""
    return np.exp(8.74 - 3092.0 / (t + 230.0))


CUT = {
    "larger of two": Target(
        (lambda x, y: np.sin(2 * x) * np.exp(-y / 2), lambda x, y: 0.3 + 0.5 * x * y), "max", unit(2), 3000
    ),
    "absolute value on a circle": Target(
        (
            lambda x, y: (0.6 - x**2 - y**2) * np.exp(0.7 * x),
            lambda x, y: (x**2 + y**2 - 0.6) * np.exp(0.7 * x),
        ),
        "max",
        unit(2),
        3000,
    ),
    "clipped": Target((lambda x, y: np.exp(x) * (1.2 + y), lambda x, y: 1.8 + 0 * x), "min", unit(2), 3000),
    "jump at a plane, 3D": Target(
        (
            lambda x, y, z: 0.5 * np.cos(x + z) + y,
            lambda x, y, z: np.exp(x * y) + z,
        ),
        lambda x, y, z: x + 2 * y - z > 0.3,
        unit(3),
        4000,
    ),
    "enthalpy at saturation": Target(
        (
            lambda t, p: 2500.0 + 1.9 * t - 30.0 * p / (1.0 + t / 200.0),
            lambda t, p: 4.2 * t + 0.1 * p + 0.0002 * t * t,
        ),
        lambda t, p: p > saturation(t),
        ((50.0, 250.0), (0.1, 10.0)),
        4000,
    ),
    "lightness, 3D": Target(
        (
            lambda r, g, b: (1.16 * np.cbrt(0.2) - 0.16) * luminance(r, g, b) / 0.2 * (1.0 + 0.2 * r),
            lambda r, g, b: (1.16 * np.cbrt(luminance(r, g, b)) - 0.16) * (1.0 + 0.2 * r),
        ),
        lambda r, g, b: luminance(r, g, b) > 0.2,
        ((0.02, 1.0),) * 3,
        4000,
    ),
    "kink in one column, 3D": Target(
        (
            lambda x, y, z: 50.0 * (0.1 * x / 12.92) * np.exp(0.3 * y) + np.sin(z),
            lambda x, y, z: 50.0 * ((0.1 * x + 0.055) / 1.055) ** 2.4 * np.exp(0.3 * y) + np.sin(z),
        ),
        lambda x, y, z: 0.1 * x > 0.04045,
        ((0.05, 1.0),) * 3,
        3000,
    ),
    "largest of three": Target(
        (
            lambda x, y: np.sin(x + 1.0) + y,
            lambda x, y: 1.2 - x + 0.3 * y**2,
            lambda x, y: 0.9 - 0.9 * y + 0.2 * x,
        ),
        "max",
        unit(2),
        4000,
    ),
    "larger of two, 4D": Target(
        (
            lambda x, y, z, w: x * y + z**2 - w + 0.3 * x**3,
            lambda x, y, z, w: 0.4 + x - y * w + 0.5 * z * w**2,
        ),
        "max",
        unit(4),
        4000,
    ),
    "larger of two, 5D": Target(
        (
            lambda a, b, c, d, e: np.exp(0.5 * a) * b + c * e - d,
            lambda a, b, c, d, e: np.sin(a + 0.5 * b) + 0.4 * c - d * e,
        ),
        "max",
        unit(5),
        4000,
    ),
    "small corner": Target(
        (
            lambda x, y: np.exp(x) * np.cos(y),
            lambda x, y: np.exp(x) * np.cos(y) + (x + y - 1.5) * (2.0 + x),
        ),
        lambda x, y: x + y > 1.5,
        unit(2),
        3000,
    ),
}

HARD = {
    "steep laws": Target(
        (lambda x, y: 1.0 / (1.15 - x), lambda x, y: 2.0 + np.tanh(4.0 * (x + y))), "max", unit(2), 3000
    ),
    "sum of three kinks, 3D": Target(
        (lambda r, g, b: luminance(decoded(r), decoded(g), decoded(b)),), "max", ((0.0, 1.0),) * 3, 4000
    ),
    "four quadrants": Target(
        tuple(lambda x, y, s=s, t=t: s * x * np.exp(y) + t * (y - 0.2) * np.cos(x) for s in (-1, 1) for t in (-1, 1)),
        lambda x, y: 2 * (x > 0) + (y > 0.2),
        unit(2),
        4000,
    ),
    "stripe": Target((lambda x, y: np.exp(y) + x, lambda x, y: np.cos(y)), lambda x, y: np.abs(x) < 0.3, unit(2), 3000),
    "break in the second derivative": Target(
        (
            lambda x, y: np.exp(x * y),
            lambda x, y: np.exp(x * y) + (x + y - 0.3) ** 2 * (1.0 + x),
        ),
        lambda x, y: x + y > 0.3,
        unit(2),
        3000,
    ),
}


def franke(x: Array, y: Array) -> Array:
    return (
        0.75 * np.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
        + 0.75 * np.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
        + 0.5 * np.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    )


SMOOTH = {
    "Franke": smooth(franke, ((0.0, 1.0),) * 2),
    "front of 10": smooth(lambda x, y: np.tanh(10 * (x + 2 * y - 0.5)), unit(2)),
    "front of 50": smooth(lambda x, y: np.tanh(50 * (x + 2 * y - 0.5)), unit(2)),
    "front of 20 on a circle": smooth(lambda x, y: np.tanh(20 * (x**2 + y**2 - 0.5)) + y, unit(2)),
    "peak": smooth(lambda x, y: np.exp(-60 * ((x - 0.2) ** 2 + (y + 0.1) ** 2)) + x, unit(2)),
    "ridge": smooth(lambda x, y: 1.0 / (1.0 + 400.0 * (x - y) ** 2), unit(2)),
    "pole": smooth(lambda x, y: y / (1.02 - x), unit(2)),
    "rounded cone": smooth(lambda x, y: np.sqrt(x**2 + y**2 + 1e-4) + np.cos(2 * x + y), unit(2)),
    "rounded kink": smooth(lambda x, y: np.sqrt((x - 0.3 * y) ** 2 + 1e-3) * np.exp(y) + np.sin(3 * x), unit(2)),
    "waves": smooth(lambda x, y: np.cos(20 * x * y), unit(2)),
    "root at an end": smooth(lambda x, y: np.sqrt(x + 1.0) * (1.5 + y) + np.exp(x * y), unit(2)),
    "logarithm at a corner": smooth(lambda x, y: np.log(x + y + 2.01), unit(2)),
    "Runge": smooth(lambda x, y: 1.0 / (1.0 + 25.0 * (x**2 + y**2)), unit(2)),
    "gravity, 3D": smooth(lambda x, y, z: z / (x**2 + y**2 + 0.05), unit(3)),
    "front of 10, 3D": smooth(lambda x, y, z: np.tanh(10 * (x + y * z)), unit(3)),
    "peak, 3D": smooth(lambda x, y, z: np.exp(-20 * (x**2 + (y - 0.3) ** 2 + z**2)), unit(3)),
    "soft maximum, 3D": smooth(lambda x, y, z: 0.05 * np.logaddexp(20 * x * y, 20 * z), unit(3)),
    "quotient, 4D": smooth(lambda x, y, z, w: np.exp(x * y) / (1.2 + z * w), unit(4), 4000),
    "waves, 4D": smooth(lambda x, y, z, w: np.sin(3 * x + 4 * y * z) * w, unit(4), 4000),
    "distance, 5D": smooth(lambda a, b, c, d, e: np.sqrt((a - b) ** 2 + (c - d) ** 2 + 0.01) * e, unit(5), 4000),
}
