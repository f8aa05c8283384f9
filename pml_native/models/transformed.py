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
from ..arrays import Array, as_matrix
from ..export import functions
from ..export.program import Vector, divided, each_column, scaled
from ..report import FitReport
from .model import Model, Signature
from .nested import parts_described, parts_restored


@dataclass(frozen=True)
class Transform:
    """v -> forward(v), one to one where `holds(v)`, which `domain` says in words; and back, with both derivatives.

    `scalable` says that v / a serves as well as v. Inverses have values between `lowest` and `highest` only.
    """

    forward: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    forward_derivative: Callable[[Array], Array]
    inverse_derivative: Callable[[Array], Array]
    holds: Callable[[Array], NDArray[np.bool_]]
    domain: str
    scalable: bool = True
    lowest: float = -np.inf
    highest: float = np.inf

    def within(self, v: Array) -> Array:
        """forward(v), NaN outside the domain."""
        with np.errstate(all="ignore"):
            return np.where(self.holds(v), self.forward(v), np.nan)


# Outside these domains the transformed value or a derivative would be infinite, or have lost digits to underflow.
TRANSFORMS: dict[str, Transform] = {
    "identity": Transform(
        lambda v: v,
        lambda t: t,
        np.ones_like,
        np.ones_like,
        lambda v: np.ones(v.shape, dtype=bool),
        "any value",
        scalable=False,
    ),
    "log": Transform(
        np.log,
        np.exp,
        lambda v: 1.0 / v,
        np.exp,
        lambda v: (v > 0.0) & (v < np.inf),
        "values > 0",
    ),
    "reciprocal": Transform(
        lambda v: 1.0 / v,
        lambda t: 1.0 / t,
        lambda v: -((1.0 / v) ** 2),
        lambda t: -((1.0 / t) ** 2),
        lambda v: (np.abs(v) >= 2.0**-1022) & (np.abs(v) <= 2.0**1022),
        "magnitudes from 2.2e-308 to 4.5e307",
    ),
    "square": Transform(
        np.square,
        np.sqrt,
        lambda v: 2.0 * v,
        lambda t: 0.5 / np.sqrt(t),
        lambda v: (v == 0.0) | ((v >= 2.0**-511) & (v < 2.0**512)),
        "0, or values from 1.5e-154 to 1.3e154",
    ),
    "reciprocal_square": Transform(
        lambda v: (1.0 / v) ** 2,
        lambda t: 1.0 / np.sqrt(t),
        lambda v: -2.0 * (1.0 / v) ** 3,
        lambda t: -0.5 / (t * np.sqrt(t)),
        lambda v: (v >= 2.0**-340) & (v <= 2.0**340),
        "values from 4.5e-103 to 2.2e102",
    ),
    "reciprocal_root": Transform(
        lambda v: 1.0 / np.sqrt(v),
        lambda t: np.where(t > 0.0, (1.0 / t) ** 2, np.nan),
        lambda v: -0.5 / (v * np.sqrt(v)),
        lambda t: np.where(t > 0.0, -2.0 * (1.0 / t) ** 3, np.nan),
        lambda v: (v >= 2.0**-680) & (v <= 2.0**680),
        "values from 2.0e-205 to 5.0e204",
    ),
    "exp": Transform(
        np.exp,
        np.log,
        np.exp,
        lambda t: 1.0 / t,
        lambda v: np.abs(v) <= 30.0,
        "values from -30 to 30",
        scalable=False,
        lowest=0.0,
    ),
    "sine": Transform(
        np.sin,
        np.arcsin,
        np.cos,
        lambda t: 1.0 / np.sqrt((1.0 - t) * (1.0 + t)),
        lambda v: np.abs(v) <= 0.5 * np.pi,
        "values from -pi/2 to pi/2",
        scalable=False,
        lowest=-1.0,
        highest=1.0,
    ),
    "cosine": Transform(
        np.cos,
        np.arccos,
        lambda v: -np.sin(v),
        lambda t: -1.0 / np.sqrt((1.0 - t) * (1.0 + t)),
        lambda v: (v >= 0.0) & (v <= np.pi),
        "values from 0 to pi",
        scalable=False,
        lowest=-1.0,
        highest=1.0,
    ),
    "tangent": Transform(
        np.tan,
        np.arctan,
        lambda v: 1.0 + np.tan(v) ** 2,
        lambda t: 1.0 / (1.0 + t * t),
        lambda v: np.abs(v) <= 1.57,
        "values from -1.57 to 1.57",
        scalable=False,
    ),
}
# Not the others, which are one to one on one sign only: a model of inputs of both signs finds the square by itself.
INPUT_TRANSFORMS = ("identity", "log", "reciprocal")


class Transformed(Model):
    """y_k = b_k T_k^-1(f_k(S_1(x_1 / a_1), ..., S_d(x_d / a_d))) for a model f, with transforms S and T by name.

    `input_transforms` (d names): "identity", "log", "reciprocal". `output_transforms` (m names): these, or powers for
    y >= 0 or y > 0: "square", "reciprocal_square", "reciprocal_root" (y^-1/2), or "exp", "sine", "cosine", "tangent",
    for y that is the inverse of one. `input_scales` a (d,) and
    `output_scales` b (m,), 1 if left out, may be negative, for columns that are, and keep what is far from 1 in size as
    exact as the rest; powers of two add no rounding. Values are NaN where an input is outside the domain of its
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
        got = self.signature.n_inputs, self.signature.n_outputs
        if got != wanted:
            raise ValueError(
                f"signature: expected {wanted[0]} inputs and {wanted[1]} outputs, as the model has, "
                f"got {got[0]} and {got[1]}"
            )
        self.model = model
        self.input_transforms = _named(input_transforms, "input_transforms", wanted[0], INPUT_TRANSFORMS)
        self.output_transforms = _named(output_transforms, "output_transforms", wanted[1], tuple(TRANSFORMS))
        self.input_scales = _scales(input_scales, "input_scales", wanted[0])
        self.output_scales = _scales(output_scales, "output_scales", wanted[1])

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
        with np.errstate(all="ignore"):
            scaled = X / self.input_scales
            slopes = _by_column(scaled, [TRANSFORMS[name].forward_derivative for name in self.input_transforms])
            if set(self.output_transforms) != {"identity"}:
                gradient = gradient * self._slopes(self.model.evaluate(inner))[:, :, None]
            result: Array = gradient * slopes[:, None, :] * (self.output_scales[:, None] / self.input_scales)
        result[np.isnan(inner).any(axis=1)] = np.nan
        return result

    def operations(self, x: Vector) -> Vector:
        inputs = [functions.INPUT_TRANSFORMS[name] for name in self.input_transforms]
        outputs = [functions.INVERSE_TRANSFORMS[name] for name in self.output_transforms]
        inner = self.model.operations(each_column(divided(x, self.input_scales), inputs))
        return scaled(each_column(inner, outputs), self.output_scales)

    def box(self) -> tuple[Array, Array] | None:
        inner = self.model.box()
        if inner is None:
            return None
        ends = [
            _by_column(end[None], [TRANSFORMS[name].inverse for name in self.input_transforms])[0] * self.input_scales
            for end in inner
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
        scaled = X / self.input_scales
        return _by_column(scaled, [TRANSFORMS[name].within for name in self.input_transforms])

    def _outputs(self, inner: Array) -> Array:
        """b T^-1(f)."""
        with np.errstate(all="ignore"):
            values = _by_column(inner, [TRANSFORMS[name].inverse for name in self.output_transforms])
            return values * self.output_scales

    def _slopes(self, inner: Array) -> Array:
        """The derivative of T^-1 at f."""
        with np.errstate(all="ignore"):
            return _by_column(inner, [TRANSFORMS[name].inverse_derivative for name in self.output_transforms])


def _by_column(values: Array, functions: Sequence[Callable[[Array], Array]]) -> Array:
    """The functions applied to the columns of `values` (n, k), as a new array."""
    out = np.empty_like(values)
    for j, function in enumerate(functions):
        out[:, j] = function(values[:, j])
    return out


def _forward(values: Array, what: str, names: Sequence[str], scales: Array) -> Array:
    scaled = values / scales
    for j, name in enumerate(names):
        outside = np.flatnonzero(~TRANSFORMS[name].holds(scaled[:, j]))
        if len(outside):
            raise ValueError(
                f'{what}: expected {TRANSFORMS[name].domain} in column {j} for "{name}", '
                f"got {scaled[outside[0], j]} in row {outside[0]}, the first of {len(outside)}"
            )
    return _by_column(scaled, [TRANSFORMS[name].forward for name in names])


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
