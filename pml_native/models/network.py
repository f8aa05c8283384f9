"""A trained network with its input and output normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..export import Vector
from ..networks.activations import require_saved_values, saved_values
from ..networks.mlp import MLP
from ..networks.modular import ModularMLP
from ..networks.parts import Parts, Value
from ..report import FitReport
from .model import Model, Signature
from .normalization import Normalization

Network = MLP | ModularMLP
# The core splits a batch into tiles of at least this many rows.
ROWS_OF_A_TASK = 120
NETWORKS: dict[str, type[Network]] = {MLP.kind: MLP, ModularMLP.kind: ModularMLP}


class NetworkModel(Model):
    """y = outputs^-1(network(inputs(x))), where `inputs` and `outputs` are normalizations of the columns.

    `folded()` moves both into the first and last layer, which leaves one plain network.
    """

    family = "network"
    is_linear = False
    _first_free = 0  # the first of the parameters that are fitted; those before it stay

    def __init__(
        self,
        mlp: Network,
        params: ArrayLike,
        *,
        inputs: Normalization | None = None,
        outputs: Normalization | None = None,
        signature: Signature | None = None,
        report: FitReport | None = None,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(signature or Signature(mlp.n_inputs, mlp.n_outputs, y_is_vector=mlp.n_outputs == 1), report)
        self.signature.require(mlp.n_inputs, mlp.n_outputs, "the network")
        self.mlp = mlp
        self.params = np.array(params, dtype=np.float64)
        mlp.layers(self.params)  # checks the length
        self.inputs = inputs or Normalization.identity(mlp.n_inputs)
        self.outputs = outputs or Normalization.identity(mlp.n_outputs)
        self.n_threads = n_threads

    def __repr__(self) -> str:
        return f"NetworkModel({self.mlp}, {self.n_params} parameters)"

    @property
    def n_params(self) -> int:
        return self.mlp.n_params

    def evaluate(self, X: Array) -> Array:
        normalized = self.mlp.forward(self.params, self.inputs.apply(X), n_threads=self._threads(X))
        return self.outputs.invert(normalized)

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        if not self.mlp.has_extended:
            return super().evaluate_extended(X)
        high, low = self.inputs.apply_extended(X)
        high, low = self.mlp.forward_extended(self.params, high, X_low=low, n_threads=self.n_threads)
        return self.outputs.invert_extended(high, low)

    def evaluate_gradient(self, X: Array) -> Array:
        gradient = self.mlp.input_gradient(self.params, self.inputs.apply(X), n_threads=self._threads(X))
        scaled = gradient * (self.outputs.scale[:, None] / self.inputs.divisor)
        result: Array = np.ldexp(scaled, self.outputs.exponent[:, None] - self.inputs.exponent)
        return result

    def _threads(self, X: Array) -> int | None:
        """One for rows of which the core makes one task; to ask how many cores there are takes as long as they do."""
        return 1 if len(X) <= ROWS_OF_A_TASK else self.n_threads

    def operations(self, x: Vector) -> Vector:
        return self.outputs.inverted(self.mlp.operations(self.params, self.inputs.applied(x)))

    def folded(self) -> NetworkModel:
        """The same function as one plain network, without normalizations.

        Equal to rounding, amplified where an input's offset is large beside its spread: W (x - shift) then becomes
        the difference of two large numbers. Raises ValueError where a folded weight would leave the float64 range,
        and for a modular network.
        """
        mlp = self.plain("folded")
        params = self.params.copy()
        layers = mlp.layers(params)
        with np.errstate(over="ignore"):
            weight, bias = layers[0]
            bias -= weight @ (self.inputs.shift / self.inputs.divisor)
            weight[...] = np.ldexp(weight / self.inputs.divisor, -self.inputs.exponent)
            weight, bias = layers[-1]
            weight[...] = np.ldexp(weight * self.outputs.scale[:, None], self.outputs.exponent[:, None])
            bias[...] = np.ldexp(bias * self.outputs.scale + self.outputs.shift, self.outputs.exponent)
        if not np.isfinite(params).all():
            raise ValueError("folded: the data's scales are too extreme for weights in float64")
        return NetworkModel(mlp, params, signature=self.signature, report=self.report, n_threads=self.n_threads)

    def plain(self, wanted_by: str) -> MLP:
        """The network, for what only layers one after the other can do; ValueError for a modular one."""
        if not isinstance(self.mlp, MLP):
            raise ValueError(f"{wanted_by}: expected an MLP, got a modular network of {self.mlp}")
        return self.mlp

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        if not isinstance(self.mlp, ModularMLP):
            return super().made_of(parts, x)
        graph, values = self.mlp.graph, list(x)
        for node in graph.nodes:
            values.append(parts.function([values[i] for i in node]))
        return values[-graph.n_outputs :]

    def own_parameters(self) -> Array:
        return self.params[self._first_free :]

    def own_jacobian(self, X: Array) -> Array:
        jacobian = self.mlp.jacobian(self.params, self.inputs.apply(X), n_threads=self._threads(X))
        by_output = jacobian[:, self._first_free :].reshape(len(X), self.mlp.n_outputs, -1)
        scaled: Array = by_output * np.ldexp(self.outputs.scale, self.outputs.exponent)[:, None]
        return scaled

    def with_own_parameters(self, parameters: Array) -> NetworkModel:
        params = np.concatenate([self.params[: self._first_free], parameters])
        return type(self)(self.mlp, params, inputs=self.inputs, outputs=self.outputs, signature=self.signature)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays: dict[str, NDArray[Any]] = {"params": self.params}
        for name, normalization in (("inputs", self.inputs), ("outputs", self.outputs)):
            arrays[f"{name}_exponent"] = normalization.exponent
            arrays[f"{name}_shift"] = normalization.shift
            arrays[f"{name}_scale"] = normalization.scale
        values: dict[str, Any] = {"kind": self.mlp.kind, **self.mlp.architecture()}
        known = saved_values(self.mlp.activation)
        if known is not None:
            values["activation_values"] = known
        return values, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> NetworkModel:
        require_saved_values(values["activation"], values.get("activation_values"))
        mlp = NETWORKS[values.get("kind", MLP.kind)].from_architecture(values)
        inputs, outputs = (
            Normalization(arrays[f"{name}_exponent"], arrays[f"{name}_shift"], arrays[f"{name}_scale"])
            for name in ("inputs", "outputs")
        )
        if inputs.shift.shape != (mlp.n_inputs,) or outputs.shift.shape != (mlp.n_outputs,):
            raise ValueError("normalization and network differ in their numbers of columns")
        return cls(mlp, arrays["params"], inputs=inputs, outputs=outputs, signature=signature)
