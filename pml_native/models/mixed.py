"""Many outputs as sums of few: what a spectrum of hundreds of values consists of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..export.program import Vector, affine
from ..networks.parts import Parts, Value
from ..report import FitReport
from . import enclosures
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .extended import Extended
from .model import Model, Signature
from .nested import parts_described, parts_restored


class Mixed(Model):
    """y_j = sum_k z_k mixing_kj, where z are the outputs of `model`, and `mixing` is (k, m)."""

    family = "mixed"

    def __init__(
        self,
        model: Model,
        mixing: ArrayLike,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        self.mixing = np.array(mixing, dtype=np.float64)
        d, k = model.signature.n_inputs, model.signature.n_outputs
        if self.mixing.ndim != 2 or len(self.mixing) != k or not self.mixing.size:
            raise ValueError(f"mixing: expected ({k}, m), got {self.mixing.shape}")
        if not np.isfinite(self.mixing).all():
            raise ValueError("mixing: expected finite numbers, got NaN or infinity")
        m = self.mixing.shape[1]
        super().__init__(signature or Signature(d, m, y_is_vector=False), report)
        self.signature.require(d, m, "the sums")
        self.model = model

    def __repr__(self) -> str:
        return f"Mixed({self.model!r}, {self.mixing.shape[1]} sums of {len(self.mixing)})"

    @property
    def n_params(self) -> int:
        return self.model.n_params + self.mixing.size

    def evaluate(self, X: Array) -> Array:
        # A product for each row, so that a row has the same bits in any batch.
        values: Array = np.matmul(self.model.evaluate(X)[:, None, :], self.mixing)[:, 0, :]
        return values

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        high, low = self.model.evaluate_extended(X)
        total = Extended(high[:, :1], low[:, :1]).times(self.mixing[0])
        for k, row in enumerate(self.mixing[1:], start=1):
            total = total + Extended(high[:, k : k + 1], low[:, k : k + 1]).times(row)
        return total.high, np.where(np.isfinite(total.high), total.low, 0.0)

    def evaluate_gradient(self, X: Array) -> Array:
        gradient: Array = np.matmul(self.mixing.T, self.model.evaluate_gradient(X))
        return gradient

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        found = []
        for own in self.model.enclosed(x):
            by_input = list(zip(*own.slopes, strict=True))
            values = [enclosures.combination(column, own.values) for column in self.mixing.T]
            slopes = [[enclosures.combination(column, slope) for slope in by_input] for column in self.mixing.T]
            found.append(Enclosed(values, slopes))
        return found

    def cuts(self) -> list[tuple[int, float]]:
        return self.model.cuts()

    def operations(self, x: Vector) -> Vector:
        return affine(self.model.operations(x), self.mixing.T, np.zeros(self.mixing.shape[1]))

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        values = self.model.made_of(parts, x)
        return [parts.sum([value for value, c in zip(values, row, strict=True) if c]) for row in self.mixing.T]

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return (self.model,)

    def at_parts(self, X: Array) -> list[AtPart]:
        return [AtPart(X, np.broadcast_to(self.mixing.T, (len(X), *self.mixing.T.shape)))]

    def with_parts(self, parts: Sequence[Model]) -> Mixed:
        return Mixed(parts[0], self.mixing, self.signature)

    def box(self) -> tuple[Array, Array] | None:
        return self.model.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [model], arrays = parts_described([self.model])
        return {"model": model}, {"mixing": self.mixing, **arrays}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Mixed:
        [model] = parts_restored([values["model"]], arrays)
        return cls(model, arrays["mixing"], signature)
