"""A model whose values stay between bounds: what is beyond is cut off, which takes no value away from a y within."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..export.program import Vector, clipped
from ..networks.parts import Parts, Value
from ..report import FitReport
from . import enclosures
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .model import Model, Signature
from .nested import parts_described, parts_restored

# How much wider than its range a model may be taken to be, over its width.
TOLERANCE = 0.02


class Bounded(Model):
    """y = min(max(f(x), low), high) for a `model` f, with `low` and `high` (m,), which may be infinite.

    Its derivatives are 0 where f is beyond. Raises ValueError for bounds that are none.
    """

    family = "bounded"
    is_linear = False

    def __init__(
        self,
        model: Model,
        low: ArrayLike,
        high: ArrayLike,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        m = model.signature.n_outputs
        self.low, self.high = (np.array(end, dtype=np.float64) for end in (low, high))
        if not (self.low.shape == self.high.shape == (m,) and np.all(self.low < self.high)):
            raise ValueError(f"low, high: expected ({m},) each, low < high, got {self.low} and {self.high}")
        super().__init__(signature or model.signature, report)
        self.signature.require(model.signature.n_inputs, m, "the model")
        self.model, self.n_threads = model, model.n_threads

    def __repr__(self) -> str:
        return f"Bounded({self.model!r}, {self.low.tolist()} to {self.high.tolist()})"

    @property
    def n_params(self) -> int:
        return self.model.n_params

    def evaluate(self, X: Array) -> Array:
        return np.clip(self.model.evaluate(X), self.low, self.high)

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        high, low = self.model.evaluate_extended(X)
        within = np.clip(high, self.low, self.high)
        return within, np.where(within == high, low, 0.0)

    def evaluate_gradient(self, X: Array) -> Array:
        beyond = self._are_beyond(self.model.evaluate(X))
        return np.where(beyond[:, :, None], 0.0, self.model.evaluate_gradient(X))

    def _are_beyond(self, values: Array) -> NDArray[np.bool_]:
        beyond: NDArray[np.bool_] = (values < self.low) | (values > self.high)
        return beyond

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        return [self._within(own, x[0]) for own in self.model.enclosed(x)]

    def _within(self, own: Enclosed, like: Enclosure) -> Enclosed:
        """What it is of one of the things that the model may be: where that goes beyond, anything within."""
        values, slopes = [], []
        for value, slope, least, most in zip(own.values, own.slopes, self.low, self.high, strict=True):
            low, high = enclosures.bounds([value], TOLERANCE)
            if least <= low and high <= most:
                values.append(value)
                slopes.append(slope)
            else:
                low, high = np.clip([low, high], least, most).tolist()
                values.append(_between(low, high, like))
                slopes.append([_or_zero(one, like) for one in slope])
        return Enclosed(values, slopes)

    def cuts(self) -> list[tuple[int, float]]:
        return self.model.cuts()

    def repeating(self) -> frozenset[int]:
        return self.model.repeating()

    def operations(self, x: Vector) -> Vector:
        return clipped(self.model.operations(x), self.low, self.high)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        return self.model.made_of(parts, x)

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return (self.model,)

    def at_parts(self, X: Array) -> list[AtPart]:
        within = ~self._are_beyond(self.model.evaluate(X))
        return [AtPart(X, within[:, :, None] * np.eye(self.signature.n_outputs))]

    def with_parts(self, parts: Sequence[Model]) -> Bounded:
        return Bounded(parts[0], self.low, self.high, self.signature)

    def with_rows(self, X: Array, y: Array) -> Bounded | None:
        made = self.model.with_rows(X, y)
        return None if made is None else self.with_parts([made])

    def box(self) -> tuple[Array, Array] | None:
        return self.model.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [model], arrays = parts_described([self.model])
        return {"model": model}, {"low": self.low, "high": self.high, **arrays}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Bounded:
        [model] = parts_restored([values["model"]], arrays)
        return cls(model, arrays["low"], arrays["high"], signature)


def _or_zero(slope: Enclosure, like: Enclosure) -> Enclosure:
    """What may be the slope, or 0."""
    low, high = slope.range()
    return _between(min(low, 0.0), max(high, 0.0), like)


def _between(low: float, high: float, like: Enclosure) -> Enclosure:
    """Anything from `low` to `high`, to the last bit where an end is 0 or the middle is exact."""
    if not np.isfinite(high - low):
        return enclosures.constant(0.0, like).widened(np.inf)
    middle = 0.5 * low + 0.5 * high
    return replace(enclosures.constant(middle, like).widened(max(high - middle, middle - low)), ends=(low, high))
