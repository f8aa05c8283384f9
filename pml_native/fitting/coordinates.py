"""The coordinates in which a family may be fitted: columns as given, or the logarithms of what is positive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..models import Normalization, Transformed
from .session import Session

# A column spans enough for its logarithm to be another coordinate.
LEAST_RATIO = 1.5


@dataclass(frozen=True)
class Coordinates:
    """Transforms of the inputs and outputs by name, and the session's rows in them."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    X: Array
    y: Array
    held_out_X: Array
    held_out_y: Array
    input_normalization: Normalization
    output_normalization: Normalization

    @classmethod
    def of(cls, session: Session, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Coordinates:
        X = Transformed.transform_inputs(session.train.X, inputs)
        y = Transformed.transform_outputs(session.train.y, outputs)
        held_out_X = Transformed.transform_inputs(session.validation.X, inputs)
        held_out_y = Transformed.transform_outputs(session.validation.y, outputs)
        return cls(inputs, outputs, X, y, held_out_X, held_out_y, Normalization.of(X), Normalization.of(y))

    @property
    def are_given(self) -> bool:
        return set(self.inputs) | set(self.outputs) == {"identity"}

    def __str__(self) -> str:
        return " ".join(["log X"] * ("log" in self.inputs) + ["log y"] * ("log" in self.outputs))


def candidate_coordinates(session: Session) -> list[Coordinates]:
    """As given, and with logarithms of the inputs, the outputs, or both that are positive and span enough."""
    train, held_out = session.train, session.validation
    as_given = ("identity",) * train.X.shape[1], ("identity",) * train.y.shape[1]
    inputs = _logarithms(train.X, held_out.X)
    outputs = _logarithms(train.y, held_out.y)
    if len(set(outputs)) > 1:  # one output in logarithms beside one that isn't would weigh them differently
        outputs = as_given[1]
    choices = [as_given, (inputs, as_given[1]), (inputs, outputs), (as_given[0], outputs)]
    return [Coordinates.of(session, *choice) for choice in dict.fromkeys(choices)]


def _logarithms(values: Array, held_out: Array) -> tuple[str, ...]:
    lowest = np.minimum(np.min(values, axis=0), np.min(held_out, axis=0))
    highest = np.maximum(np.max(values, axis=0), np.max(held_out, axis=0))
    positive = (lowest > 0) & (highest > LEAST_RATIO * np.maximum(lowest, 0))
    return tuple("log" if one else "identity" for one in positive)
