"""The parameters of a model that rows may move, and how its values depend on them.

A model of others, y = g(f_1(x_1), ..., f_k(x_k)), says what these are asked and how y changes with them,

    dy/dp = sum_i (dg/df_i) (df_i/dp),

and those at the bottom, sums of terms and networks, have parameters of their own. So least squares for all parameters
of any model are the same few lines, whatever it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .evaluation import Evaluated

M = TypeVar("M", bound=Any)


class AtPart(NamedTuple):
    """What one of the parts is asked for some points: `X` (n, r), and the derivatives `slope` (n, m, k) of the whole by
    the part's k outputs."""

    X: Array
    slope: Array


class Adjustable(Evaluated):
    """What least squares ask of a model. A family that gives none of it has no parameters to be moved."""

    # Whether values depend linearly on all parameters, if they do so on the outputs of parts.
    is_linear: bool = True

    @property
    def adjustable_parts(self) -> tuple[Any, ...]:
        """The models that it is made of and that have parameters, if any."""
        return ()

    def at_parts(self, X: Array) -> list[AtPart]:
        """What each of `adjustable_parts` is asked for `X` (n, d)."""
        return []

    def with_parts(self, parts: Sequence[Any]) -> Any:
        """The same model of other `parts` of the same inputs and outputs."""
        raise ValueError(f"parts: expected a model that is made of others, got {self.family}")

    def own_terms(self) -> NDArray[np.bool_]:
        """Which of the own parameters (p,) are coefficients of terms, which can be left out."""
        return np.zeros(len(self.own_parameters()), dtype=bool)

    def with_own_terms(self, kept: NDArray[np.bool_]) -> Any:
        """The same model with the own parameters that are `kept` (p,), without the others; ValueError for none."""
        raise ValueError(f"terms: expected a model that has some of its own, got {self.family}")

    def copied(self: M) -> M:
        """The same function, as an object of its own."""
        made: M = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def with_rows(self, X: Array, y: Array) -> Any:
        """The interpolant of its own points and of `X` (n, d), `y` (n, m) as well, made in the same way; None for a
        family that goes through no points, or can't go through these. ValueError for points that contradict it."""
        return None

    def cells_at(self, X: Array) -> list[tuple[int, NDArray[np.intp], Array]]:
        """Of a model of many laws, each of one part of the box, the numbers of those that values at `X` (n, d) depend
        on, with the rows of X that do, and the weights of the law there; [] for a family whose parameters count
        everywhere."""
        return []

    def cell(self, number: int) -> Any:
        """The law of that number alone, as a model of the same family."""
        raise ValueError(f"cell: expected a model of cells, got {self.family}")

    def with_cells(self, laws: Mapping[int, Any]) -> Any:
        """The same model with other laws of these numbers."""
        raise ValueError(f"cells: expected a model of cells, got {self.family}")

    def own_parameters(self) -> Array:
        """Parameters (p,) that are those of no part."""
        return np.empty(0)

    def own_degrees(self) -> NDArray[np.intp]:
        """Of each own parameter the degree of its term: high ones are smaller where rows leave a choice."""
        return np.zeros(len(self.own_parameters()), dtype=np.intp)

    def own_jacobian(self, X: Array) -> Array:
        """Derivatives (n, m, p) by the own parameters at `X` (n, d)."""
        return np.empty((len(X), self.signature.n_outputs, 0))

    def with_own_parameters(self, parameters: Array) -> Any:
        """The same model with other `own_parameters`."""
        raise ValueError(f"parameters: expected a model that has some of its own, got {self.family}")


def parameters_of(model: Any) -> Array:
    """All parameters (p,) of `model`: those of its parts, one after the other, or its own."""
    return _of_all(model, lambda one: one.own_parameters())


def degrees_of(model: Any) -> NDArray[np.intp]:
    """Of each of `parameters_of` the degree of its term."""
    return _of_all(model, lambda one: one.own_degrees())


def terms_of(model: Any) -> NDArray[np.bool_]:
    """Which of `parameters_of` are coefficients of terms, which can be left out."""
    return _of_all(model, lambda one: one.own_terms())


def _of_all(model: Any, own: Callable[[Any], NDArray[Any]]) -> NDArray[Any]:
    """What `own` says of the models without parts that `model` is made of, one after the other."""
    parts = model.adjustable_parts
    return np.concatenate([_of_all(part, own) for part in parts]) if parts else own(model)


def kept_terms(model: Any, kept: NDArray[np.bool_]) -> Any:
    """`model` with the parameters that are `kept` (p,) only; ValueError where a sum would have none."""
    parts = model.adjustable_parts
    if kept.all():
        return model
    if parts:
        ends = np.cumsum([len(parameters_of(part)) for part in parts])
        shares = np.split(kept, ends[:-1])
        return known_as(model.with_parts([kept_terms(*one) for one in zip(parts, shares, strict=True)]), model)
    return known_as(model.with_own_terms(kept), model)


def is_linear(model: Any) -> bool:
    """Whether values depend linearly on all parameters."""
    return bool(model.is_linear) and all(map(is_linear, model.adjustable_parts))


def jacobian_of(model: Any, X: Array) -> Array:
    """Derivatives (n, m, p) of the values of `model` by its parameters, at `X` (n, d)."""
    if not model.adjustable_parts:
        own: Array = model.own_jacobian(X)
        return own
    with np.errstate(all="ignore"):
        each = [
            np.matmul(at.slope, jacobian_of(part, at.X))
            for part, at in zip(model.adjustable_parts, model.at_parts(X), strict=True)
        ]
    return np.concatenate(each, axis=2)


def with_parameters(model: Any, parameters: Array) -> Any:
    """`model` with other parameters (p,), and what else it knows."""
    parts = model.adjustable_parts
    if parts:
        ends = np.cumsum([len(parameters_of(part)) for part in parts])
        shares = np.split(parameters, ends[:-1])
        made = model.with_parts([with_parameters(part, own) for part, own in zip(parts, shares, strict=True)])
    elif len(parameters):
        made = model.with_own_parameters(parameters)
    else:
        return model
    return known_as(made, model)


def known_as(made: M, model: Any) -> M:
    """`made` with what `model` knows of its rows and its inputs, and its threads."""
    made.near, made.encodings, made.beyond = model.near, model.encodings, model.beyond
    made.report, made.n_threads = model.report, model.n_threads
    return made
