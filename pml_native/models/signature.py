"""The shape of what a model takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Samples


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

    def require(self, n_inputs: int, n_outputs: int, what: str) -> None:
        """ValueError if these are not its numbers of inputs and outputs, which `what` has, e.g. "the network"."""
        if (self.n_inputs, self.n_outputs) != (n_inputs, n_outputs):
            raise ValueError(
                f"signature: expected {n_inputs} inputs and {n_outputs} outputs, as {what} has, "
                f"got {self.n_inputs} and {self.n_outputs}"
            )
