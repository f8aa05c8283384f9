"""The functions T that values are looked at through: where T(y) is simple, y is its inverse of something simple."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from ..arrays import Array
from .fitted import Samples


@dataclass(frozen=True)
class Outer:
    """T, its derivative by y, and its inverse as SymPy has it, for y between `lowest` and `highest`."""

    name: str
    forward: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    inverse: Callable[[Any], Any]
    lowest: float = -np.inf
    highest: float = np.inf


OUTER = (
    Outer("identity", lambda y: y, np.ones_like, lambda t: t),
    Outer("reciprocal", lambda y: 1.0 / y, lambda y: -1.0 / y**2, lambda t: 1 / t),
    Outer("square", np.square, lambda y: 2.0 * y, sympy.sqrt, 0.0),
    Outer("reciprocal_square", lambda y: y**-2.0, lambda y: -2.0 * y**-3.0, lambda t: 1 / sympy.sqrt(t), 0.0),
    Outer("log", np.log, lambda y: 1.0 / y, sympy.exp, 0.0),
    Outer("sine", np.sin, np.cos, sympy.asin, -np.pi / 2, np.pi / 2),
    Outer("cosine", np.cos, lambda y: -np.sin(y), sympy.acos, 0.0, np.pi),
    Outer("tangent", np.tan, lambda y: 1.0 / np.cos(y) ** 2, sympy.atan, -np.pi / 2, np.pi / 2),
    Outer("exp", np.exp, np.exp, sympy.log, -30.0, 30.0),
    Outer("reciprocal_root", lambda y: y**-0.5, lambda y: -0.5 * y**-1.5, lambda t: t**-2, 0.0),
)
OUTERS = {outer.name: outer for outer in OUTER}


@dataclass(frozen=True)
class View:
    """Values seen through T: `of(y)` is T(sign y), `back(t)` the formula of y for that t of T."""

    outer: Outer
    sign: int

    def of(self, y: Array) -> Array:
        with np.errstate(all="ignore"):
            values: Array = self.outer.forward(self.sign * y)
        return values

    def samples(self, samples: Samples) -> Samples:
        """The same points, T(y), and the error that these have."""
        values = self.of(samples.y)
        with np.errstate(all="ignore"):
            errors = np.abs(self.outer.slope(self.sign * samples.y)) * samples.error * samples.unit
        seen = Samples(samples.X, values, 0.0)
        return seen._replace(error=max(float(np.sqrt(np.mean(errors**2))) / seen.unit, samples.error))

    def back(self, t: Any) -> Any:
        return self.sign * self.outer.inverse(t)


def views(y: Array) -> Iterator[View]:
    """Those that hold for all of y."""
    for outer in OUTER:
        for sign in (1, -1) if outer.lowest == 0.0 else (1,):
            if np.all(sign * y > outer.lowest) and np.all(sign * y < outer.highest):
                view = View(outer, sign)
                if np.isfinite(view.of(y)).all():
                    yield view
