"""Models side by side in several inputs, each with a region of its own: where the law of a function changes.

The larger of two functions, |f|, a value that is clipped, two phases: y follows one law on one side of a boundary and
another on the other. Which law a point has is said by the laws themselves (the largest, the smallest, or the largest of
the smallest of some), by a model of scores, the largest of which decides, or by a function of the user's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..export.program import Vector, extreme, joined, scored, taken
from ..report import FitReport
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .model import Model, Signature
from .nested import parts_described, parts_restored

Labels = NDArray[np.intp]
# What takes X (n, d) to the numbers (n,) of the laws there, -1 for none.
LabelFunction = Callable[[Array], Labels]
EXTREMES = {"max": 1.0, "min": -1.0}
# Groups of numbers of laws: y is the largest of the smallest of each group, a lattice of the laws. A value that is
# clipped at both ends is max(f_0, min(f_1, f_2)), ((0,), (1, 2)).
Lattice = tuple[tuple[int, ...], ...]
BOUNDARIES = "max, min, groups of laws, a model or a function"


class Regions(Model):
    """y = f_k(x), k the region of x: `laws` f_0 ... f_(q-1), models of the same inputs and outputs.

    boundary : "max" or "min": k is that of the largest, or smallest, f_k(x) of those that have a value, for one output;
        groups of numbers of laws, as ((0,), (1, 2)) for max(f_0, min(f_1, f_2)): k is that of the largest of the
        smallest of each group, likewise;
        a model of q - 1 outputs s_1(x) ... s_(q-1)(x): k is that of the largest of 0, s_1, ...;
        or a function of X (n, d) that gives k (n,), -1 where y has no value. A model with such a function can't be
        saved, nor written in other languages.
    margin : of scores. Where the two largest are nearer to each other, the rows that the boundary was made of leave
        open on which side of it a point is: see `undecided`.

    y may jump at the boundary, and its derivative does; there it is that of the side that x is counted to. In other
    languages all laws are evaluated: their derivative in x is NaN where one of them has none.

    Raises ValueError for laws and a boundary that don't fit each other.
    """

    family = "regions"

    def __init__(
        self,
        laws: Sequence[Model],
        boundary: str | Lattice | Model | LabelFunction,
        *,
        margin: float = 0.0,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        self.laws, self.boundary, self.margin = tuple(laws), boundary, float(margin)
        if len(self.laws) < 2:
            raise ValueError(f"laws: expected at least 2 models, got {len(self.laws)}")
        if not 0.0 <= self.margin < np.inf:
            raise ValueError(f"margin: expected a number >= 0, got {margin!r}")
        super().__init__(signature or self.laws[0].signature, report)
        d, m = self.signature.n_inputs, self.signature.n_outputs
        for k, law in enumerate(self.laws):
            law_d, law_m = law.signature.n_inputs, law.signature.n_outputs
            if (law_d, law_m) != (d, m):
                raise ValueError(f"laws[{k}]: expected {d} inputs and {m} outputs, got {law_d} and {law_m}")
        if isinstance(boundary, Model):
            wanted, got = (d, len(self.laws) - 1), (boundary.signature.n_inputs, boundary.signature.n_outputs)
            if got != wanted:
                raise ValueError(
                    f"boundary: expected {wanted[0]} inputs and {wanted[1]} outputs, one less than laws, "
                    f"got {got[0]} and {got[1]}"
                )
        elif isinstance(boundary, (str, tuple)):
            if isinstance(boundary, str) and boundary not in EXTREMES:
                raise ValueError(f"boundary: expected {BOUNDARIES}, got {boundary!r}")
            if isinstance(boundary, tuple):
                _require_groups(boundary, len(self.laws))
            if m != 1:
                raise ValueError(f"boundary: expected one output for {boundary}, got {m}")
        elif not callable(boundary):
            raise ValueError(f"boundary: expected {BOUNDARIES}, got {boundary!r}")

    def __repr__(self) -> str:
        boundary = self.boundary if isinstance(self.boundary, (str, tuple, Model)) else "a function"
        return f"Regions({', '.join(map(repr, self.laws))}; {boundary!r})"

    @property
    def pieces(self) -> tuple[Model, ...]:
        """The laws, each a model by itself, by the numbers that `piece_of` gives."""
        return self.laws

    @property
    def n_params(self) -> int:
        return sum(law.n_params for law in self.laws) + (
            self.boundary.n_params if isinstance(self.boundary, Model) else 0
        )

    def piece_of(self, X: ArrayLike) -> Labels:
        """The number of the law at `X` (n, d), (n,); -1 where a boundary of yours gives none."""
        return self._labels(self.as_inputs(X))

    def evaluate(self, X: Array) -> Array:
        if isinstance(self.boundary, (str, tuple)):
            every = np.concatenate([law.evaluate(X) for law in self.laws], axis=1)
            return np.take_along_axis(every, place_of(every, self.boundary)[:, None], axis=1)
        out = np.full((len(X), self.signature.n_outputs), np.nan)
        for rows, law in self._shares(X):
            out[rows] = law.evaluate(X[rows])
        return out

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        high = np.full((len(X), self.signature.n_outputs), np.nan)
        low = np.zeros_like(high)
        for rows, law in self._shares(X):
            high[rows], low[rows] = law.evaluate_extended(X[rows])
        return high, low

    def evaluate_gradient(self, X: Array) -> Array:
        out = np.full((len(X), self.signature.n_outputs, self.signature.n_inputs), np.nan)
        for rows, law in self._shares(X):
            out[rows] = law.evaluate_gradient(X[rows])
        return out

    def undecided(self, X: Array) -> Array:
        if not isinstance(self.boundary, Model) or self.margin == 0.0:
            return super().undecided(X)
        scores = self._scores(X)
        last_two = np.argsort(scores, axis=1, kind="stable")[:, -2:]
        second, first = np.take_along_axis(scores, last_two, axis=1).T
        with np.errstate(invalid="ignore"):
            is_open = np.flatnonzero(first - second < self.margin)
        out = np.zeros((len(X), self.signature.n_outputs))
        if len(is_open):
            every = np.stack([law.evaluate(X[is_open]) for law in self.laws])
            a, b = (every[column, np.arange(len(is_open))] for column in last_two[is_open].T)
            out[is_open] = np.abs(a - b)
        return out

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        return [own for law in self.laws for own in law.enclosed(x)]

    def cuts(self) -> list[tuple[int, float]]:
        return [cut for law in self.laws for cut in law.cuts()]

    def operations(self, x: Vector) -> Vector:
        if not isinstance(self.boundary, (str, tuple, Model)):
            raise ValueError("boundary: expected laws or a model to decide, for other languages, got a function")
        values = functools.reduce(joined, [law.operations(x) for law in self.laws])
        if isinstance(self.boundary, str):
            return extreme(values, int(EXTREMES[self.boundary]))
        if isinstance(self.boundary, tuple):
            least = [extreme(taken(values, group), -1) for group in self.boundary]
            return extreme(functools.reduce(joined, least), 1)
        return scored(self.boundary.operations(x), values)

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return self.laws

    def at_parts(self, X: Array) -> list[AtPart]:
        labels, one = self._labels(X), np.eye(self.signature.n_outputs)
        return [AtPart(X, (labels == k)[:, None, None] * one) for k in range(len(self.laws))]

    def with_parts(self, parts: Sequence[Model]) -> Regions:
        return Regions(parts, self.boundary, margin=self.margin, signature=self.signature)

    def box(self) -> tuple[Array, Array] | None:
        boxes = [box for law in self.laws if (box := law.box()) is not None]
        if len(boxes) < len(self.laws):
            return None
        low, high = zip(*boxes, strict=True)
        return np.min(low, axis=0), np.max(high, axis=0)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        boundary = self.boundary
        if not isinstance(boundary, (str, tuple, Model)):
            raise ValueError("boundary: expected laws or a model to decide, to be saved, got a function")
        parts, arrays = parts_described([*self.laws, *([boundary] if isinstance(boundary, Model) else [])])
        of_laws = None if isinstance(boundary, Model) else boundary
        return {"parts": parts, "boundary": of_laws, "margin": self.margin}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Regions:
        parts = parts_restored(values["parts"], arrays)
        laws, boundary = (parts, values["boundary"]) if values["boundary"] is not None else (parts[:-1], parts[-1])
        if isinstance(boundary, list):
            boundary = tuple(map(tuple, boundary))
        return cls(laws, boundary, margin=values["margin"], signature=signature)

    def _scores(self, X: Array) -> Array:
        """0 and the outputs of the model of scores, (n, q); -inf for NaN."""
        assert isinstance(self.boundary, Model)
        scores = np.concatenate([np.zeros((len(X), 1)), self.boundary.evaluate(X)], axis=1)
        return np.where(np.isnan(scores), -np.inf, scores)

    def _labels(self, X: Array) -> Labels:
        if isinstance(self.boundary, (str, tuple)):
            return place_of(np.concatenate([law.evaluate(X) for law in self.laws], axis=1), self.boundary)
        if isinstance(self.boundary, Model):
            largest: Labels = np.argmax(self._scores(X), axis=1)
            return largest
        labels = np.asarray(self.boundary(X))
        if labels.shape != (len(X),) or labels.dtype.kind not in "iu":
            raise ValueError(f"boundary: expected ({len(X)},) integers, got {labels.shape} of {labels.dtype}")
        if len(labels) and not -1 <= labels.min() <= labels.max() < len(self.laws):
            raise ValueError(f"boundary: expected numbers from -1 to {len(self.laws) - 1}, got {labels.max()}")
        return labels.astype(np.intp)

    def _shares(self, X: Array) -> Iterator[tuple[Labels, Model]]:
        """The rows of each law that has some."""
        labels = self._labels(X)
        for k in np.unique(labels):
            if k >= 0:
                yield np.flatnonzero(labels == k), self.laws[k]


def place_of(values: Array, boundary: str | Lattice) -> Labels:
    """The column of `values` (n, q) of which each row's value is, by a boundary of laws: (n,)."""
    if isinstance(boundary, str):
        return _extreme(values, EXTREMES[boundary])
    least = np.stack([np.array(group)[_extreme(values[:, group], -1.0)] for group in boundary], axis=1)
    group = _extreme(np.take_along_axis(values, least, axis=1), 1.0)
    place: Labels = np.take_along_axis(least, group[:, None], axis=1)[:, 0]
    return place


def _extreme(values: Array, sign: float) -> Labels:
    """The column of `values` (n, q) with the largest number of each row, NaN aside, or for -1 the smallest: (n,)."""
    upward = values * sign
    place: Labels = np.argmax(np.where(np.isnan(upward), -np.inf, upward), axis=1)
    return place


def _require_groups(groups: Lattice, q: int) -> None:
    """Raises ValueError unless each group has numbers of the q laws, and each law is in a group."""
    if not groups or not all(isinstance(group, tuple) and group for group in groups):
        raise ValueError(f"boundary: expected groups of numbers of laws, as ((0,), (1, 2)), got {groups!r}")
    numbers = [number for group in groups for number in group]
    # True and 1.0, as a file may have them, are equal to 1, and take other columns or none.
    if not all(type(number) is int for number in numbers) or set(numbers) != set(range(q)):
        raise ValueError(f"boundary: expected all integers from 0 to {q - 1} in groups of laws, got {groups!r}")
