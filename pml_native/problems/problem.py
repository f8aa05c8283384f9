"""What every target is: a function of some variables in a box, which can be called and sampled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, as_matrix
from .samplers import SAMPLERS, uniform

# Share of each dimension's width that test points come from: at the hull, simplices are long and thin.
TEST_SHARE = 0.8


class Problem(ABC):
    """y = f(x) for x in the box `bounds`. `name` is what `problems.get` finds it by, `formula` says what it is."""

    name: str
    formula: str
    bounds: tuple[tuple[float, float], ...]

    @property
    def n_inputs(self) -> int:
        return len(self.bounds)

    @abstractmethod
    def __call__(self, X: ArrayLike) -> Array:
        """Values (n,) at `X` (n, d)."""

    def sample(
        self, n: int, rng: int | np.random.Generator | None = None, sampler: str = "uniform"
    ) -> tuple[Array, Array]:
        """`n` points X (n, d) in the bounds, and their values y (n,). `rng` is a generator or a seed.

        sampler : "uniform"; "arcsine", denser at the edges; "sobol", evenly spread; "grid", all points of an
            equidistant grid with as near to `n` points as the same number on each axis allows: len(X) says how many.
        """
        if n < 0:
            raise ValueError(f"n: expected an integer >= 0, got {n}")
        if sampler not in SAMPLERS:
            raise ValueError(f"sampler: expected one of {', '.join(SAMPLERS)}, got {sampler!r}")
        X = SAMPLERS[sampler](n, self.bounds, np.random.default_rng(rng))
        return X, self(X)

    def test_box(self, n: int, rng: int | np.random.Generator | None = None) -> tuple[Array, Array]:
        """`n` points X (n, d), uniform in the box of 80 % of each width about the middle, and y (n,): the paper's."""
        if n < 0:
            raise ValueError(f"n: expected an integer >= 0, got {n}")
        margin = 0.5 * (1.0 - TEST_SHARE)
        inner = [(low + margin * (high - low), high - margin * (high - low)) for low, high in self.bounds]
        X = uniform(n, inner, np.random.default_rng(rng))
        return X, self(X)


@dataclass(frozen=True)
class FunctionProblem(Problem):
    """A problem of your own: `function` maps X (n, d) to y (n,)."""

    name: str
    formula: str
    bounds: tuple[tuple[float, float], ...]
    function: Callable[[Array], Array]

    def __call__(self, X: ArrayLike) -> Array:
        return self.function(as_matrix(X, "X", n_columns=self.n_inputs))
