"""A program as lines that C and Python read alike but for pointers: one call a step, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .program import Program, Step


class Listing:
    """The calls of a program, with the numbers that a step makes at its place in one array.

    v holds what all steps make, b, which begins with as many numbers as x has, the derivatives by x and by that.
    `tables` are the arrays that the calls name, each once; those of `beside`, another listing, are shared with it.
    """

    def __init__(
        self, program: Program, prefix: str, pointer: Callable[[str, int], str], beside: Listing | None = None
    ) -> None:
        self.program = program
        self._prefix, self._pointer = prefix, pointer
        self.tables: dict[str, NDArray[Any]] = {} if beside is None else beside.tables
        self._names: dict[tuple[str, bytes], str] = {} if beside is None else beside._names
        names = self._names
        self._constants = []
        for step in program.steps:
            constants = [str(size) for size in step.sizes]
            for table in step.tables:
                name = names.setdefault((table.dtype.str, table.tobytes()), f"{prefix}{program.name}t{len(names)}")
                self.tables[name] = table
                constants.append(name)
            self._constants.append(constants)
        sizes = [program.n_inputs, *(step.output.size for step in program.steps)]
        self._places = [0, *np.cumsum(sizes).tolist()]

    @property
    def v_size(self) -> int:
        """Numbers in v."""
        return self.b_size - self.program.n_inputs

    @property
    def b_size(self) -> int:
        """Numbers in b."""
        return int(self._places[-1])

    @property
    def y_place(self) -> int:
        """Where y stands in b."""
        return int(self._places[self.program.y.number])

    def forward(self, y: str = "") -> list[str]:
        """Calls that fill v; the last one fills `y` instead, if that is given."""
        calls = [self._call(step, step.kernel.forward.__name__, self._values(step)) for step in self.program.steps]
        if y and calls:
            last = self.program.steps[-1]
            values = [*self._values(last)[:-1], y]
            calls[-1] = self._call(last, last.kernel.forward.__name__, values)
        return calls

    def backward(self) -> list[str]:
        """Calls that take b at y back to b at x."""
        calls = []
        for step in reversed(self.program.steps):
            assert step.kernel.backward is not None
            slopes = [self._pointer("b", self._places[v.number]) for v in (step.output, *step.inputs)]
            calls.append(self._call(step, step.kernel.backward.__name__, [*self._values(step), *slopes]))
        return calls

    def _values(self, step: Step) -> list[str]:
        d = self.program.n_inputs
        return [
            self._pointer("v", self._places[vector.number] - d) if vector.number else "x"
            for vector in (*step.inputs, step.output)
        ]

    def _call(self, step: Step, function: str, vectors: list[str]) -> str:
        constants = self._constants[step.output.number - 1]
        return f"{self._prefix}{function}({', '.join([*constants, *vectors])})"
