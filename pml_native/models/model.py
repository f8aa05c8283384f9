"""What every model family is: something that maps X to y, knows its gradient, and can be saved.

What it answers at points is in `evaluation`, as a function on a box in `analysis`, to other languages in `exports`;
here is what joins these: calling, arithmetic, files.
"""

from __future__ import annotations

import os
import sys
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..figures import notebook
from . import archive, arithmetic
from .adjusting import Adjustable
from .analysis import Analyzed
from .error_estimate import ErrorEstimate
from .exports import Exported
from .families import FAMILIES, from_above
from .pictures import Pictured
from .signature import Signature

__all__ = ["ErrorEstimate", "Model", "Signature"]

# Letters of the names of columns that a notebook shows.
MOST_LETTERS = 200


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


class Model(Adjustable, Analyzed, Exported, Pictured, metaclass=Family):
    """A fitted family.

    A family gives `family`, `n_params`, `evaluate`, `evaluate_gradient`, `state` and `from_state`; calling, shapes,
    column names and files are the same for all.
    """

    def __init_subclass__(cls, has_files: bool = True) -> None:
        super().__init_subclass__()
        if "family" in cls.__dict__ and has_files:
            FAMILIES[cls.family] = cls

    @property
    @abstractmethod
    def n_params(self) -> int:
        """Number of fitted parameters."""

    @property
    def n_params_of_a_value(self) -> int:
        """How many of them one output depends on at a point: its share of all, but for models made of local ones."""
        return self.n_params // self.signature.n_outputs

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

    def value_and_gradient(self, X: ArrayLike) -> tuple[Array, Array]:
        """Values and derivatives at `X` (n, d), as calling the model and `gradient` give them."""
        return self(X), self.gradient(X)

    def predict(self, X: ArrayLike) -> Array:
        """The same as calling the model."""
        return self(X)

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

    def slice(self, at: Mapping[int | str, Any] | None = None, /, **values: Any) -> Model:
        """The model of the other inputs, with some held at values: by name, `slice(T=300.0)`, or `slice({1: 300.0})`.

        It has derivatives, files and exports like any, and what asks for one input: `model.slice(T=300.0).roots(1.0)`.
        Dates and categories are given as they were in the training data. Raises ValueError for what is no input, for
        none or all of them, and for values outside of the box where the model does not extrapolate.
        """
        held: dict[int | str, Any] = {**(at or {})}
        held.update(values)
        whole: Model = arithmetic.sliced(self, self._held(held))
        return whole

    def update(
        self, X_new: ArrayLike, y_new: ArrayLike, X: ArrayLike | None = None, y: ArrayLike | None = None
    ) -> Model:
        """The same form of model that meets the rows `X_new` (k, d), `y_new` (k,) or (k, m) as well; a new model.

        X, y : the rows before, if you have them: what the model knows is then taken at all of them, and errors there
            are measured.

        All parameters are moved by least squares, in one step where values depend linearly on them (polynomials, pieces
        of them, outer layers; of cells those that new rows are in), else from where they are (quotients, products,
        networks). Interpolants go through the new rows: radial functions, simplices, and splines where a grid comes of
        it. The terms, the factors, the widths stay: what is added is no form for what rows tell now.

        A model keeps no y, and no factor of its rows, which would be as large as its square. It needs none: a model is
        what it knows of its rows. Up to 1,000 places of rows that are kept for `inside`, and points drawn near them,
        take part with the model's own values, weighing as much as all rows before: the rank update of its least
        squares, but for the sample.

        `report` says what came of it, by rows that models like it have not seen: its error is that expected over the
        box then, which grows with new rows beyond it, and never falls below what it was; `report.updates` has the
        errors at new and at old rows. Where the form no longer suffices, `report.advice` says so, with a `FitWarning`:
        then fit all rows anew. Where new rows are met to rounding, nothing moves. A model without a report, as
        `fit_polynomial` makes them, gets none.

        Takes a few percent of the time of a fit. Raises ValueError for rows that are none of the model's, and without
        `X` and `y` for a model that knows no box.
        """
        whole: Model = from_above("update", "updated")(self, X_new, y_new, X, y)
        return whole

    def compress(self, tolerance: float, X: ArrayLike | None = None, *, effort: float = 0.1) -> Model:
        """The smallest model found whose values are this one's to `tolerance`, a relative RMSE; a new model.

        X : rows (n, d) at which that holds; left out, it holds over the box of the model.
        effort : that of a fit to the model's own values, which may find another form; 0 leaves terms out only.

        Terms of sums are left out one by one, each time the one that all others can best make up for, in quotients and
        products too; splines get coarser grids, and sums of stages fewer stages. Of all that is found the model of the
        fewest parameters (`n_params`) is returned, if need be this one.

        `report.compression` says what came of it. The error is measured: at the rows that are given; for a polynomial
        whose box takes at most 20,000 nodes by a rule that gives its RMSE over the box exactly; else at 10,000 points
        that had no part in the choice, and it is then at most 0.97 of the tolerance. Errors of `report` grow by that.
        `error_estimate` is lost: the models that tell of it would be as large as before.

        Raises ValueError for a tolerance that is not between 0 and 1, and without `X` for a model that knows no box.
        """
        whole: Model = from_above("compress", "compressed")(self, tolerance, X, effort)
        return whole

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
