"""Graphs of polynomial modules: sums of products of functions of few variables each, which may be sums themselves.

    u_1 = s(x_1) + t(x_2),  f_1 = f_1(u_1),  f_2 = f_2(x_3), ...,  y = sum_a c_a T_a1(f_1) T_a2(f_2) ...
A function of many inputs that is put together of modules of few needs as many parameters as these, not as a function of
all. Sources: Michaud, Liu, Tegmark (2022) for modules; Tucker (1966) for sums of all products of functions of groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..export.program import Vector, joined, taken, unless_missing
from ..networks.parts import Parts, Value
from ..report import FitReport
from .adjusting import AtPart
from .model import Model, Signature
from .nested import parts_described, parts_restored
from .normalization import Normalization


@dataclass(frozen=True)
class Module:
    """A polynomial of some of the values known before it: of the inputs by their places 0 ... d - 1, then of the values
    of earlier modules, one after the other. A law of few parameters, as a wave, may stand for one but the last."""

    sources: tuple[int, ...]
    polynomial: Model


class ModularPolynomial(Model):
    """Polynomials of the inputs z = inputs(x) and of each other: y is the value of the last of the `modules`.

    `modules` : in an order in which each has its sources before it.
    `inputs` : maps the box of the data to [-1, 1].

    `fit_modular` finds all of it. Raises ValueError for modules that don't fit each other.
    """

    family = "modular"
    is_linear = False

    def __init__(
        self,
        modules: Sequence[Module],
        inputs: Normalization,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        d = known = len(inputs.shift)
        self.modules, self.inputs = tuple(modules), inputs
        if not self.modules:
            raise ValueError("modules: expected at least 1, got 0")
        for k, module in enumerate(self.modules):
            n_sources = module.polynomial.signature.n_inputs
            if len(module.sources) != n_sources or not all(0 <= source < known for source in module.sources):
                raise ValueError(
                    f"modules[{k}]: expected {n_sources} sources among the {known} values before it, "
                    f"got {module.sources}"
                )
            known += module.polynomial.signature.n_outputs
        m = self.modules[-1].polynomial.signature.n_outputs
        super().__init__(signature or Signature(d, m, m == 1), report)
        self.signature.require(d, m, "the graph of modules")

    def __repr__(self) -> str:
        inputs, modules = self.signature.n_inputs, len(self.modules)
        return f"ModularPolynomial({inputs} inputs, {modules} modules, {self.n_params} parameters)"

    @property
    def n_params(self) -> int:
        return sum(module.polynomial.n_params for module in self.modules)

    def evaluate(self, X: Array) -> Array:
        return np.ascontiguousarray(self._values(X)[:, -self.signature.n_outputs :])

    def evaluate_gradient(self, X: Array) -> Array:
        V, m, d = self._values(X), self.signature.n_outputs, self.signature.n_inputs
        slopes = np.zeros((len(X), m, V.shape[1]))
        slopes[:, :, -m:] = np.eye(m)
        end = V.shape[1]
        with np.errstate(all="ignore"):
            for module in reversed(self.modules):
                start = end - module.polynomial.signature.n_outputs
                own = module.polynomial.evaluate_gradient(np.ascontiguousarray(V[:, list(module.sources)]))
                by_source = slopes[:, :, start:end] @ own
                for place, source in enumerate(module.sources):  # of which two may be the same
                    slopes[:, :, source] += by_source[:, :, place]
                end = start
            gradient: Array = np.ldexp(slopes[:, :, :d] / self.inputs.divisor, -self.inputs.exponent)
        gradient[np.isnan(X).any(axis=1)] = np.nan
        return gradient

    def operations(self, x: Vector) -> Vector:
        values = self.inputs.applied(x)
        for module in self.modules:
            own = module.polynomial.operations(taken(values, module.sources))
            values = joined(values, own)
        return unless_missing(own, x)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        values = list(x)
        for module in self.modules:
            own = module.polynomial.made_of(parts, [values[source] for source in module.sources])
            values += own
        return own

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return tuple(module.polynomial for module in self.modules)

    def at_parts(self, X: Array) -> list[AtPart]:
        V, m = self._values(X), self.signature.n_outputs
        slopes = np.zeros((len(X), m, V.shape[1]))
        slopes[:, :, -m:] = np.eye(m)
        asked, end = [], V.shape[1]
        with np.errstate(all="ignore"):
            for module in reversed(self.modules):
                start = end - module.polynomial.signature.n_outputs
                own = np.ascontiguousarray(V[:, list(module.sources)])
                asked.append(AtPart(own, slopes[:, :, start:end].copy()))
                by_source = slopes[:, :, start:end] @ module.polynomial.evaluate_gradient(own)
                for place, source in enumerate(module.sources):  # of which two may be the same
                    slopes[:, :, source] += by_source[:, :, place]
                end = start
        return asked[::-1]

    def with_parts(self, parts: Sequence[Model]) -> ModularPolynomial:
        made = [Module(module.sources, part) for module, part in zip(self.modules, parts, strict=True)]
        return ModularPolynomial(made, self.inputs, self.signature)

    def box(self) -> tuple[Array, Array] | None:
        return self.inputs.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        descriptions, arrays = parts_described([module.polynomial for module in self.modules])
        arrays |= {
            "inputs_exponent": self.inputs.exponent,
            "inputs_shift": self.inputs.shift,
            "inputs_scale": self.inputs.scale,
        }
        return {"polynomials": descriptions, "sources": [list(module.sources) for module in self.modules]}, arrays

    @classmethod
    def from_state(
        cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature
    ) -> ModularPolynomial:
        inputs = Normalization(arrays["inputs_exponent"], arrays["inputs_shift"], arrays["inputs_scale"])
        parts = parts_restored(values["polynomials"], arrays)
        modules = [
            Module(tuple(int(source) for source in sources), part)
            for sources, part in zip(values["sources"], parts, strict=True)
        ]
        return cls(modules, inputs, signature)

    def use_threads(self, n_threads: int | None) -> None:
        super().use_threads(n_threads)
        for module in self.modules:
            module.polynomial.use_threads(n_threads)

    def _values(self, X: Array) -> Array:
        """z, and the values of all modules, (n, d + ...); NaN throughout where a row of X has one."""
        widths = [module.polynomial.signature.n_outputs for module in self.modules]
        d = self.signature.n_inputs
        V = np.empty((len(X), d + sum(widths)))
        V[:, :d] = self.inputs.apply(X)
        end = d
        with np.errstate(all="ignore"):
            for module, width in zip(self.modules, widths, strict=True):
                own = np.ascontiguousarray(V[:, list(module.sources)])
                V[:, end : end + width] = module.polynomial.evaluate(own)
                end += width
        V[np.isnan(X).any(axis=1)] = np.nan
        return V
