"""Sums of models, each trained on what those before it left over: the sum has digits that float64 hasn't.

Where a first model is right to 1e-9, a second one fitted to its residuals, scaled to unit size, and so on, reach the
rounding of y itself (the boosting of Michaud, Liu, Tegmark 2022; Wang and Lai 2024, "Multi-stage neural networks").
Residuals of 1e-13 are mostly the rounding errors of the model, unless the model and the difference are evaluated beyond
float64, which is done here in double-double.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..arrays import Array, as_matrix
from ..export.program import Vector, added, scaled
from ..networks.mlp import MLP
from ..networks.parts import Parts, Value
from ..report import FitReport
from . import enclosures
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .model import Model, Signature
from .nested import parts_described, parts_restored
from .network import NetworkModel
from .normalization import Normalization

# A stage this much smaller than the first is evaluated in float64 where the sum is rounded to float64 anyway: an error
# of 1000 eps in such a stage is a thousandth of the last place of the first.
NEGLIGIBLE = 2.0**-20


class Boosted(Model):
    """f(x) = sum_k scales[k] stages[k](x), summed in double-double.

    `stages`: models with the same numbers of inputs and outputs. `scales`: positive, (K, m), or (K,) for one scale for
    all outputs of a stage; `.scales` is (K, m). Calling it gives the sum rounded once to float64, where stages whose
    scale is below 2^-20 of the first stage's in every output are evaluated in float64; this rule takes the stages
    themselves to be of one size, as stages trained on residuals over scales are. `extended` and `residuals` evaluate
    every stage in double-double. Derivatives are sums in float64.
    """

    family = "boosted"

    def __init__(
        self,
        stages: Sequence[Model],
        scales: ArrayLike,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        if not stages:
            raise ValueError("stages: expected at least 1 model, got 0")
        super().__init__(signature or stages[0].signature, report)
        self.stages = tuple(stages)
        shape = self.signature.n_inputs, self.signature.n_outputs
        for k, stage in enumerate(self.stages):
            got = stage.signature.n_inputs, stage.signature.n_outputs
            if got != shape:
                raise ValueError(
                    f"stages[{k}]: expected {shape[0]} inputs and {shape[1]} outputs, got {got[0]} and {got[1]}"
                )
        self.scales = _as_scales(scales, len(self.stages), shape[1])

    def __repr__(self) -> str:
        return f"Boosted({', '.join(map(repr, self.stages))})"

    @property
    def n_params(self) -> int:
        return sum(stage.n_params for stage in self.stages)

    def evaluate(self, X: Array) -> Array:
        return self._sum(X, np.any(self.scales > NEGLIGIBLE * self.scales[0], axis=1))[0]

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        return self._sum(X, np.ones(len(self.stages), dtype=bool))

    def _sum(self, X: Array, in_double_double: NDArray[np.bool_]) -> tuple[Array, Array]:
        high = low = np.zeros((len(X), self.signature.n_outputs))
        for stage, scale, is_extended in zip(self.stages, self.scales, in_double_double, strict=True):
            if is_extended:
                value, rest = stage.evaluate_extended(X)
            else:
                value = stage.evaluate(X)
                rest = np.zeros_like(value)
            term, term_low = _scaling(scale).invert_extended(value, rest)
            high, low = _core.extended_accumulate(high, low, 1.0, term, term_low)
        return high, low

    def evaluate_gradient(self, X: Array) -> Array:
        gradient = np.zeros((len(X), self.signature.n_outputs, self.signature.n_inputs))
        for stage, scale in zip(self.stages, self.scales, strict=True):
            gradient += scale[:, None] * stage.evaluate_gradient(X)
        return gradient

    def exact_integral(self, low: Array, high: Array) -> Array | None:
        known = [one for stage in self.stages if (one := stage.exact_integral(low, high)) is not None]
        return np.sum(self.scales * known, axis=0) if len(known) == len(self.stages) else None

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        return enclosures.of_all([stage.enclosed(x) for stage in self.stages], self._enclosed_sum)

    def _enclosed_sum(self, stages: Sequence[Enclosed]) -> Enclosed:
        d, scales = self.signature.n_inputs, self.scales.T
        values = [enclosures.combination(own, [one.values[k] for one in stages]) for k, own in enumerate(scales)]
        slopes = [
            [enclosures.combination(own, [one.slopes[k][j] for one in stages]) for j in range(d)]
            for k, own in enumerate(scales)
        ]
        return Enclosed(values, slopes)

    def cuts(self) -> list[tuple[int, float]]:
        return [cut for stage in self.stages for cut in stage.cuts()]

    def operations(self, x: Vector) -> Vector:
        # The last stages, which are small, first.
        *smaller, total = [
            scaled(s.operations(x), f) for s, f in zip(self.stages[::-1], self.scales[::-1], strict=True)
        ]
        if smaller:
            total = added(total, functools.reduce(added, smaller))
        return total

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        stages = [stage.made_of(parts, x) for stage in self.stages]
        return [parts.joint([stage[k] for stage in stages], parts.sum) for k in range(self.signature.n_outputs)]

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return self.stages

    def at_parts(self, X: Array) -> list[AtPart]:
        shape = len(X), self.signature.n_outputs, self.signature.n_outputs
        return [AtPart(X, np.broadcast_to(np.diag(scale), shape)) for scale in self.scales]

    def with_parts(self, parts: Sequence[Model]) -> Boosted:
        return Boosted(parts, self.scales, self.signature)

    def box(self) -> tuple[Array, Array] | None:
        return self.stages[0].box()

    def residuals(self, X: ArrayLike, y: ArrayLike) -> Array:
        """y - f(x) (n, m) at `X` (n, d), in double-double and rounded once: what the next stage is trained on."""
        inputs = self.as_inputs(X)
        y = as_matrix(y, "y", n_columns=self.signature.n_outputs)
        if len(y) != len(inputs):
            raise ValueError(f"y: expected {len(inputs)} rows, as many as X, got {len(y)}")
        return _core.extended_residual(y, *self.evaluate_extended(inputs))

    def truncated(self, k: int) -> Boosted:
        """The sum of the first `k` stages."""
        if not 1 <= k <= len(self.stages):
            raise ValueError(f"k: expected 1 to {len(self.stages)} stages, got {k}")
        return Boosted(self.stages[:k], self.scales[:k], self.signature)

    def with_stage(self, model: Model, scale: ArrayLike) -> Boosted:
        """The sum with `scale` times `model` added to it; `scale` is one number, or (m,)."""
        added = _as_scales(np.expand_dims(np.asarray(scale), 0), 1, self.signature.n_outputs)
        return Boosted([*self.stages, model], np.concatenate([self.scales, added]), self.signature)

    def merge(self) -> NetworkModel:
        """One network, as wide as all stages together, that equals the sum up to rounding in float64.

        Its hidden weights are block-diagonal. The first stage's parameters and normalization of the inputs stay as they
        are, those of other stages are changed to it. Raises ValueError where a stage is no network (or sum of
        networks), where depths or activations differ, or where a weight would leave the float64 range.
        """
        networks = [_as_network(stage, k) for k, stage in enumerate(self.stages)]
        mlps = [network.plain(f"merge, stage {k}") for k, network in enumerate(networks)]
        first = mlps[0]
        for k, mlp in enumerate(mlps):
            if (len(mlp.widths), mlp.activation) != (len(first.widths), first.activation):
                raise ValueError(
                    f"merge: expected stages of one depth and activation, got {len(first.widths) - 1} layers of "
                    f"{first.activation} in stage 0 and {len(mlp.widths) - 1} of {mlp.activation} in stage {k}"
                )
        outputs_of = [_scaled_outputs(network.outputs, s) for network, s in zip(networks, self.scales, strict=True)]
        inputs, outputs = _least_constant([n.inputs for n in networks]), _least_constant(outputs_of)
        parts = []
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            shift = sum(np.ldexp(o.shift, o.exponent - outputs.exponent) for o in outputs_of)
            outputs = Normalization(outputs.exponent, np.asarray(shift), outputs.scale)
            for network, own in zip(networks, outputs_of, strict=True):
                layers = network.mlp.layers(network.params.copy())
                weight, bias = layers[-1]
                factor = _ratio(own, outputs)
                layers[-1] = (weight * factor[:, None], bias * factor)
                weight, bias = layers[0]
                factor = _ratio(inputs, network.inputs)
                offset = np.ldexp(inputs.shift, inputs.exponent - network.inputs.exponent) - network.inputs.shift
                divisor = np.where(network.inputs.constant, np.inf, network.inputs.scale)
                layers[0] = (weight * factor, bias + weight @ (offset / divisor))
                parts.append(layers)
        hidden = np.sum([mlp.widths[1:-1] for mlp in mlps], axis=0, dtype=int)
        merged = MLP((first.n_inputs, *hidden.tolist(), first.n_outputs), first.activation)
        params = np.zeros(merged.n_params)
        _place_blocks(merged.layers(params), parts)
        if not (np.isfinite(params).all() and np.isfinite(outputs.shift).all() and np.isfinite(outputs.scale).all()):
            raise ValueError("merge: the scales of the stages are too far apart for weights in float64")
        return NetworkModel(
            merged,
            params,
            inputs=inputs,
            outputs=outputs,
            signature=self.signature,
            report=self.report,
            n_threads=networks[0].n_threads,
        )

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        stages, arrays = parts_described(self.stages)
        return {"stages": stages}, {"scales": self.scales, **arrays}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Boosted:
        return cls(parts_restored(values["stages"], arrays), arrays["scales"], signature)


def _as_scales(scales: ArrayLike, n_stages: int, n_outputs: int) -> Array:
    given = np.array(scales, dtype=np.float64)
    if given.shape not in {(n_stages,), (n_stages, n_outputs)}:
        raise ValueError(f"scales: expected ({n_stages},) or ({n_stages}, {n_outputs}), got {given.shape}")
    if not np.all((given > 0) & (given < np.inf)):
        raise ValueError(f"scales: expected positive finite numbers, got {given.tolist()}")
    return np.broadcast_to(given.reshape(n_stages, -1), (n_stages, n_outputs)).copy()


def _scaling(scale: Array) -> Normalization:
    """The normalization whose inverse multiplies columns by `scale`."""
    return Normalization(np.zeros(len(scale), dtype=np.intc), np.zeros(len(scale)), scale)


def _scaled_outputs(outputs: Normalization, scale: Array) -> Normalization:
    """The normalization whose inverse is that of `outputs`, and then times `scale`."""
    mantissa, exponent = np.frexp(scale)
    return Normalization(outputs.exponent + exponent, outputs.shift * mantissa, outputs.scale * mantissa)


def _least_constant(normalizations: Sequence[Normalization]) -> Normalization:
    """The first normalization, its constant columns taken from the first one in which they are not constant."""
    exponent, shift, scale = normalizations[0].exponent, normalizations[0].shift, normalizations[0].scale
    for other in normalizations[1:]:
        better = (scale == 0.0) & ~other.constant
        exponent = np.where(better, other.exponent, exponent)
        shift = np.where(better, other.shift, shift)
        scale = np.where(better, other.scale, scale)
    return Normalization(exponent, shift, scale)


def _ratio(a: Normalization, b: Normalization) -> Array:
    """How many units of `b` a unit of `a` is, column by column; 0 where either is constant."""
    ratio: Array = np.ldexp(a.scale / np.where(b.constant, np.inf, b.scale), a.exponent - b.exponent)
    return ratio


def _as_network(stage: Model, k: int) -> NetworkModel:
    if isinstance(stage, Boosted):
        return stage.merge()
    if not isinstance(stage, NetworkModel):
        raise ValueError(f"merge: expected stages that are networks, got {stage.family} in stage {k}")
    return stage


def _place_blocks(layers: list[tuple[Array, Array]], parts: list[list[tuple[Array, Array]]]) -> None:
    """Fills zeroed `layers` with those of `parts`: one input for all, hidden layers side by side, outputs added."""
    for number, (weight, bias) in enumerate(layers):
        row = column = 0
        for part in parts:
            block, block_bias = part[number]
            n_out, n_in = block.shape
            weight[row : row + n_out, column : column + n_in] += block
            bias[row : row + n_out] += block_bias
            row += n_out if number < len(layers) - 1 else 0
            column += n_in if number > 0 else 0
