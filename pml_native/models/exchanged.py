"""A model that is the same under exchanges of columns, to the last bit: each point is asked at the first of its images.

What it is made of may be the same under them but for rounding, as sums over all images are, or know one image only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..exchanges import Exchanges
from ..export.program import Vector, ordered
from ..networks.parts import Parts, Value
from ..report import FitReport
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .model import Model, Signature
from .nested import parts_described, parts_restored


class Exchanged(Model):
    """y(x) = f(p x) for a `model` f and that permutation p of `exchanges` by which p x is the first in lexicographic
    order.

    Where two images are equally far in front, as on the plane of two equal columns, f has to be the same at both for y
    to be continuous. Raises ValueError for parts that don't fit each other.
    """

    family = "exchanged"

    def __init__(
        self, model: Model, exchanges: Exchanges, signature: Signature | None = None, report: FitReport | None = None
    ) -> None:
        d, images = model.signature.n_inputs, exchanges.images
        if (
            images.ndim != 2
            or images.shape[1] != d
            or not np.array_equal(np.sort(images), np.tile(range(d), (len(images), 1)))
        ):
            raise ValueError(f"images: expected permutations of {d} inputs, got {images.tolist()}")
        super().__init__(signature or model.signature, report)
        self.signature.require(d, model.signature.n_outputs, "the model")
        self.model, self.exchanges = model, exchanges
        self.n_threads = model.n_threads

    def __repr__(self) -> str:
        return f"Exchanged({self.model!r}, {len(self.exchanges)} images)"

    @property
    def n_params(self) -> int:
        return self.model.n_params

    def evaluate(self, X: Array) -> Array:
        return self.model.evaluate(self.exchanges.first(X))

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        return self.model.evaluate_extended(self.exchanges.first(X))

    def evaluate_gradient(self, X: Array) -> Array:
        images = self.exchanges.images[self.exchanges.places(X)]
        there = np.ascontiguousarray(np.take_along_axis(X, images, axis=1))
        inner = self.model.evaluate_gradient(there)
        gradient = np.empty_like(inner)
        np.put_along_axis(gradient, np.broadcast_to(images[:, None, :], inner.shape), inner, axis=2)
        return gradient

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        found = []
        for image in self.exchanges.images:
            back = np.argsort(image)
            for own in self.model.enclosed([x[j] for j in image]):
                found.append(Enclosed(own.values, [[slopes[k] for k in back] for slopes in own.slopes]))
        return found

    def cuts(self) -> list[tuple[int, float]]:
        return list(
            dict.fromkeys((int(image[j]), at) for j, at in self.model.cuts() for image in self.exchanges.images)
        )

    def repeating(self) -> frozenset[int]:
        inner = self.model.repeating()
        return frozenset(j for j in inner if all(int(image[j]) in inner for image in self.exchanges.images))

    def operations(self, x: Vector) -> Vector:
        return self.model.operations(ordered(x, self.exchanges.images))

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        return self.model.made_of(parts, x)

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return (self.model,)

    def at_parts(self, X: Array) -> list[AtPart]:
        m = self.signature.n_outputs
        return [AtPart(self.exchanges.first(X), np.broadcast_to(np.eye(m), (len(X), m, m)))]

    def with_parts(self, parts: Sequence[Model]) -> Exchanged:
        return Exchanged(parts[0], self.exchanges, self.signature)

    def with_rows(self, X: Array, y: Array) -> Exchanged | None:
        made = self.model.with_rows(self.exchanges.first(X), y)
        return None if made is None else self.with_parts([made])

    def box(self) -> tuple[Array, Array] | None:
        inner = self.model.box()
        if inner is None:
            return None
        low, high = (self.exchanges.all_of(end[None]) for end in inner)
        return low.min(axis=0), high.max(axis=0)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [model], arrays = parts_described([self.model])
        return {"model": model}, {"images": self.exchanges.images.astype(np.int64), **arrays}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Exchanged:
        [model] = parts_restored([values["model"]], arrays)
        return cls(model, Exchanges(np.asarray(arrays["images"], dtype=np.intp)), signature)
