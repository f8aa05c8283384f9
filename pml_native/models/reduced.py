"""A model of fewer variables: sums or products of the inputs, with a power of the inputs in front.

Whatever is unchanged under a symmetry is a function of the symmetry's invariants. A law of physics has the same form in
all units (Buckingham 1914), many depend on differences, distances or quotients only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..arrays import Array, contiguous
from ..export import functions
from ..export.program import Vector, affine, each, joined, multiplied, powers, taken, unless_missing
from ..networks.parts import Parts, Value, power, times
from ..report import FitReport
from ..threads import resolve_threads
from .adjusting import AtPart
from .extended import Extended
from .model import Model, Signature
from .nested import parts_described, parts_restored

# Below this many values a thread takes longer to wake than to work.
FEW_VALUES = 1 << 13


@dataclass(frozen=True)
class Kind:
    """Variables u = sum_i a_i t(x_i) of this kind: t, and its derivative. For products t is the logarithm."""

    t: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    symbol: str


KINDS: dict[str, Kind] = {
    "product": Kind(np.log, lambda x: 1.0 / x, "{}"),
    "sum": Kind(lambda x: x, np.ones_like, "{}"),
    "squares": Kind(np.square, lambda x: 2.0 * x, "{}^2"),
    "reciprocals": Kind(lambda x: 1.0 / x, lambda x: -((1.0 / x) ** 2), "1/{}"),
    "logarithms": Kind(np.log, lambda x: 1.0 / x, "log({})"),
    "moduli": Kind(np.abs, np.sign, "abs({})"),
}


@dataclass(frozen=True)
class Variables:
    """u_j = sum_i a_ji t_j(x_i), or prod_i x_i^a_ji for products, and the power prod_i x_i^b_i in front of the model.

    `kinds` are r names of KINDS, `coefficients` a (r, d), `factor` b (d,).
    """

    kinds: tuple[str, ...]
    coefficients: Array
    factor: Array

    def apply(self, X: Array, n_threads: int | None = 1) -> tuple[Array, Array]:
        """u (n, r) and the power in front (n,) at `X` (n, d); NaN where they are not finite.

        The power is NaN as well where a column is that has no part in either.
        """
        X = contiguous(X)
        U, power = _core.variables(*self._in_core, self._with_moduli(X), self._threads(X, n_threads))
        if self.ignored:
            power[np.isnan(X[:, self.ignored]).any(axis=1)] = np.nan
        return U, power

    @cached_property
    def ignored(self) -> list[int]:
        """The columns of x that have no part in u and in the power."""
        return np.flatnonzero((self.coefficients == 0.0).all(axis=0) & (self.factor == 0.0)).tolist()

    def chain(
        self, X: Array, U: Array, power: Array, value: Array, gradient: Array, n_threads: int | None = 1
    ) -> Array:
        """The derivative (n, m, d) by x of power(x) f(u(x)), from f (n, m) and its derivative (n, m, r) by u.

        NaN in rows whose `U` (n, r) or `power` (n,) has one.
        """
        X, value, gradient = contiguous(X), contiguous(value), contiguous(gradient)
        d, threads = X.shape[1], self._threads(X, n_threads)
        given = *self._in_core, self._with_moduli(X)
        slopes = _core.variables_chain(*given, U, power, value, gradient, threads)
        if slopes.shape[2] == d:
            return slopes
        # Functions of |x| that are smooth are even, so that they have no slope at 0.
        result: Array = slopes[:, :, :d] + slopes[:, :, d:] * np.sign(X)[:, None, :]
        return result

    def jacobian(self, X: Array) -> tuple[Array, Array]:
        """The derivatives of u (n, r, d) and of the power in front (n, d) at `X` (n, d)."""
        X = contiguous(X)
        U, power = self.apply(X)
        n, r = U.shape
        none = np.zeros((n, r))
        by_x = self.chain(X, U, np.ones(n), none, np.ascontiguousarray(np.broadcast_to(np.eye(r), (n, r, r))))
        return by_x, self.chain(X, U, power, np.ones((n, 1)), np.zeros((n, 1, r)))[:, 0]

    def _with_moduli(self, X: Array) -> Array:
        """The columns that the core takes: |x| beside x where a kind asks for them."""
        return np.concatenate([X, np.abs(X)], axis=1) if "moduli" in self.kinds else X

    @cached_property
    def _in_core(self) -> tuple[tuple[str, ...], Array, Array]:
        """Kinds, coefficients and factor of these columns: moduli are sums of the second half."""
        if "moduli" not in self.kinds:
            return self.kinds, self.coefficients, self.factor
        is_modulus = np.array([kind == "moduli" for kind in self.kinds])[:, None]
        halves = np.where(is_modulus, 0.0, self.coefficients), np.where(is_modulus, self.coefficients, 0.0)
        kinds = tuple("sum" if kind == "moduli" else kind for kind in self.kinds)
        return kinds, contiguous(np.concatenate(halves, axis=1)), np.append(self.factor, np.zeros_like(self.factor))

    def _threads(self, X: Array, n_threads: int | None) -> int:
        return 1 if X.size * len(self.kinds) <= FEW_VALUES else resolve_threads(n_threads)

    def described(self, names: Sequence[str]) -> str:
        """In words, e.g. "x0/x1, x2-x3; times x4^2"."""
        terms = [self._term(j, names) for j in range(len(self.kinds))]
        front = _product(names, self.factor)
        return ", ".join(terms) + (f"; times {front}" if front else "")

    def _term(self, j: int, names: Sequence[str]) -> str:
        if self.kinds[j] == "product":
            return _product(names, self.coefficients[j])
        text = ""
        for i in np.flatnonzero(self.coefficients[j]):
            a = float(self.coefficients[j, i])
            size = "" if abs(a) == 1 else f"{abs(a):g}*"
            text += ("-" if a < 0 else "+" if text else "") + size + KINDS[self.kinds[j]].symbol.format(names[int(i)])
        return text


class Reduced(Model):
    """y_k = x^b f_k(u_1(x), ..., u_r(x)) for a model f of the `variables` u.

    Values are NaN where u or x^b is not finite. `extended` is that of f, at u as float64 has it.
    """

    family = "reduced"

    def __init__(
        self, model: Model, variables: Variables, signature: Signature | None = None, report: FitReport | None = None
    ) -> None:
        r, d = variables.coefficients.shape
        if model.signature.n_inputs != r:
            raise ValueError(f"variables: expected {model.signature.n_inputs}, the model's inputs, got {r}")
        super().__init__(signature or Signature(d, model.signature.n_outputs, model.signature.y_is_vector), report)
        self.signature.require(d, model.signature.n_outputs, "the model of the variables")
        self.model, self.variables = model, variables
        self.n_threads = model.n_threads

    def __repr__(self) -> str:
        return f"Reduced({self.model!r} of {self.variables.described(self._names)})"

    @property
    def _names(self) -> Sequence[str]:
        return self.signature.input_names or [f"x{i}" for i in range(self.signature.n_inputs)]

    @property
    def n_params(self) -> int:
        return self.model.n_params

    def evaluate(self, X: Array) -> Array:
        U, power = self.variables.apply(X, self.n_threads)
        return self.model.evaluate(U) * power[:, None]

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        U, power = self.variables.apply(X, self.n_threads)
        with np.errstate(all="ignore"):
            total = Extended(*self.model.evaluate_extended(U)).times(power[:, None])
        return total.high, np.where(np.isfinite(total.high), total.low, 0.0)

    def evaluate_gradient(self, X: Array) -> Array:
        U, power = self.variables.apply(X, self.n_threads)
        value, gradient = self.model.evaluate(U), self.model.evaluate_gradient(U)
        return self.variables.chain(X, U, power, value, gradient, self.n_threads)

    def operations(self, x: Vector) -> Vector:
        variables = self.variables
        parts = [_variable(x, kind, row) for kind, row in zip(variables.kinds, variables.coefficients, strict=True)]
        inner = self.model.operations(each(functools.reduce(joined, parts), functions.FINITE))
        if variables.ignored:
            inner = unless_missing(inner, taken(x, variables.ignored))
        if not variables.factor.any():
            return inner
        return multiplied(inner, each(powers(x, variables.factor[None]), functions.FINITE))

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        variables = self.variables
        u = [_part(parts, x, kind, row) for kind, row in zip(variables.kinds, variables.coefficients, strict=True)]
        front = _part(parts, x, "product", variables.factor)
        return [parts.product([front, value]) for value in self.model.made_of(parts, u)]

    def repeating(self) -> frozenset[int]:
        inner, variables, a = self.model.repeating(), self.variables, self.variables.coefficients
        is_alone = (np.count_nonzero(a, axis=1) == 1) & (a.sum(axis=1) == 1.0)
        as_given = [k for k in inner if variables.kinds[k] == "sum" and is_alone[k]]
        columns = np.flatnonzero(variables.factor == 0.0).tolist()
        return frozenset(j for j in columns if set(np.flatnonzero(a[:, j]).tolist()) <= set(as_given))

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return (self.model,)

    def at_parts(self, X: Array) -> list[AtPart]:
        U, power = self.variables.apply(X, self.n_threads)
        return [AtPart(U, power[:, None, None] * np.eye(self.signature.n_outputs))]

    def with_parts(self, parts: Sequence[Model]) -> Reduced:
        return Reduced(parts[0], self.variables, self.signature)

    def with_rows(self, X: Array, y: Array) -> Reduced | None:
        U, power = self.variables.apply(X, self.n_threads)
        with np.errstate(all="ignore"):
            targets = y / power[:, None]
        holds = np.isfinite(U).all(axis=1) & np.isfinite(targets).all(axis=1)
        made = self.model.with_rows(U[holds], targets[holds]) if holds.any() else None
        return None if made is None else self.with_parts([made])

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [model], arrays = parts_described([self.model])
        arrays |= {"coefficients": self.variables.coefficients, "factor": self.variables.factor}
        return {"model": model, "kinds": list(self.variables.kinds)}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Reduced:
        [model] = parts_restored([values["model"]], arrays)
        return cls(model, variables_of(values["kinds"], arrays["coefficients"], arrays["factor"]), signature)


def _part(parts: Parts, x: Sequence[Value | None], kind: str, coefficients: Array) -> Value | None:
    """One variable, as a value of `parts`."""
    used = [(value, a) for value, a in zip(x, coefficients.tolist(), strict=True) if a and value is not None]
    if kind == "product":
        return parts.product([power(*one) for one in used])
    terms = [(Value(value.number, KINDS[kind].symbol.format(value.text).replace("^", "**")), a) for value, a in used]
    return parts.sum([times(value, a) for value, a in terms])


def _variable(x: Vector, kind: str, coefficients: Array) -> Vector:
    """One variable, as operations on x."""
    if kind == "product":
        return powers(x, coefficients[None])
    here = np.flatnonzero(coefficients)
    terms = taken(x, here.tolist())
    if kind == "squares":
        terms = each(terms, functions.SQUARE)
    elif kind == "moduli":
        terms = each(terms, functions.MODULUS)
    elif kind == "logarithms":
        terms = each(terms, functions.INPUT_TRANSFORMS["log"])
    elif kind == "reciprocals":
        terms = each(terms, functions.INPUT_TRANSFORMS["reciprocal"])
    return affine(terms, coefficients[None, here], np.zeros(1))


def variables_of(kinds: Sequence[str], coefficients: ArrayLike, factor: ArrayLike) -> Variables:
    """Variables of these `kinds` (r names), `coefficients` (r, d) and `factor` (d,); ValueError for what is none."""
    a, b = np.array(coefficients, dtype=np.float64), np.array(factor, dtype=np.float64)
    if a.ndim != 2 or b.shape != a.shape[1:] or len(kinds) != len(a):
        raise ValueError(f"coefficients: expected ({len(kinds)}, {len(b)}), got {a.shape}")
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"kinds: expected some of {', '.join(KINDS)}, got {unknown[0]!r}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("coefficients: expected finite numbers, got NaN or infinity")
    return Variables(tuple(kinds), a, b)


def _product(names: Sequence[str], exponents: Array) -> str:
    over = "*".join(_factor(names[int(i)], exponents[i]) for i in np.flatnonzero(exponents > 0))
    under = "/".join(_factor(names[int(i)], -exponents[i]) for i in np.flatnonzero(exponents < 0))
    return (over or ("1" if under else "")) + (f"/{under}" if under else "")


def _factor(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:g}"
