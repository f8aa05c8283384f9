"""The computation graph that a model is: which values are made of which, as the model is gone through.

What a model is made of is told to `Parts` from the inputs on, as a program is for export. A function of one number
belongs to the node that makes that number, or to those that use it; sums and products of more than two numbers are
trees of such of two. So the largest arity is that of the largest part of which nothing is known but its inputs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .graph import Graph

# Products of three numbers or more, up to which a sum has a node for each two factors. More of them are a part of all
# that they have in common: a table of coefficients, of which one can't say that it is made of few parts.
MOST_PRODUCTS = 8
# What falls apart into more sets of inputs than these is one part of all: nobody would look at them.
MOST_PARTS = 40
# Of so many sets of inputs, one in the other or not, it is not asked which are the largest: a quarter of a second.
MOST_SETS = 400
# What coefficients of a product miss a matrix of rank 1 by, relative to the largest: those of a model of rounding, and
# of another in units of its error.
RANK, GROWTH = 1e-12, 10.0
TOKEN = re.compile("\x02(\\d+)\x03")


# Coefficients by the indices of the variables.
Table = dict[tuple[int, ...], float]


@dataclass(frozen=True)
class Value:
    """A function of one number, that of an input or a node: which number, and what the function is called."""

    number: int
    text: str


class Parts:
    """A graph that is being made, of inputs with these names. A value that depends on no input is None.

    error : of the model, relative; terms and differences that are smaller are none of its parts.
    """

    def __init__(self, names: Sequence[str], error: float = 0.0) -> None:
        self.names, self.error = tuple(names), error
        self.inputs = tuple(Value(i, name) for i, name in enumerate(self.names))
        self._nodes: list[tuple[int, ...]] = []
        self._texts: list[str] = []

    def function(self, values: Sequence[Value | None]) -> Value | None:
        """Some function of these values."""
        numbers = sorted({value.number for value in values if value is not None})
        return self._made(numbers, f"f({', '.join(map(self._name, numbers))})") if numbers else None

    def joint(self, values: Sequence[Value | None], combined: Callable[..., Value | None]) -> Value | None:
        """What `combined` makes of them, but one part where each of them is a part of the same numbers."""
        d = len(self.names)
        nodes = [self._nodes[value.number - d] if value is not None and value.number >= d else None for value in values]
        is_one = nodes[0] is not None and len(set(nodes)) == 1
        return values[0] if is_one else combined(values)

    def sum(self, values: Sequence[Value | None]) -> Value | None:
        """Their sum, two numbers at a time."""
        return self._combined(values, lambda a, b: f"{a} - {b[1:]}" if b.startswith("-") else f"{a} + {b}")

    def product(self, values: Sequence[Value | None]) -> Value | None:
        """Their product, two numbers at a time; texts of reciprocals begin with "1/"."""

        def text(a: str, b: str) -> str:
            if a.startswith("1/") and not b.startswith("1/"):
                a, b = b, a
            return f"{a}/{b[2:]}" if b.startswith("1/") else f"{a}*{b}"

        return self._combined(values, text)

    def quotient(self, above: Value | None, below: Value | None) -> Value | None:
        """The one over the other."""
        return self.product([above, None if below is None else power(below, -1.0)])

    def polynomial(
        self, indices: NDArray[np.intp], coefficients: Array, values: Sequence[Value | None], *, in_powers: bool = False
    ) -> Value | None:
        """A sum of products of functions of `values`, one for each row of `indices`, where functions of index 0 are 1.

        in_powers : whether the functions are powers, not only some polynomials.
        """
        is_term = np.abs(coefficients) > self.error * np.abs(coefficients).max(initial=0.0)
        indices, coefficients = indices[is_term], coefficients[is_term]
        used = [j for j in np.flatnonzero(indices.any(axis=0)).tolist() if values[j] is not None]
        own = [value for value in (values[j] for j in used) if value is not None]
        table: Table = {}
        for row, c in zip(indices[:, used].tolist(), coefficients.tolist(), strict=True):
            table[tuple(row)] = table.get(tuple(row), 0.0) + c
        return self._polynomial(table, own, in_powers) if own else None

    def _polynomial(self, table: Table, values: Sequence[Value], in_powers: bool) -> Value:
        """That of the coefficients by their indices, all of `values` used."""
        terms = [{values[j].number for j, a in enumerate(row) if a} for row in table]
        supports = {frozenset(term) for term in terms if term}
        every = frozenset().union(*supports)
        if len(table) == 1 and in_powers:
            return self._monomial(next(iter(table)), values)
        if len(every) <= 2 or len(supports) > MOST_SETS:
            return self._function(every)
        if len(every) == len(values):
            product = self._factored(table, values, lambda row: True, in_powers)
            if product is not None:
                return product
        large = [row for row, term in zip(table, terms, strict=True) if len(term) > 2]
        if len(large) <= MOST_PRODUCTS:
            supports = {support for support in supports if len(support) <= 2}
        else:
            large = []
        largest = [one for one in sorted(supports, key=sorted) if not any(one < other for other in supports)]
        if len(largest) > MOST_PARTS:
            return self._function(every)
        parts: list[Value | None] = [
            self._monomial(row, values)
            if in_powers
            else self.product([self._function([value.number]) for value, a in zip(values, row, strict=True) if a])
            for row in large
        ]
        for support in largest:
            own = {row: table[row] for row, term in zip(table, terms, strict=True) if term and term <= support}
            beside = [other for other in largest if other != support]
            parts.append(self._part(own, values, support, beside, in_powers))
        total = self.sum(parts)
        assert total is not None
        return total

    def _part(
        self,
        own: Table,
        values: Sequence[Value],
        support: frozenset[int],
        others: list[frozenset[int]],
        in_powers: bool,
    ) -> Value:
        """The terms of these inputs, of which those that `others` have as well may be of either."""
        if len(own) == 1 and in_powers:
            return self._monomial(next(iter(own)), values)
        places = [j for j, value in enumerate(values) if value.number in support]
        if 2 < len(support) == len(places):
            narrow = {tuple(row[j] for j in places): c for row, c in own.items()}

            def is_own(row: tuple[int, ...]) -> bool:
                term = {values[j].number for j, a in zip(places, row, strict=True) if a}
                return bool(term) and not any(term <= other for other in others)

            product = self._factored(narrow, [values[j] for j in places], is_own, in_powers)
            if product is not None:
                return product
        return self._function(support)

    def _factored(
        self, table: Table, values: Sequence[Value], is_known: Callable[[tuple[int, ...]], bool], in_powers: bool
    ) -> Value | None:
        """That as a function of one of the values times what is left; None where none is a factor."""
        for j, value in enumerate(values):
            rest = _without_factor(table, j, is_known, self._rank)
            if rest is not None:
                own = self._function([value.number])
                if not any(map(any, rest)):
                    return own
                return self.product([own, self._polynomial(rest, [*values[:j], *values[j + 1 :]], in_powers)])
        return None

    def _function(self, numbers: Iterable[int]) -> Value:
        found = self.function([Value(number, "") for number in numbers])
        assert found is not None
        return found

    def _monomial(self, row: Sequence[int], values: Sequence[Value]) -> Value:
        found = self.product([power(value, a) for value, a in zip(values, row, strict=True) if a])
        assert found is not None
        return found

    def graph(self, outputs: Sequence[Value | None]) -> Graph | None:
        """That of these outputs, in order; None if one of them depends on no input."""
        if any(value is None for value in outputs):
            return None
        d, nodes, texts = len(self.names), list(self._nodes), list(self._texts)
        ends = [value for value in outputs if value is not None]
        uses = Counter(i for node in nodes for i in node) + Counter(value.number for value in ends)
        last = []
        for value in ends:
            k = value.number - d
            if k < 0 or uses[value.number] > 1:
                nodes.append((value.number,))
                texts.append(value.text)
                k = len(nodes) - 1
            else:
                texts[k] = value.text.replace(_token(k), texts[k])
            last.append(k)
        needed, waiting = set(last), list(last)
        while waiting:
            for i in nodes[waiting.pop()]:
                if i >= d and i - d not in needed:
                    needed.add(i - d)
                    waiting.append(i - d)
        order = [k for k in sorted(needed) if k not in last] + last
        place = {k: new for new, k in enumerate(order)}
        return Graph(
            d,
            tuple(tuple(sorted(i if i < d else d + place[i - d] for i in nodes[k])) for k in order),
            len(ends),
            variables=self.names,
            formulas=tuple(TOKEN.sub(lambda match: f"[{place[int(match[1])]}]", texts[k]) for k in order),
        )

    @property
    def _rank(self) -> float:
        """What coefficients of a product may miss a matrix of rank 1 by."""
        return max(RANK, GROWTH * self.error)

    def _name(self, number: int) -> str:
        d = len(self.names)
        return self.names[number] if number < d else _token(number - d)

    def _made(self, numbers: Sequence[int], text: str) -> Value:
        if len(numbers) == 1:
            return Value(numbers[0], text)
        self._nodes.append(tuple(numbers))
        self._texts.append(text)
        return Value(len(self.names) + len(self._nodes) - 1, _token(len(self._nodes) - 1))

    def _combined(self, values: Sequence[Value | None], text: Callable[[str, str], str]) -> Value | None:
        own: dict[int, list[Value]] = {}
        for value in values:
            if value is not None:
                own.setdefault(value.number, []).append(value)
        waiting = [
            some[0] if len(some) == 1 else self._made([number], f"f({self._name(number)})")
            for number, some in own.items()
        ]
        while len(waiting) > 1:
            a, b, *waiting = waiting
            waiting.append(self._made(sorted((a.number, b.number)), text(a.text, b.text)))
        return waiting[0] if waiting else None


def _without_factor(
    table: Table, j: int, is_known: Callable[[tuple[int, ...]], bool], tolerance: float
) -> Table | None:
    """What is left of the sum where a function of variable `j` is a factor of all of it; None where none is.

    The coefficients, by the index of that variable and by those of the others, then are a matrix of rank 1, as far as
    they are known.
    """
    known = {row: c for row, c in table.items() if is_known(row)}
    if not known:
        return None
    pivot = max(known, key=lambda row: abs(known[row]))
    size = abs(known[pivot])

    def at(a: int, rest: tuple[int, ...]) -> float | None:
        row = (*rest[:j], a, *rest[j:])
        return table.get(row, 0.0) if is_known(row) else None

    others = {(*row[:j], *row[j + 1 :]) for row in table}
    top = {rest: c for rest in others if (c := at(pivot[j], rest)) is not None}
    column = {a: at(a, (*pivot[:j], *pivot[j + 1 :])) for a in {row[j] for row in table}}
    for a, below in column.items():
        for rest, above in top.items():
            entry = at(a, rest)
            if entry is not None and below is not None and abs(entry - below / table[pivot] * above) > tolerance * size:
                return None
    return {rest: c for rest, c in top.items() if abs(c) > tolerance * size}


def applied(name: str, value: Value | None) -> Value | None:
    """The function of one variable of this name, of a value."""
    return None if value is None else Value(value.number, f"{name}({value.text})")


def power(value: Value, exponent: float) -> Value:
    """The value to this power, as `Parts.product` takes it."""
    size = value.text if abs(exponent) == 1.0 else f"{value.text}**{abs(exponent):g}"
    return Value(value.number, f"1/{size}" if exponent < 0.0 else size)


def times(value: Value, factor: float) -> Value:
    """The value times a number, as `Parts.sum` takes it."""
    size = value.text if abs(factor) == 1.0 else f"{abs(factor):g}*{value.text}"
    return Value(value.number, f"-{size}" if factor < 0.0 else size)


def _token(node: int) -> str:
    """A node in a text; names of columns may look like anything else."""
    return f"\x02{node}\x03"
