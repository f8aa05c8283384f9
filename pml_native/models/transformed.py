"""A model in other coordinates: logarithms of inputs or outputs, reciprocals, squares and other powers.

A power law is a straight line in logarithms, a distance is the root of a polynomial, and what spans ten decades has
errors relative to each value where its logarithm is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..arrays import Array, as_matrix, contiguous
from ..export import functions
from ..export.program import Vector, divided, each_column, scaled
from ..networks.parts import Parts, Value, applied
from ..report import FitReport
from ..threads import resolve_threads
from .adjusting import AtPart
from .model import Model, Signature
from .nested import parts_described, parts_restored


@dataclass(frozen=True)
class Transform:
    """v -> forward(v), one to one where `holds(v)`, which `domain` says in words; and back, with both derivatives.

    The core has the functions. `scalable` says that v / a serves as well as v. Inverses have values between `lowest`
    and `highest` only.
    """

    name: str
    domain: str
    scalable: bool = True
    lowest: float = -np.inf
    highest: float = np.inf

    def forward(self, v: Array) -> Array:
        """NaN outside the domain."""
        return self._part("forward", v)

    def forward_derivative(self, v: Array) -> Array:
        return self._part("forward_derivative", v)

    def inverse(self, t: Array) -> Array:
        """NaN where there is none."""
        return self._part("inverse", t)

    def inverse_derivative(self, t: Array) -> Array:
        return self._part("inverse_derivative", t)

    def holds(self, v: Array) -> NDArray[np.bool_]:
        """Where v is in the domain."""
        return ~np.isnan(self.forward(v)) | (self.name == "identity")

    def _part(self, part: str, values: Array) -> Array:
        flat = contiguous(values).reshape(-1, 1)
        return _core.transform(part, [self.name], flat, UNIT, UNIT, 1).reshape(values.shape)


UNIT = np.ones(1)
# Outside these domains the transformed value or a derivative would be infinite, or have lost digits to underflow.
TRANSFORMS = {
    transform.name: transform
    for transform in (
        Transform("identity", "any value", scalable=False),
        Transform("log", "values > 0"),
        Transform("reciprocal", "magnitudes from 2.2e-308 to 4.5e307"),
        Transform("square", "0, or values from 1.5e-154 to 1.3e154"),
        Transform("reciprocal_square", "values from 4.5e-103 to 2.2e102"),
        Transform("reciprocal_root", "values from 2.0e-205 to 5.0e204"),
        Transform("exp", "values from -30 to 30", scalable=False, lowest=0.0),
        Transform("sine", "values from -pi/2 to pi/2", scalable=False, lowest=-1.0, highest=1.0),
        Transform("cosine", "values from 0 to pi", scalable=False, lowest=-1.0, highest=1.0),
        Transform("tangent", "values from -1.57 to 1.57", scalable=False),
    )
}
# Not the others, which are one to one on one sign only: a model of inputs of both signs finds the square by itself.
INPUT_TRANSFORMS = ("identity", "log", "reciprocal", "root")
INPUT_SLOPES: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "identity": lambda v: (np.ones_like(v), np.zeros_like(v)),
    "log": lambda v: (1.0 / v, -1.0 / v**2),
    "reciprocal": lambda v: (-1.0 / v**2, 2.0 / v**3),
    "root": lambda v: (0.5 / np.sqrt(v), -0.25 * v**-1.5),
}
DOMAINS = {name: transform.domain for name, transform in TRANSFORMS.items()} | {
    "root": "values from 2.2e-308 to 4.5e307"
}
# What the inverses are called in a graph.
INVERSES = {
    "log": "exp",
    "reciprocal": "1/",
    "square": "sqrt",
    "reciprocal_square": "1/sqrt",
    "reciprocal_root": "1/square",
    "exp": "log",
    "sine": "asin",
    "cosine": "acos",
    "tangent": "atan",
}
# Below this many values a thread takes longer to wake than to work.
FEW_VALUES = 1 << 13


class Transformed(Model):
    """y_k = b_k T_k^-1(f_k(S_1(x_1 / a_1), ..., S_d(x_d / a_d))) for a model f, with transforms S and T by name.

    `input_transforms` (d names): "identity", "log", "reciprocal", "root". `output_transforms` (m names): the first
    three, or powers for y >= 0 or y > 0: "square", "reciprocal_square", "reciprocal_root" (y^-1/2), or "exp", "sine",
    "cosine", "tangent", for y that is the inverse of one. `input_scales` a (d,) and `output_scales` b (m,), 1 if left
    out, may be negative, for columns that are, and keep what is far from 1 in size as exact as the rest; powers of two
    add no rounding. Values are NaN where an input is outside the domain of its
    transform, and where f models a power of y and has a value that it can't have. `transform_inputs` and
    `transform_outputs` give the data that f is trained on.

    `extended` is that of f where all outputs are "identity", and takes x transformed in float64 as exact. Other
    outputs are the transform of f's high part in float64, corrected to first order by f's low part: about 16 digits,
    in which f's own rounding, which "log" amplifies to |f| eps, has no part.
    """

    family = "transformed"

    def __init__(
        self,
        model: Model,
        input_transforms: Sequence[str],
        output_transforms: Sequence[str],
        signature: Signature | None = None,
        report: FitReport | None = None,
        *,
        input_scales: ArrayLike | None = None,
        output_scales: ArrayLike | None = None,
    ) -> None:
        super().__init__(signature or model.signature, report)
        wanted = model.signature.n_inputs, model.signature.n_outputs
        self.signature.require(*wanted, "the model")
        self.model = model
        self.input_transforms = _named(input_transforms, "input_transforms", wanted[0], INPUT_TRANSFORMS)
        self.output_transforms = _named(output_transforms, "output_transforms", wanted[1], tuple(TRANSFORMS))
        self.input_scales = _scales(input_scales, "input_scales", wanted[0])
        self.output_scales = _scales(output_scales, "output_scales", wanted[1])
        self.n_threads = model.n_threads
        self._are_alike = self.signature.n_outputs > 1 and len(set(self.output_transforms)) == 1
        self._keeps_size = bool(np.all(self.output_scales == 1.0))
        self._bends = set(self.output_transforms) != {"identity"}
        self._takes_as_given = set(self.input_transforms) == {"identity"} and bool(np.all(self.input_scales == 1.0))
        with np.errstate(over="ignore", under="ignore"):
            self._ratio: Array = self.output_scales[:, None] / self.input_scales

    def __repr__(self) -> str:
        inputs, outputs = ", ".join(self.input_transforms), ", ".join(self.output_transforms)
        return f"Transformed({self.model!r}, inputs {inputs}, outputs {outputs})"

    @property
    def n_params(self) -> int:
        return self.model.n_params

    @staticmethod
    def transform_inputs(X: ArrayLike, transforms: Sequence[str], scales: ArrayLike | None = None) -> Array:
        """`X` (n, d) in the coordinates of the model inside; ValueError where a value is outside its domain."""
        X = as_matrix(X, "X")
        names = _named(transforms, "input_transforms", X.shape[1], INPUT_TRANSFORMS)
        return _forward(X, "X", names, _scales(scales, "input_scales", X.shape[1]))

    @staticmethod
    def transform_outputs(y: ArrayLike, transforms: Sequence[str], scales: ArrayLike | None = None) -> Array:
        """`y` (n,) or (n, m) in the coordinates of the model inside, (n, m); ValueError as for inputs."""
        y = as_matrix(y, "y")
        names = _named(transforms, "output_transforms", y.shape[1], tuple(TRANSFORMS))
        return _forward(y, "y", names, _scales(scales, "output_scales", y.shape[1]))

    def evaluate(self, X: Array) -> Array:
        return self._outputs(self.model.evaluate(self._inner(X)))

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        inner, inner_low = self.model.evaluate_extended(self._inner(X))
        values = self._outputs(inner)
        # Nothing to correct where the low part is 0, however steep the inverse.
        correct = (inner_low != 0.0) & np.isfinite(values)
        correction = np.where(correct, self._slopes(inner) * inner_low * self.output_scales, 0.0)
        zeros = np.zeros_like(values)
        high, low = _core.extended_accumulate(values, zeros, 1.0, correction, zeros)
        return high, low

    def evaluate_gradient(self, X: Array) -> Array:
        inner = self._inner(X)
        gradient = self.model.evaluate_gradient(inner)
        slopes = self._transformed("forward_derivative", X, self.input_transforms, divisor=self.input_scales)
        with np.errstate(all="ignore"):
            if self._bends:
                gradient = gradient * self._slopes(self.model.evaluate(inner))[:, :, None]
            result: Array = gradient * slopes[:, None, :] * self._ratio
        missing = np.isnan(inner)
        if missing.any():
            result[missing.any(axis=1)] = np.nan
        return result

    def operations(self, x: Vector) -> Vector:
        inputs = [functions.INPUT_TRANSFORMS[name] for name in self.input_transforms]
        outputs = [functions.INVERSE_TRANSFORMS[name] for name in self.output_transforms]
        inner = self.model.operations(each_column(divided(x, self.input_scales), inputs))
        return scaled(each_column(inner, outputs), self.output_scales)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        inner = [
            value if name == "identity" else applied("sqrt" if name == "root" else name, value)
            for name, value in zip(self.input_transforms, x, strict=True)
        ]
        outputs = self.model.made_of(parts, inner)
        named = zip(self.output_transforms, outputs, strict=True)
        return [value if name == "identity" else applied(INVERSES[name], value) for name, value in named]

    def repeating(self) -> frozenset[int]:
        return frozenset(j for j in self.model.repeating() if self.input_transforms[j] == "identity")

    @property
    def is_linear(self) -> bool:  # type: ignore[override]
        return not self._bends

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return (self.model,)

    def at_parts(self, X: Array) -> list[AtPart]:
        inner, m = self._inner(X), self.signature.n_outputs
        slope = np.zeros((len(X), m, m))
        by_output = np.ones((len(X), m)) if not self._bends else self._slopes(self.model.evaluate(inner))
        slope[:, range(m), range(m)] = by_output * self.output_scales
        return [AtPart(inner, slope)]

    def with_parts(self, parts: Sequence[Model]) -> Transformed:
        return Transformed(
            parts[0],
            self.input_transforms,
            self.output_transforms,
            self.signature,
            input_scales=self.input_scales,
            output_scales=self.output_scales,
        )

    def with_rows(self, X: Array, y: Array) -> Transformed | None:
        inner = self._inner(X)
        with np.errstate(all="ignore"):
            targets = _by_column(
                "forward", self.output_transforms, contiguous(y), self.output_scales, np.ones(len(y.T)), 1
            )
        holds = np.isfinite(inner).all(axis=1) & np.isfinite(targets).all(axis=1)
        made = self.model.with_rows(inner[holds], targets[holds]) if holds.any() else None
        return None if made is None else self.with_parts([made])

    def box(self) -> tuple[Array, Array] | None:
        inner = self.model.box()
        if inner is None:
            return None
        ends = [
            self._transformed("inverse", end[None], self.input_transforms, factor=self.input_scales)[0] for end in inner
        ]
        return np.minimum(*ends), np.maximum(*ends)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [model], arrays = parts_described([self.model])
        values = {
            "model": model,
            "input_transforms": list(self.input_transforms),
            "output_transforms": list(self.output_transforms),
            "input_scales": self.input_scales.tolist(),
            "output_scales": self.output_scales.tolist(),
        }
        return values, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Transformed:
        [model] = parts_restored([values["model"]], arrays)
        return cls(
            model,
            values["input_transforms"],
            values["output_transforms"],
            signature,
            input_scales=values.get("input_scales"),
            output_scales=values.get("output_scales"),
        )

    def _inner(self, X: Array) -> Array:
        """S(x / a), NaN outside the domain."""
        if self._takes_as_given:
            return X
        return self._transformed("forward", X, self.input_transforms, divisor=self.input_scales)

    def _outputs(self, inner: Array) -> Array:
        """b T^-1(f)."""
        if self._are_alike and inner.size <= FEW_VALUES:  # 30 names take longer to read than 30 logarithms to compute
            values = TRANSFORMS[self.output_transforms[0]].inverse(inner)
            return values if self._keeps_size else values * self.output_scales
        return self._transformed("inverse", inner, self.output_transforms, factor=self.output_scales)

    def _slopes(self, inner: Array) -> Array:
        """The derivative of T^-1 at f."""
        return self._transformed("inverse_derivative", inner, self.output_transforms)

    def _transformed(
        self,
        part: str,
        values: Array,
        names: tuple[str, ...],
        *,
        divisor: Array | None = None,
        factor: Array | None = None,
    ) -> Array:
        """f(values / divisor) factor, column by column."""
        divisor = np.ones(len(names)) if divisor is None else divisor
        factor = np.ones(len(names)) if factor is None else factor
        n_threads = 1 if values.size <= FEW_VALUES else resolve_threads(self.n_threads)
        return _by_column(part, names, contiguous(values), divisor, factor, n_threads)


def input_slopes(v: Array, names: Sequence[str]) -> tuple[Array, Array]:
    """The first and the second derivatives of input transforms of these `names` at `v` (n, d), both (n, d)."""
    with np.errstate(all="ignore"):
        every = [INPUT_SLOPES[name](column) for name, column in zip(names, v.T, strict=True)]
    return np.stack([one[0] for one in every], axis=1), np.stack([one[1] for one in every], axis=1)


def _root(part: str, v: Array) -> Array:
    """Parts of the root, as those of the core's functions: NaN outside the domain."""
    with np.errstate(all="ignore"):
        if part.startswith("forward"):
            root: Array = np.sqrt(np.where((v >= 2.0**-1022) & (v <= 2.0**1022), v, np.nan))
            return root if part == "forward" else 0.5 / root
        v = np.where(v > 0.0, v, np.nan)
        return v * v if part == "inverse" else 2.0 * v


def _by_column(part: str, names: Sequence[str], values: Array, divisor: Array, factor: Array, n_threads: int) -> Array:
    """f(values / divisor) factor by the core, which has all functions but the root."""
    roots = np.array([name == "root" for name in names], dtype=bool)
    if not roots.any():
        return _core.transform(part, names, values, divisor, factor, n_threads)
    others = ["identity" if name == "root" else name for name in names]
    result = _core.transform(part, others, values, divisor, factor, n_threads)
    result[:, roots] = _root(part, values[:, roots] / divisor[roots]) * factor[roots]
    return result


def _forward(values: Array, what: str, names: Sequence[str], scales: Array) -> Array:
    transformed = _by_column("forward", names, contiguous(values), scales, np.ones(len(names)), 1)
    for j, name in enumerate(names):
        outside = np.flatnonzero(np.isnan(transformed[:, j]) & (name != "identity"))
        if len(outside):
            raise ValueError(
                f'{what}: expected {DOMAINS[name]} in column {j} for "{name}", '
                f"got {values[outside[0], j] / scales[j]} in row {outside[0]}, the first of {len(outside)}"
            )
    return transformed


def _scales(given: ArrayLike | None, what: str, count: int) -> Array:
    scales = np.ones(count) if given is None else np.array(given, dtype=np.float64)
    if scales.shape != (count,):
        raise ValueError(f"{what}: expected ({count},), got {scales.shape}")
    if not (np.isfinite(scales).all() and (scales != 0.0).all()):
        raise ValueError(f"{what}: expected finite numbers other than 0, got {scales.tolist()}")
    return scales


def _named(names: Sequence[str], what: str, count: int, known: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or len(names) != count:
        raise ValueError(f"{what}: expected {count} names, one for each column, got {names!r}")
    for name in names:
        if name not in known:
            raise ValueError(f"{what}: expected names among {', '.join(known)}, got {name!r}")
    return tuple(names)
