"""What every model family is: something that maps X to y, knows its gradient, and can be saved."""

from __future__ import annotations

import os
import sys
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._version import __version__
from ..arrays import Array, Samples, as_encoded, as_matrix
from ..columns import Columns, as_columns
from ..coverage import Near
from ..encodings import Encodings
from ..export import Program, Vector, fmu
from ..export.jets import jets_of
from ..export.program import at_least_away, spread
from ..export.source import source
from ..figures import notebook
from ..files import replacing
from ..networks.graph import Graph
from ..networks.parts import Parts, Value
from ..report import FitReport
from . import archive, arithmetic, calculus
from .beyond import Beyond, Outside
from .families import FAMILIES

# Letters of the names of columns that a notebook shows.
MOST_LETTERS = 200
# Numbers that second derivatives are kept in at once, 64 MB: the less, the oftener Python goes through the operations.
NUMBERS_AT_ONCE = 1 << 23
# What the head of a file says of points outside of the box.
ABOUT_OUTSIDE = {
    "error": "Outside of the box y is NaN.",
    "nan": "Outside of the box y is NaN.",
    "linear": "Outside of the box, or a little farther out, y goes on linearly.",
    "nearest": "Outside of the box y is that of its nearest point.",
}


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


@dataclass(frozen=True)
class ErrorEstimate:
    """What tells how exact a model is at a point: `others`, models like it, each made without some of the rows.

    The error at x is about `factor` times the root of the sum over them of (f_g(x) - f(x))^2, and at least `least`;
    both are relative to `unit` (m,), the RMS of each output, or to |f(x)| if `is_relative`. Where no row is near it is
    at least `away`. Where the model goes on otherwise than by itself, what it would be by itself is one of the others.
    """

    others: tuple[Model, ...]
    unit: Array
    factor: float
    least: float
    away: float = 0.0
    is_relative: bool = False

    def at(self, model: Model, X: Array) -> Array:
        """Of `model` at `X` (n, d), the RMS over its outputs: (n,). Infinite where one of the models has no value."""
        with np.errstate(all="ignore"):
            how, models = model.beyond, (model, *self.others)
            if how is None:
                own, *others = (one.evaluate(X) for one in models)
            else:
                own, *others = (how.values(one, X, quietly=True) for one in models)
                others += [model.evaluate(X)] * how.bends
            unit = np.abs(own) if self.is_relative else self.unit
            square = sum(np.mean(((values - own) / unit) ** 2, axis=1) for values in others)
            undecided = np.sqrt(np.mean((model.undecided(X) / unit) ** 2, axis=1))
            error = np.maximum(np.maximum(self.factor * np.sqrt(square), undecided), self.least)
        if self.away > 0.0 and model.near is not None:
            error = np.where(model.near.contains(X), error, np.maximum(error, self.away))
        return np.where(np.isfinite(error), error, np.inf)

    def operations(self, model: Model, x: Vector) -> Vector:
        """`at` of `model`, as operations on x; ValueError where the model or another has none."""
        how, models = model.beyond, (model, *self.others)
        if how is None:
            values = [one.operations(x) for one in models]
        else:
            values = [how.operations(one, x) for one in models] + [model.operations(x)] * how.bends
        error = spread(values, self.unit, self.factor, self.least, self.is_relative)
        return at_least_away(error, x, self.away, model.near) if self.away > 0.0 and model.near is not None else error


class Family(ABCMeta):
    """What the classes of models are: scripts that know `RBF.fit`, now `pml_native.fit_rbf`, go on working."""

    family: str

    @property
    def fit(cls) -> Callable[..., Model]:
        """The door of this family, if it has one; a model, which knows of no search, has none itself."""
        package, name = __name__.partition(".")[0], f"fit_{cls.family}"
        door: Callable[..., Model] = getattr(sys.modules[package], name)
        warnings.warn(f"{cls.__name__}.fit has been renamed: {package}.{name}", DeprecationWarning, stacklevel=2)
        return door


class Model(metaclass=Family):
    """A fitted family.

    A family gives `family`, `n_params`, `evaluate`, `evaluate_gradient`, `state` and `from_state`; calling, shapes,
    column names and files are the same for all.
    """

    family: ClassVar[str]
    n_threads: int | None = None  # all cores
    estimate: ErrorEstimate | None = None  # of a model that `fit` has made
    near: Near | None = None  # what `inside` asks, of models that `fit` has returned
    encodings: Encodings | None = None  # of a model of dates, categories or complex y
    beyond: Beyond | None = None  # how it goes on outside of the box, of models that have been told

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "family" in cls.__dict__:
            FAMILIES[cls.family] = cls

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
    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What `from_state` needs: JSON values, and arrays."""

    @classmethod
    @abstractmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Model:
        """The model that gave this state."""

    def use_threads(self, n_threads: int | None) -> None:
        """Makes it and the models it is made of evaluate on so many threads, all cores for None."""
        self.n_threads = n_threads
        for other in () if self.estimate is None else self.estimate.others:
            other.use_threads(n_threads)
        for value in vars(self).values():
            for part in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(part, Model):
                    part.use_threads(n_threads)

    @overload
    def __call__(self, X: Model) -> Model: ...

    @overload
    def __call__(self, X: ArrayLike) -> Array: ...

    def __call__(self, X: ArrayLike | Model) -> Array | Model:
        """Values at `X` (n, d): (n,) if y was a vector, else (n, m). NaN in a row of X gives NaN there.

        A data frame whose columns have the names of the training data is taken in their order. Dates and categories
        are taken where the training data had some; values are complex where y was. Of another model, whose outputs are
        the inputs of this one, it is the model of both, `f(g)(X)` = f(g(X)).
        """
        if isinstance(X, Model):
            whole: Model = arithmetic.composed(self, X)
            return whole
        inputs = self.as_inputs(X)
        values = self.evaluate(inputs) if self.beyond is None else self.beyond.values(self, inputs)
        return self.as_outputs(values)

    def extended(self, X: ArrayLike) -> tuple[Array, Array]:
        """Values at `X` (n, d) in double-double, high and low: each (n,) if y was a vector, else (n, m).

        The value is the unevaluated sum high + low, about 32 digits where the family has an evaluation in
        double-double (networks and sums of them do; low is 0 elsewhere), and high is that value rounded to float64. So
        `model(X) - high` is what evaluation in float64 costs, apart from how well the model fits.
        """
        inputs = self.as_inputs(X)
        high, low = self.evaluate_extended(inputs) if self.beyond is None else self.beyond.extended(self, inputs)
        return self.as_outputs(high), self.as_outputs(low)

    def __add__(self, other: Model | float) -> Model:
        """The sum, or difference, product, quotient, of two models of the same inputs, or of a model and a number, is a
        model: output by output, with files, exports and derivatives like any, in the box that both know."""
        return self._combined(other, "+", lambda: float(other))  # type: ignore[arg-type]

    def __sub__(self, other: Model | float) -> Model:
        return self._combined(other, "-", lambda: -float(other))  # type: ignore[arg-type]

    def __mul__(self, other: Model | float) -> Model:
        return self._combined(other, "*", lambda: float(other))  # type: ignore[arg-type]

    def __truediv__(self, other: Model | float) -> Model:
        return self._combined(other, "/", lambda: 1.0 / float(other))  # type: ignore[arg-type]

    def __rtruediv__(self, other: float) -> Model:
        whole: Model = arithmetic.with_number(self, float(other), "/") if _is_number(other) else NotImplemented
        return whole

    def _combined(self, other: Model | float, how: str, number: Callable[[], float]) -> Model:
        """Itself and another model, or a number, which is then added or multiplied as `number`."""
        whole: Model = NotImplemented
        if isinstance(other, Model):
            whole = arithmetic.combined(self, other, how)
        elif _is_number(other):
            whole = arithmetic.with_number(self, number(), "+" if how in "+-" else "*")
        return whole

    def __neg__(self) -> Model:
        return self * -1.0

    def __rsub__(self, other: float) -> Model:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__
    __array_ufunc__ = None  # NumPy's numbers leave arithmetic to the model

    def inverse(self, column: int | str) -> Model:
        """The model of an input, by name or number, as a function of y, which takes its place, and of the other inputs.

        Newton's method within the box; NaN where no value of the input in the box gives y. Raises ValueError for a
        model of several outputs, one that knows no box, and one that does not rise, or fall, with the input in all of
        it, as some thousand points tell.
        """
        whole: Model = arithmetic.inverse(self, column)
        return whole

    def integral(self, bounds: ArrayLike | None = None, *, tolerance: float = 1e-12) -> Any:
        """The integral over a box, `bounds` (d, 2), or (low, high) for one input; of the rows, if left out.

        A number if y was a vector, else (m,). Exact to rounding for polynomials, splines in their axes, pieces along
        one input, and sums of these; else by adaptive quadrature (`scipy.integrate.cubature`) to `tolerance` of the
        integral of |y|, with a `PrecisionWarning` where that takes too long, as it may from four inputs on.
        """
        low, high = self._bounds(bounds)
        found = calculus.integral(self, low, high, tolerance)
        return float(found[0]) if self.signature.y_is_vector else found

    def roots(self, y: float = 0.0, bounds: ArrayLike | None = None) -> Array:
        """All x, ascending, between `bounds` (low, high), the box if left out, where a model of one input is `y`.

        A double root may be there twice, as rounding makes two of it. Raises ValueError for a model of several inputs,
        or outputs.
        """
        low, high = self._one_input("roots", bounds)
        return calculus.roots(lambda x: self._at(x) - y, self._slope_at, low, high)

    def extrema(self, bounds: ArrayLike | None = None) -> tuple[Array, Array]:
        """All x between `bounds` where the derivative of a model of one input is 0 or changes its sign, and y there."""
        low, high = self._one_input("extrema", bounds)
        bend = lambda x: self.evaluate_hessian(x[:, None])[:, 0, 0, 0]  # noqa: E731
        x = calculus.roots(self._slope_at, bend, low, high, jumps=True)
        return x, self._at(x)

    def minimum(self, bounds: ArrayLike | None = None) -> tuple[float, float]:
        """Where a model of one input is least between `bounds`, ends included, and y there."""
        low, high = self._one_input("minimum", bounds)
        x = np.concatenate([[low, high], self.extrema(bounds)[0]])
        y = self._at(x)
        least = int(np.nanargmin(y))
        return float(x[least]), float(y[least])

    def maximum(self, bounds: ArrayLike | None = None) -> tuple[float, float]:
        """Where a model of one input is largest between `bounds`, ends included, and y there."""
        low, high = self._one_input("maximum", bounds)
        x = np.concatenate([[low, high], self.extrema(bounds)[0]])
        y = self._at(x)
        largest = int(np.nanargmax(y))
        return float(x[largest]), float(y[largest])

    def _at(self, x: Array) -> Array:
        return np.asarray(self(x[:, None])).reshape(len(x))

    def _slope_at(self, x: Array) -> Array:
        return self.gradient(x[:, None]).reshape(len(x))

    def _one_input(self, what: str, bounds: ArrayLike | None) -> tuple[float, float]:
        """The bounds of a model of one input and one output."""
        if (self.signature.n_inputs, self.signature.n_outputs) != (1, 1):
            raise ValueError(
                f"{what}: expected a model of 1 input and 1 output, got "
                f"{self.signature.n_inputs} and {self.signature.n_outputs}"
            )
        low, high = self._bounds(bounds)
        return float(low[0]), float(high[0])

    def _bounds(self, bounds: ArrayLike | None) -> tuple[Array, Array]:
        """Bounds as the lowest and the highest inputs (d,)."""
        if bounds is None:
            return self.known_box()
        d = self.signature.n_inputs
        given = np.asarray(bounds, dtype=np.float64)
        pairs = given[None] if given.shape == (2,) and d == 1 else given
        if pairs.shape != (d, 2) or not np.all(pairs[:, 0] < pairs[:, 1]) or not np.isfinite(pairs).all():
            raise ValueError(f"bounds: expected ({d}, 2), finite numbers, the lower first, got {given.tolist()}")
        return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])

    def exact_integral(self, low: Array, high: Array) -> Array | None:
        """The integrals (m,) over a box where the family knows them, else None."""
        return None

    def value_and_gradient(self, X: ArrayLike) -> tuple[Array, Array]:
        """Values and derivatives at `X` (n, d), as calling the model and `gradient` give them."""
        return self(X), self.gradient(X)

    def predict(self, X: ArrayLike) -> Array:
        """The same as calling the model."""
        return self(X)

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

    def description(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The whole model as JSON values and arrays: family, signature, state, report, and what is near its rows."""
        values, arrays = self.state()
        signature = {
            "n_inputs": self.signature.n_inputs,
            "n_outputs": self.signature.n_outputs,
            "y_is_vector": self.signature.y_is_vector,
            "input_names": self.signature.input_names,
            "output_names": self.signature.output_names,
        }
        report = None if self.report is None else self.report.to_dict()
        description = {"family": self.family, "signature": signature, "values": values, "report": report}
        if self.estimate is not None:
            description["estimate"], own = _described(self.estimate)
            arrays = {**arrays, **own}
        if self.beyond is not None:
            description["outside"], box = self.beyond.state()
            arrays = {**arrays, **{f"outside/{name}": array for name, array in box.items()}}
        if self.near is not None:
            description["near"], rows = self.near.state()
            arrays = {**arrays, **{f"near/{name}": array for name, array in rows.items()}}
        if self.encodings is not None:
            description["encodings"] = self.encodings.state()
        return description, arrays

    def _repr_html_(self) -> str:
        """What a notebook shows: inputs, outputs and errors."""
        signature = self.signature
        facts = [
            ("inputs", ", ".join(signature.input_names or (f"x{j}" for j in range(signature.n_inputs)))),
            ("outputs", ", ".join(signature.output_names or (f"y{k}" for k in range(signature.n_outputs)))),
            ("parameters", f"{self.n_params:,}"),
        ]
        known = [] if self.report is None else self.report.facts()
        what = "" if self.report is None else f": {self.report.description}"
        return notebook.card(f"{self.family}{what}", [(name, _short(fact)) for name, fact in facts] + known)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to one file, which `pml_native.load` reads. No pickle inside; never half a file."""
        archive.write(path, *self.description())

    def operations(self, x: Vector) -> Vector:
        """The value, as operations on x; ValueError for a family that has none."""
        able = [name for name, family in FAMILIES.items() if family.operations is not Model.operations]
        raise ValueError(f"expected a model that other languages can have, {', '.join(able)}, got {self.family}")

    def repeating(self) -> frozenset[int]:
        """The columns in which it repeats itself, for which nothing is outside."""
        return frozenset()

    def box(self) -> tuple[Array, Array] | None:
        """The lowest and the highest inputs (d,) of the training data, apart from rounding; None if not known."""
        return None

    def to_c(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as one C99 file that needs <math.h> only; also written to `path`, if one is given.

            void model(const double *x, double *y);            x (d,), y (m,)
            void model_gradient(const double *x, double *dy);  dy (m, d)
            double model_error(const double *x);               if `error_estimate`, what the method of that name gives

        `name` is that of the functions. They keep no state, so any number of threads may call them, and take some
        memory of the stack. NaN in x gives NaN; so does x outside the grid of a spline that raises ValueError here.
        What they write must not overlap x: compilers count on that.

        Values agree with the model's to 0.5 to 11 ulp of the largest |y| for networks, 8 for splines and 1 for
        polynomials, derivatives to 8, 110 and 1 ulp of the largest, where sums on the way are of the size of y. Where
        they cancel, it is what evaluation in float64 costs the model, eps times the largest of them. That is so for
        sums of stages too (`Boosted`), which are evaluated in double-double here. Compiled without fused multiply-adds
        (gcc -std=c99, or -ffp-contract=off), networks and polynomials have the bits of the core's baseline.

        The estimate of the error takes about as long as five or six values, and as many numbers in the file.

        Raises ValueError for families that C can't have (nearest neighbours, simplices) and activations of your own,
        and for an `error_estimate` of a model that knows none.
        """
        return self._written("c", path, name, error_estimate)

    def to_fortran(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as a module of Fortran 2008, also written to `path`, if one is given.

            use model_module, only: model, model_gradient, model_error
            call model(x, y)             ! real64: y(m) of x(d)
            call model_gradient(x, dy)   ! dy(d, m): the derivative of y(k) by x(j) is dy(j, k)

        What `to_c` says of names, threads, agreement and errors holds here too.
        """
        return self._written("fortran", path, name, error_estimate)

    def to_javascript(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as a module of JavaScript (ECMAScript 2015), also written to `path`, if one is given.

            import {model, model_gradient, model_error} from "./model.mjs";
            model([1.0, 2.0])           // a number if y was a vector, else a Float64Array (m)
            model_gradient([1.0, 2.0])  // a Float64Array (m d): the derivative of y[k] by x[j] is at d * k + j

        A RangeError for other than d numbers; else as `to_c`.
        """
        return self._written("javascript", path, name, error_estimate)

    def to_julia(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as a module of Julia (1.6 or newer), also written to `path`, if one is given.

            include("model.jl"); using .model_module
            model([1.0, 2.0])           # a number if y was a vector, else a Vector (m)
            model_gradient([1.0, 2.0])  # a Vector (d), or a Matrix (m, d)

        A DimensionMismatch for other than d numbers; else as `to_c`.
        """
        return self._written("julia", path, name, error_estimate)

    def to_rust(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as a file of safe Rust (2021) that needs the standard library, also written to `path`, if given.

            mod model;
            model::model(&[1.0, 2.0])           // an f64 if y was a vector, else [f64; m]
            model::model_gradient(&[1.0, 2.0])  // [f64; d], or [[f64; d]; m]

        What `to_c` says of names, threads, agreement and errors holds here too.
        """
        return self._written("rust", path, name, error_estimate)

    def to_numba(self, *, gradient: bool = False, error_estimate: bool = False) -> Any:
        """The model as a function f(x) that compiled code of yours can call (`pip install "pml_native[numba]"`).

        x is one point, an array (d,); f(x) is a float if y was a vector, else an array (m,). With `gradient` f is the
        derivative, (d,) or (m, d), with `error_estimate` what the method of that name gives, a float. Agreement with
        the model and the families that can are as for `to_c`. A model of thousands of numbers takes some time to
        compile, when f is first called.
        """
        from ..export import numba_function

        if gradient and error_estimate:
            raise ValueError("gradient, error_estimate: expected one of them, got both; make a function of each")
        if error_estimate:
            return numba_function.value(self._error_program(), is_number=True)
        make = numba_function.gradient if gradient else numba_function.value
        return make(self.program(), self.signature.y_is_vector)

    def to_jax(self, *, error_estimate: bool = False) -> Any:
        """The model as a function f(x) of jax.numpy arrays, for jit, grad and vmap (`pip install "pml_native[jax]"`).

        x is one point (d,), f(x) a number if y was a vector, else (m,); with `error_estimate` what the method of that
        name gives. It wants float64, which JAX has to be told before all else: jax.config.update("jax_enable_x64",
        True); ValueError otherwise. jax.vmap(f) takes many points. The families that can are those of `to_c`, and
        values agree with the model's as those of C do but for a few more ulp; derivatives are JAX's, of any order.
        """
        from ..export import jax_function

        if error_estimate:
            return jax_function.function(self._error_program(), is_number=True)
        return jax_function.function(self.program(), self.signature.y_is_vector)

    def to_onnx(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The model as an ONNX graph, x (n, d) -> y (n, m) in float64; also written to `path`, if one is given.

        Networks, sums of them (`Boosted`) and such in other coordinates (`Transformed`) can; ValueError for others,
        ImportError without onnx (`pip install "pml_native[onnx]"`). How exact it is lies with the runtime: some
        evaluate tanh in float64 to fewer digits. Outside of the box the graph goes on as the network does, whatever
        `outside` says.
        """
        from ..export import onnx_graph

        made = onnx_graph.model(self._own_program(), self._about(), "pml_native", __version__)
        if path is not None:
            with replacing(path) as file:
                file.write(made.SerializeToString())
        return made

    def to_fmu(self, path: str | os.PathLike[str], *, name: str = "model", compiler: str | None = None) -> list[str]:
        """The model as a functional mock-up unit at `path`: a block that Simulink, Modelica's tools and FMPy take in.

        It is a unit for co-simulation of FMI 2.0, with an input for each column of X, an output for each of y, and
        directional derivatives. Outputs follow inputs at once. In it are the C of `to_c` and what `compiler` makes of
        that for this machine: a command, $CC or cc by default. Returns the platforms compiled for, such as ["linux64"];
        without a compiler it is [], and whoever imports the unit compiles its sources. Inputs start in the middle of
        the box of the rows.

        Raises ValueError as `to_c` does, for names that are equal or no identifier, and for a `compiler` that can't be
        used.
        """
        signature = self.signature
        inputs = signature.input_names or tuple(f"x{j}" for j in range(signature.n_inputs))
        outputs = signature.output_names or tuple(f"y{k}" for k in range(signature.n_outputs))
        return fmu.write(path, name, self.to_c(name=fmu.FUNCTION), inputs, outputs, self.box(), __version__, compiler)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        """Its outputs as values of `parts`, made of those of its inputs `x`; a family that knows no better has one part
        of all inputs for each."""
        return [parts.function(x) for _ in range(self.signature.n_outputs)]

    def graph(self) -> Graph:
        """What the model is made of, as a computation graph: its parts, which inputs and parts each depends on.

        Sums and products are made two at a time; what is left are parts such as a polynomial of three variables, of
        which the model knows nothing but that. `graph.largest_arity` is the paper's d*, and `ModularMLP(graph, ...)` a
        network along it. Raises ValueError for a model that depends on no input.
        """
        names = self.signature.input_names or tuple(f"x{j}" for j in range(self.signature.n_inputs))
        parts = Parts(names, 0.0 if self.report is None else min(self.report.error, 1.0))
        graph = parts.graph(self.made_of(parts, parts.inputs))
        if graph is None:
            raise ValueError("graph: expected a model that depends on its inputs, got a constant")
        return graph

    def formula(self) -> Any:
        """The model as a formula of few terms, a SymPy expression in the names of the columns (x0, x1, ... without).

        Of more than one output, or of y (n, 1), it is a tuple of them. Numbers that are fractions, their roots, or
        these times a power of pi are recognised as far as the model carries the digits; others stay float64 numbers.
        On the box of the rows the formula is as good as the model, whose error is `report.error`; it is valid where
        inputs have the signs that they have there. `str`, `sympy.latex` and `sympy.diff` go on from it.

        Takes up to some seconds, the longer the more terms the model has. Raises ValueError for a model that is no such
        formula, knows no box, or has an error above 0.01; ImportError without SymPy
        (`pip install "pml_native[formula]"`).
        """
        from ..formulas import formulas_of

        found = formulas_of(self)
        return found[0] if self.signature.y_is_vector else found

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

    def _written(self, language: str, path: str | os.PathLike[str] | None, name: str, error_estimate: bool) -> str:
        """The model as a file of another language; also written to `path`, if one is given."""
        error = self._error_program() if error_estimate else None
        text = source(language, self.program(), name, self._about(), self.signature.y_is_vector, error)
        if path is not None:
            with replacing(path) as file:
                file.write(text.encode())
        return text

    def _error_program(self) -> Program:
        """The estimate of its error as a list of operations."""
        program = Program(self.signature.n_inputs, name="error_")
        self._known_estimate().operations(self, program.x)
        return program

    def _about(self) -> list[str]:
        """What heads a file: the model, its columns, its errors, and where it holds."""
        signature = self.signature
        lines = [f"{self!r}, family {self.family}, written by pml_native {__version__}.", ""]
        for count, what, names in (
            (signature.n_inputs, "inputs x", signature.input_names),
            (signature.n_outputs, "outputs y", signature.output_names),
        ):
            lines.append(f"{count} {what}" + ("" if names is None else f": {', '.join(names)}"))
        if self.encodings is not None:
            lines += self.encodings.sentences(signature.input_names)
        if self.report is not None:
            lines.append(f"Relative RMSE to expect over the box: {self.report.error:.1e}")
            lines.append(f"Relative RMSE on held-out rows: {self.report.validation_rmse:.2e}")
        box = self.box()
        lines.append("Box of the training data: " + ("not known" if box is None else ""))
        if box is not None:
            lines += [f"  x[{j}] in [{low:.17g}, {high:.17g}]" for j, (low, high) in enumerate(zip(*box, strict=True))]
        if self.outside in ABOUT_OUTSIDE:
            lines.append(ABOUT_OUTSIDE[self.outside])
        return lines


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _short(names: str) -> str:
    """Of hundreds of names the first ones."""
    return names if len(names) <= MOST_LETTERS else names[:MOST_LETTERS] + "..."


def _described(estimate: ErrorEstimate) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """An estimate as JSON values and arrays: those of the k-th model begin with "estimate/k/"."""
    others, arrays = [], {"estimate/unit": estimate.unit}
    for k, other in enumerate(estimate.others):
        description, own = other.description()
        others.append(description)
        arrays.update({f"estimate/{k}/{name}": array for name, array in own.items()})
    values = {name: getattr(estimate, name) for name in ("factor", "least", "away", "is_relative")}
    return {"others": others, **values}, arrays
