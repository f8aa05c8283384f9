"""What is known of y beforehand, for `fit(X, y, known=[...])`: symmetries, values, limits, bounds, a base.

    pml.fit(X, y, known=[pml.known.exchange(["r1", "r2"]), pml.known.limit("r", power=-6)])

Columns are given by name or by number. Each of these is a small frozen object; `fit` says in its report what became of
it: whether the model keeps it by construction, whether it is proved over the box, or holds at so many points.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "antisymmetric",
    "base",
    "bounds",
    "exchange",
    "identical",
    "limit",
    "monotone",
    "nonnegative",
    "periodic",
    "permutations",
    "symmetric",
    "value",
]

Column = int | str
# Values of columns: of some by name or number, or of all in their order.
Values = Mapping[Column, float] | Sequence[float]


@dataclass(frozen=True)
class Parity:
    """y(..., c + t, ...) = `sign` y(..., c - t, ...) in a column, about c."""

    column: Column
    about: float
    sign: int


@dataclass(frozen=True)
class Permutations:
    """y is the same for permuted columns: for each of `swaps`, what takes the place of which column."""

    swaps: tuple[tuple[tuple[Column, Column], ...], ...]
    described: str


@dataclass(frozen=True)
class Value:
    """y, and derivatives of it, at a point."""

    at: Values
    y: Any
    slope: Any


@dataclass(frozen=True)
class Limit:
    """y ~ x^power (c + c' x^-step + ...), with c that depend on the other columns, where a column is large."""

    column: Column
    power: float
    step: float


@dataclass(frozen=True)
class Bounds:
    """low <= y <= high, of one output or of all."""

    low: float
    high: float
    output: Column | None


@dataclass(frozen=True)
class Monotone:
    """y never falls where a column rises, or never rises; of one output or of all."""

    column: Column
    increasing: bool
    output: Column | None


@dataclass(frozen=True)
class Periodic:
    """y repeats itself in a column."""

    column: Column
    period: Any


@dataclass(frozen=True)
class Base:
    """y is a function that is known, plus or times what is to be found."""

    function: Any
    how: Literal["add", "multiply"]
    gradient: Callable[[Any], Any] | None


Known = Parity | Permutations | Value | Limit | Bounds | Monotone | Periodic | Base


def symmetric(column: Column, about: float = 0.0) -> Parity:
    """y(about - t) = y(about + t) in this column: an even function. Kept by construction."""
    return Parity(column, float(about), 1)


def antisymmetric(column: Column, about: float = 0.0) -> Parity:
    """y(about - t) = -y(about + t) in this column: an odd function, 0 at `about`. Kept by construction."""
    return Parity(column, float(about), -1)


def exchange(columns: Sequence[Column] | Sequence[Sequence[Column]]) -> Permutations:
    """y is the same if any two of the columns change places, as of identical atoms: `exchange(["r1", "r2", "r3"])`.

    Or any two of some groups of as many columns each: `exchange([["x1", "y1"], ["x2", "y2"]])`. Kept by construction,
    to the last bit. ValueError for fewer than two, and groups of different sizes.
    """
    groups = [[one] if isinstance(one, (int, str)) else list(one) for one in columns]
    if len(groups) < 2 or len({len(group) for group in groups}) > 1 or not groups[0]:
        raise ValueError(f"exchange: expected at least two columns, or groups of as many columns each, got {columns!r}")
    swaps = tuple(
        tuple((a, b) for one, other in zip(*pair, strict=True) for a, b in ((one, other), (other, one)))
        for pair in itertools.pairwise(groups)
    )
    named = ", ".join(str(group[0]) if len(group) == 1 else f"({', '.join(map(str, group))})" for group in groups)
    return Permutations(swaps, f"the same under exchange of {named}")


def permutations(maps: Sequence[Mapping[Column, Column]]) -> Permutations:
    """y is the same for permuted columns: of each of `maps`, {"a": "b", "b": "a"} says that b takes the place of a.

    All permutations that these make together are kept, by construction and to the last bit. ValueError for what is no
    permutation: each column that is taken has to be replaced.
    """
    if not maps or not all(isinstance(one, Mapping) and one and set(one) == set(one.values()) for one in maps):
        raise ValueError(f"permutations: expected mappings of columns to the same columns, got {maps!r}")
    named = "; ".join(", ".join(f"{a} <- {b}" for a, b in one.items() if a != b) for one in maps)
    return Permutations(tuple(tuple(one.items()) for one in maps), f"the same for permuted columns ({named})")


def identical(atoms: Sequence[Any], distances: Mapping[Column, tuple[Any, Any]]) -> Permutations:
    """y is the same if identical `atoms` change places, X having `distances` between pairs of atoms as columns.

    `identical([1, 2, 3], {"r12": (1, 2), "r13": (1, 3), "r23": (2, 3)})`; columns that are no distances, and atoms that
    are not named, stay. Kept by construction, to the last bit. ValueError where a distance has no image among columns.
    """
    column = {frozenset(pair): name for name, pair in distances.items()}
    if len(set(atoms)) < 2 or len(column) < len(distances):
        raise ValueError(f"identical: expected at least two atoms and other pairs for each column, got {distances!r}")
    swaps = []
    for one, other in itertools.pairwise(atoms):
        there = {one: other, other: one}
        swap = []
        for pair, name in column.items():
            image = frozenset(there.get(atom, atom) for atom in pair)
            if image not in column:
                raise ValueError(f"identical: expected a column for the distance of {tuple(image)}, got none")
            swap.append((name, column[image]))
        swaps.append(tuple(swap))
    return Permutations(tuple(swaps), f"the same under exchange of the atoms {', '.join(map(str, atoms))}")


def value(at: Values, y: Any = None, *, slope: Any = None) -> Value:
    """y at a point, and derivatives there, if known: `value({"x0": 1.0, "x1": 0.0}, 2.0, slope={"x0": 0.0})`.

    at : a number for each column, in their order or by name or number.
    y : a number, or one for each output; None where only derivatives are known.
    slope : derivatives of y, by the columns they are by, or of all in their order, NaN where unknown; of one output.

    Met to rounding: the model is moved by a smooth polynomial, of as low a degree as will do.
    """
    if y is None and slope is None:
        raise ValueError("value: expected y, or derivatives of it, got neither")
    return Value(at, y, slope)


def limit(column: Column, power: float, *, step: float = 1.0) -> Limit:
    """y ~ c x^power far out in a column, which is positive; c may depend on the others: `limit("r", power=-6)`.

    step : the next powers are lower by this: 2 for y = c / r^6 + c' / r^8 + ..., which then says more of what is beyond
        the rows.

    Kept by construction: what is fitted is y x^-power, as a function of x^-step.
    """
    return Limit(column, float(power), float(step))


def bounds(low: float | None = None, high: float | None = None, output: Column | None = None) -> Bounds:
    """low <= y <= high, of all outputs or of one, by name or number.

    Proved over the box, or else kept by construction: where the model would go beyond, its value is the bound.
    """
    least, most = -float("inf") if low is None else float(low), float("inf") if high is None else float(high)
    if not least < most or (low is None and high is None):
        raise ValueError(f"bounds: expected low < high, one of them at least, got {low!r} and {high!r}")
    return Bounds(least, most, output)


def nonnegative(output: Column | None = None) -> Bounds:
    """y >= 0: `bounds(low=0.0)`."""
    return bounds(low=0.0, output=output)


def monotone(column: Column, increasing: bool = True, output: Column | None = None) -> Monotone:
    """y never falls where a column rises, or, not `increasing`, never rises.

    Checked: proved over the box where the family has proved bounds, else looked at; the report says where it is not so.
    """
    return Monotone(column, bool(increasing), output)


def periodic(column: Column, period: Any) -> Periodic:
    """y repeats itself in a column after a period, a number or for dates a duration: as `fit(..., periods=)`."""
    return Periodic(column, period)


def base(
    function: Any, how: Literal["add", "multiply"] = "add", *, gradient: Callable[[Any], Any] | None = None
) -> Base:
    """y = base(x) + correction, or base(x) * correction with "multiply": the correction is fitted.

    function : a model of the same columns, which is saved with the whole, or a function of X (n, d) that gives (n,), or
        (n, m): such a model can't be saved, nor written in other languages.
    gradient : of X (n, d) that gives the derivatives of a function, (n, d); without it these are differences.
    """
    if how not in ("add", "multiply"):
        raise ValueError(f"base: expected how to be add or multiply, got {how!r}")
    if not callable(function):
        raise ValueError(f"base: expected a model or a function, got {function!r}")
    return Base(function, how, gradient)
