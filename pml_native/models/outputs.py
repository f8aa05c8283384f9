"""Several outputs, each made by the model that suits it: models of the same inputs, side by side."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..export.program import Vector, joined, taken
from ..networks.parts import Parts, Value
from ..report import FitReport
from . import enclosures
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .model import Model, Signature
from .nested import parts_described, parts_restored


class Outputs(Model):
    """y_j = z_c_j, where z are the outputs of all `parts`, one after the other, and c the `columns` (m numbers).

    `parts`: models with the same number of inputs. Where a part has no value, others keep theirs; not so
    their derivatives in C, which are computed in one sweep.
    """

    family = "outputs"

    def __init__(
        self,
        parts: Sequence[Model],
        columns: Sequence[int],
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        if not parts or not len(columns):
            raise ValueError(
                f"parts, columns: expected at least 1 model and 1 output, got {len(parts)} and {len(columns)}"
            )
        d, m = parts[0].signature.n_inputs, len(columns)
        super().__init__(signature or Signature(d, m, y_is_vector=m == 1), report)
        for k, part in enumerate(parts):
            if part.signature.n_inputs != d:
                raise ValueError(f"parts[{k}]: expected {d} inputs, got {part.signature.n_inputs}")
        self.signature.require(d, m, "its parts")
        self.parts = tuple(parts)
        self.columns: NDArray[np.intp] = np.array(columns, dtype=np.intp)
        n = sum(part.signature.n_outputs for part in parts)
        if self.columns.min() < 0 or self.columns.max() >= n:
            raise ValueError(f"columns: expected numbers from 0 to {n - 1}, got {self.columns.tolist()}")

    def __repr__(self) -> str:
        return f"Outputs({', '.join(map(repr, self.parts))})"

    @property
    def n_params(self) -> int:
        return sum(part.n_params for part in self.parts)

    def evaluate(self, X: Array) -> Array:
        return self._of_all([part.evaluate(X) for part in self.parts])

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        high, low = zip(*(part.evaluate_extended(X) for part in self.parts), strict=True)
        return self._of_all(high), self._of_all(low)

    def evaluate_gradient(self, X: Array) -> Array:
        return self._of_all([part.evaluate_gradient(X) for part in self.parts])

    def undecided(self, X: Array) -> Array:
        return self._of_all([part.undecided(X) for part in self.parts])

    def _of_all(self, values: Sequence[Array]) -> Array:
        """The columns of (n, m_k, ...) of each part."""
        return np.ascontiguousarray(np.concatenate(values, axis=1)[:, self.columns])

    def exact_integral(self, low: Array, high: Array) -> Array | None:
        known = [one for part in self.parts if (one := part.exact_integral(low, high)) is not None]
        return np.concatenate(known)[self.columns] if len(known) == len(self.parts) else None

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        return enclosures.of_all([part.enclosed(x) for part in self.parts], self._enclosed_columns)

    def _enclosed_columns(self, parts: Sequence[Enclosed]) -> Enclosed:
        values = [one for own in parts for one in own.values]
        slopes = [one for own in parts for one in own.slopes]
        return Enclosed([values[k] for k in self.columns], [slopes[k] for k in self.columns])

    def cuts(self) -> list[tuple[int, float]]:
        return [cut for part in self.parts for cut in part.cuts()]

    def operations(self, x: Vector) -> Vector:
        return taken(functools.reduce(joined, [part.operations(x) for part in self.parts]), self.columns.tolist())

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        values = [value for part in self.parts for value in part.made_of(parts, x)]
        return [values[k] for k in self.columns.tolist()]

    def repeating(self) -> frozenset[int]:
        return frozenset.intersection(*(part.repeating() for part in self.parts))

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return self.parts

    def at_parts(self, X: Array) -> list[AtPart]:
        counts = [part.signature.n_outputs for part in self.parts]
        chosen = np.eye(sum(counts))[self.columns]
        shares = np.split(chosen, np.cumsum(counts)[:-1], axis=1)
        return [AtPart(X, np.broadcast_to(share, (len(X), *share.shape))) for share in shares]

    def with_parts(self, parts: Sequence[Model]) -> Outputs:
        return Outputs(parts, self.columns.tolist(), self.signature)

    def with_rows(self, X: Array, y: Array) -> Outputs | None:
        ends = np.cumsum([part.signature.n_outputs for part in self.parts])
        place = {column: k for k, column in enumerate(self.columns.tolist())}
        if len(place) < ends[-1]:  # of an output that nobody asks for, rows say nothing
            return None
        given = np.ascontiguousarray(y[:, [place[k] for k in range(ends[-1])]])
        shares = np.split(given, ends[:-1], axis=1)
        made = [part.with_rows(X, share) for part, share in zip(self.parts, shares, strict=True)]
        known = [one for one in made if one is not None]
        return self.with_parts(known) if len(known) == len(made) else None

    def box(self) -> tuple[Array, Array] | None:
        return self.parts[0].box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        parts, arrays = parts_described(self.parts)
        return {"parts": parts}, {"columns": self.columns.astype(np.int64), **arrays}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Outputs:
        return cls(parts_restored(values["parts"], arrays), arrays["columns"].tolist(), signature)
