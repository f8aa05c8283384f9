"""All families of models by name, and what they have in common, for files that the file of `Model` imports."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from numpy.typing import NDArray

from ..arrays import Array
from ..export.program import Vector

# Each joins by being defined, so that models can be made of others from here on.
FAMILIES: dict[str, Any] = {}


def from_above(module: str, name: str) -> Callable[..., Any]:
    """A function of a module above this room, which is imported when it is first asked for.

    It is for methods of models that take least squares or a search: those know models, and models know them by name.
    """
    function: Callable[..., Any] = getattr(import_module(f"{__name__.partition('.')[0]}.{module}"), name)
    return function


class AnyModel(Protocol):
    """A `Model`, as far as it is asked here: see there."""

    signature: Any
    near: Any
    beyond: Any
    encodings: Any

    def evaluate(self, X: Array) -> Array: ...

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]: ...

    def evaluate_gradient(self, X: Array) -> Array: ...

    def evaluate_hessian(self, X: Array) -> Array: ...

    def undecided(self, X: Array) -> Array: ...

    def operations(self, x: Vector) -> Vector: ...

    def enclosed(self, x: Any) -> list[Any]: ...

    def cuts(self) -> list[tuple[int, float]]: ...

    def exact_integral(self, low: Array, high: Array) -> Array | None: ...

    def known_box(self) -> tuple[Array, Array]: ...

    def predict(self, X: Any) -> Array: ...


class KeptModel(AnyModel, Protocol):
    """A `Model` that another one has, and takes along into files."""

    def use_threads(self, n_threads: int | None) -> None: ...

    def description(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]: ...
