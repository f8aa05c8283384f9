"""Sums of products of functions of one variable each.

    y = sum_k prod_j f_jk(x_j),  k = 1 ... r.
What is such a product is learned one variable at a time, so that the number of parameters grows as r d, not with the
power d, however fast the functions turn. Sources: Hitchcock (1927) for the sum of r products; Beylkin and Mohlenkamp
(2005), "Algorithms for numerical analysis in high dimensions", for functions.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..export.program import Vector, added, multiplied, taken
from ..networks.parts import Parts, Value
from ..report import FitReport
from . import enclosures
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .extended import Extended
from .model import Model, Signature
from .nested import parts_described, parts_restored


class Separable(Model):
    """y = sum_k prod_j f_jk(x_j): `factors` are d models, each of one input and r outputs; y is one output.

    Raises ValueError for factors that don't fit each other.
    """

    family = "separable"
    is_linear = False

    def __init__(
        self, factors: Sequence[Model], signature: Signature | None = None, report: FitReport | None = None
    ) -> None:
        self.factors = tuple(factors)
        d = len(self.factors)
        super().__init__(signature or Signature(d, 1, True), report)
        sizes = [(factor.signature.n_inputs, factor.signature.n_outputs) for factor in self.factors]
        if not sizes or set(sizes) != {(1, sizes[0][1])}:
            raise ValueError(f"factors: expected models of 1 input and the same number of outputs, got {sizes}")
        self.signature.require(d, 1, "the sum of the products")

    def __repr__(self) -> str:
        return f"Separable({self.signature.n_inputs} inputs, {self.rank} products, {self.n_params} parameters)"

    @property
    def rank(self) -> int:
        """The number of products."""
        return self.factors[0].signature.n_outputs

    @property
    def n_params(self) -> int:
        return sum(factor.n_params for factor in self.factors)

    def evaluate(self, X: Array) -> Array:
        values = self._values(X)
        with np.errstate(all="ignore"):
            products = functools.reduce(np.multiply, values)
            return np.asarray(functools.reduce(np.add, products.T))[:, None]

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        parts = [Extended(*factor.evaluate_extended(X[:, j : j + 1])) for j, factor in enumerate(self.factors)]
        with np.errstate(all="ignore"):
            exponents = [part.exponents() for part in parts]
            product = functools.reduce(
                operator.mul, [part.scaled(-own) for part, own in zip(parts, exponents, strict=True)]
            )
            sizes = np.sum(exponents, axis=0)
            product = product.scaled(sizes - sizes.max())
            total = Extended(product.high[:, :1], product.low[:, :1])
            for k in range(1, self.rank):
                total = total + Extended(product.high[:, k : k + 1], product.low[:, k : k + 1])
            total = total.scaled(sizes.max(keepdims=True))
        return total.high, np.where(np.isfinite(total.high), total.low, 0.0)

    def evaluate_gradient(self, X: Array) -> Array:
        values = self._values(X)
        gradient = np.empty((len(X), 1, len(self.factors)))
        with np.errstate(all="ignore"):
            for j, factor in enumerate(self.factors):
                slope = factor.evaluate_gradient(np.ascontiguousarray(X[:, j : j + 1]))[:, :, 0]
                gradient[:, 0, j] = functools.reduce(
                    np.multiply, [value for i, value in enumerate(values) if i != j], slope
                ).sum(axis=1)
        gradient[np.isnan(X).any(axis=1)] = np.nan
        return gradient

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        factors = [factor.enclosed([own]) for factor, own in zip(self.factors, x, strict=True)]
        return enclosures.of_all(factors, self._enclosed_products)

    def _enclosed_products(self, factors: Sequence[Enclosed]) -> Enclosed:
        value = enclosures.sum_of_all_products([[own.values[k] for own in factors] for k in range(self.rank)])
        slopes = []
        for j in range(len(factors)):
            products = [
                [own.slopes[k][0] if i == j else own.values[k] for i, own in enumerate(factors)]
                for k in range(self.rank)
            ]
            slopes.append(enclosures.sum_of_all_products(products))
        return Enclosed([value], [slopes])

    def cuts(self) -> list[tuple[int, float]]:
        return [(j, place) for j, factor in enumerate(self.factors) for _, place in factor.cuts()]

    def operations(self, x: Vector) -> Vector:
        values = [factor.operations(taken(x, [j])) for j, factor in enumerate(self.factors)]
        products = [functools.reduce(multiplied, [taken(value, [k]) for value in values]) for k in range(self.rank)]
        return functools.reduce(added, products)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        factors = [factor.made_of(parts, [value]) for factor, value in zip(self.factors, x, strict=True)]
        return [parts.sum([parts.product([factor[k] for factor in factors]) for k in range(self.rank)])]

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return self.factors

    def at_parts(self, X: Array) -> list[AtPart]:
        values, asked = self._values(X), []
        for j in range(len(self.factors)):
            others = [value for i, value in enumerate(values) if i != j]
            with np.errstate(all="ignore"):
                slope = functools.reduce(np.multiply, others, np.ones_like(values[j]))
            asked.append(AtPart(np.ascontiguousarray(X[:, j : j + 1]), slope[:, None, :]))
        return asked

    def with_parts(self, parts: Sequence[Model]) -> Separable:
        return Separable(parts, self.signature)

    def box(self) -> tuple[Array, Array] | None:
        boxes = [factor.box() for factor in self.factors]
        known = [box for box in boxes if box is not None]
        if len(known) < len(boxes):
            return None
        return np.concatenate([low for low, _ in known]), np.concatenate([high for _, high in known])

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        descriptions, arrays = parts_described(self.factors)
        return {"factors": descriptions}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Separable:
        return cls(parts_restored(values["factors"], arrays), signature)

    def _values(self, X: Array) -> list[Array]:
        """Each factor's values (n, r)."""
        return [factor.evaluate(np.ascontiguousarray(X[:, j : j + 1])) for j, factor in enumerate(self.factors)]
