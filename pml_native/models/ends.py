"""A model with powers of the distance from an end: what y is near a root, a critical point, or the end of a law.

    y = f(x, t_1^b_1, ..., t_k^b_k),    t_i = +-(x - e_i)
With f = A(x) + u B(x), A and B smooth, it is the form of y near an algebraic branch point e, as sqrt(x - e) has one at
its end, and the density of a fluid at its critical temperature.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, contiguous
from ..export import functions
from ..export.program import Vector, affine, each, joined, powers
from ..report import FitReport
from .adjusting import AtPart
from .model import Model, Signature
from .nested import parts_described, parts_restored


class Ends(Model):
    """y = f(x, u_1, ..., u_k) of one input: u_i = t_i^b_i for t_i = (x - e_i) / c_i, or log t_i where b_i is 0.

    `model` f has 1 + k inputs; `ends` e, `exponents` b and `units` c are (k,) each. A unit below 0 is that of an end
    above the rows; powers of two add no rounding. Values are NaN beyond an end, where t < 0, and at an end where u is
    infinite; derivatives are at each end. `bounds` (2,) are the least and the greatest x of the training data, if they
    are known.

    Raises ValueError for arrays that don't fit each other, or a unit of 0.
    """

    family = "ends"

    def __init__(
        self,
        model: Model,
        ends: ArrayLike,
        exponents: ArrayLike,
        units: ArrayLike,
        *,
        bounds: ArrayLike | None = None,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        self.model = model
        self.ends, self.exponents, self.units = (np.array(a, dtype=np.float64) for a in (ends, exponents, units))
        k, m = model.signature.n_inputs - 1, model.signature.n_outputs
        for name, array in (("ends", self.ends), ("exponents", self.exponents), ("units", self.units)):
            if k < 1 or array.shape != (k,) or not np.isfinite(array).all():
                raise ValueError(f"{name}: expected {k} finite numbers, one less than inputs of the model, got {array}")
        if not self.units.all():
            raise ValueError(f"units: expected numbers other than 0, got {self.units.tolist()}")
        self.bounds = None if bounds is None else np.array(bounds, dtype=np.float64)
        if self.bounds is not None and self.bounds.shape != (2,):
            raise ValueError(f"bounds: expected (2,), got {self.bounds.shape}")
        super().__init__(signature or Signature(1, m, y_is_vector=m == 1), report)
        self.signature.require(1, m, "the model of the ends")
        self.n_threads = model.n_threads

    def __repr__(self) -> str:
        return f"Ends({self.model!r}, {self.described('x')})"

    def described(self, name: str) -> str:
        """The powers in words."""
        parts = []
        for end, exponent, unit in zip(self.ends, self.exponents, self.units, strict=True):
            first, second = (name, f"{end:.6g}") if unit > 0 else (f"{end:.6g}", name)
            parts.append(f"({first} - {second})^{exponent:.6g}" if exponent else f"log({first} - {second})")
        return ", ".join(parts).replace("- -", "+ ")

    @property
    def n_params(self) -> int:
        return self.model.n_params + 2 * len(self.ends)

    def variables(self, X: Array) -> Array:
        """What f takes at `X` (n, 1): x and the powers (n, 1 + k)."""
        with np.errstate(all="ignore"):
            t = (X - self.ends) / self.units
            return contiguous(np.concatenate([X, _powers(t, self.exponents)], axis=1))

    def evaluate(self, X: Array) -> Array:
        return self._known(X, self.model.evaluate(self.variables(X)))

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        high, low = self.model.evaluate_extended(self.variables(X))
        high = self._known(X, high)
        return high, np.where(np.isfinite(high), low, 0.0)

    def evaluate_gradient(self, X: Array) -> Array:
        U = self.variables(X)
        slopes = self.model.evaluate_gradient(U)
        with np.errstate(all="ignore"):
            t = (X - self.ends) / self.units
            by_t = np.where(self.exponents == 0.0, 1.0, self.exponents) * _powers(t, self.exponents - 1.0, plain=True)
            of_powers = np.sum(slopes[:, :, 1:] * (by_t / self.units)[:, None, :], axis=2, keepdims=True)
            gradient: Array = slopes[:, :, :1] + of_powers
        return self._known(X, gradient, at_ends=False)

    def _known(self, X: Array, values: Array, *, at_ends: bool = True) -> Array:
        """NaN beyond an end, whatever f makes of it."""
        with np.errstate(all="ignore"):
            t = (X - self.ends) / self.units
        beyond = ~np.all((t > 0.0) | ((t == 0.0) & (self.exponents > 0.0) & at_ends), axis=1)
        if beyond.any():
            values = values.copy()
            values[beyond] = np.nan
        return values

    def operations(self, x: Vector) -> Vector:
        us = []
        for end, exponent, unit in zip(self.ends, self.exponents, self.units, strict=True):
            t = affine(x, np.array([[1.0 / unit]]), np.array([-end / unit]))
            u = powers(t, np.array([[exponent]])) if exponent else each(t, functions.INPUT_TRANSFORMS["log"])
            us.append(each(u, functions.FINITE))
        return self.model.operations(functools.reduce(joined, [x, *us]))

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return (self.model,)

    def at_parts(self, X: Array) -> list[AtPart]:
        m = self.signature.n_outputs
        return [AtPart(self.variables(X), np.broadcast_to(np.eye(m), (len(X), m, m)))]

    def with_parts(self, parts: Sequence[Model]) -> Ends:
        made = self.ends, self.exponents, self.units
        return Ends(parts[0], *made, bounds=self.bounds, signature=self.signature)

    def box(self) -> tuple[Array, Array] | None:
        return None if self.bounds is None else (self.bounds[:1], self.bounds[1:])

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [model], arrays = parts_described([self.model])
        arrays |= {"ends": self.ends, "exponents": self.exponents, "units": self.units}
        if self.bounds is not None:
            arrays |= {"bounds": self.bounds}
        return {"model": model}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Ends:
        [model] = parts_restored([values["model"]], arrays)
        ends = (arrays[name] for name in ("ends", "exponents", "units"))
        return cls(model, *ends, bounds=arrays.get("bounds"), signature=signature)


def _powers(t: Array, exponents: Array, *, plain: bool = False) -> Array:
    """t^b for each column of t (n, k) and its exponent; the logarithm for 0, unless it is `plain`."""
    u: Array = np.power(t, exponents)
    return u if plain else np.where(exponents == 0.0, np.log(t), u)
