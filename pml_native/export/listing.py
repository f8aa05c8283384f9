"""A program as functions of the subset of Python of `kernels`: one call a step, forwards and backwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .definition import Definition
from .program import Program, Step
from .tangents import Tangents


class Listing:
    """The functions of a program, with the numbers that a step makes at its place in one array.

    v holds what all steps make, b, which begins with as many numbers as x has, the derivatives by x and by that.
    `tables` are the arrays that the calls name, each once; those of `beside`, another listing, are shared with it.
    """

    def __init__(self, program: Program, beside: Listing | None = None) -> None:
        self.program = program
        self.tables: dict[str, NDArray[Any]] = {} if beside is None else beside.tables
        self._names: dict[tuple[str, bytes], str] = {} if beside is None else beside._names
        names = self._names
        self._constants = []
        for step in program.steps:
            constants = [str(size) for size in step.sizes]
            for table in step.tables:
                name = names.setdefault((table.dtype.str, table.tobytes()), f"{program.name}t{len(names)}")
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

    def value(self, name: str) -> Definition:
        """y of x; v holds what all steps but the last one make."""
        size = self.v_size - self.program.y.size
        lines = [f"v: Results = empty({size})"] if size > 0 else []
        return self._defined(f"{name}(x: Numbers, y: Results) -> None", [*lines, *self._value_lines()])

    def number(self, name: str) -> Definition:
        """The one number y of x, returned."""
        lines = [f"v: Results = empty({max(self.v_size - 1, 1)})", "y: Results = empty(1)"]
        return self._defined(f"{name}(x: Numbers) -> float", [*lines, *self._value_lines(), "return y[0]"])

    def gradient(self, name: str) -> Definition:
        """dy (m, d) of x, the derivatives of all of y by all of x."""
        d, m = self.program.n_inputs, self.program.y.size
        lines = [
            *([f"v: Results = empty({self.v_size})"] if self.v_size else []),
            f"b: Results = empty({self.b_size})",
            *self._forward(),
            f"for k in range({m}):",
            *(f"    {line}" for line in self._backward(f"{self._y_place} + k")),
            f"    for j in range({d}):",
            f"        dy[{d} * k + j] = b[j]",
        ]
        return self._defined(f"{name}(x: Numbers, dy: Results) -> None", lines)

    def at_a_point(self, name: str) -> Definition:
        """`point` is y (m), then x (d), then dy (m, d), of which x is read and the others are written."""
        d, m = self.program.n_inputs, self.program.y.size
        lines = [
            f"x: Results = empty({d})",
            f"v: Results = empty({self.v_size})",
            f"b: Results = empty({self.b_size})",
            f"for j in range({d}):",
            f"    x[j] = point[{m} + j]",
            *self._forward(),
            f"for k in range({m}):",
            *(f"    {line}" for line in self._backward(f"{self._y_place} + k")),
            f"    point[k] = v[{self._y_place - d} + k]",
            f"    for j in range({d}):",
            f"        point[{m + d} + {d} * k + j] = b[j]",
        ]
        return self._defined(f"{name}(point: Results) -> None", lines)

    def hessian(self, name: str, tangents: Tangents) -> Definition:
        """h (m, d, d) of x, all second derivatives of all of y; a sweep forwards and m backwards for each input."""
        d, m, y = self.program.n_inputs, self.program.y.size, self._y_place
        lines = [
            f"x_dot: Results = empty({d})",
            f"v: Results = empty({max(self.v_size, 1)})",
            f"v_dot: Results = empty({max(self.v_size, 1)})",
            f"b: Results = empty({self.b_size})",
            f"b_dot: Results = empty({self.b_size})",
            f"for q in range({d}):",
            f"    for j in range({d}):",
            "        x_dot[j] = 0.0",
            "    x_dot[q] = 1.0",
            *(f"    {self._dotted(step, tangents.name_of(step, True), ())}" for step in self.program.steps),
            f"    for k in range({m}):",
            f"        for i in range({self.b_size}):",
            "            b[i] = 0.0",
            "            b_dot[i] = 0.0",
            f"        b[{y} + k] = 1.0",
        ]
        for step in reversed(self.program.steps):
            slopes = [("b", self._places[v.number], v.size) for v in (step.output, *step.inputs)]
            lines.append(f"        {self._dotted(step, tangents.name_of(step, False), slopes)}")
        lines += [
            f"        for j in range({d}):",
            f"            h[{d * d} * k + {d} * j + q] = b_dot[j]",
            # The mean of both orders of differentiation is symmetric. Where y has no value, neither have they.
            f"for k in range({m}):",
            f"    for j in range({d}):",
            f"        for q in range({d}):",
            f"            mean: float = 0.5 * (h[{d * d} * k + {d} * j + q] + h[{d * d} * k + {d} * q + j])",
            f"            if v[{max(y - d, 0)} + k] != v[{max(y - d, 0)} + k]:",
            "                mean = nan",
            f"            h[{d * d} * k + {d} * j + q] = mean",
            f"            h[{d * d} * k + {d} * q + j] = mean",
        ]
        definition = self._defined(f"{name}(x: Numbers, h: Results) -> None", lines)
        stubs = {name: tangents.stub(name) for name in tangents.definitions}
        return Definition(definition.text, {**definition.known, **stubs, "nan": math.nan})

    def _dotted(self, step: Step, function: str, slopes: Sequence[tuple[str, int, int]]) -> str:
        """The call of a function of `Tangents`: the kernel's vectors, then their derivatives."""
        d = self.program.n_inputs
        vectors = [
            ("v", self._places[vector.number] - d, vector.size) if vector.number else ("x", 0, 0)
            for vector in (*step.inputs, step.output)
        ]
        every = [*vectors, *slopes]
        plain = [self._part(array, place, size) if size else array for array, place, size in every]
        dots = [self._part(f"{array}_dot", place, size) if size else f"{array}_dot" for array, place, size in every]
        return self._call(step, function, [*plain, *dots])

    @property
    def _y_place(self) -> int:
        """Where y stands in b."""
        return int(self._places[self.program.y.number])

    def _defined(self, head: str, lines: list[str]) -> Definition:
        kernels = {one.__name__: one for step in self.program.steps for one in step.kernel.functions}
        return Definition("\n    ".join([f"def {head}:", *lines]), {**kernels, **self.tables})

    def _value_lines(self) -> list[str]:
        """Calls that fill v, of which the last one fills y."""
        if not self.program.steps:
            return [f"for i in range({self.program.n_inputs}):", "    y[i] = x[i]"]
        last = self.program.steps[-1]
        values = [*self._values(last)[:-1], "y"]
        return [*self._forward()[:-1], self._call(last, last.kernel.forward.__name__, values)]

    def _forward(self) -> list[str]:
        """Calls that fill v."""
        return [self._call(step, step.kernel.forward.__name__, self._values(step)) for step in self.program.steps]

    def _backward(self, y_place: str) -> list[str]:
        """Lines that take 1 at one place of b back to b at x."""
        lines = [f"for i in range({self.b_size}):", "    b[i] = 0.0", f"b[{y_place}] = 1.0"]
        for step in reversed(self.program.steps):
            assert step.kernel.backward is not None
            slopes = [self._part("b", self._places[v.number], v.size) for v in (step.output, *step.inputs)]
            lines.append(self._call(step, step.kernel.backward.__name__, [*self._values(step), *slopes]))
        return lines

    def _values(self, step: Step) -> list[str]:
        d = self.program.n_inputs
        return [
            self._part("v", self._places[vector.number] - d, vector.size) if vector.number else "x"
            for vector in (*step.inputs, step.output)
        ]

    def _part(self, array: str, place: int, size: int) -> str:
        return f"{array}[{place}:{place + size}]"

    def _call(self, step: Step, function: str, vectors: list[str]) -> str:
        return f"{function}({', '.join([*self._constants[step.output.number - 1], *vectors])})"
