"""The computation graph that a model is: which values are made of which, as the model is gone through.

What a model is made of is told to `Parts` from the inputs on, as a program is for export. A function of one number
belongs to the node that makes that number, or to those that use it; sums and products of more than two numbers are
trees of such of two. So the largest arity is that of the largest part of which nothing is known but its inputs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .graph import Graph

# Products of three numbers or more, up to which a sum has a node for each two factors. More of them are a part of all
# that they have in common: a table of coefficients, of which one can't say that it is made of few parts.
MOST_PRODUCTS = 8
TOKEN = re.compile("\x02(\\d+)\x03")


@dataclass(frozen=True)
class Value:
    """A function of one number, that of an input or a node: which number, and what the function is called."""

    number: int
    text: str


class Parts:
    """A graph that is being made, of inputs with these names. A value that depends on no input is None."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
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

    def polynomial(self, indices: NDArray[np.intp], values: Sequence[Value | None], *, in_powers: bool = False) -> Value | None:
        """A sum of products of functions of `values`, one for each row of `indices`, where functions of index 0 are 1.

        in_powers : whether the functions are powers, not only some polynomials.
        """
        terms = [
            {value.number: (value, int(a)) for value, a in zip(values, row, strict=True) if a and value is not None}
            for row in indices
        ]
        supports = {frozenset(term) for term in terms} - {frozenset()}
        every = frozenset().union(*supports)
        if len(every) <= 2:
            if in_powers and len(terms) == 1:
                return self.product([power(*factor) for factor in terms[0].values()])
            return self.function([value for term in terms for value, _ in term.values()])
        large = [term for term in terms if len(term) > 2]
        if len(large) <= MOST_PRODUCTS:
            supports = {support for support in supports if len(support) <= 2}
        else:
            large = []
        largest = [s for s in sorted(supports, key=sorted) if not any(s < other for other in supports)]
        if sum(len(support) > 2 for support in largest) > len(every):  # which says nothing
            return self.function([Value(number, "") for number in every])
        parts = [
            self.product([power(*factor) if in_powers else self.function([factor[0]]) for factor in term.values()])
            for term in large
        ]
        for support in largest:
            own = [term for term in terms if term and set(term) <= support]
            if in_powers and len(own) == 1:
                parts.append(self.product([power(*factor) for factor in own[0].values()]))
            else:
                parts.append(self.function([Value(number, "") for number in support]))
        return self.sum(parts)

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
        waiting = [some[0] if len(some) == 1 else self._made([number], f"f({self._name(number)})") for number, some in own.items()]
        while len(waiting) > 1:
            a, b, *waiting = waiting
            waiting.append(self._made(sorted((a.number, b.number)), text(a.text, b.text)))
        return waiting[0] if waiting else None


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
