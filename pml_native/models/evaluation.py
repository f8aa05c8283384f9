"""What every model answers at points: values, derivatives, the error to expect, whether rows are near."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, as_encoded, as_matrix
from ..columns import Columns, as_columns
from ..coverage import Near
from ..encodings import Encodings
from ..export import Program, Vector
from ..export.jets import jets_of
from ..report import FitReport
from .beyond import Beyond, Outside
from .enclosures import Enclosed, Enclosure
from .error_estimate import ErrorEstimate
from .families import FAMILIES
from .signature import Signature

# Numbers that second derivatives are kept in at once, 64 MB: the less, the oftener Python goes through the operations.
NUMBERS_AT_ONCE = 1 << 23


class Evaluated(metaclass=ABCMeta):
    """What is asked at points, of a family that gives `evaluate` and `evaluate_gradient`."""

    family: ClassVar[str]
    n_threads: int | None = None  # all cores
    estimate: ErrorEstimate | None = None  # of a model that `fit` has made
    near: Near | None = None  # what `inside` asks, of models that `fit` has returned
    encodings: Encodings | None = None  # of a model of dates, categories or complex y
    beyond: Beyond | None = None  # how it goes on outside of the box, of models that have been told

    def __init__(self, signature: Signature, report: FitReport | None = None) -> None:
        self.signature = signature
        self.report = report

    @property
    def outside(self) -> str:
        """What points outside of the box of the rows get: "extrapolate", the model as it goes on; "linear", value and
        slope at the nearest point of the box; "nearest", the value there; "nan"; or "error", ValueError.

        It can be set, for a model that knows its box, and goes into files and exports. ValueError for one that doesn't.
        """
        return "extrapolate" if self.beyond is None else self.beyond.kind

    @outside.setter
    def outside(self, kind: Outside) -> None:
        self.beyond = Beyond(kind, *self.known_box())

    def known_box(self) -> tuple[Array, Array]:
        """The lowest and the highest inputs (d,) of its rows; ValueError for a model that does not know them."""
        box = self.box() if self.near is None else (self.near.low, self.near.high)
        if box is None:
            raise ValueError("expected a model that knows the box of its rows, got one that does not")
        return box

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

    def evaluate_hessian(self, X: Array) -> Array:
        """Second derivatives (n, m, d, d) at `X` (n, d): of a family that knows no better, those of its operations."""
        program, (n, d) = self._own_program(), X.shape
        hessian = np.empty((n, self.signature.n_outputs, d, d))
        numbers = (d + 1) ** 2 * sum(step.output.size for step in program.steps)
        rows = max(1, NUMBERS_AT_ONCE // numbers)
        for i in range(0, n, rows):
            hessian[i : i + rows] = jets_of(program, X[i : i + rows]).second
        return hessian

    def undecided(self, X: Array) -> Array:
        """How far y (n, m) may be off at `X` (n, d) where no row says which of two laws of the model holds; else 0."""
        return np.zeros((len(X), self.signature.n_outputs))

    @abstractmethod
    def predict(self, X: ArrayLike) -> Array:
        """Values at `X` (n, d): (n,) if y was a vector, else (n, m)."""

    def extended(self, X: ArrayLike) -> tuple[Array, Array]:
        """Values at `X` (n, d) in double-double, high and low: each (n,) if y was a vector, else (n, m).

        The value is the unevaluated sum high + low, about 32 digits where the family has an evaluation in
        double-double (networks and sums of them do; low is 0 elsewhere), and high is that value rounded to float64. So
        `model(X) - high` is what evaluation in float64 costs, apart from how well the model fits.
        """
        inputs = self.as_inputs(X)
        high, low = self.evaluate_extended(inputs) if self.beyond is None else self.beyond.extended(self, inputs)
        return self.as_outputs(high), self.as_outputs(low)

    def gradient(self, X: ArrayLike) -> Array:
        """Derivative of the model with respect to its inputs at `X` (n, d), analytic: (n, d), or (n, m, d).

        By dates and durations it is per second, by categories 0.
        """
        with np.errstate(over="ignore"):  # of y near 1e300 for x near 1e-300 it is infinite
            how, inputs = self.beyond, self.as_inputs(X)
            values = self.evaluate_gradient(inputs) if how is None else how.gradient(self, inputs)
        return self.as_outputs(values)

    def as_inputs(self, X: ArrayLike) -> Array:
        """`X` (n, d) as the numbers that `evaluate` takes, float64 and C-contiguous.

        Columns are found by their names. Dates become seconds from the first of the training data, durations seconds,
        categories their numbers; numbers in columns of dates and durations are such seconds. ValueError for what is
        none of that, saying what was wanted and got.
        """
        table: Any = X
        names = self.signature.input_names
        if names is not None:
            table = as_columns(X, "X")
            columns = getattr(table, "columns", None)
            if columns is not None:
                position = {str(column): column for column in columns}
                missing = [name for name in names if name not in position]
                if missing:
                    raise ValueError(f"X: expected the columns {list(names)}, got none named {missing}")
                if isinstance(table, Columns):
                    table = Columns((name, table[name]) for name in names)
                else:
                    table = table[[position[name] for name in names]]
        if self.encodings is not None and any(self.encodings.inputs):
            return as_encoded(table, "X", self.encodings.inputs)[0]
        return as_matrix(table, "X", n_columns=self.signature.n_inputs)

    def as_outputs(self, values: Array) -> Array:
        """Values or derivatives (n, m, ...) in the shape, and as the kind of numbers, that y had."""
        if self.encodings is not None and self.encodings.complex_y is not None:
            return self.encodings.decoded(values)
        return values[:, 0] if self.signature.y_is_vector else values

    def hessian(self, X: ArrayLike) -> Array:
        """Second derivatives by the inputs at `X` (n, d), analytic: (n, d, d), or (n, m, d, d) if y was a matrix.

        Those that jump, at knots and between regions and pieces, are those of one side. Takes some times d^2 as long
        as values do. Raises ValueError for families that other languages can't have, but for simplices, whose are 0.
        """
        inputs = self.as_inputs(X)
        with np.errstate(all="ignore"):
            how = self.beyond
            values = self.evaluate_hessian(inputs) if how is None else how.hessian(self, inputs)
        return self.as_outputs(values)

    def error_estimate(self, X: ArrayLike) -> Array:
        """The error to expect at `X` (n, d), relative to the RMS of y, or to y there if errors are: (n,).

        Some 95 % of errors are smaller, and few are ten times as large. It is read off how the model changes without
        some of the rows it was made of, so it grows away from them; but of a jump where no row is, nothing tells.
        ValueError for a model that `fit` has not made, or has made without such others.
        """
        return self._known_estimate().at(self, self.as_inputs(X))

    def _known_estimate(self) -> ErrorEstimate:
        if self.estimate is None:
            raise ValueError(
                "error_estimate: expected a model that fit has made with others like it, got none of these"
            )
        return self.estimate

    def inside(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Which points of `X` (n, d) have rows of the fit near them, (n,): elsewhere the model extrapolates.

        They are in the box of the rows, and no farther from one of them, of up to 1,000 that are kept, than 1.1 times
        what 99 % of these are from their nearest, in units of the box. For a full grid, and for `approximate`, all of
        the box is inside. Of new points in the box that are drawn as the rows were, some 1 % are not; one with NaN
        never is. It is saved with the model.

        Raises ValueError for a model that was made in another way, or by an earlier version.
        """
        if self.near is None:
            raise ValueError("inside: expected a model made by fit or approximate, got one that knows no rows")
        return self.near.contains(self.as_inputs(X))

    def operations(self, x: Vector) -> Vector:
        """The value, as operations on x; ValueError for a family that has none."""
        able = [name for name, family in FAMILIES.items() if family.operations is not Evaluated.operations]
        raise ValueError(f"expected a model that other languages can have, {', '.join(able)}, got {self.family}")

    def exact_integral(self, low: Array, high: Array) -> Array | None:
        """The integrals (m,) over a box where the family knows them, else None."""
        return None

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        """What it may be, one of some, of inputs `x` (d) that are enclosed on a box: what `evaluate` and
        `evaluate_gradient` compute there. ValueError for a family that has no such bounds."""
        able = [name for name, family in FAMILIES.items() if family.enclosed is not Evaluated.enclosed]
        raise ValueError(f"enclosure: expected a model made of {', '.join(able)} only, got {self.family}")

    def cuts(self) -> list[tuple[int, float]]:
        """Where another law begins along an input: its number and the place."""
        return []

    def repeating(self) -> frozenset[int]:
        """The columns in which it repeats itself, for which nothing is outside."""
        return frozenset()

    def box(self) -> tuple[Array, Array] | None:
        """The lowest and the highest inputs (d,) of the training data, apart from rounding; None if not known."""
        return None

    def program(self) -> Program:
        """The model as a list of operations, of which other languages are written."""
        if self.beyond is None:
            return self._own_program()
        program = Program(self.signature.n_inputs)
        self.beyond.operations(self, program.x)
        return program

    def _own_program(self) -> Program:
        """`program` of what it is in the box."""
        program = Program(self.signature.n_inputs)
        self.operations(program.x)
        return program
