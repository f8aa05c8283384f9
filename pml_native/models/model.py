"""What every model family is: something that maps X to y, knows its gradient, and can be saved."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, Samples, as_matrix
from ..report import FitReport
from . import archive


@dataclass(frozen=True)
class Signature:
    """The shape of a model's arguments and results: d inputs, m outputs, whether y was a vector, column names."""

    n_inputs: int
    n_outputs: int
    y_is_vector: bool = True
    input_names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, samples: Samples) -> Signature:
        """That of a model of `samples`."""
        n_inputs, n_outputs = samples.X.shape[1], samples.y.shape[1]
        return cls(n_inputs, n_outputs, samples.y_is_vector, samples.input_names, samples.output_names)


class Model(ABC):
    """A fitted family.

    A family gives `family`, `n_params`, `evaluate`, `evaluate_gradient`, `state` and `from_state`; calling, shapes,
    column names and files are the same for all.
    """

    family: ClassVar[str]

    def __init__(self, signature: Signature, report: FitReport | None = None) -> None:
        self.signature = signature
        self.report = report

    @property
    @abstractmethod
    def n_params(self) -> int:
        """Number of fitted parameters."""

    @abstractmethod
    def evaluate(self, X: Array) -> Array:
        """Values (n, m) at `X` (n, d)."""

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        """Values at `X` (n, d) as high and low (n, m); a family that knows no better gives a low of 0."""
        values = self.evaluate(X)
        return values, np.zeros_like(values)

    @abstractmethod
    def evaluate_gradient(self, X: Array) -> Array:
        """Derivatives (n, m, d) at `X` (n, d)."""

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What `from_state` needs: JSON values, and arrays."""

    @classmethod
    @abstractmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Model:
        """The model that gave this state."""

    def __call__(self, X: ArrayLike) -> Array:
        """Values at `X` (n, d): (n,) if y was a vector, else (n, m). NaN in a row of X gives NaN there.

        A data frame whose columns have the names of the training data is taken in their order.
        """
        values = self.evaluate(self._inputs(X))
        return values[:, 0] if self.signature.y_is_vector else values

    def extended(self, X: ArrayLike) -> tuple[Array, Array]:
        """Values at `X` (n, d) in double-double, high and low: each (n,) if y was a vector, else (n, m).

        The value is the unevaluated sum high + low, about 32 digits where the family has an evaluation in
        double-double (networks and sums of them do; low is 0 elsewhere), and high is that value rounded to float64. So
        `model(X) - high` is what evaluation in float64 costs, apart from how well the model fits.
        """
        high, low = self.evaluate_extended(self._inputs(X))
        return (high[:, 0], low[:, 0]) if self.signature.y_is_vector else (high, low)

    def predict(self, X: ArrayLike) -> Array:
        """The same as calling the model."""
        return self(X)

    def gradient(self, X: ArrayLike) -> Array:
        """Derivative of the model with respect to its inputs at `X` (n, d), analytic: (n, d), or (n, m, d)."""
        values = self.evaluate_gradient(self._inputs(X))
        return values[:, 0, :] if self.signature.y_is_vector else values

    def description(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The whole model as JSON values and arrays: family, signature, state and report."""
        values, arrays = self.state()
        signature = {
            "n_inputs": self.signature.n_inputs,
            "n_outputs": self.signature.n_outputs,
            "y_is_vector": self.signature.y_is_vector,
            "input_names": self.signature.input_names,
            "output_names": self.signature.output_names,
        }
        report = None if self.report is None else self.report.to_dict()
        return {"family": self.family, "signature": signature, "values": values, "report": report}, arrays

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to one file, which `pml_native.load` reads. No pickle inside; never half a file."""
        archive.write(path, *self.description())

    def _inputs(self, X: ArrayLike) -> Array:
        names = self.signature.input_names
        columns = getattr(X, "columns", None)
        if names is not None and columns is not None:
            missing = [name for name in names if name not in {str(column) for column in columns}]
            if missing:
                raise ValueError(f"X: expected the columns {list(names)}, got none named {missing}")
            position = {str(column): i for i, column in enumerate(columns)}
            return as_matrix(X[[columns[position[name]] for name in names]], "X")  # type: ignore[call-overload,index]
        return as_matrix(X, "X", n_columns=self.signature.n_inputs)
